//! Joins parse, redact and group: lines of one log in, counted entries out.

use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::{
    entry::{
        ActivityEvent, Entry, ErrorEvent, ErrorGroup, Event, Fate, QueryEvent, QueryGroup,
        QuerySource, Severity, is_own_statement,
    },
    format::{Format, Layout},
    group::{self, Canonical},
    parse::{
        Activity, ApplicationFailure, DatabaseFailure, Execution, Line, Parsed, Parser, PartKind,
        Said, clean,
    },
    redact::Redactor,
    steps::Steps,
};

mod kept;
mod request;
mod route;

use kept::Kept;
use request::Requests;

/// An exemplar is at most this long (the contract's limit).
const EXEMPLAR_BYTES_MAX: usize = 4_000;

/// Groups whose definition is kept at hand.
const GROUPS_KEPT_MAX: usize = 4_096;

/// Names of relations, kinds of locks and applications kept at hand.
const SUBJECTS_KEPT_MAX: usize = 256;
/// PostgreSQL cuts names at 63 bytes; with schema and database they are three.
const SUBJECT_BYTES_MAX: usize = 192;

/// Statements whose group is known without reading them again: those of prepared statements come word for
/// word.
const STATEMENTS_KEPT_MAX: usize = 16_384;

/// Rule of entries about the agent's own statements: not one of the application's queries, and an error
/// only in what the agent may ask, which is a problem of its own.
const OWN_STATEMENT: &str = "own statement";

/// What is understood of one log file, line by line. Holds what is unfinished.
pub struct LogStream {
    parser: Box<dyn Parser>,
    meaning: Meaning,
}

/// What makes counted events of what a log says.
struct Meaning {
    redactor: Redactor,
    canonical: Canonical,
    not_before_ms: Option<i64>,
    /// Key of the cluster, for queries.
    cluster: String,
    errors: Kept<Arc<ErrorGroup>>,
    queries: Kept<Arc<QueryGroup>>,
    subjects: Kept<Arc<str>>,
    /// Of a statement word for word: key of its group, and the values replaced in it.
    statements: Kept<(u64, u64)>,
    requests: Requests,
}

impl LogStream {
    /// `cluster`: key of the database cluster that writes the log, or empty. `not_before_ms`: older
    /// entries get the fate `BeforeStart`.
    pub fn new(
        format: &Format,
        layout: &Layout,
        cluster: &str,
        not_before_ms: Option<i64>,
    ) -> LogStream {
        let meaning = Meaning {
            redactor: Redactor::default(),
            canonical: Canonical::default(),
            not_before_ms,
            cluster: cluster.to_owned(),
            errors: Kept::new(GROUPS_KEPT_MAX),
            queries: Kept::new(GROUPS_KEPT_MAX),
            subjects: Kept::new(SUBJECTS_KEPT_MAX),
            statements: Kept::new(STATEMENTS_KEPT_MAX),
            requests: Requests::new(Steps::standard()),
        };
        LogStream { parser: (format.open)(layout), meaning }
    }

    /// Goes on with another piece of the log, that begins at an entry; the piece before is finished.
    pub fn begin_piece(&mut self, format: &Format, layout: &Layout) {
        self.parser = (format.open)(layout);
    }

    /// The same, with a site's own table of business steps.
    pub fn with_steps(mut self, steps: Arc<Steps>) -> LogStream {
        self.meaning.requests = Requests::new(steps);
        self
    }

    /// Takes one line. Tells the entries that this line shows to be complete; those told by one call count
    /// together or not at all.
    pub fn line(&mut self, line: Line<'_>, mut out: impl FnMut(Entry)) {
        let bytes = line.bytes.strip_suffix(b"\r").unwrap_or(line.bytes);
        let meaning = &mut self.meaning;
        self.parser.line(Line { bytes, ..line }, &mut |parsed| out(meaning.entry(parsed)));
    }

    /// No further line has come for a while, or the file ends here: closes what is unfinished.
    pub fn finish(&mut self, mut out: impl FnMut(Entry)) {
        let meaning = &mut self.meaning;
        self.parser.finish(&mut |parsed| out(meaning.entry(parsed)));
    }

    /// Replacements made by each redaction rule since the last call.
    pub fn take_redactions(&mut self) -> Vec<(&'static str, u64)> {
        self.meaning.redactor.take()
    }
}

impl Meaning {
    fn entry(&mut self, parsed: Parsed<'_>) -> Entry {
        let Parsed { lines, end, at, said } = parsed;
        let before_start = at.zip(self.not_before_ms).is_some_and(|(at, start)| at.ms < start);
        let (fate, event) = if before_start { (Fate::BeforeStart, None) } else { self.fate(said) };
        Entry { lines, end, at, fate, event }
    }

    fn fate(&mut self, said: Said<'_>) -> (Fate, Option<Event>) {
        match said {
            said if is_own(&said) => (Fate::Ignored(OWN_STATEMENT), None),
            Said::Ignored(rule) => (Fate::Ignored(rule), None),
            Said::Unparsed => (Fate::Unparsed, None),
            Said::Active(activity) => {
                (Fate::Counted, Some(Event::Activity(self.activity(&activity))))
            }
            Said::Requested(request) => {
                (Fate::Counted, Some(Event::Request(self.request(&request))))
            }
            Said::Server(failure) => (Fate::Counted, Some(Event::Error(self.server(&failure)))),
            Said::Executed(execution) => {
                (Fate::Counted, Some(Event::Query(self.query(&execution))))
            }
            Said::Database(failure) => (Fate::Counted, Some(Event::Error(self.database(&failure)))),
            Said::Application(failure) => {
                (Fate::Counted, Some(Event::Error(self.application(failure))))
            }
        }
    }

    fn database(&mut self, failure: &DatabaseFailure<'_>) -> ErrorEvent {
        let message = self.redactor.text(&failure.message);
        let mut exemplar = format!("{}:  {message}", severity_label(failure.severity));
        for part in &failure.parts {
            let (label, text) = match part.kind {
                PartKind::Detail => ("DETAIL", self.redactor.detail(&part.text)),
                PartKind::Hint => ("HINT", self.redactor.text(&part.text).into_owned()),
                PartKind::Context => ("CONTEXT", self.redactor.detail(&part.text)),
                PartKind::Statement => ("STATEMENT", self.redactor.broken_statement(&part.text)),
            };
            exemplar.push_str(&format!("\n{label}:  {text}"));
        }
        let error = group::database_error(failure.severity, &failure.sqlstate, &message);
        let statement = failure.parts.iter().find(|part| part.kind == PartKind::Statement);
        let statement =
            statement.map(|part| group::statement(&mut self.canonical, &part.text).fingerprint);
        ErrorEvent { statement, ..self.error(error, exemplar, Vec::new()) }
    }

    fn application(&mut self, failure: ApplicationFailure<'_>) -> ErrorEvent {
        let block = self.redactor.text(&failure.block);
        let error = group::application_error(failure.severity, &block);
        self.error(error, failure.head.into_owned() + &block, failure.error_ids)
    }

    fn error(
        &mut self,
        error: group::NamedError<'_>,
        mut exemplar: String,
        error_ids: Vec<String>,
    ) -> ErrorEvent {
        exemplar.truncate(exemplar.floor_char_boundary(EXEMPLAR_BYTES_MAX));
        let group = self.errors.get(error.key(), || Arc::new(error.group())).clone();
        ErrorEvent { group, exemplar, error_ids, statement: None }
    }

    fn activity(&mut self, activity: &Activity<'_>) -> ActivityEvent {
        let subject = self.subject(&activity.subject);
        ActivityEvent { kind: activity.kind, amount: activity.amount, subject }
    }

    fn query(&mut self, execution: &Execution<'_>) -> QueryEvent {
        let Execution { database, application, statement, duration_us } = execution;
        let in_database = xxh3_64(database.as_bytes());
        let words = xxh3_64_with_seed(statement.as_bytes(), in_database);
        let group = self.known_query(words).unwrap_or_else(|| {
            let named = group::statement(&mut self.canonical, statement);
            let key = named.fingerprint ^ in_database;
            self.statements.set(words, (key, named.replaced));
            self.redactor.add_sql_literals(named.replaced);
            let cluster = &self.cluster;
            let make = || Arc::new(named.group(QuerySource::Log, database_name(cluster, database)));
            self.queries.get(key, make).clone()
        });
        QueryEvent { group, duration_us: *duration_us, application: self.subject(application) }
    }

    /// The group of a statement that came before, word for word.
    fn known_query(&mut self, words: u64) -> Option<Arc<QueryGroup>> {
        let (key, replaced) = *self.statements.find(words)?;
        let group = self.queries.find(key)?.clone();
        self.redactor.add_sql_literals(replaced);
        Some(group)
    }

    /// A name that stands in the log: of a relation, a kind of lock, an application.
    fn subject(&mut self, name: &str) -> Arc<str> {
        let Meaning { redactor, subjects, .. } = self;
        let make = || {
            let redacted = redactor.text(name);
            let end = redacted.floor_char_boundary(SUBJECT_BYTES_MAX);
            redacted.get(..end).unwrap_or_default().into()
        };
        subjects.get(xxh3_64(name.as_bytes()), make).clone()
    }
}

fn database_name(cluster: &str, database: &str) -> String {
    match (cluster, database) {
        (cluster, "") => cluster.to_owned(),
        ("", database) => database.to_owned(),
        (cluster, database) => format!("{cluster}/{database}"),
    }
}

/// Whether the entry is about a statement of the agent's own.
fn is_own(said: &Said<'_>) -> bool {
    match said {
        Said::Executed(execution) => is_own_statement(&execution.statement),
        Said::Database(failure) => {
            let mut statements =
                failure.parts.iter().filter(|part| part.kind == PartKind::Statement);
            statements.any(|part| is_own_statement(&part.text))
        }
        _ => false,
    }
}

/// As PostgreSQL writes it.
fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "WARNING",
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
        Severity::Panic => "PANIC",
    }
}

/// Names plain messages, without a log around them.
#[derive(Debug, Default)]
pub struct MessageNamer {
    redactor: Redactor,
    template: String,
}

impl MessageNamer {
    /// Fingerprint and template of a message: a pure function of its bytes.
    pub fn name(&mut self, message: &[u8]) -> (u64, &str) {
        let message = clean(message);
        let fingerprint = group::message(&self.redactor.text(&message), &mut self.template);
        (fingerprint, &self.template)
    }
}

/// Fingerprint and template of a statement as the view `pg_stat_statements` tells it.
pub fn name_statement(canonical: &mut Canonical, text: &str) -> (u64, String) {
    let statement = group::statement(canonical, text);
    (statement.fingerprint, statement.template())
}

#[cfg(test)]
mod secrets_tests;
#[cfg(test)]
mod tests;
