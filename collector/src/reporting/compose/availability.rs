//! Annex 1: shares that add up, a verdict that says what is unknown, intervals, bars per day.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::{
    config::Site,
    domain::{
        availability::{Interval, State, Target, apportion},
        period::Period,
    },
    reporting::model::{
        BARS_MAX, DayShares, INTERVALS_MAX, IntervalRow, TargetAvailability, Verdict,
    },
};

pub(super) fn targets(
    ledger: &[Interval],
    site: &Site,
    covered: Period,
) -> Vec<TargetAvailability> {
    let days = bars(covered, &site.zone);
    Target::ALL
        .into_iter()
        .map(|target| {
            let own: Vec<&Interval> = ledger.iter().filter(|i| i.target == target).collect();
            of_target(target, &own, site, covered, &days)
        })
        .collect()
}

fn of_target(
    target: Target,
    own: &[&Interval],
    site: &Site,
    covered: Period,
    days: &[Period],
) -> TargetAvailability {
    let sums = sums(own, covered);
    let target_permille = i64::from(site.availability_target_permille);
    let listed: Vec<_> = own.iter().filter(|interval| interval.state != State::Up).collect();
    TargetAvailability {
        target: target.as_str().to_owned(),
        shares_centipercent: apportion(sums).map(i64::from),
        target_permille,
        verdict: verdict(sums, target_permille),
        intervals: listed.iter().take(INTERVALS_MAX).map(|interval| row(interval)).collect(),
        intervals_left_out: listed.len().saturating_sub(INTERVALS_MAX) as i64,
        days: days.iter().map(|day| day_shares(own, *day)).collect(),
    }
}

fn row(interval: &Interval) -> IntervalRow {
    IntervalRow {
        state: interval.state.as_str().to_owned(),
        from_ms: interval.period.from_ms,
        to_ms: interval.period.to_ms,
        reason: interval.reason.clone(),
    }
}

fn day_shares(own: &[&Interval], day: Period) -> DayShares {
    DayShares {
        from_ms: day.from_ms,
        to_ms: day.to_ms,
        shares_centipercent: apportion(sums(own, day)).map(i64::from),
    }
}

/// Milliseconds of `period` in each state, in the order of [`State::ALL`]. What no interval covers is
/// unknown: absence is never evidence of being up.
fn sums(own: &[&Interval], period: Period) -> [i64; 5] {
    let mut sums = State::ALL.map(|state| {
        let in_state = own.iter().filter(|interval| interval.state == state);
        in_state.map(|interval| overlap(interval.period, period)).sum::<i64>()
    });
    let rest = period.len_ms() - sums.iter().sum::<i64>();
    if let Some(unknown) = sums.last_mut() {
        *unknown += rest.max(0);
    }
    sums
}

fn overlap(a: Period, b: Period) -> i64 {
    (a.to_ms.min(b.to_ms) - a.from_ms.max(b.from_ms)).max(0)
}

/// See [`Verdict`].
fn verdict(sums: [i64; 5], target_permille: i64) -> Verdict {
    let [up, down, degraded, maintenance, unknown] = sums.map(i128::from);
    if up + down + degraded + maintenance == 0 {
        return Verdict::NotMeasured;
    }
    let aimed = (up + down + degraded + unknown) * i128::from(target_permille);
    let available = up + degraded;
    if available * 1_000 >= aimed {
        Verdict::Met
    } else if (available + unknown) * 1_000 < aimed {
        Verdict::Missed
    } else {
        Verdict::Undecided
    }
}

/// The period cut at the site's midnights, or at every n-th when it is long.
fn bars(covered: Period, zone: &TimeZone) -> Vec<Period> {
    let days_per_bar = (covered.len_ms() / 86_400_000).div_euclid(BARS_MAX) + 1;
    let mut bars = Vec::new();
    let mut from_ms = covered.from_ms;
    while from_ms < covered.to_ms {
        let next = midnight_after(from_ms, days_per_bar, zone).unwrap_or(covered.to_ms);
        let to_ms = next.min(covered.to_ms);
        bars.push(Period { from_ms, to_ms });
        from_ms = to_ms;
    }
    bars
}

/// The site's midnight that begins the `days`-th day after the one of `ms`; always after `ms`.
pub(super) fn midnight_after(ms: i64, days: i64, zone: &TimeZone) -> Option<i64> {
    let today: civil::Date = Timestamp::from_millisecond(ms).ok()?.to_zoned(zone.clone()).date();
    let then = today.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    let midnight = then.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
    (midnight > ms).then_some(midnight)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn interval(state: State, from_ms: i64, to_ms: i64) -> Interval {
        Interval {
            target: Target::Edge,
            period: Period { from_ms, to_ms },
            state,
            reason: String::new(),
        }
    }

    #[test]
    fn what_no_interval_covers_is_unknown() {
        let up = interval(State::Up, 0, 600);
        assert_eq!(sums(&[&up], Period { from_ms: 100, to_ms: 1_100 }), [500, 0, 0, 0, 500]);
    }

    #[test]
    fn the_verdict_is_open_only_while_the_unknown_could_decide_it() {
        assert_eq!(verdict([995, 5, 0, 0, 0], 990), Verdict::Met);
        assert_eq!(verdict([900, 0, 90, 5_000, 10], 990), Verdict::Met);
        assert_eq!(verdict([980, 20, 0, 0, 0], 990), Verdict::Missed);
        assert_eq!(verdict([980, 5, 0, 0, 15], 990), Verdict::Undecided);
        assert_eq!(verdict([0, 0, 0, 0, 1_000], 0), Verdict::NotMeasured);
        assert_eq!(verdict([0; 5], 990), Verdict::NotMeasured);
    }

    #[test]
    fn a_bar_is_a_day_of_the_site_and_a_long_period_has_wider_bars() {
        let zone = TimeZone::get("Asia/Makassar").unwrap();
        let month = Period::month("2026-11", &zone).unwrap();
        assert_eq!(bars(month, &zone).len(), 30);
        let begun = Period { from_ms: month.from_ms, to_ms: month.from_ms + DAY_MS + 1 };
        assert_eq!(bars(begun, &zone).len(), 2);
        let decade = Period { from_ms: 0, to_ms: 3_653 * DAY_MS };
        let wide = bars(decade, &zone);
        assert!(wide.len() as i64 <= BARS_MAX + 1);
        assert_eq!(wide.last().unwrap().to_ms, decade.to_ms);
    }
}
