use proptest::prelude::*;

use super::*;

impl Decision {
    fn transition(&self) -> Option<(Transition, Level)> {
        self.turn.map(|turn| (turn.transition, turn.level))
    }
}

const TICK_MS: i64 = 10_000;
const HOLD_MS: i64 = 60_000;

const DISK: Bounds = Bounds {
    warning: Some(800),
    critical: Some(900),
    hysteresis: 30,
    open_hold_ms: HOLD_MS,
    clear_hold_ms: HOLD_MS,
};

const DOWN: Bounds = Bounds {
    warning: None,
    critical: Some(60),
    hysteresis: 0,
    open_hold_ms: HOLD_MS,
    clear_hold_ms: HOLD_MS,
};

/// Ticks from 0 on, by one collector that has been running all the time.
struct Run {
    bounds: Bounds,
    state: Option<AlertState>,
    now_ms: i64,
    watching_since_ms: i64,
}

impl Run {
    fn new(bounds: Bounds) -> Run {
        Run { bounds, state: None, now_ms: 0, watching_since_ms: 0 }
    }

    fn tick(&mut self, reading: Reading) -> Decision {
        self.now_ms += TICK_MS;
        let moment = Moment { now_ms: self.now_ms, watching_since_ms: self.watching_since_ms };
        let decision = decide(self.state.as_ref(), reading, &self.bounds, moment);
        self.state = decision.next;
        decision
    }

    /// Transitions over `seconds` of the same reading.
    fn hold(&mut self, reading: Reading, seconds: i64) -> Vec<(Transition, Level)> {
        (0..seconds * 1_000 / TICK_MS).filter_map(|_| self.tick(reading).transition()).collect()
    }

    /// The collector is off for a while; the state comes back from the store.
    fn restart_after(&mut self, off_ms: i64) {
        self.now_ms += off_ms;
        self.watching_since_ms = self.now_ms + TICK_MS;
    }
}

use Level::{Critical, Warning};
use Reading::{Bad, Figure, Gone, Good};
use Transition::{Eased, Escalated, Opened, Resolved};

/// What a course is like, its pieces as permille and seconds, and the transitions expected.
type Course = (&'static str, &'static [(i64, i64)], &'static [(Transition, Level)]);

#[test]
fn each_course_of_a_figure_gives_its_transitions() {
    let cases: &[Course] = &[
        ("below the threshold", &[(799, 600)], &[]),
        ("at the threshold for too short a time", &[(800, 60), (799, 600)], &[]),
        ("at the threshold for the hold time", &[(800, 70)], &[(Opened, Warning)]),
        ("far above at once", &[(950, 70)], &[(Opened, Critical)]),
        ("through both", &[(850, 70), (950, 70)], &[(Opened, Warning), (Escalated, Critical)]),
        ("swinging across both while rising", &[(850, 30), (950, 40)], &[(Opened, Warning)]),
        ("just below does not end it", &[(850, 70), (771, 6_000)], &[(Opened, Warning)]),
        (
            "by the hysteresis below ends it",
            &[(850, 70), (770, 70)],
            &[(Opened, Warning), (Resolved, Warning)],
        ),
        (
            "from critical to a warning to none",
            &[(950, 70), (850, 70), (700, 70)],
            &[(Opened, Critical), (Eased, Warning), (Resolved, Warning)],
        ),
        (
            "from critical to none",
            &[(950, 70), (100, 70)],
            &[(Opened, Critical), (Resolved, Critical)],
        ),
    ];
    for (name, course, expected) in cases {
        let mut run = Run::new(DISK);
        let seen: Vec<_> =
            course.iter().flat_map(|(value, s)| run.hold(Figure(*value), *s)).collect();
        assert_eq!(&seen, expected, "{name}");
    }
}

#[test]
fn a_figure_that_swings_around_its_threshold_raises_one_alert() {
    let mut run = Run::new(DISK);
    let mut seen = run.hold(Figure(805), 70);
    for _ in 0..1_000 {
        seen.extend(run.tick(Figure(795)).transition());
        seen.extend(run.tick(Figure(805)).transition());
    }
    assert_eq!(seen, [(Opened, Warning)]);
}

#[test]
fn a_state_is_bad_for_its_hold_time_before_it_is_told() {
    let mut run = Run::new(DOWN);
    assert_eq!(run.hold(Bad { lasting_s: 5 }, 60), []);
    assert_eq!(run.tick(Bad { lasting_s: 65 }).transition(), Some((Opened, Critical)));
    assert_eq!(run.hold(Good, 60), []);
    assert_eq!(run.tick(Good).transition(), Some((Resolved, Critical)));
    assert_eq!(run.state, None);
}

#[test]
fn a_restart_neither_opens_nor_ends_an_alert_by_itself() {
    let mut run = Run::new(DISK);
    run.hold(Figure(950), 50);
    run.restart_after(3_600_000);
    assert_eq!(run.hold(Figure(950), 60), [], "the hour off and the time before do not count");
    assert_eq!(run.hold(Figure(950), 10), [(Opened, Critical)]);
    run.hold(Figure(100), 50);
    run.restart_after(3_600_000);
    assert_eq!(run.hold(Figure(100), 60), []);
    assert_eq!(run.hold(Figure(100), 10), [(Resolved, Critical)]);
}

#[test]
fn what_is_unknown_changes_nothing_and_ends_a_hold() {
    let mut run = Run::new(DISK);
    run.hold(Figure(950), 70);
    assert_eq!(run.hold(Reading::Unknown, 86_400), []);
    assert_eq!(run.state.and_then(|state| state.level()), Some(Critical));
    run.hold(Figure(100), 50);
    assert_eq!(run.tick(Reading::Unknown).reason, Reason::Unknown);
    assert_eq!(run.hold(Figure(100), 60), [], "the hold begins anew");
    assert_eq!(run.hold(Figure(100), 10), [(Resolved, Critical)]);
}

#[test]
fn an_alert_about_what_is_gone_ends_with_that_reason() {
    for reason in [Reason::ServerRemoved, Reason::NotWatched] {
        let mut run = Run::new(DISK);
        run.hold(Figure(850), 70);
        assert_eq!(run.hold(Gone(reason), 60), []);
        let last = run.tick(Gone(reason));
        assert_eq!((last.transition(), last.reason), (Some((Resolved, Warning)), reason));
    }
}

#[test]
fn each_decision_names_its_reason() {
    let mut run = Run::new(DISK);
    assert_eq!(run.tick(Figure(100)).reason, Reason::Calm);
    assert_eq!(run.tick(Figure(850)).reason, Reason::Holding);
    run.hold(Figure(850), 50);
    assert_eq!(run.tick(Figure(850)).reason, Reason::Reached);
    assert_eq!(run.tick(Figure(850)).reason, Reason::Steady);
    run.hold(Figure(100), 60);
    assert_eq!(run.tick(Figure(100)).reason, Reason::Cleared);
}

#[test]
fn the_next_alert_of_a_key_has_a_beginning_of_its_own() {
    let mut run = Run::new(DISK);
    run.hold(Figure(850), 70);
    assert_eq!(run.state.map(|s| (s.opened_ms, s.transitions)), Some((70_000, 1)));
    run.hold(Figure(100), 70);
    run.hold(Figure(850), 70);
    assert_eq!(run.state.map(|s| (s.opened_ms, s.transitions)), Some((210_000, 1)));
}

#[test]
fn a_hysteresis_wider_than_the_threshold_still_lets_an_alert_end() {
    let mut run = Run::new(Bounds { hysteresis: 5_000, ..DISK });
    run.hold(Figure(850), 70);
    assert_eq!(run.hold(Figure(0), 70), [(Resolved, Warning)]);
}

#[test]
fn the_threshold_told_is_the_one_that_was_crossed() {
    assert_eq!(DISK.crossed(Opened, Warning), 800);
    assert_eq!(DISK.crossed(Escalated, Critical), 900);
    assert_eq!(DISK.crossed(Eased, Warning), 900);
    assert_eq!(DISK.crossed(Resolved, Critical), 800);
    assert_eq!(DOWN.crossed(Resolved, Critical), 60);
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        8 => (700..1_000i64).prop_map(Figure),
        1 => Just(Reading::Unknown),
        1 => Just(Gone(Reason::NotWatched)),
    ]
}

/// Readings, each lasting some ticks.
fn course() -> impl Strategy<Value = Vec<Reading>> {
    prop::collection::vec((reading(), 1..12usize), 1..60).prop_map(|pieces| {
        pieces.into_iter().flat_map(|(reading, ticks)| vec![reading; ticks]).collect()
    })
}

proptest! {
    #[test]
    fn transitions_alternate_as_they_should(course in course()) {
        let mut run = Run::new(DISK);
        let mut level = None;
        for reading in course {
            let Some((transition, told)) = run.tick(reading).transition() else { continue };
            let fits = match (transition, level) {
                (Opened, None) => true,
                (Escalated, Some(Warning)) => told == Critical,
                (Eased, Some(Critical)) => told == Warning,
                (Resolved, Some(open)) => told == open,
                _ => false,
            };
            prop_assert!(fits, "{transition:?} {told:?} when {level:?}");
            level = (transition != Resolved).then_some(told);
            prop_assert_eq!(run.state.and_then(|s| s.level()), level);
        }
    }

    #[test]
    fn nothing_changes_that_has_not_held(course in course()) {
        let ticks_held = (HOLD_MS / TICK_MS) as usize + 1;
        let mut run = Run::new(DISK);
        for (n, reading) in course.iter().enumerate() {
            let Some((transition, level)) = run.tick(*reading).transition() else { continue };
            let threshold = DISK.crossed(transition, level);
            let held = course[..=n].iter().rev().take(ticks_held);
            let fits = |reading: &Reading| match (transition, reading) {
                (Opened | Escalated, Figure(value)) => *value >= threshold,
                (Eased | Resolved, Figure(value)) => *value <= threshold - DISK.hysteresis,
                (Eased | Resolved, Gone(_)) => true,
                _ => false,
            };
            prop_assert!(held.len() == ticks_held && held.clone().all(fits), "{transition:?} at {n}");
        }
    }

    #[test]
    fn a_calm_key_is_forgotten(course in course()) {
        let mut run = Run::new(DISK);
        for reading in course {
            run.tick(reading);
        }
        run.hold(Figure(100), 130);
        prop_assert_eq!(run.state, None);
    }
}
