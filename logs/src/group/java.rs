//! Finds in a redacted block what names a Java error: its exception, its root cause, and where in the
//! application's own code it happened.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::entry::Severity;

mod frame;

/// Frames that take part in the fingerprint: enough to tell two ways to one helper apart, few enough
/// that a change far from the error does not rename it.
const FRAMES_MAX: usize = 5;

/// The message of the root cause takes part up to here.
const MESSAGE_BYTES_MAX: usize = 300;

/// Exceptions of a chain; deeper ones are told by none.
const LINKS_MAX: usize = 64;

/// Exceptions told in the message of another, one within the other.
const WRAPPED_MAX: usize = 8;

/// Lines of a database's message inside an exception.
const DATABASE_LINES_MAX: usize = 20;

/// How names of throwables end.
const THROWABLES: &[&str] = &["Exception", "Error", "Throwable", "Failure"];

/// How Spring tells the cause in the message.
const NESTED: &str = "; nested exception is ";

/// How pgjdbc begins a server's message: its severity, in the server's language.
const SEVERITIES: &[(&str, Severity)] = &[
    ("ERROR: ", Severity::Error),
    ("GALAT: ", Severity::Error),
    ("KESALAHAN: ", Severity::Error),
    ("FATAL: ", Severity::Fatal),
    ("PANIC: ", Severity::Panic),
    ("PANIK: ", Severity::Panic),
];

/// What pgjdbc adds to a server's message, a line each (`ServerErrorMessage.toString`), in its language.
const FIELDS: &[&str] = &[
    "Detail:",
    "Hint:",
    "Position:",
    "Where:",
    "Internal Query:",
    "Internal Position:",
    "Location:",
    "Server SQLState:",
    "Rincian:",
    "Petunjuk:",
    "Posisi:",
    "Lokasi:",
];

/// Exceptions that tell what a database said.
static SQL_EXCEPTIONS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [Finder::new("SQLException"), Finder::new("BatchUpdateException")]);

/// What `BatchUpdateException` adds to the message of its cause.
const BATCH: &str = "Call getNextException to see other errors in the batch.";

/// What names a Java error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Class of the outermost exception.
    pub exception: String,
    /// Class of the innermost cause; the same as `exception` where there is no cause.
    pub root: String,
    /// First line of the root cause's message that says something.
    pub message: String,
    /// `class.method` of the application's own frames, innermost first, without line numbers.
    pub frames: Vec<String>,
}

/// An exception of the chain, with its own frames.
#[derive(Clone, Debug, Default)]
struct Link<'a> {
    class: &'a str,
    message: &'a str,
    frames: Vec<String>,
    has_frames: bool,
}

/// Exceptions from the outermost to the innermost.
#[derive(Default)]
struct Chain<'a> {
    links: Vec<Link<'a>>,
    /// Whose frames follow.
    current: usize,
    /// How far a suppressed exception is indented that is being read over.
    suppressed: Option<usize>,
    /// Another trace begins: the first one names the error.
    complete: bool,
}

/// The trace in a block, if there is one.
pub fn trace(block: &str) -> Option<Trace> {
    let mut chain = Chain::default();
    for line in block.lines() {
        if !chain.complete {
            chain.line(line);
        }
    }
    let links = chain.links;
    let outer = links.first().filter(|link| link.has_frames || link.class.contains('.'))?;
    let (root, message) = links.last().map(|link| innermost(link.class, link.message))?;
    let frames = links.iter().rev().map(|link| &link.frames).find(|frames| !frames.is_empty());
    let cut = message.floor_char_boundary(MESSAGE_BYTES_MAX);
    Some(Trace {
        exception: outer.class.to_owned(),
        root: root.to_owned(),
        message: message.get(..cut).unwrap_or_default().to_owned(),
        frames: frames.cloned().unwrap_or_default(),
    })
}

impl<'a> Chain<'a> {
    fn line(&mut self, line: &'a str) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let text = text.trim_end();
        if let Some(place) = text.strip_prefix("at ") {
            if self.suppressed.is_none() {
                self.frame(place);
            }
        } else if let Some(cause) = text.strip_prefix("Caused by: ") {
            self.cause(cause, indent);
        } else if let Some(outer) = text.strip_prefix("Wrapped by: ") {
            // Such a trace begins with its root.
            self.suppressed = None;
            self.insert(0, link(outer));
        } else if text.starts_with("Suppressed: ") {
            self.suppressed = Some(self.suppressed.map_or(indent, |known| known.min(indent)));
        } else if self.suppressed.is_none() {
            self.prose(text);
        }
    }

    fn frame(&mut self, place: &str) {
        let Some(link) = self.links.get_mut(self.current) else { return };
        if link.has_frames && link.frames.len() >= FRAMES_MAX {
            return;
        }
        let Some(frame) = frame::named(place) else { return };
        link.has_frames = true;
        if frame::is_own(&frame) {
            link.frames.push(frame.into_owned());
        }
    }

    /// The cause of a suppressed exception is as far indented as that one is. Where the indentation was
    /// lost, the cause counts as the chain's.
    fn cause(&mut self, cause: &'a str, indent: usize) {
        if self.suppressed.is_some_and(|suppressed| suppressed > 0 && indent >= suppressed) {
            return;
        }
        self.suppressed = None;
        self.insert(self.links.len(), link(cause));
    }

    fn insert(&mut self, at: usize, link: Option<Link<'a>>) {
        if let Some(link) = link.filter(|_| self.links.len() < LINKS_MAX) {
            self.links.insert(at, link);
            self.current = at;
        }
    }

    /// What is neither a frame nor a cause: the first exception, its message, or words before it.
    fn prose(&mut self, text: &'a str) {
        let is_cause = self.links.len() > 1;
        let Some(last) = self.links.get_mut(self.current) else {
            self.links.extend(first(text));
            return;
        };
        if last.message.is_empty() && !last.has_frames && !text.is_empty() && !is_exception(text) {
            // A message may begin with an empty line.
            if !text.starts_with("...") && !text.starts_with('[') && is_cause {
                last.message = text;
            }
            return;
        }
        let Some(link) = first(text) else { return };
        // A line of prose that looks like an exception is replaced by the one that has the frames.
        if last.has_frames || is_cause {
            self.complete = last.has_frames;
        } else if link.class.contains('.') || !last.class.contains('.') {
            *last = link;
        }
    }
}

/// An exception at the beginning of a trace. One without package is taken for one only if frames follow.
fn first(text: &str) -> Option<Link<'_>> {
    let thrown = text.strip_prefix("Exception in thread \"");
    let text = thrown.and_then(|rest| rest.split_once("\" ")).map_or(text, |(_, rest)| rest);
    link(text).filter(|_| is_exception(text))
}

/// Whether a text begins with a throwable: `java.lang.NullPointerException: message`.
fn is_exception(text: &str) -> bool {
    let Some(link) = link(text) else { return false };
    let name = link.class.rsplit('.').next().unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && THROWABLES.iter().any(|end| name.ends_with(end))
}

/// `class: message`, the class of whatever name.
fn link(text: &str) -> Option<Link<'_>> {
    let length = text.bytes().take_while(|byte| is_java(*byte)).count();
    let (class, rest) = text.split_at_checked(length)?;
    let message = match rest.strip_prefix(':') {
        Some(message) => message.trim(),
        None if rest.is_empty() => "",
        None => return None,
    };
    let parts = || class.split('.');
    let valid =
        parts().all(|part| !part.is_empty() && !part.starts_with(|c: char| c.is_ascii_digit()));
    valid.then(|| Link { class, message, ..Link::default() })
}

fn is_java(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.')
}

/// The innermost exception that a message tells, and its own message: those who wrap one often tell it in
/// their own message.
fn innermost<'a>(class: &'a str, message: &'a str) -> (&'a str, &'a str) {
    let (mut class, mut message) = (class, message);
    for _ in 0..WRAPPED_MAX {
        let nested = message.rfind(NESTED).and_then(|at| message.get(at + NESTED.len()..));
        let inner = nested.unwrap_or(message);
        match link(inner).filter(|link| link.class.contains('.') && is_exception(inner)) {
            Some(link) => (class, message) = (link.class, link.message),
            None => break,
        }
    }
    (class, message)
}

/// What the database said that made an SQL exception of the block, and how bad it was there: the message as
/// the database's own log has it. The innermost exception that bears one goes.
pub fn database_message(block: &str) -> Option<(Severity, String)> {
    let mut found = None;
    for at in SQL_EXCEPTIONS.iter().flat_map(|finder| finder.find_iter(block.as_bytes())) {
        let rest = block.get(at..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let told = SEVERITIES
            .iter()
            .filter_map(|(word, severity)| Some((line.find(word)?, *word, *severity)));
        if let Some((within, word, severity)) = told.min_by_key(|(within, ..)| *within)
            && found.is_none_or(|(known, _)| known < at + within + word.len())
        {
            found = Some((at + within + word.len(), severity));
        }
    }
    let (from, severity) = found?;
    let message = message_lines(block.get(from..)?);
    (!message.is_empty()).then_some((severity, message))
}

/// A server's message up to what the driver adds to it.
fn message_lines(text: &str) -> String {
    let mut message = String::new();
    for (number, line) in text.lines().take(DATABASE_LINES_MAX).enumerate() {
        let trimmed = line.trim();
        let ends = trimmed.is_empty()
            || ["at ", "...", "Caused by: ", "Suppressed: "].iter().any(|b| trimmed.starts_with(b))
            || FIELDS.iter().any(|field| trimmed.starts_with(field));
        if number > 0 && ends {
            break;
        }
        if number > 0 {
            message.push('\n');
        }
        message.push_str(trimmed.split(BATCH).next().unwrap_or_default().trim_end());
    }
    message
}

#[cfg(test)]
mod tests;
