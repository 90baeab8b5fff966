//! Ertl's improved estimator: how many distinct hashes leave so many registers of each rank.

use super::{RANK_BITS, REGISTERS};

/// 1 / (2 ln 2), the constant of the estimator for many registers.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// `of_rank`: how many registers have rank 0, 1, …
pub fn cardinality(of_rank: &[u32]) -> f64 {
    let registers = REGISTERS as f64;
    let share = |rank: u32| {
        let count = of_rank.get(rank as usize).copied().unwrap_or(0);
        f64::from(count) / registers
    };
    let mut z = registers * tau(1.0 - share(RANK_BITS + 1));
    for rank in (1..=RANK_BITS).rev() {
        z = 0.5 * (z + share(rank) * registers);
    }
    z += registers * sigma(share(0));
    ALPHA * registers * registers / z
}

/// The part of the registers that are not set.
fn sigma(x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut z) = (x, 1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        // Sums of what shrinks: the sum stops changing.
        if z <= before {
            return z;
        }
    }
}

/// The part of the registers that have the highest rank.
fn tau(x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut x, mut y, mut z) = (x, 1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}
