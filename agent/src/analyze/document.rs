//! What `pantau-agent analyze` tells, in the order in which it tells it. Serialised it is the JSON output,
//! whose fields are described in docs/ANALYZE.md: a field is never renamed or given another meaning without
//! counting up [`VERSION`].

use std::collections::BTreeMap;

use serde::Serialize;

/// Version of the JSON output.
pub const VERSION: u32 = 1;

/// All that is told.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Document {
    pub version: u32,
    pub program: String,
    pub zone: String,
    /// First and last moment of what was counted.
    pub from: Option<String>,
    pub to: Option<String>,
    pub files: Vec<File>,
    pub lines: LineCounts,
    /// Events whose time was taken from their neighbours or the file.
    pub estimated_times: u64,
    pub errors: Errors,
    pub queries: Queries,
    pub requests: Requests,
    pub database: Vec<Activity>,
    pub hours: Vec<HourCounts>,
    pub redaction: Redaction,
}

/// A log that was read, or why it was not.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct File {
    pub name: String,
    /// Empty where it is not known.
    pub format: String,
    /// How the format was found.
    pub why: String,
    pub bytes: u64,
    pub lines: u64,
    pub unparsed: u64,
    /// Why it was not read, or not to its end.
    pub fault: Option<String>,
    /// Name of the file that says the same and was counted instead.
    pub same_as: Option<String>,
}

/// Lines by what became of them: the first is the sum of the others.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct LineCounts {
    pub read: u64,
    pub counted: u64,
    pub outside_period: u64,
    pub unparsed: u64,
    pub ignored: BTreeMap<&'static str, u64>,
}

/// Errors.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Errors {
    /// Warnings not counted.
    pub total: u64,
    pub warnings: u64,
    /// Of the database: transactions that it ended.
    pub failed_transactions: u64,
    /// Of the application: requests and jobs that failed.
    pub failed_processes: u64,
    pub by_severity: BTreeMap<&'static str, u64>,
    pub by_class: BTreeMap<&'static str, u64>,
    pub by_sqlstate: BTreeMap<String, u64>,
    /// Not told by kind: more kinds came than are told apart.
    pub others: u64,
    pub kinds: Vec<ErrorKind>,
}

/// One kind of error.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ErrorKind {
    pub fingerprint: String,
    pub origin: &'static str,
    pub severity: &'static str,
    pub class: &'static str,
    pub sqlstate: String,
    pub template: String,
    pub count: u64,
    /// At most so many more are among the others.
    pub missing_max: u64,
    /// Each ended a transaction or a process.
    pub failed: bool,
    pub first: Option<String>,
    pub last: Option<String>,
    /// The newest, redacted.
    pub exemplar: String,
    pub error_ids: Vec<String>,
    /// Fingerprint of the database's error that caused it, where both were read.
    pub cause: Option<String>,
}

/// Queries that the log tells the time of.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Queries {
    pub calls: u64,
    pub total_ms: f64,
    /// The fastest that was logged. Where the log has a threshold, all that is told here is of queries
    /// above it.
    pub min_ms: Option<f64>,
    pub others: u64,
    /// By calls.
    pub kinds: Vec<Query>,
}

/// One kind of query.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Query {
    pub fingerprint: String,
    pub database: String,
    pub template: String,
    pub calls: u64,
    pub missing_max: u64,
    pub total_ms: f64,
    pub mean_ms: f64,
    pub min_ms: f64,
    pub max_ms: f64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Errors whose statement it is.
    pub errors: u64,
    pub applications: BTreeMap<String, u64>,
}

/// Requests of an access log.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Requests {
    pub total: u64,
    pub bytes: u64,
    pub failed: u64,
    pub others: u64,
    pub steps: Vec<Answers>,
    pub routes: Vec<Answers>,
}

/// How requests of one kind were answered.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Answers {
    /// Step, or method and route.
    pub name: String,
    pub step: String,
    pub requests: u64,
    pub missing_max: u64,
    /// Answers with 1xx to 5xx; the first is of those that bore no status.
    pub statuses: [u64; 6],
    pub bytes: u64,
    pub mean_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// What the database did besides statements.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Activity {
    pub kind: &'static str,
    /// `us`, `bytes` or `times`: of `total` and `max`.
    pub unit: &'static str,
    pub subject: String,
    pub count: u64,
    pub total: u64,
    pub max: u64,
}

/// One hour.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct HourCounts {
    pub hour: String,
    #[serde(flatten)]
    pub counts: Counts,
}

/// What is counted of an hour.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Counts {
    pub errors: u64,
    pub failed: u64,
    pub calls: u64,
    pub query_ms: f64,
    pub requests: u64,
    pub request_errors: u64,
    /// Distinct clients, estimated (within 2 %, mostly).
    pub visitors: u64,
}

/// What was replaced before anything was counted.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Redaction {
    pub version: u32,
    pub replaced: BTreeMap<&'static str, u64>,
}
