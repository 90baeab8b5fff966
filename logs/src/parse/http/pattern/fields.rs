//! What a line says, field by field.

use jiff::fmt::strtime;
use memchr::{memchr, memmem};

use super::{super::request_line, Field};

/// Texts that together make the time of a line; further ones are not read.
const TIMES_MAX: usize = 4;

/// What is read of a line; texts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Address of the client; that of the next proxy where one is between.
    pub client: &'a [u8],
    /// The first address of `X-Forwarded-For`, or empty.
    pub forwarded: &'a [u8],
    /// Empty where the request was none.
    pub method: &'a [u8],
    /// Path with its query.
    pub target: &'a [u8],
    /// 0 where no answer was given.
    pub status: u16,
    /// Bytes of the answer.
    pub bytes: Option<u64>,
    /// How long it took, where the log tells.
    pub duration_us: Option<u64>,
    /// User-Agent.
    pub agent: &'a [u8],
    times: [&'a [u8]; TIMES_MAX],
    times_set: usize,
}

/// Unit of a duration, the finest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Microseconds: `%D`.
    Micros,
    /// Milliseconds: `%{ms}T`.
    Millis,
    /// Seconds: `%T`, or with a fraction `$request_time`.
    Seconds,
    /// Told by the number itself: with a fraction seconds, as nginx writes `$request_time`; without one
    /// microseconds, as Apache writes `%D`.
    ByShape,
}

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// `21/Nov/2026:14:03:05 +0700`.
    Local,
    /// `2026-11-21T14:03:05+07:00`.
    Iso,
    /// Seconds since 1970, with or without a fraction.
    Epoch,
    /// Milliseconds since 1970.
    EpochMillis,
    /// Microseconds since 1970.
    EpochMicros,
    /// By a format of strftime, perhaps a part of the time only.
    Written(String),
}

impl When {
    /// `%{format}t` of Apache.
    pub fn of_apache(format: &str) -> When {
        let format =
            format.strip_prefix("begin:").or_else(|| format.strip_prefix("end:")).unwrap_or(format);
        match format {
            "" => When::Local,
            "sec" => When::Epoch,
            "msec" => When::EpochMillis,
            "usec" => When::EpochMicros,
            "msec_frac" => When::Written("%f".to_owned()),
            "usec_frac" => When::Written("%f".to_owned()),
            format => When::Written(format.to_owned()),
        }
    }

    /// Whether it tells date and time of day.
    pub fn is_whole(&self) -> bool {
        !matches!(self, When::Written(_))
    }

    /// How often a text stands within a time so written.
    pub fn holds(&self, text: &[u8]) -> usize {
        if text.is_empty() {
            return 0;
        }
        let sample = match self {
            When::Local => "21/Nov/2026:14:03:05 +0700".to_owned(),
            When::Iso => "2026-11-21T14:03:05+07:00".to_owned(),
            When::Epoch | When::EpochMillis | When::EpochMicros => "1795244585.123".to_owned(),
            When::Written(format) => {
                strtime::format(format, &jiff::Zoned::default()).unwrap_or_default()
            }
        };
        memmem::find_iter(sample.as_bytes(), text).count()
    }
}

impl<'a> Fields<'a> {
    /// The texts of its time.
    pub fn times(&self) -> &[&'a [u8]] {
        self.times.get(..self.times_set).unwrap_or_default()
    }

    /// Takes a field. `None` where it cannot be what the pattern says.
    #[inline]
    pub(super) fn set(&mut self, field: &Field, text: &'a [u8]) -> Option<()> {
        match field {
            Field::Other | Field::List | Field::Query => {}
            Field::Client => self.client = client(text)?,
            Field::Forwarded => self.forwarded = first_address(text),
            Field::Port => port(text)?,
            Field::Request => (self.method, self.target) = request_line(text).unwrap_or_default(),
            Field::Method => self.method = if text == b"-" { b"" } else { text },
            Field::Target => self.target = from_path(text),
            Field::Status => self.status = status(text)?,
            Field::Bytes => self.bytes = self.bytes.or(Some(number_or_none(text)?.unwrap_or(0))),
            Field::Duration(unit) => self.duration_us = self::duration_us(*unit, text)?,
            Field::Time(_) => {
                if let Some(time) = self.times.get_mut(self.times_set) {
                    *time = text;
                    self.times_set += 1;
                }
            }
            Field::Agent => self.agent = text,
        }
        Some(())
    }
}

/// A name with a port (`vhost:443`) is no client: an address of IPv6 has two colons at least.
fn client(text: &[u8]) -> Option<&[u8]> {
    let is_address = match memchr(b':', text) {
        None => !text.is_empty(),
        Some(at) => memchr(b':', text.get(at + 1..)?).is_some() || text.starts_with(b"unix:"),
    };
    (is_address && !text.starts_with(b"[")).then_some(text)
}

/// The client as the first proxy saw it.
fn first_address(text: &[u8]) -> &[u8] {
    let first = text.split(|byte| matches!(byte, b',' | b' ')).next().unwrap_or_default();
    if first == b"-" { b"" } else { first }
}

fn port(text: &[u8]) -> Option<()> {
    (!text.is_empty() && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-'))
        .then_some(())
}

/// The path of what may begin with a host: `$host$request_uri`.
fn from_path(text: &[u8]) -> &[u8] {
    let at = memchr(b'/', text).unwrap_or(0);
    text.get(at..).unwrap_or_default()
}

/// Three digits; nginx writes `000` and Apache `-` where there was no answer.
fn status(text: &[u8]) -> Option<u16> {
    match text {
        b"-" => Some(0),
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Some(digit(a) * 100 + digit(b) * 10 + digit(c))
        }
        _ => None,
    }
}

/// A whole number, or nothing for `-`.
fn number_or_none(text: &[u8]) -> Option<Option<u64>> {
    if text == b"-" {
        return Some(None);
    }
    if text.is_empty() {
        return None;
    }
    let digit = |sum: u64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    };
    text.iter().try_fold(0, digit).map(Some)
}

fn duration_us(unit: Unit, text: &[u8]) -> Option<Option<u64>> {
    let point = memchr(b'.', text);
    let (whole, fraction) = text.split_at_checked(point.unwrap_or(text.len()))?;
    let Some(whole) = number_or_none(whole)? else { return Some(None) };
    let per_unit = match (unit, point) {
        (Unit::Micros, _) | (Unit::ByShape, None) => 1,
        (Unit::Millis, _) => 1_000,
        (Unit::Seconds, _) | (Unit::ByShape, Some(_)) => 1_000_000,
    };
    let fraction = fraction_us(fraction.get(1..).unwrap_or_default(), per_unit)?;
    Some(Some(whole.checked_mul(per_unit)?.checked_add(fraction)?))
}

/// Digits behind the point, in parts of which `per_unit` are one.
fn fraction_us(digits: &[u8], per_unit: u64) -> Option<u64> {
    let (mut part, mut sum) = (per_unit, 0);
    for byte in digits {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        part /= 10;
        sum += digit * part;
    }
    Some(sum)
}
