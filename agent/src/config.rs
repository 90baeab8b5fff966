//! Settings of the agent, in two steps: what was typed ([`typed`], TOML) and what the program needs
//! ([`Settings`]), checked. A wrong setting names file, key, value and what is allowed.

use std::{path::PathBuf, time::Duration};

use crate::domain::{SourceKey, Target};

/// What the program needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who this is.
    pub identity: Identity,
    /// Where batches go.
    pub collector: Collector,
    /// Where batches wait.
    pub spool: SpoolSettings,
    /// How often things happen.
    pub intervals: Intervals,
    /// Logs to follow.
    pub logs: Vec<LogSettings>,
    /// PostgreSQL clusters to ask.
    pub clusters: Vec<ClusterSettings>,
    /// Addresses to probe.
    pub probes: Vec<ProbeSettings>,
}

/// Who this is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The site (LPSE), as the collector names it.
    pub site_id: String,
    /// This server within the site.
    pub agent_id: String,
    /// True when generated sample data is watched (CONTOH).
    pub sample: bool,
}

/// Where batches go.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Loopback only until enrolment exists: the stream is not encrypted.
    pub address: std::net::SocketAddr,
}

/// Where batches wait.
#[derive(Clone, Debug)]
pub struct SpoolSettings {
    /// Folder of the spool, mode 0700.
    pub dir: PathBuf,
    /// Bytes on disk at most.
    pub bytes_max: u64,
    /// How long acknowledged batches are kept, for a collector restored from a backup.
    pub grace: Duration,
}

/// How often things happen.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// Host samples and probes.
    pub sample: Duration,
    /// Batches.
    pub batch: Duration,
    /// Questions to PostgreSQL.
    pub database: Duration,
}

/// One log to follow.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// Its key.
    pub key: SourceKey,
    /// The file's path; `*` and `?` in the file name match several (newest is current).
    pub path: PathBuf,
    /// How it is written.
    pub format: LogFormat,
    /// Zone of times that carry none.
    pub zone: jiff::tz::TimeZone,
    /// From where a file never seen before is counted.
    pub start: Start,
}

/// How a log is written.
#[derive(Clone, Debug)]
pub enum LogFormat {
    /// PostgreSQL, `log_destination = stderr`.
    PostgresStderr {
        /// Key of the cluster that writes it.
        cluster: SourceKey,
        /// `log_line_prefix`; `None`: asked from the server, else found from the lines.
        prefix: Option<String>,
    },
    /// Play 1 application log.
    Play,
}

/// From where a file never seen before is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Start {
    /// From the first of this month in the log's zone, so that the first monthly report is whole.
    #[default]
    Month,
    /// From its first line.
    Beginning,
    /// From its end.
    End,
}

/// One PostgreSQL cluster to ask.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// Its key.
    pub key: SourceKey,
    /// How to reach it (host or socket folder, port, user, password, first database).
    pub connection: tokio_postgres::Config,
    /// Databases to report on; empty: all that are not templates.
    pub databases: Vec<String>,
    /// SQL that returns one bigint, the number of accounts, and the database to ask it in.
    pub accounts: Option<(String, String)>,
}

/// One address to probe.
#[derive(Clone, Debug)]
pub struct ProbeSettings {
    /// What its answer says something about.
    pub target: Target,
    /// `http://` or `https://`, without credentials.
    pub url: String,
    /// Text the body must contain.
    pub expect_text: Option<String>,
    /// Status codes that count as up.
    pub expect_status: std::ops::RangeInclusive<u16>,
    /// Slower than this is down.
    pub timeout: Duration,
    /// Slower than this is degraded.
    pub slow: Duration,
}
