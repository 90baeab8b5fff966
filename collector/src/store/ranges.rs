//! Numbers of stored batches as merged ranges: the proof that a batch was stored before.

use std::collections::BTreeMap;

/// Ascending ranges, both ends included, that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    last_by_first: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds a number; false when it was inside already.
    pub(super) fn insert(&mut self, seq: u64) -> bool {
        let before = self.last_by_first.range(..=seq).next_back().map(|(f, l)| (*f, *l));
        if before.is_some_and(|(_, last)| seq <= last) {
            return false;
        }
        let first = match before {
            Some((first, last)) if last.checked_add(1) == Some(seq) => first,
            _ => seq,
        };
        let joined = seq.checked_add(1).and_then(|next| self.last_by_first.remove(&next));
        self.last_by_first.insert(first, joined.unwrap_or(seq));
        true
    }

    /// The ranges, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.last_by_first.iter().map(|(first, last)| (*first, *last))
    }

    /// Ranges of `self` that `other` does not have in the same form.
    pub(super) fn without<'a>(&'a self, other: &'a Ranges) -> impl Iterator<Item = (u64, u64)> {
        self.iter().filter(|(first, last)| other.last_by_first.get(first) != Some(last))
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(ranges: I) -> Ranges {
        Ranges { last_by_first: ranges.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_hold_exactly_the_numbers_inserted_in_any_order(
            numbers in proptest::collection::vec(0u64..60, 0..80)
        ) {
            let mut ranges = Ranges::default();
            let mut seen = BTreeSet::new();
            for number in numbers {
                prop_assert_eq!(ranges.insert(number), seen.insert(number));
            }
            let held: Vec<u64> = ranges.iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(held, seen.into_iter().collect::<Vec<_>>());
            let list: Vec<_> = ranges.iter().collect();
            prop_assert!(list.windows(2).all(|w| w[0].1 + 1 < w[1].0), "{:?} touch", list);
        }
    }

    #[test]
    fn the_highest_number_does_no_harm() {
        let mut ranges = Ranges::default();
        assert!(ranges.insert(u64::MAX) && ranges.insert(u64::MAX - 1));
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(u64::MAX - 1, u64::MAX)]);
    }
}
