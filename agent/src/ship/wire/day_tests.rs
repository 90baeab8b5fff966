//! What the reference server's day takes on the wire: 50 of 400 queries active in a minute with 50 calls
//! each, 5 of 60 kinds of error, four logs, host, two databases and three watched targets; by night a
//! tenth of the calls of as many queries, and one error. Durations are lognormal (sigma 0.8) around a median of each query's own, active
//! queries are drawn anew each minute (which spreads durations over more sketches than habit would), half
//! of the errors are Java traces of 1.3 kB with an error id. Twelve hours of day, twelve of night, of
//! which three hours are made and the rest is taken as alike.

use std::sync::Arc;

use prost::Message;

use super::*;
use crate::{
    config::SpoolSettings,
    domain::{
        DatabaseSample, DiskSample, Entry, ErrorEvent, Event, EventTime, Fate, HostSample,
        InterfaceSample, LiveState, QueryEvent, SourcePosition, SourceProgress, TargetCheck,
    },
    ship::live::Told,
    spool::{Draft, Names, Resume, Spool},
    window::{
        Window,
        samples::{error_group, query_group},
    },
};

/// Around each message: gRPC (5), an HTTP/2 frame (9), a TLS record (22).
const FRAMING: usize = 36;
/// A connection: handshake with certificates of both sides, HTTP/2 settings, Hello and Welcome.
const CONNECTION: usize = 8_000;
const START_MS: i64 = 1_795_305_600_000;
const MINUTE_MS: i64 = 60_000;
const GIB: u64 = 1 << 30;

/// Bytes of one hour.
#[derive(Clone, Copy, Debug, Default)]
struct Hour {
    data: usize,
    exemplars: usize,
    state: usize,
    acks: usize,
    framing: usize,
}

impl Hour {
    fn sum(self) -> usize {
        self.data + self.exemplars + self.state + self.acks + self.framing
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.roll(1 << 20) as f64 / (1 << 20) as f64).sum::<f64>() - 6.0
    }
}

struct Server {
    dice: Dice,
    _dir: tempfile::TempDir,
    spool: Spool,
    window: Window,
    told: Told,
    host: HostSample,
    databases: Vec<DatabaseSample>,
    offsets: [u64; 4],
    now_ms: i64,
}

impl Server {
    fn new() -> Server {
        let dir = tempfile::tempdir().unwrap();
        let settings = SpoolSettings {
            dir: dir.path().to_owned(),
            bytes_max: 64 << 20,
            grace: std::time::Duration::from_secs(86_400),
        };
        let disk = |mount: &str| DiskSample {
            mount: mount.to_owned(),
            file_system: "xfs".to_owned(),
            total_bytes: 500 * GIB,
            free_bytes: 200 * GIB,
            inodes_total: 1 << 28,
            inodes_free: 1 << 27,
            read_bytes: 900 * GIB,
            written_bytes: 700 * GIB,
        };
        let interface = |name: &str| InterfaceSample {
            name: name.to_owned(),
            received_bytes: 400 * GIB,
            sent_bytes: 600 * GIB,
            ..Default::default()
        };
        let progress = |n: usize| SourceProgress {
            source: format!("log{n}").into(),
            not_before_ms: None,
            files: Vec::new(),
        };
        Server {
            dice: Dice(7),
            spool: Spool::open(&settings, condense, START_MS).unwrap().spool,
            _dir: dir,
            window: Window::new((0..4).map(progress).collect(), 15_000),
            told: Told::default(),
            host: HostSample {
                memory_total_bytes: 32 * GIB,
                memory_available_bytes: 12 * GIB,
                swap_total_bytes: 8 * GIB,
                disks: vec![disk("/"), disk("/home"), disk("/var/lib/pgsql")],
                interfaces: vec![interface("eth0"), interface("eth1")],
                ..Default::default()
            },
            databases: ["epns_prod", "postgres"]
                .map(|database| DatabaseSample {
                    cluster: "utama".to_owned(),
                    database: database.to_owned(),
                    size_bytes: Some(40 * GIB),
                    connections_max: 300,
                    commits: 900_000_000,
                    ..Default::default()
                })
                .into(),
            offsets: [0; 4],
            now_ms: START_MS,
        }
    }

    fn hour(&mut self, calls: u64, errors: u64) -> Hour {
        let mut hour = Hour::default();
        (0..60).for_each(|_| self.minute(calls, errors, &mut hour));
        hour
    }

    fn minute(&mut self, calls: u64, errors: u64, hour: &mut Hour) {
        self.log_lines(calls, errors);
        for quarter in 0..4 {
            self.sample(calls, self.now_ms + quarter * 15_000);
        }
        self.window.add_databases(self.databases.clone(), self.now_ms);
        self.now_ms += MINUTE_MS;
        let now_ms = self.now_ms;
        if self.window.is_quiet() && now_ms % (2 * MINUTE_MS) > 0 {
            // As the core does; a heartbeat goes at each half minute.
            self.beat(now_ms, hour);
            self.beat(now_ms + 30_000, hour);
            return;
        }
        let closed = self.window.content(now_ms);
        let draft = Draft {
            first_minute: closed.first_minute,
            last_minute: closed.last_minute,
            closed_ms: now_ms,
            resume: Resume { progress: closed.progress, open: closed.open },
        };
        let encode = |names: &mut Names| encode(&closed.content, now_ms, names);
        let seq = self.spool.append(&draft, encode, now_ms).unwrap();
        self.window.reset(now_ms);
        self.send(seq, hour);
        self.spool.add_stored(seq, seq);
    }

    /// The batch with the newest state, its acknowledgement, and the heartbeat until the next one.
    fn send(&mut self, seq: u64, hour: &mut Hour) {
        let stored = self.spool.to_send(seq).unwrap().unwrap();
        let (data, exemplars) = (stored.data.len(), stored.exemplars.len());
        let live = self.live(self.now_ms);
        let parts = self.told.due(&live);
        self.told.note(&live, parts);
        let sent = batch(stored, Some((&live, parts))).encoded_len();
        self.beat(self.now_ms + 30_000, hour);
        let stored = vec![v1::SeqRange { first: seq, last: seq }];
        let ack = v1::collector_message::Message::Ack(v1::Ack { stored, ..Default::default() });
        hour.data += data;
        hour.exemplars += exemplars;
        hour.state += sent - data - exemplars;
        hour.acks += v1::CollectorMessage { message: Some(ack) }.encoded_len();
        hour.framing += 2 * FRAMING;
    }

    fn beat(&mut self, at_ms: i64, hour: &mut Hour) {
        let live = self.live(at_ms);
        let parts = self.told.due(&live);
        self.told.note(&live, parts);
        hour.state += heartbeat(&live, parts).encoded_len();
        hour.framing += FRAMING;
    }

    fn log_lines(&mut self, calls: u64, errors: u64) {
        let queries: Vec<u64> = (0..50).map(|_| self.dice.roll(400)).collect();
        let mut entries = Vec::new();
        for query in queries {
            let mut group = query_group(query);
            let columns = ["psr_id", "lls_id", "rkn_id", "pkt_nama", "lls_status", "auditupdate"];
            Arc::make_mut(&mut group).template = format!(
                "select p.*, l.{} from ekontrak.peserta p join lelang_seleksi l using (lls_id) where p.{} = $1 and l.lls_tahap_{query} in ($2) order by p.{} limit $3",
                columns[query as usize % 6],
                columns[query as usize / 6 % 6],
                columns[query as usize / 36 % 6],
            );
            let median = 400.0 * 1.01_f64.powf((query * 7 % 500) as f64);
            for _ in 0..calls {
                let duration_us = (median * (0.8 * self.dice.normal()).exp()) as u64;
                entries.push(self.entry(Event::Query(QueryEvent {
                    group: group.clone(),
                    duration_us,
                    application: "".into(),
                })));
            }
        }
        for _ in 0..errors {
            let kind = self.dice.roll(60);
            let event = self.error(kind);
            entries.push(self.entry(event));
        }
        if calls == 0 {
            return;
        }
        let mut logs: [Vec<Entry>; 4] = Default::default();
        entries.into_iter().enumerate().for_each(|(at, entry)| logs[at % 4].push(entry));
        for (at, entries) in logs.into_iter().enumerate() {
            self.offsets[at] += 180 * 1_500 * calls / 50;
            let place = SourcePosition {
                source: format!("log{at}"),
                path: format!("/var/log/log{at}"),
                tail_hash: self.dice.roll(1 << 31) as u32,
                ..Default::default()
            };
            self.window.count(&place, entries, self.now_ms + 59_000);
        }
    }

    fn entry(&mut self, event: Event) -> Entry {
        Entry {
            lines: 2,
            end: self.offsets[0],
            at: Some(EventTime {
                ms: self.now_ms + self.dice.roll(60_000) as i64,
                estimated: false,
            }),
            fate: Fate::Counted,
            event: Some(event),
        }
    }

    fn error(&mut self, kind: u64) -> Event {
        let mut group = error_group(kind);
        let id = format!("@{:09x}", self.dice.roll(1 << 31));
        let message = format!("kind {kind} of error: value <value> violates constraint c{kind}_fk");
        Arc::make_mut(&mut group).template = message.clone();
        let frames = (0..14).map(|n| {
            format!(
                "\n\tat models.jcommon.Class{}.method{}(Class.java:{})",
                (kind * 7 + n) % 90,
                (kind + n) % 40,
                (kind * 31 + n * 17) % 900
            )
        });
        let is_java = kind.is_multiple_of(2);
        let exemplar = match is_java {
            true => format!("{id} Internal Server Error\n{message}{}", frames.collect::<String>()),
            false => format!(
                "ERROR: {message}\nDETAIL: Key (id)=(<value>) is not present\nSTATEMENT: insert into t{kind} values (<value>)"
            ),
        };
        let error_ids = if is_java { vec![id] } else { Vec::new() };
        Event::Error(ErrorEvent { group, exemplar, error_ids, statement: None })
    }

    fn sample(&mut self, calls: u64, at_ms: i64) {
        let dice = &mut self.dice;
        let host = &mut self.host;
        let busy = calls + 1;
        host.cpu_permille = (6 * calls + dice.roll(2 * busy + 10)) as u32;
        host.cpu_max_permille = host.cpu_permille + dice.roll(100) as u32;
        host.load1_centi = (3 * calls + dice.roll(busy + 5)) as u32;
        host.memory_available_bytes = 12 * GIB + dice.roll(busy << 20) * 4;
        host.uptime_s += 15;
        for disk in &mut host.disks {
            disk.free_bytes -= dice.roll(busy << 16);
            disk.inodes_free -= dice.roll(busy);
            disk.read_bytes += dice.roll(busy << 20);
            disk.written_bytes += dice.roll(busy << 20);
        }
        for interface in &mut host.interfaces {
            interface.received_bytes += dice.roll(busy << 20);
            interface.sent_bytes += dice.roll(busy << 22);
            interface.received_peak_bytes_per_s = dice.roll(busy << 16);
            interface.sent_peak_bytes_per_s = dice.roll(busy << 18);
        }
        for database in &mut self.databases {
            database.commits += dice.roll(50 * busy);
            database.connections = (calls + dice.roll(10)) as u32;
            database.connections_active = dice.roll(5) as u32;
        }
        self.window.add_host(&self.host, at_ms);
        for target in [Target::Server, Target::Application, Target::Database] {
            let latency_ms = 5 + self.dice.roll(40) as u32;
            self.window.observer.check(check(target, latency_ms, at_ms));
        }
    }

    fn live(&self, at_ms: i64) -> LiveState {
        LiveState {
            at_ms,
            host: Some(self.host.clone()),
            targets: self.window.observer.targets(self.now_ms - 15_000),
            databases: self.databases.clone(),
            traffic: Some((1 << 20, 1 << 17)),
            ..Default::default()
        }
    }
}

fn check(target: Target, latency_ms: u32, at_ms: i64) -> TargetCheck {
    let subject = "http://127.0.0.1:9000/eproc4".to_owned();
    TargetCheck { target, state: State::Up, reason: String::new(), latency_ms, subject, at_ms }
}

#[test]
fn the_reference_servers_day_takes_less_than_two_megabytes() {
    let mut server = Server::new();
    let (first, day, night) = (server.hour(50, 5), server.hour(50, 5), server.hour(5, 1));
    // Texts of errors come again each six hours.
    let texts = 3 * (first.exemplars - day.exemplars);
    let sum = CONNECTION + first.sum() + 11 * day.sum() + 12 * night.sum() + texts;
    assert!(sum < 2_000_000, "{sum} bytes: {first:?}, {day:?}, {night:?}");
}

#[test]
fn an_idle_servers_day_takes_less_than_half_a_megabyte() {
    let mut server = Server::new();
    let (first, later) = (server.hour(0, 0), server.hour(0, 0));
    let sum = CONNECTION + first.sum() + 23 * later.sum();
    assert!(sum < 500_000, "{sum} bytes: {first:?}, {later:?}");
}

#[test]
fn a_heartbeat_without_news_takes_no_more_than_twenty_bytes() {
    let state = LiveState { at_ms: START_MS, ..Default::default() };
    let bytes = heartbeat(&state, super::super::live::Parts::default()).encoded_len();
    assert!(bytes <= 20, "{bytes}");
}
