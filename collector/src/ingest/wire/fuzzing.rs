//! What bytes of an agent go through, in one function each: for the fuzz targets (`fuzz/`) and, on the
//! stable compiler, for the property tests below.

use pantau_proto::v1;
use prost::Message;

use super::{FromAgent, Wire, bundle, bundle::Part, from_agent};
use crate::{
    domain::{
        batch::{Codec, Frame},
        definition::{Named, Names, Opened},
    },
    store::Coding,
};

/// 2026-11-22T00:00Z, in minutes.
const MINUTE: i64 = 29_921_760;

/// A message of the stream. A batch is opened too, as the fold does it later.
pub fn message(bytes: &[u8]) {
    let Ok(message) = v1::AgentMessage::decode(bytes) else { return };
    match from_agent(message) {
        Ok(FromAgent::Batch(batch)) => open(&batch.frame),
        Ok(FromAgent::Definitions { known, .. }) => define(&known),
        Ok(FromAgent::Hello(_) | FromAgent::Heartbeat(_)) | Err(_) => {}
    }
}

/// A definition as the store keeps it, and a content with the same bytes as its exemplars; both codings.
pub fn content(bytes: &[u8]) {
    let _ = Wire.definition(bytes);
    for codec in [Codec::Plain, Codec::Zstd] {
        open(&Frame {
            codec,
            exemplars_codec: codec,
            first_minute: MINUTE,
            last_minute: MINUTE + 1,
            closed_ms: (MINUTE + 2) * 60_000,
            data: bytes.to_vec(),
            exemplars: bytes.to_vec(),
            ..Frame::default()
        });
    }
}

/// A bundle as it is behind its compression, from an agent whose signatures all hold.
pub fn bundle(bytes: &[u8]) {
    let Ok((_, unverified)) = bundle::head(bytes) else { return };
    let Ok(mut reader) = unverified.verify(|_, _| true) else { return };
    while let Ok(part) = bundle::part(&mut reader) {
        match part {
            Part::Batch(batch) => open(&batch.frame),
            Part::Definitions(known) => define(&known),
            Part::End => return,
            Part::Unknown => {}
        }
    }
}

fn define(known: &[(u32, Vec<u8>)]) {
    for (_, data) in known {
        let _ = Wire.definition(data);
    }
}

/// Resolves it with the definitions that it carries, and with all of them lost.
fn open(frame: &Frame) {
    let _ = Wire.positions(frame);
    let Ok(opened) = Wire.open(frame) else { return };
    define(&opened.definitions);
    let names = names(&opened);
    let _ = (opened.resolve)(&names);
    let Ok(opened) = Wire.open(frame) else { return };
    let lost: Names = opened.mentioned.iter().map(|id| (*id, Named::Lost)).collect();
    assert!((opened.resolve)(&lost).is_ok());
}

/// Ids that are not defined in the batch are lost.
fn names(opened: &Opened) -> Names {
    let lost = opened.mentioned.iter().map(|id| (*id, Named::Lost));
    let known = opened.definitions.iter();
    let known = known.filter_map(|(id, data)| Some((*id, Named::As(Wire.definition(data).ok()?))));
    lost.chain(known).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_of_an_agent_make_the_collector_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300)
        ) {
            message(&bytes);
            content(&bytes);
            bundle(&bytes);
        }

        #[test]
        fn no_bytes_in_a_batch_or_a_bundle_make_the_collector_panic(
            data in prop::collection::vec(any::<u8>(), 0..300)
        ) {
            let codec = v1::Codec::Plain.into();
            let first_minute = MINUTE;
            let batch = v1::Batch { seq: 1, first_minute, codec, data, ..Default::default() };
            let said = v1::agent_message::Message::Batch(batch.clone());
            message(&v1::AgentMessage { message: Some(said) }.encode_to_vec());
            let hello = v1::Hello {
                site_id: "demo".into(),
                agent_id: "app-1".into(),
                boot_id: vec![1; 16],
                epoch: vec![2; 16],
                ..Default::default()
            };
            let head =
                v1::BundleHead { id: vec![3; 16], hello: Some(hello), ..Default::default() };
            let sign = |_: &[u8]| Ok(Vec::new());
            let mut writer = pantau_proto::bundle::Writer::begin(Vec::new(), &head, sign).unwrap();
            let part = Some(v1::bundle_part::Part::Batch(batch));
            writer.part(&v1::BundlePart { part }).unwrap();
            bundle(&writer.into_inner());
        }
    }
}
