//! The part of a site's page that is of this moment: checks, machines, databases.

use super::figures::{Gauge, disk_gauge, disk_permille, memory_gauge, memory_permille, permille};
use crate::{
    config::{Site, Thresholds},
    domain::{
        availability::Target,
        batch::{DatabaseSample, DiskSample, HostSample, InterfaceSample, LiveState, TargetState},
        summary::Server,
    },
    labels::{Labels, reasons},
    web::{
        format::Format,
        pages::{figures, national::why},
        state::{self, Decision, SiteState, decide},
    },
};

/// How the site stands now.
pub struct LiveView {
    pub id: String,
    pub state: SiteState,
    pub word: &'static str,
    pub reason: String,
    /// For how long, and since when.
    pub since: Option<(String, String)>,
    pub sample: bool,
    pub at: String,
    pub servers: Vec<ServerView>,
}

/// One server now.
pub struct ServerView {
    pub agent: String,
    pub hostname: String,
    /// Its figures are the last ones heard, not those of now.
    pub silent: bool,
    pub contact: String,
    pub contact_time: String,
    pub checks: Vec<CheckView>,
    pub host: Option<HostView>,
    pub databases: Vec<DatabaseView>,
    pub problems: Vec<(String, String, String)>,
    /// Batches that wait in the agent's spool, and their size.
    pub waiting: Option<(String, String)>,
    /// Batches that the collector has and that wait for definitions.
    pub batches_waiting: Option<String>,
    /// Batches that were set aside as damaged.
    pub batches_damaged: Option<String>,
    /// Bytes that the agent has sent and received since midnight.
    pub bytes_today: Option<(String, String)>,
    /// The agent's clock is off by this much.
    pub clock_off: Option<String>,
}

/// One check.
pub struct CheckView {
    pub target: String,
    pub name: &'static str,
    /// Word of the state, or `silent` when it is old.
    pub state: String,
    pub word: &'static str,
    pub reason: String,
    pub since: String,
    pub since_time: String,
    pub latency: String,
    pub subject: String,
}

/// A machine's figures.
pub struct HostView {
    pub cpu: Gauge,
    pub memory: Gauge,
    pub memory_of: String,
    /// `None` on a machine without swap.
    pub swap: Option<(Gauge, String)>,
    pub load: String,
    pub uptime: String,
    pub disks: Vec<DiskView>,
    pub interfaces: Vec<InterfaceView>,
}

/// A file system.
pub struct DiskView {
    pub mount: String,
    pub file_system: String,
    pub space: Gauge,
    pub free: String,
    pub total: String,
    /// `None` where the file system has no fixed number of inodes.
    pub inodes: Option<Gauge>,
}

/// A network interface.
pub struct InterfaceView {
    pub name: String,
    pub outside: bool,
    pub up: String,
    pub down: String,
    pub errors: String,
}

/// A database now.
pub struct DatabaseView {
    pub cluster: String,
    pub database: String,
    pub size: Option<String>,
    pub connections: Gauge,
    pub connections_of: String,
    pub active: String,
}

/// Agents whose clock differs by more than this are pointed out: a bid deadline is judged by the
/// server's clock.
const CLOCK_OFF_MS: i64 = 2_000;

/// Builds the view.
pub fn view(
    site: &Site,
    servers: &[Server],
    thresholds: &Thresholds,
    format: Format,
    now_ms: i64,
) -> LiveView {
    let l = format.0.labels();
    let decision = decide(servers, now_ms, thresholds.silent_after_s);
    let page = Page { site, thresholds, format, now_ms };
    LiveView {
        id: site.id.0.clone(),
        state: decision.state,
        word: figures::site_state(decision.state, l),
        reason: why(&decision, l),
        since: since(&decision, &page),
        sample: servers.iter().any(|server| server.sample),
        at: format.clock(now_ms, site),
        servers: servers.iter().map(|server| page.server(server)).collect(),
    }
}

fn since(decision: &Decision, page: &Page<'_>) -> Option<(String, String)> {
    let since = decision.since_ms?;
    Some((page.age(since), page.format.time(since, page.site)))
}

fn bytes_today(live: &LiveState, format: Format) -> Option<(String, String)> {
    let (sent, received) = (live.sent_bytes_today?, live.received_bytes_today?);
    Some((format.bytes(sent), format.bytes(received)))
}

/// What every figure of the page needs to be written.
struct Page<'a> {
    site: &'a Site,
    thresholds: &'a Thresholds,
    format: Format,
    now_ms: i64,
}

impl Page<'_> {
    fn l(&self) -> &'static Labels {
        self.format.0.labels()
    }

    fn age(&self, since_ms: i64) -> String {
        self.format.span(self.now_ms.saturating_sub(since_ms))
    }

    fn server(&self, server: &Server) -> ServerView {
        let silent = state::is_silent(server, self.now_ms, self.thresholds.silent_after_s);
        let live = &server.live;
        let off_ms = server.clock_offset_ms;
        let waiting = (live.spool_batches > 1)
            .then(|| (self.count(live.spool_batches), self.format.bytes(live.spool_bytes)));
        ServerView {
            agent: server.agent.0.clone(),
            hostname: server.host.hostname.clone(),
            silent,
            contact: self.age(server.last_seen_ms),
            contact_time: self.format.time(server.last_seen_ms, self.site),
            checks: live.targets.iter().map(|check| self.check(check, silent)).collect(),
            host: live.host.as_ref().map(|host| self.host(host)),
            databases: live.databases.iter().map(|sample| self.database(sample)).collect(),
            problems: live
                .problems
                .iter()
                .map(|p| (p.subject.clone(), p.text.clone(), self.age(p.since_ms)))
                .collect(),
            waiting,
            batches_waiting: self.some(server.uncounted.waiting),
            batches_damaged: self.some(server.uncounted.damaged),
            bytes_today: bytes_today(live, self.format),
            clock_off: (off_ms.abs() > CLOCK_OFF_MS).then(|| self.format.span(off_ms.abs())),
        }
    }

    fn check(&self, check: &TargetState, silent: bool) -> CheckView {
        let l = self.l();
        let known = crate::domain::availability::State::parse(&check.state);
        let word = known.map_or(l.state_unknown, |state| l.state(state));
        CheckView {
            target: check.target.clone(),
            name: Target::parse(&check.target).map_or("", |target| l.target(target)),
            state: if silent { "silent".to_owned() } else { check.state.clone() },
            word,
            reason: reasons::text(&check.reason, l),
            since: self.age(check.since_ms),
            since_time: self.format.time(check.since_ms, self.site),
            latency: format!("{} ms", self.format.integer(i64::from(check.latency_ms))),
            subject: check.subject.clone(),
        }
    }

    fn host(&self, host: &HostSample) -> HostView {
        let format = self.format;
        let used = host.memory_total_bytes.saturating_sub(host.memory_available_bytes);
        let of = |part, whole| format!("{} / {}", format.bytes(part), format.bytes(whole));
        let swap = (host.swap_total_bytes > 0).then(|| {
            let share = permille(host.swap_used_bytes, host.swap_total_bytes);
            (Gauge::plain(share, format), of(host.swap_used_bytes, host.swap_total_bytes))
        });
        HostView {
            cpu: Gauge::plain(u64::from(host.cpu_permille), format),
            memory: memory_gauge(memory_permille(host), self.thresholds, format),
            memory_of: of(used, host.memory_total_bytes),
            swap,
            load: format.hundredths(host.load1_centi),
            uptime: format.span(i64::from(host.uptime_s).saturating_mul(1_000)),
            disks: host.disks.iter().map(|disk| self.disk(disk)).collect(),
            interfaces: host.interfaces.iter().map(|one| self.interface(one)).collect(),
        }
    }

    fn disk(&self, disk: &DiskSample) -> DiskView {
        let inodes = (disk.inodes_total > 0).then(|| {
            let used = disk.inodes_total.saturating_sub(disk.inodes_free);
            disk_gauge(permille(used, disk.inodes_total), self.thresholds, self.format)
        });
        DiskView {
            mount: disk.mount.clone(),
            file_system: disk.file_system.clone(),
            space: disk_gauge(disk_permille(disk), self.thresholds, self.format),
            free: self.format.bytes(disk.free_bytes),
            total: self.format.bytes(disk.total_bytes),
            inodes,
        }
    }

    fn interface(&self, one: &InterfaceSample) -> InterfaceView {
        InterfaceView {
            name: one.name.clone(),
            outside: one.outside,
            up: self.format.rate(one.sent_peak_bytes_per_s),
            down: self.format.rate(one.received_peak_bytes_per_s),
            errors: self.count(one.sent_errors.saturating_add(one.received_errors)),
        }
    }

    fn database(&self, sample: &DatabaseSample) -> DatabaseView {
        let share = permille(u64::from(sample.connections), u64::from(sample.connections_max));
        DatabaseView {
            cluster: sample.cluster.clone(),
            database: sample.database.clone(),
            size: sample.size_bytes.map(|bytes| self.format.bytes(bytes)),
            connections: Gauge::plain(share, self.format),
            connections_of: format!("{} / {}", sample.connections, sample.connections_max),
            active: self.count(u64::from(sample.connections_active)),
        }
    }

    fn some(&self, n: u64) -> Option<String> {
        (n > 0).then(|| self.count(n))
    }

    fn count(&self, n: u64) -> String {
        self.format.integer(i64::try_from(n).unwrap_or(i64::MAX))
    }
}
