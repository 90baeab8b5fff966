//! What the ids of an epoch stand for: told once, named in every batch after.

use std::collections::{BTreeSet, HashMap};

use super::{
    availability::{State, Target},
    batch::{BatchContent, ErrorGroup, QueryGroup},
};

/// Definitions that one message asks for or brings.
pub const ASK_MAX: usize = 1_000;

/// What an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Definition {
    Error(ErrorGroup),
    Query(QueryGroup),
    Host(HostLayout),
    Database(DatabaseLayout),
    Log(LogFile),
    Watched(Watched),
    /// Key of a log or name of a rule.
    Name(String),
}

/// What of a host does not change from minute to minute, and with it the order of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HostLayout {
    pub memory_total_bytes: u64,
    pub swap_total_bytes: u64,
    pub disks: Vec<DiskLayout>,
    pub interfaces: Vec<InterfaceLayout>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DiskLayout {
    pub mount: String,
    pub file_system: String,
    pub total_bytes: u64,
    pub inodes_total: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct InterfaceLayout {
    pub name: String,
    pub outside: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DatabaseLayout {
    pub cluster: String,
    pub database: String,
    pub connections_max: u32,
    pub stats_reset_ms: i64,
}

/// One file of a log: which file it is, never its name alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LogFile {
    pub source: String,
    pub path: String,
    pub device: u64,
    pub inode: u64,
    pub head_hash: u64,
    pub head_bytes: u32,
    pub generation: u32,
}

/// What an observation is of, and what it saw. `None`: a target that this collector does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Watched {
    pub target: Option<Target>,
    pub state: State,
    pub reason: String,
    pub subject: String,
}

/// What is known of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// It stands for this.
    As(Definition),
    /// The agent has lost what it stands for: counts under it are kept under a group that says so.
    Lost,
}

/// Ids of one epoch of one agent, as far as they are known.
pub type Names = HashMap<u32, Named>;

/// A definition as it is stored: its id, and the bytes that the agent sent.
pub type Defined = (u32, Vec<u8>);

/// A batch that was opened: what it says, under ids.
pub struct Opened {
    /// Definitions that it brings.
    pub definitions: Vec<Defined>,
    /// Ids that it mentions.
    pub mentioned: BTreeSet<u32>,
    /// Turns it into what it says, when every id it mentions is among the names.
    #[allow(clippy::type_complexity)]
    pub resolve: Box<dyn FnOnce(&Names) -> Result<BatchContent, String> + Send>,
}

/// Read positions of a batch, under ids, with the definitions that it brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Positions {
    pub definitions: Vec<Defined>,
    pub positions: Vec<LogPosition>,
}

/// How far one log has been counted, under an id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LogPosition {
    pub log: u32,
    pub offset: u64,
    pub tail_hash: u32,
    pub last_event_ms: i64,
}
