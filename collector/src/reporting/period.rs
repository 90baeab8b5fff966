//! Half-years, and periods as they are typed.

use jiff::{civil, tz::TimeZone};

use crate::domain::period::Period;

/// The whole half-year that `day` lies in: January to June, or July to December.
pub fn half_year_of(day: civil::Date, zone: &TimeZone) -> Option<Period> {
    let (first, last) = if day.month() <= 6 { (1, 6) } else { (7, 12) };
    let month = |m: i8| Period::month_of(civil::Date::new(day.year(), m, 1).ok()?, zone);
    Some(Period { from_ms: month(first)?.from_ms, to_ms: month(last)?.to_ms })
}

/// A period as it is typed: `2026-11` (a month) or `2026-S1` (a half-year).
pub fn parse(text: &str, zone: &TimeZone) -> anyhow::Result<Period> {
    let half = text.split_once('-').and_then(|(year, half)| {
        let month = match half {
            "S1" | "s1" => 1,
            "S2" | "s2" => 7,
            _ => return None,
        };
        let digits = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit());
        let year: i16 = digits.then(|| year.parse().ok()).flatten()?;
        half_year_of(civil::Date::new(year, month, 1).ok()?, zone)
    });
    match half {
        Some(period) => Ok(period),
        None => Period::month(text, zone).map_err(|_| {
            anyhow::anyhow!(
                "'{text}' is not a period; write a month as 2026-11, a half-year as 2026-S1 or \
                 2026-S2, or use --from and --to"
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_year_begins_and_ends_at_the_sites_own_midnight() {
        let zone = TimeZone::get("Asia/Jayapura").unwrap();
        let half = parse("2026-S2", &zone).unwrap();
        let utc = |t: &str| t.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(half.from_ms, utc("2026-06-30T15:00:00Z"));
        assert_eq!(half.to_ms, utc("2026-12-31T15:00:00Z"));
    }

    #[test]
    fn what_is_no_period_is_refused_with_the_shapes_that_are() {
        for text in ["", "2026", "2026-S3", "26-S1", "+026-S1", "2026-13", "2026-S", "ünï-S1"] {
            let error = parse(text, &TimeZone::UTC).unwrap_err().to_string();
            assert!(error.contains("2026-11") && error.contains("2026-S1"), "{text}: {error}");
        }
    }
}
