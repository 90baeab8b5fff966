//! How the store reads what agents encode, without knowing the contract.

use pantau_proto::{limits, v1, weight};
use prost::Message;

use super::{Malformed, define, inflate, raw, resolve};
use crate::{
    domain::{
        batch::{Frame, SourcePosition},
        definition::{Definition, LogFile, LogPosition, Opened, Positions},
    },
    store::Coding,
};

/// The contract's coding.
#[derive(Clone, Copy, Debug)]
pub struct Wire;

impl Coding for Wire {
    /// The same bytes will never open, so there is no use in trying again after an error.
    fn open(&self, frame: &Frame) -> Result<Opened, String> {
        let mut raw = raw::read(frame).map_err(|Malformed(why)| why)?;
        Ok(Opened {
            definitions: std::mem::take(&mut raw.definitions),
            mentioned: raw.mentioned(),
            resolve: Box::new(move |names| resolve::content(raw, names)),
        })
    }

    fn definition(&self, data: &[u8]) -> Result<Definition, String> {
        define::read(data).map_err(|Malformed(why)| why)
    }

    fn positions(&self, frame: &Frame) -> Result<Positions, String> {
        positions(frame).map_err(|Malformed(why)| why)
    }

    fn position(&self, log: &LogFile, position: LogPosition) -> SourcePosition {
        resolve::source_position(log, position)
    }
}

/// Of a content, what tells how far logs are counted; the rest is skipped.
#[derive(Clone, PartialEq, Message)]
struct PositionsOnly {
    #[prost(message, repeated, tag = "1")]
    definitions: Vec<v1::Definition>,
    #[prost(message, repeated, tag = "4")]
    positions: Vec<v1::Position>,
}

fn positions(frame: &Frame) -> Result<Positions, Malformed> {
    let bytes = inflate::bytes(frame.codec, &frame.data, limits::CONTENT_BYTES_MAX)?;
    weight::check(&bytes, weight::Kind::Content)?;
    let wire = PositionsOnly::decode(&*bytes).map_err(|why| Malformed(why.to_string()))?;
    let is_log = |one: &v1::Definition| matches!(one.of, Some(v1::definition::Of::Log(_)));
    let logs = wire.definitions.into_iter().filter(is_log).collect();
    Ok(Positions {
        definitions: define::stored(logs)?,
        positions: raw::positions(wire.positions, frame.closed_ms)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use v1::definition::Of;

    use super::*;
    use crate::domain::{
        batch::{BatchContent, Codec},
        definition::{Named, Names},
    };

    const MINUTE: i64 = 29_893_440;

    fn defined(id: u32, of: Of) -> v1::Definition {
        v1::Definition { id, of: Some(of) }
    }

    fn host() -> v1::HostLayout {
        v1::HostLayout { memory_total_bytes: 64, ..Default::default() }
    }

    /// Two minutes of an error and a host, what was watched, lines and a position.
    fn small() -> v1::BatchContent {
        let errors = v1::ErrorCounts {
            group: vec![7],
            count: vec![3],
            last_ms: vec![9],
            ..Default::default()
        };
        let minute = |after, values: [i64; 6]| v1::Minute {
            after,
            errors: Some(errors.clone()),
            host: Some(v1::Values { layout: 2, values: values.to_vec(), disks: 0 }),
            ..Default::default()
        };
        let log = v1::LogFile { source: "play".into(), inode: 9, ..Default::default() };
        let up = v1::Watched {
            target: v1::Target::Application.into(),
            state: v1::State::Up.into(),
            ..Default::default()
        };
        v1::BatchContent {
            definitions: vec![
                defined(7, Of::Error(v1::ErrorGroup { fingerprint: 5, ..Default::default() })),
                defined(2, Of::Host(host())),
                defined(3, Of::Log(log)),
                defined(4, Of::Watched(up)),
                defined(5, Of::Name("play".into())),
            ],
            minutes: vec![minute(0, [100, 0, 0, 32, 0, 60]), minute(3, [-50, 0, 0, 1, 0, 60])],
            positions: vec![v1::Position {
                log: 3,
                offset: 11,
                tail_hash: 6,
                last_event_ms_ago: Some(1_000),
            }],
            observations: vec![v1::Observation {
                watched: 4,
                from_ms_ago: 60_000,
                length_ms: 60_000,
            }],
            fates: vec![v1::LineFates { source: 5, counted: 3, ignored: 4, ..Default::default() }],
            ..Default::default()
        }
    }

    fn frame(content: &v1::BatchContent) -> Frame {
        Frame {
            codec: Codec::Zstd,
            first_minute: MINUTE,
            last_minute: MINUTE + 3,
            closed_ms: (MINUTE + 4) * 60_000,
            data: zstd::encode_all(content.encode_to_vec().as_slice(), 3).unwrap(),
            ..Frame::default()
        }
    }

    fn names(opened: &Opened) -> Names {
        let read = |(id, data): &(u32, Vec<u8>)| (*id, Named::As(Wire.definition(data).unwrap()));
        opened.definitions.iter().map(read).collect()
    }

    fn content(frame: &Frame) -> Result<BatchContent, String> {
        let opened = Wire.open(frame)?;
        let names = names(&opened);
        (opened.resolve)(&names)
    }

    fn broken(change: impl FnOnce(&mut v1::BatchContent)) -> String {
        let mut wire = small();
        change(&mut wire);
        content(&frame(&wire)).unwrap_err()
    }

    #[test]
    fn a_batch_says_what_its_ids_stand_for() {
        let opened = Wire.open(&frame(&small())).unwrap();
        assert_eq!(opened.mentioned.iter().copied().collect::<Vec<_>>(), [2, 3, 4, 5, 7]);
        let content = content(&frame(&small())).unwrap();
        assert_eq!(content.groups[0].fingerprint, 5);
        let minutes: Vec<_> = content.minutes.iter().map(|m| m.minute - MINUTE).collect();
        assert_eq!(minutes, [0, 3]);
        let host = content.minutes[1].host.as_ref().unwrap();
        assert_eq!((host.cpu_permille, host.memory_available_bytes, host.uptime_s), (50, 33, 120));
        assert_eq!(host.memory_total_bytes, 64);
        let position = &content.positions[0];
        assert_eq!(
            (position.source.as_str(), position.offset, position.tail_hash),
            ("play", 11, 6)
        );
        assert_eq!(position.last_event_ms, (MINUTE + 4) * 60_000 - 1_000);
        assert_eq!(content.observations[0].period.from_ms, (MINUTE + 3) * 60_000);
        assert_eq!((content.fates[0].source.as_str(), content.fates[0].read), ("play", 7));
    }

    #[test]
    fn what_is_counted_under_a_lost_definition_is_kept_under_a_name_that_says_so() {
        let opened = Wire.open(&frame(&small())).unwrap();
        let lost: Names = opened.mentioned.iter().map(|id| (*id, Named::Lost)).collect();
        let content = (opened.resolve)(&lost).unwrap();
        assert_eq!(content.groups[0].class, "collector.definition_lost");
        assert_eq!(content.minutes[1].errors[0].1.count, 3);
        assert_eq!(content.fates[0].source, "definition_lost");
        let sources: Vec<_> = content.gaps.iter().map(|gap| gap.source.as_str()).collect();
        assert_eq!(sources, ["host", "host", "check"]);
    }

    #[test]
    fn what_breaks_the_contract_is_named() {
        assert!(broken(|c| c.definitions[0].id = 8).contains("id 7, which is not defined"));
        assert!(broken(|c| c.positions[0].log = 7).contains("id 7 as a log"));
        assert!(broken(|c| c.minutes[1].after = 0).contains("not ascending"));
        assert!(broken(|c| c.minutes[0].after = u32::MAX).contains("out of range"));
        assert!(broken(|c| c.fates[0].source = 0).contains("begin at 1"));
        let shorter = |c: &mut v1::BatchContent| {
            for minute in &mut c.minutes {
                minute.host.as_mut().unwrap().values.pop();
            }
        };
        assert!(broken(shorter).contains("5 values of a layout that has 6"));
        let quarter = v1::SketchQuarter { quarter: i64::MAX, ..Default::default() };
        assert!(broken(|c| c.sketches = vec![quarter]).contains("quarter"));
    }

    #[test]
    fn examples_that_cannot_be_read_cost_no_count() {
        let whole = frame(&small());
        let exemplars = v1::Exemplars {
            exemplars: vec![v1::Exemplar { group: 7, text: "x".into(), ..Default::default() }],
        };
        let data = zstd::encode_all(exemplars.encode_to_vec().as_slice(), 3).unwrap();
        let good = content(&Frame { exemplars: data, ..whole.clone() }).unwrap();
        assert_eq!((good.exemplars.len(), good.gaps.len()), (1, 0));
        let bad = Frame { exemplars: vec![1, 2, 3], exemplars_shed: 4, ..whole };
        let bad = content(&bad).unwrap();
        assert_eq!((bad.exemplars.len(), bad.minutes.len()), (0, 2));
        let amounts: Vec<_> =
            bad.gaps.iter().map(|gap| (gap.reason.as_str(), gap.amount)).collect();
        assert_eq!(amounts, [("exemplars_shed", 0), ("exemplars_shed", 4)]);
    }

    #[test]
    fn positions_are_read_without_the_rest() {
        let positions = Wire.positions(&frame(&small())).unwrap();
        assert_eq!((positions.positions[0].log, positions.positions[0].offset), (3, 11));
        assert_eq!(positions.definitions.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_plain_batch_is_read_as_it_is() {
        let data = small().encode_to_vec();
        let plain = Frame { codec: Codec::Plain, data, ..frame(&small()) };
        assert_eq!(content(&plain).unwrap().minutes.len(), 2);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_an_error_or_a_content_and_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..400), exemplars: bool,
        ) {
            let whole = frame(&small());
            let plain = Frame { codec: Codec::Plain, data: bytes.clone(), ..whole.clone() };
            let _ = content(&plain);
            let _ = Wire.positions(&plain);
            let _ = content(&Frame { data: bytes.clone(), ..whole.clone() });
            let data = if exemplars { whole.data.clone() } else { bytes.clone() };
            let _ = content(&Frame { data, exemplars: bytes, ..whole });
        }

        #[test]
        fn a_damaged_batch_is_an_error_or_a_content_and_never_a_panic(
            at in 0usize..400, flip in 1u8.., closed_ms: i64,
        ) {
            let mut data = small().encode_to_vec();
            let at = at % data.len();
            data[at] ^= flip;
            let damaged = Frame { codec: Codec::Plain, data, closed_ms, ..frame(&small()) };
            if let Ok(opened) = Wire.open(&damaged) {
                let lost = opened.mentioned.iter().map(|id| (*id, Named::Lost)).collect();
                let _ = (opened.resolve)(&lost);
            }
            let _ = content(&damaged);
        }
    }
}
