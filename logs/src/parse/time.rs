//! Times as logs write them: with or without date, zone and year.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

use crate::entry::EventTime;

/// A line may be stamped a little later than the moment at which the agent believes to read it: such a
/// time of day is now, not yesterday.
const AHEAD_MS_MAX: i64 = 60_000;

/// Zone abbreviations met on Indonesian servers, seconds east of UTC.
const ZONES: &[(&str, i32)] =
    &[("WIB", 7 * 3600), ("WITA", 8 * 3600), ("WIT", 9 * 3600), ("UTC", 0), ("GMT", 0), ("Z", 0)];

/// Months as Java writes them short, English and Indonesian, lower case.
const MONTHS: &[(&str, i8)] = &[
    ("jan", 1),
    ("feb", 2),
    ("peb", 2),
    ("mar", 3),
    ("apr", 4),
    ("may", 5),
    ("mei", 5),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("agu", 8),
    ("agt", 8),
    ("ags", 8),
    ("sep", 9),
    ("oct", 10),
    ("okt", 10),
    ("nov", 11),
    ("nop", 11),
    ("dec", 12),
    ("des", 12),
];

/// Reads from the beginning of a text, piece by piece; each piece it finds it takes away.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    /// What has not been taken.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// One of `bytes`.
    pub fn any_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        bytes.contains(first).then(|| {
            self.rest = rest;
            *first
        })
    }

    /// A number of `least` to `most` digits.
    pub fn number(&mut self, least: usize, most: usize) -> Option<i32> {
        let length = self.rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(length).filter(|_| length >= least)?;
        self.rest = rest;
        let digit = |byte: &u8| i32::from(byte - b'0');
        digits.iter().try_fold(0_i32, |sum, byte| sum.checked_mul(10)?.checked_add(digit(byte)))
    }

    /// `14:03:05`, with `,123` or `.123456` where `fraction` allows.
    pub fn time_of_day(&mut self, fraction: bool) -> Option<Time> {
        let hour = self.number(2, 2)?;
        self.any_of(b":")?;
        let minute = self.number(2, 2)?;
        self.any_of(b":")?;
        let second = self.number(2, 2)?;
        let mut nanosecond = 0;
        if fraction && self.any_of(b",.").is_some() {
            nanosecond = self.fraction()?;
        }
        // A leap second is told as the second before it.
        let second = second.min(59);
        Time::new(small(hour)?, small(minute)?, small(second)?, nanosecond).ok()
    }

    /// Up to nine digits after the decimal mark, as nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let before = self.rest.len();
        let value = self.number(1, 9)?;
        let digits = u32::try_from(before - self.rest.len()).ok()?;
        value.checked_mul(10_i32.checked_pow(9_u32.checked_sub(digits)?)?)
    }

    /// `2026-11-21`.
    pub fn iso_date(&mut self) -> Option<Date> {
        let year = self.number(4, 4)?;
        self.any_of(b"-")?;
        let month = self.number(2, 2)?;
        self.any_of(b"-")?;
        date(year, month, self.number(2, 2)?)
    }

    /// Whether `text` stood here.
    pub fn literal(&mut self, text: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `Nov`, `November`, `Agu`: the number of the month.
    pub fn month_name(&mut self) -> Option<i8> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (name, rest) = self.rest.split_at_checked(length)?;
        let short: [u8; 3] = name.get(..3)?.try_into().ok()?;
        let short = short.map(|byte| byte.to_ascii_lowercase());
        let is_short = |known: &str| known.as_bytes().first_chunk() == Some(&short);
        let (_, month) = MONTHS.iter().find(|(known, _)| is_short(known))?;
        self.rest = rest;
        Some(*month)
    }

    /// `21/Nov/2026`.
    pub fn clf_date(&mut self) -> Option<Date> {
        let day = self.number(2, 2)?;
        self.any_of(b"/")?;
        let month = i32::from(self.month_name()?);
        self.any_of(b"/")?;
        date(self.number(4, 4)?, month, day)
    }

    /// `2026/11/21`.
    pub fn slashed_date(&mut self) -> Option<Date> {
        let year = self.number(4, 4)?;
        self.any_of(b"/")?;
        let month = self.number(2, 2)?;
        self.any_of(b"/")?;
        date(year, month, self.number(2, 2)?)
    }

    /// `Nov 21 14:03:05.123456 2026`, as `asctime` writes it behind the day of the week.
    pub fn asctime(&mut self) -> Option<DateTime> {
        let month = i32::from(self.month_name()?);
        self.any_of(b" ")?;
        self.any_of(b" ");
        let day = self.number(1, 2)?;
        self.any_of(b" ")?;
        let time = self.time_of_day(true)?;
        self.any_of(b" ")?;
        Some(date(self.number(4, 4)?, month, day)?.to_datetime(time))
    }

    /// `21 Nov 2026`.
    pub fn named_date(&mut self) -> Option<Date> {
        let day = self.number(1, 2)?;
        self.any_of(b" ")?;
        let month = i32::from(self.month_name()?);
        self.any_of(b". ")?;
        self.any_of(b" ");
        date(self.number(4, 4)?, month, day)
    }

    /// `211126`: day, month, year.
    pub fn short_date(&mut self) -> Option<Date> {
        let day = self.number(2, 2)?;
        let month = self.number(2, 2)?;
        date(2000 + self.number(2, 2)?, month, day)
    }
}

fn small(number: i32) -> Option<i8> {
    i8::try_from(number).ok()
}

fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()
}

/// A log's zone. Lines of one minute follow each other: what the zone makes of a minute is kept.
#[derive(Debug)]
pub struct Zone {
    zone: TimeZone,
    /// The local minute asked last, and its beginning in UTC.
    minute: Option<(DateTime, i64)>,
    /// The second asked last, and the local date in it.
    today: Option<(i64, Date)>,
}

impl Zone {
    /// Nothing kept yet.
    pub fn new(zone: TimeZone) -> Zone {
        Zone { zone, minute: None, today: None }
    }

    /// A local time of this zone. A time that the clock shows twice is the first of the two.
    pub fn ms_of(&mut self, local: DateTime) -> Option<i64> {
        let minute =
            DateTime::from_parts(local.date(), Time::new(local.hour(), local.minute(), 0, 0).ok()?);
        let within = i64::from(local.second()) * 1_000 + i64::from(local.millisecond());
        match self.minute {
            Some((known, ms)) if known == minute => Some(ms + within),
            _ => self.ms_of_new(local, minute),
        }
    }

    /// Keeps the minute unless the clock is changed within it, or it is before 1970, where less than a
    /// millisecond is rounded the other way.
    fn ms_of_new(&mut self, local: DateTime, minute: DateTime) -> Option<i64> {
        let last_second = minute.with().second(59).build().ok()?;
        if let (Some(first), Some(last)) =
            (in_zone(minute, &self.zone), in_zone(last_second, &self.zone))
            && last - first == 59_000
            && first >= 0
        {
            self.minute = Some((minute, first));
        }
        in_zone(local, &self.zone)
    }

    fn date_of(&mut self, at: Timestamp) -> Date {
        if let Some((second, date)) = self.today
            && second == at.as_second()
        {
            return date;
        }
        let date = self.zone.to_datetime(at).date();
        self.today = Some((at.as_second(), date));
        date
    }

    /// A time of day without date: the latest such moment that is not in the future.
    pub fn latest(&mut self, time: Time, now_ms: i64) -> Option<EventTime> {
        let now = Timestamp::from_millisecond(now_ms.checked_add(AHEAD_MS_MAX)?).ok()?;
        let today = self.date_of(now);
        let yesterday = today.yesterday().ok()?;
        [today, yesterday]
            .into_iter()
            .filter_map(|day| self.ms_of(day.to_datetime(time)))
            .find(|ms| *ms <= now.as_millisecond())
            .map(|ms| EventTime { ms, estimated: true })
    }
}

/// Reads `2026-11-21 14:03:05.123 WIB`, `21/Nov/2026:14:03:05 +0700` and seconds since 1970. Lines of one
/// second follow each other: what was made of the last one is kept.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
    /// Date and time of day, and zone, as written.
    second: Vec<u8>,
    name: Vec<u8>,
    known: Option<EventTime>,
}

impl Clock {
    /// Nothing kept yet.
    pub fn new(zone: TimeZone) -> Clock {
        Clock { zone, second: Vec::new(), name: Vec::new(), known: None }
    }

    /// The moment that a whole text names.
    pub fn read(&mut self, text: &[u8]) -> Option<EventTime> {
        let second_bytes = match (text.get(2), text.get(4)) {
            (Some(b'/'), _) => CLF_SECOND_BYTES,
            (_, Some(b'-')) => SECOND_BYTES,
            _ => return epoch(text),
        };
        let (second, rest) = text.split_at_checked(second_bytes)?;
        let (ms, name) = fraction_ms(rest)?;
        if second != self.second || name != self.name {
            self.known = self.whole_second(second, name);
            self.second = second.to_vec();
            self.name = name.to_vec();
        }
        self.known.map(|at| EventTime { ms: at.ms + ms, ..at })
    }

    fn whole_second(&self, second: &[u8], name: &[u8]) -> Option<EventTime> {
        let mut cursor = Cursor::new(second);
        let date = if second.len() == CLF_SECOND_BYTES {
            cursor.clf_date().filter(|_| cursor.any_of(b":").is_some())?
        } else {
            cursor.iso_date().filter(|_| cursor.any_of(b" T").is_some())?
        };
        let local = date.to_datetime(cursor.time_of_day(false)?);
        with_zone(local, std::str::from_utf8(name).ok()?, &self.zone)
    }
}

/// Length of `2026-11-21 14:03:05`.
const SECOND_BYTES: usize = 19;
/// Length of `21/Nov/2026:14:03:05`.
const CLF_SECOND_BYTES: usize = 20;

/// Milliseconds of `.123456`, and the zone after it.
fn fraction_ms(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".").or_else(|| text.strip_prefix(b",")) else {
        return Some((0, text.trim_ascii()));
    };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(length)?;
    let digit = |place: usize| digits.get(place).map_or(0, |byte| i64::from(byte - b'0'));
    Some((digit(0) * 100 + digit(1) * 10 + digit(2), rest.trim_ascii()))
}

/// Seconds since 1970, with a fraction.
fn epoch(text: &[u8]) -> Option<EventTime> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (seconds, fraction) = text.split_at_checked(whole)?;
    let (ms, rest) = fraction_ms(fraction)?;
    let seconds = std::str::from_utf8(seconds).ok()?.parse::<i64>().ok()?;
    let ms = seconds.checked_mul(1_000)?.checked_add(ms)?;
    let valid = rest.is_empty() && Timestamp::from_millisecond(ms).is_ok();
    valid.then_some(EventTime { ms, estimated: false })
}

/// A local time of a zone. A time that the clock shows twice is the first of the two.
fn in_zone(local: DateTime, zone: &TimeZone) -> Option<i64> {
    zone.to_ambiguous_timestamp(local).compatible().ok().map(Timestamp::as_millisecond)
}

/// A time with the zone that the line names, or in the log's zone where it names none. A name nobody
/// here knows is taken for the log's zone, and the time is an estimate unless that zone bears the name.
pub fn with_zone(local: DateTime, name: &str, zone: &TimeZone) -> Option<EventTime> {
    if name.is_empty() {
        return in_zone(local, zone).map(|ms| EventTime { ms, estimated: false });
    }
    let known = ZONES.iter().find(|(known, _)| *known == name).map(|(_, seconds)| *seconds);
    if let Some(seconds) = known.or_else(|| numeric_offset(name)) {
        let offset = Offset::from_seconds(seconds).ok()?;
        let ms = offset.to_timestamp(local).ok()?.as_millisecond();
        return Some(EventTime { ms, estimated: false });
    }
    let ms = in_zone(local, zone)?;
    let own = Timestamp::from_millisecond(ms).ok()?;
    let estimated = zone.to_offset_info(own).abbreviation() != name;
    Some(EventTime { ms, estimated })
}

/// `+07`, `+0730`, `-03:30` in seconds east of UTC.
fn numeric_offset(name: &str) -> Option<i32> {
    let mut cursor = Cursor::new(name.as_bytes());
    let sign = if cursor.any_of(b"+-")? == b'-' { -1 } else { 1 };
    let hours = cursor.number(2, 2)?;
    cursor.any_of(b":");
    let minutes = cursor.number(2, 2).unwrap_or(0);
    cursor.rest().is_empty().then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn wita() -> TimeZone {
        TimeZone::get("Asia/Makassar").unwrap()
    }

    fn local() -> DateTime {
        "2026-11-21T14:03:05.123".parse().unwrap()
    }

    #[test]
    fn the_zone_a_line_names_goes_before_the_logs_zone() {
        for (name, expected) in [
            ("WIB", "2026-11-21T07:03:05.123Z"),
            ("WITA", "2026-11-21T06:03:05.123Z"),
            ("WIT", "2026-11-21T05:03:05.123Z"),
            ("UTC", "2026-11-21T14:03:05.123Z"),
            ("+0730", "2026-11-21T06:33:05.123Z"),
            ("-03:30", "2026-11-21T17:33:05.123Z"),
            ("+08", "2026-11-21T06:03:05.123Z"),
            ("", "2026-11-21T06:03:05.123Z"),
        ] {
            let expected = EventTime { ms: utc(expected), estimated: false };
            assert_eq!(with_zone(local(), name, &wita()), Some(expected), "{name}");
        }
    }

    #[test]
    fn an_unknown_zone_name_makes_the_time_an_estimate() {
        assert!(with_zone(local(), "CEST", &wita()).unwrap().estimated);
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert!(!with_zone(local(), "CET", &berlin).unwrap().estimated);
    }

    #[test]
    fn a_time_without_date_is_the_latest_that_is_not_in_the_future() {
        let time: Time = "23:59:59".parse().unwrap();
        let just_after_midnight = utc("2026-11-21T16:00:10Z");
        let found = Zone::new(wita()).latest(time, just_after_midnight).unwrap();
        assert_eq!(found, EventTime { ms: utc("2026-11-21T15:59:59Z"), estimated: true });
    }

    #[test]
    fn a_time_of_day_slightly_ahead_is_not_taken_for_yesterday() {
        let now = utc("2026-11-21T06:00:00Z");
        let time: Time = "14:00:02".parse().unwrap();
        assert_eq!(Zone::new(wita()).latest(time, now).unwrap().ms, now + 2_000);
    }

    #[test]
    fn months_are_read_in_english_and_indonesian() {
        for (text, month) in
            [("1 Mei 2026", 5), ("01 Agu 2026", 8), ("21 Oct 2026", 10), ("31 Des 2026", 12)]
        {
            assert_eq!(Cursor::new(text.as_bytes()).named_date().unwrap().month(), month);
        }
    }

    #[test]
    fn a_kept_minute_changes_no_time() {
        // Clocks set forward, back, and (Liberia, 1972) by no whole minute.
        for (zone, around) in [
            ("Europe/Berlin", "2026-03-29T01:58:00"),
            ("Europe/Berlin", "2026-10-25T01:58:00"),
            ("Africa/Monrovia", "1972-01-06T23:58:00"),
            ("Africa/Monrovia", "1972-01-07T00:43:00"),
        ] {
            let (zone, around) =
                (TimeZone::get(zone).unwrap(), around.parse::<DateTime>().unwrap());
            let mut kept = Zone::new(zone.clone());
            for half_seconds in 0..800 {
                let local = around + jiff::Span::new().milliseconds(half_seconds * 500);
                assert_eq!(kept.ms_of(local), in_zone(local, &zone), "{local}");
            }
        }
    }

    #[test]
    fn a_clock_reads_the_same_whatever_it_read_before() {
        let mut clock = Clock::new(wita());
        for (text, expected) in [
            ("2026-11-21 14:03:05.123 WIB", Some("2026-11-21T07:03:05.123Z")),
            ("2026-11-21 14:03:05.9 WIB", Some("2026-11-21T07:03:05.9Z")),
            ("2026-11-21 14:03:05.123", Some("2026-11-21T06:03:05.123Z")),
            ("2026-11-21 14:03:05+08", Some("2026-11-21T06:03:05Z")),
            ("2026-13-21 14:03:05 WIB", None),
            ("21/Nov/2026:14:03:05 +0700", Some("2026-11-21T07:03:05Z")),
            ("21/Nov/2026:14:03:05 -0130", Some("2026-11-21T15:33:05Z")),
            ("31/Feb/2026:14:03:05 +0700", None),
            ("1795244585.123456", Some("2026-11-21T07:03:05.123Z")),
            ("", None),
        ] {
            let expected = expected.map(|text| EventTime { ms: utc(text), estimated: false });
            assert_eq!(clock.read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_times_of_web_servers_are_read() {
        let asctime = Cursor::new(b"Nov  1 14:03:05.123456 2026").asctime().unwrap();
        assert_eq!(asctime.to_string(), "2026-11-01T14:03:05.123456");
        let slashed = Cursor::new(b"2026/11/21").slashed_date().unwrap();
        assert_eq!(slashed.to_string(), "2026-11-21");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        assert_eq!(Cursor::new(b"2026-02-30").iso_date(), None);
        assert_eq!(Cursor::new(b"311326").short_date(), None);
        assert_eq!(Cursor::new(b"25:00:00").time_of_day(true), None);
    }
}
