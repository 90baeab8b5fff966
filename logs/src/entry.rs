//! What a line becomes: entries, and the events in them that count.

use std::sync::Arc;

/// Version of the fingerprint functions together with the rules of normalisation that feed them
/// (`group`). Counts up with every change after which the same error would get another fingerprint.
pub const FINGERPRINT_VERSION: u32 = 2;

/// Version of the redaction rules and of the code that applies them (`redact`). Counts up with every
/// change of what is replaced.
pub const REDACTION_VERSION: u32 = 2;

/// How every statement of ours to PostgreSQL begins. Its marker names them in the view and the log of
/// the server, so that neither counts them as the application's.
pub const OWN_SELECT: &str = "SELECT /* pantau */";

/// Whether `statement` is one of ours. Only its beginning tells: the marker inside a literal would let
/// whoever fills that literal hide the statement.
pub fn is_own_statement(statement: &str) -> bool {
    statement.trim_start().starts_with(OWN_SELECT)
}

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
    /// Something the database did.
    Activity(ActivityEvent),
    /// A request that was answered.
    Request(RequestEvent),
}

/// One thing the database did besides statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityEvent {
    /// What it did.
    pub kind: ActivityKind,
    /// How much of it, in the unit of its kind.
    pub amount: u64,
    /// To what: a relation, a kind of lock; or empty.
    pub subject: Arc<str>,
}

/// What a database does besides statements, as far as its log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActivityKind {
    /// A session waited for a lock longer than `deadlock_timeout`; microseconds until it got it or gave up.
    LockWait,
    /// A temporary file was written; bytes.
    TemporaryFile,
    /// A checkpoint was completed; microseconds.
    Checkpoint,
    /// A table was vacuumed; microseconds.
    Vacuum,
    /// A table was analyzed; microseconds.
    Analyze,
    /// A connection was let in; one.
    Connected,
    /// A session ended; microseconds that it lasted.
    Disconnected,
}

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestEvent {
    /// What was asked for.
    pub route: Arc<Route>,
    /// Status of the answer.
    pub status: u16,
    /// How long it took, where the log tells.
    pub duration_us: Option<u64>,
    /// Bytes of the answer.
    pub bytes: u64,
    /// Hash of the client's address and User-Agent, the same at every server of a site, for counting the
    /// distinct ones. It is put into a sketch (`pantau_sketch::distinct`) and kept nowhere: the sketch holds some
    /// of its bits, which many thousands of visitors share, so that nobody is found in it.
    pub visitor: u64,
    /// The error group that the request counts into as well, where its status says that it failed.
    ///
    /// An application that fails tells of it in its own log too, with the cause (Play: `Internal Server
    /// Error (500) for request …`). The two are one failure: reports count failed transactions of a server
    /// from the application log and take these for requests that never reached the application or whose
    /// application log is not read; how many requests of a business step failed is counted from these
    /// alone.
    pub failure: Option<Arc<ErrorGroup>>,
}

/// One kind of request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path without its query, with its variable parts replaced: `/eproc4/lelang/<n>`.
    pub template: String,
    /// Key of the business step (`steps`), or empty.
    pub step: Arc<str>,
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
    /// Fingerprint of the query that failed, where the log tells the statement.
    pub statement: Option<u64>,
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
    /// Fingerprint of the database error that caused it, as its own log names it.
    pub cause: Option<u64>,
}

/// Where an error comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Who ran it (`application_name`, redacted), or empty.
    pub application: Arc<str>,
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
