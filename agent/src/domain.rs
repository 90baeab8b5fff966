//! What the stages hand to each other. The wire has types of its own (`ship/wire.rs`); where a meaning
//! is shared, the comments in the `.proto` are the authority and these names are the same.

use std::sync::Arc;

use pantau_proto::sketch::Sketch;

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

/// When an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTime {
    /// UTC milliseconds since 1970.
    pub ms: i64,
    /// True when the line bore no full date and this was taken from its neighbours or the file.
    pub estimated: bool,
}

/// What became of a line. Every line has exactly one; their sum is the lines read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Part of an entry that was counted into a group or query.
    Counted,
    /// Understood and of no interest, by the named rule.
    Ignored(&'static str),
    /// Older than the point at which counting starts.
    BeforeStart,
    /// Not understood.
    Unparsed,
}

/// One entry of a log, one or more lines long, whose fate is decided.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Lines it is made of.
    pub lines: u64,
    /// Offset in the file after its last line: counting resumes here.
    pub end: u64,
    /// `None` where nothing tells.
    pub at: Option<EventTime>,
    /// What became of its lines.
    pub fate: Fate,
    /// What is counted; `Some` exactly when the fate is [`Fate::Counted`].
    pub event: Option<Event>,
}

impl Entry {
    /// Lines of one ignored entry made of several.
    const IGNORED_LINES_MAX: u64 = 1_000;

    /// Adds `entry` to those that are handed on together. Ignored ones that follow each other are one: all
    /// that is counted of them is their lines.
    pub fn add_to(self, entries: &mut Vec<Entry>) {
        match entries.last_mut() {
            Some(last)
                if matches!(last.fate, Fate::Ignored(_))
                    && last.fate == self.fate
                    && last.lines < Self::IGNORED_LINES_MAX =>
            {
                last.lines += self.lines;
                last.end = self.end;
                let ms = |entry: &Entry| entry.at.map(|at| at.ms);
                if ms(&self) > ms(last) {
                    last.at = self.at;
                }
            }
            _ => entries.push(self),
        }
    }
}

/// What an entry counts as.
#[derive(Clone, Debug)]
pub enum Event {
    /// An error of the database or the application.
    Error(ErrorEvent),
    /// A query with its duration.
    Query(QueryEvent),
}

/// One occurrence of an error, redacted and grouped.
#[derive(Clone, Debug)]
pub struct ErrorEvent {
    /// Its group.
    pub group: Arc<ErrorGroup>,
    /// The whole entry, redacted, at most 4,000 bytes.
    pub exemplar: String,
    /// Play error ids in it, e.g. `@6f02fa9dd`.
    pub error_ids: Vec<String>,
}

/// One kind of error; its fields as in the `.proto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorGroup {
    /// Pure function of the redacted, normalised message.
    pub fingerprint: u64,
    /// Database or application.
    pub origin: Origin,
    /// How bad.
    pub severity: Severity,
    /// From the table of classes, e.g. `database.deadlock`.
    pub class: &'static str,
    /// Five characters, or empty.
    pub sqlstate: String,
    /// The message with its variable parts replaced, at most 2,000 bytes.
    pub template: String,
    /// One occurrence is one failed transaction or process.
    pub failed_transaction: bool,
}

/// Where an error comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Origin {
    Database,
    Application,
}

/// How bad an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Severity {
    Warning,
    Error,
    Fatal,
    Panic,
}

/// One execution of a query that the log tells of.
#[derive(Clone, Debug)]
pub struct QueryEvent {
    /// Its group.
    pub group: Arc<QueryGroup>,
    /// How long it took.
    pub duration_us: u64,
}

/// One kind of query; its fields as in the `.proto`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueryGroup {
    /// Pure function of the normalised statement.
    pub fingerprint: u64,
    /// Where the figures come from.
    pub source: QuerySource,
    /// The statement with its literals replaced, at most 4,000 bytes.
    pub template: String,
    /// `cluster/database`, or the cluster alone where the log does not tell.
    pub database: String,
}

/// Where the figures of a query come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuerySource {
    /// `duration:` lines of the PostgreSQL log.
    Log,
    /// The view `pg_stat_statements`.
    StatementsView,
}

/// What a statement of `pg_stat_statements` did since it was last asked. The text is PostgreSQL's own
/// (literals already `$n`) and not yet redacted or grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StatementDelta {
    pub database: String,
    pub text: String,
    pub calls: u64,
    pub total_us: u64,
    pub rows: u64,
}

/// How far one log has been counted; fields as in the `.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SourcePosition {
    pub source: String,
    pub path: String,
    pub identity: FileIdentity,
    pub generation: u32,
    pub offset: u64,
    /// Hash of the last up to 64 bytes before `offset`, 0 where it is not known: tells whether a file
    /// still holds what was counted.
    pub tail_hash: u32,
    pub last_event_ms: i64,
}

impl SourcePosition {
    /// The file, whatever its name, and however much of its head is known.
    pub fn file_key(&self) -> FileKey {
        (self.identity.device, self.identity.inode, self.generation)
    }
}

/// Device, inode, generation.
pub type FileKey = (u64, u64, u32);

/// All that is needed to resume one log after a restart. Stays on this machine: the wire carries those of
/// `files` that a batch read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProgress {
    /// Key of the log.
    pub source: SourceKey,
    /// Older entries are not counted; fixed when the log was first seen, so that a restart in a later
    /// month does not move it.
    pub not_before_ms: Option<i64>,
    /// Every file known, in the order of reading; the last is the one being read.
    pub files: Vec<SourcePosition>,
}

impl SourceProgress {
    /// Files remembered of one log; the longest unread are forgotten first. A log kept in seven weekly
    /// files or rotated each hour stays well below.
    pub const FILES_MAX: usize = 64;

    /// Notes how far a file is counted and makes it the one being read. What the inode held before stays
    /// known under its own generation: it may come back as a compressed copy.
    pub fn note(&mut self, position: SourcePosition) {
        self.files.retain(|known| known.file_key() != position.file_key());
        if self.files.len() >= Self::FILES_MAX {
            self.files.remove(0);
        }
        self.files.push(position);
    }

    /// Takes over how far a file was counted elsewhere. One that is not known was read behind all that are.
    pub fn adopt(&mut self, position: SourcePosition) {
        let is_it = |known: &&mut SourcePosition| known.file_key() == position.file_key();
        match self.files.iter_mut().find(is_it) {
            Some(known) => *known = position,
            None => self.note(position),
        }
    }
}

/// Which file this is (never its name).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Hash of the first `head_bytes` bytes.
    pub head_hash: u64,
    /// How many bytes the hash covers.
    pub head_bytes: u32,
}

impl FileIdentity {
    /// Whether both name the same place on disk, whatever its content.
    pub fn is_same_inode(&self, other: &FileIdentity) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Something that should have been counted and cannot be; declared, never silent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Gap {
    pub source: String,
    pub from_ms: i64,
    pub to_ms: i64,
    pub reason: GapReason,
    pub detail: String,
    pub amount: u64,
}

/// Why something is lost; meanings as in the `.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum GapReason {
    FileLost,
    BaselineLost,
    SpoolLost,
    GroupsShed,
    Merged,
    ExemplarsShed,
    Restored,
    LinesCut,
}

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

/// What the host measured at one moment or, merged, in one minute; units as in the `.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
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

/// One mounted file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
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

/// One network interface; counters since boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
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

/// One database of one cluster; counters since `stats_reset_ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
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

/// What is known of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DatabaseFacts {
    pub cluster: String,
    pub version: String,
    pub statements_view: bool,
    pub statements_view_reason: String,
    pub log_min_duration_ms: i64,
    /// `log_line_prefix` of the server: how its stderr log is read. Stays on this machine.
    pub log_line_prefix: String,
    /// `log_timezone` of the server. Stays on this machine.
    pub log_timezone: String,
}

/// Facts of the machine that change rarely.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HostFacts {
    pub hostname: String,
    pub os: String,
    pub kernel: String,
    pub cpus: u32,
    pub memory_bytes: u64,
    pub swap_bytes: u64,
    pub boot_time_ms: i64,
    pub boot_id: [u8; 16],
}

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
