//! What of the newest state is told, given what was told before on the same stream: what has not changed
//! in a way that matters to a person is left out, and the collector keeps what it had.

use crate::domain::{
    DatabaseSample, DiskSample, HostSample, InterfaceSample, LiveState, Problem, State, Target,
    TargetCheck,
};

/// Values that drift are told again after this long, whether they matter or not.
const REFRESH_MS: i64 = 15 * 60_000;
/// Processor time that matters, in permille.
const CPU_PERMILLE: u32 = 100;
/// Load that matters, in hundredths: one more process that waits.
const LOAD_CENTI: u32 = 100;
/// Memory, swap, and connections of a cluster that matter, in permille of what there is.
const SHARE_PERMILLE: u64 = 20;
/// Of a disk, its inodes or a database's size.
const DISK_PERMILLE: u64 = 1;
/// Milliseconds that a check's duration may drift, besides half of what it was.
const LATENCY_MS: u32 = 200;
/// Batches that wait in the spool while all is well: the newest, and the one under way.
const BACKLOG_CALM: u64 = 2;

/// Parts of a state that are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Scalars of the host.
    pub(super) host: bool,
    /// Its disks and interfaces; `host` goes with them.
    pub(super) devices: bool,
    pub(super) targets: bool,
    pub(super) databases: bool,
    pub(super) problems: bool,
    pub(super) backlog: bool,
    pub(super) traffic: bool,
}

/// What was told on a stream; new with each stream, so that its first message tells all.
#[derive(Default)]
pub(super) struct Told {
    host: Option<(i64, HostSample)>,
    devices: Option<(i64, HostSample)>,
    targets: Option<Vec<(TargetCheck, i64)>>,
    databases: Option<(i64, Vec<DatabaseSample>)>,
    problems: Option<Vec<Problem>>,
    backlog: Option<(u64, u64)>,
    traffic_at_ms: Option<i64>,
}

impl Told {
    /// What of `live` is to be told now.
    pub(super) fn due(&self, live: &LiveState) -> Parts {
        let at_ms = live.at_ms;
        let devices = match (&self.devices, &live.host) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some((told_ms, told)), Some(now)) => {
                is_over(*told_ms, at_ms) || devices_matter(told, now)
            }
        };
        let host = match (&self.host, &live.host) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some((told_ms, told)), Some(now)) => {
                is_over(*told_ms, at_ms) || host_matters(told, now)
            }
        };
        Parts {
            host: host || devices,
            devices,
            targets: self.targets.as_ref().is_none_or(|told| targets_matter(told, &live.targets)),
            databases: self.databases.as_ref().is_none_or(|(told_ms, told)| {
                (is_over(*told_ms, at_ms) && told != &live.databases)
                    || databases_matter(told, &live.databases)
            }),
            problems: self.problems.as_ref() != Some(&live.problems),
            backlog: self
                .backlog
                .is_none_or(|told| backlog_matters(told, (live.spool_batches, live.spool_bytes))),
            traffic: live.traffic.is_some()
                && self.traffic_at_ms.is_none_or(|told_ms| is_over(told_ms, at_ms)),
        }
    }

    /// These parts of `live` were told.
    pub(super) fn note(&mut self, live: &LiveState, parts: Parts) {
        let stamped = || live.host.clone().map(|host| (live.at_ms, host));
        if parts.host {
            self.host = stamped();
        }
        if parts.devices {
            self.devices = stamped();
        }
        if parts.targets {
            self.targets = Some(live.targets.clone());
        }
        if parts.databases {
            self.databases = Some((live.at_ms, live.databases.clone()));
        }
        if parts.problems {
            self.problems = Some(live.problems.clone());
        }
        if parts.backlog {
            self.backlog = Some((live.spool_batches, live.spool_bytes));
        }
        if parts.traffic {
            self.traffic_at_ms = Some(live.at_ms);
        }
    }
}

/// A clock set back refreshes as well.
fn is_over(told_ms: i64, at_ms: i64) -> bool {
    !(0..REFRESH_MS).contains(&at_ms.saturating_sub(told_ms))
}

/// Whether two values differ by at least `permille` of `whole`; of an unknown whole, whether they differ.
fn differs(told: u64, now: u64, whole: u64, permille: u64) -> bool {
    let difference = u128::from(told.abs_diff(now));
    difference > 0 && difference * 1_000 >= u128::from(whole) * u128::from(permille)
}

fn host_matters(told: &HostSample, now: &HostSample) -> bool {
    let memory = (told.memory_available_bytes, now.memory_available_bytes);
    let swap = (told.swap_used_bytes, now.swap_used_bytes);
    told.cpu_permille.abs_diff(now.cpu_permille) >= CPU_PERMILLE
        || told.load1_centi.abs_diff(now.load1_centi) >= LOAD_CENTI
        || told.memory_total_bytes != now.memory_total_bytes
        || told.swap_total_bytes != now.swap_total_bytes
        || differs(memory.0, memory.1, now.memory_total_bytes, SHARE_PERMILLE)
        || differs(swap.0, swap.1, now.swap_total_bytes, SHARE_PERMILLE)
        // Set back: the machine was started anew.
        || now.uptime_s < told.uptime_s
}

fn devices_matter(told: &HostSample, now: &HostSample) -> bool {
    told.disks.len() != now.disks.len()
        || told.interfaces.len() != now.interfaces.len()
        || told.disks.iter().zip(&now.disks).any(|(told, now)| disk_matters(told, now))
        || told.interfaces.iter().zip(&now.interfaces).any(|(t, n)| interface_matters(t, n))
}

fn disk_matters(told: &DiskSample, now: &DiskSample) -> bool {
    (&told.mount, told.total_bytes, told.inodes_total)
        != (&now.mount, now.total_bytes, now.inodes_total)
        || differs(told.free_bytes, now.free_bytes, now.total_bytes, DISK_PERMILLE)
        || differs(told.inodes_free, now.inodes_free, now.inodes_total, DISK_PERMILLE)
}

fn interface_matters(told: &InterfaceSample, now: &InterfaceSample) -> bool {
    (&told.name, told.outside, told.received_errors, told.sent_errors)
        != (&now.name, now.outside, now.received_errors, now.sent_errors)
}

fn targets_matter(told: &[(TargetCheck, i64)], now: &[(TargetCheck, i64)]) -> bool {
    fn words(
        targets: &[(TargetCheck, i64)],
    ) -> impl Iterator<Item = (Target, State, &str, &str, i64)> {
        targets.iter().map(|(c, since)| (c.target, c.state, &*c.reason, &*c.subject, *since))
    }
    words(told).ne(words(now))
        || told.iter().zip(now).any(|((told, _), (now, _))| {
            let drift = told.latency_ms.abs_diff(now.latency_ms);
            drift >= LATENCY_MS.max(told.latency_ms / 2)
        })
}

fn databases_matter(told: &[DatabaseSample], now: &[DatabaseSample]) -> bool {
    told.len() != now.len() || told.iter().zip(now).any(|(told, now)| database_matters(told, now))
}

fn database_matters(told: &DatabaseSample, now: &DatabaseSample) -> bool {
    let size = (told.size_bytes.unwrap_or(0), now.size_bytes.unwrap_or(0));
    let connections = (u64::from(told.connections), u64::from(now.connections));
    let active = (u64::from(told.connections_active), u64::from(now.connections_active));
    let whole = u64::from(now.connections_max);
    (&told.cluster, &told.database, told.connections_max, told.stats_reset_ms, told.deadlocks)
        != (&now.cluster, &now.database, now.connections_max, now.stats_reset_ms, now.deadlocks)
        || told.size_bytes.is_some() != now.size_bytes.is_some()
        || differs(size.0, size.1, size.0, 10 * DISK_PERMILLE)
        || differs(connections.0, connections.1, whole, 5 * SHARE_PERMILLE)
        || differs(active.0, active.1, whole, 5 * SHARE_PERMILLE)
}

/// The newest batch comes and goes; a backlog is told while it changes by an eighth.
fn backlog_matters(told: (u64, u64), now: (u64, u64)) -> bool {
    let is_calm = |(batches, _): (u64, u64)| batches <= BACKLOG_CALM;
    match (is_calm(told), is_calm(now)) {
        (true, true) => false,
        (false, false) => differs(told.0, now.0, told.0, 125),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn state() -> LiveState {
        LiveState {
            at_ms: 1_000_000,
            host: Some(HostSample {
                cpu_permille: 100,
                memory_total_bytes: 16 * GIB,
                memory_available_bytes: 8 * GIB,
                disks: vec![DiskSample {
                    mount: "/".to_owned(),
                    total_bytes: 1_000 * GIB,
                    free_bytes: 500 * GIB,
                    ..Default::default()
                }],
                interfaces: vec![InterfaceSample { name: "eth0".to_owned(), ..Default::default() }],
                ..Default::default()
            }),
            targets: vec![(
                TargetCheck {
                    target: Target::Application,
                    state: State::Up,
                    reason: String::new(),
                    latency_ms: 20,
                    subject: "http://127.0.0.1:9000/".to_owned(),
                    at_ms: 1,
                },
                1,
            )],
            databases: vec![DatabaseSample {
                connections_max: 100,
                size_bytes: Some(GIB),
                ..Default::default()
            }],
            traffic: Some((1, 2)),
            ..Default::default()
        }
    }

    fn told(live: &LiveState) -> Told {
        let mut told = Told::default();
        told.note(live, told.due(live));
        told
    }

    fn due_after(change: impl FnOnce(&mut LiveState)) -> Parts {
        let mut live = state();
        let told = told(&live);
        live.at_ms += 30_000;
        change(&mut live);
        told.due(&live)
    }

    fn host(live: &mut LiveState) -> &mut HostSample {
        live.host.as_mut().unwrap()
    }

    #[test]
    fn the_first_message_of_a_stream_tells_all_and_the_next_nothing() {
        let all = Told::default().due(&state());
        let parts = Parts {
            host: true,
            devices: true,
            targets: true,
            databases: true,
            problems: true,
            backlog: true,
            traffic: true,
        };
        assert_eq!(all, parts);
        assert_eq!(due_after(|_| {}), Parts::default());
    }

    #[test]
    fn what_flutters_is_not_told() {
        let due = due_after(|live| {
            host(live).cpu_permille += 99;
            host(live).memory_available_bytes -= GIB / 8;
            host(live).uptime_s += 30;
            host(live).disks[0].free_bytes -= GIB / 2;
            host(live).interfaces[0].received_bytes += 1 << 20;
            live.targets[0].0.latency_ms += 199;
            live.databases[0].commits += 1_000;
            live.databases[0].connections += 9;
            (live.spool_batches, live.spool_bytes) = (2, 4_000);
        });
        assert_eq!(due, Parts::default());
    }

    #[test]
    fn what_matters_is_told_and_nothing_beside_it() {
        let host_only = Parts { host: true, ..Parts::default() };
        let devices = Parts { host: true, devices: true, ..Parts::default() };
        assert_eq!(due_after(|live| host(live).cpu_permille += 100), host_only);
        assert_eq!(due_after(|live| host(live).disks[0].free_bytes -= GIB), devices);
        assert_eq!(due_after(|live| host(live).interfaces[0].received_errors += 1), devices);
        let databases = Parts { databases: true, ..Parts::default() };
        assert_eq!(due_after(|live| live.databases[0].deadlocks += 1), databases);
        assert_eq!(due_after(|live| live.databases[0].connections += 10), databases);
        let targets = Parts { targets: true, ..Parts::default() };
        assert_eq!(due_after(|live| live.targets[0].0.state = State::Down), targets);
        assert_eq!(due_after(|live| live.targets.clear()), targets);
        let problem =
            Problem { subject: "log.play".to_owned(), text: "missing".to_owned(), since_ms: 1 };
        let problems = Parts { problems: true, ..Parts::default() };
        assert_eq!(due_after(|live| live.problems.push(problem)), problems);
        let backlog = Parts { backlog: true, ..Parts::default() };
        assert_eq!(due_after(|live| live.spool_batches = 3), backlog);
    }

    #[test]
    fn a_problem_that_is_over_is_told() {
        let mut live = state();
        live.problems.push(Problem { subject: String::new(), text: String::new(), since_ms: 1 });
        let told = told(&live);
        live.problems.clear();
        assert!(told.due(&live).problems);
    }

    #[test]
    fn what_drifts_is_told_after_a_quarter_of_an_hour_and_when_the_clock_was_set_back() {
        for passed_ms in [REFRESH_MS, -1] {
            let due = due_after(|live| {
                live.at_ms = state().at_ms + passed_ms;
                live.databases[0].commits += 1;
            });
            let drifting = Parts {
                host: true,
                devices: true,
                databases: true,
                traffic: true,
                ..Parts::default()
            };
            assert_eq!(due, drifting);
        }
    }
}
