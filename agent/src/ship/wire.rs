//! The door to the contract: domain types to protobuf and back. Nothing else imports generated code.

use pantau_proto::v1;
use prost::Message;

use crate::{
    config::Identity,
    domain::{
        BatchContent, DatabaseFacts, DatabaseSample, ErrorGroup, FINGERPRINT_VERSION, FileIdentity,
        Gap, GapReason, HostFacts, HostSample, LiveState, Minute, Observation, Origin, QueryGroup,
        QuerySource, REDACTION_VERSION, Severity, SourcePosition, State, Target, TargetCheck,
    },
    spool::{Ranges, Stored},
};

/// Level of compression: the default; higher ones cost the application its processor.
const ZSTD_LEVEL: i32 = 3;

pub(super) type Client = v1::ingest_client::IngestClient<tonic::transport::Channel>;
pub(super) type Outgoing = v1::AgentMessage;
pub(super) type Incoming = v1::CollectorMessage;

/// What the collector said.
#[derive(Debug)]
pub(super) enum Answer {
    Welcome {
        stored: Ranges,
        positions: Vec<SourcePosition>,
        in_flight_max: u32,
    },
    Ack {
        epoch: Vec<u8>,
        stored: Vec<(u64, u64)>,
    },
    Refusal(Refused),
    /// A message of a newer contract.
    Unknown,
}

/// An orderly refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: RefusalReason,
    pub(super) detail: String,
    pub(super) retry_after_s: u32,
    /// The batch that was the cause, if one was.
    pub(super) seq: Option<u64>,
}

/// Meanings as in the `.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalReason {
    UnknownSite,
    Malformed,
    StoreUnavailable,
    Overloaded,
    ShuttingDown,
    Replaced,
    Clock,
    Revoked,
    NotYou,
    Cloned,
    NotSaid,
}

/// What a Hello says besides the identity.
pub(super) struct Greeting<'a> {
    pub(super) identity: &'a Identity,
    pub(super) facts: &'a HostFacts,
    pub(super) epoch: [u8; 16],
    pub(super) highest_seq: u64,
    pub(super) clock_ms: i64,
}

/// A batch's content as it is stored and travels: protobuf in one Zstandard frame.
pub fn encode(content: &BatchContent) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(&content_of(content).encode_to_vec(), ZSTD_LEVEL)
}

pub(super) fn hello(greeting: &Greeting<'_>) -> Outgoing {
    let Greeting { identity, facts, .. } = greeting;
    outgoing(v1::agent_message::Message::Hello(v1::Hello {
        site_id: identity.site_id.clone(),
        agent_id: identity.agent_id.clone(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: facts.boot_id.to_vec(),
        epoch: greeting.epoch.to_vec(),
        clock_ms: greeting.clock_ms,
        host: Some(host_facts(facts)),
        highest_seq: greeting.highest_seq,
        sample: identity.sample,
    }))
}

pub(super) fn batch(epoch: [u8; 16], stored: Stored, live: Option<&LiveState>) -> Outgoing {
    outgoing(v1::agent_message::Message::Batch(v1::Batch {
        epoch: epoch.to_vec(),
        seq: stored.seq,
        first_minute: stored.first_minute,
        last_minute: stored.last_minute,
        codec: v1::Codec::Zstd.into(),
        data: stored.data,
        closed_ms: stored.closed_ms,
        live: live.map(live_state),
    }))
}

pub(super) fn heartbeat(live: &LiveState) -> Outgoing {
    let live = Some(live_state(live));
    outgoing(v1::agent_message::Message::Heartbeat(v1::Heartbeat { live }))
}

pub(super) fn answer(message: Incoming) -> Answer {
    use v1::collector_message::Message;
    match message.message {
        Some(Message::Welcome(welcome)) => Answer::Welcome {
            stored: Ranges::from_pairs(welcome.stored.iter().map(|r| (r.first, r.last))),
            positions: welcome.positions.into_iter().map(position_from).collect(),
            in_flight_max: welcome.in_flight_max,
        },
        Some(Message::Ack(ack)) => Answer::Ack {
            epoch: ack.epoch,
            stored: ack.stored.iter().map(|r| (r.first, r.last)).collect(),
        },
        Some(Message::Refusal(refusal)) => Answer::Refusal(Refused {
            reason: refusal_reason(refusal.reason()),
            detail: refusal.detail,
            retry_after_s: refusal.retry_after_s,
            seq: Some(refusal.seq).filter(|seq| *seq > 0),
        }),
        None => Answer::Unknown,
    }
}

fn outgoing(message: v1::agent_message::Message) -> Outgoing {
    v1::AgentMessage { message: Some(message) }
}

fn refusal_reason(reason: v1::refusal::Reason) -> RefusalReason {
    use v1::refusal::Reason;
    match reason {
        Reason::UnknownSite => RefusalReason::UnknownSite,
        Reason::Malformed => RefusalReason::Malformed,
        Reason::StoreUnavailable => RefusalReason::StoreUnavailable,
        Reason::Overloaded => RefusalReason::Overloaded,
        Reason::ShuttingDown => RefusalReason::ShuttingDown,
        Reason::Replaced => RefusalReason::Replaced,
        Reason::Clock => RefusalReason::Clock,
        Reason::Revoked => RefusalReason::Revoked,
        Reason::NotYou => RefusalReason::NotYou,
        Reason::Cloned => RefusalReason::Cloned,
        Reason::Unspecified => RefusalReason::NotSaid,
    }
}

fn content_of(content: &BatchContent) -> v1::BatchContent {
    let groups = (0u32..).zip(&content.groups).map(|(id, group)| error_group(id, group));
    let queries = (0u32..).zip(&content.queries).map(|(id, query)| query_group(id, query));
    let redactions = content
        .redactions
        .iter()
        .map(|(rule, count)| v1::RedactionCount { rule: (*rule).to_owned(), count: *count });
    v1::BatchContent {
        groups: groups.collect(),
        queries: queries.collect(),
        minutes: content.minutes.iter().map(minute).collect(),
        sketches: content.sketches.iter().map(sketch).collect(),
        exemplars: content.exemplars.iter().map(exemplar).collect(),
        positions: content.positions.iter().map(position).collect(),
        gaps: content.gaps.iter().map(gap).collect(),
        observations: content.observations.iter().map(observation).collect(),
        fates: content.fates.iter().map(fates).collect(),
        database_facts: content.database_facts.iter().map(database_facts).collect(),
        redaction_version: REDACTION_VERSION,
        redactions: redactions.collect(),
    }
}

fn error_group(local_id: u32, group: &ErrorGroup) -> v1::ErrorGroup {
    v1::ErrorGroup {
        local_id,
        fingerprint: group.fingerprint,
        fingerprint_version: FINGERPRINT_VERSION,
        origin: match group.origin {
            Origin::Database => v1::Origin::Database,
            Origin::Application => v1::Origin::Application,
        }
        .into(),
        severity: match group.severity {
            Severity::Warning => v1::Severity::Warning,
            Severity::Error => v1::Severity::Error,
            Severity::Fatal => v1::Severity::Fatal,
            Severity::Panic => v1::Severity::Panic,
        }
        .into(),
        class: group.class.to_owned(),
        sqlstate: group.sqlstate.clone(),
        template: group.template.clone(),
        failed_transaction: group.failed_transaction,
    }
}

fn query_group(local_id: u32, query: &QueryGroup) -> v1::QueryGroup {
    v1::QueryGroup {
        local_id,
        fingerprint: query.fingerprint,
        fingerprint_version: FINGERPRINT_VERSION,
        source: match query.source {
            QuerySource::Log => v1::QuerySource::Log,
            QuerySource::StatementsView => v1::QuerySource::StatementsView,
        }
        .into(),
        template: query.template.clone(),
        database: query.database.clone(),
    }
}

fn minute(minute: &Minute) -> v1::Minute {
    let errors = minute.errors.iter().map(|(group, count)| v1::ErrorCount {
        group: *group as u32,
        count: count.count,
        last_ms: count.last_ms,
        estimated: count.estimated,
    });
    let queries = minute.queries.iter().map(|(query, count)| v1::QueryCount {
        query: *query as u32,
        calls: count.calls,
        total_us: count.total_us,
        max_us: count.max_us,
        rows: count.rows,
    });
    v1::Minute {
        minute: minute.minute,
        errors: errors.collect(),
        queries: queries.collect(),
        host: minute.host.as_ref().map(host),
        databases: minute.databases.iter().map(database).collect(),
    }
}

fn sketch(
    (query, first_minute, minutes, sketch): &(usize, i64, u32, pantau_proto::sketch::Sketch),
) -> v1::QuerySketch {
    let (keys, counts) = sketch.to_deltas();
    let (first_minute, minutes) = (*first_minute, *minutes);
    v1::QuerySketch { query: *query as u32, first_minute, minutes, keys, counts }
}

fn exemplar((group, at_ms, text, ids): &(usize, i64, String, Vec<String>)) -> v1::Exemplar {
    let (text, error_ids) = (text.clone(), ids.clone());
    v1::Exemplar { group: *group as u32, at_ms: *at_ms, text, error_ids }
}

fn fates((source, fates): &(crate::domain::SourceKey, crate::domain::LineFates)) -> v1::LineFates {
    v1::LineFates {
        source: source.to_string(),
        read: fates.read,
        counted: fates.counted,
        ignored: fates.ignored,
        before_start: fates.before_start,
        unparsed: fates.unparsed,
    }
}

fn position(position: &SourcePosition) -> v1::SourcePosition {
    v1::SourcePosition {
        source: position.source.clone(),
        path: position.path.clone(),
        device: position.identity.device,
        inode: position.identity.inode,
        head_hash: position.identity.head_hash,
        head_bytes: position.identity.head_bytes,
        generation: position.generation,
        offset: position.offset,
        last_event_ms: position.last_event_ms,
    }
}

fn position_from(position: v1::SourcePosition) -> SourcePosition {
    SourcePosition {
        source: position.source,
        path: position.path,
        identity: FileIdentity {
            device: position.device,
            inode: position.inode,
            head_hash: position.head_hash,
            head_bytes: position.head_bytes,
        },
        generation: position.generation,
        offset: position.offset,
        tail_hash: 0,
        last_event_ms: position.last_event_ms,
    }
}

fn gap(gap: &Gap) -> v1::Gap {
    use v1::gap::Reason;
    let reason = match gap.reason {
        GapReason::FileLost => Reason::FileLost,
        GapReason::BaselineLost => Reason::BaselineLost,
        GapReason::SpoolLost => Reason::SpoolLost,
        GapReason::GroupsShed => Reason::GroupsShed,
        GapReason::Merged | GapReason::ExemplarsShed | GapReason::Restored => Reason::Unspecified,
    };
    v1::Gap {
        source: gap.source.clone(),
        from_ms: gap.from_ms,
        to_ms: gap.to_ms,
        reason: reason.into(),
        detail: gap.detail.clone(),
        amount: gap.amount,
    }
}

fn observation(observation: &Observation) -> v1::Observation {
    v1::Observation {
        target: target(observation.target).into(),
        state: state(observation.state).into(),
        from_ms: observation.from_ms,
        to_ms: observation.to_ms,
        reason: observation.reason.clone(),
        subject: observation.subject.clone(),
    }
}

fn target(target: Target) -> v1::Target {
    match target {
        Target::Application => v1::Target::Application,
        Target::Database => v1::Target::Database,
        Target::Server => v1::Target::Server,
    }
}

fn state(state: State) -> v1::State {
    match state {
        State::Up => v1::State::Up,
        State::Down => v1::State::Down,
        State::Degraded => v1::State::Degraded,
    }
}

fn host_facts(facts: &HostFacts) -> v1::HostFacts {
    v1::HostFacts {
        hostname: facts.hostname.clone(),
        os: facts.os.clone(),
        kernel: facts.kernel.clone(),
        cpus: facts.cpus,
        memory_bytes: facts.memory_bytes,
        swap_bytes: facts.swap_bytes,
        boot_time_ms: facts.boot_time_ms,
    }
}

fn database_facts(facts: &DatabaseFacts) -> v1::DatabaseFacts {
    v1::DatabaseFacts {
        cluster: facts.cluster.clone(),
        version: facts.version.clone(),
        statements_view: facts.statements_view,
        statements_view_reason: facts.statements_view_reason.clone(),
        log_min_duration_ms: facts.log_min_duration_ms,
    }
}

fn live_state(live: &LiveState) -> v1::LiveState {
    let problems = live.problems.iter().map(|problem| v1::Problem {
        subject: problem.subject.clone(),
        text: problem.text.clone(),
        since_ms: problem.since_ms,
    });
    v1::LiveState {
        at_ms: live.at_ms,
        host: live.host.as_ref().map(host),
        targets: live.targets.iter().map(target_state).collect(),
        databases: live.databases.iter().map(database).collect(),
        problems: problems.collect(),
        spool_batches: live.spool_batches,
        spool_bytes: live.spool_bytes,
    }
}

fn target_state((check, since_ms): &(TargetCheck, i64)) -> v1::TargetState {
    v1::TargetState {
        target: target(check.target).into(),
        state: state(check.state).into(),
        since_ms: *since_ms,
        reason: check.reason.clone(),
        latency_ms: check.latency_ms,
        subject: check.subject.clone(),
    }
}

fn host(host: &HostSample) -> v1::HostSample {
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
    v1::HostSample {
        cpu_permille: host.cpu_permille,
        cpu_max_permille: host.cpu_max_permille,
        load1_centi: host.load1_centi,
        memory_total_bytes: host.memory_total_bytes,
        memory_available_bytes: host.memory_available_bytes,
        swap_total_bytes: host.swap_total_bytes,
        swap_used_bytes: host.swap_used_bytes,
        disks: disks.collect(),
        interfaces: interfaces.collect(),
        uptime_s: host.uptime_s,
    }
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
