//! What syslog writes before a text: RFC 3164 as rsyslog's traditional format has it, the same with a whole
//! time stamp, and RFC 5424.

use jiff::{Timestamp, tz::TimeZone};

use super::super::super::time::{Cursor, with_zone};
use crate::entry::EventTime;

/// A stamp without a year is not taken for one further ahead: clocks differ, years do not.
const AHEAD_MS_MAX: i64 = 24 * 3_600 * 1_000;

/// Digits that a number may have.
const DIGITS_MAX: usize = 18;

/// Length of `Nov 21 14:03:05`.
const STAMP_BYTES: usize = 15;

/// A line of syslog.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// `Nov 21 14:03:05` or `2026-11-21T14:03:05.123+07:00`.
    pub stamp: &'a [u8],
    program: &'a [u8],
    /// Its id.
    pub process: u64,
    /// `[5-2]`: of its fifth entry …; not written with `syslog_sequence_numbers = off`.
    pub number: Option<u64>,
    /// … the second piece; 1 where nothing tells.
    pub piece: u64,
    /// What it says.
    pub text: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads a line.
    pub fn read(line: &'a [u8]) -> Option<Envelope<'a>> {
        let (line, is_new) = priority(line);
        let (stamp, rest) = stamp(line)?;
        let (_host, rest) = word(rest)?;
        let (program, process, rest) = if is_new { new_tag(rest)? } else { old_tag(rest)? };
        let (number, piece, text) = match sequence(rest) {
            Some((number, piece, text)) => (Some(number), piece, text),
            None => (None, 1, rest),
        };
        Some(Envelope { stamp, program, process, number, piece, text })
    }

    /// Whether PostgreSQL wrote it, as far as the program's name tells (`syslog_ident`).
    pub fn is_postgres(&self) -> bool {
        self.program.starts_with(b"postgres")
    }

    /// Its text with what rsyslog escapes (`#011`, `#012`).
    pub fn unescape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut rest = self.text;
        while let Some(at) = memchr::memchr(b'#', rest) {
            let (before, from) = rest.split_at(at);
            text.extend_from_slice(before);
            let (byte, length) = match from.get(1..4) {
                Some(b"011") => (b'\t', 4),
                Some(b"012") => (b'\n', 4),
                _ => (b'#', 1),
            };
            text.push(byte);
            rest = from.get(length..).unwrap_or_default();
        }
        text.extend_from_slice(rest);
    }
}

/// What follows `<134>`, and whether a version of RFC 5424 stands there.
fn priority(line: &[u8]) -> (&[u8], bool) {
    let after = line.strip_prefix(b"<").and_then(number);
    let Some(rest) = after.and_then(|(_, rest)| rest.strip_prefix(b">")) else {
        return (line, false);
    };
    rest.strip_prefix(b"1 ").map_or((rest, false), |rest| (rest, true))
}

fn stamp(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if line.first()?.is_ascii_digit() {
        let (stamp, rest) = word(line)?;
        return (stamp.get(10) == Some(&b'T')).then_some((stamp, rest));
    }
    let (stamp, rest) = line.split_at_checked(STAMP_BYTES)?;
    let is_time = stamp.get(9) == Some(&b':') && stamp.get(12) == Some(&b':');
    Some((stamp, rest.strip_prefix(b" ").filter(|_| is_time)?))
}

/// `postgres[812]: `
fn old_tag(text: &[u8]) -> Option<(&[u8], u64, &[u8])> {
    let end = text.iter().position(|byte| matches!(byte, b'[' | b':' | b' '))?;
    let (program, rest) = text.split_at(end);
    let (process, rest) = number(rest.strip_prefix(b"[")?)?;
    let rest = rest.strip_prefix(b"]:")?;
    Some((program, process, rest.strip_prefix(b" ").unwrap_or(rest)))
}

/// `postgres 812 - - `
fn new_tag(text: &[u8]) -> Option<(&[u8], u64, &[u8])> {
    let (program, rest) = word(text)?;
    let (process, rest) = number(rest)?;
    let (_message_id, rest) = word(rest.strip_prefix(b" ")?)?;
    let rest = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => rest.get(memchr::memmem::find(rest, b"] ")? + 1..)?,
    };
    Some((program, process, rest.strip_prefix(b" ").unwrap_or(rest)))
}

/// `[5-2] `
fn sequence(text: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (entry, rest) = number(text.strip_prefix(b"[")?)?;
    let (piece, rest) = number(rest.strip_prefix(b"-")?)?;
    let rest = rest.strip_prefix(b"]")?;
    Some((entry, piece, rest.strip_prefix(b" ").unwrap_or(rest)))
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', text).filter(|end| *end > 0)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take(DIGITS_MAX).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(digits).filter(|(digits, _)| !digits.is_empty())?;
    Some((digits.iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0')), rest))
}

/// Reads stamps without a year. Lines of one second follow each other: the last one is kept.
#[derive(Debug)]
pub struct Calendar {
    zone: TimeZone,
    stamp: Vec<u8>,
    known: Option<EventTime>,
}

impl Calendar {
    /// Nothing kept yet.
    pub fn new(zone: TimeZone) -> Calendar {
        Calendar { zone, stamp: Vec::new(), known: None }
    }

    /// The latest such moment that is not in the future.
    pub fn read(&mut self, stamp: &[u8], now_ms: i64) -> Option<EventTime> {
        if self.stamp != stamp {
            self.known = self.latest(stamp, now_ms);
            self.stamp = stamp.to_vec();
        }
        self.known
    }

    fn latest(&self, stamp: &[u8], now_ms: i64) -> Option<EventTime> {
        let now = Timestamp::from_millisecond(now_ms.checked_add(AHEAD_MS_MAX)?).ok()?;
        let year = self.zone.to_datetime(now).year();
        let in_year = |year: i16| {
            let (month, day) = (stamp.get(..3)?, stamp.get(4..6)?.trim_ascii_start());
            let date = [day, b" ", month, b" ", year.to_string().as_bytes()].concat();
            let date = Cursor::new(&date).named_date()?;
            let time = Cursor::new(stamp.get(7..)?).time_of_day(false)?;
            with_zone(date.to_datetime(time), "", &self.zone)
        };
        [year, year.checked_sub(1)?]
            .into_iter()
            .filter_map(in_year)
            .find(|at| at.ms <= now.as_millisecond())
            .map(|at| EventTime { estimated: true, ..at })
    }
}
