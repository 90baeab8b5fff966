//! The document model of a performance report: what was computed, before anything is drawn.
//!
//! Quantities are integers in the unit their name carries; times are UTC milliseconds. Two models of
//! the same period from the same data differ only in when they were written, so that their [digest]
//! is the same.
//!
//! [digest]: Model::figures_digest

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::{
    batch::{Origin, QuerySource, Severity},
    period::Period,
};

/// Version of this model's shape, counted up with each change that older readers cannot ignore.
pub const MODEL_FORMAT: u32 = 1;

/// Error groups in annex 3, most frequent first; also those of failed transactions in annex 5.
pub const ERRORS_MAX: usize = 40;
/// Of those, with an exemplar.
pub const EXEMPLARS_MAX: usize = 5;
/// Error groups asked of the store, so that their sum is that of the period.
pub const GROUPS_ASKED: u32 = 1_000;
/// Queries in each ranking of annex 4.
pub const QUERIES_MAX: u32 = 15;
/// Intervals listed per target in annex 1.
pub const INTERVALS_MAX: usize = 60;
/// Bars of a chart: an A4 page shows a bar of 0.8 mm.
pub const BARS_MAX: i64 = 200;
/// Points of a capacity chart: a month by the hour.
pub const POINTS_MAX: i64 = 31 * 24;
/// Declared losses listed in annex 6.
pub const GAPS_MAX: usize = 60;
/// Silences listed per agent in annex 6.
pub const SILENCES_MAX: usize = 40;
/// Section C, in bytes: some six pages.
pub const LESSON_BYTES_MAX: usize = 20_000;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// [`MODEL_FORMAT`] of the program that wrote it.
    pub format: u32,
    /// Whose report.
    pub site: SiteHead,
    /// The box that is ticked.
    pub kind: Kind,
    /// First instant of the period.
    pub from_ms: i64,
    /// End of the period that was asked for.
    pub to_ms: i64,
    /// End of what is covered: before `to_ms` while the period is not over.
    pub covered_to_ms: i64,
    /// When this was written.
    pub created_ms: i64,
    /// 1, 2, 3 ... of this site, kind and period.
    pub revision: i64,
    /// [`Model::figures_digest`] of this model, hexadecimal.
    pub digest: String,
    /// Data of generated samples: CONTOH stands across every page.
    pub sample: bool,
    /// Section A.
    pub conditions: Conditions,
    /// Section C as entered; `None` leaves ruled lines to write on.
    pub lesson: Option<String>,
    /// Annex 1, one per target.
    pub availability: Vec<TargetAvailability>,
    /// Annex 2, one per server.
    pub capacity: Vec<ServerCapacity>,
    /// Section B and annex 3.
    pub errors: ErrorAnnex,
    /// Annex 4.
    pub queries: QueryAnnex,
    /// Annex 5.
    pub failures: FailureAnnex,
    /// Annex 6.
    pub coverage: Coverage,
    /// Annex 6: what counted as a warning or as down, and other settings that shape a figure.
    pub thresholds: Vec<ThresholdUsed>,
}

/// Whose report, and who signs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SiteHead {
    pub id: String,
    pub name: String,
    pub letterhead: Vec<String>,
    /// IANA name of the zone in which times are printed.
    pub zone: String,
    /// WIB, WITA, WIT.
    pub zone_abbreviation: String,
    pub administrator: String,
    pub head: String,
}

/// The form's three boxes; exactly one is ticked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Any period that is neither of the others.
    Incidental,
    /// A calendar month.
    Monthly,
    /// January to June, or July to December.
    HalfYearly,
}

impl Kind {
    /// Every kind, in the form's order.
    pub const ALL: [Kind; 3] = [Kind::Incidental, Kind::Monthly, Kind::HalfYearly];

    /// The word used in the store and in file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Incidental => "incidental",
            Kind::Monthly => "monthly",
            Kind::HalfYearly => "half_yearly",
        }
    }

    /// Reverse of [`Kind::as_str`].
    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The form's own label.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Incidental => "INSIDENTAL",
            Kind::Monthly => "RUTIN BULANAN",
            Kind::HalfYearly => "RUTIN SEMESTERAN",
        }
    }
}

/// A value of section A. What was not measured says so; it is never 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// In words for a reader, with lines that explain it.
    Measured {
        /// The value, e.g. "12,34 GiB".
        text: String,
        /// When, of what, compared with what.
        details: Vec<String>,
    },
    /// Printed as "tidak terukur (reason)".
    NotMeasured {
        /// Why, and what would make it measurable.
        reason: String,
    },
}

/// Section A, in the form's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Conditions {
    pub database_size: Value,
    pub users: Value,
    pub transactions: Value,
    pub upstream: Value,
    pub downstream: Value,
}

/// One target's part of annex 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetAvailability {
    /// `domain::availability::Target` as its word.
    pub target: String,
    /// Whole period by state, in hundredths of a percent: up, down, degraded, maintenance, unknown.
    /// They add up to 10,000, or to 0 when nothing of the period has passed.
    pub shares_centipercent: [i64; 5],
    /// What is aimed at.
    pub target_permille: i64,
    /// Whether it was reached.
    pub verdict: Verdict,
    /// Down, degraded, maintenance and unknown, ascending, at most
    /// [`INTERVALS_MAX`].
    pub intervals: Vec<IntervalRow>,
    /// Intervals that the list leaves out.
    pub intervals_left_out: i64,
    /// Per day of the site (or per several days, when the period is long).
    pub days: Vec<DayShares>,
}

/// Whether a target's availability reached what is aimed at. Availability is the share of up and
/// degraded in the time outside maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Reached even if all that is unknown had been down.
    Met,
    /// Missed even if all that is unknown had been up.
    Missed,
    /// What is unknown decides it.
    Undecided,
    /// Never observed in the period.
    NotMeasured,
}

/// One interval of the ledger that was not up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct IntervalRow {
    /// `domain::availability::State` as its word.
    pub state: String,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Machine word, as in the ledger.
    pub reason: String,
}

/// Shares of one bar of the chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct DayShares {
    pub from_ms: i64,
    pub to_ms: i64,
    /// As in [`TargetAvailability::shares_centipercent`].
    pub shares_centipercent: [i64; 5],
}

/// One server's part of annex 2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ServerCapacity {
    pub agent: String,
    pub hostname: String,
    pub cpus: i64,
    pub memory_bytes: i64,
    /// Minutes with a sample.
    pub minutes: i64,
    pub cpu: Option<Usage>,
    pub memory: Option<Usage>,
    /// `None` where there is no swap or nothing was measured.
    pub swap: Option<Usage>,
    /// The fullest file system of each hour, by mount.
    pub disks: Vec<DiskRow>,
    /// Points of the chart, ascending.
    pub points: Vec<CapacityPoint>,
    /// Whether a point is an hour (else a day or more).
    pub points_are_hours: bool,
    pub traffic: Option<TrafficRow>,
}

/// A share over a period, permille.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Usage {
    pub mean_permille: i64,
    pub max_permille: i64,
    /// Start of the hour in which the highest was seen.
    pub max_hour_ms: i64,
}

/// One file system at the end of the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct DiskRow {
    pub mount: String,
    pub total_bytes: i64,
    pub free_bytes: i64,
    pub used_permille: i64,
    /// The hour of these figures.
    pub at_ms: i64,
    pub level: DiskLevel,
}

/// A disk against the thresholds in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum DiskLevel {
    Normal,
    Warning,
    Critical,
}

/// One point of the capacity chart; `None` where there was no sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CapacityPoint {
    pub from_ms: i64,
    pub cpu_permille: Option<i64>,
    pub memory_permille: Option<i64>,
    pub disk_permille: Option<i64>,
    pub swap_permille: Option<i64>,
}

/// Traffic on the outside interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TrafficRow {
    pub interface: String,
    pub minutes: i64,
    pub sent: TrafficDirection,
    pub received: TrafficDirection,
}

/// One direction of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TrafficDirection {
    pub bytes: i64,
    pub peak_bytes_per_s: i64,
    pub p95_bytes_per_s: i64,
    /// Contracted link, when set.
    pub link_bits_per_s: Option<i64>,
}

/// Section B and annex 3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnnex {
    /// Most frequent first, at most [`ERRORS_MAX`].
    pub rows: Vec<ErrorRow>,
    /// Groups and occurrences of the whole period; groups are counted up to
    /// [`GROUPS_ASKED`].
    pub groups: i64,
    /// Sum of their counts.
    pub occurrences: i64,
    /// Whether there were at least as many groups as are asked for.
    pub groups_capped: bool,
    /// Why an empty list is not "no errors": no log line was read in the period.
    pub no_logs: bool,
}

/// One kind of error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ErrorRow {
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
    /// For the first few: the newest redacted occurrence that is kept.
    pub exemplar: Option<String>,
}

/// Annex 4: frequent is not slow, so there are two rankings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct QueryAnnex {
    pub by_calls: Vec<QueryRow>,
    pub by_total_time: Vec<QueryRow>,
}

/// One query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct QueryRow {
    pub fingerprint: String,
    pub source: QuerySource,
    pub database: String,
    pub template: String,
    pub calls: i64,
    pub total_us: i64,
    pub mean_us: i64,
    pub p95_us: Option<i64>,
    pub max_us: Option<i64>,
}

/// Annex 5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureAnnex {
    /// One per database; rollbacks are shown, never added to failures: applications roll back on
    /// purpose too.
    pub databases: Vec<DatabaseRow>,
    /// Groups of which one occurrence is one failed transaction or process.
    pub errors: Vec<ErrorRow>,
    /// Sum of their counts, those left out included.
    pub occurrences: i64,
}

/// One database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct DatabaseRow {
    pub cluster: String,
    pub database: String,
    pub size_first_bytes: Option<i64>,
    pub size_last_bytes: Option<i64>,
    pub size_last_ms: i64,
    pub commits: i64,
    pub rollbacks: i64,
    pub deadlocks: i64,
    pub connections_peak: i64,
    pub connections_max: i64,
    /// Minutes with a sample.
    pub minutes: i64,
}

/// Annex 6: how much of the period the figures rest on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Whole minutes of the period that have passed.
    pub minutes: i64,
    /// One per server.
    pub agents: Vec<AgentCoverage>,
    /// Declared losses, at most [`GAPS_MAX`].
    pub gaps: Vec<GapRow>,
    /// Declared losses that the list leaves out.
    pub gaps_left_out: i64,
    /// One per server and log.
    pub fates: Vec<FateRow>,
}

/// What one agent delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCoverage {
    /// Its name.
    pub agent: String,
    /// Of its machine.
    pub hostname: String,
    /// Minutes for which the machine was measured.
    pub host_minutes: i64,
    /// When the collector heard nothing of it, at most
    /// [`SILENCES_MAX`], ascending.
    pub silences: Vec<(i64, i64)>,
    /// Silences that the list leaves out.
    pub silences_left_out: i64,
    /// All silence together, milliseconds.
    pub silent_ms: i64,
}

/// A declared loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct GapRow {
    pub agent: String,
    pub source: String,
    pub from_ms: i64,
    pub to_ms: i64,
    pub reason: String,
    pub detail: String,
}

/// Lines of one log by what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct FateRow {
    pub agent: String,
    pub source: String,
    pub read: i64,
    pub counted: i64,
    pub ignored: i64,
    pub before_start: i64,
    pub unparsed: i64,
}

/// A setting that shaped a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdUsed {
    /// What it is, in the reader's words.
    pub name: String,
    /// Its value with unit.
    pub value: String,
}

impl Model {
    /// The part of the period that is covered.
    pub fn covered(&self) -> Period {
        Period { from_ms: self.from_ms, to_ms: self.covered_to_ms }
    }

    /// Whether the period was not over yet.
    pub fn is_partial(&self) -> bool {
        self.covered_to_ms < self.to_ms
    }

    /// SHA-256 of the model as JSON, hexadecimal, with what does not belong to the period left out:
    /// the time of writing, the revision, the digest itself, and exemplars (the newest ones kept,
    /// which may be younger than the period).
    pub fn figures_digest(&self) -> anyhow::Result<String> {
        let mut figures = self.clone();
        figures.created_ms = 0;
        figures.revision = 0;
        figures.digest.clear();
        for row in figures.errors.rows.iter_mut().chain(&mut figures.failures.errors) {
            row.exemplar = None;
        }
        let bytes = serde_json::to_vec(&figures)?;
        Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
