//! Observations of one subject as intervals that do not overlap. Pure: no SQL here.

/// One state of one subject, half-open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) state: String,
    pub(super) reason: String,
}

/// `stored` (ascending, without overlaps) with `new` added where nothing is stored yet: what is stored
/// wins, so that an agent that lives a stretch of time twice (its machine was restored from a copy)
/// does not make it longer. Neighbours that say the same become one.
pub(super) fn place(stored: Vec<Span>, new: Span) -> Vec<Span> {
    let mut free_from = new.from_ms;
    let mut pieces = Vec::new();
    for span in &stored {
        pieces.push((free_from, span.from_ms.min(new.to_ms)));
        free_from = free_from.max(span.to_ms);
    }
    pieces.push((free_from, new.to_ms));
    let added = pieces.into_iter().filter(|(from_ms, to_ms)| from_ms < to_ms);
    let added = added.map(|(from_ms, to_ms)| Span { from_ms, to_ms, ..new.clone() });
    let mut all: Vec<Span> = added.chain(stored.iter().cloned()).collect();
    all.sort();
    joined(all)
}

fn joined(spans: Vec<Span>) -> Vec<Span> {
    let mut result: Vec<Span> = Vec::new();
    for span in spans {
        match result.last_mut() {
            Some(before)
                if before.to_ms == span.from_ms
                    && before.state == span.state
                    && before.reason == span.reason =>
            {
                before.to_ms = span.to_ms;
            }
            _ => result.push(span),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(from_ms: i64, to_ms: i64, state: &str) -> Span {
        Span { from_ms, to_ms, state: state.to_owned(), reason: String::new() }
    }

    #[test]
    fn neighbours_that_say_the_same_become_one() {
        let stored = vec![span(0, 10, "up"), span(20, 30, "up")];
        assert_eq!(place(stored.clone(), span(10, 20, "up")), [span(0, 30, "up")]);
        let three = place(stored.clone(), span(10, 20, "down"));
        assert_eq!(three, [span(0, 10, "up"), span(10, 20, "down"), span(20, 30, "up")]);
    }

    #[test]
    fn what_is_stored_wins_over_the_same_time_told_again() {
        let stored = vec![span(10, 20, "up")];
        let result = place(stored, span(0, 30, "down"));
        assert_eq!(result, [span(0, 10, "down"), span(10, 20, "up"), span(20, 30, "down")]);
    }

    proptest! {
        #[test]
        fn no_time_is_counted_twice_and_none_is_lost(
            news in proptest::collection::vec((0i64..100, 1i64..40, 0usize..3), 0..25)
        ) {
            let mut spans = Vec::new();
            let mut truth = [None; 140];
            for (from, length, state) in news {
                let state = ["up", "down", "degraded"][state];
                spans = place(spans, span(from, from + length, state));
                for slot in &mut truth[from as usize..(from + length) as usize] {
                    slot.get_or_insert(state);
                }
            }
            for (ms, expected) in truth.iter().enumerate() {
                let at: Vec<&str> = spans
                    .iter()
                    .filter(|s| (s.from_ms..s.to_ms).contains(&(ms as i64)))
                    .map(|s| s.state.as_str())
                    .collect();
                prop_assert_eq!(at, expected.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}
