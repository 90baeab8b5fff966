//! Settings of the agent, in two steps: what was typed (`typed`, TOML) and what the program needs
//! ([`Settings`]), checked (`read`). A wrong setting names file, line, key, value and what is allowed;
//! all faults of a file are told at once.

mod address;
mod collector;
mod read;
mod secret;
mod typed;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use pantau_logs::format::Format;
use toml::de::DeTable;

use crate::domain::{SourceKey, Target};
pub use address::Address;
pub use read::LOGS_MAX;
pub use secret::Secret;
use typed::{Faults, Section};

/// Where settings are read from unless `--config` says otherwise.
pub const PATH_DEFAULT: &str = "/etc/pantau-agent/agent.toml";

/// Settings that may be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Checked.
    pub settings: Settings,
    /// What is allowed and unwise, one line each, with what to do.
    pub warnings: Vec<String>,
}

/// The settings cannot be used. Displays as one line per fault.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings {}: {cause}; give another file with --config", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}", FaultList(file, faults))]
    Wrong {
        /// Which.
        file: PathBuf,
        /// Line, counted from 1, and what is wrong there; in the order of the file.
        faults: Vec<(usize, String)>,
    },
}

/// Reads and checks the file.
pub fn load(file: &Path) -> Result<Loaded, SettingsError> {
    let text = std::fs::read_to_string(file)
        .map_err(|cause| SettingsError::Unreadable { file: file.to_owned(), cause })?;
    parse(file, &text)
}

/// Checks what was typed; `file` only names it.
pub fn parse(file: &Path, text: &str) -> Result<Loaded, SettingsError> {
    let mut faults = Faults::new(text);
    let mut warnings = Vec::new();
    let settings = match DeTable::parse(text) {
        Ok(table) => {
            let top = Section::new("", table.get_ref(), 0, read::FILE_KEYS, &mut faults);
            read::settings(&top, &mut faults, &mut warnings)
        }
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            faults.add(at, format!("not TOML: {}", error.message().replace('\n', ", ")));
            None
        }
    };
    match (settings, faults.sorted()) {
        (Some(settings), faults) if faults.is_empty() => Ok(Loaded { settings, warnings }),
        (_, faults) => Err(SettingsError::Wrong { file: file.to_owned(), faults }),
    }
}

struct FaultList<'a>(&'a Path, &'a [(usize, String)]);

impl fmt::Display for FaultList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (line, what)) in self.1.iter().enumerate() {
            let end = if n == 0 { "" } else { "\n" };
            write!(f, "{end}{}:{line}: {what}", self.0.display())?;
        }
        Ok(())
    }
}

/// What the program needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who this is said to be.
    pub names: Names,
    /// True when generated sample data is watched (CONTOH).
    pub sample: bool,
    /// Zone of the site: of logs that write none, and of the day that bytes are counted by.
    pub zone: jiff::tz::TimeZone,
    /// Folder of all that the agent keeps, its own.
    pub state_dir: PathBuf,
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

/// Who this is said to be. Enrolment decides; what is typed here must agree with it.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Names {
    pub site_id: Option<String>,
    pub agent_id: Option<String>,
}

/// Who this is, by enrolment.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The site (LPSE), as the collector names it.
    pub site_id: String,
    /// This server within the site.
    pub agent_id: String,
    /// True when generated sample data is watched (CONTOH).
    pub sample: bool,
}

/// Where batches go, and how.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    /// Left out: the address of the enrolment.
    pub address: Option<Address>,
    /// Goes between, where the site lets nothing out directly.
    pub proxy: Option<Proxy>,
    /// Bytes of one day, both directions, from which on less is sent.
    pub bytes_per_day_max: Option<u64>,
    /// Whether TLS 1.2 is allowed beside 1.3.
    pub tls_1_2: bool,
}

/// An HTTP proxy that passes connections on (CONNECT).
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: Address,
    /// User and password, where it asks for them (Basic).
    pub credentials: Option<(String, Secret)>,
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
    /// How its bytes are to be read.
    pub encoding: Encoding,
}

/// How the bytes of a log are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// What is broken in it is replaced.
    #[default]
    Utf8,
    /// ISO 8859-1.
    Latin1,
    /// Latin-1 with quotes, dashes and the euro.
    Windows1252,
}

/// How a log is written.
#[derive(Clone, Debug)]
pub struct LogFormat {
    /// Its format.
    pub format: &'static Format,
    /// Key of the cluster that writes it, for the formats of a cluster.
    pub cluster: Option<SourceKey>,
    /// Its prefix or pattern; `None`: asked from the server where that can be, else found from the lines.
    pub layout: Option<String>,
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

#[cfg(test)]
mod tests;
