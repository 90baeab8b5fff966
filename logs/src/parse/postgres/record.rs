//! An entry of PostgreSQL's log while it is read, whatever form it is written in. Its buffers are used
//! again for the next one: an entry costs no allocation.

use std::borrow::Cow;

use super::{
    super::{DatabaseFailure, Execution, Part, PartKind, Said, clean, keep},
    duration::{self, Timed},
    label::Label,
    message::{self, Meaning},
};
use crate::entry::Severity;

/// A name that is written in pieces is kept to this length; PostgreSQL cuts it at 63 bytes.
const NAME_BYTES_MAX: usize = 256;

/// What stands before the message of an entry or of one of its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// As written: date and time of day with zone, or seconds since 1970; empty where none is.
    pub time: &'a [u8],
    /// What tells one process from another: its id, else its session id; empty where neither is written.
    pub session: &'a [u8],
    /// Database the session is connected to, or empty.
    pub database: &'a [u8],
    /// `application_name`, or empty.
    pub application: &'a [u8],
    /// Five characters, or empty.
    pub sqlstate: &'a [u8],
}

/// See the module.
#[derive(Debug, Default)]
pub struct Record {
    session: Vec<u8>,
    database: Vec<u8>,
    application: Vec<u8>,
    sqlstate: Vec<u8>,
    text: Vec<u8>,
    /// Label and where in `text` it begins; the message first.
    parts: Vec<(Label, usize)>,
    kept: usize,
    /// It is about a statement: its further parts say nothing that is counted.
    is_of_statement: bool,
    /// What comes is not kept.
    is_told: bool,
}

impl Record {
    /// Begins an entry with its message; what was held before is forgotten.
    pub fn begin(&mut self, head: &Head<'_>, label: Label, message: &[u8]) {
        set(&mut self.session, head.session);
        set(&mut self.database, known(head.database));
        set(&mut self.application, known(head.application));
        set(&mut self.sqlstate, head.sqlstate);
        self.text.clear();
        self.parts.clear();
        self.kept = 0;
        self.is_of_statement = false;
        self.is_told = false;
        self.parts.push((label, 0));
        self.more(message);
    }

    /// Begins a further part.
    pub fn part(&mut self, label: Label, text: &[u8]) {
        self.is_told |= self.is_of_statement;
        if !self.is_told {
            self.parts.push((label, self.text.len()));
            keep(&mut self.text, &mut self.kept, text);
        }
    }

    /// A further line of the part begun last.
    pub fn append(&mut self, line: &[u8]) {
        if self.is_told {
            return;
        }
        keep(&mut self.text, &mut self.kept, b"\n");
        keep(&mut self.text, &mut self.kept, line);
    }

    /// More of the part begun last.
    pub fn more(&mut self, text: &[u8]) {
        if self.is_told {
            return;
        }
        if self.text.is_empty() && matches!(self.parts.as_slice(), [(Label::Log, _)]) {
            self.is_of_statement = duration::is_of_statement(text);
            if let Some(end) = duration::end_of_what_tells(text) {
                self.is_told = true;
                return keep(&mut self.text, &mut self.kept, text.get(..end).unwrap_or(text));
            }
        }
        keep(&mut self.text, &mut self.kept, text);
    }

    /// More of the application's name, where it is written in pieces.
    pub fn more_application(&mut self, text: &[u8]) {
        more_name(&mut self.application, text);
    }

    /// More of the database's name, where it is written in pieces.
    pub fn more_database(&mut self, text: &[u8]) {
        more_name(&mut self.database, text);
    }

    /// Bytes held of its texts.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether it is of this session.
    pub fn is_of(&self, session: &[u8]) -> bool {
        self.session == session
    }

    /// What the entry says.
    pub fn said(&self) -> Said<'_> {
        let Some((label, _)) = self.parts.first() else { return Said::Unparsed };
        let severity = match label {
            Label::Panic => Severity::Panic,
            Label::Fatal => Severity::Fatal,
            Label::Error => Severity::Error,
            Label::Warning => Severity::Warning,
            Label::Log => return self.log(),
            Label::Notice => return Said::Ignored("notice"),
            Label::Info => return Said::Ignored("info"),
            _ => return Said::Ignored("debug"),
        };
        Said::Database(self.failure(severity))
    }

    fn failure(&self, severity: Severity) -> DatabaseFailure<'_> {
        let message = self.text_of(0);
        let inline = inline_sqlstate(&message);
        let sqlstate = match self.sqlstate.as_slice() {
            b"" | b"00000" => Cow::Owned(inline.unwrap_or_default().to_owned()),
            state => clean(state),
        };
        let skipped = inline.map_or(0, |state| state.len() + 2);
        let message = match message {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(skipped..).unwrap_or(text)),
            Cow::Owned(text) => Cow::Owned(text.get(skipped..).unwrap_or(&text).to_owned()),
        };
        let parts = (1..self.parts.len()).map(|index| self.further(index)).collect();
        DatabaseFailure { severity, sqlstate, message, parts }
    }

    fn further(&self, index: usize) -> Part<'_> {
        let kind = match self.parts.get(index).map(|(label, _)| *label) {
            Some(Label::Statement | Label::Query) => PartKind::Statement,
            Some(Label::Context) => PartKind::Context,
            Some(Label::Detail) => PartKind::Detail,
            _ => PartKind::Hint,
        };
        Part { kind, text: self.text_of(index) }
    }

    fn text_of(&self, index: usize) -> Cow<'_, str> {
        let from = self.parts.get(index).map_or(self.text.len(), |(_, from)| *from);
        let to = self.parts.get(index + 1).map_or(self.text.len(), |(_, next)| *next);
        clean(self.text.get(from..to).unwrap_or_default())
    }

    fn log(&self) -> Said<'_> {
        match self.text_of(0) {
            Cow::Borrowed(message) => self.meaning(message),
            Cow::Owned(message) => self.meaning(&message).into_owned(),
        }
    }

    fn meaning<'a>(&'a self, message: &'a str) -> Said<'a> {
        let skipped = inline_sqlstate(message).map_or(0, |state| state.len() + 2);
        let message = message.get(skipped..).unwrap_or(message);
        match duration::read(message) {
            Some(Timed::Call { duration_us, statement }) => {
                return self.executed(duration_us, Cow::Borrowed(statement));
            }
            Some(Timed::Ignored(rule)) => return Said::Ignored(rule),
            None => {}
        }
        match message::read(message) {
            Some(Meaning::Failure(severity)) => Said::Database(self.failure(severity)),
            Some(Meaning::Active(activity)) => Said::Active(activity),
            Some(Meaning::Ignored(rule)) => Said::Ignored(rule),
            None => Said::Ignored("log message"),
        }
    }

    fn executed<'a>(&'a self, duration_us: u64, statement: Cow<'a, str>) -> Said<'a> {
        Said::Executed(Execution {
            database: clean(&self.database),
            application: clean(&self.application),
            statement,
            duration_us,
        })
    }
}

fn more_name(name: &mut Vec<u8>, text: &[u8]) {
    let room = NAME_BYTES_MAX.saturating_sub(name.len());
    name.extend_from_slice(text.get(..room).unwrap_or(text));
}

fn set(field: &mut Vec<u8>, value: &[u8]) {
    field.clear();
    field.extend_from_slice(value);
}

/// What PostgreSQL writes while it does not know a name.
fn known(name: &[u8]) -> &[u8] {
    if name == b"[unknown]" { b"" } else { name }
}

/// `log_error_verbosity = verbose` writes the SQLSTATE before the message: `42P01: relation …`. Classes of
/// SQLSTATE begin with a digit or are one of PostgreSQL's own (F0, HV, P0, XX).
fn inline_sqlstate(message: &str) -> Option<&str> {
    let state = message.get(..5)?;
    (message.get(5..7) == Some(": ") && is_sqlstate(state.as_bytes())).then_some(state)
}

/// Whether these are the five characters of a SQLSTATE.
pub fn is_sqlstate(word: &[u8]) -> bool {
    let classes = [b"F0", b"HV", b"P0", b"XX"];
    word.len() == 5
        && word.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && (word.first().is_some_and(u8::is_ascii_digit)
            || classes.iter().any(|class| word.starts_with(*class)))
}
