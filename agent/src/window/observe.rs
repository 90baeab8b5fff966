//! Turns checks into intervals. A state holds from its check to the next check; when too much time
//! passes between two, there is a hole (nobody looked) and not a bridge.

use crate::domain::{Observation, Target, TargetCheck};

/// Tenths of a check's interval that may pass between two checks without a hole.
const BRIDGE_TENTHS: i64 = 25;

/// Intervals kept of a window that cannot close; beyond it a flapping target becomes unknown.
const CLOSED_MAX: usize = 10_000;

/// See the module. One line of checks per target and subject; their number is bounded by the settings.
pub struct Observer {
    interval_ms: i64,
    lines: Vec<Line>,
    closed: Vec<Observation>,
}

/// The checks of one target and subject that hang together.
struct Line {
    last: TargetCheck,
    /// Since when the state is what it is.
    since_ms: i64,
    /// From where on it is not yet part of a batch.
    undelivered_from_ms: i64,
    interval_ms: i64,
}

impl Observer {
    /// `interval_ms`: time between two checks where [`Observer::check_each`] does not say otherwise.
    pub fn new(interval_ms: i64) -> Observer {
        Observer { interval_ms, lines: Vec::new(), closed: Vec::new() }
    }

    /// Takes one check.
    pub fn check(&mut self, check: TargetCheck) {
        self.check_each(check, self.interval_ms);
    }

    /// As [`Observer::check`], for a target that is checked each `interval_ms`.
    pub fn check_each(&mut self, check: TargetCheck, interval_ms: i64) {
        let same =
            |line: &Line| (line.last.target, &line.last.subject) == (check.target, &check.subject);
        let Some(line) = self.lines.iter_mut().find(|line| same(line)) else {
            self.lines.push(Line::begin(check, interval_ms));
            return;
        };
        line.interval_ms = interval_ms;
        let ended = line.extend(check);
        self.close(ended);
    }

    /// Nothing can be told of this target now: its last interval ends at its last check.
    pub fn cannot_tell(&mut self, target: Target, subject: &str) {
        let is_it = |line: &Line| line.last.target == target && line.last.subject == subject;
        if let Some(at) = self.lines.iter().position(is_it) {
            let line = self.lines.remove(at);
            self.close(line.until(line.last.at_ms));
        }
    }

    /// Newest check per target and subject, and since when it has been so without a hole. A target whose
    /// checks have stopped is not among them: nobody knows how it is.
    pub fn targets(&self, now_ms: i64) -> Vec<(TargetCheck, i64)> {
        let watched = self.lines.iter().filter(|line| !line.is_hole(now_ms));
        watched.map(|line| (line.last.clone(), line.since_ms)).collect()
    }

    /// What is not part of a batch yet.
    pub fn observations(&self) -> Vec<Observation> {
        let open = self.lines.iter().filter_map(|line| line.until(line.last.at_ms));
        self.closed.iter().cloned().chain(open).collect()
    }

    /// [`Observer::observations`] is part of a batch: what is open goes on from its end.
    pub fn delivered(&mut self) {
        self.closed.clear();
        for line in &mut self.lines {
            line.undelivered_from_ms = line.last.at_ms;
        }
    }

    fn close(&mut self, ended: Option<Observation>) {
        if self.closed.len() < CLOSED_MAX {
            self.closed.extend(ended);
        }
    }
}

impl Line {
    fn begin(check: TargetCheck, interval_ms: i64) -> Line {
        let at_ms = check.at_ms;
        Line { last: check, since_ms: at_ms, undelivered_from_ms: at_ms, interval_ms }
    }

    /// Takes the next check; gives the interval that it ends.
    fn extend(&mut self, check: TargetCheck) -> Option<Observation> {
        let is_same = (self.last.state, &self.last.reason) == (check.state, &check.reason);
        let is_hole = self.is_hole(check.at_ms);
        if is_same && !is_hole {
            self.last = check;
            return None;
        }
        let end_ms = if is_hole { self.last.at_ms } else { check.at_ms };
        let ended = self.until(end_ms);
        *self = Line::begin(check, self.interval_ms);
        ended
    }

    /// Whether nobody looked between the last check and `at_ms`. A clock set back is a hole as well.
    fn is_hole(&self, at_ms: i64) -> bool {
        let passed_ms = at_ms.saturating_sub(self.last.at_ms);
        passed_ms < 0
            || passed_ms.saturating_mul(10) > self.interval_ms.saturating_mul(BRIDGE_TENTHS)
    }

    fn until(&self, to_ms: i64) -> Option<Observation> {
        (to_ms > self.undelivered_from_ms).then(|| Observation {
            target: self.last.target,
            state: self.last.state,
            from_ms: self.undelivered_from_ms,
            to_ms,
            reason: self.last.reason.clone(),
            subject: self.last.subject.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::State;

    const INTERVAL_MS: i64 = 15_000;

    fn check(state: State, at_ms: i64) -> TargetCheck {
        let reason = if state == State::Up { "" } else { "connect_refused" };
        TargetCheck {
            target: Target::Application,
            state,
            reason: reason.to_owned(),
            latency_ms: 3,
            subject: "http://127.0.0.1:9000/".to_owned(),
            at_ms,
        }
    }

    fn spans(observer: &Observer) -> Vec<(State, i64, i64)> {
        observer.observations().iter().map(|o| (o.state, o.from_ms, o.to_ms)).collect()
    }

    #[test]
    fn equal_checks_become_one_interval_and_a_change_ends_it_at_the_next_check() {
        let mut observer = Observer::new(INTERVAL_MS);
        observer.check(check(State::Up, 0));
        observer.check(check(State::Up, 15_000));
        observer.check(check(State::Down, 30_000));
        observer.check(check(State::Down, 45_000));
        assert_eq!(spans(&observer), [(State::Up, 0, 30_000), (State::Down, 30_000, 45_000)]);
    }

    #[test]
    fn an_open_interval_goes_on_in_the_next_batch_without_hole_or_overlap() {
        let mut observer = Observer::new(INTERVAL_MS);
        observer.check(check(State::Up, 0));
        observer.check(check(State::Up, 15_000));
        assert_eq!(spans(&observer), [(State::Up, 0, 15_000)]);
        observer.delivered();
        assert_eq!(spans(&observer), []);
        observer.check(check(State::Down, 30_000));
        assert_eq!(spans(&observer), [(State::Up, 15_000, 30_000)]);
        assert_eq!(observer.targets(30_000)[0].1, 30_000);
    }

    #[test]
    fn a_pause_longer_than_two_and_a_half_intervals_is_a_hole() {
        let mut observer = Observer::new(INTERVAL_MS);
        for at_ms in [0, 15_000, 15_000 + 37_500, 15_000 + 37_500 + 37_501, 120_000] {
            observer.check(check(State::Up, at_ms));
        }
        assert_eq!(spans(&observer), [(State::Up, 0, 52_500), (State::Up, 90_001, 120_000)]);
        assert_eq!(observer.targets(120_000)[0].1, 90_001);
    }

    #[test]
    fn a_clock_set_back_does_not_bridge() {
        let mut observer = Observer::new(INTERVAL_MS);
        for at_ms in [100_000, 115_000, 50_000, 65_000] {
            observer.check(check(State::Up, at_ms));
        }
        assert_eq!(spans(&observer), [(State::Up, 100_000, 115_000), (State::Up, 50_000, 65_000)]);
    }

    #[test]
    fn a_target_that_cannot_be_told_any_more_ends_at_its_last_check_and_is_not_shown() {
        let mut observer = Observer::new(INTERVAL_MS);
        observer.check(check(State::Up, 0));
        observer.check(check(State::Up, 15_000));
        let subject = check(State::Up, 0).subject;
        observer.cannot_tell(Target::Application, &subject);
        observer.cannot_tell(Target::Application, &subject);
        assert_eq!(observer.targets(20_000), []);
        assert_eq!(spans(&observer), [(State::Up, 0, 15_000)]);
        observer.check(check(State::Up, 30_000));
        assert_eq!(observer.targets(30_000)[0].1, 30_000);
    }

    #[test]
    fn a_target_whose_checks_have_stopped_is_not_shown_as_it_was() {
        let mut observer = Observer::new(INTERVAL_MS);
        observer.check(check(State::Up, 0));
        assert_eq!(observer.targets(37_500).len(), 1);
        assert_eq!(observer.targets(37_501), []);
    }

    #[test]
    fn two_subjects_of_one_target_are_kept_apart() {
        let mut observer = Observer::new(INTERVAL_MS);
        observer.check(check(State::Up, 0));
        observer.check(TargetCheck { subject: "other".to_owned(), ..check(State::Down, 5) });
        assert_eq!(observer.targets(5).len(), 2);
    }
}
