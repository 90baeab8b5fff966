//! Reading what agents present: requests for certificates, and certificates. All of it is foreign bytes.

use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use x509_parser::{
    certificate::X509Certificate,
    certification_request::X509CertificationRequest,
    extensions::GeneralName,
    oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY},
    prelude::FromDer,
    x509::SubjectPublicKeyInfo,
};

use crate::domain::{
    AgentId, SiteId,
    identity::{Certificate, Serial},
};

/// Longest request or certificate that is looked at; ours have less than 500 bytes.
pub const DER_BYTES_MAX: usize = 4_096;
/// Begin of the name in an agent's certificate: `pantau://site/agent`.
const SCHEME: &str = "pantau://";
/// A point on P-256, uncompressed.
const POINT_BYTES: usize = 65;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Too long, or no DER of this kind.
    #[error("it is no DER of a {0}")]
    Form(&'static str),
    /// Another kind of key.
    #[error("its key is no ECDSA key on P-256")]
    Key,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
    /// No certificate of ours has this name or number.
    #[error("it names no agent")]
    Name,
}

/// A public key on P-256.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicPoint([u8; POINT_BYTES]);

impl PublicPoint {
    /// The point, uncompressed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// By which it is kept.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// Whether `signature` (ASN.1) over `message` was made with the private key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        verifies(&self.0, message, signature)
    }
}

/// The key that a request asks a certificate for, when the request is whole and signed with it.
pub fn read_request(der: &[u8]) -> Result<PublicPoint, Unreadable> {
    let wrong = Unreadable::Form("certificate request");
    if der.len() > DER_BYTES_MAX {
        return Err(wrong);
    }
    let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| wrong)?;
    if !rest.is_empty() {
        return Err(wrong);
    }
    let info = &request.certification_request_info;
    let point = point(&info.subject_pki)?;
    if !point.verifies(info.raw, &request.signature_value.data) {
        return Err(Unreadable::Signature);
    }
    Ok(point)
}

/// An agent's certificate as it was presented. Who signed it is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Whose site.
    pub site: SiteId,
    /// Whose.
    pub agent: AgentId,
    /// Its number.
    pub serial: Serial,
    /// Its key.
    pub point: PublicPoint,
    /// From when on it holds, UTC milliseconds.
    pub not_before_ms: i64,
    /// Until when it holds.
    pub not_after_ms: i64,
    /// The certificate itself.
    pub der: Vec<u8>,
    signed_part: Vec<u8>,
    signature: Vec<u8>,
}

impl Presented {
    /// Reads it.
    pub fn read(der: &[u8]) -> Result<Presented, Unreadable> {
        let read = parse(der)?;
        let (site, agent) = agent_name(&read).ok_or(Unreadable::Name)?;
        let validity = read.validity();
        Ok(Presented {
            site,
            agent,
            serial: Serial(read.raw_serial().try_into().map_err(|_| Unreadable::Name)?),
            point: point(read.public_key())?,
            not_before_ms: validity.not_before.timestamp().saturating_mul(1_000),
            not_after_ms: validity.not_after.timestamp().saturating_mul(1_000),
            der: der.to_vec(),
            signed_part: read.tbs_certificate.as_ref().to_vec(),
            signature: read.signature_value.data.to_vec(),
        })
    }

    /// Whether the key with this public point signed it.
    pub fn is_signed_with(&self, point: &[u8]) -> bool {
        verifies(point, &self.signed_part, &self.signature)
    }

    /// As the store keeps one that it did not know.
    pub fn to_kept(&self) -> Certificate {
        Certificate {
            serial: self.serial,
            site: self.site.clone(),
            agent: self.agent.clone(),
            der: self.der.clone(),
            key_hash: self.point.hash(),
            machine_id: None,
            issued_ms: self.not_before_ms,
            not_before_ms: self.not_before_ms,
            not_after_ms: self.not_after_ms,
            seen_ms: None,
            revoked: None,
        }
    }
}

/// The key of any certificate.
pub fn point_of(der: &[u8]) -> Result<PublicPoint, Unreadable> {
    point(parse(der)?.public_key())
}

/// Until when any certificate holds, UTC milliseconds.
pub fn not_after_ms(der: &[u8]) -> Result<i64, Unreadable> {
    Ok(parse(der)?.validity().not_after.timestamp().saturating_mul(1_000))
}

/// The name of an agent as its certificate has it.
pub fn name_uri(site: &SiteId, agent: &AgentId) -> String {
    format!("{SCHEME}{site}/{agent}")
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Unreadable> {
    let wrong = Unreadable::Form("certificate");
    if der.len() > DER_BYTES_MAX {
        return Err(wrong);
    }
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(wrong),
    }
}

fn agent_name(certificate: &X509Certificate<'_>) -> Option<(SiteId, AgentId)> {
    let names = certificate.subject_alternative_name().ok()??;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return None };
    let (site, agent) = uri.strip_prefix(SCHEME)?.split_once('/')?;
    let named = pantau_proto::limits::is_id(site) && pantau_proto::limits::is_id(agent);
    named.then(|| (SiteId(site.to_owned()), AgentId(agent.to_owned())))
}

fn point(info: &SubjectPublicKeyInfo<'_>) -> Result<PublicPoint, Unreadable> {
    let algorithm = &info.algorithm;
    let curve = algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    if algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
        return Err(Unreadable::Key);
    }
    let bytes: &[u8] = &info.subject_public_key.data;
    bytes.try_into().map(PublicPoint).map_err(|_| Unreadable::Key)
}

fn verifies(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::{Authority, testing::Key};

    const NOW_MS: i64 = 1_795_000_000_000;

    fn issued() -> Vec<u8> {
        let authority = Authority::generate(NOW_MS).unwrap();
        let (site, agent) = (SiteId("demo".into()), AgentId("spse-1".into()));
        authority.sign_agent(&Key::new().point(), &site, &agent, 90, NOW_MS).unwrap().der
    }

    #[test]
    fn a_request_gives_the_key_that_signed_it() {
        let key = Key::new();
        assert_eq!(read_request(&key.request()), Ok(key.point()));
    }

    #[test]
    fn a_request_that_was_changed_or_goes_on_is_refused() {
        let request = Key::new().request();
        let mut changed = request.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(read_request(&changed).is_err());
        let longer = [request.as_slice(), &[0]].concat();
        assert_eq!(read_request(&longer), Err(Unreadable::Form("certificate request")));
        assert!(read_request(&vec![0x30; DER_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn a_request_for_another_kind_of_key_is_refused() {
        assert_eq!(read_request(&Key::on_p384().request()), Err(Unreadable::Key));
    }

    #[test]
    fn a_certificate_without_an_agents_name_is_none_of_ours() {
        let authority = Authority::generate(NOW_MS).unwrap();
        assert_eq!(Presented::read(authority.certificate()), Err(Unreadable::Name));
        assert_eq!(not_after_ms(authority.certificate()), Ok(NOW_MS + 3_650 * 86_400_000));
    }

    proptest! {
        #[test]
        fn arbitrary_der_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_request(&bytes);
            let _ = Presented::read(&bytes);
        }

        #[test]
        fn a_damaged_certificate_never_panics_and_is_not_taken_for_the_whole_one(
            at in any::<prop::sample::Index>(), with in 1u8..
        ) {
            thread_local! {
                static GOOD: (Vec<u8>, Vec<u8>) = {
                    let authority = Authority::generate(NOW_MS).unwrap();
                    let (site, agent) = (SiteId("demo".into()), AgentId("spse-1".into()));
                    let key = Key::new();
                    let der = authority.sign_agent(&key.point(), &site, &agent, 90, NOW_MS).unwrap().der;
                    (der, point_of(authority.certificate()).unwrap().bytes().to_vec())
                };
            }
            GOOD.with(|(good, ca)| {
                let mut der = good.clone();
                let at = at.index(der.len());
                der[at] ^= with;
                // What the signature does not cover says nothing about who it is.
                let whole = Presented::read(good).unwrap();
                if let Ok(read) = Presented::read(&der)
                    && read.is_signed_with(ca)
                {
                    prop_assert_eq!(read.signed_part, whole.signed_part, "byte {}", at);
                }
                Ok(())
            })?;
        }
    }

    #[test]
    fn a_certificate_that_was_cut_is_unreadable() {
        let der = issued();
        for length in 0..der.len() {
            assert!(Presented::read(&der[..length]).is_err(), "{length}");
        }
    }
}
