//! Layouts of times as `%d{…}` names them: those of `SimpleDateFormat` and `DateTimeFormatter` that
//! loggers are set to, and log4j's own names (manuals of log4j 1.2, log4j2 and logback, "Pattern Layout").

use jiff::{civil::Date, tz::TimeZone};

use super::{
    super::time::Cursor,
    entries::Stamp,
    stamp::{self, date, hour_of_half, time},
};

/// Letters and texts that a layout may have.
const STEPS_MAX: usize = 40;

/// Names for layouts.
const NAMED: &[(&str, &str)] = &[
    ("DEFAULT", "yyyy-MM-dd HH:mm:ss,SSS"),
    ("DEFAULT_MICROS", "yyyy-MM-dd HH:mm:ss,nnnnnn"),
    ("DEFAULT_NANOS", "yyyy-MM-dd HH:mm:ss,nnnnnnnnn"),
    ("DEFAULT_PERIOD", "yyyy-MM-dd HH:mm:ss.SSS"),
    ("ABSOLUTE", "HH:mm:ss,SSS"),
    ("ABSOLUTE_PERIOD", "HH:mm:ss.SSS"),
    ("ABSOLUTE_MICROS", "HH:mm:ss,nnnnnn"),
    ("ABSOLUTE_NANOS", "HH:mm:ss,nnnnnnnnn"),
    ("DATE", "dd MMM yyyy HH:mm:ss,SSS"),
    ("DATE_PERIOD", "dd MMM yyyy HH:mm:ss.SSS"),
    ("COMPACT", "yyyyMMddHHmmssSSS"),
    ("ISO8601_BASIC", "yyyyMMdd'T'HHmmss,SSS"),
    ("ISO8601_BASIC_PERIOD", "yyyyMMdd'T'HHmmss.SSS"),
    ("US_MONTH_DAY_YEAR2_TIME", "dd/MM/yy HH:mm:ss.SSS"),
    ("US_MONTH_DAY_YEAR4_TIME", "dd/MM/yyyy HH:mm:ss.SSS"),
];

/// The layouts that most loggers are set to; a fraction may follow.
const ISO: &[&str] = &["yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss"];

/// A compiled layout, and the zone it names.
#[derive(Clone, Debug)]
pub struct DateLayout {
    steps: Vec<Step>,
    /// Of its times, where they carry none.
    pub zone: Option<TimeZone>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A number of least to most digits.
    Number(Part, usize, usize),
    /// What follows the second's decimal mark.
    Fraction(usize),
    MonthName,
    HalfOfDay,
    /// Name of a day or an era: read over.
    Word,
    Zone,
    Literal(Box<[u8]>),
    /// `2026-11-21 14:03:05.123`, without a zone: read without a step for each part.
    Iso,
    /// Any layout known at all: ISO 8601 differs between loggers, and what a property holds is not told.
    Any,
    /// Milliseconds since 1970, or seconds.
    EpochMs,
    EpochSeconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Year,
    ShortYear,
    Month,
    Day,
    Hour,
    /// 1 to 24.
    HourFromOne,
    /// 1 to 12.
    HalfHour,
    Minute,
    Second,
}

/// What was read so far.
#[derive(Default)]
struct Read<'a> {
    year: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    hour: i32,
    half_hour: Option<i32>,
    afternoon: bool,
    minute: i32,
    second: i32,
    nanosecond: i32,
    zone: &'a [u8],
}

impl DateLayout {
    /// Compiles what stands in the braces of `%d{…}{…}`: a layout (or none) and a zone (or none). `None`
    /// where it is too long to be one.
    pub fn compile(arguments: &[&str]) -> Option<DateLayout> {
        let text = arguments.first().map_or("", |text| text.trim()).trim_matches('"');
        let (text, own_zone) = zone_after_comma(text);
        let told = arguments.get(1).copied().or(own_zone);
        let zone = told.and_then(|name| zone_named(name.trim().trim_matches('"')));
        let steps = match text {
            "UNIX_MILLIS" => vec![Step::EpochMs],
            "UNIX" => vec![Step::EpochSeconds],
            _ if text.is_empty() || text.starts_with("ISO8601") && !text.contains("BASIC") => {
                vec![Step::Any]
            }
            _ if text.contains('$') => vec![Step::Any],
            _ => {
                let named = NAMED.iter().find(|(name, _)| *name == text);
                let layout = named.map_or(text, |(_, layout)| layout);
                if is_iso(layout) { vec![Step::Iso] } else { steps(layout) }
            }
        };
        (steps.len() <= STEPS_MAX).then_some(DateLayout { steps, zone })
    }

    /// Takes a time.
    pub fn read(&self, cursor: &mut Cursor<'_>) -> Option<Stamp> {
        let mut read = Read::default();
        for step in &self.steps {
            match step {
                Step::Any => return stamp::any(cursor),
                Step::Iso => return iso(cursor),
                Step::EpochMs => return stamp::epoch_ms(cursor),
                Step::EpochSeconds => {
                    return stamp::moment(i64::from(cursor.number(9, 10)?).checked_mul(1_000)?);
                }
                step => read.step(step, cursor)?,
            }
        }
        read.stamp()
    }
}

impl<'a> Read<'a> {
    fn step(&mut self, step: &Step, cursor: &mut Cursor<'a>) -> Option<()> {
        match step {
            Step::Number(part, least, most) => {
                let number = cursor.number(*least, *most)?;
                self.set(*part, number);
            }
            Step::Fraction(digits) => self.nanosecond = fraction(cursor, *digits)?,
            Step::MonthName => {
                self.month = cursor.month_name().map(i32::from);
                self.month?;
                cursor.any_of(b".");
            }
            Step::HalfOfDay => self.afternoon = half_of_day(cursor)?,
            Step::Word => {
                let is_part = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
                take_while(cursor, is_part);
            }
            Step::Zone => {
                let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"+-:/_".contains(b);
                self.zone = take_while(cursor, is_part);
            }
            Step::Literal(text) => {
                let is_space = |byte: &u8| *byte == b' ';
                // Some loggers fill a one-digit day up with a space.
                (cursor.literal(text)).then(|| {
                    if text.iter().all(is_space) {
                        take_while(cursor, is_space);
                    }
                })?;
            }
            Step::Iso | Step::Any | Step::EpochMs | Step::EpochSeconds => {}
        }
        Some(())
    }

    fn set(&mut self, part: Part, number: i32) {
        match part {
            Part::Year => self.year = Some(number),
            Part::ShortYear => self.year = Some(2000 + number),
            Part::Month => self.month = Some(number),
            Part::Day => self.day = Some(number),
            Part::Hour => self.hour = number,
            Part::HourFromOne => self.hour = number % 24,
            Part::HalfHour => self.half_hour = Some(number),
            Part::Minute => self.minute = number,
            Part::Second => self.second = number.min(59),
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        let hour = match self.half_hour {
            Some(hour) => {
                hour_of_half(hour % 12 + if hour % 12 == 0 { 12 } else { 0 }, self.afternoon)?
            }
            None => self.hour,
        };
        let time = time(hour, self.minute, self.second, self.nanosecond)?;
        let Some(date) = self.date() else { return Some(Stamp::TimeOnly(time)) };
        let local = date?.to_datetime(time);
        Some(if self.zone.is_empty() {
            Stamp::Local(local)
        } else {
            stamp::zoned(local, self.zone)
        })
    }

    /// `None` where a part of it is not written; `Some(None)` where there is no such date.
    fn date(&self) -> Option<Option<Date>> {
        Some(date(self.year?, self.month?, self.day?))
    }
}

fn is_iso(layout: &str) -> bool {
    let bare = layout.strip_suffix(",SSS").or_else(|| layout.strip_suffix(".SSS"));
    ISO.contains(&bare.unwrap_or(layout))
}

fn iso(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let date = cursor.iso_date()?;
    cursor.any_of(b" T")?;
    Some(Stamp::Local(date.to_datetime(cursor.time_of_day(true)?)))
}

/// logback takes the zone after a comma: `%d{yyyy-MM-dd HH:mm:ss, Asia/Jakarta}`.
fn zone_after_comma(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(',') {
        Some((layout, zone)) if zone_named(zone.trim()).is_some() => {
            (layout.trim_end(), Some(zone))
        }
        _ => (text, None),
    }
}

/// `Asia/Jakarta`, `UTC`, `GMT+7`.
fn zone_named(name: &str) -> Option<TimeZone> {
    let offset = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")).unwrap_or(name);
    if offset.is_empty() {
        return (!name.is_empty()).then_some(TimeZone::UTC);
    }
    if let Some(sign) = offset.strip_prefix(['+', '-']) {
        let (hours, minutes) = sign.split_once(':').unwrap_or((sign, "0"));
        let seconds = hours.parse::<i32>().ok()? * 3_600 + minutes.parse::<i32>().ok()? * 60;
        let seconds = if offset.starts_with('-') { -seconds } else { seconds };
        return jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
    }
    name.contains('/').then(|| TimeZone::get(name).ok()).flatten()
}

/// Steps of a layout.
fn steps(layout: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        if first.is_ascii_alphabetic() {
            let after = rest.get(run..).unwrap_or_default();
            let joined = after.starts_with(|c: char| c.is_ascii_alphabetic());
            steps.extend(letter(first, run, joined));
            rest = after;
        } else if first == '\'' {
            let (text, after) = quoted(rest.get(1..).unwrap_or_default());
            add_literal(&mut steps, text);
            rest = after;
        } else {
            let (text, after) = rest.split_at(first.len_utf8());
            add_literal(&mut steps, text);
            rest = after;
        }
    }
    steps
}

/// What a letter written `run` times stands for. Where another number follows at once, its width is fixed.
fn letter(letter: char, run: usize, joined: bool) -> Option<Step> {
    let number = |part, most: usize| {
        let least = if joined || run >= 2 { run.min(most) } else { 1 };
        Some(Step::Number(part, least, if joined { least } else { most }))
    };
    match letter {
        'y' | 'u' | 'Y' if run == 2 => Some(Step::Number(Part::ShortYear, 2, 2)),
        'y' | 'u' | 'Y' => Some(Step::Number(Part::Year, 4, 4)),
        'M' | 'L' if run >= 3 => Some(Step::MonthName),
        'M' | 'L' => number(Part::Month, 2),
        'd' => number(Part::Day, 2),
        'H' => number(Part::Hour, 2),
        'k' => number(Part::HourFromOne, 2),
        'h' | 'K' => number(Part::HalfHour, 2),
        'm' => number(Part::Minute, 2),
        's' => number(Part::Second, 2),
        'S' | 'n' => Some(Step::Fraction(run)),
        'a' => Some(Step::HalfOfDay),
        'E' | 'e' | 'G' | 'c' => Some(Step::Word),
        'z' | 'Z' | 'X' | 'x' | 'O' | 'V' => Some(Step::Zone),
        _ => None,
    }
}

/// The text before the closing quote, and what follows it.
fn quoted(rest: &str) -> (&str, &str) {
    match rest.split_once('\'') {
        // Two quotes stand for one.
        Some(("", after)) => ("'", after),
        Some((text, after)) => (text, after),
        None => (rest, ""),
    }
}

fn add_literal(steps: &mut Vec<Step>, text: &str) {
    match steps.last_mut() {
        Some(Step::Literal(before)) => *before = [before, text.as_bytes()].concat().into(),
        _ => steps.push(Step::Literal(text.as_bytes().into())),
    }
}

/// Nanoseconds of at most nine digits.
fn fraction(cursor: &mut Cursor<'_>, digits: usize) -> Option<i32> {
    let digits = digits.clamp(1, 9);
    let before = cursor.rest().len();
    let value = cursor.number(1, digits)?;
    let read = u32::try_from(before - cursor.rest().len()).ok()?;
    value.checked_mul(10_i32.checked_pow(9_u32.checked_sub(read)?)?)
}

/// Whether it is the afternoon, in English or Indonesian.
fn half_of_day(cursor: &mut Cursor<'_>) -> Option<bool> {
    const WORDS: &[(&[u8], bool)] = &[(b"AM", false), (b"PM", true), (b"am", false), (b"pm", true)];
    WORDS.iter().find(|(word, _)| cursor.literal(word)).map(|(_, afternoon)| *afternoon)
}

fn take_while<'a>(cursor: &mut Cursor<'a>, is: impl Fn(&u8) -> bool) -> &'a [u8] {
    let rest = cursor.rest();
    let length = rest.iter().take_while(|byte| is(byte)).count();
    let taken = rest.get(..length).unwrap_or_default();
    cursor.literal(taken);
    taken
}
