//! Where counting begins on a log that was never seen before.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    config::Start,
    domain::{SourceKey, SourceProgress},
};

/// Progress of a log at its first start: nothing read yet, and from when on its entries count.
pub fn first_progress(
    source: &SourceKey,
    start: Start,
    zone: &TimeZone,
    now_ms: i64,
) -> SourceProgress {
    let not_before_ms = match start {
        Start::Month => month_start_ms(zone, now_ms),
        Start::Beginning | Start::End => None,
    };
    SourceProgress { source: source.clone(), not_before_ms, files: Vec::new() }
}

/// Midnight of the first day of the month that `now_ms` lies in.
fn month_start_ms(zone: &TimeZone, now_ms: i64) -> Option<i64> {
    let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone.clone());
    let first = now.first_of_month().ok()?.start_of_day().ok()?;
    Some(first.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_of_the_logs_own_zone() {
        let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let makassar = TimeZone::fixed(jiff::tz::offset(8));
        let progress =
            first_progress(&"play".into(), Start::Month, &makassar, ms("2026-11-30T17:00:00Z"));
        assert_eq!(progress.not_before_ms, Some(ms("2026-11-30T16:00:00Z")));
        let end = first_progress(&"play".into(), Start::End, &makassar, 0);
        assert_eq!(end.not_before_ms, None);
    }
}
