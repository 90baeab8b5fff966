//! The first certificate: a token is sent to the collector whose CA it names, and to no other.

use std::{fs, path::Path, sync::Arc};

use pantau_proto::{limits, token::Token};
use ring::digest::{SHA256, digest};
use rustls::ClientConfig;

use super::{
    Enrolled, accepted,
    store::{Purpose, Store},
    tls, wire,
};
use crate::{
    config::{Address, Secret},
    ship::{Alerts, Dialer},
};

/// Where a Linux keeps the id of its installation.
const MACHINE_ID_FILES: &[&str] = &["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Who is to be enrolled, and by what.
pub struct Request {
    /// The token's text.
    pub token: Secret,
    /// This server's name within the site of the token.
    pub agent_id: String,
    /// See [`machine_id`].
    pub machine_id: [u8; 16],
    /// For the collector's audit log.
    pub hostname: String,
    /// Whether TLS 1.2 is allowed.
    pub tls_1_2: bool,
}

/// Why a server was not enrolled. Displays what to do; holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The text is no token.
    #[error("{0}")]
    Token(String),
    /// The name may not be one.
    #[error("--agent {0:?}: 1 to {max} of a-z, 0-9 and - are allowed", max = limits::ID_BYTES_MAX)]
    Name(String),
    /// The collector cannot be reached, or is not the one of the token; the token was not sent.
    #[error(
        "the collector at {0} cannot be reached: {1:#}. The token was not sent; it can still be used"
    )]
    Unreached(Address, anyhow::Error),
    /// It was sent, and no answer came.
    #[error("no answer ({0:#}): run the same command again, with the same token")]
    Unanswered(anyhow::Error),
    /// The collector said no.
    #[error("{0}")]
    Refused(String),
    /// The answer is wrong.
    #[error("the collector's answer cannot be used: {0:#}")]
    Unusable(anyhow::Error),
    /// It was not stored.
    #[error("{0:#}")]
    Disk(anyhow::Error),
}

/// TLS to the collector that a token names.
pub fn tls_of_token(token: &Secret, tls_1_2: bool) -> Result<ClientConfig, EnrolError> {
    let ca = parsed(token)?.ca_sha256;
    tls::by_fingerprint(ca, tls_1_2).map_err(EnrolError::Disk)
}

/// Makes a key, exchanges the token for a certificate and stores both. With the same token again it uses
/// the same key, so that a lost answer costs no second token.
pub async fn enrol(
    store: &Store,
    dialer: &Dialer,
    request: &Request,
) -> Result<Enrolled, EnrolError> {
    let token = parsed(&request.token)?;
    if !limits::is_id(&request.agent_id) {
        return Err(EnrolError::Name(request.agent_id.clone()));
    }
    // Before anything is sent, it is known that what comes back can be kept.
    let text = request.token.reveal().trim();
    let key = store.pending_key(Purpose::Enrolment, text.as_bytes()).map_err(EnrolError::Disk)?;
    let csr = key.request().map_err(EnrolError::Disk)?;
    let tls = tls::by_fingerprint(token.ca_sha256, request.tls_1_2).map_err(EnrolError::Disk)?;
    let unreached = |error| EnrolError::Unreached(dialer.address().clone(), error);
    let channel = dialer.channel(tls.into(), Arc::<Alerts>::default()).await.map_err(unreached)?;
    let enrolment = wire::Enrolment {
        token: text,
        agent_id: &request.agent_id,
        csr,
        machine_id: request.machine_id,
        hostname: &request.hostname,
    };
    let answer = wire::enrol(channel, enrolment).await.map_err(EnrolError::Unanswered)?;
    let issued = answer.map_err(|refused| EnrolError::Refused(refused.advice()))?;
    let enrolled =
        accepted(issued, key, dialer.address(), token.ca_sha256).map_err(EnrolError::Unusable)?;
    if enrolled.agent_id != request.agent_id {
        let told = anyhow::anyhow!("it is for the agent {:?}", enrolled.agent_id);
        return Err(EnrolError::Unusable(told));
    }
    store.replace(None, &enrolled, Purpose::Enrolment).map_err(EnrolError::Disk)?;
    Ok(enrolled)
}

fn parsed(token: &Secret) -> Result<Token, EnrolError> {
    Token::parse(token.reveal()).map_err(|error| EnrolError::Token(error.to_string()))
}

/// Tells a reinstall from another machine: a hash, since the id itself is nobody else's to know. Where a
/// machine has no id, its name stands in.
pub fn machine_id(hostname: &str) -> [u8; 16] {
    let read = |path: &&str| fs::read_to_string(Path::new(path)).ok();
    let id = MACHINE_ID_FILES.iter().find_map(read);
    let id = id.filter(|id| !id.trim().is_empty()).unwrap_or_else(|| hostname.to_owned());
    let hash = digest(&SHA256, format!("pantau machine {}", id.trim()).as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_ref()[..16]);
    short
}

#[cfg(test)]
#[path = "enrol_tests.rs"]
mod tests;
