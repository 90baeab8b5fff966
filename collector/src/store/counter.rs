//! Counters that begin anew: how much happened between two samples.

use super::value::{QUANTITY_MAX, plus};

/// Counters of a database, or increases of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) commits: i64,
    pub(super) rollbacks: i64,
    pub(super) deadlocks: i64,
    /// When they began; 0 in an increase.
    pub(super) reset_ms: i64,
}

impl Counters {
    /// Adds an increase.
    pub(super) fn add(&mut self, more: Counters) {
        self.commits = plus(self.commits, more.commits);
        self.rollbacks = plus(self.rollbacks, more.rollbacks);
        self.deadlocks = plus(self.deadlocks, more.deadlocks);
    }
}

/// What happened between two samples of a database. Counters that began anew in between (told by the
/// time of the reset, or by one that fell: a crash resets them without a time) count from nothing.
pub(super) fn increase(before: &Counters, after: &Counters) -> Counters {
    let fell = after.commits < before.commits
        || after.rollbacks < before.rollbacks
        || after.deadlocks < before.deadlocks;
    let base =
        if fell || before.reset_ms != after.reset_ms { Counters::default() } else { *before };
    Counters {
        commits: bounded(after.commits.saturating_sub(base.commits)),
        rollbacks: bounded(after.rollbacks.saturating_sub(base.rollbacks)),
        deadlocks: bounded(after.deadlocks.saturating_sub(base.deadlocks)),
        reset_ms: 0,
    }
}

/// What a single counter grew by; one that fell (a reboot) counts from nothing.
pub(super) fn growth(before: i64, after: i64) -> i64 {
    bounded(if after < before { after } else { after.saturating_sub(before) })
}

fn bounded(value: i64) -> i64 {
    value.clamp(0, QUANTITY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(commits: i64, rollbacks: i64, reset_ms: i64) -> Counters {
        Counters { commits, rollbacks, deadlocks: 0, reset_ms }
    }

    #[test]
    fn counters_that_began_anew_count_from_nothing() {
        let cases = [
            (counters(100, 10, 1), counters(130, 12, 1), counters(30, 2, 0)),
            (counters(100, 10, 1), counters(130, 12, 2), counters(130, 12, 0)),
            (counters(100, 10, 1), counters(130, 2, 1), counters(130, 2, 0)),
        ];
        for (before, after, expected) in cases {
            assert_eq!(increase(&before, &after), expected);
        }
    }

    #[test]
    fn a_counter_that_fell_counts_from_nothing() {
        assert_eq!((growth(10, 15), growth(10, 3), growth(0, i64::MAX)), (5, 3, QUANTITY_MAX));
    }
}
