//! Who this server is to the collector: a key made here, a certificate for it, and the CA that gave it.
//!
//! A token buys the first certificate ([`enrol`]), a certificate the next ([`renew`]). What is believed of a
//! collector rests on its CA alone: the token holds the CA's fingerprint, and the identity the CA itself.

mod enrol;
mod key;
mod renew;
mod store;
mod tls;
mod wire;

use std::sync::Arc;

use anyhow::Context;
use rustls::ClientConfig;

use crate::config::{Address, Identity, Settings};
pub use enrol::{EnrolError, Request, enrol, machine_id, tls_of_token};
pub use key::Key;
pub use renew::{Due, RenewError, due, renew, wait_after};
pub use store::Store;

/// The identity of an enrolled server.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The site, as the collector names it.
    pub site_id: String,
    /// This server within the site.
    pub agent_id: String,
    /// Where it was enrolled.
    pub collector: Address,
    /// When the certificate begins.
    pub not_before_ms: i64,
    /// When it ends.
    pub not_after_ms: i64,
    /// Private.
    pub key: Arc<Key>,
    /// DER.
    pub certificate: Vec<u8>,
    /// The collector's CA, DER.
    pub ca: Vec<u8>,
}

impl Enrolled {
    /// TLS to the collector with this certificate.
    pub fn tls(&self, tls_1_2: bool) -> anyhow::Result<ClientConfig> {
        tls::as_agent(&self.ca, &self.key, &self.certificate, tls_1_2)
    }

    /// TLS to the same collector without it: for a renewal.
    pub fn tls_without_certificate(&self, tls_1_2: bool) -> anyhow::Result<ClientConfig> {
        tls::by_ca(&self.ca, tls_1_2)
    }

    /// Signature with the key of the certificate over `bytes`: ECDSA, SHA-256, ASN.1.
    pub fn sign(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.key.sign(bytes)
    }

    /// Whether the certificate is over.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        now_ms >= self.not_after_ms
    }

    /// Errors when its parts do not belong together.
    fn check(&self) -> anyhow::Result<()> {
        tls::check(&self.ca, &self.key, &self.certificate, self.not_before_ms)?;
        anyhow::ensure!(
            tls::names(&self.certificate, &self.site_id, &self.agent_id),
            "the certificate is for another server than {} of site {}",
            self.agent_id,
            self.site_id
        );
        Ok(())
    }
}

/// Why an agent cannot run yet. Displays what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// No identity yet.
    #[error(
        "this server is not enrolled yet: ask the keeper of the collector for a token \
         (`pantau-collector token create`), then run, as the agent's user or as root: \
         pantau-agent enroll --collector HOST:PORT --token TOKEN"
    )]
    NotEnrolled,
    /// Settings and identity disagree.
    #[error(
        "{key} = {typed:?} in the settings, but this server was enrolled as {enrolled:?}: take the key out \
         of the settings, or enrol again under the other name with `pantau-agent enroll --replace`"
    )]
    OtherName {
        /// Of the settings.
        key: &'static str,
        /// Its value.
        typed: String,
        /// What the identity says.
        enrolled: String,
    },
}

/// The identity on disk, agreeing with the settings. The error is a [`NotReady`] where a person has to
/// enrol or correct the settings.
pub fn load(settings: &Settings) -> anyhow::Result<Enrolled> {
    let enrolled = Store::within(&settings.state_dir).load()?.ok_or(NotReady::NotEnrolled)?;
    agree("site", settings.names.site_id.as_ref(), &enrolled.site_id)?;
    agree("agent", settings.names.agent_id.as_ref(), &enrolled.agent_id)?;
    Ok(enrolled)
}

fn agree(key: &'static str, typed: Option<&String>, enrolled: &str) -> Result<(), NotReady> {
    match typed {
        Some(typed) if typed != enrolled => {
            Err(NotReady::OtherName { key, typed: typed.clone(), enrolled: enrolled.to_owned() })
        }
        _ => Ok(()),
    }
}

/// What the greeting says of this server.
pub fn greeting(enrolled: &Enrolled, settings: &Settings) -> Identity {
    Identity {
        site_id: enrolled.site_id.clone(),
        agent_id: enrolled.agent_id.clone(),
        sample: settings.sample,
    }
}

/// What a certificate that was just given must hold: our key, the CA we believe, the names we know.
fn accepted(
    issued: wire::Issued,
    key: Key,
    collector: &Address,
    ca: tls::Fingerprint,
) -> anyhow::Result<Enrolled> {
    anyhow::ensure!(tls::fingerprint(&issued.ca) == ca, "it names another CA than the known one");
    let ids = [&issued.site_id, &issued.agent_id];
    anyhow::ensure!(
        ids.iter().all(|id| pantau_proto::limits::is_id(id)),
        "its names are not of the form that names have"
    );
    anyhow::ensure!(issued.not_before_ms < issued.not_after_ms, "its times make no sense");
    let enrolled = Enrolled {
        site_id: issued.site_id,
        agent_id: issued.agent_id,
        collector: collector.clone(),
        not_before_ms: issued.not_before_ms,
        not_after_ms: issued.not_after_ms,
        key: key.into(),
        certificate: issued.certificate,
        ca: issued.ca,
    };
    enrolled.check().context("the certificate cannot be used")?;
    Ok(enrolled)
}

#[cfg(test)]
pub(crate) mod samples;
