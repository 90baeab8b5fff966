//! Times as people type them on a command line.

use anyhow::Context;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// An instant, a civil time of the zone, or a day of it, as UTC milliseconds. `option` names where it was
/// typed.
pub fn moment(option: &str, typed: &str, zone: &TimeZone) -> anyhow::Result<i64> {
    if let Ok(instant) = typed.parse::<Timestamp>() {
        return Ok(instant.as_millisecond());
    }
    let civil: DateTime = typed.parse().ok().with_context(|| {
        format!("{option} {typed:?}: write a day (2026-11-01) or a time (2026-11-01T08:00)")
    })?;
    Ok(civil.to_zoned(zone.clone())?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_or_a_time_is_that_of_the_zone() {
        let zone = TimeZone::get("Asia/Makassar").unwrap();
        let ms = |typed| moment("--from", typed, &zone).unwrap();
        assert_eq!(ms("2026-11-01"), ms("2026-10-31T16:00:00Z"));
        assert_eq!(ms("2026-11-01T08:30"), ms("2026-11-01T00:30:00Z"));
        let error = moment("--from", "kemarin", &zone).unwrap_err().to_string();
        assert!(error.contains("--from \"kemarin\": write a day"), "{error}");
    }
}
