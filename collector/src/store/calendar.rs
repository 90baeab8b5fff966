//! Hours and days: to which day of a site an hour belongs, and how a period is made of days, hours and
//! minutes.
//!
//! An hour belongs to the site's day in which its first minute lies. The zones of Indonesia are whole
//! hours off UTC, so there an hour never spans two days.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::domain::period::Period;

/// Milliseconds of a minute.
pub(super) const MINUTE_MS: i64 = 60_000;
/// Minutes of an hour.
pub(super) const HOUR_MINUTES: i64 = 60;
/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// Days of a site.
pub(super) struct Calendar {
    zone: TimeZone,
}

/// A period in the largest pieces that are stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pieces {
    /// First and last whole day.
    pub(super) days: Option<(i64, i64)>,
    /// What is left: first minute, and first minute after.
    pub(super) edges: Vec<(i64, i64)>,
}

impl Calendar {
    /// Of the zone of that IANA name; UTC when there is none such.
    pub(super) fn named(zone: &str) -> Calendar {
        Calendar { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
    }

    /// Days since 1970 of the site's day at that instant.
    pub(super) fn day_of(&self, ms: i64) -> i64 {
        let offset_s =
            Timestamp::from_millisecond(ms).map_or(0, |at| self.zone.to_offset(at).seconds());
        ms.saturating_add(i64::from(offset_s) * 1_000).div_euclid(DAY_MS)
    }

    /// The site's day to which an hour belongs.
    pub(super) fn day_of_hour(&self, hour: i64) -> i64 {
        self.day_of(hour.saturating_mul(HOUR_MS))
    }

    /// Whole minutes of a period as whole days, and what is left before and after them.
    pub(super) fn pieces(&self, period: Period) -> Pieces {
        let (from, to) = minutes_of(period);
        let first = self.day_of(from.saturating_mul(MINUTE_MS));
        let first = if self.first_minute(first) < from { first + 1 } else { first };
        let last = self.day_of(to.saturating_mul(MINUTE_MS));
        let last = if self.first_minute(last + 1) > to { last - 1 } else { last };
        if first > last {
            return Pieces { days: None, edges: non_empty([(from, to)]) };
        }
        let edges =
            non_empty([(from, self.first_minute(first)), (self.first_minute(last + 1), to)]);
        Pieces { days: Some((first, last)), edges }
    }

    /// First minute of the first hour that belongs to a day.
    fn first_minute(&self, day: i64) -> i64 {
        let start_ms = civil::date(1970, 1, 1)
            .checked_add(jiff::SignedDuration::from_hours(day.saturating_mul(24)))
            .and_then(|date| date.to_zoned(self.zone.clone()))
            .map_or(day.saturating_mul(DAY_MS), |at| at.timestamp().as_millisecond());
        let hour = start_ms.div_euclid(HOUR_MS) + i64::from(start_ms.rem_euclid(HOUR_MS) > 0);
        hour * HOUR_MINUTES
    }
}

fn non_empty<const N: usize>(edges: [(i64, i64); N]) -> Vec<(i64, i64)> {
    edges.into_iter().filter(|(from, to)| from < to).collect()
}

/// The whole minutes of a period: the first, and the first after.
pub(super) fn minutes_of(period: Period) -> (i64, i64) {
    let from =
        period.from_ms.div_euclid(MINUTE_MS) + i64::from(period.from_ms.rem_euclid(MINUTE_MS) > 0);
    (from, period.to_ms.div_euclid(MINUTE_MS))
}

/// The hours that minutes touch: the first, and the first after.
pub(super) fn hours_of((from_minute, to_minute): (i64, i64)) -> (i64, i64) {
    let last = to_minute.div_euclid(HOUR_MINUTES);
    (from_minute.div_euclid(HOUR_MINUTES), last + i64::from(to_minute.rem_euclid(HOUR_MINUTES) > 0))
}

/// The hour of a minute, and which minute of it.
pub(super) fn hour_and_minute(minute: i64) -> (i64, u8) {
    (minute.div_euclid(HOUR_MINUTES), minute.rem_euclid(HOUR_MINUTES) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_month_of_a_site_is_whole_days_without_edges() {
        let calendar = Calendar::named("Asia/Makassar");
        let period =
            Period { from_ms: ms("2026-10-31T16:00:00Z"), to_ms: ms("2026-11-30T16:00:00Z") };
        let pieces = calendar.pieces(period);
        let (first, last) = pieces.days.unwrap();
        assert_eq!(last - first + 1, 30);
        assert_eq!(first, ms("2026-11-01T00:00:00Z") / DAY_MS);
        assert_eq!(pieces.edges, []);
    }

    #[test]
    fn less_than_a_day_is_all_edge() {
        let period =
            Period { from_ms: ms("2026-11-20T17:00:30Z"), to_ms: ms("2026-11-21T16:59:59Z") };
        let pieces = Calendar::named("Asia/Jakarta").pieces(period);
        assert_eq!(pieces.days, None);
        assert_eq!(pieces.edges, [minutes_of(period)]);
    }

    proptest! {
        #[test]
        fn the_pieces_of_a_period_are_the_period(
            from in 1_700_000_000i64..1_800_000_000,
            length in 0i64..8_000_000,
            zone in 0usize..4,
        ) {
            let zone = ["Asia/Jayapura", "Asia/Kolkata", "America/New_York", "UTC"][zone];
            let calendar = Calendar::named(zone);
            let period = Period { from_ms: from * 1_000, to_ms: (from + length) * 1_000 };
            let pieces = calendar.pieces(period);
            let (first, after) = minutes_of(period);
            let of_days = |minute: i64| {
                let day = calendar.day_of_hour(minute.div_euclid(HOUR_MINUTES));
                pieces.days.is_some_and(|(first, last)| (first..=last).contains(&day))
            };
            let of_edges = |m: i64| pieces.edges.iter().filter(|(f, t)| (*f..*t).contains(&m)).count();
            for minute in (first - 1_500..after + 1_500).step_by(7) {
                let times = usize::from(of_days(minute)) + of_edges(minute);
                prop_assert_eq!(times, usize::from(first <= minute && minute < after), "{}", minute);
            }
        }
    }
}
