//! Availability of the running month per site, remembered for a minute: the national list asks for it
//! every few seconds, and a ledger is not read for nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::{
    availability,
    config::Site,
    domain::{
        SiteId,
        availability::{Interval, Shares, Target},
        period::Period,
    },
    store::{Store, StoreResult},
};

/// A figure older than this is computed again: a minute.
const FRESH_MS: i64 = 60_000;
/// Ledgers computed for one view of the list; the other sites show their last figure until the next.
pub const LEDGERS_PER_VIEW_MAX: usize = 25;

/// A site's month in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headline {
    /// Of which target: the application where it was watched, else the server.
    pub target: Target,
    /// How the elapsed month divides.
    pub shares: Shares,
}

impl Headline {
    /// The headline of a ledger.
    pub fn of(ledger: &[Interval]) -> Headline {
        let headline = |target| Headline { target, shares: availability::shares(ledger, target) };
        let application = headline(Target::Application);
        if application.shares.measured_ms() > 0 { application } else { headline(Target::Server) }
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
    /// The remembered headline of a site, fresh or not.
    pub fn get(&self, site: &SiteId) -> Option<Headline> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(site).map(|(_, headline)| *headline)
    }

    /// Those whose headline is not fresh: sites without one first, then the oldest, so that none waits
    /// for ever; at most [`LEDGERS_PER_VIEW_MAX`].
    pub fn due<'a>(&self, sites: impl Iterator<Item = &'a Site>, now_ms: i64) -> Vec<&'a Site> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let computed_ms = |site: &&Site| all.get(&site.id).map(|(at_ms, _)| *at_ms);
        let stale = |at_ms: Option<i64>| at_ms.is_none_or(|at_ms| is_stale(at_ms, now_ms));
        let mut due: Vec<_> = sites.filter(|site| stale(computed_ms(site))).collect();
        due.sort_by_key(computed_ms);
        due.truncate(LEDGERS_PER_VIEW_MAX);
        due
    }

    /// Computes a site's headline anew and remembers it.
    pub async fn refresh(&self, store: &Store, site: &Site, now_ms: i64) -> StoreResult<()> {
        let Some(month) = running(site, now_ms) else { return Ok(()) };
        let ledger = availability::ledger(store, site, month, now_ms).await?;
        self.remember(&site.id, Headline::of(&ledger), now_ms);
        Ok(())
    }

    fn remember(&self, site: &SiteId, headline: Headline, now_ms: i64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(site.clone(), (now_ms, headline));
    }
}

fn is_stale(at_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(at_ms) >= FRESH_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Settings, domain::availability::State};

    fn sites(count: usize) -> Vec<Site> {
        let site = |n| format!("[[site]]\nid = \"s{n}\"\nname = \"S\"\nzone = \"Asia/Jakarta\"\n");
        let sites: String = (0..count).map(site).collect();
        Settings::parse(&format!("store = \"sqlite:x\"\n{sites}")).unwrap().sites
    }

    #[test]
    fn with_more_sites_than_one_view_computes_each_gets_its_turn_before_any_gets_a_second() {
        let (sites, months) = (sites(4 * LEDGERS_PER_VIEW_MAX), Months::default());
        let headline = Headline { target: Target::Server, shares: Shares::default() };
        for round in 0..3_i64 {
            let mut seen = Vec::new();
            for view in 0..4_i64 {
                let now_ms = round * FRESH_MS + view * 5_000;
                let due = months.due(sites.iter(), now_ms);
                assert_eq!(due.len(), LEDGERS_PER_VIEW_MAX, "round {round}, view {view}");
                for site in due {
                    months.remember(&site.id, headline, now_ms);
                    seen.push(site.id.0.clone());
                }
            }
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), sites.len(), "round {round}");
        }
    }

    #[test]
    fn what_is_fresh_is_not_computed_again() {
        let (sites, months) = (sites(1), Months::default());
        let shares = Shares { up_ms: 1, ..Shares::default() };
        months.remember(&sites[0].id, Headline { target: Target::Server, shares }, 1_000);
        assert!(months.due(sites.iter(), FRESH_MS + 999).is_empty());
        assert_eq!(months.due(sites.iter(), FRESH_MS + 1_000).len(), 1);
        assert_eq!(months.get(&sites[0].id).unwrap().shares, shares);
    }

    #[test]
    fn the_server_stands_in_where_the_application_was_never_measured() {
        let interval = |target, state| Interval {
            target,
            period: Period { from_ms: 0, to_ms: 10 },
            state,
            reason: String::new(),
        };
        let server = interval(Target::Server, State::Up);
        let unknown = [interval(Target::Application, State::Unknown), server.clone()];
        assert_eq!(Headline::of(&unknown).target, Target::Server);
        let known = [interval(Target::Application, State::Down), server];
        assert_eq!(Headline::of(&known).target, Target::Application);
    }
}
