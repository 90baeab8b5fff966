//! States of targets, observed and concluded.

use super::period::Period;

/// What availability is kept for (meanings in the `.proto`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Target {
    Edge,
    Application,
    Database,
    Server,
    Link,
}

impl Target {
    /// Every target, in the order in which they are shown.
    pub const ALL: [Target; 5] =
        [Target::Edge, Target::Application, Target::Database, Target::Server, Target::Link];

    /// The word used in the store, on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Target::Edge => "edge",
            Target::Application => "application",
            Target::Database => "database",
            Target::Server => "server",
            Target::Link => "link",
        }
    }

    /// Reverse of [`Target::as_str`].
    pub fn parse(word: &str) -> Option<Target> {
        Target::ALL.into_iter().find(|target| target.as_str() == word)
    }
}

/// State of a target. "No data" is `Unknown`, never `Up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum State {
    Up,
    Down,
    Degraded,
    Maintenance,
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] =
        [State::Up, State::Down, State::Degraded, State::Maintenance, State::Unknown];

    /// The word used in the store, on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Down => "down",
            State::Degraded => "degraded",
            State::Maintenance => "maintenance",
            State::Unknown => "unknown",
        }
    }

    /// Reverse of [`State::as_str`].
    pub fn parse(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What one agent saw of one target, as stored: contiguous in time, half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Of what.
    pub target: Target,
    /// What it was.
    pub state: State,
    /// When.
    pub period: Period,
    /// Machine word for why; empty when up.
    pub reason: String,
    /// The address or cluster checked.
    pub subject: String,
}

/// One line of the ledger: what is concluded, and from what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Of what.
    pub target: Target,
    /// When, half-open. The intervals of a target have no holes and do not overlap.
    pub period: Period,
    /// What it was.
    pub state: State,
    /// Machine word for why, e.g. `http_500`, `agent_silent`, `collector_off`, `not_watched_yet`,
    /// `no_probe_configured`, `machine_rebooted`.
    pub reason: String,
}

/// How the milliseconds of a period divide among the states; their sum is the period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Shares {
    pub up_ms: i64,
    pub down_ms: i64,
    pub degraded_ms: i64,
    pub maintenance_ms: i64,
    pub unknown_ms: i64,
}

/// The whole, in hundredths of a percent.
pub const WHOLE_BASIS_POINTS: u32 = 10_000;

/// Hundredths of a percent of each part, by largest remainder: what is printed adds up to exactly
/// 100.00 %. Nothing at all stays 0; negative parts count as 0.
pub fn apportion<const N: usize>(parts: [i64; N]) -> [u32; N] {
    let parts = parts.map(|part| i128::from(part.max(0)));
    let sum: i128 = parts.iter().sum();
    if sum == 0 {
        return [0; N];
    }
    let exact = parts.map(|part| part * i128::from(WHOLE_BASIS_POINTS));
    let mut points = exact.map(|part| u32::try_from(part / sum).unwrap_or(WHOLE_BASIS_POINTS));
    let mut by_remainder: Vec<usize> = (0..N).collect();
    by_remainder.sort_by_key(|at| std::cmp::Reverse(exact.get(*at).map(|part| part % sum)));
    let missing = WHOLE_BASIS_POINTS.saturating_sub(points.iter().sum());
    for at in by_remainder.into_iter().take(missing as usize) {
        if let Some(point) = points.get_mut(at) {
            *point += 1;
        }
    }
    points
}

impl Shares {
    /// Share of each state in the order of [`State::ALL`], adding up to the whole.
    pub fn basis_points(&self) -> [u32; 5] {
        apportion([
            self.up_ms,
            self.down_ms,
            self.degraded_ms,
            self.maintenance_ms,
            self.unknown_ms,
        ])
    }

    /// Time in which the state was known.
    pub fn measured_ms(&self) -> i64 {
        let known = [self.up_ms, self.down_ms, self.degraded_ms, self.maintenance_ms];
        known.into_iter().fold(0, i64::saturating_add)
    }

    /// Availability over the measured time: up and degraded, of the time outside maintenance, as in the
    /// report. Hundredths of a percent, cut and not rounded: 99.999 % is never shown as 100. `None` when
    /// nothing was measured: that is neither 0 nor 100.
    pub fn available_of_measured(&self) -> Option<u32> {
        let (available, whole) = self.available_and_whole();
        (whole > 0).then(|| u32::try_from(available * 10_000 / whole).unwrap_or(10_000))
    }

    /// Whether availability over the measured time is below a target in permille.
    pub fn misses(&self, target_permille: u32) -> bool {
        let (available, whole) = self.available_and_whole();
        available * 1_000 < whole * i128::from(target_permille)
    }

    fn available_and_whole(&self) -> (i128, i128) {
        let available = i128::from(self.up_ms) + i128::from(self.degraded_ms);
        (available, available + i128::from(self.down_ms))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_off_by_a_hundredth(
            parts in prop::array::uniform5(0..i64::MAX), rest in 1..3_000i64,
        ) {
            let [a, b, c, d, _] = parts;
            let parts = [a, b, c, d, rest];
            let points = apportion(parts);
            prop_assert_eq!(points.iter().sum::<u32>(), WHOLE_BASIS_POINTS);
            let sum: i128 = parts.iter().map(|part| i128::from(*part)).sum();
            for (part, point) in parts.into_iter().zip(points) {
                let off = i128::from(point) * sum - i128::from(part) * 10_000;
                prop_assert!(off.abs() < sum);
            }
        }
    }

    #[test]
    fn the_largest_remainder_is_rounded_up() {
        assert_eq!(apportion([1, 1, 0, 0, 1]), [3_334, 3_333, 0, 0, 3_333]);
        assert_eq!(Shares::default().basis_points(), [0; 5]);
    }

    fn shares([up_ms, down_ms, degraded_ms, maintenance_ms, unknown_ms]: [i64; 5]) -> Shares {
        Shares { up_ms, down_ms, degraded_ms, maintenance_ms, unknown_ms }
    }

    #[test]
    fn availability_is_judged_on_the_time_that_was_measured() {
        let table = [
            ([9_900, 100, 0, 0, 0], Some(9_900), false),
            ([9_899, 101, 0, 0, 0], Some(9_899), true),
            ([90, 10, 0, 0, 9_900], Some(9_000), true),
            ([60_000, 0, 0, 0, 2_592_000_000], Some(10_000), false),
            ([999_999, 1, 0, 0, 0], Some(9_999), false),
            ([50, 0, 50, 0, 0], Some(10_000), false),
            ([99, 1, 0, 900, 0], Some(9_900), false),
            ([0, 5, 0, 0, 0], Some(0), true),
            ([0, 0, 0, 9, 0], None, false),
            ([0, 0, 0, 0, 10_000], None, false),
        ];
        for (parts, available, misses) in table {
            assert_eq!(shares(parts).available_of_measured(), available, "{parts:?}");
            assert_eq!(shares(parts).misses(990), misses, "{parts:?}");
        }
        assert_eq!(shares([1, 2, 3, 4, 5]).measured_ms(), 10);
    }
}
