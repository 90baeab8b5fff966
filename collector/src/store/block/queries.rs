//! Every query of a server in one hour: counts by minute; maximum and sketch for the whole hour.

use std::collections::BTreeMap;

use pantau_proto::sketch::Sketch;
use prost::Message;

use crate::{
    domain::batch::QuerySource,
    store::value::{plus, quantity},
};

/// Which query, as counted: the same statement seen by two sources is two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct QueryKey {
    pub(in crate::store) fingerprint: i64,
    pub(in crate::store) source: QuerySource,
    pub(in crate::store) database: String,
}

/// Counts of a minute, or a sum of such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Calls {
    pub(in crate::store) calls: i64,
    pub(in crate::store) total_us: i64,
    pub(in crate::store) rows: i64,
}

impl Calls {
    /// Adds those of `other`.
    pub(in crate::store) fn add(&mut self, other: Calls) {
        self.calls = plus(self.calls, other.calls);
        self.total_us = plus(self.total_us, other.total_us);
        self.rows = plus(self.rows, other.rows);
    }
}

/// One query in one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct QueryHour {
    /// By minute of the hour, 0-59.
    pub(in crate::store) minutes: BTreeMap<u8, Calls>,
    /// 0 where the source does not give it.
    pub(in crate::store) max_us: i64,
    pub(in crate::store) sketch: Sketch,
}

impl QueryHour {
    /// Sum of its minutes.
    pub(in crate::store) fn sum(&self) -> Calls {
        self.minutes.values().fold(Calls::default(), |mut sum, minute| {
            sum.add(*minute);
            sum
        })
    }

    fn merge(&mut self, other: &QueryHour) {
        for (minute, calls) in &other.minutes {
            self.minutes.entry(*minute).or_default().add(*calls);
        }
        self.max_us = self.max_us.max(other.max_us);
        self.sketch.merge(&other.sketch);
    }
}

/// All queries of an hour.
pub(in crate::store) type Queries = BTreeMap<QueryKey, QueryHour>;

/// Adds the counts of `more`.
pub(in crate::store) fn merge(queries: &mut Queries, more: &Queries) {
    for (key, hour) in more {
        queries.entry(key.clone()).or_default().merge(hour);
    }
}

/// As a block's bytes.
pub(in crate::store) fn pack(queries: &Queries) -> Result<Vec<u8>, String> {
    let rows = queries.iter().map(|(key, hour)| Row::of(key, hour)).collect();
    super::pack(&Block { rows })
}

/// Back from a block's bytes.
pub(in crate::store) fn unpack(bytes: &[u8]) -> Result<Queries, String> {
    let block: Block = super::unpack(bytes)?;
    block.rows.iter().map(Row::read).collect()
}

/// A sketch as bytes, for a row of its own.
pub(in crate::store) fn pack_sketch(sketch: &Sketch) -> Vec<u8> {
    let (keys, counts) = sketch.to_deltas();
    Bins { keys, counts }.encode_to_vec()
}

/// Back from [`pack_sketch`].
pub(in crate::store) fn unpack_sketch(bytes: &[u8]) -> Result<Sketch, String> {
    let bins = Bins::decode(bytes).map_err(|why| why.to_string())?;
    Ok(Sketch::from_deltas(&bins.keys, &bins.counts))
}

#[derive(Clone, PartialEq, Message)]
struct Bins {
    #[prost(sint32, repeated, tag = "1")]
    keys: Vec<i32>,
    #[prost(uint64, repeated, tag = "2")]
    counts: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct Block {
    #[prost(message, repeated, tag = "1")]
    rows: Vec<Row>,
}

/// One query. `calls`, `total_us` and `rows` are parallel to `minutes`.
#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(sfixed64, tag = "1")]
    fingerprint: i64,
    /// 1 the log, 2 the statements view.
    #[prost(uint32, tag = "2")]
    source: u32,
    #[prost(string, tag = "3")]
    database: String,
    #[prost(uint32, repeated, tag = "4")]
    minutes: Vec<u32>,
    #[prost(uint64, repeated, tag = "5")]
    calls: Vec<u64>,
    #[prost(uint64, repeated, tag = "6")]
    total_us: Vec<u64>,
    #[prost(uint64, repeated, tag = "7")]
    rows: Vec<u64>,
    #[prost(uint64, tag = "8")]
    max_us: u64,
    #[prost(message, optional, tag = "9")]
    sketch: Option<Bins>,
}

impl Row {
    fn of(key: &QueryKey, hour: &QueryHour) -> Row {
        let column = |of: fn(&Calls) -> i64| {
            hour.minutes.values().map(|calls| of(calls).unsigned_abs()).collect()
        };
        let (keys, counts) = hour.sketch.to_deltas();
        Row {
            fingerprint: key.fingerprint,
            source: match key.source {
                QuerySource::Log => 1,
                QuerySource::StatementsView => 2,
            },
            database: key.database.clone(),
            minutes: hour.minutes.keys().map(|minute| u32::from(*minute)).collect(),
            calls: column(|c| c.calls),
            total_us: column(|c| c.total_us),
            rows: column(|c| c.rows),
            max_us: hour.max_us.unsigned_abs(),
            sketch: (!hour.sketch.is_empty()).then_some(Bins { keys, counts }),
        }
    }

    fn read(&self) -> Result<(QueryKey, QueryHour), String> {
        let source = match self.source {
            1 => QuerySource::Log,
            2 => QuerySource::StatementsView,
            other => return Err(format!("query source {other} is not known")),
        };
        let mut minutes = BTreeMap::new();
        let figures = self.calls.iter().zip(&self.total_us).zip(&self.rows);
        for (minute, ((calls, total_us), rows)) in self.minutes.iter().zip(figures) {
            let minute = u8::try_from(*minute).ok().filter(|m| *m < 60);
            let minute = minute.ok_or("a minute beyond the hour")?;
            let calls = Calls {
                calls: quantity(*calls),
                total_us: quantity(*total_us),
                rows: quantity(*rows),
            };
            minutes.insert(minute, calls);
        }
        let bins = self.sketch.clone().unwrap_or_default();
        let hour = QueryHour {
            minutes,
            max_us: quantity(self.max_us),
            sketch: Sketch::from_deltas(&bins.keys, &bins.counts),
        };
        let database = self.database.clone();
        Ok((QueryKey { fingerprint: self.fingerprint, source, database }, hour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference server: in each minute 50 of 400 queries, 50 calls each.
    fn reference_hour() -> Queries {
        let mut queries = Queries::new();
        let mut random = 88_172_645_463_325_252u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for minute in 0..60u8 {
            for _ in 0..50 {
                let n = next() % 400;
                let key = QueryKey {
                    fingerprint: (n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) as i64,
                    source: QuerySource::Log,
                    database: "utama/spse_prod".to_owned(),
                };
                let hour = queries.entry(key).or_default();
                let mut calls = Calls { calls: 50, total_us: 0, rows: 50 };
                for _ in 0..50 {
                    let us = 300 * (1 + n) / 4 + next() % (200 * (1 + n));
                    calls.total_us += us as i64;
                    hour.max_us = hour.max_us.max(us as i64);
                    hour.sketch.add(us);
                }
                hour.minutes.entry(minute).or_default().add(calls);
            }
        }
        queries
    }

    #[test]
    fn an_hour_of_the_reference_server_survives_packing_within_its_budget() {
        let queries = reference_hour();
        let bytes = pack(&queries).unwrap();
        assert_eq!(unpack(&bytes).unwrap(), queries);
        // Most of it are the sketches: 400 of them with 375 durations each.
        assert!(bytes.len() < 64 * 1024, "{} bytes", bytes.len());
        println!("query block of a reference hour: {} bytes", bytes.len());
    }
}
