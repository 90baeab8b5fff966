//! Availability of the running month per site, remembered for a minute: the national list asks for it
//! every few seconds, and a ledger is not read for nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use super::shares;
use crate::{
    availability,
    config::Site,
    domain::{
        SiteId,
        availability::{Interval, State, Target},
        period::Period,
    },
    store::{Store, StoreResult},
};

/// A figure older than this is computed again: a minute.
const FRESH_MS: i64 = 60_000;
/// Ledgers computed for one view of the list; the other sites show their last figure until the next.
pub const LEDGERS_PER_VIEW_MAX: usize = 25;

/// A site's month in one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headline {
    /// Of which target: the application where it was watched, else the server.
    pub target: Target,
    /// Shares in the order of `State::ALL`, hundredths of a percent.
    pub points: [u32; 5],
}

impl Headline {
    /// The headline of a ledger.
    pub fn of(ledger: &[Interval]) -> Headline {
        let points = |target| shares::basis_points(&availability::shares(ledger, target));
        let application = points(Target::Application);
        let watched = application.iter().sum::<u32>() > shares::of(&application, State::Unknown);
        if watched {
            Headline { target: Target::Application, points: application }
        } else {
            Headline { target: Target::Server, points: points(Target::Server) }
        }
    }

    /// Share of the elapsed month in which the state was known, hundredths of a percent.
    pub fn measured(&self) -> u32 {
        let known = [State::Up, State::Down, State::Degraded, State::Maintenance];
        known.iter().map(|state| shares::of(&self.points, *state)).sum()
    }

    /// Share of the measured time that was up, hundredths of a percent; `None` when nothing was measured:
    /// that is neither 0 nor 100.
    pub fn up_of_measured(&self) -> Option<u32> {
        let measured = self.measured();
        (measured > 0).then(|| shares::of(&self.points, State::Up) * 10_000 / measured)
    }

    /// Whether the measured time is below the site's target.
    pub fn misses(&self, target_permille: u32) -> bool {
        self.up_of_measured().is_some_and(|up| up < target_permille * 10)
    }
}

/// The running month of a site.
pub fn running(site: &Site, now_ms: i64) -> Option<Period> {
    let day = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(site.zone.clone()).date();
    Period::month_of(day, &site.zone)
}

/// Headlines computed lately; as many as there are sites in the settings.
#[derive(Debug, Default)]
pub struct Months(Mutex<HashMap<SiteId, (i64, Headline)>>);

impl Months {
    /// The remembered headline of a site, and whether it is still fresh.
    pub fn get(&self, site: &SiteId, now_ms: i64) -> Option<(Headline, bool)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at_ms, headline) = all.get(site)?;
        Some((*headline, now_ms.saturating_sub(*at_ms) < FRESH_MS))
    }

    /// Computes a site's headline anew and remembers it.
    pub async fn refresh(&self, store: &Store, site: &Site, now_ms: i64) -> StoreResult<()> {
        let Some(month) = running(site, now_ms) else { return Ok(()) };
        let ledger = availability::ledger(store, site, month, now_ms).await?;
        let headline = Headline::of(&ledger);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(site.id.clone(), (now_ms, headline));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_judged_on_the_time_that_was_measured() {
        let headline = |points| Headline { target: Target::Application, points };
        assert!(!headline([9_900, 100, 0, 0, 0]).misses(990));
        assert!(headline([9_899, 101, 0, 0, 0]).misses(990));
        assert_eq!(headline([90, 10, 0, 0, 9_900]).up_of_measured(), Some(9_000));
        assert_eq!(headline([90, 10, 0, 0, 9_900]).measured(), 100);
        assert_eq!(headline([0, 0, 0, 0, 10_000]).up_of_measured(), None);
        assert!(!headline([0, 0, 0, 0, 10_000]).misses(990));
    }
}
