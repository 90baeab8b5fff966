//! States of targets, observed and concluded.

use super::period::Period;

/// What availability is kept for (meanings in the `.proto`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Target {
    Edge,
    Application,
    Database,
    Server,
    Link,
}

impl Target {
    /// Every target, in the order in which they are shown.
    pub const ALL: [Target; 5] =
        [Target::Edge, Target::Application, Target::Database, Target::Server, Target::Link];

    /// The word used in the store, on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Target::Edge => "edge",
            Target::Application => "application",
            Target::Database => "database",
            Target::Server => "server",
            Target::Link => "link",
        }
    }

    /// Reverse of [`Target::as_str`].
    pub fn parse(word: &str) -> Option<Target> {
        Target::ALL.into_iter().find(|target| target.as_str() == word)
    }
}

/// State of a target. "No data" is `Unknown`, never `Up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum State {
    Up,
    Down,
    Degraded,
    Maintenance,
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] =
        [State::Up, State::Down, State::Degraded, State::Maintenance, State::Unknown];

    /// The word used in the store, on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Down => "down",
            State::Degraded => "degraded",
            State::Maintenance => "maintenance",
            State::Unknown => "unknown",
        }
    }

    /// Reverse of [`State::as_str`].
    pub fn parse(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What one agent saw of one target, as stored: contiguous in time, half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Of what.
    pub target: Target,
    /// What it was.
    pub state: State,
    /// When.
    pub period: Period,
    /// Machine word for why; empty when up.
    pub reason: String,
    /// The address or cluster checked.
    pub subject: String,
}

/// One line of the ledger: what is concluded, and from what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Of what.
    pub target: Target,
    /// When, half-open. The intervals of a target have no holes and do not overlap.
    pub period: Period,
    /// What it was.
    pub state: State,
    /// Machine word for why, e.g. `http_500`, `agent_silent`, `collector_off`, `not_watched_yet`,
    /// `no_probe_configured`, `machine_rebooted`.
    pub reason: String,
}

/// How the milliseconds of a period divide among the states; their sum is the period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Shares {
    pub up_ms: i64,
    pub down_ms: i64,
    pub degraded_ms: i64,
    pub maintenance_ms: i64,
    pub unknown_ms: i64,
}
