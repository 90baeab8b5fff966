//! Numbers of stored batches as merged ranges: the proof that a batch was stored before.

use std::collections::BTreeMap;

/// Ascending ranges, both ends included, that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    last_by_first: BTreeMap<u64, u64>,
}

/// What the numbers of a batch are to those that are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insertion {
    /// None was there; now all are.
    New,
    /// All were there.
    Known,
    /// Some were there and some were not: nothing has changed.
    Partly,
}

impl Ranges {
    /// Adds the numbers `first..=last`, all or none.
    pub(super) fn insert(&mut self, first: u64, last: u64) -> Insertion {
        let before = self.last_by_first.range(..=last).next_back().map(|(f, l)| (*f, *l));
        match before {
            Some((f, l)) if f <= first && last <= l => return Insertion::Known,
            Some((_, l)) if first <= l => return Insertion::Partly,
            _ => {}
        }
        let first = match before {
            Some((f, l)) if l.checked_add(1) == Some(first) => f,
            _ => first,
        };
        let joined = last.checked_add(1).and_then(|next| self.last_by_first.remove(&next));
        self.last_by_first.insert(first, joined.unwrap_or(last));
        Insertion::New
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

    /// What a set of numbers says to the same insertion.
    fn by_model(seen: &mut BTreeSet<u64>, first: u64, last: u64) -> Insertion {
        match (first..=last).filter(|n| seen.contains(n)).count() as u64 {
            0 => {
                seen.extend(first..=last);
                Insertion::New
            }
            all if all == last - first + 1 => Insertion::Known,
            _ => Insertion::Partly,
        }
    }

    proptest! {
        #[test]
        fn ranges_hold_exactly_what_a_set_of_the_numbers_holds_in_any_order(
            parts in proptest::collection::vec((0u64..60, 0u64..5), 0..80)
        ) {
            let mut ranges = Ranges::default();
            let mut seen = BTreeSet::new();
            for (first, more) in parts {
                let last = first + more;
                prop_assert_eq!(ranges.insert(first, last), by_model(&mut seen, first, last));
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
        assert_eq!(ranges.insert(u64::MAX, u64::MAX), Insertion::New);
        assert_eq!(ranges.insert(u64::MAX - 2, u64::MAX - 1), Insertion::New);
        assert_eq!(ranges.insert(0, u64::MAX), Insertion::Partly);
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(u64::MAX - 2, u64::MAX)]);
    }
}
