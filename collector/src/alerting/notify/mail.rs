//! Alerts by SMTP: plain text, Indonesian first, English below. The Message-ID is made of the
//! notification's key, so a mail that was sent twice (the collector died before it noted the first) is one
//! mail to programs that look at it; later changes of an alert refer to its first mail and share a thread.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, Mailboxes,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::authentication::Credentials,
};

use crate::{
    config::{self, MailEncryption, Site},
    domain::alert::{Notice, NotificationKey},
    labels::alerts::{EN, ID},
};

/// For the whole conversation with the mail server: one that answers slower than this is not answering.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Mails to the recipients of the settings.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: String,
    from: Mailbox,
    to: Mailboxes,
}

impl Mail {
    /// Checks addresses and encryption; does not connect.
    pub fn new(settings: &config::Mail) -> Result<Mail> {
        let mailbox = |key: &str, text: &str| -> Result<Mailbox> {
            text.parse().with_context(|| {
                format!("{key} = \"{text}\": write an address, e.g. Pantau <pantau@example.go.id>")
            })
        };
        let to = settings.to.iter().map(|text| mailbox("mail.to", text));
        Ok(Mail {
            transport: transport(settings)?,
            server: format!("{}:{}", settings.host, settings.port),
            from: mailbox("mail.from", &settings.from)?,
            to: to.collect::<Result<Vec<_>>>()?.into(),
        })
    }

    /// Sends one mail to all recipients.
    pub async fn send(&self, notice: &Notice, site: &Site) -> Result<()> {
        let message = self.message(notice, site)?;
        match tokio::time::timeout(SEND_TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => bail!(
                "mail server {} did not take the mail ({error}); check [mail] in the settings and \
                 that server's log",
                self.server
            ),
            Err(_) => bail!(
                "mail server {} did not finish within {} s; check that it is reachable from here",
                self.server,
                SEND_TIMEOUT.as_secs()
            ),
        }
    }

    fn message(&self, notice: &Notice, site: &Site) -> Result<Message> {
        let headline = ID.headline(&site.name, &notice.about, &notice.event);
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(format!("[Pantau] {headline}"))
            .message_id(Some(self.message_id(&notice.key)))
            .date(date(notice.event.at_ms))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(auto_submitted());
        for recipient in self.to.iter() {
            builder = builder.to(recipient.clone());
        }
        if notice.key.number > 1 {
            let first = self.message_id(&NotificationKey { number: 1, ..notice.key.clone() });
            builder = builder.in_reply_to(first.clone()).references(first);
        }
        builder
            .body(body(notice, site))
            .context("cannot write the mail; check mail.from and mail.to")
    }

    fn message_id(&self, key: &NotificationKey) -> String {
        format!("<{}@{}>", key.text(), self.from.email.domain())
    }
}

/// RFC 3834, section 5: keeps absence notices from answering.
fn auto_submitted() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

fn body(notice: &Notice, site: &Site) -> String {
    let [id, en] = [&ID, &EN]
        .map(|words| words.body(site, &notice.key.alert_id, &notice.about, &notice.event));
    format!("{id}\n---\n\n{en}")
}

fn transport(settings: &config::Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
    type Transport = AsyncSmtpTransport<Tokio1Executor>;
    let host = settings.host.as_str();
    let wrong = || format!("mail.host = \"{host}\": not a host name that a certificate can bear");
    let builder = match settings.encryption {
        MailEncryption::Starttls => Transport::starttls_relay(host).with_context(wrong)?,
        MailEncryption::Tls => Transport::relay(host).with_context(wrong)?,
        MailEncryption::None if is_this_machine(host) => Transport::builder_dangerous(host),
        MailEncryption::None => bail!(
            "mail.encryption = \"none\" with mail.host = \"{host}\": without encryption only a mail \
             server on this machine is allowed (localhost, 127.0.0.1, ::1); use \"starttls\" or \"tls\""
        ),
    };
    let builder = builder.port(settings.port).timeout(Some(SEND_TIMEOUT));
    let builder = match &settings.credentials {
        Some((user, password)) => {
            builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()))
        }
        None => builder,
    };
    Ok(builder.build())
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The time of the change, not of the try: a repetition is the same mail to the byte.
fn date(at_ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at_ms).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn settings(host: &str, encryption: MailEncryption) -> config::Mail {
        config::Mail {
            host: host.to_owned(),
            port: 25,
            encryption,
            credentials: Some(("pantau".to_owned(), Secret::new("rahasia"))),
            from: "Pantau <pantau@lpse.example.go.id>".to_owned(),
            to: vec!["admin@lpse.example.go.id".to_owned()],
        }
    }

    #[tokio::test]
    async fn an_unencrypted_server_elsewhere_is_refused() {
        let error = Mail::new(&settings("mail.example.go.id", MailEncryption::None)).err().unwrap();
        assert!(error.to_string().contains("starttls"), "{error}");
        assert!(Mail::new(&settings("127.0.0.1", MailEncryption::None)).is_ok());
        assert!(Mail::new(&settings("mail.example.go.id", MailEncryption::Starttls)).is_ok());
        assert!(Mail::new(&settings("mail.example.go.id", MailEncryption::Tls)).is_ok());
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_named_with_its_key() {
        let mut wrong = settings("localhost", MailEncryption::None);
        wrong.to.push("admin at lpse".to_owned());
        let error = Mail::new(&wrong).err().unwrap().to_string();
        assert!(error.contains("mail.to = \"admin at lpse\""), "{error}");
    }
}
