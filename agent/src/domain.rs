//! What the stages hand to each other. The wire has types of its own (`ship/wire.rs`); where a meaning
//! is shared, the comments in the `.proto` are the authority and these names are the same.

mod batch;
mod position;
mod sample;
mod watched;

use std::sync::Arc;

pub use pantau_logs::entry::{
    Entry, ErrorEvent, ErrorGroup, Event, EventTime, FINGERPRINT_VERSION, Fate, OWN_SELECT, Origin,
    QueryEvent, QueryGroup, QuerySource, REDACTION_VERSION, Severity, is_own_statement,
};

pub use batch::{BatchContent, ErrorCount, LineFates, LiveState, Minute, QueryCount};
pub use position::{FileIdentity, FileKey, Gap, GapReason, SourcePosition, SourceProgress};
pub use sample::{
    DatabaseFacts, DatabaseSample, DiskSample, HostFacts, HostSample, InterfaceSample,
    StatementDelta,
};
pub use watched::{Observation, Problem, State, Target, TargetCheck};

/// Key of a log, cluster or probe in the settings, e.g. `postgres`.
pub type SourceKey = Arc<str>;
