//! Counts of a minute as columns, and back.

use pantau_proto::v1;

use crate::domain::{ErrorCount, QueryCount};

/// Ids, ascending, as the difference to the one before.
#[derive(Default)]
pub(super) struct Ids {
    before: u32,
}

impl Ids {
    pub(super) fn make(&mut self, id: u32) -> u32 {
        id - std::mem::replace(&mut self.before, id)
    }

    pub(super) fn read(&mut self, difference: u32) -> u32 {
        self.before = self.before.wrapping_add(difference);
        self.before
    }
}

/// `counts` ascending by id, which is unique.
pub(super) fn errors(counts: &[(u32, ErrorCount)], minute: i64) -> Option<v1::ErrorCounts> {
    let mut ids = Ids::default();
    let begin_ms = minute.saturating_mul(60_000);
    let columns = v1::ErrorCounts {
        group: counts.iter().map(|(id, _)| ids.make(*id)).collect(),
        count: counts.iter().map(|(_, c)| c.count).collect(),
        last_ms: counts.iter().map(|(_, c)| c.last_ms.saturating_sub(begin_ms)).collect(),
        estimated: unless_all_zero(counts.iter().map(|(_, c)| c.estimated).collect()),
    };
    (!counts.is_empty()).then_some(columns)
}

/// `counts` ascending by id, which is unique.
pub(super) fn queries(counts: &[(u32, QueryCount)]) -> Option<v1::QueryCounts> {
    let mut ids = Ids::default();
    let columns = v1::QueryCounts {
        query: counts.iter().map(|(id, _)| ids.make(*id)).collect(),
        calls: counts.iter().map(|(_, c)| c.calls).collect(),
        total_us: counts.iter().map(|(_, c)| c.total_us).collect(),
        max_us: unless_all_zero(counts.iter().map(|(_, c)| c.max_us).collect()),
        rows: unless_all_zero(counts.iter().map(|(_, c)| c.rows).collect()),
    };
    (!counts.is_empty()).then_some(columns)
}

pub(super) fn errors_from(columns: &v1::ErrorCounts, minute: i64) -> Vec<(u32, ErrorCount)> {
    let mut ids = Ids::default();
    let begin_ms = minute.saturating_mul(60_000);
    let rows = columns.group.iter().enumerate().map(|(at, difference)| {
        let last_ms = columns.last_ms.get(at).copied().unwrap_or(0).saturating_add(begin_ms);
        let (count, estimated) = (value(&columns.count, at), value(&columns.estimated, at));
        (ids.read(*difference), ErrorCount { count, last_ms, estimated })
    });
    rows.collect()
}

pub(super) fn queries_from(columns: &v1::QueryCounts) -> Vec<(u32, QueryCount)> {
    let mut ids = Ids::default();
    let rows = columns.query.iter().enumerate().map(|(at, difference)| {
        let count = QueryCount {
            calls: value(&columns.calls, at),
            total_us: value(&columns.total_us, at),
            max_us: value(&columns.max_us, at),
            rows: value(&columns.rows, at),
        };
        (ids.read(*difference), count)
    });
    rows.collect()
}

fn value(column: &[u64], at: usize) -> u64 {
    column.get(at).copied().unwrap_or(0)
}

fn unless_all_zero(column: Vec<u64>) -> Vec<u64> {
    if column.iter().all(|value| *value == 0) { Vec::new() } else { column }
}
