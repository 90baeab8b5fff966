//! One file per log format: lines to entries with a meaning. Nothing is redacted or grouped here.
//!
//! What makes counting exact: an entry holds every line up to the next line that begins one, and whether a
//! line begins an entry depends on that line alone. So reading may resume after any entry and finds the
//! same entries again.

use jiff::tz::TimeZone;

use crate::{
    config::LogFormat,
    domain::{EventTime, Severity},
};

mod duration;
mod label;
mod play;
mod postgres_stderr;
mod prefix;
mod time;

/// So many bytes of an entry are kept; its further lines are counted, their text is cut.
pub const ENTRY_BYTES_MAX: usize = 64 * 1024;

/// An entry of so many lines is closed: the position moves on even in a file that never shows a header.
pub const ENTRY_LINES_MAX: u64 = 10_000;

/// Rule for lines that belong to an entry of which the beginning was not read.
pub const CONTINUATION: &str = "continuation";

/// A complete entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Lines it is made of.
    pub lines: u64,
    /// Offset in the file after its last line.
    pub end: u64,
    /// `None` where nothing tells.
    pub at: Option<EventTime>,
    /// What it says.
    pub said: Said,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The database failed or warned.
    Database(DatabaseFailure),
    /// The application failed or warned.
    Application(ApplicationFailure),
    /// A statement was executed.
    Executed(Execution),
    /// Understood and of no interest, by the named rule.
    Ignored(&'static str),
    /// Not understood.
    Unparsed,
}

/// ERROR, FATAL, PANIC or WARNING of PostgreSQL. Texts as logged, without prefixes: those name users and
/// addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFailure {
    /// How bad.
    pub severity: Severity,
    /// Five characters, or empty.
    pub sqlstate: String,
    /// The message.
    pub message: String,
    /// DETAIL, HINT and the like, in the order logged.
    pub parts: Vec<Part>,
}

/// A further part of a database entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What may stand in it.
    pub kind: PartKind,
    /// Its text.
    pub text: String,
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
pub struct ApplicationFailure {
    /// How bad.
    pub severity: Severity,
    /// Time and level of the first line, up to and with the `~`.
    pub head: String,
    /// Message, title, trace.
    pub block: String,
    /// Play error ids in it, e.g. `@6f02fa9dd`.
    pub error_ids: Vec<String>,
}

/// An executed statement as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Where it ran, if the prefix tells.
    pub database: Option<String>,
    /// Its text with its literals.
    pub statement: String,
    /// How long it took.
    pub duration_us: u64,
}

/// The reader of one log.
#[derive(Debug)]
pub enum Parser {
    /// PostgreSQL's stderr log.
    PostgresStderr(postgres_stderr::PostgresStderr),
    /// A Play 1 application log.
    Play(play::Play),
}

impl Parser {
    /// `prefix`: `log_line_prefix` where it is known; `zone`: of times that carry none.
    pub fn new(format: &LogFormat, prefix: Option<&str>, zone: TimeZone) -> Parser {
        match format {
            LogFormat::PostgresStderr { .. } => {
                Parser::PostgresStderr(postgres_stderr::PostgresStderr::new(prefix, zone))
            }
            LogFormat::Play => Parser::Play(play::Play::new(zone)),
        }
    }

    /// Takes one line without its line end; `end` is the offset after it. Returns the entry before it when
    /// this line shows that it was complete.
    pub fn line(&mut self, bytes: &[u8], end: u64, now_ms: i64) -> Option<Parsed> {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match self {
            Parser::PostgresStderr(parser) => parser.line(bytes, end, now_ms),
            Parser::Play(parser) => parser.line(bytes, end, now_ms),
        }
    }

    /// Closes the unfinished entry.
    pub fn finish(&mut self) -> Option<Parsed> {
        match self {
            Parser::PostgresStderr(parser) => parser.finish(),
            Parser::Play(parser) => parser.finish(),
        }
    }
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

    fn parsed(self, said: Said) -> Parsed {
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
fn clean(bytes: Vec<u8>) -> String {
    // Without a way out of the loop, many bytes are looked at together.
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    if bytes.iter().fold(true, |all, byte| all & is_plain(byte)) {
        return String::from_utf8(bytes).unwrap_or_default();
    }
    let harmless = |c: char| match c {
        '\n' | '\t' => c,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    String::from_utf8_lossy(&bytes).chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_or_deceive_are_made_harmless() {
        assert_eq!(clean(b"a\0b\x1b[31mc\xffd\te\nf".to_vec()), "a b [31mc\u{fffd}d\te\nf");
        assert_eq!(clean("a\u{202e}b".into()), "a b");
    }

    #[test]
    fn no_more_than_the_limit_is_kept() {
        let (mut text, mut kept) = (Vec::new(), ENTRY_BYTES_MAX - 2);
        keep(&mut text, &mut kept, b"abc");
        keep(&mut text, &mut kept, b"d");
        assert_eq!((text.as_slice(), kept), (&b"ab"[..], ENTRY_BYTES_MAX));
    }
}
