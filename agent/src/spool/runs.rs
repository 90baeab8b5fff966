//! Numbers per run, and how a restored copy shows: pure.
//!
//! Each start of an agent begins to number far beyond the number before, by a step of its own. The numbers
//! between are a hole that this spool never uses. A collector that has stored one of them has heard of
//! another life of this spool: what is here was restored from an older copy.
//!
//! A spool that began without anything may follow one that was deleted. Its first run is remembered as a
//! run without one before it, until a Welcome says that no logs of this agent were counted, or what is
//! counted again was dropped.

use super::{
    codec::{self, Reader},
    ranges::Ranges,
};

/// Numbers left out between two runs at least: more than an agent closes in 90 days, so that a copy that
/// lost its end does not use them again.
const STEP_MIN: u64 = 131_072;
/// Runs remembered that no Welcome has confirmed. Later ones count as part of the last of these.
const RUNS_MAX: usize = 256;

/// The beginning of a run that no Welcome has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Last number of the run before; 0 when there is none.
    pub(super) before: u64,
    /// First number of this one.
    pub(super) first: u64,
}

impl Run {
    /// The first of a spool that began without batches and without positions.
    pub(super) const OF_NEW_SPOOL: Run = Run { before: 0, first: 1 };

    /// Whether nothing came before it.
    pub(super) fn is_of_new_spool(&self) -> bool {
        self.before == 0
    }
}

/// What shows that a spool is a restored copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// Everything from this run on was counted by a copy.
    Run(Run),
    /// A number beyond all of this spool's, while every run is confirmed: a running machine was copied.
    Beyond,
}

/// First number of a run that follows `highest`; 0: the first of its epoch.
pub(super) fn first_of_run(highest: u64, random: u32) -> u64 {
    match highest {
        0 => 1,
        _ => highest.saturating_add(STEP_MIN).saturating_add(u64::from(random)),
    }
}

/// Adds a run to those that wait for a Welcome; none where there are no more numbers.
pub(super) fn begin(runs: &mut Vec<Run>, run: Run) {
    if run.before > 0 && run.before < run.first && runs.len() < RUNS_MAX {
        runs.push(run);
    }
}

/// Whether the collector has stored a number that this spool never used, or has counted logs of an agent
/// whose spool began without anything. `next`: the number of the next batch; what another life used below
/// it was settled. `has_positions`: the collector has counted logs.
pub(super) fn hit(runs: &[Run], next: u64, stored: &Ranges, has_positions: bool) -> Option<Hit> {
    // Once a number of this epoch is stored, what it counts from was settled.
    if let Some(run) = runs.iter().find(|run| run.is_of_new_spool())
        && stored.highest() == 0
        && has_positions
    {
        return Some(Hit::Run(*run));
    }
    let in_hole = |run: &&Run| stored.intersects(run.before + 1, run.first - 1);
    if let Some(run) = runs.iter().find(in_hole) {
        return Some(Hit::Run(*run));
    }
    let is_beyond = stored.highest() >= next;
    // Which run the other life left from is not known: the first of them is the safe answer.
    is_beyond.then(|| runs.first().map_or(Hit::Beyond, |run| Hit::Run(*run)))
}

pub(super) fn put(out: &mut Vec<u8>, runs: &[Run]) {
    codec::put_u32(out, runs.len() as u32);
    for run in runs {
        codec::put_u64(out, run.before);
        codec::put_u64(out, run.first);
    }
}

pub(super) fn get(reader: &mut Reader<'_>) -> Option<Vec<Run>> {
    let count = reader.u32().filter(|count| *count as usize <= RUNS_MAX)?;
    let run = |reader: &mut Reader<'_>| {
        let run = Run { before: reader.u64()?, first: reader.u64()? };
        (run.before < run.first).then_some(run)
    };
    (0..count).map(|_| run(reader)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Run = Run { before: 100, first: 200_000 };
    const THIRD: Run = Run { before: 200_010, first: 400_000 };

    fn stored(pairs: &[(u64, u64)]) -> Ranges {
        Ranges::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn numbers_this_spool_has_used_say_nothing() {
        for known in [&[][..], &[(1, 100)], &[(1, 50), (200_000, 200_005)], &[(400_000, 400_001)]] {
            assert_eq!(hit(&[SECOND, THIRD], 400_002, &stored(known), true), None, "{known:?}");
        }
    }

    #[test]
    fn a_number_in_a_hole_shows_a_copy_restored_before_the_run_behind_it() {
        assert_eq!(
            hit(&[SECOND, THIRD], 400_002, &stored(&[(1, 101)]), true),
            Some(Hit::Run(SECOND))
        );
        let second_lived_on = stored(&[(200_011, 200_030)]);
        assert_eq!(hit(&[SECOND, THIRD], 400_002, &second_lived_on, true), Some(Hit::Run(THIRD)));
    }

    #[test]
    fn a_number_beyond_all_shows_a_copy_whichever_run_it_left_from() {
        assert_eq!(
            hit(&[SECOND], 200_003, &stored(&[(500_000, 500_001)]), true),
            Some(Hit::Run(SECOND))
        );
        assert_eq!(hit(&[], 20, &stored(&[(1, 25)]), true), Some(Hit::Beyond));
        assert_eq!(hit(&[], 1, &stored(&[]), true), None);
    }

    #[test]
    fn a_run_begins_beyond_anything_the_one_before_could_have_reached() {
        assert_eq!(first_of_run(0, 77), 1);
        assert_eq!(first_of_run(100, 7), 131_179);
        assert_eq!(first_of_run(u64::MAX, 7), u64::MAX);
    }

    #[test]
    fn a_new_spool_of_an_agent_whose_logs_were_counted_is_in_doubt_until_one_of_its_numbers_is_stored()
     {
        let runs = [Run::OF_NEW_SPOOL, Run { before: 3, first: 200_000 }];
        let doubt = Some(Hit::Run(Run::OF_NEW_SPOOL));
        assert_eq!(hit(&runs[..1], 0, &stored(&[]), true), doubt);
        assert_eq!(hit(&runs, 200_001, &stored(&[]), true), doubt);
        assert_eq!(hit(&runs, 200_001, &stored(&[]), false), None);
        assert_eq!(hit(&runs, 200_001, &stored(&[(1, 2)]), true), None);
        assert_eq!(hit(&[], 4, &stored(&[]), true), None);
    }
}
