//! Times at the beginning of a line, in any layout that Java's loggers are known to be set to.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use super::{
    super::time::{Cursor, with_zone},
    entries::Stamp,
};
use crate::entry::EventTime;

/// Length of milliseconds since 1970 (from 2001 to 2286).
const EPOCH_MS_DIGITS: usize = 13;

/// Names of zones that may follow a time; other words are something else.
const ZONE_NAMES: &[&[u8]] = &[b"WIB", b"WITA", b"WIT", b"UTC", b"GMT"];

/// Takes a time.
pub fn any(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let digits = cursor.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
    match digits {
        4 => timed(cursor, year_first),
        2 if cursor.rest().get(2) == Some(&b':') => cursor.time_of_day(true).map(Stamp::TimeOnly),
        1 | 2 => timed(cursor, day_first),
        0 => month_first(cursor),
        6 => timed(cursor, |cursor| cursor.short_date()),
        8 => timed(cursor, basic_date),
        14 | 17 => compact(cursor),
        EPOCH_MS_DIGITS => epoch_ms(cursor),
        _ => None,
    }
}

/// A date, a time of day, and perhaps a zone.
fn timed(cursor: &mut Cursor<'_>, date: fn(&mut Cursor<'_>) -> Option<Date>) -> Option<Stamp> {
    let date = date(cursor)?;
    cursor.any_of(b" T:,")?;
    cursor.any_of(b" ");
    let local = date.to_datetime(cursor.time_of_day(true)?);
    Some(in_zone(cursor, local))
}

/// `2026-11-21`, `2026/11/21`, `2026.11.21`.
fn year_first(cursor: &mut Cursor<'_>) -> Option<Date> {
    let year = cursor.number(4, 4)?;
    let mark = cursor.any_of(b"-/.")?;
    let month = cursor.number(2, 2)?;
    cursor.any_of(&[mark])?;
    date(year, month, cursor.number(2, 2)?)
}

/// `21 Nov 2026`, `21-Nov-2026`, `21/11/2026`.
fn day_first(cursor: &mut Cursor<'_>) -> Option<Date> {
    let day = cursor.number(1, 2)?;
    let mark = cursor.any_of(b" -/.")?;
    let month = match cursor.number(1, 2) {
        Some(month) => month,
        None => i32::from(cursor.month_name()?),
    };
    cursor.any_of(b".");
    cursor.any_of(&[mark])?;
    date(cursor.number(4, 4)?, month, day)
}

/// `20261121`.
fn basic_date(cursor: &mut Cursor<'_>) -> Option<Date> {
    let year = cursor.number(4, 4)?;
    let month = cursor.number(2, 2)?;
    date(year, month, cursor.number(2, 2)?)
}

/// `Nov 21, 2026 2:03:05 PM`; a time with 24 hours has no such word.
fn month_first(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let month = i32::from(cursor.month_name()?);
    cursor.any_of(b" ")?;
    let day = cursor.number(1, 2)?;
    cursor.any_of(b",");
    cursor.any_of(b" ")?;
    let date = date(cursor.number(4, 4)?, month, day)?;
    cursor.any_of(b" ")?;
    clock(cursor).map(|time| Stamp::Local(date.to_datetime(time)))
}

/// `2:03:05 PM` or `14:03:05`. Between time and word newer JVMs write a narrow no-break space.
fn clock(cursor: &mut Cursor<'_>) -> Option<Time> {
    let hour = cursor.number(1, 2)?;
    cursor.any_of(b":")?;
    let minute = cursor.number(2, 2)?;
    cursor.any_of(b":")?;
    let second = cursor.number(2, 2)?.min(59);
    let hour = match half_of_day(cursor) {
        Some(afternoon) => hour_of_half(hour, afternoon)?,
        None => hour,
    };
    time(hour, minute, second, 0)
}

/// Takes ` AM` or ` PM`: whether it is the afternoon.
fn half_of_day(cursor: &mut Cursor<'_>) -> Option<bool> {
    const WORDS: &[(&[u8], bool)] = &[
        (b" AM", false),
        (b" PM", true),
        ("\u{202f}AM".as_bytes(), false),
        ("\u{202f}PM".as_bytes(), true),
    ];
    WORDS.iter().find(|(word, _)| cursor.literal(word)).map(|(_, afternoon)| *afternoon)
}

/// An hour of 12, in 24.
pub fn hour_of_half(hour: i32, afternoon: bool) -> Option<i32> {
    let valid = (1..=12).contains(&hour);
    valid.then_some(hour % 12 + if afternoon { 12 } else { 0 })
}

/// `20261121140305`, with milliseconds or without.
fn compact(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let date = basic_date(cursor)?;
    let (hour, minute) = (cursor.number(2, 2)?, cursor.number(2, 2)?);
    let second = cursor.number(2, 2)?.min(59);
    let ms = cursor.number(3, 3).unwrap_or(0);
    Some(Stamp::Local(date.to_datetime(time(hour, minute, second, ms * 1_000_000)?)))
}

/// Milliseconds since 1970.
pub fn epoch_ms(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let seconds = i64::from(cursor.number(EPOCH_MS_DIGITS - 4, EPOCH_MS_DIGITS - 4)?);
    let rest = i64::from(cursor.number(4, 4)?);
    let ms = seconds.checked_mul(10_000)?.checked_add(rest)?;
    moment(ms)
}

/// A moment, if there is such a one.
pub fn moment(ms: i64) -> Option<Stamp> {
    Timestamp::from_millisecond(ms).ok()?;
    Some(Stamp::At(EventTime { ms, estimated: false }))
}

/// Takes a zone that follows a time, if one does.
fn in_zone(cursor: &mut Cursor<'_>, local: DateTime) -> Stamp {
    let rest = cursor.rest();
    let bare = rest.strip_prefix(b" ").unwrap_or(rest);
    let length = match bare.first() {
        Some(b'Z') if !bare.get(1).is_some_and(u8::is_ascii_alphanumeric) => 1,
        Some(b'+' | b'-') => offset_length(bare),
        Some(b'U' | b'G' | b'W') => name_length(bare),
        _ => 0,
    };
    let name = bare.get(..length).unwrap_or_default();
    if name.is_empty() {
        return Stamp::Local(local);
    }
    let stamp = zoned(local, name);
    if stamp != Stamp::Local(local) {
        cursor.literal(rest.get(..rest.len() - bare.len() + length).unwrap_or_default());
    }
    stamp
}

/// Length of `+07`, `+0700` or `+07:00`; none where something else goes on.
fn offset_length(text: &[u8]) -> usize {
    let is_part = |b: &u8| b.is_ascii_digit() || *b == b':';
    let length = 1 + text.iter().skip(1).take_while(|byte| is_part(byte)).count();
    if matches!(length, 3 | 5 | 6) { length } else { 0 }
}

fn name_length(text: &[u8]) -> usize {
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = text.get(..length).unwrap_or_default();
    if ZONE_NAMES.contains(&name) { length } else { 0 }
}

/// A local time in the zone of a name; in the log's zone where nobody here knows the name.
pub fn zoned(local: DateTime, name: &[u8]) -> Stamp {
    let name = std::str::from_utf8(name).unwrap_or_default();
    let numeric = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC"));
    let name = numeric.filter(|offset| !offset.is_empty()).unwrap_or(name);
    match with_zone(local, name, &TimeZone::UTC) {
        Some(at) if !at.estimated => Stamp::At(at),
        _ => Stamp::Local(local),
    }
}

/// A date of its numbers.
pub fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    let (year, month, day) =
        (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(year, month, day).ok()
}

/// A time of day of its numbers.
pub fn time(hour: i32, minute: i32, second: i32, nanosecond: i32) -> Option<Time> {
    let (hour, minute, second) =
        (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?);
    Time::new(hour, minute, second, nanosecond).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let mut cursor = Cursor::new(text.as_bytes());
        let stamp = match any(&mut cursor) {
            Some(Stamp::At(at)) => Timestamp::from_millisecond(at.ms).unwrap().to_string(),
            Some(Stamp::Local(local)) => local.to_string(),
            Some(Stamp::TimeOnly(time)) => time.to_string(),
            Some(Stamp::None) | None => return "no time".to_owned(),
        };
        format!("{stamp}|{}", String::from_utf8_lossy(cursor.rest()))
    }

    #[test]
    fn every_known_layout_is_read() {
        for (text, expected) in [
            ("2026-11-21 14:03:05,123 x", "2026-11-21T14:03:05.123| x"),
            ("2026-11-21T14:03:05.123 x", "2026-11-21T14:03:05.123| x"),
            ("2026-11-21T14:03:05.123+07:00 x", "2026-11-21T07:03:05.123Z| x"),
            ("2026-11-21T14:03:05.123Z x", "2026-11-21T14:03:05.123Z| x"),
            ("2026-11-21 14:03:05 +0700 x", "2026-11-21T07:03:05Z| x"),
            ("2026-11-21 14:03:05 WITA x", "2026-11-21T06:03:05Z| x"),
            ("2026-11-21 14:03:05 WARN x", "2026-11-21T14:03:05| WARN x"),
            ("2026/11/21 14:03:05 x", "2026-11-21T14:03:05| x"),
            ("21 Nov 2026 14:03:05,123 x", "2026-11-21T14:03:05.123| x"),
            ("1 Agustus 2026 14:03:05 x", "2026-08-01T14:03:05| x"),
            ("21-Okt-2026 14:03:05.123 x", "2026-10-21T14:03:05.123| x"),
            ("21/12/2026 14:03:05 x", "2026-12-21T14:03:05| x"),
            ("21-12-2026 14:03:05 x", "2026-12-21T14:03:05| x"),
            ("211126 14:03:05 x", "2026-11-21T14:03:05| x"),
            ("20261121 14:03:05.123 x", "2026-11-21T14:03:05.123| x"),
            ("20261121140305123 x", "2026-11-21T14:03:05.123| x"),
            ("1795244585123 x", "2026-11-21T07:03:05.123Z| x"),
            ("14:03:05,123 x", "14:03:05.123| x"),
            ("Nov 21, 2026 2:03:05 PM x", "2026-11-21T14:03:05| x"),
            ("Des 21, 2026 12:03:05 AM x", "2026-12-21T00:03:05| x"),
            ("Mei 21, 2026 2:03:05\u{202f}PM x", "2026-05-21T14:03:05| x"),
            ("2026-13-21 14:03:05 x", "no time"),
            ("Nov 21, 2026 13:03:05 PM x", "no time"),
            ("9999999999999999999 x", "no time"),
            ("at a.B.c", "no time"),
            ("", "no time"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
