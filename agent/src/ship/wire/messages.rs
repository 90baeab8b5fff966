//! What agent and collector say to each other.

use pantau_proto::v1;

use super::{Incoming, Outgoing, coding, definition, live, printable};
use crate::{
    config::Identity,
    domain::{FileIdentity, HostFacts, LiveState, SourcePosition},
    ship::live::Parts,
    spool::{Known, Ranges, Stored},
};

/// Bytes of definitions in one message; more travel in several.
const DEFINITIONS_BYTES_MAX: usize = 512 * 1024;
/// Definitions in one message, with room for as many that are lost below what a collector takes (1,000).
const DEFINITIONS_MAX: usize = 500;

/// What the collector said.
#[derive(Debug)]
pub(in crate::ship) enum Answer {
    Welcome {
        known: Known,
        positions: Vec<SourcePosition>,
        in_flight_max: u32,
        /// Ids whose definitions it lacks.
        asked: Vec<u32>,
    },
    Ack {
        epoch: Vec<u8>,
        /// Empty: a sign of life.
        stored: Vec<(u64, u64)>,
        in_flight_max: Option<u32>,
    },
    /// Ids whose definitions it lacks.
    Ask(Vec<u32>),
    Refusal(Refused),
    /// A message of a newer contract.
    Unknown,
}

/// An orderly refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ship) struct Refused {
    pub(in crate::ship) reason: RefusalReason,
    pub(in crate::ship) detail: String,
    pub(in crate::ship) retry_after_s: u32,
    /// The batch that was the cause, if one was.
    pub(in crate::ship) seq: Option<u64>,
}

/// Meanings as in the `.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ship) enum RefusalReason {
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

/// What a Hello says.
#[allow(missing_docs)]
pub struct Greeting<'a> {
    pub identity: &'a Identity,
    pub facts: &'a HostFacts,
    pub machine_id: [u8; 16],
    pub epoch: [u8; 16],
    pub highest_seq: u64,
    pub clock_ms: i64,
}

pub(in crate::ship) fn hello(greeting: &Greeting<'_>) -> Outgoing {
    outgoing(v1::agent_message::Message::Hello(who(greeting)))
}

pub(super) fn who(greeting: &Greeting<'_>) -> v1::Hello {
    let Greeting { identity, facts, .. } = greeting;
    v1::Hello {
        site_id: identity.site_id.clone(),
        agent_id: identity.agent_id.clone(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: facts.boot_id.to_vec(),
        epoch: greeting.epoch.to_vec(),
        clock_ms: greeting.clock_ms,
        host: Some(host_facts(facts)),
        highest_seq: greeting.highest_seq,
        sample: identity.sample,
        machine_id: greeting.machine_id.to_vec(),
    }
}

/// A batch of the stream's epoch; `live` with the newest one only.
pub(in crate::ship) fn batch(stored: Stored, live: Option<(&LiveState, Parts)>) -> Outgoing {
    let live = live.map(|(state, parts)| live::state(state, parts));
    outgoing(v1::agent_message::Message::Batch(v1::Batch { live, ..closed(stored) }))
}

/// A batch of that epoch, without live state.
pub(super) fn closed(stored: Stored) -> v1::Batch {
    let more_minutes = stored.last_minute.saturating_sub(stored.first_minute);
    let coded = |bytes: &[u8]| {
        if bytes.is_empty() { v1::Codec::Unspecified } else { coding::codec_of(bytes) }
    };
    v1::Batch {
        epoch: Vec::new(),
        seq: stored.seq,
        merged: stored.merged,
        first_minute: stored.first_minute,
        more_minutes: u32::try_from(more_minutes).unwrap_or(0),
        codec: coded(&stored.data).into(),
        exemplars_codec: coded(&stored.exemplars).into(),
        data: stored.data,
        exemplars: stored.exemplars,
        exemplars_shed: stored.exemplars_shed,
        closed_ms: stored.closed_ms,
        live: None,
    }
}

pub(in crate::ship) fn heartbeat(live: &LiveState, parts: Parts) -> Outgoing {
    let live = Some(live::state(live, parts));
    outgoing(v1::agent_message::Message::Heartbeat(v1::Heartbeat { live }))
}

/// The answer to an Ask: what the spool found of the ids that were asked for.
pub(in crate::ship) fn definitions(asked: &[u32], found: &[(u32, Vec<u8>)]) -> Vec<Outgoing> {
    let is_known = |id: &u32| found.iter().any(|(known, _)| known == id);
    let lost: Vec<u32> = asked.iter().filter(|id| !is_known(id)).copied().collect();
    let messages = defined(found, lost).into_iter();
    messages.map(v1::agent_message::Message::Definitions).map(outgoing).collect()
}

/// Definitions in messages of a bounded size; the last one tells what is lost.
pub(super) fn defined(found: &[(u32, Vec<u8>)], mut lost: Vec<u32>) -> Vec<v1::Definitions> {
    let mut messages = vec![v1::Definitions::default()];
    let mut bytes = 0;
    for (id, coded) in found {
        // What cannot be read is lost as well.
        let Ok(definition) = definition::with_id(*id, coded) else {
            lost.push(*id);
            continue;
        };
        bytes += coded.len();
        let number = messages.last().map_or(0, |last| last.definitions.len());
        if bytes > DEFINITIONS_BYTES_MAX || number == DEFINITIONS_MAX {
            bytes = coded.len();
            messages.push(v1::Definitions::default());
        }
        if let Some(last) = messages.last_mut() {
            last.definitions.push(definition);
        }
    }
    if let Some(last) = messages.last_mut() {
        last.lost = lost;
    }
    messages
}

pub(in crate::ship) fn answer(message: Incoming) -> Answer {
    use v1::collector_message::Message;
    match message.message {
        Some(Message::Welcome(welcome)) => Answer::Welcome {
            known: Known {
                stored: Ranges::from_pairs(welcome.stored.iter().map(|r| (r.first, r.last))),
                has_positions: !welcome.positions.is_empty(),
                last_id: welcome.last_id,
            },
            positions: welcome.positions.into_iter().map(position_from).collect(),
            in_flight_max: welcome.in_flight_max,
            asked: welcome.ask.map_or_else(Vec::new, |ask| ask.ids),
        },
        Some(Message::Ack(ack)) => Answer::Ack {
            epoch: ack.epoch,
            stored: ack.stored.iter().map(|r| (r.first, r.last)).collect(),
            in_flight_max: Some(ack.in_flight_max).filter(|max| *max > 0),
        },
        Some(Message::Ask(ask)) => Answer::Ask(ask.ids),
        Some(Message::Refusal(refusal)) => Answer::Refusal(Refused {
            reason: refusal_reason(refusal.reason()),
            detail: printable(&refusal.detail),
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

fn position_from(position: v1::SourcePosition) -> SourcePosition {
    let file = position.log.unwrap_or_default();
    SourcePosition {
        source: file.source,
        path: file.path,
        identity: FileIdentity {
            device: file.device,
            inode: file.inode,
            head_hash: file.head_hash,
            head_bytes: file.head_bytes,
        },
        generation: file.generation,
        offset: position.offset,
        tail_hash: position.tail_hash,
        last_event_ms: position.last_event_ms,
    }
}
