//! What may still be sent today, where the settings cap the bytes of a day.
//!
//! The state of a server is worth more than its counts, and these more than examples. So examples are
//! withheld first and batches next, each while a share of the cap is left for what is worth more until
//! midnight. The state always goes. What is withheld waits in the spool and goes the next day.

use std::sync::Arc;

use super::meter::Meter;

/// Share of the cap, in permille, that examples leave to all else for a whole day.
const LEFT_BY_EXEMPLARS_PERMILLE: u64 = 200;
/// Share of the cap, in permille, that batches leave to the state for a whole day.
const LEFT_BY_BATCHES_PERMILLE: u64 = 50;

/// What may be sent; each lacks something that the one before it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allowance {
    /// Everything.
    All,
    /// Batches without their examples.
    NoExemplars,
    /// Neither batches nor examples.
    StateOnly,
}

/// The cap and what is used of it.
#[derive(Clone)]
pub struct Budget {
    meter: Arc<Meter>,
    bytes_per_day_max: Option<u64>,
}

impl Budget {
    /// `None` allows all.
    pub fn new(meter: Arc<Meter>, bytes_per_day_max: Option<u64>) -> Budget {
        Budget { meter, bytes_per_day_max }
    }

    /// What may be sent now.
    pub fn allowance(&self, now_ms: i64) -> Allowance {
        let Some(cap) = self.bytes_per_day_max else { return Allowance::All };
        allowed(self.used(now_ms), cap, self.meter.permille_over(now_ms))
    }

    /// What a person should know of it.
    pub fn problem(&self, now_ms: i64) -> Option<String> {
        let held = match self.allowance(now_ms) {
            Allowance::All => return None,
            Allowance::NoExemplars => "examples of errors wait",
            Allowance::StateOnly => "batches wait in the spool",
        };
        let cap = self.bytes_per_day_max.unwrap_or_default();
        Some(format!(
            "most of the {cap} bytes of today are used, so {held} until more may be sent; raise \
             `bytes_per_day_max` if this happens each day"
        ))
    }

    fn used(&self, now_ms: i64) -> u64 {
        let (sent, received) = self.meter.on(now_ms);
        sent.saturating_add(received)
    }
}

/// `over_permille`: how much of the day is over. What is left aside shrinks with what is left of the day,
/// so that a cap is used up by midnight and not before.
fn allowed(used: u64, cap: u64, over_permille: u32) -> Allowance {
    let left_of_day = u64::from(1_000u32.saturating_sub(over_permille));
    let until = |left_permille: u64| {
        // In permille of permille; a cap is at most a terabyte, so nothing overflows in 128 bits.
        let aside = u128::from(cap) * u128::from(left_permille * left_of_day) / 1_000_000;
        u128::from(cap) - aside
    };
    let used = u128::from(used);
    if used >= until(LEFT_BY_BATCHES_PERMILLE) {
        Allowance::StateOnly
    } else if used >= until(LEFT_BY_EXEMPLARS_PERMILLE) {
        Allowance::NoExemplars
    } else {
        Allowance::All
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn in_the_morning_examples_stop_at_four_fifths_and_batches_at_nineteen_twentieths() {
        assert_eq!(allowed(799, 1_000, 0), Allowance::All);
        assert_eq!(allowed(800, 1_000, 0), Allowance::NoExemplars);
        assert_eq!(allowed(949, 1_000, 0), Allowance::NoExemplars);
        assert_eq!(allowed(950, 1_000, 0), Allowance::StateOnly);
    }

    #[test]
    fn towards_midnight_the_whole_cap_may_be_used() {
        assert_eq!(allowed(899, 1_000, 500), Allowance::All);
        assert_eq!(allowed(999, 1_000, 1_000), Allowance::All);
        assert_eq!(allowed(1_000, 1_000, 1_000), Allowance::StateOnly);
    }

    proptest! {
        #[test]
        fn more_used_never_allows_more(
            used in any::<u64>(), more in any::<u64>(), cap in any::<u64>(), over in 0u32..2_000
        ) {
            prop_assert!(allowed(used, cap, over) <= allowed(used.saturating_add(more), cap, over));
        }
    }

    #[test]
    fn without_a_cap_all_is_allowed_and_with_one_its_end_is_told() {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let meter = |sent| {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("traffic.json");
            let date = jiff::Timestamp::from_millisecond(now_ms).unwrap();
            let date = date.to_zoned(jiff::tz::TimeZone::UTC).date();
            let text = format!("{{\"date\":\"{date}\",\"sent\":{sent},\"received\":0}}");
            std::fs::write(&file, text).unwrap();
            Arc::new(Meter::open(file, jiff::tz::TimeZone::UTC, now_ms))
        };
        let used = meter(1_000_000);
        assert_eq!(Budget::new(used.clone(), None).allowance(now_ms), Allowance::All);
        let budget = Budget::new(used, Some(1_000_000));
        assert_eq!(budget.allowance(now_ms), Allowance::StateOnly);
        assert!(budget.problem(now_ms).unwrap().contains("raise `bytes_per_day_max`"));
        assert_eq!(Budget::new(meter(1), Some(1_000_000)).problem(now_ms), None);
    }
}
