//! The newest state as it travels: the parts that are due.

use pantau_proto::v1;

use crate::{
    domain::{DatabaseSample, HostSample, LiveState, TargetCheck},
    ship::live::Parts,
};

pub(super) fn state(live: &LiveState, parts: Parts) -> v1::LiveState {
    let problems = live.problems.iter().map(|problem| v1::Problem {
        subject: problem.subject.clone(),
        text: problem.text.clone(),
        since_ms: problem.since_ms,
    });
    let targets =
        || v1::live_state::Targets { targets: live.targets.iter().map(target_state).collect() };
    let databases =
        || v1::live_state::Databases { databases: live.databases.iter().map(database).collect() };
    let traffic = live.traffic.filter(|_| parts.traffic);
    v1::LiveState {
        at_ms: live.at_ms,
        host: live.host.as_ref().filter(|_| parts.host).map(|h| host(h, parts.devices)),
        targets: parts.targets.then(targets),
        databases: parts.databases.then(databases),
        problems: parts.problems.then(|| v1::live_state::Problems { problems: problems.collect() }),
        spool_batches: parts.backlog.then_some(live.spool_batches),
        spool_bytes: parts.backlog.then_some(live.spool_bytes),
        sent_bytes_today: traffic.map(|(sent, _)| sent),
        received_bytes_today: traffic.map(|(_, received)| received),
    }
}

fn target_state((check, since_ms): &(TargetCheck, i64)) -> v1::TargetState {
    v1::TargetState {
        target: super::target(check.target).into(),
        state: super::state(check.state).into(),
        since_ms: *since_ms,
        reason: check.reason.clone(),
        latency_ms: check.latency_ms,
        subject: check.subject.clone(),
    }
}

fn host(host: &HostSample, with_devices: bool) -> v1::live_state::Host {
    v1::live_state::Host {
        cpu_permille: host.cpu_permille,
        cpu_max_permille: host.cpu_max_permille,
        load1_centi: host.load1_centi,
        memory_total_bytes: host.memory_total_bytes,
        memory_available_bytes: host.memory_available_bytes,
        swap_total_bytes: host.swap_total_bytes,
        swap_used_bytes: host.swap_used_bytes,
        uptime_s: host.uptime_s,
        devices: with_devices.then(|| devices(host)),
    }
}

fn devices(host: &HostSample) -> v1::live_state::Devices {
    let disks = host.disks.iter().map(|disk| v1::DiskSample {
        mount: disk.mount.clone(),
        file_system: disk.file_system.clone(),
        total_bytes: disk.total_bytes,
        free_bytes: disk.free_bytes,
        inodes_total: disk.inodes_total,
        inodes_free: disk.inodes_free,
        read_bytes: disk.read_bytes,
        written_bytes: disk.written_bytes,
    });
    let interfaces = host.interfaces.iter().map(|interface| v1::InterfaceSample {
        name: interface.name.clone(),
        received_bytes: interface.received_bytes,
        sent_bytes: interface.sent_bytes,
        received_errors: interface.received_errors,
        sent_errors: interface.sent_errors,
        received_peak_bytes_per_s: interface.received_peak_bytes_per_s,
        sent_peak_bytes_per_s: interface.sent_peak_bytes_per_s,
        outside: interface.outside,
    });
    v1::live_state::Devices { disks: disks.collect(), interfaces: interfaces.collect() }
}

fn database(sample: &DatabaseSample) -> v1::DatabaseSample {
    v1::DatabaseSample {
        cluster: sample.cluster.clone(),
        database: sample.database.clone(),
        size_bytes: sample.size_bytes,
        commits: sample.commits,
        rollbacks: sample.rollbacks,
        deadlocks: sample.deadlocks,
        stats_reset_ms: sample.stats_reset_ms,
        connections: sample.connections,
        connections_max: sample.connections_max,
        connections_active: sample.connections_active,
        accounts: sample.accounts,
    }
}
