//! The kinds that matter most, in bounded memory, with an exact remainder. Kinds are kept until there are
//! too many; then those that rank highest by any of the rankings stay and the rest is added to "others".
//! So totals are exact whatever comes, and a kind that was never let go is exact too. One that came back
//! after others were let go may have been among them: it says how much of it may be missing at most (the
//! bound of Misra and Gries, 1982, over what was let go).

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// What is counted of one kind.
pub trait Tally: Clone + Default {
    /// Adds what was counted elsewhere of the same kind.
    fn merge(&mut self, other: &Self);
    /// What kinds are ranked by; the first is what a bound is told of.
    fn ranks(&self) -> [u64; 2];
    /// Bytes of memory that it takes beside itself, roughly.
    fn text_bytes(&self) -> usize;
}

/// See the module. Keys are hashes.
#[derive(Clone, Debug)]
pub struct Heavy<T> {
    kept: HashMap<u64, Kept<T>, BuildHasherDefault<Hash>>,
    kinds_max: usize,
    text_bytes: usize,
    others: T,
    missing_max: u64,
}

/// One kind and how much of it may be missing at most.
#[derive(Clone, Debug, Default)]
pub struct Kept<T> {
    /// What was counted.
    pub tally: T,
    /// Zero: it is exact.
    pub missing_max: u64,
}

/// Bytes of texts kept before kinds are let go.
const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

impl<T: Tally> Heavy<T> {
    /// Keeps at least so many kinds of each ranking.
    pub fn new(kinds_max: usize) -> Heavy<T> {
        Heavy {
            kept: HashMap::default(),
            kinds_max,
            text_bytes: 0,
            others: T::default(),
            missing_max: 0,
        }
    }

    /// What is counted of a kind, to be added to; `make` where it is new.
    pub fn at(&mut self, key: u64, make: impl FnOnce() -> T) -> &mut T {
        if !self.kept.contains_key(&key) {
            self.make_room();
            let tally = make();
            self.text_bytes += tally.text_bytes();
            self.kept.insert(key, Kept { tally, missing_max: self.missing_max });
        }
        &mut self.kept.entry(key).or_default().tally
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: Heavy<T>) {
        self.others.merge(&other.others);
        // What is missing there may be of any kind kept here, and the other way round.
        for kept in self.kept.iter_mut().filter(|(key, _)| !other.kept.contains_key(*key)) {
            kept.1.missing_max += other.missing_max;
        }
        self.missing_max += other.missing_max;
        let mut sorted: Vec<_> = other.kept.into_iter().collect();
        // In an order of its own: which kinds are let go must not hang on that of a hash table.
        sorted.sort_unstable_by_key(|(key, _)| *key);
        for (key, kept) in sorted {
            self.merge_kind(key, kept, other.missing_max);
        }
    }

    fn merge_kind(&mut self, key: u64, kept: Kept<T>, already: u64) {
        match self.kept.get_mut(&key) {
            Some(known) => {
                known.tally.merge(&kept.tally);
                known.missing_max += kept.missing_max;
            }
            None => {
                self.make_room();
                self.text_bytes += kept.tally.text_bytes();
                let before = self.missing_max.saturating_sub(already);
                let missing_max = before + kept.missing_max;
                self.kept.insert(key, Kept { missing_max, ..kept });
            }
        }
    }

    /// Kinds, the highest of the first ranking first.
    pub fn ranked(&self) -> Vec<(u64, &Kept<T>)> {
        let mut list: Vec<_> = self.kept.iter().map(|(key, kept)| (*key, kept)).collect();
        list.sort_unstable_by_key(|(key, kept)| (std::cmp::Reverse(kept.tally.ranks()), *key));
        list
    }

    /// One kind.
    pub fn get(&self, key: u64) -> Option<&Kept<T>> {
        self.kept.get(&key)
    }

    /// All that is not told by kind.
    pub fn others(&self) -> &T {
        &self.others
    }

    fn make_room(&mut self) {
        if self.kept.len() >= 4 * self.kinds_max || self.text_bytes >= TEXT_BYTES_MAX {
            self.let_go_of_the_least();
        }
    }

    fn let_go_of_the_least(&mut self) {
        let bars = [0, 1].map(|rank| self.bar(rank));
        let (mut missing, mut text_bytes) = (0, 0);
        let mut gone = Vec::new();
        self.kept.retain(|key, kept| {
            let ranks = kept.tally.ranks();
            let stays = ranks.iter().zip(bars).any(|(rank, bar)| *rank > bar);
            if stays {
                text_bytes += kept.tally.text_bytes();
            } else {
                let [rank, _] = ranks;
                missing = missing.max(rank);
                gone.push((*key, std::mem::take(&mut kept.tally)));
            }
            stays
        });
        gone.sort_unstable_by_key(|(key, _)| *key);
        gone.iter().for_each(|(_, tally)| self.others.merge(tally));
        self.missing_max += missing;
        self.text_bytes = text_bytes;
    }

    /// What a kind must exceed to be one of the highest of a ranking.
    fn bar(&self, rank: usize) -> u64 {
        let of = |kept: &Kept<T>| kept.tally.ranks().get(rank).copied().unwrap_or(0);
        let mut ranks: Vec<_> = self.kept.values().map(of).collect();
        let keep = if self.text_bytes >= TEXT_BYTES_MAX { ranks.len() / 4 } else { self.kinds_max };
        let at = keep.min(ranks.len().saturating_sub(1));
        if ranks.is_empty() {
            return 0;
        }
        *ranks.select_nth_unstable_by(at, |a, b| b.cmp(a)).1
    }
}

/// Keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hash(u64);

impl Hasher for Hash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Count(u64);

    impl Tally for Count {
        fn merge(&mut self, other: &Count) {
            self.0 += other.0;
        }

        fn ranks(&self) -> [u64; 2] {
            [self.0, 0]
        }

        fn text_bytes(&self) -> usize {
            8
        }
    }

    fn counted(events: &[u64], kinds_max: usize) -> Heavy<Count> {
        let mut heavy = Heavy::new(kinds_max);
        events.iter().for_each(|key| heavy.at(*key, Count::default).0 += 1);
        heavy
    }

    /// Totals are exact and every bound holds.
    fn check(heavy: &Heavy<Count>, events: &[u64]) -> Result<(), TestCaseError> {
        let mut sum = heavy.others().0;
        for (key, kept) in heavy.ranked() {
            let truth = events.iter().filter(|event| **event == key).count() as u64;
            prop_assert!(kept.tally.0 <= truth && truth <= kept.tally.0 + kept.missing_max);
            sum += kept.tally.0;
        }
        prop_assert_eq!(sum, events.len() as u64);
        Ok(())
    }

    proptest! {
        #[test]
        fn totals_are_exact_and_bounds_hold_in_any_split(
            events in prop::collection::vec(prop_oneof![Just(1_u64), 0_u64..8, 0_u64..200], 0..600),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            check(&counted(&events, 4), &events)?;
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(events.len() + 1)).collect();
            at.extend([0, events.len()]);
            at.sort_unstable();
            let mut whole = Heavy::new(4);
            at.windows(2).for_each(|piece| whole.merge(counted(&events[piece[0]..piece[1]], 4)));
            check(&whole, &events)?;
        }

        #[test]
        fn few_kinds_are_exact(events in prop::collection::vec(0_u64..16, 0..400)) {
            let heavy = counted(&events, 4);
            prop_assert!(heavy.ranked().iter().all(|(_, kept)| kept.missing_max == 0));
            prop_assert_eq!(heavy.others().0, 0);
        }
    }

    #[test]
    fn what_comes_often_stays_in_a_flood_of_kinds_that_come_once() {
        let flood = (0..100_000_u64).flat_map(|n| [7, 1_000 + n]).collect::<Vec<_>>();
        let heavy = counted(&flood, 100);
        assert_eq!(heavy.get(7).unwrap().tally.0, 100_000);
        assert_eq!(heavy.get(7).unwrap().missing_max, 0);
        assert!(heavy.ranked().len() <= 400);
    }
}
