//! A batch's content after the door: the `.proto`'s meanings in the collector's own types.

use pantau_sketch::durations::Sketch;
use serde::{Deserialize, Serialize};

use super::{AgentId, Epoch, SiteId, availability::Observation};

/// What an agent says of itself when it calls.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Hello {
    pub site: SiteId,
    pub agent: AgentId,
    pub version: String,
    pub boot_id: [u8; 16],
    /// Hash of the machine's id; zeros where it was not told.
    pub machine_id: [u8; 16],
    pub epoch: Epoch,
    pub clock_ms: i64,
    pub host: HostFacts,
    pub highest_seq: u64,
    pub sample: bool,
}

impl Hello {
    /// Which machine calls: by its own id, where it has told one, else by its boot.
    pub fn machine(&self) -> [u8; 16] {
        if self.machine_id == [0; 16] { self.boot_id } else { self.machine_id }
    }
}

/// Facts of a machine that change rarely.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct HostFacts {
    pub hostname: String,
    pub os: String,
    pub kernel: String,
    pub cpus: u32,
    pub memory_bytes: u64,
    pub swap_bytes: u64,
    pub boot_time_ms: i64,
}

/// A batch as it arrived: stored without being decoded.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct IncomingBatch {
    pub site: SiteId,
    pub agent: AgentId,
    pub epoch: Epoch,
    pub seq: u64,
    /// So many batches before `seq` are merged into this one.
    pub merged: u64,
    pub frame: Frame,
    pub received_ms: i64,
    pub live: Option<LiveState>,
}

impl IncomingBatch {
    /// The numbers that the batch stands for, first and last.
    pub fn numbers(&self) -> (u64, u64) {
        (self.seq.saturating_sub(self.merged), self.seq)
    }
}

/// What a batch carries, and what must be known to read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Frame {
    pub codec: Codec,
    pub first_minute: i64,
    pub last_minute: i64,
    pub closed_ms: i64,
    /// A `BatchContent`.
    pub data: Vec<u8>,
    pub exemplars_codec: Codec,
    /// An `Exemplars`; empty when there are none.
    pub exemplars: Vec<u8>,
    /// Exemplars that the agent has dropped.
    pub exemplars_shed: u64,
}

/// How the bytes of a [`Frame`] are coded; numbers as in the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Codec {
    #[default]
    Zstd,
    Plain,
}

impl Codec {
    /// Number in the contract and in the store.
    pub fn number(self) -> i32 {
        match self {
            Codec::Zstd => 1,
            Codec::Plain => 2,
        }
    }

    /// Reverse of [`Codec::number`].
    pub fn of_number(number: i64) -> Option<Codec> {
        [Codec::Zstd, Codec::Plain].into_iter().find(|one| i64::from(one.number()) == number)
    }
}

/// Decoded content of a batch. Groups are named by their index in the lists.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct BatchContent {
    pub groups: Vec<ErrorGroup>,
    pub queries: Vec<QueryGroup>,
    pub minutes: Vec<Minute>,
    pub sketches: Vec<QuerySketch>,
    pub exemplars: Vec<Exemplar>,
    pub positions: Vec<SourcePosition>,
    pub gaps: Vec<Gap>,
    pub observations: Vec<Observation>,
    pub fates: Vec<LineFates>,
    pub database_facts: Vec<DatabaseFacts>,
    pub redactions: Vec<(String, u64)>,
}

/// One kind of error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ErrorGroup {
    /// The wire's 64 bits, kept as the store keeps them: two's complement.
    pub fingerprint: i64,
    pub fingerprint_version: u32,
    pub origin: Origin,
    pub severity: Severity,
    pub class: String,
    pub sqlstate: String,
    pub template: String,
    pub failed_transaction: bool,
}

/// Where an error comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Origin {
    Database,
    Application,
}

impl Origin {
    /// Every one.
    pub const ALL: [Origin; 2] = [Origin::Database, Origin::Application];

    /// The word used in the store; the same as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Database => "database",
            Origin::Application => "application",
        }
    }

    /// Reverse of [`Origin::as_str`].
    pub fn parse(word: &str) -> Option<Origin> {
        Origin::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// How bad an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Severity {
    Warning,
    Error,
    Fatal,
    Panic,
}

impl Severity {
    /// Every one.
    pub const ALL: [Severity; 4] =
        [Severity::Warning, Severity::Error, Severity::Fatal, Severity::Panic];

    /// The word used in the store; the same as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Fatal => "fatal",
            Severity::Panic => "panic",
        }
    }

    /// Reverse of [`Severity::as_str`].
    pub fn parse(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// One kind of query, from one source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct QueryGroup {
    pub fingerprint: i64,
    pub fingerprint_version: u32,
    pub source: QuerySource,
    pub template: String,
    pub database: String,
}

/// Where the figures of a query come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuerySource {
    /// `duration:` lines of the PostgreSQL log.
    Log,
    /// The view `pg_stat_statements`.
    StatementsView,
}

impl QuerySource {
    /// Every one.
    pub const ALL: [QuerySource; 2] = [QuerySource::Log, QuerySource::StatementsView];

    /// The word used in the store; the same as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            QuerySource::Log => "log",
            QuerySource::StatementsView => "statements_view",
        }
    }

    /// Reverse of [`QuerySource::as_str`].
    pub fn parse(word: &str) -> Option<QuerySource> {
        QuerySource::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// One UTC minute.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Minute {
    pub minute: i64,
    /// Group index and count.
    pub errors: Vec<(usize, ErrorCount)>,
    /// Query index and count.
    pub queries: Vec<(usize, QueryCount)>,
    pub host: Option<HostSample>,
    pub databases: Vec<DatabaseSample>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ErrorCount {
    pub count: u64,
    pub last_ms: i64,
    pub estimated: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct QueryCount {
    pub calls: u64,
    pub total_us: u64,
    pub max_us: u64,
    pub rows: u64,
}

/// Durations of one query over some minutes of one UTC hour.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct QuerySketch {
    pub query: usize,
    pub first_minute: i64,
    pub minutes: u32,
    pub sketch: Sketch,
}

/// One redacted occurrence of a group. Without a text: the one before stays, its error ids are new.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Exemplar {
    pub group: usize,
    pub at_ms: i64,
    pub text: String,
    pub error_ids: Vec<String>,
}

/// How far one log has been counted (handed back to an agent that lost its own).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct SourcePosition {
    pub source: String,
    pub path: String,
    pub device: u64,
    pub inode: u64,
    pub head_hash: u64,
    pub head_bytes: u32,
    pub generation: u32,
    pub offset: u64,
    /// Hash of the last bytes before `offset`; 0 when it is not known.
    pub tail_hash: u32,
    pub last_event_ms: i64,
}

/// Something that should have been counted and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Gap {
    pub source: String,
    pub from_ms: i64,
    pub to_ms: i64,
    /// `file_lost`, `baseline_lost`, `spool_lost`, `groups_shed`, `merged`, `exemplars_shed`, `restored`,
    /// `definition_lost`, `batch_damaged` or `unspecified`.
    pub reason: String,
    pub detail: String,
    pub amount: u64,
}

/// Lines of one log by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LineFates {
    pub source: String,
    pub read: u64,
    pub counted: u64,
    pub ignored: u64,
    pub before_start: u64,
    pub unparsed: u64,
}

/// What is known of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct DatabaseFacts {
    pub cluster: String,
    pub version: String,
    pub statements_view: bool,
    pub statements_view_reason: String,
    pub log_min_duration_ms: i64,
}

/// Newest state of everything; stored as JSON with the server, each one replaces the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct LiveState {
    pub at_ms: i64,
    pub host: Option<HostSample>,
    pub targets: Vec<TargetState>,
    pub databases: Vec<DatabaseSample>,
    pub problems: Vec<Problem>,
    pub spool_batches: u64,
    pub spool_bytes: u64,
    /// Bytes that the agent has sent since midnight, encryption included; `None` when it did not say.
    pub sent_bytes_today: Option<u64>,
    pub received_bytes_today: Option<u64>,
}

/// Newest check of one target. Words as in `domain::availability`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct TargetState {
    pub target: String,
    pub state: String,
    pub since_ms: i64,
    pub reason: String,
    pub latency_ms: u32,
    pub subject: String,
}

/// Something an agent cannot do, and what a person can do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct Problem {
    pub subject: String,
    pub text: String,
    pub since_ms: i64,
}

/// Units as in the `.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct HostSample {
    pub cpu_permille: u32,
    pub cpu_max_permille: u32,
    pub load1_centi: u32,
    pub memory_total_bytes: u64,
    pub memory_available_bytes: u64,
    pub swap_total_bytes: u64,
    pub swap_used_bytes: u64,
    pub disks: Vec<DiskSample>,
    pub interfaces: Vec<InterfaceSample>,
    pub uptime_s: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct DiskSample {
    pub mount: String,
    pub file_system: String,
    pub total_bytes: u64,
    pub free_bytes: u64,
    pub inodes_total: u64,
    pub inodes_free: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct InterfaceSample {
    pub name: String,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub received_errors: u64,
    pub sent_errors: u64,
    pub received_peak_bytes_per_s: u64,
    pub sent_peak_bytes_per_s: u64,
    pub outside: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
#[serde(default)]
pub struct DatabaseSample {
    pub cluster: String,
    pub database: String,
    pub size_bytes: Option<u64>,
    pub commits: u64,
    pub rollbacks: u64,
    pub deadlocks: u64,
    pub stats_reset_ms: i64,
    pub connections: u32,
    pub connections_max: u32,
    pub connections_active: u32,
    pub accounts: Option<u64>,
}
