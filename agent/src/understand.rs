//! Joins parse, redact and group: lines of one log in, counted entries out.

use std::{collections::HashMap, sync::Arc};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    config::LogFormat,
    domain::{
        Entry, ErrorEvent, ErrorGroup, Event, Fate, QueryCount, QueryEvent, QueryGroup,
        QuerySource, Severity, StatementDelta, is_own_statement,
    },
    group,
    parse::{ApplicationFailure, DatabaseFailure, Execution, Parsed, Parser, PartKind, Said},
    redact::Redactor,
};

/// An exemplar is at most this long (the contract's limit).
const EXEMPLAR_BYTES_MAX: usize = 4_000;

/// Groups whose definition is kept at hand; when there are more, all are forgotten and met again.
const GROUPS_KEPT_MAX: usize = 1_024;

/// Rule of entries about the agent's own statements: not one of the application's queries, and an error
/// only in what the agent may ask, which is a problem of its own.
const OWN_STATEMENT: &str = "own statement";

/// What is understood of one log file, line by line. Holds at most one unfinished entry.
pub struct LogStream {
    parser: Parser,
    redactor: Redactor,
    not_before_ms: Option<i64>,
    /// Key of the cluster, for queries.
    cluster: String,
    errors: HashMap<u64, Arc<ErrorGroup>>,
    queries: HashMap<u64, Arc<QueryGroup>>,
}

impl LogStream {
    /// `prefix`: the server's `log_line_prefix` where it is known (settings, or asked). `not_before_ms`:
    /// older entries get the fate `BeforeStart`.
    pub fn new(
        format: &LogFormat,
        prefix: Option<&str>,
        zone: jiff::tz::TimeZone,
        not_before_ms: Option<i64>,
    ) -> LogStream {
        let cluster = match format {
            LogFormat::PostgresStderr { cluster, .. } => cluster.to_string(),
            LogFormat::Play => String::new(),
        };
        LogStream {
            parser: Parser::new(format, prefix, zone),
            redactor: Redactor::default(),
            not_before_ms,
            cluster,
            errors: HashMap::new(),
            queries: HashMap::new(),
        }
    }

    /// Takes one line without its line end; `end` is the offset after it. Returns the entry before it when
    /// this line shows that it was complete. `now_ms` bounds guesses of a missing date.
    pub fn line(&mut self, bytes: &[u8], end: u64, now_ms: i64) -> Option<Entry> {
        let parsed = self.parser.line(bytes, end, now_ms)?;
        Some(self.entry(parsed))
    }

    /// No further line has come for a while, or the file ends here: closes the unfinished entry.
    pub fn finish(&mut self) -> Option<Entry> {
        let parsed = self.parser.finish()?;
        Some(self.entry(parsed))
    }

    /// Replacements made by each redaction rule since the last call.
    pub fn take_redactions(&mut self) -> Vec<(&'static str, u64)> {
        self.redactor.take()
    }

    fn entry(&mut self, parsed: Parsed) -> Entry {
        let Parsed { lines, end, at, said } = parsed;
        let before_start = at.zip(self.not_before_ms).is_some_and(|(at, start)| at.ms < start);
        let (fate, event) = if before_start { (Fate::BeforeStart, None) } else { self.fate(said) };
        Entry { lines, end, at, fate, event }
    }

    fn fate(&mut self, said: Said) -> (Fate, Option<Event>) {
        match said {
            said if is_own(&said) => (Fate::Ignored(OWN_STATEMENT), None),
            Said::Ignored(rule) => (Fate::Ignored(rule), None),
            Said::Unparsed => (Fate::Unparsed, None),
            Said::Executed(execution) => (Fate::Counted, Some(Event::Query(self.query(execution)))),
            Said::Database(failure) => (Fate::Counted, Some(Event::Error(self.database(failure)))),
            Said::Application(failure) => {
                (Fate::Counted, Some(Event::Error(self.application(failure))))
            }
        }
    }

    fn database(&mut self, failure: DatabaseFailure) -> ErrorEvent {
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
        self.error(error, exemplar, Vec::new())
    }

    fn application(&mut self, failure: ApplicationFailure) -> ErrorEvent {
        let block = self.redactor.text(&failure.block);
        let error = group::application_error(failure.severity, &block);
        self.error(error, failure.head + &block, failure.error_ids)
    }

    fn error(
        &mut self,
        error: group::NamedError<'_>,
        mut exemplar: String,
        error_ids: Vec<String>,
    ) -> ErrorEvent {
        exemplar.truncate(exemplar.floor_char_boundary(EXEMPLAR_BYTES_MAX));
        let group = kept(&mut self.errors, error.key(), || error.group());
        ErrorEvent { group, exemplar, error_ids }
    }

    fn query(&mut self, execution: Execution) -> QueryEvent {
        let masked = self.redactor.statement(&execution.statement);
        let statement = group::statement(&masked);
        let database = execution.database.unwrap_or_default();
        let key = xxh3_64_with_seed(database.as_bytes(), statement.0);
        let cluster = &self.cluster;
        let group = kept(&mut self.queries, key, || {
            let database = match database.is_empty() {
                true => cluster.clone(),
                false => format!("{cluster}/{database}"),
            };
            group::query(statement, QuerySource::Log, database)
        });
        QueryEvent { group, duration_us: execution.duration_us }
    }
}

/// Whether the entry is about a statement of the agent's own.
fn is_own(said: &Said) -> bool {
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

/// The group kept under `key`, made if it is new.
fn kept<Group>(
    groups: &mut HashMap<u64, Arc<Group>>,
    key: u64,
    make: impl FnOnce() -> Group,
) -> Arc<Group> {
    if groups.len() >= GROUPS_KEPT_MAX && !groups.contains_key(&key) {
        groups.clear();
    }
    Arc::clone(groups.entry(key).or_insert_with(|| Arc::new(make())))
}

/// Groups what `pg_stat_statements` told; deltas whose text means the same query are added up.
pub fn statements(
    cluster: &str,
    deltas: Vec<StatementDelta>,
) -> Vec<(Arc<QueryGroup>, QueryCount)> {
    let mut redactor = Redactor::default();
    let mut found: Vec<(Arc<QueryGroup>, QueryCount)> = Vec::new();
    let mut places: HashMap<(u64, String), usize> = HashMap::new();
    for delta in deltas {
        let statement = group::statement(&redactor.statement(&delta.text));
        let place =
            *places.entry((statement.0, delta.database)).or_insert_with_key(|(_, database)| {
                let database = format!("{cluster}/{database}");
                let group = group::query(statement, QuerySource::StatementsView, database);
                found.push((Arc::new(group), QueryCount::default()));
                found.len() - 1
            });
        if let Some((_, count)) = found.get_mut(place) {
            count.calls += delta.calls;
            count.total_us += delta.total_us;
            count.rows += delta.rows;
        }
    }
    found
}

#[cfg(test)]
mod tests;
