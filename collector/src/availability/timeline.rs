//! Spans of time with a value each, found by their time.

use crate::domain::period::Period;

/// Disjoint, ascending spans; neighbours with the same value are one.
#[derive(Clone, Debug)]
pub struct Timeline<T> {
    spans: Vec<(Period, T)>,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Timeline { spans: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Timeline<T> {
    /// Of spans in any order. Where they overlap, `pick` chooses.
    pub fn of(mut given: Vec<(Period, T)>, pick: impl Fn(T, T) -> T) -> Timeline<T> {
        given.retain(|(period, _)| period.len_ms() > 0);
        given.sort_by_key(|(period, _)| period.from_ms);
        let mut edges: Vec<i64> = given.iter().flat_map(|(p, _)| [p.from_ms, p.to_ms]).collect();
        edges.sort_unstable();
        edges.dedup();

        let mut timeline = Timeline::default();
        let mut waiting = given.into_iter().peekable();
        let mut active: Vec<(Period, T)> = Vec::new();
        for (from_ms, to_ms) in edges.iter().copied().zip(edges.iter().copied().skip(1)) {
            active.retain(|(period, _)| period.to_ms > from_ms);
            while let Some(span) = waiting.next_if(|(period, _)| period.from_ms <= from_ms) {
                active.push(span);
            }
            if let Some(value) = active.iter().map(|(_, value)| *value).reduce(&pick) {
                timeline.push(Period { from_ms, to_ms }, value);
            }
        }
        timeline
    }

    /// What holds at `ms`.
    pub fn at(&self, ms: i64) -> Option<T> {
        self.span_at(ms).map(|(_, value)| *value)
    }

    /// The span that `ms` lies in.
    pub fn span_at(&self, ms: i64) -> Option<&(Period, T)> {
        let after = self.spans.partition_point(|(period, _)| period.from_ms <= ms);
        let candidate = self.spans.get(after.checked_sub(1)?)?;
        candidate.0.contains(ms).then_some(candidate)
    }

    /// End of the last span that ends at or before `ms`.
    pub fn last_end_until(&self, ms: i64) -> Option<i64> {
        let after = self.spans.partition_point(|(period, _)| period.to_ms <= ms);
        self.spans.get(after.checked_sub(1)?).map(|(period, _)| period.to_ms)
    }

    /// Start of the first span.
    pub fn first_ms(&self) -> Option<i64> {
        self.spans.first().map(|(period, _)| period.from_ms)
    }

    /// End of the last span.
    pub fn end_ms(&self) -> Option<i64> {
        self.spans.last().map(|(period, _)| period.to_ms)
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Every span, ascending.
    pub fn spans(&self) -> impl Iterator<Item = &(Period, T)> {
        self.spans.iter()
    }

    fn push(&mut self, period: Period, value: T) {
        match self.spans.last_mut() {
            Some((last, same)) if last.to_ms == period.from_ms && *same == value => {
                last.to_ms = period.to_ms;
            }
            _ => self.spans.push((period, value)),
        }
    }
}

impl Timeline<()> {
    /// The time covered by any of the periods.
    pub fn union(periods: impl IntoIterator<Item = Period>) -> Timeline<()> {
        Timeline::of(periods.into_iter().map(|period| (period, ())).collect(), |(), ()| ())
    }

    /// The parts of `period` that are covered.
    pub fn within(&self, period: Period) -> impl Iterator<Item = Period> {
        let parts = self.spans.iter().map(move |(span, ())| Period {
            from_ms: span.from_ms.max(period.from_ms),
            to_ms: span.to_ms.min(period.to_ms),
        });
        parts.filter(|part| part.from_ms < part.to_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn period(from_ms: i64, to_ms: i64) -> Period {
        Period { from_ms, to_ms }
    }

    #[test]
    fn a_span_within_another_leaves_both_its_sides() {
        let timeline = Timeline::of(vec![(period(0, 10), 1), (period(3, 5), 2)], i32::max);
        assert_eq!([0, 2, 3, 4, 5, 9].map(|ms| timeline.at(ms)), [1, 1, 2, 2, 1, 1].map(Some));
        assert_eq!(timeline.at(10), None);
        assert_eq!(timeline.last_end_until(9), Some(5));
    }

    proptest! {
        #[test]
        fn at_each_moment_the_highest_of_what_holds_is_found(
            given in prop::collection::vec((0i64..40, 0i64..12, 0u8..4), 0..12),
        ) {
            let spans: Vec<_> = given.iter().map(|(f, l, v)| (period(*f, f + l), *v)).collect();
            let timeline = Timeline::of(spans.clone(), u8::max);
            for ms in -1..55 {
                let holds = spans.iter().filter(|(p, _)| p.contains(ms)).map(|(_, v)| *v).max();
                prop_assert_eq!(timeline.at(ms), holds);
            }
        }
    }
}
