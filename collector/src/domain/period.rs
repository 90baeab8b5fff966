//! Half-open periods and months in a site's own zone.

use jiff::{civil, tz::TimeZone};
use thiserror::Error;

const MINUTE_MS: i64 = 60_000;

/// `from_ms` included, `to_ms` excluded; UTC milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First instant.
    pub from_ms: i64,
    /// First instant after.
    pub to_ms: i64,
}

/// Why a text names no period.
#[derive(Debug, Error)]
pub enum PeriodError {
    /// Not `YYYY-MM`.
    #[error("'{0}' is not a month; write it as YYYY-MM, e.g. 2026-11")]
    Month(String),
    /// Not a date or time.
    #[error(
        "'{0}' is not a time; write a date (2026-11-21), a date and time (2026-11-21T14:00) or an RFC 3339 time with its offset"
    )]
    Instant(String),
}

impl Period {
    /// The month `YYYY-MM` in `zone`, whole.
    pub fn month(text: &str, zone: &TimeZone) -> Result<Period, PeriodError> {
        let wrong = || PeriodError::Month(text.to_owned());
        let shaped = text.len() == 7 && text.as_bytes().get(4) == Some(&b'-');
        let first: civil::Date =
            shaped.then(|| format!("{text}-01")).ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
        Period::month_of(first, zone).ok_or_else(wrong)
    }

    /// The whole month that `day` lies in.
    pub fn month_of(day: civil::Date, zone: &TimeZone) -> Option<Period> {
        let first = day.first_of_month();
        let next = first.last_of_month().tomorrow().ok()?;
        let start =
            |d: civil::Date| d.to_zoned(zone.clone()).ok().map(|z| z.timestamp().as_millisecond());
        Some(Period { from_ms: start(first)?, to_ms: start(next)? })
    }

    /// An instant as people type it: a date, a date and time (both in `zone`), or RFC 3339.
    pub fn instant(text: &str, zone: &TimeZone) -> Result<i64, PeriodError> {
        let wrong = || PeriodError::Instant(text.to_owned());
        if let Ok(exact) = text.parse::<jiff::Timestamp>() {
            return Ok(exact.as_millisecond());
        }
        let civil: civil::DateTime = text.parse().map_err(|_| wrong())?;
        civil.to_zoned(zone.clone()).map(|z| z.timestamp().as_millisecond()).map_err(|_| wrong())
    }

    /// The part of this period that has passed at `now_ms`.
    pub fn until(self, now_ms: i64) -> Period {
        Period { from_ms: self.from_ms, to_ms: self.to_ms.min(now_ms).max(self.from_ms) }
    }

    /// The same, to the end of the minute in which it ends: counts are kept by the minute, and what has
    /// just happened lies in one that is not over yet.
    pub fn through_minute(self) -> Period {
        Period { to_ms: minute_end(self.to_ms), ..self }
    }

    /// Length in milliseconds, never negative.
    pub fn len_ms(self) -> i64 {
        (self.to_ms - self.from_ms).max(0)
    }

    /// Whether `ms` lies within.
    pub fn contains(self, ms: i64) -> bool {
        self.from_ms <= ms && ms < self.to_ms
    }
}

/// First instant at or after `ms` at which a minute begins.
pub fn minute_end(ms: i64) -> i64 {
    ms.saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS).saturating_mul(MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_and_ends_at_the_sites_own_midnight() {
        let makassar = TimeZone::get("Asia/Makassar").unwrap();
        let month = Period::month("2026-11", &makassar).unwrap();
        let utc = |t: &str| t.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(month.from_ms, utc("2026-10-31T16:00:00Z"));
        assert_eq!(month.to_ms, utc("2026-11-30T16:00:00Z"));
    }

    #[test]
    fn a_running_minute_is_counted_whole_and_a_finished_one_is_not_passed() {
        for (to_ms, end) in [(120_000, 120_000), (120_001, 180_000), (179_999, 180_000)] {
            assert_eq!(Period { from_ms: 0, to_ms }.through_minute().to_ms, end);
        }
    }

    #[test]
    fn what_is_no_month_is_refused_with_the_shape_that_is() {
        for text in ["", "2026", "2026-13", "11-2026", "2026-11-01", "2026/11", "ééé-1"] {
            let error = Period::month(text, &TimeZone::UTC).unwrap_err();
            assert!(error.to_string().contains("YYYY-MM"), "{text}");
        }
    }
}
