//! The reference server: host values each 15 s, 4 logs with together 100 lines a second by day and 10 by
//! night, in a minute 50 active queries of 400 with 50 calls each and 5 active errors of 60. By night the
//! lines leave room for a tenth of the calls, and for one error.

use std::{collections::BTreeMap, sync::Arc};

use pantau_agent::{
    domain::{
        DatabaseSample, DiskSample, Entry, ErrorEvent, ErrorGroup, Event, EventTime, Fate,
        FileIdentity, HostSample, InterfaceSample, LiveState, Origin, QueryEvent, QueryGroup,
        QuerySource, Severity, SourcePosition, SourceProgress,
    },
    window::Window,
};

use crate::torture::Dice;

/// Between two samples of the host.
pub const SAMPLE_INTERVAL_MS: i64 = 15_000;
const MINUTE_MS: i64 = 60_000;
const QUERIES: usize = 400;
const QUERIES_ACTIVE: usize = 50;
const ERRORS: usize = 60;
/// Occurrences of an active error in a minute at most.
const OCCURRENCES_MAX: u64 = 3;
/// Hours that are day at the server: twelve from 07:00 on, whose zone is seven hours ahead of UTC.
const DAY_HOURS_UTC: std::ops::Range<i64> = 0..12;
/// Bytes of a line on average: how fast positions move.
const LINE_BYTES: u64 = 110;
const LOGS: [&str; 4] = ["postgres", "spse", "keluaran", "akses"];
const GB: u64 = 1 << 30;

/// What was counted, by fingerprint as people see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    errors: BTreeMap<String, u64>,
    /// Calls and their time.
    queries: BTreeMap<String, (u64, u64)>,
}

impl Totals {
    /// Adds occurrences of an error.
    pub fn add_errors(&mut self, fingerprint: &str, count: u64) {
        *self.errors.entry(fingerprint.to_owned()).or_default() += count;
    }

    /// Adds calls of a query.
    pub fn add_calls(&mut self, fingerprint: &str, calls: u64, total_us: u64) {
        let sum = self.queries.entry(fingerprint.to_owned()).or_default();
        *sum = (sum.0 + calls, sum.1 + total_us);
    }

    /// Occurrences of all errors.
    pub fn errors(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Calls of all queries.
    pub fn calls(&self) -> u64 {
        self.queries.values().map(|(calls, _)| calls).sum()
    }
}

/// What happens in a minute.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Of each active query.
    calls: usize,
    /// Active errors.
    errors: usize,
    /// Lines of all logs.
    lines: u64,
}

impl Load {
    /// By day.
    pub const DAY: Load = Load { calls: 50, errors: 5, lines: 6_000 };
    const NIGHT: Load = Load { calls: 5, errors: 1, lines: 600 };
    /// Of a server that nobody uses.
    pub const IDLE: Load = Load { calls: 0, errors: 0, lines: 0 };

    /// Of the reference server in the minute that begins then.
    pub fn at(begin_ms: i64) -> Load {
        match DAY_HOURS_UTC.contains(&begin_ms.div_euclid(3_600_000).rem_euclid(24)) {
            true => Load::DAY,
            false => Load::NIGHT,
        }
    }
}

/// See the module.
pub struct Server {
    dice: Dice,
    queries: Vec<Arc<QueryGroup>>,
    errors: Vec<Arc<ErrorGroup>>,
    /// Read position of each log.
    offsets: [u64; LOGS.len()],
    host: HostSample,
    database: DatabaseSample,
    called: Vec<(u64, u64)>,
    occurred: Vec<u64>,
}

impl Server {
    /// One that does the same for the same seed.
    pub fn new(seed: u64) -> Server {
        Server {
            dice: Dice::new(seed),
            queries: (0..QUERIES).map(query).collect(),
            errors: (0..ERRORS).map(error).collect(),
            offsets: [0; LOGS.len()],
            host: host(),
            database: database(),
            called: vec![(0, 0); QUERIES],
            occurred: vec![0; ERRORS],
        }
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (group, (calls, total_us)) in self.queries.iter().zip(&self.called) {
            if *calls > 0 {
                totals.add_calls(&name(group.fingerprint), *calls, *total_us);
            }
        }
        for (group, count) in self.errors.iter().zip(&self.occurred) {
            if *count > 0 {
                totals.add_errors(&name(group.fingerprint), *count);
            }
        }
        totals
    }

    /// One minute of its life.
    pub fn minute(&mut self, window: &mut Window, begin_ms: i64, load: Load) {
        let end_ms = begin_ms + MINUTE_MS - 1;
        self.logs(window, begin_ms, load);
        for sample in 0..MINUTE_MS / SAMPLE_INTERVAL_MS {
            self.stir_host();
            window.add_host(&self.host, begin_ms + sample * SAMPLE_INTERVAL_MS);
        }
        self.stir_database(load.calls as u64);
        window.add_databases(vec![self.database.clone()], end_ms);
    }

    /// What a heartbeat says of it.
    pub fn live(&self, at_ms: i64) -> LiveState {
        LiveState {
            at_ms,
            host: Some(self.host.clone()),
            databases: vec![self.database.clone()],
            traffic: Some((1 << 20, 1 << 17)),
            ..LiveState::default()
        }
    }

    fn logs(&mut self, window: &mut Window, begin_ms: i64, load: Load) {
        if load.lines == 0 {
            return;
        }
        let end_ms = begin_ms + MINUTE_MS - 1;
        let (queries, errors) =
            (self.calls(begin_ms, load.calls), self.failures(begin_ms, load.errors));
        self.log(window, 0, queries, end_ms);
        self.log(window, 1, errors, end_ms);
        for log in 0..LOGS.len() {
            let ignored = entry(load.lines / LOGS.len() as u64, end_ms, None);
            self.log(window, log, vec![ignored], end_ms);
        }
    }

    fn calls(&mut self, begin_ms: i64, calls: usize) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(QUERIES_ACTIVE * calls);
        for place in self.some(QUERIES_ACTIVE, QUERIES) {
            for _ in 0..calls {
                let duration_us = self.duration_us(place);
                let called = &mut self.called[place];
                *called = (called.0 + 1, called.1 + duration_us);
                let event = Event::Query(QueryEvent {
                    group: self.queries[place].clone(),
                    duration_us,
                    application: "".into(),
                });
                let at_ms = begin_ms + self.dice.between(0, 59_999) as i64;
                entries.push(entry(1, at_ms, Some(event)));
            }
        }
        entries
    }

    fn failures(&mut self, begin_ms: i64, active: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        for place in self.some(active, ERRORS) {
            for _ in 0..self.dice.between(1, OCCURRENCES_MAX) {
                self.occurred[place] += 1;
                let group = self.errors[place].clone();
                let exemplar = self.exemplar(&group);
                let event = Event::Error(ErrorEvent {
                    group,
                    exemplar,
                    error_ids: vec![],
                    statement: None,
                });
                let at_ms = begin_ms + self.dice.between(0, 59_999) as i64;
                entries.push(entry(12, at_ms, Some(event)));
            }
        }
        entries
    }

    /// Counts entries of a log and moves its position.
    fn log(&mut self, window: &mut Window, log: usize, mut entries: Vec<Entry>, now_ms: i64) {
        let place = position(log, self.offsets[log]);
        for entry in &mut entries {
            self.offsets[log] += entry.lines * LINE_BYTES;
            entry.end = self.offsets[log];
        }
        window.count(&place, entries, now_ms);
    }

    /// Different places out of many; the first ones come more often, as in life.
    fn some(&mut self, count: usize, of: usize) -> Vec<usize> {
        let mut chosen = std::collections::BTreeSet::new();
        while chosen.len() < count {
            let roll = self.dice.between(0, of as u64 - 1);
            let other = self.dice.between(0, of as u64 - 1);
            chosen.insert(roll.min(other) as usize);
        }
        chosen.into_iter().collect()
    }

    /// From fractions of a millisecond to seconds, mostly near what is usual for the query.
    fn duration_us(&mut self, query: usize) -> u64 {
        let usual = 150 << (query % 9);
        let spread: u64 = (0..4).map(|_| self.dice.between(50, 150)).sum();
        let slow = if self.dice.chance(1, 40) { self.dice.between(3, 20) } else { 1 };
        usual * spread / 400 * slow
    }

    /// Some eight hundred bytes, as a redacted trace or statement has; no two are the same.
    fn exemplar(&mut self, group: &ErrorGroup) -> String {
        let mut text = group.template.clone();
        while text.len() < 800 {
            let line = self.dice.between(10, 900);
            let class = self.dice.between(0, 300);
            text.push_str(&format!(
                "\n\tat controllers.lelang.Kelas{class}.proses(Kelas.java:{line})"
            ));
        }
        text
    }

    fn stir_host(&mut self) {
        let host = &mut self.host;
        host.cpu_permille = self.dice.between(20, 700) as u32;
        host.cpu_max_permille = host.cpu_permille + self.dice.between(0, 300) as u32;
        host.load1_centi = self.dice.between(10, 800) as u32;
        host.memory_available_bytes = 6 * GB + self.dice.between(0, 4 * GB);
        host.uptime_s += 15;
        for disk in &mut host.disks {
            disk.free_bytes -= self.dice.between(0, 8) * 4_096;
            disk.read_bytes += self.dice.between(0, 900_000);
            disk.written_bytes += self.dice.between(0, 4_000_000);
        }
        for interface in &mut host.interfaces {
            interface.received_bytes += self.dice.between(10_000, 9_000_000);
            interface.sent_bytes += self.dice.between(10_000, 20_000_000);
            interface.received_peak_bytes_per_s = self.dice.between(10_000, 2_000_000);
            interface.sent_peak_bytes_per_s = self.dice.between(10_000, 4_000_000);
        }
    }

    fn stir_database(&mut self, calls: u64) {
        let database = &mut self.database;
        database.commits += self.dice.between(40 * calls, 60 * calls + 5);
        database.rollbacks = database.commits / 400;
        database.size_bytes = Some(40 * GB + database.commits * 300);
        database.connections = self.dice.between(20, 60) as u32;
        database.connections_active = self.dice.between(0, 9) as u32;
    }
}

fn database() -> DatabaseSample {
    DatabaseSample {
        cluster: "utama".to_owned(),
        database: "epns_prod".to_owned(),
        connections_max: 200,
        stats_reset_ms: 1,
        ..DatabaseSample::default()
    }
}

/// What is known of the logs before the first minute.
pub fn progress() -> Vec<SourceProgress> {
    let known = |log: usize| SourceProgress {
        source: LOGS[log].into(),
        not_before_ms: None,
        files: vec![position(log, 0)],
    };
    (0..LOGS.len()).map(known).collect()
}

fn position(log: usize, offset: u64) -> SourcePosition {
    let identity =
        FileIdentity { device: 1, inode: 77 + log as u64, head_hash: 9, head_bytes: 256 };
    SourcePosition {
        source: LOGS[log].to_owned(),
        path: format!("/var/log/{}.log", LOGS[log]),
        identity,
        offset,
        ..SourcePosition::default()
    }
}

fn entry(lines: u64, at_ms: i64, event: Option<Event>) -> Entry {
    let fate = if event.is_some() { Fate::Counted } else { Fate::Ignored("below warning") };
    Entry { lines, end: 0, at: Some(EventTime { ms: at_ms, estimated: false }), fate, event }
}

fn query(n: usize) -> Arc<QueryGroup> {
    let columns: String = (0..6 + n % 9).map(|c| format!("t.kolom_{n}_{c}, ")).collect();
    Arc::new(QueryGroup {
        fingerprint: fingerprint(n as u64),
        source: QuerySource::Log,
        template: format!(
            "select {columns}t.id from tabel_{n} t join paket p on p.pkt_id = t.pkt_id \
             where t.lls_id = ? and p.pkt_status = ? order by t.id limit ?"
        ),
        database: "utama/epns_prod".to_owned(),
    })
}

fn error(n: usize) -> Arc<ErrorGroup> {
    Arc::new(ErrorGroup {
        fingerprint: fingerprint(1_000_000 + n as u64),
        origin: Origin::Application,
        severity: Severity::Error,
        class: "application.bug",
        sqlstate: String::new(),
        template: format!(
            "java.lang.IllegalStateException at controllers.lelang.Kelas{n}.proses: tahap <n> tidak \
             sesuai jadwal"
        ),
        failed_transaction: false,
        cause: None,
    })
}

fn host() -> HostSample {
    let disk = |mount: &str| DiskSample {
        mount: mount.to_owned(),
        file_system: "ext4".to_owned(),
        total_bytes: 500 * GB,
        free_bytes: 200 * GB,
        inodes_total: 32_000_000,
        inodes_free: 30_000_000,
        ..DiskSample::default()
    };
    let interface = |name: &str| InterfaceSample { name: name.to_owned(), ..Default::default() };
    HostSample {
        memory_total_bytes: 16 * GB,
        swap_total_bytes: 4 * GB,
        disks: ["/", "/boot", "/home", "/var"].map(disk).into(),
        interfaces: ["eth0", "eth1"].map(interface).into(),
        ..HostSample::default()
    }
}

/// Spread as a hash is.
fn fingerprint(n: u64) -> u64 {
    Dice::new(n).roll()
}

/// As the command line shows it.
fn name(fingerprint: u64) -> String {
    format!("{fingerprint:016x}")
}
