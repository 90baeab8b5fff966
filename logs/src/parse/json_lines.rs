//! JSON lines as applications write them, each line an object: Logstash and ECS, logback's and log4j2's JSON
//! encoders, Bunyan and pino, Google Cloud, GELF, and Docker's json-file, whose text is a line of another
//! log. One line is one entry; with Docker, lines of a trace belong to the entry before them.

pub(super) mod scan;

use scan::{Value, fields, unescape};

use super::{
    Fit, Line, Out, Parser,
    held::{Body, Held},
    plain,
    time::Clock,
};
use crate::{
    entry::{EventTime, Severity},
    format::{Format, Layout},
};

/// See the module.
pub const FORMAT: Format = Format {
    name: "json",
    about: "JSON lines of an application: Logstash, ECS, logback, log4j2, Bunyan, pino, Google Cloud, Docker",
    layout: None,
    check_layout: None,
    of_cluster: false,
    in_pieces: true,
    specificity: 40,
    open: |layout| Box::new(JsonLines::new(layout)),
};

/// Rule for objects whose level says nothing and whose words neither.
const NO_SIGN: &str = "line without level";

/// Length of `2026-11-21T14:03:05`.
const SECOND_BYTES: usize = 19;

/// What a field tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Time,
    Level,
    Message,
    /// Class of an exception.
    Kind,
    /// Message of an exception.
    Cause,
    Trace,
    /// A line of another log.
    Inner,
}

/// Object, field in it, and what it tells. A dot in a name separates the two as well.
#[rustfmt::skip]
const FIELDS: &[(&[u8], &[u8], Field)] = &[
    // Elastic Common Schema 8 and Logstash.
    (b"", b"@timestamp", Field::Time),
    (b"log", b"level", Field::Level),
    (b"", b"message", Field::Message),
    (b"error", b"type", Field::Kind),
    (b"error", b"message", Field::Cause),
    (b"error", b"stack_trace", Field::Trace),
    // logstash-logback-encoder, logback's JsonEncoder.
    (b"", b"timestamp", Field::Time),
    (b"", b"level", Field::Level),
    (b"", b"stack_trace", Field::Trace),
    (b"throwable", b"className", Field::Kind),
    (b"throwable", b"message", Field::Cause),
    // log4j2's JsonLayout.
    (b"instant", b"epochSecond", Field::Time),
    (b"", b"timeMillis", Field::Time),
    (b"thrown", b"name", Field::Kind),
    (b"thrown", b"message", Field::Cause),
    (b"thrown", b"extendedStackTrace", Field::Trace),
    // Bunyan and pino.
    (b"", b"time", Field::Time),
    (b"", b"msg", Field::Message),
    (b"err", b"type", Field::Kind),
    (b"err", b"name", Field::Kind),
    (b"err", b"message", Field::Cause),
    (b"err", b"stack", Field::Trace),
    // Google Cloud.
    (b"", b"severity", Field::Level),
    (b"", b"textPayload", Field::Message),
    (b"jsonPayload", b"message", Field::Message),
    (b"timestamp", b"seconds", Field::Time),
    // GELF, and other habits.
    (b"", b"short_message", Field::Message),
    (b"", b"ts", Field::Time),
    (b"", b"levelname", Field::Level),
    (b"", b"lvl", Field::Level),
    (b"", b"exception", Field::Trace),
    (b"", b"stacktrace", Field::Trace),
    (b"exception", b"exception_class", Field::Kind),
    (b"exception", b"exception_message", Field::Cause),
    (b"exception", b"stacktrace", Field::Trace),
    // Docker's json-file.
    (b"", b"log", Field::Inner),
];

/// How bad, or of no interest by the named rule.
type Level = Result<Severity, &'static str>;

/// Words of levels, upper case, English and Indonesian, and what stands for them in the head of an example.
#[rustfmt::skip]
const LEVELS: &[(&[u8], Level)] = &[
    (b"INFO", Err("info")),
    (b"DEBUG", Err("debug")),
    (b"ERROR", Ok(Severity::Error)),
    (b"WARN", Ok(Severity::Warning)),
    (b"WARNING", Ok(Severity::Warning)),
    (b"TRACE", Err("trace")),
    (b"FATAL", Ok(Severity::Fatal)),
    (b"NOTICE", Err("notice")),
    (b"INFORMATION", Err("info")),
    (b"ERR", Ok(Severity::Error)),
    (b"SEVERE", Ok(Severity::Error)),
    (b"CRITICAL", Ok(Severity::Fatal)),
    (b"CRIT", Ok(Severity::Fatal)),
    (b"ALERT", Ok(Severity::Fatal)),
    (b"EMERGENCY", Ok(Severity::Fatal)),
    (b"EMERG", Ok(Severity::Fatal)),
    (b"PANIC", Ok(Severity::Panic)),
    (b"VERBOSE", Err("trace")),
    (b"FINE", Err("debug")),
    (b"GALAT", Ok(Severity::Error)),
    (b"KESALAHAN", Ok(Severity::Error)),
    (b"PERINGATAN", Ok(Severity::Warning)),
    (b"KRITIS", Ok(Severity::Fatal)),
    (b"FATAL ERROR", Ok(Severity::Fatal)),
    (b"INFORMASI", Err("info")),
    (b"CATATAN", Err("notice")),
];

/// The fields of a line that tell something; the first of each kind.
#[derive(Clone, Copy, Debug, Default)]
struct Record<'a> {
    time: Option<Value<'a>>,
    level: Option<Value<'a>>,
    message: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    cause: Option<&'a [u8]>,
    trace: Option<&'a [u8]>,
    inner: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// `None`: no object, or one that tells nothing known.
    fn read(line: &'a [u8]) -> Option<Record<'a>> {
        let mut record = Record::default();
        fields(line, is_entered, &mut |parent, key, value| record.take(parent, key, value));
        let tells = record.message.or(record.inner).or(record.trace).or(record.cause);
        (tells.is_some() || record.level.is_some() && record.time.is_some()).then_some(record)
    }

    fn take(&mut self, parent: &'a [u8], key: &'a [u8], value: Value<'a>) {
        let Some(field) = field(parent, key) else { return };
        let text = match value {
            Value::Text(text) => Some(text),
            Value::Bare(_) | Value::List(_) => None,
        };
        let slot = match field {
            Field::Time => return first(&mut self.time, Some(value)),
            Field::Level => return first(&mut self.level, Some(value)),
            Field::Message => &mut self.message,
            Field::Kind => &mut self.kind,
            Field::Cause => &mut self.cause,
            Field::Trace => &mut self.trace,
            Field::Inner => &mut self.inner,
        };
        first(slot, text);
    }

    /// A line of another log, where nothing else is said.
    fn inner(&self) -> Option<&'a [u8]> {
        self.inner.filter(|_| self.message.is_none())
    }
}

fn first<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

fn field(parent: &[u8], key: &[u8]) -> Option<Field> {
    let known = |parent: &[u8], key: &[u8]| {
        // Length and last byte tell almost all names apart.
        let may_be = |name: &[u8]| name.len() == key.len() && name.last() == key.last();
        let is = |of: &[u8], name: &[u8]| may_be(name) && name == key && of == parent;
        let row = FIELDS.iter().find(|(of, name, _)| is(of, name));
        row.map(|(_, _, field)| *field)
    };
    known(parent, key).or_else(|| {
        let dot = memchr::memchr(b'.', key).filter(|_| parent.is_empty())?;
        known(key.get(..dot)?, key.get(dot + 1..)?)
    })
}

fn is_entered(name: &[u8]) -> bool {
    FIELDS.iter().any(|(parent, _, _)| *parent == name)
}

/// The level of a word or a number: Bunyan counts 10 to 60, GELF as syslog 0 to 7.
fn level(value: Value<'_>) -> Option<(&'static [u8], Level)> {
    let (Value::Text(text) | Value::Bare(text)) = value else { return None };
    let word: &[u8] = match text {
        b"60" | b"0" | b"1" | b"2" => b"FATAL",
        b"50" | b"3" => b"ERROR",
        b"40" | b"4" => b"WARN",
        b"5" => b"NOTICE",
        b"30" | b"6" => b"INFO",
        b"20" | b"7" => b"DEBUG",
        b"10" => b"TRACE",
        text => text.trim_ascii(),
    };
    LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).copied()
}

/// The reader of one log.
#[derive(Debug)]
struct JsonLines {
    clock: Clock,
    held: Held,
    /// The line of another log in this one.
    inner: Vec<u8>,
    text: Vec<u8>,
}

impl JsonLines {
    fn new(layout: &Layout) -> JsonLines {
        JsonLines {
            clock: Clock::new(layout.zone.clone()),
            held: Held::default(),
            inner: Vec::new(),
            text: Vec::new(),
        }
    }

    fn record(&mut self, line: Line<'_>, record: Record<'_>, out: &mut Out<'_>) {
        let at = record.time.and_then(|time| moment(&mut self.clock, time));
        let level = record.level.and_then(level);
        self.text.clear();
        if let Some(message) = record.message
            && !matches!(level, Some((_, Err(_))))
        {
            unescape(message, &mut self.text);
        }
        let failed = record.trace.is_some() || record.kind.is_some();
        let body = match level {
            Some((_, Ok(severity))) => Body::Failure(severity),
            Some((_, Err(rule))) => Body::Ignored(rule),
            None if failed => Body::Failure(Severity::Error),
            None => plain::severity(&self.text).map_or(Body::Ignored(NO_SIGN), Body::Failure),
        };
        self.held.begin(line, at, body, out);
        if let Body::Failure(_) = body {
            self.head(record.time.filter(|_| at.is_some()), level.map(|(word, _)| word));
            self.held.text(&self.text);
            self.failure(record);
        }
    }

    /// Only what was recognised: the head is not redacted, and digits alone may be anything.
    fn head(&mut self, time: Option<Value<'_>>, level: Option<&[u8]>) {
        if let Some(Value::Text(time)) = time
            && time.get(4) == Some(&b'-')
        {
            self.held.head(time.get(..SECOND_BYTES).unwrap_or_default());
            self.held.head(b" ");
        }
        if let Some(level) = level {
            self.held.head(level);
            self.held.head(b" ");
        }
    }

    /// The trace; else class and message of the exception, as a trace begins.
    fn failure(&mut self, record: Record<'_>) {
        let kind_and_cause = [record.kind, record.cause.filter(|_| record.kind.is_some())];
        let texts = match record.trace {
            Some(trace) => [Some(trace), None],
            None => kind_and_cause,
        };
        let cause_only = record.cause.filter(|_| record.message.is_none());
        let texts = if texts == [None, None] { [cause_only, None] } else { texts };
        for (mark, text) in [b"\n".as_slice(), b": "].into_iter().zip(texts) {
            let Some(text) = text else { return };
            self.text.clear();
            unescape(text, &mut self.text);
            self.held.text(mark);
            self.held.text(&self.text);
        }
    }

    /// A line of another log: an object as well, or plain text.
    fn docker(&mut self, line: Line<'_>, outer: Record<'_>, inner: &[u8], out: &mut Out<'_>) {
        if plain::continues(inner) {
            return self.held.further(inner, line.end, out);
        }
        if let Some(record) = Record::read(inner).filter(|record| record.inner.is_none()) {
            let time = record.time.or(outer.time);
            return self.record(line, Record { time, ..record }, out);
        }
        let at = outer.time.and_then(|time| moment(&mut self.clock, time));
        match plain::severity(inner) {
            Some(severity) => {
                self.held.begin(line, at, Body::Failure(severity), out);
                self.held.text(inner);
            }
            None => self.held.begin(line, at, Body::Ignored(plain::NO_SIGN), out),
        }
    }
}

/// The moment of a time as JSON has it.
pub(super) fn moment(clock: &mut Clock, value: Value<'_>) -> Option<EventTime> {
    match value {
        Value::Text(text) if text.get(4) == Some(&b'-') => clock.read(text),
        Value::Text(digits) | Value::Bare(digits) => epoch(digits),
        Value::List(_) => None,
    }
}

/// Seconds, milli-, micro- or nanoseconds since 1970; which, tells the size: a second of the years 1973 to
/// 5138 has 9 to 11 digits.
fn epoch(text: &[u8]) -> Option<EventTime> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, fraction) = text.split_at_checked(whole)?;
    let number = std::str::from_utf8(digits).ok()?.parse::<i64>().ok()?;
    let ms = match whole {
        ..=11 => number.checked_mul(1_000)? + thousandths(fraction),
        12..=14 => number,
        15..=17 => number / 1_000,
        _ => number / 1_000_000,
    };
    Some(EventTime { ms, estimated: false })
}

/// `.123456` as milliseconds.
fn thousandths(fraction: &[u8]) -> i64 {
    let digit = |place| match fraction.get(place) {
        Some(byte @ b'0'..=b'9') => i64::from(byte - b'0'),
        _ => 0,
    };
    digit(1) * 100 + digit(2) * 10 + digit(3)
}

/// The line in a line, without its end.
fn unpack(inner: &[u8], room: &mut Vec<u8>) {
    room.clear();
    unescape(inner, room);
    while room.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        room.pop();
    }
}

impl Parser for JsonLines {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        if line.bytes.trim_ascii().is_empty() {
            return self.held.further(b"", line.end, out);
        }
        let Some(record) = Record::read(line.bytes) else {
            return self.held.begin(line, None, Body::Unparsed, out);
        };
        let Some(inner) = record.inner() else { return self.record(line, record, out) };
        let mut room = std::mem::take(&mut self.inner);
        unpack(inner, &mut room);
        self.docker(line, record, &room, out);
        self.inner = room;
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.held.close(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        if bytes.trim_ascii().is_empty() {
            return Fit::Belongs;
        }
        let Some(record) = Record::read(bytes) else { return Fit::Foreign };
        let Some(inner) = record.inner() else { return Fit::Begins };
        let mut room = Vec::new();
        unpack(inner, &mut room);
        if plain::continues(&room) { Fit::Belongs } else { Fit::Begins }
    }
}

#[cfg(test)]
mod tests;
