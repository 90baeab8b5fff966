//! Sketches as they travel: bin by bin, entropy coded. Several of them share what the coder has learned
//! (durations of one server look alike), so they are packed together: some 30 bytes for a hundred
//! observations, where keys and counts as varints take two hundred.
//!
//! # Format
//! A binary range coder (the one of LZMA: 32-bit range, carry by cache) with adaptive probabilities. Of
//! each sketch: whether it is empty; the number of observations; its first key (11 bits, the upper six
//! adaptive); the count of that bin; then, as long as observations remain, for each next key whether it
//! has any, and how many. Numbers are Elias gamma codes.
//!
//! # Limits
//! [`SKETCHES_MAX`] sketches in one piece. Bytes from outside cannot make more bins than the caller
//! allows, and a key beyond [`KEY_MAX`] is an error.

use super::{KEY_MAX, Sketch};

mod coder;

use coder::{Bit, Coder, Decoder, Encoder};

/// Sketches packed in one piece: more travel in several pieces.
pub const SKETCHES_MAX: usize = 512;

/// Bits of a key, and those of them that are learned.
const KEY_BITS: u32 = 11;
const KEY_BITS_LEARNED: u32 = 6;
/// Contexts of the density of bins, two for each doubling.
const DENSITIES: usize = 34;
/// Contexts of how much of the sketch is still to come.
const REMAINDERS: usize = 4;
/// A bin's count up to this is coded in unary.
const UNARY_MAX: u64 = 12;

/// Bytes that are no packed sketches.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// More sketches in one piece than [`SKETCHES_MAX`].
    #[error("more than {SKETCHES_MAX} sketches in one piece")]
    TooMany,
    /// A bin beyond the last key, or bytes missing or left over.
    #[error("damaged sketches")]
    Damaged,
    /// More bins than the caller allows.
    #[error("more bins than allowed")]
    TooLarge,
}

/// Packs sketches, at most [`SKETCHES_MAX`]; further ones are left out.
pub fn pack<'a>(sketches: impl IntoIterator<Item = &'a Sketch>) -> Vec<u8> {
    let (mut coder, mut model) = (Encoder::default(), Model::default());
    for sketch in sketches.into_iter().take(SKETCHES_MAX) {
        // An encoder gives back what it was given: it cannot find damage.
        let _ = model.code(&mut coder, Some(sketch), &mut usize::MAX.clone());
    }
    coder.finish()
}

/// Reverse of [`pack`] for bytes from outside. `bins_left` is what all sketches of one message may still
/// have; it is lowered by the bins that were read.
pub fn unpack(
    bytes: &[u8],
    count: usize,
    bins_left: &mut usize,
) -> Result<Vec<Sketch>, Unreadable> {
    if count > SKETCHES_MAX {
        return Err(Unreadable::TooMany);
    }
    let (mut coder, mut model) = (Decoder::new(bytes), Model::default());
    let sketches = (0..count).map(|_| model.code(&mut coder, None, bins_left)).collect();
    if coder.is_whole() { sketches } else { Err(Unreadable::Damaged) }
}

/// What the coder has learned. Coding and decoding walk the same way: each step codes what it is given
/// and gives what was coded.
struct Model {
    empty: Bit,
    totals: Gamma,
    keys: [Bit; 1 << KEY_BITS_LEARNED],
    present: [[Bit; REMAINDERS]; DENSITIES],
    more: [[Bit; UNARY_MAX as usize]; DENSITIES],
    counts: Gamma,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            empty: Bit::default(),
            totals: Gamma::default(),
            keys: [Bit::default(); 1 << KEY_BITS_LEARNED],
            present: [[Bit::default(); REMAINDERS]; DENSITIES],
            more: [[Bit::default(); UNARY_MAX as usize]; DENSITIES],
            counts: Gamma::default(),
        }
    }
}

impl Model {
    fn code(
        &mut self,
        coder: &mut impl Coder,
        given: Option<&Sketch>,
        bins_left: &mut usize,
    ) -> Result<Sketch, Unreadable> {
        let mut sketch = Sketch::default();
        if coder.bit(&mut self.empty, given.is_some_and(Sketch::is_empty)) {
            return Ok(sketch);
        }
        let total = self.totals.code(coder, given.map_or(1, Sketch::count));
        let first = given.and_then(|sketch| sketch.bins.keys().next().copied()).unwrap_or(0);
        let mut key = self.key(coder, first);
        let (mut left, mut density) = (total, Density::default());
        let mut is_present = true;
        loop {
            if key > KEY_MAX {
                return Err(Unreadable::Damaged);
            }
            let mut count = 0;
            if is_present {
                *bins_left = bins_left.checked_sub(1).ok_or(Unreadable::TooLarge)?;
                count = self.count(coder, count_at(given, key).min(left), density, left);
                sketch.bins.insert(key, count);
                left -= count;
            }
            if left == 0 {
                return Ok(sketch);
            }
            density.see(count);
            key += 1;
            let bit = &mut self.present[density.context()][remainder(left, total)];
            is_present = coder.bit(bit, count_at(given, key) > 0);
        }
    }

    fn key(&mut self, coder: &mut impl Coder, given: i32) -> i32 {
        let (mut node, mut key) = (1usize, 0i32);
        for at in (0..KEY_BITS).rev() {
            let bit = given >> at & 1 == 1;
            let bit = match self.keys.get_mut(node) {
                Some(learned) => coder.bit(learned, bit),
                None => coder.raw(bit),
            };
            node = node << 1 | usize::from(bit);
            key = key << 1 | i32::from(bit);
        }
        key
    }

    /// The count of a bin that has one, from 1 to `left`.
    fn count(&mut self, coder: &mut impl Coder, given: u64, density: Density, left: u64) -> u64 {
        let more = &mut self.more[density.context()];
        for (count, bit) in (1..).zip(more) {
            if count == left || !coder.bit(bit, given > count) {
                return count;
            }
        }
        let rest = self.counts.code(coder, given.saturating_sub(UNARY_MAX).max(1));
        rest.saturating_add(UNARY_MAX).min(left)
    }
}

fn count_at(given: Option<&Sketch>, key: i32) -> u64 {
    given.and_then(|sketch| sketch.bins.get(&key)).copied().unwrap_or(0)
}

/// How much is still to come: nearly all, more than half, less, nearly nothing.
fn remainder(left: u64, total: u64) -> usize {
    let eighths = u128::from(left) * 8 / u128::from(total.max(1));
    match eighths {
        7.. => 3,
        4..7 => 2,
        1..4 => 1,
        _ => 0,
    }
}

/// Mean count of the bins before, the nearer ones weighing more, in 1/256.
#[derive(Clone, Copy, Default)]
struct Density(u32);

impl Density {
    fn see(&mut self, count: u64) {
        let count = count.min(255) as u32 * 256;
        self.0 = self.0 - self.0 / 8 + count / 8;
    }

    fn context(self) -> usize {
        let Some(log) = self.0.checked_ilog2() else { return 0 };
        let half = if log > 0 { self.0 >> (log - 1) & 1 } else { 0 };
        ((2 * log + half) as usize + 1).min(DENSITIES - 1)
    }
}

/// Elias gamma code of numbers from 1: how many bits it has is learned, and the uppermost of them.
struct Gamma {
    lengths: [Bit; 64],
    uppers: [Bit; 64],
}

impl Default for Gamma {
    fn default() -> Gamma {
        Gamma { lengths: [Bit::default(); 64], uppers: [Bit::default(); 64] }
    }
}

impl Gamma {
    fn code(&mut self, coder: &mut impl Coder, given: u64) -> u64 {
        let given = given.max(1);
        let mut length = 0;
        while length < 63 && coder.bit(&mut self.lengths[length], given.ilog2() as usize > length) {
            length += 1;
        }
        let mut number = 1u64;
        for at in (0..length).rev() {
            let bit = given >> at & 1 == 1;
            let is_upper = at + 1 == length;
            let bit =
                if is_upper { coder.bit(&mut self.uppers[length], bit) } else { coder.raw(bit) };
            number = number << 1 | u64::from(bit);
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
        let bin = (0..=KEY_MAX, prop_oneof![4 => 1..4u64, 2 => 1..5_000u64, 1 => 1..1u64 << 50]);
        let sketch = proptest::collection::btree_map(
            bin.clone().prop_map(|b| b.0),
            bin.prop_map(|b| b.1),
            0..60,
        );
        proptest::collection::vec(sketch.prop_map(|bins| Sketch { bins }), 0..20)
    }

    /// Durations as a server has them: lognormal around a median that differs from query to query.
    fn like_a_server(queries: u64, calls: u64) -> Vec<Sketch> {
        let mut state = 7u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1u64 << 31) as f64
        };
        let mut normal = move || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let mut sketch = || {
            let median = 2_000.0 * (1.5 * normal()).exp();
            let mut sketch = Sketch::default();
            (0..calls).for_each(|_| sketch.add((median * (0.8 * normal()).exp()) as u64));
            sketch
        };
        (0..queries).map(|_| sketch()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_packed_comes_back(sketches in sketches()) {
            let mut bins_left = usize::MAX;
            let packed = pack(&sketches);
            prop_assert_eq!(unpack(&packed, sketches.len(), &mut bins_left), Ok(sketches));
        }

        #[test]
        fn foreign_bytes_make_no_panic_and_no_more_bins_than_allowed(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), count in 0..600usize,
        ) {
            let mut bins_left = 1_000;
            let bins = unpack(&bytes, count, &mut bins_left)
                .map_or(0, |sketches| sketches.iter().map(|s| s.bins.len()).sum());
            prop_assert!(bins <= 1_000);
        }
    }

    #[test]
    fn the_least_durations_come_back_too() {
        let sketch = Sketch { bins: [(0, 1)].into() };
        assert_eq!(unpack(&pack([&sketch; 3]), 3, &mut 3), Ok(vec![sketch; 3]));
    }

    #[test]
    fn counts_beyond_all_numbers_do_no_harm() {
        let sketch = Sketch { bins: [(1, u64::MAX), (2, u64::MAX), (9, 3)].into() };
        let read = unpack(&pack([&sketch]), 1, &mut 10).unwrap();
        assert_eq!(read[0].count(), u64::MAX);
    }

    #[test]
    fn a_piece_cut_short_or_with_something_behind_it_is_damaged() {
        let packed = pack(&like_a_server(10, 50));
        let longer = [&packed[..], &[1; 8]].concat();
        for bytes in [&packed[..packed.len() / 2], &longer] {
            assert_eq!(unpack(bytes, 10, &mut 10_000).err(), Some(Unreadable::Damaged));
        }
    }

    #[test]
    fn a_hundred_observations_take_forty_bytes() {
        let sketches = like_a_server(400, 94);
        let packed = pack(&sketches);
        let bytes = packed.len();
        assert!(bytes < 400 * 40, "{bytes}");
    }
}
