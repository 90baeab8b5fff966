//! The ledger: intervals concluded from observations, contacts and the collector's own runs.

use crate::{
    config::Site,
    domain::{
        availability::{Interval, Shares, Target},
        period::Period,
    },
    store::{Store, StoreResult},
};

/// The ledger of a site for the part of `period` that has passed: for each target, intervals without
/// holes or overlaps.
pub async fn ledger(
    _store: &Store,
    _site: &Site,
    _period: Period,
    _now_ms: i64,
) -> StoreResult<Vec<Interval>> {
    unimplemented!()
}

/// How the period divides among the states of `target`; the sum is the length the ledger covers.
pub fn shares(_ledger: &[Interval], _target: Target) -> Shares {
    unimplemented!()
}
