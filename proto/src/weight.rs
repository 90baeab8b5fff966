//! How many messages and numbers a message holds, counted before any is decoded: an empty message is two
//! bytes on the wire and some hundred in memory, so a bound on bytes alone would let 16 MiB become
//! gigabytes.

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use thiserror::Error;

/// Messages inside one. A day of the reference server's minutes has 12,000; a dictionary told anew some
/// thousand more.
pub const MESSAGES_MAX: usize = 200_000;
/// Numbers in columns inside one message. A day of the reference server's minutes has 400,000.
pub const NUMBERS_MAX: usize = 4_000_000;

/// Why bytes are not decoded.
#[derive(Debug, Error)]
pub enum TooHeavy {
    /// They are no message.
    #[error("{0}")]
    Broken(#[from] DecodeError),
    /// More than [`MESSAGES_MAX`].
    #[error("more than {MESSAGES_MAX} messages inside")]
    Messages,
    /// More than [`NUMBERS_MAX`].
    #[error("more than {NUMBERS_MAX} numbers inside")]
    Numbers,
}

/// Which message the bytes are of, as far as it holds others or columns.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Kind {
    /// An `AgentMessage`.
    FromAgent,
    /// A `CollectorMessage`.
    FromCollector,
    /// A `BatchContent`.
    Content,
    /// An `Exemplars`.
    Exemplars,
    Batch,
    Heartbeat,
    LiveState,
    LiveHost,
    Definitions,
    Welcome,
    /// Holds messages that hold none, under any number.
    List,
    Definition,
    HostLayout,
    Minute,
    Exemplar,
    Columns,
    Leaf,
}

#[derive(Default)]
struct Weight {
    messages: usize,
    numbers: usize,
}

/// Refuses an encoded message that would need more memory than its kind ever should.
pub fn check(bytes: &[u8], kind: Kind) -> Result<(), TooHeavy> {
    let mut weight = Weight::default();
    weigh(bytes, kind, &mut weight)?;
    match weight {
        Weight { messages, .. } if messages > MESSAGES_MAX => Err(TooHeavy::Messages),
        Weight { numbers, .. } if numbers > NUMBERS_MAX => Err(TooHeavy::Numbers),
        Weight { .. } => Ok(()),
    }
}

/// Field numbers as in the `.proto`.
fn inner(kind: Kind, field: u32) -> Option<Kind> {
    match (kind, field) {
        (Kind::FromAgent, 2) => Some(Kind::Batch),
        (Kind::FromAgent, 3) => Some(Kind::Heartbeat),
        (Kind::FromAgent, 4) => Some(Kind::Definitions),
        (Kind::Batch, 11) | (Kind::Heartbeat, 1) => Some(Kind::LiveState),
        (Kind::LiveState, 2) => Some(Kind::LiveHost),
        (Kind::LiveState, 3..=5) | (Kind::LiveHost, 9) | (Kind::FromCollector, 2) => {
            Some(Kind::List)
        }
        (Kind::Definitions, 1) => Some(Kind::Definition),
        (Kind::FromCollector, 1) => Some(Kind::Welcome),
        (Kind::Content, 1) => Some(Kind::Definition),
        (Kind::Content, 2) => Some(Kind::Minute),
        (Kind::Content, 3) => Some(Kind::Columns),
        (Kind::Definition, 4) => Some(Kind::HostLayout),
        (Kind::Minute, 2..=5) => Some(Kind::Columns),
        (Kind::Exemplars, 1) => Some(Kind::Exemplar),
        (Kind::List, _)
        | (Kind::FromAgent, 1)
        | (Kind::FromCollector, 3 | 4)
        | (Kind::Welcome, 1 | 2 | 6)
        | (Kind::Content, 4..=8 | 10)
        | (Kind::Definition, 2..=7)
        | (Kind::HostLayout, 3 | 4)
        | (Kind::Exemplar, 4) => Some(Kind::Leaf),
        _ => None,
    }
}

fn weigh(mut bytes: &[u8], kind: Kind, weight: &mut Weight) -> Result<(), DecodeError> {
    while !bytes.is_empty() && weight.messages <= MESSAGES_MAX && weight.numbers <= NUMBERS_MAX {
        let (field, wire_type) = decode_key(&mut bytes)?;
        if wire_type != WireType::LengthDelimited {
            weight.numbers += 1;
            skip_field(wire_type, field, &mut bytes, DecodeContext::default())?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
        // Cut short: decoding will say so.
        let Some((within, after)) = bytes.split_at_checked(length) else { return Ok(()) };
        bytes = after;
        match inner(kind, field) {
            // Each number of a packed column ends with a byte below 128.
            None if matches!(kind, Kind::Columns) => {
                weight.numbers += within.iter().filter(|byte| **byte < 0x80).count();
            }
            None => {}
            Some(Kind::Leaf) => weight.messages += 1,
            Some(kind) => {
                weight.messages += 1;
                weigh(within, kind, weight)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::v1;

    #[test]
    fn messages_and_numbers_are_counted_at_every_depth() {
        let layout = v1::HostLayout {
            disks: vec![v1::DiskLayout::default(); 2],
            interfaces: vec![v1::InterfaceLayout::default(); 3],
            ..Default::default()
        };
        let host = v1::Definition { id: 1, of: Some(v1::definition::Of::Host(layout)) };
        let errors =
            v1::ErrorCounts { group: vec![1, 2], count: vec![1, 300], ..Default::default() };
        let minute = v1::Minute {
            errors: Some(errors),
            host: Some(v1::Values { layout: 1, values: vec![5; 7], disks: 0 }),
            databases: vec![v1::Values::default()],
            ..Default::default()
        };
        let content = v1::BatchContent {
            definitions: vec![host],
            minutes: vec![minute.clone(), minute],
            redactions: vec![v1::RedactionCount::default()],
            redaction_version: 7,
            ..Default::default()
        };
        let mut weight = Weight::default();
        weigh(&content.encode_to_vec(), Kind::Content, &mut weight).unwrap();
        assert_eq!(weight.messages, (1 + 1 + 5) + 2 * (1 + 3) + 1);
        assert_eq!(weight.numbers, (1 + 1) + 2 * (2 + 2 + 1 + 7));
    }

    #[test]
    fn a_content_of_millions_of_small_things_is_refused_before_it_is_decoded() {
        let minutes = [0x12, 0x00].repeat(MESSAGES_MAX + 1);
        assert!(matches!(check(&minutes, Kind::Content), Err(TooHeavy::Messages)));
        let errors = v1::ErrorCounts { group: vec![1; NUMBERS_MAX + 1], ..Default::default() };
        let minute = v1::Minute { errors: Some(errors), ..Default::default() };
        let content = v1::BatchContent { minutes: vec![minute], ..Default::default() };
        assert!(matches!(check(&content.encode_to_vec(), Kind::Content), Err(TooHeavy::Numbers)));
    }

    /// A message of one field, again and again around `inner`.
    fn within(fields: &[u32], inner: Vec<u8>) -> Vec<u8> {
        fields.iter().rev().fold(inner, |inner, field| {
            let mut out = Vec::new();
            prost::encoding::encode_key(*field, WireType::LengthDelimited, &mut out);
            prost::encoding::encode_varint(inner.len() as u64, &mut out);
            [out, inner].concat()
        })
    }

    #[test]
    fn whatever_part_of_a_message_repeats_it_is_counted_before_it_is_decoded() {
        let flood = |field: u8| [field << 3 | 2, 0].repeat(MESSAGES_MAX + 1);
        let from_agent: [&[u32]; 6] =
            [&[2, 11, 5], &[3, 1, 3], &[3, 1, 4], &[3, 1, 2, 9], &[4], &[4, 1, 4]];
        for (fields, flooded) in from_agent.iter().zip([1, 1, 1, 2, 1, 3]) {
            let bytes = within(fields, flood(flooded));
            assert!(
                matches!(check(&bytes, Kind::FromAgent), Err(TooHeavy::Messages)),
                "{fields:?}"
            );
            v1::AgentMessage::decode(&*bytes).unwrap();
        }
        for (fields, flooded) in [[1], [1], [2]].iter().zip([1, 2, 2]) {
            let bytes = within(fields, flood(flooded));
            assert!(
                matches!(check(&bytes, Kind::FromCollector), Err(TooHeavy::Messages)),
                "{fields:?}"
            );
            v1::CollectorMessage::decode(&*bytes).unwrap();
        }
    }

    #[test]
    fn what_is_no_list_of_messages_is_not_looked_into() {
        let data = [0x0a, 0x00].repeat(2 * MESSAGES_MAX);
        let batch = v1::Batch { data, ..Default::default() };
        let message = v1::AgentMessage { message: Some(v1::agent_message::Message::Batch(batch)) };
        check(&message.encode_to_vec(), Kind::FromAgent).unwrap();
    }
}
