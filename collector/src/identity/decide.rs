//! Who gets a certificate: pure, with a named reason.

use std::collections::HashSet;

use subtle::ConstantTimeEq;

use super::certificate::Presented;
use crate::domain::{
    AgentId, SiteId,
    identity::{Certificate, Serial, Token},
};

/// A certificate in the last third of its life is not given out a second time: the agent would have to
/// renew it at once.
const FRESH_THIRDS: i64 = 2;

const DAY_MS: i64 = 86_400_000;

/// Why none is issued (meanings in the `.proto`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Refused {
    TokenUnknown,
    TokenExpired,
    TokenUsed,
    NotAllowed(NotAllowed),
    BadRequest,
    Revoked,
    TooOld,
    TooMany,
    Unavailable,
}

/// What exactly is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotAllowed {
    /// The token names another agent.
    OtherAgent,
    /// The settings do not name the site any more.
    SiteGone,
    /// The name belongs to another machine, and the token was not made for it.
    NameTaken,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Sign a new certificate, and refuse these from then on.
    Issue {
        /// What it replaces.
        supersedes: Vec<Serial>,
    },
    /// Give this one again: its answer was lost.
    Same(Serial),
    /// No.
    Refuse(Refused),
}

/// Who asks with a token.
#[derive(Clone, Debug)]
pub struct Applicant<'a> {
    /// SHA-256 of the secret that came.
    pub secret_hash: [u8; 32],
    /// By which name it wants to be called.
    pub agent: &'a AgentId,
    /// Hash of the key that it asks for.
    pub key_hash: [u8; 32],
    /// Its machine.
    pub machine_id: Option<[u8; 16]>,
}

/// What a token buys. `known` are the certificates of the agent of that name, newest first; `sites` those
/// of the settings.
pub fn decide_enrolment(
    token: Option<&Token>,
    applicant: &Applicant<'_>,
    known: &[Certificate],
    sites: &HashSet<SiteId>,
    now_ms: i64,
) -> Verdict {
    let Some(token) = token.filter(|token| holds(&token.secret_hash, &applicant.secret_hash))
    else {
        return Verdict::Refuse(Refused::TokenUnknown);
    };
    if now_ms >= token.expires_ms || token.revoked_ms.is_some() {
        return Verdict::Refuse(Refused::TokenExpired);
    }
    if let Some((_, serial)) = token.used {
        return again(serial, applicant, known);
    }
    if !sites.contains(&token.site) {
        return Verdict::Refuse(Refused::NotAllowed(NotAllowed::SiteGone));
    }
    if token.agent.as_ref().is_some_and(|named| named != applicant.agent) {
        return Verdict::Refuse(Refused::NotAllowed(NotAllowed::OtherAgent));
    }
    let standing = || known.iter().filter(|certificate| certificate.revoked.is_none());
    let of_another = |certificate: &Certificate| {
        certificate.not_after_ms > now_ms && certificate.machine_id != applicant.machine_id
    };
    if token.agent.is_none() && standing().any(of_another) {
        return Verdict::Refuse(Refused::NotAllowed(NotAllowed::NameTaken));
    }
    Verdict::Issue { supersedes: standing().map(|certificate| certificate.serial).collect() }
}

/// A used token gives its certificate again to whom it gave it before.
fn again(serial: Serial, applicant: &Applicant<'_>, known: &[Certificate]) -> Verdict {
    let given = known.iter().find(|certificate| certificate.serial == serial);
    match given.filter(|certificate| certificate.key_hash == applicant.key_hash) {
        None => Verdict::Refuse(Refused::TokenUsed),
        Some(certificate) if certificate.revoked.is_some() => Verdict::Refuse(Refused::Revoked),
        Some(certificate) => Verdict::Same(certificate.serial),
    }
}

fn holds(kept: &[u8; 32], came: &[u8; 32]) -> bool {
    kept.ct_eq(came).into()
}

/// What a certificate buys whose holder has shown that it has the key, and that this authority signed.
/// `known` are the agent's certificates, newest first; `key_hash` is that of the next key.
///
/// Only the newest certificate is renewed. One that was issued after it and never seen does not count:
/// its answer was lost together with its key.
pub fn decide_renewal(
    presented: &Presented,
    key_hash: &[u8; 32],
    known: &[Certificate],
    sites: &HashSet<SiteId>,
    grace_days: i64,
    now_ms: i64,
) -> Verdict {
    if !sites.contains(&presented.site) {
        return Verdict::Refuse(Refused::NotAllowed(NotAllowed::SiteGone));
    }
    let kept = known.iter().find(|certificate| certificate.serial == presented.serial);
    if kept.is_some_and(|certificate| certificate.revoked.is_some()) {
        return Verdict::Refuse(Refused::Revoked);
    }
    if now_ms > presented.not_after_ms.saturating_add(grace_days.saturating_mul(DAY_MS)) {
        return Verdict::Refuse(Refused::TooOld);
    }
    let issued_ms = kept.map_or(presented.not_before_ms, |certificate| certificate.issued_ms);
    let newer: Vec<&Certificate> = known
        .iter()
        .filter(|other| other.revoked.is_none() && other.serial != presented.serial)
        .filter(|other| other.issued_ms >= issued_ms)
        .collect();
    if let Some(same) = newer.iter().find(|c| c.key_hash == *key_hash && is_fresh(c, now_ms)) {
        return Verdict::Same(same.serial);
    }
    if newer.iter().any(|certificate| certificate.seen_ms.is_some()) {
        return Verdict::Refuse(Refused::Revoked);
    }
    Verdict::Issue { supersedes: newer.iter().map(|certificate| certificate.serial).collect() }
}

fn is_fresh(certificate: &Certificate, now_ms: i64) -> bool {
    let life_ms = certificate.not_after_ms.saturating_sub(certificate.issued_ms);
    now_ms < certificate.issued_ms.saturating_add(life_ms / 3 * FRESH_THIRDS)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
