//! The next certificate, before or after the one in use has ended.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Enrolled, accepted,
    store::{Purpose, Store},
    tls,
    wire::{self, Reason},
};
use crate::ship::{Alerts, Dialer};

/// A clock this much before the certificate's begin is wrong; less is a clock that is not quite right.
const CLOCK_SLACK_MS: i64 = 24 * 3_600_000;
/// First wait after a failed attempt.
const WAIT_MIN: Duration = Duration::from_secs(60);
/// Longest wait while the certificate still holds.
const WAIT_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Longest wait once it does not: nothing is delivered until it is renewed.
const WAIT_EXPIRED_MAX: Duration = Duration::from_secs(15 * 60);

/// Whether a certificate is to be renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Two thirds of its life are over, or all of it.
    Now,
    /// Not yet.
    Later,
    /// This machine's clock cannot be right. Says what to do.
    WrongClock(String),
}

/// Decides it. `refused_as_expired`: the collector said so, whatever this machine's clock says.
pub fn due(enrolled: &Enrolled, now_ms: i64, refused_as_expired: bool) -> Due {
    let life_ms = enrolled.not_after_ms.saturating_sub(enrolled.not_before_ms);
    let third_ms = life_ms / 3;
    if refused_as_expired || now_ms >= enrolled.not_after_ms.saturating_sub(third_ms) {
        return Due::Now;
    }
    if now_ms < enrolled.not_before_ms.saturating_sub(CLOCK_SLACK_MS) {
        return Due::WrongClock(format!(
            "this machine's clock says {}, but its certificate begins only at {}: set the clock, then use \
             NTP",
            day(now_ms),
            day(enrolled.not_before_ms)
        ));
    }
    Due::Later
}

/// Wait after `failures` (from 1) failed attempts; `jitter` in 0.0..1.0 spreads many agents.
pub fn wait_after(failures: u32, is_expired: bool, jitter: f64) -> Duration {
    let most = if is_expired { WAIT_EXPIRED_MAX } else { WAIT_MAX };
    let doubled = WAIT_MIN.saturating_mul(1u32 << failures.saturating_sub(1).min(16));
    doubled.min(most).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// Why there is no new certificate. Displays what to do.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// A person must enrol this server again.
    #[error("{0}")]
    EnrolAgain(String),
    /// It is tried again.
    #[error("the certificate of this server, valid until {until}, is not renewed yet: {cause:#}")]
    TryAgain {
        /// Until when the one in use holds.
        until: String,
        /// What happened.
        cause: anyhow::Error,
    },
}

/// Makes a key that is to follow the one in use, exchanges the certificate for its next, and stores both.
/// Until they are stored, the identity in use stays what it is.
pub async fn renew(
    store: &Store,
    dialer: &Dialer,
    enrolled: &Enrolled,
    tls_1_2: bool,
) -> Result<Enrolled, RenewError> {
    let again = |cause| RenewError::TryAgain { until: day(enrolled.not_after_ms), cause };
    let answer = ask(store, dialer, enrolled, tls_1_2).await.map_err(again)?;
    match answer {
        Ok(renewed) => Ok(renewed),
        Err(refused) if matches!(refused.reason, Reason::Revoked | Reason::TooOld) => {
            Err(RenewError::EnrolAgain(refused.advice()))
        }
        Err(refused) => Err(again(anyhow::anyhow!(refused.advice()))),
    }
}

async fn ask(
    store: &Store,
    dialer: &Dialer,
    enrolled: &Enrolled,
    tls_1_2: bool,
) -> anyhow::Result<Result<Enrolled, wire::Refused>> {
    let key = store.pending_key(Purpose::Renewal, &enrolled.certificate)?;
    let csr = key.request()?;
    let proof = enrolled.key.sign(&csr)?;
    let tls = enrolled.tls_without_certificate(tls_1_2)?;
    let channel = dialer.channel(tls.into(), Arc::<Alerts>::default()).await?;
    let issued = match wire::renew(channel, &enrolled.certificate, csr, proof).await? {
        Ok(issued) => issued,
        Err(refused) => return Ok(Err(refused)),
    };
    let ca = tls::fingerprint(&enrolled.ca);
    let renewed = accepted(issued, key, &enrolled.collector, ca)?;
    let names = |enrolled: &Enrolled| (enrolled.site_id.clone(), enrolled.agent_id.clone());
    anyhow::ensure!(names(&renewed) == names(enrolled), "it is for another server");
    store.replace(Some(enrolled), &renewed, Purpose::Renewal)?;
    Ok(Ok(renewed))
}

fn day(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
#[path = "renew_tests.rs"]
mod tests;
