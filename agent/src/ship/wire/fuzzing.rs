//! What foreign bytes go through on this side of the wire, in one function each: for the fuzz targets
//! (`fuzz/`) and, on the stable compiler, for the property tests below.

use pantau_proto::v1;
use prost::Message;

use super::{Answer, answer, condense, definitions};
use crate::spool::Stored;

/// 2026-11-22T00:00Z, in minutes.
const MINUTE: i64 = 29_921_760;

/// What a collector says on the stream, and what the agent makes of it.
pub fn collector_message(bytes: &[u8]) {
    let Ok(message) = v1::CollectorMessage::decode(bytes) else { return };
    match answer(message) {
        Answer::Welcome { known, asked, .. } => {
            let pairs = known.stored.pairs();
            assert!(pairs.is_sorted_by(|a, b| a.1 < b.0), "{pairs:?}");
            assert!(pairs.iter().all(|(first, last)| known.stored.intersects(*first, *last)));
            let _ = definitions(&asked, &[]);
        }
        Answer::Ask(asked) => drop(definitions(&asked, &[])),
        Answer::Ack { .. } | Answer::Refusal(_) | Answer::Unknown => {}
    }
}

/// What the spool gives back: definitions, and batches that are merged. The first is also a day merged
/// before.
pub fn spooled(bytes: &[u8]) {
    let found = [(1, bytes.to_vec()), (2, Vec::new())];
    assert!(!definitions(&[1, 2, 3], &found).is_empty());
    let _ = super::queries(&found);
    let stored = |minute: i64| Stored {
        seq: 1,
        first_minute: minute,
        last_minute: minute,
        closed_ms: (minute + 1) * 60_000,
        data: bytes.to_vec(),
        exemplars: bytes.to_vec(),
        ..Stored::default()
    };
    let Ok(once) = condense(&[stored(MINUTE), stored(MINUTE + 61)]) else { return };
    let merged = Stored { data: once.data, exemplars: once.exemplars, ..stored(MINUTE) };
    assert!(condense(&[merged, stored(MINUTE + 90)]).is_ok());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_of_a_collector_or_of_a_spool_make_the_agent_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            collector_message(&bytes);
            spooled(&bytes);
        }

        #[test]
        fn ranges_of_any_numbers_become_ranges_in_order(
            pairs in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..20)
        ) {
            let stored = pairs.iter().map(|(first, last)| v1::SeqRange { first: *first, last: *last });
            let welcome = v1::Welcome { stored: stored.collect(), ..Default::default() };
            let message = Some(v1::collector_message::Message::Welcome(welcome));
            collector_message(&v1::CollectorMessage { message }.encode_to_vec());
        }
    }
}
