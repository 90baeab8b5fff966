//! DDSketch of durations (Masson, Rim and Lee, VLDB 2019): quantiles with a relative error of at most
//! [`RELATIVE_ERROR`], exactly mergeable.
//!
//! Our own rather than a crate's: the bins themselves travel and are stored, as integers, so that the
//! same observations give the same bytes in any order of merging.

use std::collections::BTreeMap;

mod packed;

pub use packed::{SKETCHES_MAX, Unreadable, pack, unpack};

/// A quantile lies within this share of the true value.
pub const RELATIVE_ERROR: f64 = 0.01;

/// Highest key that is kept: `gamma^1800` is above 130 years in microseconds. Foreign keys beyond it
/// are clamped, so that a sketch has at most this many bins and one.
pub const KEY_MAX: i32 = 1_800;

/// Counts of durations by logarithmic bin. Bin `k` holds values in `(gamma^(k-1), gamma^k]`
/// microseconds; bin 0 holds 0 and 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    bins: BTreeMap<i32, u64>,
}

impl Sketch {
    /// Adds one observation, in microseconds.
    pub fn add(&mut self, us: u64) {
        let bin = self.bins.entry(key_of(us)).or_default();
        *bin = bin.saturating_add(1);
    }

    /// Adds all observations of `other`.
    pub fn merge(&mut self, other: &Sketch) {
        for (key, count) in &other.bins {
            let bin = self.bins.entry(*key).or_default();
            *bin = bin.saturating_add(*count);
        }
    }

    /// Number of observations.
    pub fn count(&self) -> u64 {
        self.bins.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether nothing was observed.
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// The `permille`-th quantile in microseconds (950 is p95), by the nearest-rank rule; `None` when
    /// nothing was observed.
    pub fn quantile(&self, permille: u32) -> Option<u64> {
        let total = u128::from(self.count());
        let rank = (total * u128::from(permille.min(1_000))).div_ceil(1_000).max(1);
        let mut seen = 0u128;
        for (key, count) in &self.bins {
            seen += u128::from(*count);
            if seen >= rank {
                return Some(value_of(*key));
            }
        }
        None
    }

    /// Bins as they travel: the first key, then differences to the key before; and their counts.
    pub fn to_deltas(&self) -> (Vec<i32>, Vec<u64>) {
        let mut before = 0;
        let keys = self.bins.keys().map(|key| {
            let delta = key - before;
            before = *key;
            delta
        });
        (keys.collect(), self.bins.values().copied().collect())
    }

    /// Reverse of [`Sketch::to_deltas`] for bytes from outside: surplus entries of the longer list are
    /// ignored, keys are clamped to `0..=`[`KEY_MAX`], empty bins dropped.
    pub fn from_deltas(deltas: &[i32], counts: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        let mut key = 0i32;
        for (delta, count) in deltas.iter().zip(counts) {
            key = key.saturating_add(*delta).clamp(0, KEY_MAX);
            if *count == 0 {
                continue;
            }
            let bin = sketch.bins.entry(key).or_default();
            *bin = bin.saturating_add(*count);
        }
        sketch
    }
}

fn gamma() -> f64 {
    (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)
}

fn key_of(us: u64) -> i32 {
    if us <= 1 {
        return 0;
    }
    ((us as f64).ln() / gamma().ln()).ceil().min(f64::from(KEY_MAX)) as i32
}

/// The value whose relative distance to both ends of the bin is the same.
fn value_of(key: i32) -> u64 {
    if key == 0 {
        return 1;
    }
    (2.0 * gamma().powi(key) / (gamma() + 1.0)).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_one_percent_of_the_true_value() {
        let mut sketch = Sketch::default();
        let values: Vec<u64> = (1..=10_000u64).map(|n| n * n).collect();
        values.iter().for_each(|v| sketch.add(*v));
        for permille in [10, 500, 950, 990, 1_000] {
            let truth = values[(permille * values.len()).div_ceil(1_000) - 1] as f64;
            let got = sketch.quantile(permille as u32).unwrap_or_default() as f64;
            assert!((got - truth).abs() / truth <= 0.0101, "{permille}: {got} against {truth}");
        }
    }

    #[test]
    fn merging_in_any_order_gives_the_same_bins() {
        let part = |range: std::ops::Range<u64>| {
            let mut sketch = Sketch::default();
            range.for_each(|v| sketch.add(v));
            sketch
        };
        let (mut ab, mut ba) = (part(0..500), part(400..90_000));
        ab.merge(&part(400..90_000));
        ba.merge(&part(0..500));
        assert_eq!(ab, ba);
        assert_eq!(ab.count(), 500 + 89_600);
    }

    #[test]
    fn bins_survive_the_wire_and_foreign_bins_do_no_harm() {
        let mut sketch = Sketch::default();
        [0, 1, 7, 7, 350_000].into_iter().for_each(|v| sketch.add(v));
        let (keys, counts) = sketch.to_deltas();
        assert_eq!(Sketch::from_deltas(&keys, &counts), sketch);
        let hostile =
            Sketch::from_deltas(&[i32::MAX, i32::MAX, i32::MIN], &[u64::MAX, u64::MAX, 1]);
        assert_eq!(hostile.count(), u64::MAX);
        assert!(hostile.quantile(950).is_some());
    }

    #[test]
    fn nothing_observed_has_no_quantile() {
        assert_eq!(Sketch::default().quantile(950), None);
    }
}
