//! Columns of equal length back to rows.

use super::{
    Malformed,
    bounds::{quantity, time_ms},
};
use crate::domain::batch::{ErrorCount, QueryCount};
use pantau_proto::v1;

/// Ids from differences: ascending, each once, none 0.
pub fn ids(of_what: &str, differences: &[u32]) -> Result<Vec<u32>, Malformed> {
    let mut id = 0u32;
    let next = |difference: &u32| {
        let wrong = || Malformed(format!("{of_what}: ids do not ascend after {id}"));
        id = id.checked_add(*difference).filter(|_| *difference > 0).ok_or_else(wrong)?;
        Ok(id)
    };
    differences.iter().map(next).collect()
}

/// Errors of a minute, by id.
pub fn errors(wire: &v1::ErrorCounts, minute: i64) -> Result<Vec<(u32, ErrorCount)>, Malformed> {
    let ids = ids("errors.group", &wire.group)?;
    same_length("errors.count", wire.count.len(), ids.len())?;
    same_length("errors.last_ms", wire.last_ms.len(), ids.len())?;
    optional("errors.estimated", wire.estimated.len(), ids.len())?;
    let start_ms = minute.saturating_mul(60_000);
    let row = |(n, id): (usize, u32)| {
        let count = quantity(at(&wire.count, n));
        let last_ms = wire.last_ms.get(n).copied().unwrap_or(0);
        let last_ms = time_ms(start_ms.saturating_add(last_ms));
        (id, ErrorCount { count, last_ms, estimated: at(&wire.estimated, n).min(count) })
    };
    Ok(ids.into_iter().enumerate().map(row).collect())
}

/// Queries of a minute, by id.
pub fn queries(wire: &v1::QueryCounts) -> Result<Vec<(u32, QueryCount)>, Malformed> {
    let ids = ids("queries.query", &wire.query)?;
    same_length("queries.calls", wire.calls.len(), ids.len())?;
    same_length("queries.total_us", wire.total_us.len(), ids.len())?;
    optional("queries.max_us", wire.max_us.len(), ids.len())?;
    optional("queries.rows", wire.rows.len(), ids.len())?;
    let row = |(n, id): (usize, u32)| {
        let count = QueryCount {
            calls: quantity(at(&wire.calls, n)),
            total_us: quantity(at(&wire.total_us, n)),
            max_us: quantity(at(&wire.max_us, n)),
            rows: quantity(at(&wire.rows, n)),
        };
        (id, count)
    };
    Ok(ids.into_iter().enumerate().map(row).collect())
}

fn at(column: &[u64], n: usize) -> u64 {
    column.get(n).copied().unwrap_or(0)
}

fn same_length(column: &str, length: usize, ids: usize) -> Result<(), Malformed> {
    if length == ids {
        return Ok(());
    }
    Err(Malformed(format!("{column}: {length} entries beside {ids} ids")))
}

fn optional(column: &str, length: usize, ids: usize) -> Result<(), Malformed> {
    if length == 0 { Ok(()) } else { same_length(column, length, ids) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_come_once() {
        assert_eq!(ids("x", &[3, 1, 40]).unwrap(), [3, 4, 44]);
        assert!(ids("x", &[3, 0]).is_err() && ids("x", &[0]).is_err());
        assert!(ids("x", &[u32::MAX, 1]).is_err());
    }

    #[test]
    fn columns_of_other_lengths_are_refused_by_name() {
        let good = v1::ErrorCounts {
            group: vec![7, 2],
            count: vec![3, 4],
            last_ms: vec![500, -1],
            estimated: vec![],
        };
        let rows = errors(&good, 29_893_440).unwrap();
        assert_eq!(rows[1].0, 9);
        assert_eq!(rows[1].1.last_ms, 29_893_440 * 60_000 - 1);
        let short = v1::ErrorCounts { estimated: vec![1], ..good.clone() };
        assert!(errors(&short, 0).unwrap_err().0.contains("estimated: 1 entries beside 2"));
        let queries_of = |max_us| v1::QueryCounts {
            query: vec![1],
            calls: vec![5],
            total_us: vec![9],
            max_us,
            rows: vec![],
        };
        assert_eq!(queries(&queries_of(vec![])).unwrap()[0].1.max_us, 0);
        assert!(queries(&queries_of(vec![1, 2])).unwrap_err().0.contains("max_us"));
    }
}
