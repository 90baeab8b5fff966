//! Times at the beginning of a line, known by their shape.

use jiff::{
    civil::{DateTime, Time},
    tz::TimeZone,
};

use super::super::{
    syslog::Calendar,
    time::{Cursor, Zone, with_zone},
};
use crate::entry::EventTime;

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) at: EventTime,
    /// Bytes of the line up to the text after it.
    pub(super) length: usize,
}

/// Reads the times of one log.
#[derive(Debug)]
pub(super) struct Stamps {
    zone: TimeZone,
    kept: Zone,
    calendar: Calendar,
}

/// Brackets that a time may stand in.
const OPENING: &[u8] = b"[(<";
const CLOSING: &[u8] = b"])>";

/// Zones that may follow a time.
const ZONES: &[&[u8]] = &[b"Z", b"WIB", b"WITA", b"WIT", b"UTC", b"GMT"];

/// Reads a date and the mark between it and the time.
type Date = fn(&mut Cursor<'_>) -> Option<jiff::civil::Date>;

/// `2026-11-21T`, `21 Nov 2026 `, `211126 `, `2026/11/21 `, `21-11-2026 `, `21/11/2026 `.
const DATES: &[Date] = &[
    |cursor| {
        let date = cursor.iso_date()?;
        cursor.any_of(b" T_").map(|_| date)
    },
    |cursor| {
        let date = cursor.named_date()?;
        cursor.any_of(b" ").map(|_| date)
    },
    |cursor| {
        let date = cursor.short_date()?;
        cursor.any_of(b" ").map(|_| date)
    },
    |cursor| {
        let (year, month, day) = numbers(cursor, 4, 2)?;
        jiff::civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)
            .ok()
    },
    |cursor| {
        let (day, month, year) = numbers(cursor, 2, 4)?;
        jiff::civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)
            .ok()
    },
];

/// Three numbers of a date, the first and the last of so many digits, and a blank.
fn numbers(cursor: &mut Cursor<'_>, first: usize, last: usize) -> Option<(i32, i32, i32)> {
    let first = cursor.number(first, first)?;
    cursor.any_of(b"/-.")?;
    let month = cursor.number(2, 2)?;
    cursor.any_of(b"/-.")?;
    let last = cursor.number(last, last)?;
    cursor.any_of(b" T")?;
    Some((first, month, last))
}

impl Stamps {
    pub(super) fn new(zone: TimeZone) -> Stamps {
        Stamps { kept: Zone::new(zone.clone()), calendar: Calendar::new(zone.clone()), zone }
    }

    /// The time at the beginning of a line, if there is one.
    pub(super) fn read(&mut self, line: &[u8], now_ms: i64) -> Option<Stamp> {
        let mut cursor = Cursor::new(line);
        cursor.any_of(OPENING);
        let at = match cursor.rest().first()? {
            b'0'..=b'9' => self.numeric(&mut cursor, now_ms)?,
            b'A'..=b'Z' => self.calendar.read(&mut cursor, now_ms)?,
            _ => return None,
        };
        cursor.any_of(CLOSING);
        while cursor.any_of(b" ").is_some() {}
        Some(Stamp { at, length: line.len() - cursor.rest().len() })
    }

    fn numeric(&mut self, cursor: &mut Cursor<'_>, now_ms: i64) -> Option<EventTime> {
        for date in DATES {
            let mut tried = cursor.clone();
            let Some(date) = date(&mut tried) else { continue };
            let Some(time) = tried.time_of_day(true) else { continue };
            let at = self.moment(date.to_datetime(time), &mut tried);
            *cursor = tried;
            return at;
        }
        let time: Time = cursor.time_of_day(true)?;
        self.kept.latest(time, now_ms)
    }

    fn moment(&mut self, local: DateTime, cursor: &mut Cursor<'_>) -> Option<EventTime> {
        let mut after = cursor.clone();
        after.any_of(b" ");
        let length = zone_bytes(after.rest());
        let name = after.rest().get(..length).filter(|name| !name.is_empty());
        let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else {
            return self.kept.ms_of(local).map(|ms| EventTime { ms, estimated: false });
        };
        let at = with_zone(local, name, &self.zone)?;
        *cursor = Cursor::new(after.rest().get(length..)?);
        Some(at)
    }
}

/// Length of a zone at the beginning of a text; 0 where there is none.
fn zone_bytes(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(b'+' | b'-') => {
            1 + text.iter().skip(1).take_while(|b| b.is_ascii_digit() || **b == b':').count()
        }
        _ => text.iter().take_while(|byte| byte.is_ascii_uppercase()).count(),
    };
    let known = |name: &[u8]| match name.first() {
        Some(b'+' | b'-') => matches!(name.len(), 3 | 5 | 6),
        _ => ZONES.contains(&name),
    };
    if text.get(..length).is_some_and(known) { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn times_are_known_by_their_shape() {
        let now = "2026-11-22T00:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
        let mut stamps = Stamps::new(TimeZone::get("Asia/Jakarta").unwrap());
        for (line, expected, rest) in [
            ("2026-11-21 14:03:05 a", Some("2026-11-21T07:03:05Z"), "a"),
            ("[2026-11-21 14:03:05.123] a", Some("2026-11-21T07:03:05.123Z"), "a"),
            ("2026-11-21T07:03:05.123Z a", Some("2026-11-21T07:03:05.123Z"), "a"),
            ("2026-11-21 14:03:05,123 +0800 a", Some("2026-11-21T06:03:05.123Z"), "a"),
            ("2026-11-21 14:03:05 WITA a", Some("2026-11-21T06:03:05Z"), "a"),
            ("2026-11-21 14:03:05 GAGAL a", Some("2026-11-21T07:03:05Z"), "GAGAL a"),
            ("2026-11-21 14:03:05 - a", Some("2026-11-21T07:03:05Z"), "- a"),
            ("21 Nov 2026 14:03:05 a", Some("2026-11-21T07:03:05Z"), "a"),
            ("211126 14:03:05 a", Some("2026-11-21T07:03:05Z"), "a"),
            ("2026/11/21 14:03:05 a", Some("2026-11-21T07:03:05Z"), "a"),
            ("21/11/2026 14:03:05 a", Some("2026-11-21T07:03:05Z"), "a"),
            ("21-11-2026 14:03:05 a", Some("2026-11-21T07:03:05Z"), "a"),
            ("Nov 21 14:03:05 a", Some("2026-11-21T07:03:05Z"), "a"),
            ("14:03:05,123 a", Some("2026-11-21T07:03:05.123Z"), "a"),
            ("Server started", None, ""),
            ("2026-13-21 14:03:05 a", None, ""),
            ("20 orang", None, ""),
            ("", None, ""),
        ] {
            let stamp = stamps.read(line.as_bytes(), now);
            let expected = expected.map(|text| text.parse::<Timestamp>().unwrap().as_millisecond());
            assert_eq!(stamp.map(|stamp| stamp.at.ms), expected, "{line}");
            if let Some(stamp) = stamp {
                assert_eq!(&line[stamp.length..], rest, "{line}");
            }
        }
    }
}
