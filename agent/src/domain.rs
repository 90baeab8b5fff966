//! What the stages hand to each other. The wire has types of its own (`ship/wire.rs`); where a meaning
//! is shared, the comments in the `.proto` are the authority and these names are the same.

mod batch;
mod entry;
mod position;
mod sample;
mod watched;

use std::sync::Arc;

pub use batch::{BatchContent, ErrorCount, LineFates, LiveState, Minute, QueryCount};
pub use entry::{
    Entry, ErrorEvent, ErrorGroup, Event, EventTime, Fate, Origin, QueryEvent, QueryGroup,
    QuerySource, Severity,
};
pub use position::{FileIdentity, FileKey, Gap, GapReason, SourcePosition, SourceProgress};
pub use sample::{
    DatabaseFacts, DatabaseSample, DiskSample, HostFacts, HostSample, InterfaceSample,
    StatementDelta,
};
pub use watched::{Observation, Problem, State, Target, TargetCheck};

/// Version of the fingerprint functions together with the rules of normalisation that feed them
/// (`group`). Counts up with every change after which the same error would get another fingerprint.
pub const FINGERPRINT_VERSION: u32 = 1;

/// Version of the redaction rules and of the code that applies them (`redact`). Counts up with every
/// change of what is replaced.
pub const REDACTION_VERSION: u32 = 1;

/// How every statement of ours to PostgreSQL begins. Its marker names them in the view and the log of
/// the server, so that neither counts them as the application's.
pub const OWN_SELECT: &str = "SELECT /* pantau */";

/// Whether `statement` is one of ours. Only its beginning tells: the marker inside a literal would let
/// whoever fills that literal hide the statement.
pub fn is_own_statement(statement: &str) -> bool {
    statement.trim_start().starts_with(OWN_SELECT)
}

/// Key of a log, cluster or probe in the settings, e.g. `postgres`.
pub type SourceKey = Arc<str>;
