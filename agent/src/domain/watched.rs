//! What is seen of the targets that availability is kept for, and what a person should see to.

/// What availability is kept for, as far as the agent sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Target {
    Application,
    Database,
    Server,
}

/// State of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum State {
    Up,
    Down,
    Degraded,
}

/// What one check of one target found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TargetCheck {
    pub target: Target,
    pub state: State,
    /// Machine word for why, e.g. `http_500`; empty when up.
    pub reason: String,
    pub latency_ms: u32,
    /// The address or cluster, without credentials.
    pub subject: String,
    pub at_ms: i64,
}

/// One target was in one state from `from_ms` (included) to `to_ms` (excluded).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Observation {
    pub target: Target,
    pub state: State,
    pub from_ms: i64,
    pub to_ms: i64,
    pub reason: String,
    pub subject: String,
}

/// Something the agent cannot do, and what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it concerns: a setting's key, e.g. `log.postgres`.
    pub subject: String,
    /// One line: what is wrong and what to do.
    pub text: String,
    /// Since when.
    pub since_ms: i64,
}
