//! What a line becomes: entries, and the events in them that count.

use std::sync::Arc;

/// When an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTime {
    /// UTC milliseconds since 1970.
    pub ms: i64,
    /// True when the line bore no full date and this was taken from its neighbours or the file.
    pub estimated: bool,
}

/// What became of a line. Every line has exactly one; their sum is the lines read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Part of an entry that was counted into a group or query.
    Counted,
    /// Understood and of no interest, by the named rule.
    Ignored(&'static str),
    /// Older than the point at which counting starts.
    BeforeStart,
    /// Not understood.
    Unparsed,
}

/// One entry of a log, one or more lines long, whose fate is decided.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Lines it is made of.
    pub lines: u64,
    /// Offset in the file after its last line: counting resumes here.
    pub end: u64,
    /// `None` where nothing tells.
    pub at: Option<EventTime>,
    /// What became of its lines.
    pub fate: Fate,
    /// What is counted; `Some` exactly when the fate is [`Fate::Counted`].
    pub event: Option<Event>,
}

impl Entry {
    /// Lines of one ignored entry made of several.
    const IGNORED_LINES_MAX: u64 = 1_000;

    /// Adds `entry` to those that are handed on together. Ignored ones that follow each other are one: all
    /// that is counted of them is their lines.
    pub fn add_to(self, entries: &mut Vec<Entry>) {
        match entries.last_mut() {
            Some(last)
                if matches!(last.fate, Fate::Ignored(_))
                    && last.fate == self.fate
                    && last.lines < Self::IGNORED_LINES_MAX =>
            {
                last.lines += self.lines;
                last.end = self.end;
                let ms = |entry: &Entry| entry.at.map(|at| at.ms);
                if ms(&self) > ms(last) {
                    last.at = self.at;
                }
            }
            _ => entries.push(self),
        }
    }
}

/// What an entry counts as.
#[derive(Clone, Debug)]
pub enum Event {
    /// An error of the database or the application.
    Error(ErrorEvent),
    /// A query with its duration.
    Query(QueryEvent),
}

/// One occurrence of an error, redacted and grouped.
#[derive(Clone, Debug)]
pub struct ErrorEvent {
    /// Its group.
    pub group: Arc<ErrorGroup>,
    /// The whole entry, redacted, at most 4,000 bytes.
    pub exemplar: String,
    /// Play error ids in it, e.g. `@6f02fa9dd`.
    pub error_ids: Vec<String>,
}

/// One kind of error; its fields as in the `.proto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorGroup {
    /// Pure function of the redacted, normalised message.
    pub fingerprint: u64,
    /// Database or application.
    pub origin: Origin,
    /// How bad.
    pub severity: Severity,
    /// From the table of classes, e.g. `database.deadlock`.
    pub class: &'static str,
    /// Five characters, or empty.
    pub sqlstate: String,
    /// The message with its variable parts replaced, at most 2,000 bytes.
    pub template: String,
    /// One occurrence is one failed transaction or process.
    pub failed_transaction: bool,
}

/// Where an error comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Origin {
    Database,
    Application,
}

/// How bad an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Severity {
    Warning,
    Error,
    Fatal,
    Panic,
}

/// One execution of a query that the log tells of.
#[derive(Clone, Debug)]
pub struct QueryEvent {
    /// Its group.
    pub group: Arc<QueryGroup>,
    /// How long it took.
    pub duration_us: u64,
}

/// One kind of query; its fields as in the `.proto`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueryGroup {
    /// Pure function of the normalised statement.
    pub fingerprint: u64,
    /// Where the figures come from.
    pub source: QuerySource,
    /// The statement with its literals replaced, at most 4,000 bytes.
    pub template: String,
    /// `cluster/database`, or the cluster alone where the log does not tell.
    pub database: String,
}

/// Where the figures of a query come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuerySource {
    /// `duration:` lines of the PostgreSQL log.
    Log,
    /// The view `pg_stat_statements`.
    StatementsView,
}
