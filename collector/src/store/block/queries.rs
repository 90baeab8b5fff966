//! Every query of a server in one hour: counts by minute; maximum and sketch for the whole hour.

use std::collections::BTreeMap;

use pantau_sketch::durations::Sketch;
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
    let mut block = Block::default();
    queries.iter().for_each(|(key, hour)| block.push(key, hour));
    super::pack(&block)
}

/// Back from a block's bytes.
pub(in crate::store) fn unpack(bytes: &[u8]) -> Result<Queries, String> {
    super::unpack::<Block>(bytes)?.read()
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

/// All queries, figure by figure: what is alike stands together, which compresses to 85 % of
/// the same written query by query.
#[derive(Clone, PartialEq, Message)]
struct Block {
    /// Names of databases; `database` counts in it.
    #[prost(string, repeated, tag = "1")]
    databases: Vec<String>,

    // One entry per query.
    #[prost(sfixed64, repeated, tag = "2")]
    fingerprint: Vec<i64>,
    /// 1 the log, 2 the statements view.
    #[prost(uint32, repeated, tag = "3")]
    source: Vec<u32>,
    #[prost(uint32, repeated, tag = "4")]
    database: Vec<u32>,
    #[prost(uint64, repeated, tag = "5")]
    max_us: Vec<u64>,
    /// How many of the entries of minutes are this query's.
    #[prost(uint32, repeated, tag = "6")]
    minutes: Vec<u32>,
    /// How many of the entries of bins are this query's.
    #[prost(uint32, repeated, tag = "7")]
    bins: Vec<u32>,

    // One entry per query and minute.
    #[prost(uint32, repeated, tag = "8")]
    minute: Vec<u32>,
    #[prost(uint64, repeated, tag = "9")]
    calls: Vec<u64>,
    #[prost(uint64, repeated, tag = "10")]
    total_us: Vec<u64>,
    #[prost(uint64, repeated, tag = "11")]
    rows: Vec<u64>,

    // One entry per query and bin of its sketch.
    #[prost(sint32, repeated, tag = "12")]
    bin_key: Vec<i32>,
    #[prost(uint64, repeated, tag = "13")]
    bin_count: Vec<u64>,
}

impl Block {
    fn push(&mut self, key: &QueryKey, hour: &QueryHour) {
        let known = self.databases.iter().position(|name| *name == key.database);
        let database = known.unwrap_or_else(|| {
            self.databases.push(key.database.clone());
            self.databases.len() - 1
        });
        self.fingerprint.push(key.fingerprint);
        self.source.push(match key.source {
            QuerySource::Log => 1,
            QuerySource::StatementsView => 2,
        });
        self.database.push(database as u32);
        self.max_us.push(hour.max_us.unsigned_abs());
        self.minutes.push(hour.minutes.len() as u32);
        for (minute, calls) in &hour.minutes {
            self.minute.push(u32::from(*minute));
            self.calls.push(calls.calls.unsigned_abs());
            self.total_us.push(calls.total_us.unsigned_abs());
            self.rows.push(calls.rows.unsigned_abs());
        }
        let (keys, counts) = hour.sketch.to_deltas();
        self.bins.push(keys.len() as u32);
        self.bin_key.extend(keys);
        self.bin_count.extend(counts);
    }

    fn read(&self) -> Result<Queries, String> {
        let mut minutes = self.minute.iter().zip(&self.calls).zip(&self.total_us).zip(&self.rows);
        let mut bins = self.bin_key.iter().zip(&self.bin_count);
        let mut queries = Queries::new();
        for (n, fingerprint) in self.fingerprint.iter().enumerate() {
            let own_minutes = minutes.by_ref().take(entry(&self.minutes, n)? as usize);
            let minutes = own_minutes.map(|(((minute, calls), total_us), rows)| {
                let minute = u8::try_from(*minute).ok().filter(|minute| *minute < 60);
                let calls = Calls {
                    calls: quantity(*calls),
                    total_us: quantity(*total_us),
                    rows: quantity(*rows),
                };
                Ok((minute.ok_or("a minute beyond the hour")?, calls))
            });
            let minutes = minutes.collect::<Result<_, &str>>()?;
            let (keys, counts): (Vec<i32>, Vec<u64>) =
                bins.by_ref().take(entry(&self.bins, n)? as usize).unzip();
            let hour = QueryHour {
                minutes,
                max_us: quantity(entry(&self.max_us, n)?),
                sketch: Sketch::from_deltas(&keys, &counts),
            };
            queries.insert(self.key(*fingerprint, n)?, hour);
        }
        Ok(queries)
    }

    fn key(&self, fingerprint: i64, n: usize) -> Result<QueryKey, String> {
        let source = match entry(&self.source, n)? {
            1 => QuerySource::Log,
            2 => QuerySource::StatementsView,
            other => return Err(format!("query source {other} is not known")),
        };
        let database = self.databases.get(entry(&self.database, n)? as usize);
        let database = database.ok_or("a database without a name")?.clone();
        Ok(QueryKey { fingerprint, source, database })
    }
}

fn entry<T: Copy>(column: &[T], n: usize) -> Result<T, &'static str> {
    column.get(n).copied().ok_or("a column is too short")
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
        assert!(bytes.len() < 36 * 1024, "{} bytes", bytes.len());
        println!("query block of a reference hour: {} bytes", bytes.len());
    }
}
