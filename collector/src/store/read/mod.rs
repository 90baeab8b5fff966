//! What pages, reports and the command line ask. Every answer is a type of `domain::summary`; batches
//! that are not folded yet are not in it (callers that need them fold first).

mod databases;
mod errors;
mod evidence;
mod host;
mod queries;
mod servers;

use crate::domain::{SiteId, period::Period};

use super::{Store, StoreResult, calendar::Calendar, fold};

impl Store {
    async fn calendar(&self, site: &SiteId) -> StoreResult<Calendar> {
        fold::calendar_of(&mut *self.pool.acquire().await?, site).await
    }
}

/// A fingerprint as people see it: sixteen hexadecimal digits.
fn fingerprint_text(fingerprint: i64) -> String {
    format!("{:016x}", fingerprint.cast_unsigned())
}

/// The part of an interval that lies within a period; `None` when none does.
fn clipped(from_ms: i64, to_ms: i64, period: Period) -> Option<Period> {
    let part = Period { from_ms: from_ms.max(period.from_ms), to_ms: to_ms.min(period.to_ms) };
    (part.from_ms < part.to_ms).then_some(part)
}
