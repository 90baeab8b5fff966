//! A period's division among the states, as pages show it.

use super::format::Format;
use crate::domain::availability::{Shares, State, WHOLE_BASIS_POINTS};

/// How much of the time was measured, e.g. `99,50 %`. What is less than the smallest figure is not
/// shown as nothing.
pub fn measured(shares: &Shares, format: Format) -> String {
    let points = WHOLE_BASIS_POINTS.saturating_sub(of(&shares.basis_points(), State::Unknown));
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
    use super::*;
    use crate::labels::Language;

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
}
