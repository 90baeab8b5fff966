//! What a failed TLS handshake means to a person, and what an alert says of our own certificate.

use std::io;

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, Error, pki_types::UnixTime};

/// What the collector said of this server's certificate, after the handshake was done for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// It has expired: the next one is asked for.
    Expired,
    /// It was revoked.
    Revoked,
    /// It is not of this collector, or it wants another.
    Refused,
}

/// The alert in an error of a stream, if that is what ended it.
pub(super) fn alert_in(error: &io::Error) -> Option<Alert> {
    match tls_in(error)? {
        Error::AlertReceived(AlertDescription::CertificateExpired) => Some(Alert::Expired),
        Error::AlertReceived(AlertDescription::CertificateRevoked) => Some(Alert::Revoked),
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => Some(Alert::Refused),
        _ => None,
    }
}

impl Alert {
    /// What is wrong and what to do.
    pub fn advice(self) -> &'static str {
        match self {
            Alert::Expired => {
                "the collector finds this server's certificate expired; a new one is being asked for"
            }
            Alert::Revoked => {
                "the collector has revoked this server's certificate: ask for a token and run \
                 `pantau-agent enroll --replace`"
            }
            Alert::Refused => {
                "the collector does not accept this server's certificate: if its CA was made anew, ask \
                 for a token and run `pantau-agent enroll --replace`"
            }
        }
    }
}

/// Why the handshake failed and what to do.
pub(super) fn explain(error: &io::Error) -> String {
    match tls_in(error) {
        Some(Error::InvalidCertificate(why)) => of_certificate(why),
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_)) => {
            "no TLS version in common; where a device between allows only TLS 1.2, set tls_1_2 = true"
                .to_owned()
        }
        Some(Error::AlertReceived(_)) => {
            alert_in(error).map_or_else(|| error.to_string(), |alert| alert.advice().to_owned())
        }
        Some(Error::InvalidMessage(_)) => NO_TLS.to_owned(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("the connection was closed during the TLS handshake: {NO_TLS}")
        }
        _ => error.to_string(),
    }
}

const NO_TLS: &str = "what answers there is no collector: correct the address and the port";

fn of_certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "this machine's clock says {}, and the collector's certificate begins only at {}: set the \
             clock, then use NTP",
            shown(time),
            shown(not_before)
        ),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "this machine's clock says {}, and the collector's certificate ended at {}: set the clock if \
             it is wrong, else restart the collector, which renews it",
            shown(time),
            shown(not_after)
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            NO_TLS.to_owned()
        }
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::ApplicationVerificationFailure => {
            "this is not the collector that this server was enrolled with (its certificate is of another \
             CA): correct the address, or ask for a token there"
                .to_owned()
        }
        other => format!("the collector's certificate cannot be used ({other})"),
    }
}

fn tls_in(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn shown(time: &UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn failed(error: Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    #[test]
    fn a_clock_that_is_wrong_by_years_is_named_as_what_it_is() {
        let year = Duration::from_secs(365 * 86_400);
        let at = |years| UnixTime::since_unix_epoch(year * years);
        let early = CertificateError::NotValidYetContext { time: at(0), not_before: at(56) };
        let told = explain(&failed(Error::InvalidCertificate(early)));
        assert!(told.contains("clock says 1970-01-01") && told.contains("NTP"), "{told}");
        let late = CertificateError::ExpiredContext { time: at(80), not_after: at(57) };
        assert!(explain(&failed(Error::InvalidCertificate(late))).contains("set the clock if"));
    }

    #[test]
    fn only_what_concerns_our_certificate_is_an_alert_of_it() {
        let alert = |description| alert_in(&failed(Error::AlertReceived(description)));
        assert_eq!(alert(AlertDescription::CertificateExpired), Some(Alert::Expired));
        assert_eq!(alert(AlertDescription::CertificateRevoked), Some(Alert::Revoked));
        assert_eq!(alert(AlertDescription::UnknownCA), Some(Alert::Refused));
        assert_eq!(alert(AlertDescription::CloseNotify), None);
        assert_eq!(alert_in(&io::ErrorKind::ConnectionReset.into()), None);
    }

    #[test]
    fn another_ca_and_another_protocol_are_told_apart() {
        let other = explain(&failed(Error::InvalidCertificate(CertificateError::UnknownIssuer)));
        assert!(other.contains("another CA"), "{other}");
        let version = explain(&failed(Error::AlertReceived(AlertDescription::ProtocolVersion)));
        assert!(version.contains("tls_1_2"), "{version}");
        assert!(explain(&io::ErrorKind::UnexpectedEof.into()).contains("no collector"));
    }
}
