//! The newest state, by parts: hosts, databases, targets, problems.

use pantau_proto::v1;

use super::{
    bounds::{
        NAME_BYTES_MAX, PARTS_MAX, SENTENCE_BYTES_MAX, WORD_BYTES_MAX, quantity, text, time_ms,
    },
    values::CPU_PERMILLE_MAX,
};
use crate::domain::{
    availability::{State, Target},
    batch::{
        DatabaseSample, DiskSample, HostFacts, HostSample, InterfaceSample, Problem, TargetState,
    },
};
use crate::ingest::live::{HostPart, LiveParts};

pub fn live(wire: v1::LiveState) -> LiveParts {
    LiveParts {
        at_ms: time_ms(wire.at_ms),
        host: wire.host.map(host),
        targets: wire
            .targets
            .map(|all| all.targets.into_iter().take(PARTS_MAX).filter_map(target_state).collect()),
        databases: wire
            .databases
            .map(|all| all.databases.into_iter().take(PARTS_MAX).map(database_sample).collect()),
        problems: wire
            .problems
            .map(|all| all.problems.into_iter().take(PARTS_MAX).map(problem).collect()),
        spool_batches: wire.spool_batches.map(quantity),
        spool_bytes: wire.spool_bytes.map(quantity),
        sent_bytes_today: wire.sent_bytes_today.map(quantity),
        received_bytes_today: wire.received_bytes_today.map(quantity),
    }
}

/// `None` for what this collector does not know: availability is kept by target.
pub fn target(wire: i32) -> Option<Target> {
    match v1::Target::try_from(wire).unwrap_or_default() {
        v1::Target::Unspecified => None,
        v1::Target::Edge => Some(Target::Edge),
        v1::Target::Application => Some(Target::Application),
        v1::Target::Database => Some(Target::Database),
        v1::Target::Server => Some(Target::Server),
        v1::Target::Link => Some(Target::Link),
    }
}

/// A state that was not said or is not known here is unknown, never up.
pub fn state(wire: i32) -> State {
    match v1::State::try_from(wire).unwrap_or_default() {
        v1::State::Unspecified => State::Unknown,
        v1::State::Up => State::Up,
        v1::State::Down => State::Down,
        v1::State::Degraded => State::Degraded,
    }
}

pub fn host_facts(wire: v1::HostFacts) -> HostFacts {
    HostFacts {
        hostname: text(wire.hostname, NAME_BYTES_MAX),
        os: text(wire.os, NAME_BYTES_MAX),
        kernel: text(wire.kernel, NAME_BYTES_MAX),
        cpus: wire.cpus,
        memory_bytes: quantity(wire.memory_bytes),
        swap_bytes: quantity(wire.swap_bytes),
        boot_time_ms: time_ms(wire.boot_time_ms),
    }
}

fn host(wire: v1::live_state::Host) -> HostPart {
    let figures = HostSample {
        cpu_permille: wire.cpu_permille.min(CPU_PERMILLE_MAX),
        cpu_max_permille: wire.cpu_max_permille.min(CPU_PERMILLE_MAX),
        load1_centi: wire.load1_centi,
        memory_total_bytes: quantity(wire.memory_total_bytes),
        memory_available_bytes: quantity(wire.memory_available_bytes),
        swap_total_bytes: quantity(wire.swap_total_bytes),
        swap_used_bytes: quantity(wire.swap_used_bytes),
        uptime_s: wire.uptime_s,
        ..HostSample::default()
    };
    let devices = wire.devices.map(|devices| {
        let disks = devices.disks.into_iter().take(PARTS_MAX).map(disk).collect();
        let interfaces = devices.interfaces.into_iter().take(PARTS_MAX).map(interface).collect();
        (disks, interfaces)
    });
    HostPart { figures, devices }
}

fn database_sample(wire: v1::DatabaseSample) -> DatabaseSample {
    DatabaseSample {
        cluster: text(wire.cluster, NAME_BYTES_MAX),
        database: text(wire.database, NAME_BYTES_MAX),
        size_bytes: wire.size_bytes.map(quantity),
        commits: quantity(wire.commits),
        rollbacks: quantity(wire.rollbacks),
        deadlocks: quantity(wire.deadlocks),
        stats_reset_ms: time_ms(wire.stats_reset_ms),
        connections: wire.connections,
        connections_max: wire.connections_max,
        connections_active: wire.connections_active,
        accounts: wire.accounts.map(quantity),
    }
}

fn target_state(wire: v1::TargetState) -> Option<TargetState> {
    Some(TargetState {
        target: target(wire.target)?.as_str().to_owned(),
        state: state(wire.state).as_str().to_owned(),
        since_ms: time_ms(wire.since_ms),
        reason: text(wire.reason, WORD_BYTES_MAX),
        latency_ms: wire.latency_ms,
        subject: text(wire.subject, NAME_BYTES_MAX),
    })
}

fn problem(wire: v1::Problem) -> Problem {
    Problem {
        subject: text(wire.subject, NAME_BYTES_MAX),
        text: text(wire.text, SENTENCE_BYTES_MAX),
        since_ms: time_ms(wire.since_ms),
    }
}

fn disk(wire: v1::DiskSample) -> DiskSample {
    DiskSample {
        mount: text(wire.mount, NAME_BYTES_MAX),
        file_system: text(wire.file_system, WORD_BYTES_MAX),
        total_bytes: quantity(wire.total_bytes),
        free_bytes: quantity(wire.free_bytes),
        inodes_total: quantity(wire.inodes_total),
        inodes_free: quantity(wire.inodes_free),
        read_bytes: quantity(wire.read_bytes),
        written_bytes: quantity(wire.written_bytes),
    }
}

fn interface(wire: v1::InterfaceSample) -> InterfaceSample {
    InterfaceSample {
        name: text(wire.name, WORD_BYTES_MAX),
        received_bytes: quantity(wire.received_bytes),
        sent_bytes: quantity(wire.sent_bytes),
        received_errors: quantity(wire.received_errors),
        sent_errors: quantity(wire.sent_errors),
        received_peak_bytes_per_s: quantity(wire.received_peak_bytes_per_s),
        sent_peak_bytes_per_s: quantity(wire.sent_peak_bytes_per_s),
        outside: wire.outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_is_not_known_here_is_unknown_and_never_up() {
        assert_eq!([state(0), state(99), state(1)], [State::Unknown, State::Unknown, State::Up]);
    }

    #[test]
    fn a_target_that_is_not_known_here_is_left_out() {
        let targets = [0, 99, v1::Target::Application as i32]
            .map(|target| v1::TargetState { target, ..Default::default() });
        let targets = v1::live_state::Targets { targets: targets.to_vec() };
        let parts = live(v1::LiveState { targets: Some(targets), ..Default::default() });
        let targets = parts.targets.unwrap();
        assert_eq!(targets.len(), 1);
        assert_eq!(targets[0].target, "application");
    }

    #[test]
    fn more_disks_than_a_server_can_have_are_cut() {
        let disks = vec![v1::DiskSample::default(); PARTS_MAX + 1];
        let devices = v1::live_state::Devices { disks, ..Default::default() };
        let part = host(v1::live_state::Host { devices: Some(devices), ..Default::default() });
        assert_eq!(part.devices.unwrap().0.len(), PARTS_MAX);
    }

    #[test]
    fn a_part_that_is_not_said_is_not_there() {
        assert_eq!(live(v1::LiveState::default()), LiveParts::default());
    }
}
