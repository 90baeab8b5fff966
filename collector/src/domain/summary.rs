//! Answers of the store: what pages, reports and the command line show.

use serde::Serialize;

use super::{
    AgentId, Epoch, SiteId,
    batch::{DatabaseFacts, HostFacts, LiveState, Origin, QuerySource, Severity},
};

/// A server and its newest state.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Server {
    pub site: SiteId,
    pub agent: AgentId,
    pub version: String,
    pub epoch: Epoch,
    pub boot_id: [u8; 16],
    pub host: HostFacts,
    pub sample: bool,
    pub first_seen_ms: i64,
    /// Last sign of life, by the collector's clock.
    pub last_seen_ms: i64,
    /// Agent's clock minus collector's at the last Hello.
    pub clock_offset_ms: i64,
    pub live: LiveState,
    pub database_facts: Vec<DatabaseFacts>,
    pub uncounted: Uncounted,
}

/// Batches of a server that are stored and not counted, and will not be by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncounted {
    /// Wait for the agent to tell what their ids stand for.
    pub waiting: u64,
    /// Could not be read and were set aside.
    pub damaged: u64,
}

/// One error group over a period, most frequent first.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ErrorSummary {
    /// Sixteen hexadecimal digits.
    pub fingerprint: String,
    pub origin: Origin,
    pub severity: Severity,
    pub class: String,
    pub sqlstate: String,
    pub template: String,
    pub failed_transaction: bool,
    pub count: i64,
    /// Of `count`, those whose time is an estimate.
    pub estimated: i64,
    pub last_ms: i64,
    /// Newest redacted occurrence that is kept.
    pub exemplar: Option<String>,
    /// Play error ids of that occurrence.
    pub error_ids: Vec<String>,
}

/// One query over a period.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct QuerySummary {
    /// Sixteen hexadecimal digits.
    pub fingerprint: String,
    pub source: QuerySource,
    pub database: String,
    pub template: String,
    pub calls: i64,
    pub total_us: i64,
    pub mean_us: i64,
    /// `None` where the source cannot give it (the view gives neither maximum per period nor
    /// percentiles).
    pub max_us: Option<i64>,
    pub p50_us: Option<i64>,
    pub p95_us: Option<i64>,
    pub rows: i64,
}

/// By which figure queries are ranked. Frequent is not slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum QueryOrder {
    Calls,
    TotalTime,
}

/// One server's host figures over one UTC hour.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct HostHour {
    /// Start of the hour.
    pub from_ms: i64,
    /// Minutes of it with a sample, 0-60.
    pub minutes: i64,
    pub cpu_mean_permille: i64,
    pub cpu_max_permille: i64,
    pub memory_total_bytes: i64,
    /// Lowest in the hour.
    pub memory_available_bytes: i64,
    pub swap_total_bytes: i64,
    pub swap_used_bytes: i64,
    /// The fullest file system of the hour, and its figures.
    pub disk_mount: String,
    pub disk_total_bytes: i64,
    pub disk_free_bytes: i64,
}

/// One minute of a server, for charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct HostMinute {
    /// Start of the minute.
    pub minute_ms: i64,
    pub cpu_permille: i64,
    pub memory_used_permille: i64,
    /// Mean on the outside interface; `None` when the sample before is missing.
    pub sent_bytes_per_s: Option<i64>,
    pub received_bytes_per_s: Option<i64>,
}

/// Errors of a site in one UTC hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorHourCount {
    /// Start of the hour.
    pub from_ms: i64,
    /// Occurrences of all groups.
    pub count: i64,
}

/// Traffic on the outside interface over a period.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Traffic {
    pub interface: String,
    /// Minutes for which a rate is known.
    pub minutes: i64,
    pub sent_bytes: i64,
    pub received_bytes: i64,
    /// Highest rate between two samples.
    pub sent_peak_bytes_per_s: i64,
    pub received_peak_bytes_per_s: i64,
    /// 95th percentile (nearest rank) of the minute means.
    pub sent_p95_bytes_per_s: i64,
    pub received_p95_bytes_per_s: i64,
}

/// One database over a period.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct DatabaseSummary {
    pub cluster: String,
    pub database: String,
    /// First and last known size in the period, and when the last was taken.
    pub size_first_bytes: Option<i64>,
    pub size_last_bytes: Option<i64>,
    pub size_last_ms: i64,
    /// Safe against counter resets.
    pub commits: i64,
    pub rollbacks: i64,
    pub deadlocks: i64,
    pub connections_peak: i64,
    pub connections_max: i64,
    /// Last known number of accounts.
    pub accounts: Option<i64>,
    /// Minutes with a sample.
    pub minutes: i64,
}

impl DatabaseSummary {
    /// Whether commits, rollbacks and deadlocks are known: they are differences of two samples.
    pub fn has_increases(&self) -> bool {
        self.minutes > 1
    }
}

/// A declared loss.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct GapSummary {
    pub agent: String,
    pub source: String,
    pub from_ms: i64,
    pub to_ms: i64,
    pub reason: String,
    pub detail: String,
    pub amount: i64,
}

/// Lines of one log over a period by what became of them.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct FateSummary {
    pub agent: String,
    pub source: String,
    pub read: i64,
    pub counted: i64,
    pub ignored: i64,
    pub before_start: i64,
    pub unparsed: i64,
}
