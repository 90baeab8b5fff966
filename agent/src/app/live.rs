//! The newest state of everything, and what the agent has trouble with: told once for each change.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Notify, watch};

use crate::domain::{DatabaseSample, HostSample, LiveState, Problem, State, Target, TargetCheck};

/// Problems shown at once; a person needs the first ones solved to see more.
const PROBLEMS_MAX: usize = 50;
/// Databases shown at once.
const DATABASES_MAX: usize = 200;

/// See the module.
pub(super) struct Live {
    host: Option<HostSample>,
    databases: BTreeMap<(String, String), DatabaseSample>,
    /// By who found it and what it concerns.
    problems: BTreeMap<(String, String), Problem>,
    backlog: (u64, u64),
    traffic: Option<(u64, u64)>,
    out: watch::Sender<Arc<LiveState>>,
    urgent: Arc<Notify>,
}

impl Live {
    /// `urgent` is notified when a target changes its state: that does not wait for the next heartbeat.
    pub(super) fn new(urgent: Arc<Notify>) -> (Live, watch::Receiver<Arc<LiveState>>) {
        let (out, receiver) = watch::channel(Arc::default());
        let live = Live {
            host: None,
            databases: BTreeMap::new(),
            problems: BTreeMap::new(),
            backlog: (0, 0),
            traffic: None,
            out,
            urgent,
        };
        (live, receiver)
    }

    pub(super) fn set_host(&mut self, host: HostSample) {
        self.host = Some(host);
    }

    pub(super) fn set_databases(&mut self, samples: &[DatabaseSample]) {
        for sample in samples {
            let key = (sample.cluster.clone(), sample.database.clone());
            let before = self.databases.get(&key);
            if before.is_none() && self.databases.len() >= DATABASES_MAX {
                continue;
            }
            // Asked less often: the last answer is the newest state until the next one.
            let size_bytes = sample.size_bytes.or(before.and_then(|b| b.size_bytes));
            let accounts = sample.accounts.or(before.and_then(|b| b.accounts));
            self.databases.insert(key, DatabaseSample { size_bytes, accounts, ..sample.clone() });
        }
    }

    pub(super) fn set_backlog(&mut self, backlog: (u64, u64)) {
        self.backlog = backlog;
    }

    /// Bytes sent and received today.
    pub(super) fn set_traffic(&mut self, today: (u64, u64)) {
        self.traffic = Some(today);
    }

    /// What `finder` has trouble with now; what it told before and does not tell now is over.
    pub(super) fn set_problems(&mut self, finder: &str, problems: Vec<Problem>) {
        let is_gone = |subject: &String| !problems.iter().any(|p| p.subject == *subject);
        let mine = self.problems.keys().filter(|(who, _)| who == finder);
        let over: Vec<_> = mine.filter(|(_, subject)| is_gone(subject)).cloned().collect();
        for key in over {
            tracing::info!(subject = key.1, "well again");
            self.problems.remove(&key);
        }
        problems.into_iter().for_each(|problem| self.set_problem(finder, problem));
    }

    fn set_problem(&mut self, finder: &str, mut problem: Problem) {
        let key = (finder.to_owned(), problem.subject.clone());
        match self.problems.get(&key) {
            Some(before) if before.text == problem.text => return,
            Some(before) => problem.since_ms = before.since_ms,
            None if self.problems.len() >= PROBLEMS_MAX => return,
            None => {}
        }
        tracing::warn!(subject = problem.subject, "{}", problem.text);
        self.problems.insert(key, problem);
    }

    /// Hands the newest state to the link.
    pub(super) fn publish(&self, targets: Vec<(TargetCheck, i64)>, now_ms: i64) {
        let is_other = states(&self.out.borrow().targets).ne(states(&targets));
        self.out.send_replace(Arc::new(LiveState {
            at_ms: now_ms,
            host: self.host.clone(),
            targets,
            databases: self.databases.values().cloned().collect(),
            problems: self.problems.values().cloned().collect(),
            spool_batches: self.backlog.0,
            spool_bytes: self.backlog.1,
            traffic: self.traffic,
        }));
        if is_other {
            self.urgent.notify_one();
        }
    }
}

/// What of the targets is told at once when it changes.
fn states(targets: &[(TargetCheck, i64)]) -> impl Iterator<Item = (Target, &str, State, &str)> {
    targets.iter().map(|(check, _)| (check.target, &*check.subject, check.state, &*check.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(subject: &str, text: &str, since_ms: i64) -> Problem {
        Problem { subject: subject.to_owned(), text: text.to_owned(), since_ms }
    }

    #[test]
    fn a_problem_lasts_until_its_finder_no_longer_tells_it() {
        let (mut live, state) = Live::new(Arc::new(Notify::new()));
        live.set_problems("host", vec![problem("disk", "unreadable", 1)]);
        live.set_problems("log.play", vec![problem("log.play", "missing", 2)]);
        live.set_problems("host", vec![problem("disk", "still unreadable", 3)]);
        live.publish(vec![], 9);
        let told: Vec<(String, i64)> =
            state.borrow().problems.iter().map(|p| (p.text.clone(), p.since_ms)).collect();
        assert_eq!(told, [("still unreadable".to_owned(), 1), ("missing".to_owned(), 2)]);
        live.set_problems("host", vec![]);
        live.publish(vec![], 9);
        assert_eq!(state.borrow().problems.len(), 1);
    }

    #[test]
    fn a_size_that_is_not_asked_each_time_stays_until_it_is_asked_again() {
        let (mut live, state) = Live::new(Arc::new(Notify::new()));
        for (size_bytes, commits) in [(Some(7), 1), (None, 2)] {
            live.set_databases(&[DatabaseSample { size_bytes, commits, ..Default::default() }]);
        }
        live.publish(vec![], 9);
        let shown = state.borrow().databases.clone();
        assert_eq!((shown[0].size_bytes, shown[0].commits), (Some(7), 2));
    }

    #[tokio::test]
    async fn every_change_of_a_target_is_urgent_and_nothing_else() {
        let urgent = Arc::new(Notify::new());
        let (live, _state) = Live::new(urgent.clone());
        let target = |state, at_ms| {
            let (reason, subject) = (String::new(), "utama".to_owned());
            (
                TargetCheck {
                    target: Target::Database,
                    state,
                    reason,
                    latency_ms: 1,
                    subject,
                    at_ms,
                },
                0,
            )
        };
        for (targets, expected) in [
            (vec![target(State::Up, 1)], true),
            (vec![target(State::Up, 2)], false),
            (vec![target(State::Down, 3)], true),
            (vec![], true),
            (vec![], false),
        ] {
            live.publish(targets, 9);
            let told = tokio::time::timeout(std::time::Duration::ZERO, urgent.notified()).await;
            assert_eq!(told.is_ok(), expected);
        }
    }

    #[test]
    fn problems_are_bounded() {
        let (mut live, state) = Live::new(Arc::new(Notify::new()));
        let many = (0..500).map(|n| problem(&format!("disk {n}"), "unreadable", 0)).collect();
        live.set_problems("host", many);
        live.publish(vec![], 0);
        assert_eq!(state.borrow().problems.len(), PROBLEMS_MAX);
    }
}
