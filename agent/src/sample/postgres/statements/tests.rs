use super::*;
use crate::domain::OWN_SELECT;

fn key(statement: i64) -> Key {
    Key { user: 10, database: 5, statement }
}

fn counters(calls: u64) -> Counters {
    Counters { calls, total_us: calls * 100, rows: calls * 2, since_ms: 0 }
}

/// A view with these statements and calls.
fn view(calls: &[(i64, u64)]) -> HashMap<Key, Counters> {
    calls.iter().map(|(statement, calls)| (key(*statement), counters(*calls))).collect()
}

/// One whole sample in which every text is known; calls counted by statement.
fn sample(
    baseline: &mut Baseline,
    now: HashMap<Key, Counters>,
    at_ms: i64,
) -> (Vec<(String, u64)>, Vec<Gap>) {
    let changes = baseline.compare(now, true, at_ms);
    let texts = texts(&changes);
    let (deltas, gaps) = baseline.settle("utama", changes, &texts);
    (deltas.into_iter().map(|delta| (delta.text, delta.calls)).collect(), gaps)
}

fn texts(changes: &Changes) -> HashMap<Key, (String, String)> {
    let text = |key: &Key| (format!("SELECT {}", key.statement), "epns_prod".to_owned());
    changes.counted.iter().map(|(key, _)| (*key, text(key))).collect()
}

#[test]
fn the_first_sample_counts_nothing_and_declares_the_time_when_no_agent_ran() {
    let mut baseline = Baseline::new(Some(20_000));
    let (counted, gaps) = sample(&mut baseline, view(&[(1, 100)]), 60_000);
    assert!(counted.is_empty());
    assert_eq!((gaps.len(), gaps[0].from_ms, gaps[0].to_ms), (1, 20_000, 60_000));
    assert_eq!(gaps[0].reason, GapReason::BaselineLost);
    assert!(sample(&mut baseline, view(&[(1, 100)]), 120_000).1.is_empty());
}

#[test]
fn an_agent_that_never_ran_before_has_nothing_to_declare() {
    let (counted, gaps) = sample(&mut Baseline::new(None), view(&[(1, 100)]), 60_000);
    assert!(counted.is_empty() && gaps.is_empty());
}

#[test]
fn after_a_clock_set_back_the_time_without_an_agent_does_not_end_before_it_begins() {
    let (_, gaps) = sample(&mut Baseline::new(Some(90_000)), view(&[(1, 100)]), 60_000);
    assert_eq!((gaps[0].from_ms, gaps[0].to_ms), (60_000, 60_000));
}

#[test]
fn later_samples_count_the_difference_and_a_new_statement_whole() {
    let mut baseline = Baseline::default();
    sample(&mut baseline, view(&[(1, 100), (2, 7)]), 0);
    let (counted, gaps) = sample(&mut baseline, view(&[(1, 130), (2, 7), (3, 4)]), 60_000);
    assert_eq!(counted, [("SELECT 1".to_owned(), 30), ("SELECT 3".to_owned(), 4)]);
    assert!(gaps.is_empty());
    let (counted, _) = sample(&mut baseline, view(&[(1, 130), (2, 7), (3, 4)]), 120_000);
    assert!(counted.is_empty());
}

#[test]
fn a_counter_that_fell_counts_from_zero_and_a_reset_is_declared() {
    let mut baseline = Baseline::default();
    sample(&mut baseline, view(&[(1, 100), (2, 7)]), 0);
    let (counted, gaps) = sample(&mut baseline, view(&[(1, 3)]), 60_000);
    assert_eq!(counted, [("SELECT 1".to_owned(), 3)]);
    assert_eq!((gaps[0].from_ms, gaps[0].to_ms, gaps[0].amount), (0, 60_000, 2));
}

#[test]
fn an_entry_younger_than_the_sample_before_counts_from_zero_though_its_count_rose() {
    let before = Counters { since_ms: 1_000, ..counters(5) };
    let now = Counters { since_ms: 2_000, ..counters(8) };
    assert_eq!(difference(Some(before), now, true), (now, Step::BeganAnew));
}

#[test]
fn evictions_are_gathered_and_declared_once_an_hour() {
    let mut baseline = Baseline::default();
    let many: Vec<(i64, u64)> = (1..=10).map(|n| (n, 5)).collect();
    sample(&mut baseline, view(&many), 0);
    let (_, gaps) = sample(&mut baseline, view(&many[1..]), 60_000);
    assert!(gaps.is_empty());
    let (_, gaps) = sample(&mut baseline, view(&many[2..]), 120_000);
    assert!(gaps.is_empty());
    let (_, gaps) = sample(&mut baseline, view(&many[2..]), 3_600_000);
    assert_eq!((gaps[0].from_ms, gaps[0].to_ms, gaps[0].amount), (0, 3_600_000, 2));
    let (_, gaps) = sample(&mut baseline, view(&many[2..]), 7_200_000);
    assert!(gaps.is_empty());
}

#[test]
fn a_statement_that_the_limit_cut_off_before_is_not_counted_whole() {
    let mut baseline = Baseline::default();
    let cut = baseline.compare(view(&[(1, 100)]), false, 0);
    baseline.settle("utama", cut, &HashMap::new());
    let changes = baseline.compare(view(&[(1, 101), (2, 90)]), false, 60_000);
    assert_eq!(
        changes.counted,
        [(key(1), Counters { calls: 1, total_us: 100, rows: 2, since_ms: 0 })]
    );
    assert_eq!(changes.lost, 0);
}

#[test]
fn a_statement_whose_text_is_not_known_yet_is_counted_in_the_next_sample() {
    let mut baseline = Baseline::default();
    sample(&mut baseline, view(&[(1, 100)]), 0);
    let changes = baseline.compare(view(&[(1, 110), (2, 5)]), true, 60_000);
    let (deltas, _) = baseline.settle("utama", changes, &HashMap::new());
    assert!(deltas.is_empty());
    let (counted, _) = sample(&mut baseline, view(&[(1, 111), (2, 5)]), 120_000);
    assert_eq!(counted, [("SELECT 1".to_owned(), 11), ("SELECT 2".to_owned(), 5)]);
}

#[test]
fn a_sample_that_fails_before_it_is_settled_loses_nothing() {
    let mut baseline = Baseline::default();
    sample(&mut baseline, view(&[(1, 100)]), 0);
    drop(baseline.compare(view(&[(1, 110)]), true, 60_000));
    let (counted, _) = sample(&mut baseline, view(&[(1, 120)]), 120_000);
    assert_eq!(counted, [("SELECT 1".to_owned(), 20)]);
}

#[test]
fn more_changes_than_texts_may_be_asked_for_are_counted_over_several_samples() {
    let mut baseline = Baseline::default();
    let of = |calls| (0..1_500).map(|n| (key(n), counters(calls))).collect::<HashMap<_, _>>();
    sample(&mut baseline, of(1), 0);
    let (first, _) = sample(&mut baseline, of(2), 60_000);
    let (second, _) = sample(&mut baseline, of(2), 120_000);
    assert_eq!((first.len(), second.len()), (TEXTS_MAX, 500));
    assert!(sample(&mut baseline, of(2), 180_000).0.is_empty());
}

#[test]
fn our_own_statements_are_not_counted_and_not_asked_for_again() {
    let mut baseline = Baseline::default();
    sample(&mut baseline, view(&[(1, 100)]), 0);
    let changes = baseline.compare(view(&[(1, 110)]), true, 60_000);
    let own = HashMap::from([(key(1), (format!("{OWN_SELECT} 1"), "epns_prod".to_owned()))]);
    assert!(baseline.settle("utama", changes, &own).0.is_empty());
    assert!(baseline.compare(view(&[(1, 120)]), true, 120_000).counted.is_empty());
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn columns_are_chosen_by_what_the_view_has() {
    let old = View::choose("public", &columns(&["query", "calls", "total_time", "rows"])).unwrap();
    assert!(old.counters.contains("sum(s.total_time)"));
    assert!(old.counters.contains("hashtext(s.query)"));
    assert!(old.counters.contains("\"public\".pg_stat_statements s"));
    assert_eq!(old.hidden, None);
    let new =
        View::choose("e\"x", &columns(&["queryid", "total_exec_time", "stats_since"])).unwrap();
    assert!(new.counters.contains("sum(s.total_exec_time)"));
    assert!(new.counters.contains("\"e\"\"x\".pg_stat_statements(false)"));
    assert!(new.counters.contains("min(s.stats_since)"));
    assert_eq!(View::choose("public", &columns(&["calls", "elapsed"])), None);
}

proptest::proptest! {
    #[test]
    fn what_is_counted_over_many_samples_is_what_the_counters_rose_by(
        rises in proptest::collection::vec(proptest::collection::vec(0u64..50, 4), 1..20),
    ) {
        let mut baseline = Baseline::default();
        let mut totals = [0u64; 4];
        let now = |totals: &[u64; 4]| view(&[0, 1, 2, 3].map(|n| (n as i64, totals[n])));
        sample(&mut baseline, now(&totals), 0);
        let mut counted = 0;
        for (n, rise) in rises.iter().enumerate() {
            for (total, rise) in totals.iter_mut().zip(rise) {
                *total += rise;
            }
            let (deltas, gaps) = sample(&mut baseline, now(&totals), n as i64 * 60_000);
            proptest::prop_assert!(gaps.is_empty());
            counted += deltas.iter().map(|(_, calls)| calls).sum::<u64>();
        }
        proptest::prop_assert_eq!(counted, totals.iter().sum::<u64>());
    }
}
