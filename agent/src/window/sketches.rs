//! Durations by query and quarter of an hour. A quarter's sketches travel once, with the first batch
//! that closes after its end; until then they are part of what each batch's record keeps for a restart
//! ([`Sketches::open`]). So a batch that never reaches the collector takes along the sketches that it
//! carries and no others, and a spool whose newest batches are dropped goes on with the sketches of the
//! record where it goes on.
//!
//! # Format of the open quarter
//! Version (1 byte, 1); then pieces, each: quarter (8 bytes), number of queries (2), the key of each (8),
//! length (4) and the packed sketches. Little-endian. A key is a hash of a query's fingerprint, source and
//! database; what it stands for is among the definitions that the spool keeps.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use pantau_sketch::durations::{self, SKETCHES_MAX, Sketch};
use xxhash_rust::xxh3::Xxh3;

use super::MINUTE_MS;
use crate::domain::{QueryGroup, QuerySource};

/// Sketches kept of the open quarter; when there are more, they travel before its end, in pieces that the
/// collector adds up.
const OPEN_MAX: usize = 4_000;
/// Bins read back at a start, of all sketches together: more than [`OPEN_MAX`] sketches can have.
const BINS_MAX: usize = 8_000_000;
const VERSION: u8 = 1;
const QUARTER_MS: i64 = 15 * MINUTE_MS;

/// A query, a quarter of an hour since 1970, and its durations.
pub(super) type QuarterSketch = (Arc<QueryGroup>, i64, Sketch);

/// See the module.
#[derive(Default)]
pub(super) struct Sketches {
    by_quarter: BTreeMap<(i64, u64), (Arc<QueryGroup>, Sketch)>,
}

/// The sketches of an open quarter could not all be read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// Observations in sketches of queries that nothing is known of any more; 0 where even that is not
    /// readable.
    pub(super) observations: u64,
}

impl Sketches {
    /// Adds one duration to the query's sketch of that quarter.
    pub(super) fn add(&mut self, query: &Arc<QueryGroup>, minute: i64, us: u64) {
        let at = (minute.div_euclid(15), key_of(query));
        let (_, sketch) =
            self.by_quarter.entry(at).or_insert_with(|| (query.clone(), Sketch::default()));
        sketch.add(us);
    }

    /// What travels with a batch closed at `now_ms`: quarters that are over, and what came late or too
    /// early for its quarter. Ascending by quarter.
    pub(super) fn leaving(&self, now_ms: i64) -> Vec<QuarterSketch> {
        let leaving = self.by_quarter.iter().filter(|(at, _)| !self.stays(at.0, now_ms));
        leaving.map(|(at, (query, sketch))| (query.clone(), at.0, sketch.clone())).collect()
    }

    /// What does not travel with a batch closed at `now_ms`, for the record's part that a restart reads.
    pub(super) fn open(&self, now_ms: i64) -> Vec<u8> {
        let staying: Vec<_> =
            self.by_quarter.iter().filter(|(at, _)| self.stays(at.0, now_ms)).collect();
        if staying.is_empty() {
            return Vec::new();
        }
        let mut out = vec![VERSION];
        // Only one quarter stays, so that a piece holds one quarter.
        for piece in staying.chunks(SKETCHES_MAX) {
            let quarter = piece.first().map_or(0, |(at, _)| at.0);
            out.extend(quarter.to_le_bytes());
            out.extend((piece.len() as u16).to_le_bytes());
            piece.iter().for_each(|(at, _)| out.extend(at.1.to_le_bytes()));
            let packed = durations::pack(piece.iter().map(|(_, (_, sketch))| sketch));
            out.extend((packed.len() as u32).to_le_bytes());
            out.extend(packed);
        }
        out
    }

    /// The batch closed at `closed_ms` is written: what left with it is gone from here.
    pub(super) fn left(&mut self, closed_ms: i64) {
        let stays_all = self.by_quarter.len() <= OPEN_MAX;
        self.by_quarter.retain(|at, _| stays_all && is_open(at.0, closed_ms));
    }

    /// Takes back what [`Sketches::open`] wrote; `known` are the queries that its keys may stand for.
    pub(super) fn restore(&mut self, open: &[u8], known: &[Arc<QueryGroup>]) -> Result<(), Lost> {
        let known: HashMap<u64, &Arc<QueryGroup>> = known.iter().map(|q| (key_of(q), q)).collect();
        let read = read(open).ok_or(Lost { observations: 0 })?;
        let mut observations = 0u64;
        for (quarter, key, sketch) in read {
            match known.get(&key) {
                Some(query) => {
                    let entry = self.by_quarter.entry((quarter, key));
                    let (_, kept) = entry.or_insert_with(|| ((*query).clone(), Sketch::default()));
                    kept.merge(&sketch);
                }
                None => observations = observations.saturating_add(sketch.count()),
            }
        }
        if observations > 0 { Err(Lost { observations }) } else { Ok(()) }
    }

    fn stays(&self, quarter: i64, now_ms: i64) -> bool {
        self.by_quarter.len() <= OPEN_MAX && is_open(quarter, now_ms)
    }
}

/// By the wall clock: a quarter that has not begun is that of a wrong date, and does not wait for it.
fn is_open(quarter: i64, now_ms: i64) -> bool {
    quarter == now_ms.div_euclid(QUARTER_MS)
}

fn key_of(query: &QueryGroup) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&query.fingerprint.to_le_bytes());
    hash.update(match query.source {
        QuerySource::Log => b"l",
        QuerySource::StatementsView => b"v",
    });
    hash.update(query.database.as_bytes());
    hash.digest()
}

/// Quarter, key and sketch of all that [`Sketches::open`] wrote; `None` when it is damaged.
fn read(open: &[u8]) -> Option<Vec<(i64, u64, Sketch)>> {
    let mut list = Vec::new();
    let mut bins_left = BINS_MAX;
    let Some((version, mut rest)) = open.split_first() else { return Some(list) };
    if *version != VERSION {
        return None;
    }
    while !rest.is_empty() {
        let quarter = i64::from_le_bytes(take(&mut rest)?);
        let queries = u16::from_le_bytes(take(&mut rest)?);
        let keys = (0..queries).map(|_| take(&mut rest).map(u64::from_le_bytes));
        let keys = keys.collect::<Option<Vec<u64>>>()?;
        let bytes = u32::from_le_bytes(take(&mut rest)?) as usize;
        let (packed, behind) = rest.split_at_checked(bytes)?;
        rest = behind;
        let sketches = durations::unpack(packed, keys.len(), &mut bins_left).ok()?;
        list.extend(keys.into_iter().zip(sketches).map(|(key, sketch)| (quarter, key, sketch)));
    }
    Some(list)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::window::samples::query_group;

    const NOW_MS: i64 = 1_795_300_000_000;
    const NOW_MINUTE: i64 = NOW_MS / MINUTE_MS;

    fn filled(queries: u64) -> Sketches {
        let mut sketches = Sketches::default();
        (0..queries).for_each(|n| sketches.add(&query_group(n), NOW_MINUTE, n * n));
        sketches
    }

    #[test]
    fn the_open_quarter_comes_back_after_a_restart_and_travels_when_it_is_over() {
        let before = filled(700);
        let known: Vec<_> = (0..700).map(query_group).collect();
        let mut after = Sketches::default();
        assert_eq!(after.restore(&before.open(NOW_MS), &known), Ok(()));
        assert_eq!(after.leaving(NOW_MS), []);
        assert_eq!(after.leaving(NOW_MS + QUARTER_MS), before.leaving(NOW_MS + QUARTER_MS));
        after.left(NOW_MS + QUARTER_MS);
        assert_eq!(after.leaving(NOW_MS + QUARTER_MS), []);
    }

    #[test]
    fn what_is_late_or_dated_in_the_future_travels_at_once() {
        let mut sketches = filled(1);
        for quarters in [-1, 1] {
            sketches.add(&query_group(9), NOW_MINUTE + 15 * quarters, 350);
        }
        let leaving = sketches.leaving(NOW_MS);
        assert_eq!(leaving.iter().map(|(query, ..)| query.fingerprint).collect::<Vec<_>>(), [9, 9]);
        sketches.left(NOW_MS);
        assert_eq!(sketches.leaving(NOW_MS), []);
        assert!(!sketches.open(NOW_MS).is_empty());
    }

    #[test]
    fn more_sketches_than_are_kept_travel_before_the_quarter_is_over() {
        let mut sketches = filled(OPEN_MAX as u64 + 1);
        assert_eq!(sketches.leaving(NOW_MS).len(), OPEN_MAX + 1);
        assert!(sketches.open(NOW_MS).is_empty());
        sketches.left(NOW_MS);
        assert_eq!(sketches.leaving(NOW_MS + QUARTER_MS), []);
    }

    #[test]
    fn queries_that_nothing_is_known_of_any_more_are_lost_and_counted() {
        let open = filled(10).open(NOW_MS);
        let known: Vec<_> = (0..7).map(query_group).collect();
        let mut after = Sketches::default();
        assert_eq!(after.restore(&open, &known), Err(Lost { observations: 3 }));
        assert_eq!(after.leaving(NOW_MS + QUARTER_MS).len(), 7);
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_told_and_do_no_harm(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 0..3u8,
        ) {
            bytes.insert(0, version);
            let _ = Sketches::default().restore(&bytes, &[]);
        }
    }

    #[test]
    fn a_part_cut_off_is_damage() {
        let open = filled(10).open(NOW_MS);
        let cut = &open[..open.len() - 1];
        assert_eq!(Sketches::default().restore(cut, &[]), Err(Lost { observations: 0 }));
    }
}
