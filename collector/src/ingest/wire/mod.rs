//! The contract on the collector's side: everything that arrives becomes a domain type here, or is
//! refused by name. Nothing else in the collector imports the generated types.

mod bounds;
mod content;
pub mod enrolment;
mod refusal;
mod sample;
pub mod service;
mod weight;

use pantau_proto::{limits, v1};
use thiserror::Error;

use super::ranges::SeqRange;
use crate::domain::{
    AgentId, Epoch, SiteId,
    batch::{Hello, LiveState, SourcePosition},
};
use bounds::{WORD_BYTES_MAX, is_minute, text};

pub use content::decode;
pub use refusal::{Reason, Refusal};

/// A message that breaks the contract: which field, and how.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// What an agent says.
#[derive(Clone, Debug)]
pub enum FromAgent {
    /// Who is calling.
    Hello(Box<Hello>),
    /// A closed window.
    Batch(Box<Batch>),
    /// It is alive.
    Heartbeat(Box<LiveState>),
}

/// A batch as its frame describes it; whose it is, the stream knows.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Batch {
    pub epoch: Epoch,
    pub seq: u64,
    pub first_minute: i64,
    pub last_minute: i64,
    pub data: Vec<u8>,
    pub live: Option<LiveState>,
}

/// What the collector answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToAgent {
    /// Batches may come.
    Welcome {
        /// Numbers of the agent's epoch that are stored, merged, ascending.
        stored: Vec<SeqRange>,
        /// Read positions that came with the highest of them.
        positions: Vec<SourcePosition>,
        /// The collector's clock.
        clock_ms: i64,
    },
    /// These batches are committed.
    Ack {
        /// Epoch of the numbers.
        epoch: Epoch,
        /// Merged, ascending.
        stored: Vec<SeqRange>,
    },
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
        None => Err(Malformed("message: neither hello, batch nor heartbeat".to_owned())),
    }
}

/// Converts one message to an agent.
pub(super) fn to_agent(message: ToAgent) -> v1::CollectorMessage {
    use v1::collector_message::Message;
    let message = match message {
        ToAgent::Welcome { stored, positions, clock_ms } => Message::Welcome(v1::Welcome {
            stored: ranges(stored),
            positions: positions.into_iter().map(position).collect(),
            clock_ms,
            in_flight_max: limits::IN_FLIGHT_MAX,
            collector_version: env!("CARGO_PKG_VERSION").to_owned(),
        }),
        ToAgent::Ack { epoch, stored } => {
            Message::Ack(v1::Ack { epoch: epoch.0.to_vec(), stored: ranges(stored) })
        }
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
        epoch: Epoch(sixteen("hello.epoch", &wire.epoch)?),
        clock_ms: wire.clock_ms,
        host: sample::host_facts(wire.host.unwrap_or_default()),
        highest_seq: number("hello.highest_seq", wire.highest_seq)?,
        sample: wire.sample,
    })
}

fn batch(wire: v1::Batch) -> Result<Batch, Malformed> {
    if v1::Codec::try_from(wire.codec) != Ok(v1::Codec::Zstd) {
        return Err(Malformed(format!("batch.codec {}: only 1 (Zstandard) is known", wire.codec)));
    }
    let (first, last) = (wire.first_minute, wire.last_minute);
    if !is_minute(first) || !is_minute(last) || first > last {
        return Err(Malformed(format!("batch.first_minute {first}, last_minute {last}: no range")));
    }
    if wire.seq == 0 {
        return Err(Malformed("batch.seq 0: numbers begin at 1".to_owned()));
    }
    if wire.data.is_empty() {
        return Err(Malformed("batch.data is empty".to_owned()));
    }
    Ok(Batch {
        epoch: Epoch(sixteen("batch.epoch", &wire.epoch)?),
        seq: number("batch.seq", wire.seq)?,
        first_minute: first,
        last_minute: last,
        data: wire.data,
        live: wire.live.map(sample::live),
    })
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
        source: position.source,
        path: position.path,
        device: position.device,
        inode: position.inode,
        head_hash: position.head_hash,
        head_bytes: position.head_bytes,
        generation: position.generation,
        offset: position.offset,
        last_event_ms: position.last_event_ms,
    }
}

fn reason(reason: Reason) -> v1::refusal::Reason {
    match reason {
        Reason::Silent => v1::refusal::Reason::Unspecified,
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
            last_minute: 29_893_440,
            codec: v1::Codec::Zstd.into(),
            data: vec![0],
            ..Default::default()
        }
    }

    #[test]
    fn a_frame_that_breaks_the_contract_is_refused_by_field() {
        batch(good_batch()).unwrap();
        type Change = fn(&mut v1::Batch);
        let cases: [(&str, Change); 7] = [
            ("epoch", |b| b.epoch.truncate(15)),
            ("seq 0", |b| b.seq = 0),
            ("seq", |b| b.seq = u64::MAX),
            ("codec 2", |b| b.codec = 2),
            ("first_minute", |b| b.last_minute -= 1),
            ("first_minute", |b| b.first_minute = i64::MIN),
            ("data", |b| b.data.clear()),
        ];
        for (field, change) in cases {
            let mut wire = good_batch();
            change(&mut wire);
            let error = batch(wire).unwrap_err().to_string();
            assert!(error.contains(field), "{error} should name {field}");
        }
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
