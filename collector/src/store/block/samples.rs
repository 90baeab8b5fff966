//! Samples of a server in one hour, by minute: the host, its disks, its interfaces, its databases.
//!
//! A row of figures per minute; each figure says how two samples of one minute (a restart of the agent)
//! become one. Both rules give the same result in any order and however often, so that the order in
//! which batches are folded does not matter.

use std::collections::BTreeMap;

use crate::{
    domain::batch::{DatabaseSample, DiskSample, HostSample, InterfaceSample},
    store::value::{clean, raw},
};

/// Most disks, interfaces or databases of one server that are kept for an hour; a server has a handful.
const SUBJECTS_MAX: usize = 256;

/// A figure that was not measured in that minute.
pub(in crate::store) const NOT_MEASURED: i64 = -1;

/// What a row of figures belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Kind {
    /// No labels; figures [`host`].
    Host,
    /// Labels: mount point, type of file system; figures [`disk`].
    Disk,
    /// Label: name; figures [`interface`].
    Interface,
    /// Labels: cluster, database; figures [`database`].
    Database,
}

/// Which of two samples of one minute counts.
#[derive(Clone, Copy)]
enum Keep {
    Highest,
    Lowest,
}
use Keep::{Highest, Lowest};

/// Positions of the figures of the host.
pub(in crate::store) mod host {
    pub(in crate::store) const CPU_PERMILLE: usize = 0;
    pub(in crate::store) const CPU_MAX_PERMILLE: usize = 1;
    pub(in crate::store) const MEMORY_TOTAL: usize = 3;
    pub(in crate::store) const MEMORY_AVAILABLE: usize = 4;
    pub(in crate::store) const SWAP_TOTAL: usize = 5;
    pub(in crate::store) const SWAP_USED: usize = 6;
}
const HOST: [Keep; 8] = [Highest, Highest, Highest, Highest, Lowest, Highest, Highest, Highest];

fn host_row(host: &HostSample) -> [i64; 8] {
    [
        i64::from(host.cpu_permille),
        i64::from(host.cpu_max_permille),
        i64::from(host.load1_centi),
        raw(host.memory_total_bytes),
        raw(host.memory_available_bytes),
        raw(host.swap_total_bytes),
        raw(host.swap_used_bytes),
        i64::from(host.uptime_s),
    ]
}

/// Positions of the figures of a disk.
pub(in crate::store) mod disk {
    pub(in crate::store) const TOTAL: usize = 0;
    pub(in crate::store) const FREE: usize = 1;
}
const DISK: [Keep; 6] = [Highest, Lowest, Highest, Lowest, Highest, Highest];

fn disk_row(disk: &DiskSample) -> [i64; 6] {
    [
        raw(disk.total_bytes),
        raw(disk.free_bytes),
        raw(disk.inodes_total),
        raw(disk.inodes_free),
        raw(disk.read_bytes),
        raw(disk.written_bytes),
    ]
}

/// Positions of the figures of an interface.
pub(in crate::store) mod interface {
    pub(in crate::store) const RECEIVED: usize = 0;
    pub(in crate::store) const SENT: usize = 1;
    pub(in crate::store) const RECEIVED_PEAK: usize = 4;
    pub(in crate::store) const SENT_PEAK: usize = 5;
    /// 1 when it is the outside interface.
    pub(in crate::store) const OUTSIDE: usize = 6;
}
const INTERFACE: [Keep; 7] = [Highest; 7];

fn interface_row(interface: &InterfaceSample) -> [i64; 7] {
    [
        raw(interface.received_bytes),
        raw(interface.sent_bytes),
        raw(interface.received_errors),
        raw(interface.sent_errors),
        raw(interface.received_peak_bytes_per_s),
        raw(interface.sent_peak_bytes_per_s),
        i64::from(interface.outside),
    ]
}

/// Positions of the figures of a database.
pub(in crate::store) mod database {
    pub(in crate::store) const SIZE: usize = 0;
    pub(in crate::store) const COMMITS: usize = 1;
    pub(in crate::store) const ROLLBACKS: usize = 2;
    pub(in crate::store) const DEADLOCKS: usize = 3;
    pub(in crate::store) const RESET_MS: usize = 4;
    pub(in crate::store) const CONNECTIONS: usize = 5;
    pub(in crate::store) const CONNECTIONS_MAX: usize = 6;
    pub(in crate::store) const ACCOUNTS: usize = 8;
}
const DATABASE: [Keep; 9] = [Highest; 9];

fn database_row(sample: &DatabaseSample) -> [i64; 9] {
    [
        sample.size_bytes.map_or(NOT_MEASURED, raw),
        raw(sample.commits),
        raw(sample.rollbacks),
        raw(sample.deadlocks),
        sample.stats_reset_ms,
        i64::from(sample.connections),
        i64::from(sample.connections_max),
        i64::from(sample.connections_active),
        sample.accounts.map_or(NOT_MEASURED, raw),
    ]
}

impl Kind {
    fn figures(self) -> &'static [Keep] {
        match self {
            Kind::Host => &HOST,
            Kind::Disk => &DISK,
            Kind::Interface => &INTERFACE,
            Kind::Database => &DATABASE,
        }
    }

    const ALL: [Kind; 4] = [Kind::Host, Kind::Disk, Kind::Interface, Kind::Database];

    /// Number in the stored form.
    fn number(self) -> u32 {
        match self {
            Kind::Host => 1,
            Kind::Disk => 2,
            Kind::Interface => 3,
            Kind::Database => 4,
        }
    }
}

/// One figure of a row; 0 when the row was written before the figure existed.
pub(in crate::store) fn figure(row: &[i64], position: usize) -> i64 {
    row.get(position).copied().unwrap_or(0)
}

/// Rows of one subject, by minute of the hour.
pub(in crate::store) type Rows = BTreeMap<u8, Vec<i64>>;

/// All samples of a server in one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Samples {
    subjects: BTreeMap<(Kind, Vec<String>), Rows>,
}

impl Samples {
    /// Whether nothing was sampled.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Adds what the host measured in a minute (0-59).
    pub(in crate::store) fn add_host(&mut self, minute: u8, sample: &HostSample) {
        self.add(Kind::Host, &[], minute, &host_row(sample));
        for one in &sample.disks {
            self.add(Kind::Disk, &[&one.mount, &one.file_system], minute, &disk_row(one));
        }
        for one in &sample.interfaces {
            self.add(Kind::Interface, &[&one.name], minute, &interface_row(one));
        }
    }

    /// Adds what was measured of a database in a minute (0-59).
    pub(in crate::store) fn add_database(&mut self, minute: u8, sample: &DatabaseSample) {
        let labels = [sample.cluster.as_str(), &sample.database];
        self.add(Kind::Database, &labels, minute, &database_row(sample));
    }

    /// Adds all samples of `other`.
    pub(in crate::store) fn merge(&mut self, other: &Samples) {
        for ((kind, labels), rows) in &other.subjects {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            for (minute, row) in rows {
                self.add(*kind, &labels, *minute, row);
            }
        }
    }

    /// Subjects of a kind: labels and rows, ascending.
    pub(in crate::store) fn of(&self, kind: Kind) -> impl Iterator<Item = (&[String], &Rows)> {
        self.subjects
            .iter()
            .filter(move |((k, _), _)| *k == kind)
            .map(|((_, labels), rows)| (labels.as_slice(), rows))
    }

    /// The host's own rows.
    pub(in crate::store) fn host(&self) -> Option<&Rows> {
        self.of(Kind::Host).map(|(_, rows)| rows).next()
    }

    fn add(&mut self, kind: Kind, labels: &[&str], minute: u8, row: &[i64]) {
        let subject = (kind, labels.iter().map(|label| clean(label).into_owned()).collect());
        if self.subjects.len() >= SUBJECTS_MAX && !self.subjects.contains_key(&subject) {
            tracing::warn!(
                ?subject,
                "more than {SUBJECTS_MAX} disks, interfaces and databases of one server in an hour: this one is not kept; report it, a server has a handful"
            );
            return;
        }
        let kept = self.subjects.entry(subject).or_default().entry(minute).or_default();
        combine(kept, row, kind.figures());
    }

    /// As a block's bytes.
    pub(in crate::store) fn pack(&self) -> Result<Vec<u8>, String> {
        let series = self.subjects.iter().map(|((kind, labels), rows)| {
            let columns = (0..kind.figures().len()).map(|position| column(rows, position));
            wire::Series {
                kind: kind.number(),
                labels: labels.clone(),
                minutes: rows.keys().map(|minute| u32::from(*minute)).collect(),
                columns: columns.collect(),
            }
        });
        super::pack(&wire::Block { series: series.collect() })
    }

    /// Back from a block's bytes.
    pub(in crate::store) fn unpack(bytes: &[u8]) -> Result<Samples, String> {
        let block: wire::Block = super::unpack(bytes)?;
        let mut samples = Samples::default();
        for series in block.series {
            let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.number() == series.kind) else {
                continue;
            };
            let rows = rows_of(&series)?;
            samples.subjects.insert((kind, series.labels), rows);
        }
        Ok(samples)
    }
}

fn combine(kept: &mut Vec<i64>, row: &[i64], figures: &[Keep]) {
    for (position, (value, keep)) in row.iter().zip(figures).enumerate() {
        match (kept.get_mut(position), keep) {
            (Some(old), Keep::Highest) => *old = (*old).max(*value),
            (Some(old), Keep::Lowest) => *old = (*old).min(*value),
            (None, _) => kept.push(*value),
        }
    }
}

/// One figure of all minutes, as differences.
fn column(rows: &Rows, position: usize) -> wire::Column {
    let mut before = 0i64;
    let deltas = rows.values().map(|row| {
        let value = figure(row, position);
        let delta = value.wrapping_sub(before);
        before = value;
        delta
    });
    wire::Column { deltas: deltas.collect() }
}

fn rows_of(series: &wire::Series) -> Result<Rows, String> {
    let mut rows = Rows::new();
    let mut before = vec![0i64; series.columns.len()];
    for (n, minute) in series.minutes.iter().enumerate() {
        for (value, column) in before.iter_mut().zip(&series.columns) {
            *value = value.wrapping_add(column.deltas.get(n).copied().unwrap_or(0));
        }
        let minute = u8::try_from(*minute).ok().filter(|m| *m < 60);
        rows.insert(minute.ok_or("a minute beyond the hour")?, before.clone());
    }
    Ok(rows)
}

/// The stored form.
pub(in crate::store) mod wire {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(in crate::store) struct Block {
        #[prost(message, repeated, tag = "1")]
        pub(super) series: Vec<Series>,
    }

    /// One subject: a column per figure, each parallel to `minutes`.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Series {
        #[prost(uint32, tag = "1")]
        pub(super) kind: u32,
        #[prost(string, repeated, tag = "2")]
        pub(super) labels: Vec<String>,
        #[prost(uint32, repeated, tag = "3")]
        pub(super) minutes: Vec<u32>,
        #[prost(message, repeated, tag = "4")]
        pub(super) columns: Vec<Column>,
    }

    /// Differences to the minute before.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Column {
        #[prost(sint64, repeated, tag = "1")]
        pub(super) deltas: Vec<i64>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference server: 4 disks, 2 interfaces, 2 databases.
    fn reference_minute(n: u64) -> (HostSample, Vec<DatabaseSample>) {
        let noise = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let disks = ["/", "/boot", "/var", "/home"].map(|mount| DiskSample {
            mount: mount.to_owned(),
            file_system: "xfs".to_owned(),
            total_bytes: 500 << 30,
            free_bytes: (200 << 30) - noise * 4_096,
            inodes_total: 1 << 26,
            inodes_free: (1 << 25) - n,
            read_bytes: n * 70_000 + noise,
            written_bytes: n * 900_000 + noise,
        });
        let interfaces = ["eth0", "eth1"].map(|name| InterfaceSample {
            name: name.to_owned(),
            received_bytes: n * 3_000_000 + noise,
            sent_bytes: n * 9_000_000 + noise * 3,
            received_peak_bytes_per_s: 90_000 + noise % 4_000,
            sent_peak_bytes_per_s: 300_000 + noise % 9_000,
            outside: name == "eth0",
            ..InterfaceSample::default()
        });
        let host = HostSample {
            cpu_permille: (noise % 700) as u32,
            cpu_max_permille: (noise % 900) as u32,
            load1_centi: (noise % 400) as u32,
            memory_total_bytes: 32 << 30,
            memory_available_bytes: (9 << 30) + noise * 4_096,
            disks: disks.to_vec(),
            interfaces: interfaces.to_vec(),
            uptime_s: 900_000 + n as u32 * 60,
            ..HostSample::default()
        };
        let databases = ["spse_prod", "epns"].map(|database| DatabaseSample {
            cluster: "utama".to_owned(),
            database: database.to_owned(),
            size_bytes: n.is_multiple_of(15).then_some((80 << 30) + n * 8_192),
            commits: n * 4_000 + noise % 900,
            rollbacks: n * 3,
            connections: 40,
            connections_max: 100,
            ..DatabaseSample::default()
        });
        (host, databases.to_vec())
    }

    fn reference_hour() -> Samples {
        let mut samples = Samples::default();
        for minute in 0..60u8 {
            let (host, databases) = reference_minute(u64::from(minute));
            samples.add_host(minute, &host);
            databases.iter().for_each(|one| samples.add_database(minute, one));
        }
        samples
    }

    #[test]
    fn an_hour_of_the_reference_server_survives_packing_within_its_budget() {
        let samples = reference_hour();
        let bytes = samples.pack().unwrap();
        assert_eq!(Samples::unpack(&bytes).unwrap(), samples);
        assert!(bytes.len() < 10 * 1024, "{} bytes", bytes.len());
        println!("host block of a reference hour: {} bytes", bytes.len());
    }

    #[test]
    fn two_samples_of_one_minute_become_one_in_either_order() {
        let (one, _) = reference_minute(3);
        let (two, _) = reference_minute(4);
        let (mut ab, mut ba) = (Samples::default(), Samples::default());
        ab.add_host(7, &one);
        ab.add_host(7, &two);
        ba.add_host(7, &two);
        ba.add_host(7, &one);
        assert_eq!(ab, ba);
        let again = ab.clone();
        ab.merge(&again);
        assert_eq!(ab, ba);
        let row = &ab.host().unwrap()[&7];
        let lowest = one.memory_available_bytes.min(two.memory_available_bytes);
        assert_eq!(figure(row, host::MEMORY_AVAILABLE), lowest as i64);
    }
}
