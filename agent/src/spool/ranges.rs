//! Sets of batch numbers as merged ranges, both ends included.

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Ranges in any order, overlapping or not; turned ones are ignored.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (u64, u64)>) -> Ranges {
        let mut pairs: Vec<_> = pairs.into_iter().filter(|(first, last)| first <= last).collect();
        pairs.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (first, last) in pairs {
            match merged.last_mut().filter(|before| first <= before.1.saturating_add(1)) {
                Some(before) => before.1 = before.1.max(last),
                None => merged.push((first, last)),
            }
        }
        Ranges(merged)
    }

    /// Adds `first..=last`.
    pub fn add(&mut self, first: u64, last: u64) {
        // Acknowledgements come in order: most extend the last range.
        match self.0.last_mut() {
            Some(end) if first >= end.0 && first <= end.1.saturating_add(1) && first <= last => {
                end.1 = end.1.max(last);
            }
            _ => *self = Ranges::from_pairs(self.0.iter().copied().chain([(first, last)])),
        }
    }

    /// Whether `number` is in one of them.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= number);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, last)| number <= *last)
    }

    /// Whether any number from `first` to `last` is in one of them.
    pub fn intersects(&self, first: u64, last: u64) -> bool {
        let before = self.0.partition_point(|(_, end)| *end < first);
        first <= last && self.0.get(before).is_some_and(|(start, _)| *start <= last)
    }

    /// The highest number; 0 when empty.
    pub fn highest(&self) -> u64 {
        self.0.last().map_or(0, |(_, last)| *last)
    }

    /// Ascending, merged.
    pub fn pairs(&self) -> &[(u64, u64)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    proptest::proptest! {
        #[test]
        fn ranges_hold_exactly_what_was_added(pairs in proptest::collection::vec((0u64..60, 0u64..60), 0..20)) {
            let mut ranges = Ranges::default();
            let mut truth = BTreeSet::new();
            for (first, last) in &pairs {
                ranges.add(*first, *last);
                truth.extend(*first..=*last);
            }
            for number in 0..70 {
                proptest::prop_assert_eq!(ranges.contains(number), truth.contains(&number));
                let is_near = truth.range(number..number + 5).next().is_some();
                proptest::prop_assert_eq!(ranges.intersects(number, number + 4), is_near);
            }
            proptest::prop_assert_eq!(&ranges, &Ranges::from_pairs(pairs));
            proptest::prop_assert_eq!(ranges.highest(), truth.last().copied().unwrap_or(0));
        }
    }
}
