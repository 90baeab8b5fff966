//! From what was typed to what the program needs: one function per table of the file.

use std::{
    fs::File,
    io::Read,
    ops::RangeInclusive,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::tz::TimeZone;
use pantau_proto::limits;

use pantau_logs::format::{FORMATS, Format, LayoutKind};

use super::{
    ClusterSettings, Encoding, Intervals, LogFormat, LogSettings, Names, ProbeSettings, Settings,
    SpoolSettings, Start, collector,
    typed::{Faults, Section},
};
use crate::domain::{SourceKey, Target};

/// Default of `state_dir`, as the systemd unit creates it.
const STATE_DIR_DEFAULT: &str = "/var/lib/pantau-agent";
/// `[[log]]` at most: each is one watched file and one position in every batch.
pub const LOGS_MAX: usize = 64;
/// `[[postgres]]` at most: each is one connection.
const CLUSTERS_MAX: usize = 16;
/// `[[probe]]` at most: each is one request per sample interval.
const PROBES_MAX: usize = 16;
/// Names in `databases` at most.
const DATABASES_MAX: usize = 64;
/// Default of `spool.bytes_max`: more than 30 days of a normal server at 11 MB a day.
const SPOOL_BYTES_DEFAULT: u64 = 512 << 20;
/// Allowed for `spool.bytes_max`: at least one batch fits, at most what one machine holds.
const SPOOL_BYTES_ALLOWED: RangeInclusive<u64> = 1 << 20..=1 << 40;
/// Default of `spool.grace_days` (ARCHITECTURE.md: acknowledged batches are kept 7 days).
const GRACE_DEFAULT_DAYS: u64 = 7;
/// A password file is one line; more than this is another file.
const PASSWORD_BYTES_MAX: u64 = 4_096;
const KEY_CHARS_MAX: usize = 64;

/// Keys at the top of the file.
pub(super) const FILE_KEYS: &[&str] = &[
    "site",
    "agent",
    "collector",
    "proxy",
    "bytes_per_day_max",
    "tls_1_2",
    "zone",
    "state_dir",
    "sample",
    "log",
    "postgres",
    "probe",
    "spool",
    "interval",
];
pub(super) const LOG_KEYS: &[&str] =
    &["key", "path", "format", "cluster", "prefix", "pattern", "zone", "start", "encoding"];
pub(super) const CLUSTER_KEYS: &[&str] = &[
    "key",
    "host",
    "port",
    "user",
    "password_file",
    "database",
    "databases",
    "accounts_sql",
    "accounts_database",
];
pub(super) const PROBE_KEYS: &[&str] =
    &["target", "url", "expect_text", "expect_status", "timeout_ms", "slow_ms"];
pub(super) const SPOOL_KEYS: &[&str] = &["bytes_max", "grace_days"];
pub(super) const INTERVAL_KEYS: &[&str] = &["sample_s", "batch_s", "database_s"];

/// Reads the whole file; `None` only together with a fault.
pub(super) fn settings(
    file: &Section,
    faults: &mut Faults,
    warnings: &mut Vec<String>,
) -> Option<Settings> {
    let names = names(file, faults);
    let sample = file.flag("sample", faults).unwrap_or(false);
    let collector = collector::collector(file, faults, warnings);
    let zone = file.required_parsed("zone", "the zone of logs that write none", faults, zone);
    let state_dir = PathBuf::from(file.text("state_dir", faults).unwrap_or(STATE_DIR_DEFAULT));
    let spool = spool(file, &state_dir, faults);
    let intervals = intervals(file, faults);
    let clusters = clusters(file, faults, warnings);
    let probes = probes(file, faults);
    let logs = logs(file, zone.as_ref().unwrap_or(&TimeZone::UTC), faults);
    let zone = zone?;
    Some(Settings {
        names,
        sample,
        zone,
        state_dir,
        collector,
        spool,
        intervals,
        logs,
        clusters,
        probes,
    })
}

fn names(file: &Section, faults: &mut Faults) -> Names {
    Names { site_id: file.parsed("site", faults, id), agent_id: file.parsed("agent", faults, id) }
}

fn spool(file: &Section, state_dir: &Path, faults: &mut Faults) -> SpoolSettings {
    let section = file.table("spool", SPOOL_KEYS, faults);
    let (mut bytes_max, mut grace_days) = (None, None);
    if let Some(section) = section {
        bytes_max = bytes(&section, "bytes_max", SPOOL_BYTES_ALLOWED, faults);
        grace_days = section.number("grace_days", 0..=365, faults);
    }
    SpoolSettings {
        dir: state_dir.join("spool"),
        bytes_max: bytes_max.unwrap_or(SPOOL_BYTES_DEFAULT),
        grace: Duration::from_secs(grace_days.unwrap_or(GRACE_DEFAULT_DAYS) * 86_400),
    }
}

fn intervals(file: &Section, faults: &mut Faults) -> Intervals {
    let section = file.table("interval", INTERVAL_KEYS, faults);
    let mut seconds = |key, most, default| {
        let typed = section.as_ref().and_then(|section| section.number(key, 1..=most, faults));
        Duration::from_secs(typed.unwrap_or(default))
    };
    Intervals {
        sample: seconds("sample_s", 60, 15),
        batch: seconds("batch_s", 3_600, 60),
        database: seconds("database_s", 3_600, 60),
    }
}

fn logs(file: &Section, zone: &TimeZone, faults: &mut Faults) -> Vec<LogSettings> {
    let mut logs: Vec<LogSettings> = Vec::new();
    for section in file.tables("log", LOGS_MAX, LOG_KEYS, faults) {
        let Some(log) = log(&section, zone, faults) else { continue };
        if logs.iter().any(|other| other.key == log.key) {
            faults.add(section.at_key("key"), twice("log", &log.key));
        }
        if let Some(cluster) = &log.format.cluster
            && let Some(other) = logs.iter().find(|other| writes(other, cluster))
        {
            faults.add(
                section.at_key("cluster"),
                format!(
                    "log.cluster = \"{cluster}\": [[log]] \"{}\" is of this cluster already; a \
                     cluster's log counts from one [[log]] only, or each error would count twice",
                    other.key
                ),
            );
        }
        logs.push(log);
    }
    logs
}

fn writes(log: &LogSettings, key: &SourceKey) -> bool {
    log.format.cluster.as_ref() == Some(key)
}

fn log(section: &Section, default: &TimeZone, faults: &mut Faults) -> Option<LogSettings> {
    let key = section.required_parsed("key", "a short name of this log", faults, key);
    let path = section.required("path", "the file to follow", faults).map(PathBuf::from);
    let format = format(section, faults);
    let zone = section.parsed("zone", faults, zone).unwrap_or_else(|| default.clone());
    let start = section.parsed("start", faults, start).unwrap_or_default();
    let encoding = section.parsed("encoding", faults, encoding).unwrap_or_default();
    Some(LogSettings { key: key?, path: path?, format: format?, zone, start, encoding })
}

fn format(section: &Section, faults: &mut Faults) -> Option<LogFormat> {
    let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    let allowed = format!("allowed are {}", names.join(", "));
    let word = section.required("format", &allowed, faults)?;
    let Some(format) = Format::named(word) else {
        faults.add(section.at_key("format"), format!("log.format = {word:?}: {allowed}"));
        return None;
    };
    let layout_key = format.layout.map(layout_key);
    let unused = |key: &&str| Some(*key) != layout_key && (*key != "cluster" || !format.of_cluster);
    for key in ["cluster", "prefix", "pattern"].iter().filter(|key| section.has(key) && unused(key))
    {
        let path = section.path(key);
        faults.add(section.at_key(key), format!("{path}: not for format {word:?}"));
    }
    let cluster = if format.of_cluster {
        let why = "the cluster that writes this log; the key of its [[postgres]] where it has one";
        Some(section.required_parsed("cluster", why, faults, key)?)
    } else {
        None
    };
    let layout =
        layout_key.and_then(|key| section.parsed(key, faults, |text| checked(format, text)));
    Some(LogFormat { format, cluster, layout })
}

fn checked(format: &Format, layout: &str) -> Result<String, String> {
    format.check(layout).map(|()| layout.to_owned())
}

fn layout_key(kind: LayoutKind) -> &'static str {
    match kind {
        LayoutKind::Prefix => "prefix",
        LayoutKind::Pattern => "pattern",
    }
}

fn clusters(
    file: &Section,
    faults: &mut Faults,
    warnings: &mut Vec<String>,
) -> Vec<ClusterSettings> {
    let mut clusters: Vec<ClusterSettings> = Vec::new();
    for section in file.tables("postgres", CLUSTERS_MAX, CLUSTER_KEYS, faults) {
        let Some(cluster) = cluster(&section, faults, warnings) else { continue };
        if clusters.iter().any(|other| other.key == cluster.key) {
            faults.add(section.at_key("key"), twice("postgres", &cluster.key));
        }
        clusters.push(cluster);
    }
    clusters
}

fn cluster(
    section: &Section,
    faults: &mut Faults,
    warnings: &mut Vec<String>,
) -> Option<ClusterSettings> {
    let key = section.required_parsed("key", "a short name of this cluster", faults, key);
    let host = section.required("host", "an address, or the folder of its socket", faults);
    let user = section.required("user", "a role that may only read (GRANT pg_monitor)", faults);
    let database = section.required("database", "the database to connect to", faults);
    let port = section.number("port", 1..=65_535, faults).unwrap_or(5_432) as u16;
    let password =
        section.parsed("password_file", faults, |path| password("postgres", path, warnings));
    let databases = section.texts("databases", faults);
    if databases.len() > DATABASES_MAX {
        let at = section.at_key("databases");
        faults.add(at, format!("postgres.databases: at most {DATABASES_MAX} names are allowed"));
    }
    let accounts = accounts(section, database, faults);
    let mut connection = tokio_postgres::Config::new();
    connection.host(host?).port(port).user(user?).dbname(database?);
    if let Some(password) = password {
        connection.password(password);
    }
    Some(ClusterSettings { key: key?, connection, databases, accounts })
}

fn accounts(
    section: &Section,
    database: Option<&str>,
    faults: &mut Faults,
) -> Option<(String, String)> {
    let sql = section.text("accounts_sql", faults).map(|sql| sql.trim().trim_end_matches(';'));
    let within = section.text("accounts_database", faults);
    if sql.is_none() && section.has("accounts_database") {
        let at = section.at_key("accounts_database");
        faults.add(at, "postgres.accounts_database: needs accounts_sql beside it");
    }
    if sql.is_some_and(str::is_empty) {
        let at = section.at_key("accounts_sql");
        faults.add(at, "postgres.accounts_sql is empty; leave it out, or count accounts with it");
    }
    Some((sql?.to_owned(), within.or(database)?.to_owned()))
}

fn probes(file: &Section, faults: &mut Faults) -> Vec<ProbeSettings> {
    let mut probes: Vec<ProbeSettings> = Vec::new();
    for section in file.tables("probe", PROBES_MAX, PROBE_KEYS, faults) {
        let Some(probe) = probe(&section, faults) else { continue };
        if probes.iter().any(|other| other.url == probe.url) {
            faults.add(section.at_key("url"), twice("probe", &probe.url));
        }
        probes.push(probe);
    }
    probes
}

fn probe(section: &Section, faults: &mut Faults) -> Option<ProbeSettings> {
    let target = section.parsed("target", faults, target).unwrap_or(Target::Application);
    let url = url(section, faults);
    let expect_text = section.text("expect_text", faults).filter(|text| !text.is_empty());
    let expect_status = section.parsed("expect_status", faults, statuses).unwrap_or(200..=399);
    let timeout_ms = section.number("timeout_ms", 100..=60_000, faults).unwrap_or(10_000);
    let slow_ms = section.number("slow_ms", 1..=60_000, faults);
    if slow_ms.is_some_and(|slow| slow > timeout_ms) {
        let at = section.at_key("slow_ms");
        faults.add(at, format!("probe.slow_ms: must not be above timeout_ms ({timeout_ms})"));
    }
    Some(ProbeSettings {
        target,
        url: url?,
        expect_text: expect_text.map(str::to_owned),
        expect_status,
        timeout: Duration::from_millis(timeout_ms),
        slow: Duration::from_millis(slow_ms.unwrap_or(timeout_ms / 2)),
    })
}

fn twice(table: &str, name: &str) -> String {
    format!("[[{table}]] \"{name}\" stands twice; each needs one of its own")
}

fn id(text: &str) -> Result<String, String> {
    if limits::is_id(text) {
        return Ok(text.to_owned());
    }
    Err(format!("1 to {} of a-z, 0-9 and - are allowed", limits::ID_BYTES_MAX))
}

fn key(text: &str) -> Result<SourceKey, String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    if (1..=KEY_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.into());
    }
    Err(format!("1 to {KEY_CHARS_MAX} of a-z, 0-9, - and _ are allowed"))
}

fn zone(text: &str) -> Result<TimeZone, &'static str> {
    TimeZone::get(text).map_err(
        |_| "not a known zone; use Asia/Jakarta (WIB), Asia/Makassar (WITA) or Asia/Jayapura (WIT)",
    )
}

fn start(text: &str) -> Result<Start, &'static str> {
    match text {
        "month" => Ok(Start::Month),
        "beginning" => Ok(Start::Beginning),
        "end" => Ok(Start::End),
        _ => Err("allowed are month (the first of this month), beginning and end"),
    }
}

fn encoding(text: &str) -> Result<Encoding, &'static str> {
    match text {
        "utf-8" => Ok(Encoding::Utf8),
        "latin-1" => Ok(Encoding::Latin1),
        "windows-1252" => Ok(Encoding::Windows1252),
        _ => Err("allowed are utf-8, latin-1 and windows-1252"),
    }
}

fn target(text: &str) -> Result<Target, &'static str> {
    match text {
        "application" => Ok(Target::Application),
        _ => Err("allowed is application; the public address (edge) is probed by the collector, \
                  the database and the server are watched without a probe"),
    }
}

/// An address with a password in it is refused without being quoted.
fn url(section: &Section, faults: &mut Faults) -> Option<String> {
    let text = section.required("url", "the address to ask", faults)?;
    let parsed = reqwest::Url::parse(text);
    if parsed.as_ref().is_ok_and(|url| !url.username().is_empty() || url.password().is_some()) {
        faults.add(section.at_key("url"), "probe.url: a user or a password in it is not allowed");
        return None;
    }
    section.parsed("url", faults, |text| match parsed {
        Err(error) => Err(format!("{error}; write e.g. http://127.0.0.1:9009/eproc4")),
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text.to_owned()),
        Ok(_) => Err("begin it with http:// or https://".to_owned()),
    })
}

fn statuses(text: &str) -> Result<RangeInclusive<u16>, &'static str> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| text.trim().parse().ok().filter(|n| (100..=599).contains(n));
    match (status(first), status(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err("write one status or a range within 100-599, e.g. \"200-399\""),
    }
}

/// A number of bytes, plain or with a unit.
pub(super) fn bytes(
    section: &Section,
    key: &str,
    allowed: RangeInclusive<u64>,
    faults: &mut Faults,
) -> Option<u64> {
    if !section.is_text(key) {
        return section.number(key, allowed, faults);
    }
    section.parsed(key, faults, |text| {
        let bytes = with_unit(text).filter(|bytes| allowed.contains(bytes));
        bytes.ok_or_else(|| {
            let (least, most) = allowed.into_inner();
            format!(
                "write {least} to {most}, or e.g. \"64MiB\" (units: KiB, MiB, GiB, TiB, kB, MB, GB)"
            )
        })
    })
}

/// `64MiB`, `1 GiB`, `500MB` or plain bytes.
fn with_unit(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Reads a password and warns when others on the machine can read it too.
pub(super) fn password(
    table: &str,
    path: &str,
    warnings: &mut Vec<String>,
) -> Result<String, String> {
    let unreadable = |error| format!("cannot be read ({error}); let the agent's user read it");
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        warnings.push(format!(
            "{table}.password_file {path} can be read by others (mode {:04o}); do: chmod 600 {path}",
            mode & 0o7777
        ));
    }
    let mut text = String::new();
    file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("the file is empty; write the password into it".to_owned()),
        password => Ok(password.to_owned()),
    }
}
