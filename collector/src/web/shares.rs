//! A period's division among the states, in hundredths of a percent that add up to 100.00 %.

use super::format::Format;
use crate::domain::availability::{Shares, State};

/// The whole, in hundredths of a percent.
const WHOLE: u32 = 10_000;

/// Share of each state in the order of [`State::ALL`]. The rounded parts are made to add up to the whole
/// by largest remainder; all are 0 when nothing has passed yet.
pub fn basis_points(shares: &Shares) -> [u32; 5] {
    let parts = [
        shares.up_ms,
        shares.down_ms,
        shares.degraded_ms,
        shares.maintenance_ms,
        shares.unknown_ms,
    ]
    .map(|ms| i128::from(ms.max(0)));
    let sum: i128 = parts.iter().sum();
    if sum == 0 {
        return [0; 5];
    }
    let whole = i128::from(WHOLE);
    let mut points = parts.map(|part| u32::try_from(part * whole / sum).unwrap_or(WHOLE));
    let mut by_remainder = [0, 1, 2, 3, 4];
    by_remainder.sort_by_key(|at| std::cmp::Reverse(parts.get(*at).map_or(0, |p| p * whole % sum)));
    let missing = WHOLE.saturating_sub(points.iter().sum());
    for at in by_remainder.iter().take(missing as usize) {
        if let Some(point) = points.get_mut(*at) {
            *point += 1;
        }
    }
    points
}

/// How much of the time was measured, e.g. `99,50 %`. What is less than the smallest figure is not
/// shown as nothing.
pub fn measured(shares: &Shares, format: Format) -> String {
    let points = WHOLE.saturating_sub(of(&basis_points(shares), State::Unknown));
    match shares.measured_ms() {
        1.. if points == 0 => format!("< {}", format.basis_points(1)),
        0 => format.basis_points(0),
        _ => format.basis_points(points),
    }
}

/// The share of one state.
pub fn of(points: &[u32; 5], state: State) -> u32 {
    State::ALL.iter().zip(points).find(|(one, _)| **one == state).map_or(0, |(_, points)| *points)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::labels::Language;

    proptest! {
        #[test]
        fn shares_always_add_up_to_a_hundred_percent(
            up_ms in 0..i64::MAX, down_ms in 0..i64::MAX, degraded_ms in 0..3_000_i64,
            maintenance_ms in 0..3_000_i64, unknown_ms in 1..i64::MAX,
        ) {
            let shares = Shares { up_ms, down_ms, degraded_ms, maintenance_ms, unknown_ms };
            prop_assert_eq!(basis_points(&shares).iter().sum::<u32>(), WHOLE);
        }
    }

    #[test]
    fn a_minute_of_a_month_is_little_and_not_nothing() {
        let format = Format(Language::Indonesian);
        let month =
            |up_ms| Shares { up_ms, unknown_ms: 2_592_000_000 - up_ms, ..Shares::default() };
        assert_eq!(measured(&month(0), format), "0,00 %");
        assert_eq!(measured(&month(60_000), format), "< 0,01 %");
        assert_eq!(measured(&month(1_296_000_000), format), "50,00 %");
        assert_eq!(measured(&Shares::default(), format), "0,00 %");
    }

    #[test]
    fn thirds_lose_nothing_and_an_empty_period_has_no_shares() {
        let thirds = Shares { up_ms: 1, down_ms: 1, unknown_ms: 1, ..Shares::default() };
        assert_eq!(basis_points(&thirds), [3_334, 3_333, 0, 0, 3_333]);
        assert_eq!(basis_points(&Shares::default()), [0; 5]);
        assert_eq!(of(&[1, 2, 3, 4, 5], State::Unknown), 5);
    }
}
