//! How long to wait before the next attempt.
//!
//! When a collector goes away, all its agents notice at the same moment. Each wait is drawn evenly from
//! zero to a bound that doubles from ten seconds to five minutes ("full jitter"): the first attempts of
//! 2,000 agents come at 200 a second, most against a closed port, and those of a longer outage at 13 a
//! second (one in 150 s each, on average). A collector that comes back sees the last of them after five
//! minutes. Who was connected for a minute begins anew with the first bound.

use std::time::Duration;

/// Bound of the first wait.
const FIRST_MAX: Duration = Duration::from_secs(10);
/// Bound of every wait that is our own choice; a collector may ask for longer.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Doublings after which [`WAIT_MAX`] is reached.
const DOUBLINGS_MAX: u32 = 5;
/// Longest wait that a collector may ask for.
const ASKED_MAX: Duration = Duration::from_secs(3_600);
/// Least wait, so that luck in drawing does not make a busy loop.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// A stream that lasted this long was a good one.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// Wait before the attempt after `failures` failed ones (from 1). `asked_s`: the collector's own wish, to
/// which our wait is added, since it asks all agents alike. `drawn` in 0.0..1.0.
pub(super) fn wait(failures: u32, asked_s: u32, drawn: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
    let bound = FIRST_MAX.saturating_mul(1 << doublings).min(WAIT_MAX);
    let own = bound.mul_f64(drawn.clamp(0.0, 1.0)).max(WAIT_MIN);
    own + Duration::from_secs(u64::from(asked_s)).min(ASKED_MAX)
}

/// Failures to count from after a stream that was welcomed and lasted this long.
pub(super) fn failures_after(failures: u32, lasted: Option<Duration>) -> u32 {
    if lasted.is_some_and(|lasted| lasted >= STEADY_AFTER) { 1 } else { failures.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_from_ten_seconds_to_five_minutes_and_waits_lie_anywhere_below() {
        let bounds: Vec<u64> = (1..9).map(|n| wait(n, 0, 1.0).as_secs()).collect();
        assert_eq!(bounds, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(wait(7, 0, 0.5).as_secs(), 150);
        assert_eq!(wait(7, 0, 0.0), WAIT_MIN);
        assert_eq!(wait(u32::MAX, 0, 1.0), WAIT_MAX);
    }

    #[test]
    fn a_collector_may_ask_for_a_longer_wait_within_reason_and_agents_stay_spread() {
        assert_eq!(wait(1, 120, 0.5).as_secs(), 125);
        assert_eq!(wait(1, u32::MAX, 1.0), ASKED_MAX + FIRST_MAX);
    }

    #[test]
    fn only_a_stream_that_lasted_makes_failures_forgotten() {
        assert_eq!(failures_after(4, None), 5);
        assert_eq!(failures_after(4, Some(Duration::from_secs(59))), 5);
        assert_eq!(failures_after(4, Some(Duration::from_secs(60))), 1);
        assert_eq!(failures_after(u32::MAX, None), u32::MAX);
    }

    #[test]
    fn two_thousand_agents_are_spread_over_minutes_after_an_outage() {
        let agents = 2_000u32;
        let mut per_second = std::collections::HashMap::<u64, u32>::new();
        for agent in 0..agents {
            let drawn = f64::from(agent) / f64::from(agents);
            *per_second.entry(wait(6, 0, drawn).as_secs()).or_default() += 1;
        }
        assert!(per_second.values().max().is_some_and(|most| *most <= 14), "{per_second:?}");
        assert!(per_second.len() >= 290);
    }
}
