//! What leaves the agent: closed windows, and the newest state.

use std::sync::Arc;

use pantau_sketch::durations::Sketch;

use super::{
    DatabaseFacts, DatabaseSample, ErrorGroup, Gap, HostSample, Observation, Problem, QueryGroup,
    SourceKey, SourcePosition, TargetCheck,
};

/// Lines of one log by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LineFates {
    pub read: u64,
    pub counted: u64,
    pub ignored: u64,
    pub before_start: u64,
    pub unparsed: u64,
}

/// Errors of one group within one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ErrorCount {
    pub count: u64,
    pub last_ms: i64,
    pub estimated: u64,
}

/// Calls of one query within one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct QueryCount {
    pub calls: u64,
    pub total_us: u64,
    pub max_us: u64,
    pub rows: u64,
}

/// A closed window: what one batch carries. Groups are named by their index in the lists.
#[derive(Clone, Debug, Default)]
pub struct BatchContent {
    /// Definitions of every error group mentioned.
    pub groups: Vec<Arc<ErrorGroup>>,
    /// Definitions of every query mentioned.
    pub queries: Vec<Arc<QueryGroup>>,
    /// Ascending by minute.
    pub minutes: Vec<Minute>,
    /// Query, quarter of an hour since 1970, durations; of quarters that are over, and of late events.
    pub sketches: Vec<(Arc<QueryGroup>, i64, Sketch)>,
    /// Group index, time, text, error ids; at most one per group.
    pub exemplars: Vec<(usize, i64, String, Vec<String>)>,
    /// Of every log that was read, after the last line counted here.
    pub positions: Vec<SourcePosition>,
    /// What is lost for real.
    pub gaps: Vec<Gap>,
    /// What the checks saw.
    pub observations: Vec<Observation>,
    /// Per source.
    pub fates: Vec<(SourceKey, LineFates)>,
    /// Per cluster of which there is news.
    pub database_facts: Vec<DatabaseFacts>,
    /// Rule and replacements made.
    pub redactions: Vec<(&'static str, u64)>,
}

/// One UTC minute of a window.
#[derive(Clone, Debug, Default)]
pub struct Minute {
    /// Whole minutes since 1970.
    pub minute: i64,
    /// Group index and its count.
    pub errors: Vec<(usize, ErrorCount)>,
    /// Query index and its count.
    pub queries: Vec<(usize, QueryCount)>,
    /// Means, extremes and last counters of the minute.
    pub host: Option<HostSample>,
    /// Last values of the minute.
    pub databases: Vec<DatabaseSample>,
}

/// The newest state of everything: what a heartbeat carries.
#[derive(Clone, Debug, Default)]
pub struct LiveState {
    /// When it was taken.
    pub at_ms: i64,
    /// Newest sample.
    pub host: Option<HostSample>,
    /// Newest check per target, and since when it has been so.
    pub targets: Vec<(TargetCheck, i64)>,
    /// Newest sample per database.
    pub databases: Vec<DatabaseSample>,
    /// What the agent has trouble with.
    pub problems: Vec<Problem>,
    /// Not acknowledged yet.
    pub spool_batches: u64,
    /// Not acknowledged yet.
    pub spool_bytes: u64,
    /// Bytes sent and received today; `None` where nothing counts them.
    pub traffic: Option<(u64, u64)>,
}
