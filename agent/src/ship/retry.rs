//! How long to wait before the next attempt.

use std::time::Duration;

/// First wait, and the least.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// Longest wait that is our own choice; a collector may ask for longer.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest wait that a collector may ask for.
const ASKED_MAX: Duration = Duration::from_secs(3_600);

/// Wait before the attempt after `failures` failed ones (from 1). `asked_s`: the collector's own wish.
/// `jitter` in 0.0..1.0 spreads many agents: half to all of the doubled wait.
pub(super) fn wait(failures: u32, asked_s: u32, jitter: f64) -> Duration {
    let doubled = WAIT_MIN.saturating_mul(1u32 << failures.saturating_sub(1).min(6));
    let own = doubled.min(WAIT_MAX).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0).max(WAIT_MIN);
    let asked = Duration::from_secs(u64::from(asked_s)).min(ASKED_MAX);
    own.max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_one_second_to_a_minute_and_are_spread() {
        let whole: Vec<u64> = (1..10).map(|n| wait(n, 0, 1.0).as_secs()).collect();
        assert_eq!(whole, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(wait(7, 0, 0.0).as_secs(), 30);
        assert_eq!(wait(u32::MAX, 0, 1.0), WAIT_MAX);
    }

    #[test]
    fn a_collector_may_ask_for_a_longer_wait_within_reason() {
        assert_eq!(wait(1, 120, 0.3).as_secs(), 120);
        assert_eq!(wait(1, u32::MAX, 0.3), ASKED_MAX);
    }
}
