//! Occurrences of one error by minute of an hour, packed into a column of a few bytes.

use std::collections::BTreeMap;

use prost::Message;

use crate::store::value::{plus, quantity};

/// Occurrences in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Occurrences {
    pub(in crate::store) count: i64,
    /// Of `count`, those whose time is an estimate.
    pub(in crate::store) estimated: i64,
}

impl Occurrences {
    /// Adds those of `other`.
    pub(in crate::store) fn add(&mut self, other: Occurrences) {
        self.count = plus(self.count, other.count);
        self.estimated = plus(self.estimated, other.estimated);
    }
}

/// By minute of the hour, 0-59.
pub(in crate::store) type ByMinute = BTreeMap<u8, Occurrences>;

#[derive(Clone, PartialEq, Message)]
struct Packed {
    #[prost(uint32, repeated, tag = "1")]
    minutes: Vec<u32>,
    #[prost(uint64, repeated, tag = "2")]
    counts: Vec<u64>,
    /// Empty when no time is an estimate.
    #[prost(uint64, repeated, tag = "3")]
    estimated: Vec<u64>,
}

/// As bytes.
pub(in crate::store) fn pack(minutes: &ByMinute) -> Vec<u8> {
    let any_estimated = minutes.values().any(|o| o.estimated > 0);
    let packed = Packed {
        minutes: minutes.keys().map(|m| u32::from(*m)).collect(),
        counts: minutes.values().map(|o| o.count.unsigned_abs()).collect(),
        estimated: minutes
            .values()
            .filter(|_| any_estimated)
            .map(|o| o.estimated.unsigned_abs())
            .collect(),
    };
    packed.encode_to_vec()
}

/// Back from bytes.
pub(in crate::store) fn unpack(bytes: &[u8]) -> Result<ByMinute, String> {
    let packed = Packed::decode(bytes).map_err(|why| why.to_string())?;
    let estimated = packed.estimated.iter().copied().chain(std::iter::repeat(0));
    let mut minutes = ByMinute::new();
    for ((minute, count), estimated) in packed.minutes.iter().zip(&packed.counts).zip(estimated) {
        let minute = u8::try_from(*minute).ok().filter(|m| *m < 60);
        let minute = minute.ok_or("a minute beyond the hour")?;
        let occurrences = Occurrences { count: quantity(*count), estimated: quantity(estimated) };
        minutes.entry(minute).or_default().add(occurrences);
    }
    Ok(minutes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn minutes_survive_packing(
            rows in proptest::collection::btree_map(0u8..60, (1i64..1 << 40, 0i64..9), 0..60)
        ) {
            let minutes: ByMinute = rows
                .into_iter()
                .map(|(m, (count, estimated))| (m, Occurrences { count, estimated }))
                .collect();
            prop_assert_eq!(unpack(&pack(&minutes)).unwrap(), minutes);
        }

        #[test]
        fn foreign_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = unpack(&bytes);
        }
    }
}
