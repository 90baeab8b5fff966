//! Times of RFC 3164, `Nov 21 14:03:05`: the year is that of the latest such moment that is not in the
//! future.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};

use super::super::super::time::{Cursor, Zone};
use crate::entry::EventTime;

/// Months of the C locale, in which syslog writes.
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A line may be stamped a little later than the moment at which it is read.
const AHEAD_MS_MAX: i64 = 60_000;
/// Within it the same day and month do not come again.
const YEAR_MS_MIN: i64 = 364 * 86_400_000;
/// 29 February was at most so long ago (1896 to 1904).
const YEARS_BACK_MAX: i16 = 8;

/// Reads the times of one log. Lines of one second follow each other: what was made of the last one is
/// kept.
#[derive(Debug)]
pub(in super::super::super) struct Calendar {
    zone: Zone,
    second: Vec<u8>,
    known: Option<EventTime>,
}

impl Calendar {
    pub(in super::super::super) fn new(zone: TimeZone) -> Calendar {
        Calendar { zone: Zone::new(zone), second: Vec::new(), known: None }
    }

    /// The moment that a whole text names.
    pub(in super::super::super) fn of(&mut self, text: &[u8], now_ms: i64) -> Option<EventTime> {
        self.read(&mut Cursor::new(text), now_ms)
    }

    /// The moment at the beginning of a text.
    pub(in super::super::super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        now_ms: i64,
    ) -> Option<EventTime> {
        let text = cursor.rest();
        let latest_ms = now_ms.checked_add(AHEAD_MS_MAX)?;
        if let Some(at) = self.known
            && let Some(rest) = text.strip_prefix(self.second.as_slice())
            && !matches!(rest.first(), Some(b'.' | b','))
            && (!at.estimated || (0..YEAR_MS_MIN).contains(&(latest_ms - at.ms)))
        {
            *cursor = Cursor::new(rest);
            return Some(at);
        }
        let (date, time) = local(cursor)?;
        let at = match date {
            Named::Full(date) => {
                EventTime { ms: self.zone.ms_of(date.to_datetime(time))?, estimated: false }
            }
            Named::WithoutYear(month, day) => {
                let of = |year| Some(Date::new(year, month, day).ok()?.to_datetime(time));
                self.latest(of, latest_ms)?
            }
        };
        self.second.clear();
        self.second.extend(text.iter().take(text.len() - cursor.rest().len()));
        self.known = Some(at);
        Some(at)
    }

    fn latest(
        &mut self,
        of: impl Fn(i16) -> Option<DateTime>,
        latest_ms: i64,
    ) -> Option<EventTime> {
        let now = Timestamp::from_millisecond(latest_ms).ok()?;
        // East of Greenwich the next year may have begun.
        let year = Offset::UTC.to_datetime(now).year().checked_add(1)?;
        (0..=YEARS_BACK_MAX + 1)
            .filter_map(|back| self.zone.ms_of(of(year.checked_sub(back)?)?))
            .find(|ms| *ms <= latest_ms)
            .map(|ms| EventTime { ms, estimated: true })
    }
}

enum Named {
    Full(Date),
    WithoutYear(i8, i8),
}

fn local(cursor: &mut Cursor<'_>) -> Option<(Named, jiff::civil::Time)> {
    let month = month(cursor.rest())?;
    let mut tried = Cursor::new(cursor.rest().get(3..)?);
    tried.any_of(b" ")?;
    tried.any_of(b" ");
    let day = i8::try_from(tried.number(1, 2)?).ok()?;
    tried.any_of(b" ")?;
    let mut with_year = tried.clone();
    let year = with_year.number(4, 4).filter(|_| with_year.any_of(b" ").is_some());
    let date = match year {
        Some(year) => {
            tried = with_year;
            Named::Full(Date::new(i16::try_from(year).ok()?, month, day).ok()?)
        }
        None => Named::WithoutYear(month, day),
    };
    let time = tried.time_of_day(true)?;
    *cursor = tried;
    Some((date, time))
}

fn month(text: &[u8]) -> Option<i8> {
    let name = text.get(..3)?;
    let at = MONTHS.iter().position(|month| *month == name)?;
    i8::try_from(at + 1).ok()
}

/// Length of a time at the beginning of a line, by its shape.
pub(super) fn length(line: &[u8]) -> Option<usize> {
    month(line)?;
    let rest = line.get(3..)?;
    if !matches!(rest, [b' ', b' ' | b'0'..=b'3', b'0'..=b'9', b' ', ..]) {
        return None;
    }
    let year = match rest.get(4..)? {
        [a, b, c, d, b' ', ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) => 5,
        _ => 0,
    };
    let begin = 7 + year;
    match line.get(begin..)? {
        [_, _, b':', _, _, b':', _, _, rest @ ..] => {
            let fraction = match rest {
                [b'.', digits @ ..] => {
                    1 + digits.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count()
                }
                _ => 0,
            };
            let time = line.get(begin..begin + 8)?;
            let shaped = time.iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
            shaped.then_some(begin + 8 + fraction)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn the_year_is_that_of_the_latest_such_moment() {
        for (text, now, expected, estimated) in [
            ("Nov 21 14:03:05", "2026-11-22T00:00:00Z", "2026-11-21T07:03:05Z", true),
            ("Nov 21 14:03:05.123", "2026-11-22T00:00:00Z", "2026-11-21T07:03:05.123Z", true),
            ("Nov  1 14:03:05", "2026-11-22T00:00:00Z", "2026-11-01T07:03:05Z", true),
            ("Dec 31 23:59:59", "2026-11-22T00:00:00Z", "2025-12-31T16:59:59Z", true),
            // The year has begun in Jakarta.
            ("Jan  1 00:00:05", "2026-12-31T17:00:10Z", "2026-12-31T17:00:05Z", true),
            ("Feb 29 12:00:00", "2026-11-22T00:00:00Z", "2024-02-29T05:00:00Z", true),
            ("Nov 21 2023 14:03:05", "2026-11-22T00:00:00Z", "2023-11-21T07:03:05Z", false),
        ] {
            let mut calendar = Calendar::new(TimeZone::get("Asia/Jakarta").unwrap());
            let expected = Some(EventTime { ms: utc(expected), estimated });
            // Twice: what was kept changes nothing.
            assert_eq!(calendar.of(text.as_bytes(), utc(now)), expected, "{text}");
            assert_eq!(calendar.of(text.as_bytes(), utc(now)), expected, "{text}");
            assert_eq!(length(text.as_bytes()), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn what_was_kept_is_not_taken_for_another_year() {
        let mut calendar = Calendar::new(TimeZone::UTC);
        for (now, year) in [
            ("2026-11-22T00:00:00Z", 2026),
            ("2025-11-22T00:00:00Z", 2025),
            ("2027-11-22T00:00:00Z", 2027),
        ] {
            let expected = utc(&format!("{year}-11-21T14:03:05Z"));
            assert_eq!(calendar.of(b"Nov 21 14:03:05", utc(now)).unwrap().ms, expected);
        }
    }
}
