//! The contract on the collector's side: everything that arrives becomes a domain type here, or is
//! refused by name. Nothing else in the collector imports the generated types.

mod bounds;
pub mod bundle;
mod coding;
mod columns;
mod define;
pub mod enrolment;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod inflate;
mod lost;
mod raw;
mod refusal;
mod resolve;
mod sample;
pub mod service;
mod values;

use pantau_proto::{limits, v1, weight::TooHeavy};
use thiserror::Error;

use super::{live::LiveParts, ranges::SeqRange};
use crate::domain::{
    AgentId, Epoch, SiteId,
    batch::{Codec, Frame, Hello, SourcePosition},
    definition::{ASK_MAX, Defined},
};
use bounds::{WORD_BYTES_MAX, is_minute, text};

pub use coding::Wire;
pub use refusal::{Reason, Refusal};

/// A message that breaks the contract: which field, and how.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Malformed(pub String);

impl From<TooHeavy> for Malformed {
    fn from(why: TooHeavy) -> Malformed {
        Malformed(why.to_string())
    }
}

/// What an agent says.
#[derive(Clone, Debug)]
pub enum FromAgent {
    /// Who is calling.
    Hello(Box<Hello>),
    /// A closed window.
    Batch(Box<Batch>),
    /// It is alive.
    Heartbeat(Box<LiveParts>),
    /// The answer to what it was asked.
    Definitions {
        /// What ids stand for.
        known: Vec<Defined>,
        /// Ids that it does not know any more.
        lost: Vec<u32>,
    },
}

/// A batch as its frame describes it; whose it is, the stream knows.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Batch {
    /// `None`: that of the stream's Hello.
    pub epoch: Option<Epoch>,
    pub seq: u64,
    pub merged: u64,
    pub frame: Frame,
    pub live: Option<LiveParts>,
}

/// What the collector answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToAgent {
    /// Batches may come.
    Welcome {
        /// Numbers of the agent's epoch that are stored, merged, ascending.
        stored: Vec<SeqRange>,
        /// How far each log is counted in them.
        positions: Vec<SourcePosition>,
        /// The collector's clock.
        clock_ms: i64,
        /// Batches the agent may have under way.
        in_flight_max: u32,
        /// Ids whose definition batches wait for.
        wanted: Vec<u32>,
        /// Highest id of the agent's epoch that has a definition.
        last_id: u32,
    },
    /// These batches are committed; without numbers: they are still in work.
    Ack {
        /// Epoch of the numbers; `None`: that of the stream's Hello.
        epoch: Option<Epoch>,
        /// Merged, ascending.
        stored: Vec<SeqRange>,
        /// When it has changed.
        in_flight_max: Option<u32>,
    },
    /// Batches wait for the definitions of these ids.
    Ask(Vec<u32>),
    /// The conversation ends in order.
    Refusal(Refusal),
}

/// Converts one message of an agent.
pub(super) fn from_agent(wire: v1::AgentMessage) -> Result<FromAgent, Malformed> {
    use v1::agent_message::Message;
    match wire.message {
        Some(Message::Hello(wire)) => Ok(FromAgent::Hello(Box::new(hello(wire)?))),
        Some(Message::Batch(wire)) => Ok(FromAgent::Batch(Box::new(batch(wire)?))),
        Some(Message::Heartbeat(wire)) => {
            Ok(FromAgent::Heartbeat(Box::new(sample::live(wire.live.unwrap_or_default()))))
        }
        Some(Message::Definitions(wire)) => definitions(wire),
        None => Err(Malformed("message: of no kind that is known here".to_owned())),
    }
}

/// Converts one message to an agent.
pub(super) fn to_agent(message: ToAgent) -> v1::CollectorMessage {
    use v1::collector_message::Message;
    let message = match message {
        ToAgent::Welcome { stored, positions, clock_ms, in_flight_max, wanted, last_id } => {
            Message::Welcome(v1::Welcome {
                stored: ranges(stored),
                positions: positions.into_iter().map(position).collect(),
                clock_ms,
                in_flight_max,
                collector_version: env!("CARGO_PKG_VERSION").to_owned(),
                ask: (!wanted.is_empty()).then_some(v1::Ask { ids: wanted }),
                last_id,
            })
        }
        ToAgent::Ack { epoch, stored, in_flight_max } => Message::Ack(v1::Ack {
            epoch: epoch.map_or(Vec::new(), |epoch| epoch.0.to_vec()),
            stored: ranges(stored),
            in_flight_max: in_flight_max.unwrap_or(0),
        }),
        ToAgent::Ask(ids) => Message::Ask(v1::Ask { ids }),
        ToAgent::Refusal(refusal) => Message::Refusal(v1::Refusal {
            reason: reason(refusal.reason).into(),
            detail: refusal.detail,
            retry_after_s: refusal.retry_after_s,
            seq: refusal.seq,
        }),
    };
    v1::CollectorMessage { message: Some(message) }
}

fn hello(wire: v1::Hello) -> Result<Hello, Malformed> {
    Ok(Hello {
        site: SiteId(id("hello.site_id", wire.site_id)?),
        agent: AgentId(id("hello.agent_id", wire.agent_id)?),
        version: text(wire.agent_version, WORD_BYTES_MAX),
        boot_id: sixteen("hello.boot_id", &wire.boot_id)?,
        machine_id: match wire.machine_id.is_empty() {
            true => [0; 16],
            false => sixteen("hello.machine_id", &wire.machine_id)?,
        },
        epoch: Epoch(sixteen("hello.epoch", &wire.epoch)?),
        clock_ms: wire.clock_ms,
        host: sample::host_facts(wire.host.unwrap_or_default()),
        highest_seq: number("hello.highest_seq", wire.highest_seq)?,
        sample: wire.sample,
    })
}

fn batch(wire: v1::Batch) -> Result<Batch, Malformed> {
    let merged = u64::from(wire.merged);
    if merged >= wire.seq {
        return Err(Malformed(format!(
            "batch.seq {}, merged {merged}: numbers begin at 1",
            wire.seq
        )));
    }
    let epoch = match wire.epoch.is_empty() {
        true => None,
        false => Some(Epoch(sixteen("batch.epoch", &wire.epoch)?)),
    };
    Ok(Batch {
        epoch,
        seq: number("batch.seq", wire.seq)?,
        merged,
        live: wire.live.map(sample::live),
        frame: Frame {
            codec: codec("batch.codec", wire.codec)?,
            exemplars_codec: match wire.exemplars.is_empty() {
                true => Codec::Plain,
                false => codec("batch.exemplars_codec", wire.exemplars_codec)?,
            },
            first_minute: wire.first_minute,
            last_minute: last_minute(wire.first_minute, wire.more_minutes)?,
            closed_ms: bounds::time_ms(wire.closed_ms),
            data: wire.data,
            exemplars: wire.exemplars,
            exemplars_shed: u64::from(wire.exemplars_shed),
        },
    })
}

/// No bytes are a content without anything in it.
fn codec(field: &str, number: i32) -> Result<Codec, Malformed> {
    let unknown =
        || Malformed(format!("{field} {number}: only 1 (Zstandard) and 2 (as it is) are known"));
    Codec::of_number(number.into()).ok_or_else(unknown)
}

fn last_minute(first: i64, more: u32) -> Result<i64, Malformed> {
    let last = first.saturating_add(more.into());
    if is_minute(first) && is_minute(last) {
        return Ok(last);
    }
    Err(Malformed(format!("batch.first_minute {first}, more_minutes {more}: out of range")))
}

fn definitions(wire: v1::Definitions) -> Result<FromAgent, Malformed> {
    let count = wire.definitions.len().saturating_add(wire.lost.len());
    if count > ASK_MAX {
        return Err(Malformed(format!("definitions: {count}, more than {ASK_MAX} at once")));
    }
    Ok(FromAgent::Definitions { known: define::stored(wire.definitions)?, lost: wire.lost })
}

fn id(field: &str, id: String) -> Result<String, Malformed> {
    if limits::is_id(&id) {
        return Ok(id);
    }
    Err(Malformed(format!(
        "{field}: 1 to {} characters of a-z, 0-9 and - are allowed",
        limits::ID_BYTES_MAX
    )))
}

fn sixteen(field: &str, bytes: &[u8]) -> Result<[u8; 16], Malformed> {
    let wrong = |_| Malformed(format!("{field}: {} bytes instead of 16", bytes.len()));
    bytes.try_into().map_err(wrong)
}

/// Batch numbers are kept as signed 64 bits.
fn number(field: &str, n: u64) -> Result<u64, Malformed> {
    let wrong = |_| Malformed(format!("{field} {n}: beyond {}", i64::MAX));
    i64::try_from(n).map(|_| n).map_err(wrong)
}

fn ranges(ranges: Vec<SeqRange>) -> Vec<v1::SeqRange> {
    ranges.into_iter().map(|(first, last)| v1::SeqRange { first, last }).collect()
}

fn position(position: SourcePosition) -> v1::SourcePosition {
    v1::SourcePosition {
        offset: position.offset,
        tail_hash: position.tail_hash,
        last_event_ms: position.last_event_ms,
        log: Some(v1::LogFile {
            source: position.source,
            path: position.path,
            device: position.device,
            inode: position.inode,
            head_hash: position.head_hash,
            head_bytes: position.head_bytes,
            generation: position.generation,
        }),
    }
}

fn reason(reason: Reason) -> v1::refusal::Reason {
    match reason {
        Reason::Silent | Reason::Expired => v1::refusal::Reason::Unspecified,
        Reason::UnknownSite => v1::refusal::Reason::UnknownSite,
        Reason::Malformed => v1::refusal::Reason::Malformed,
        Reason::StoreUnavailable => v1::refusal::Reason::StoreUnavailable,
        Reason::Overloaded => v1::refusal::Reason::Overloaded,
        Reason::ShuttingDown => v1::refusal::Reason::ShuttingDown,
        Reason::Replaced => v1::refusal::Reason::Replaced,
        Reason::Clock => v1::refusal::Reason::Clock,
        Reason::Revoked => v1::refusal::Reason::Revoked,
        Reason::NotYou => v1::refusal::Reason::NotYou,
        Reason::Cloned => v1::refusal::Reason::Cloned,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn good_batch() -> v1::Batch {
        v1::Batch {
            epoch: vec![1; 16],
            seq: 1,
            first_minute: 29_893_440,
            codec: v1::Codec::Zstd.into(),
            data: vec![0],
            ..Default::default()
        }
    }

    #[test]
    fn a_frame_that_breaks_the_contract_is_refused_by_field() {
        batch(good_batch()).unwrap();
        type Change = fn(&mut v1::Batch);
        let cases: [(&str, Change); 8] = [
            ("epoch", |b| b.epoch.truncate(15)),
            ("seq 0", |b| b.seq = 0),
            ("merged 1", |b| b.merged = 1),
            ("seq", |b| b.seq = u64::MAX),
            ("codec 3", |b| b.codec = 3),
            ("exemplars_codec 0", |b| b.exemplars = vec![1]),
            ("more_minutes", |b| b.more_minutes = u32::MAX),
            ("first_minute", |b| b.first_minute = i64::MIN),
        ];
        for (field, change) in cases {
            let mut wire = good_batch();
            change(&mut wire);
            let error = batch(wire).unwrap_err().to_string();
            assert!(error.contains(field), "{error} should name {field}");
        }
    }

    #[test]
    fn a_batch_without_an_epoch_is_of_the_streams_own() {
        let own = v1::Batch { epoch: Vec::new(), ..good_batch() };
        assert_eq!(batch(own).unwrap().epoch, None);
        assert_eq!(batch(good_batch()).unwrap().epoch, Some(Epoch([1; 16])));
    }

    #[test]
    fn more_definitions_than_were_asked_for_are_refused() {
        let lost = (1..=ASK_MAX as u32 + 1).collect();
        let wire = v1::Definitions { definitions: Vec::new(), lost };
        assert!(definitions(wire).unwrap_err().0.contains("1001"));
    }

    #[test]
    fn ids_outside_their_alphabet_are_refused() {
        for site_id in ["", "LPSE", "a/../b", &"a".repeat(65)] {
            let wire = v1::Hello { site_id: site_id.to_owned(), ..Default::default() };
            assert!(hello(wire).unwrap_err().to_string().contains("site_id"), "{site_id}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(wire) = v1::AgentMessage::decode(bytes.as_slice()) {
                let _ = from_agent(wire);
            }
        }
    }
}
