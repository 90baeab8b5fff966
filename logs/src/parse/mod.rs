//! One file per log format: lines to entries with a meaning. Nothing is redacted or grouped here.
//!
//! What makes counting exact: whether a line begins an entry depends on that line alone, and an entry holds
//! every further line of its own. So reading may resume after any entry and finds the same entries again.
//! Where the entries of several processes are interleaved, those that overlap are told together, with one
//! end.

use std::borrow::Cow;

use crate::entry::{ActivityKind, EventTime, Severity};

mod held;
pub mod http;
pub mod java;
pub mod journal;
pub mod json_lines;
#[cfg(test)]
pub(crate) mod laws;
pub mod pgbouncer;
pub mod plain;
pub mod postgres;
pub mod syslog;
mod system;
pub(crate) mod time;

pub use java::{log4j, play, tomcat};

/// So many bytes of an entry are kept; its further lines are counted, their text is cut.
pub const ENTRY_BYTES_MAX: usize = 64 * 1024;

/// An entry of so many lines is closed: the position moves on even in a file that never shows a header.
pub const ENTRY_LINES_MAX: u64 = 10_000;

/// Rule for lines that belong to an entry of which the beginning was not read.
pub const CONTINUATION: &str = "continuation";

/// The reader of one log. Holds what is unfinished.
pub trait Parser: Send {
    /// Takes one line. Tells the entries that this line shows to be complete; those told by one call count
    /// together or not at all.
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>);

    /// Closes what is unfinished.
    fn finish(&mut self, out: &mut Out<'_>);

    /// What a line is by itself, whatever stands before it.
    fn fit(&self, bytes: &[u8]) -> Fit;
}

/// Takes complete entries, in the order in which they end.
pub type Out<'o> = dyn FnMut(Parsed<'_>) + 'o;

/// A line of a log.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Without its line end.
    pub bytes: &'a [u8],
    /// Offset in the file after it, line end included.
    pub end: u64,
    /// Bounds guesses of a missing date: UTC milliseconds.
    pub now_ms: i64,
}

/// What a line is by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// An entry begins here.
    Begins,
    /// It may belong to an entry before it.
    Belongs,
    /// Nothing that this format has.
    Foreign,
}

/// A complete entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// Lines it is made of.
    pub lines: u64,
    /// Offset in the file after its last line; of entries told together, after the last line of all.
    pub end: u64,
    /// `None` where nothing tells.
    pub at: Option<EventTime>,
    /// What it says.
    pub said: Said<'a>,
}

impl Parsed<'_> {
    /// The same, with texts of its own.
    pub fn into_owned(self) -> Parsed<'static> {
        let Parsed { lines, end, at, said } = self;
        Parsed { lines, end, at, said: said.into_owned() }
    }
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// The database failed or warned.
    Database(DatabaseFailure<'a>),
    /// The application failed or warned.
    Application(ApplicationFailure<'a>),
    /// A statement was executed.
    Executed(Execution<'a>),
    /// The database did something that is neither a statement nor a failure.
    Active(Activity<'a>),
    /// The web server failed, warned or refused something.
    Server(ServerFailure<'a>),
    /// A request was answered.
    Requested(Request<'a>),
    /// Understood and of no interest, by the named rule.
    Ignored(&'static str),
    /// Not understood.
    Unparsed,
}

impl Said<'_> {
    /// The same, with texts of its own.
    pub fn into_owned(self) -> Said<'static> {
        match self {
            Said::Database(failure) => Said::Database(failure.into_owned()),
            Said::Application(failure) => Said::Application(ApplicationFailure {
                severity: failure.severity,
                head: own(failure.head),
                block: own(failure.block),
                error_ids: failure.error_ids,
            }),
            Said::Executed(execution) => Said::Executed(Execution {
                database: own(execution.database),
                application: own(execution.application),
                statement: own(execution.statement),
                duration_us: execution.duration_us,
            }),
            Said::Active(activity) => Said::Active(Activity {
                kind: activity.kind,
                amount: activity.amount,
                subject: own(activity.subject),
            }),
            Said::Server(failure) => Said::Server(failure.into_owned()),
            Said::Requested(request) => Said::Requested(Request {
                method: own(request.method),
                path: own(request.path),
                status: request.status,
                duration_us: request.duration_us,
                bytes: request.bytes,
                client: own(request.client),
                agent: own(request.agent),
            }),
            Said::Ignored(rule) => Said::Ignored(rule),
            Said::Unparsed => Said::Unparsed,
        }
    }
}

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// ERROR, FATAL, PANIC or WARNING of PostgreSQL. Texts as logged, without prefixes: those name users and
/// addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFailure<'a> {
    /// How bad.
    pub severity: Severity,
    /// Five characters, or empty.
    pub sqlstate: Cow<'a, str>,
    /// The message.
    pub message: Cow<'a, str>,
    /// DETAIL, HINT and the like, in the order logged.
    pub parts: Vec<Part<'a>>,
}

impl DatabaseFailure<'_> {
    fn into_owned(self) -> DatabaseFailure<'static> {
        let parts = self.parts.into_iter();
        DatabaseFailure {
            severity: self.severity,
            sqlstate: own(self.sqlstate),
            message: own(self.message),
            parts: parts.map(|part| Part { kind: part.kind, text: own(part.text) }).collect(),
        }
    }
}

/// A further part of a database entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// What may stand in it.
    pub kind: PartKind,
    /// Its text.
    pub text: Cow<'a, str>,
}

/// What may stand in a part; decides how it is redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Values and statements amid prose.
    Detail,
    /// Prose.
    Hint,
    /// Statements amid prose.
    Context,
    /// A statement.
    Statement,
}

/// ERROR, FATAL or WARN of the application. Texts as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationFailure<'a> {
    /// How bad.
    pub severity: Severity,
    /// Time and level of the first line, up to its message.
    pub head: Cow<'a, str>,
    /// Message, title, trace.
    pub block: Cow<'a, str>,
    /// Play error ids in it, e.g. `@6f02fa9dd`.
    pub error_ids: Vec<String>,
}

/// An entry of a web server's error log, or what mod_security found. Texts as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFailure<'a> {
    /// How bad.
    pub severity: Severity,
    /// Number of the rule of mod_security that it tells of, or empty.
    pub rule: Cow<'a, str>,
    /// What happened, without what differs from one request to the next.
    pub message: Cow<'a, str>,
    /// What it happened to, in the order logged.
    pub beside: Vec<Beside<'a>>,
}

impl ServerFailure<'_> {
    fn into_owned(self) -> ServerFailure<'static> {
        let beside = self.beside.into_iter();
        ServerFailure {
            severity: self.severity,
            rule: own(self.rule),
            message: own(self.message),
            beside: beside.map(|one| Beside { text: own(one.text), ..one }).collect(),
        }
    }
}

/// What stands beside the message of a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside<'a> {
    /// As nginx calls it.
    pub name: &'static str,
    /// What may stand in it.
    pub kind: BesideKind,
    /// Its text.
    pub text: Cow<'a, str>,
}

/// What may stand beside a message; decides how it is redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BesideKind {
    /// Method, target, protocol.
    Request,
    /// Path of a file or of a page, or a whole address of one.
    Path,
    /// An address or a name.
    Text,
}

/// An executed statement as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution<'a> {
    /// Where it ran, if the log tells; else empty.
    pub database: Cow<'a, str>,
    /// Who ran it (`application_name`), if the log tells; else empty.
    pub application: Cow<'a, str>,
    /// Its text with its literals.
    pub statement: Cow<'a, str>,
    /// How long it took.
    pub duration_us: u64,
}

/// What the database did besides statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity<'a> {
    /// What it did.
    pub kind: ActivityKind,
    /// How much of it, in the unit of its kind.
    pub amount: u64,
    /// To what: a relation, a kind of lock; or empty. Never a value.
    pub subject: Cow<'a, str>,
}

/// A request as an access log tells of it. Texts as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// `GET`, `POST`, …; empty where the request was none.
    pub method: Cow<'a, str>,
    /// Path with its query.
    pub path: Cow<'a, str>,
    /// Status of the answer.
    pub status: u16,
    /// How long it took, where the log tells.
    pub duration_us: Option<u64>,
    /// Bytes of the answer.
    pub bytes: u64,
    /// Address it came from.
    pub client: Cow<'a, str>,
    /// Its User-Agent.
    pub agent: Cow<'a, str>,
}

/// Extent of an entry that is being read.
#[derive(Clone, Copy, Debug)]
struct Extent {
    lines: u64,
    end: u64,
    at: Option<EventTime>,
}

impl Extent {
    /// Of one line.
    fn new(end: u64, at: Option<EventTime>) -> Extent {
        Extent { lines: 1, end, at }
    }

    /// Takes one line more, if the entry may have it.
    fn grow(&mut self, end: u64) -> bool {
        let may = self.lines < ENTRY_LINES_MAX;
        if may {
            self.lines += 1;
            self.end = end;
        }
        may
    }

    fn parsed(self, said: Said<'_>) -> Parsed<'_> {
        Parsed { lines: self.lines, end: self.end, at: self.at, said }
    }
}

/// The time of an entry whose first line bears none: its neighbour's, else now.
fn estimate(neighbour: Option<EventTime>, now_ms: i64) -> EventTime {
    EventTime { ms: neighbour.map_or(now_ms, |at| at.ms), estimated: true }
}

/// Appends what of `line` the entry still keeps. `kept`: bytes kept of the whole entry.
fn keep(text: &mut Vec<u8>, kept: &mut usize, line: &[u8]) {
    let room = ENTRY_BYTES_MAX.saturating_sub(*kept);
    let line = line.get(..room).unwrap_or(line);
    text.extend_from_slice(line);
    *kept += line.len();
}

/// Text from bytes: what is no UTF-8 becomes U+FFFD, control characters and those that reorder a line (a
/// log can be written to deceive its reader) become spaces.
pub(crate) fn clean(bytes: &[u8]) -> Cow<'_, str> {
    // Without a way out of the loop, many bytes are looked at together.
    let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t' | 0x80..);
    if bytes.iter().fold(true, |all, byte| all & plain(byte))
        && let Ok(text) = std::str::from_utf8(bytes)
        && (text.is_ascii() || !text.chars().any(deceives))
    {
        return Cow::Borrowed(text);
    }
    let harmless = |c: char| if deceives(c) { ' ' } else { c };
    Cow::Owned(String::from_utf8_lossy(bytes).chars().map(harmless).collect())
}

fn deceives(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

/// Reading of whole logs, for the tests of each format.
#[cfg(test)]
pub(crate) mod samples {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::format::{Format, Layout};

    /// All entries of a log whose times are UTC.
    pub(crate) fn read_all(
        format: &Format,
        layout: Option<&str>,
        log: &str,
        now_ms: i64,
    ) -> Vec<Parsed<'static>> {
        read_in(format, layout, TimeZone::UTC, log.as_bytes(), now_ms)
    }

    /// All entries of a log.
    pub(crate) fn read_in(
        format: &Format,
        layout: Option<&str>,
        zone: TimeZone,
        log: &[u8],
        now_ms: i64,
    ) -> Vec<Parsed<'static>> {
        let mut parser = (format.open)(&Layout { text: layout.map(str::to_owned), zone });
        let mut all = Vec::new();
        let mut out = |parsed: Parsed<'_>| all.push(parsed.into_owned());
        let mut end = 0;
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            end += line.len() as u64;
            let bytes = line.strip_suffix(b"\n").unwrap_or(line);
            parser.line(Line { bytes, end, now_ms }, &mut out);
        }
        parser.finish(&mut out);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_or_deceive_are_made_harmless() {
        assert_eq!(clean(b"a\0b\x1b[31mc\xffd\te\nf"), "a b [31mc\u{fffd}d\te\nf");
        assert_eq!(clean("a\u{202e}b".as_bytes()), "a b");
    }

    #[test]
    fn no_more_than_the_limit_is_kept() {
        let (mut text, mut kept) = (Vec::new(), ENTRY_BYTES_MAX - 2);
        keep(&mut text, &mut kept, b"abc");
        keep(&mut text, &mut kept, b"d");
        assert_eq!((text.as_slice(), kept), (&b"ab"[..], ENTRY_BYTES_MAX));
    }
}
