//! The ledger: intervals concluded from observations, contacts and the collector's own runs.
//!
//! A site's state at a moment is the worst that its agents say: down, then unknown, degraded,
//! maintenance, up. So the application is down when any probe of it says down, and is up only when
//! every agent that watches it says so. An agent that has not begun to watch a target has no vote while
//! another has; one that has begun and says nothing makes the site unknown.

mod agent;
pub mod reason;
#[cfg(test)]
mod tests;
mod timeline;

use pantau_proto::limits::LINK_DEAD_AFTER_S;

use crate::{
    config::Site,
    domain::{
        AgentId,
        availability::{Interval, Observation, Shares, State, Target},
        period::Period,
        summary::Server,
    },
    store::{Store, StoreResult},
};
use agent::{Agent, Finding, worse};
use timeline::Timeline;

/// A collector says every 10 s that it runs; this long after the last time it still does.
const RUN_GOES_ON_MS: i64 = 30_000;
/// After a collector's start its agents need this long to come back: silence within proves nothing.
const AGENTS_RETURN_WITHIN_MS: i64 = LINK_DEAD_AFTER_S as i64 * 1_000;

/// What the ledger is concluded from, for one site and period.
#[derive(Debug, Default)]
pub struct Facts {
    /// The site's servers and their newest state.
    pub servers: Vec<Server>,
    /// What their agents saw.
    pub observations: Vec<(AgentId, Observation)>,
    /// When their agents were in contact.
    pub contacts: Vec<(AgentId, Period)>,
    /// When the collector was running.
    pub collector_runs: Vec<Period>,
}

/// The ledger of a site for the part of `period` that has passed: for each target, intervals without
/// holes or overlaps.
pub async fn ledger(
    store: &Store,
    site: &Site,
    period: Period,
    now_ms: i64,
) -> StoreResult<Vec<Interval>> {
    let passed = period.until(now_ms);
    let facts = Facts {
        servers: store.servers(Some(&site.id)).await?,
        observations: store.observations(&site.id, passed).await?,
        contacts: store.contacts(&site.id, passed).await?,
        collector_runs: store.collector_runs(passed).await?,
    };
    Ok(conclude(&facts, period, now_ms))
}

/// How the period divides among the states of `target`; the sum is the length the ledger covers.
pub fn shares(ledger: &[Interval], target: Target) -> Shares {
    let mut shares = Shares::default();
    for interval in ledger.iter().filter(|interval| interval.target == target) {
        let share = match interval.state {
            State::Up => &mut shares.up_ms,
            State::Down => &mut shares.down_ms,
            State::Degraded => &mut shares.degraded_ms,
            State::Maintenance => &mut shares.maintenance_ms,
            State::Unknown => &mut shares.unknown_ms,
        };
        *share += interval.period.len_ms();
    }
    shares
}

/// The ledger that follows from `facts`; see [`ledger`].
pub fn conclude(facts: &Facts, period: Period, now_ms: i64) -> Vec<Interval> {
    let period = period.until(now_ms);
    let runs = Timeline::union(facts.collector_runs.iter().map(|run| going_on(*run, now_ms)));
    let listening = Timeline::union(runs.spans().map(|(run, ())| Period {
        from_ms: run.from_ms.saturating_add(AGENTS_RETURN_WITHIN_MS),
        ..*run
    }));
    let agent = |server| Agent::of(server, facts, &runs, period, now_ms);
    let agents: Vec<_> = facts.servers.iter().map(agent).collect();
    let cuts = cuts(&agents, &listening, period);
    let pieces = || cuts.iter().copied().zip(cuts.iter().copied().skip(1));
    let of_target = |target| {
        let site = SiteView::of(&agents, target);
        merged(
            target,
            pieces().map(|(from_ms, to_ms)| {
                let collector_on = listening.at(from_ms).is_some();
                (Period { from_ms, to_ms }, site.finding(from_ms, collector_on))
            }),
        )
    };
    Target::ALL.into_iter().flat_map(of_target).collect()
}

/// One target of the site, and the agents that have a vote on it.
struct SiteView<'s, 'a> {
    target: Target,
    voters: Vec<&'s Agent<'a>>,
}

impl<'s, 'a> SiteView<'s, 'a> {
    /// Agents that say nothing of the target in the whole period vote only when all are like that.
    fn of(agents: &'s [Agent<'a>], target: Target) -> SiteView<'s, 'a> {
        let mut voters: Vec<_> = agents.iter().filter(|agent| agent.watches(target)).collect();
        if voters.is_empty() && target != Target::Edge {
            voters = agents.iter().collect();
        }
        SiteView { target, voters }
    }

    fn finding(&self, at_ms: i64, collector_on: bool) -> Finding<'a> {
        if self.target == Target::Edge && self.voters.is_empty() {
            return (State::Unknown, reason::NO_PROBE);
        }
        let say = |agent: &&Agent<'a>| agent.finding(self.target, at_ms, collector_on);
        let speaking = self.voters.iter().filter(|a| a.speaks_from_ms(self.target) <= at_ms);
        let begun = || self.voters.iter().filter(|agent| agent.has_begun(at_ms));
        speaking
            .map(say)
            .reduce(worse)
            .or_else(|| begun().map(say).reduce(worse))
            .unwrap_or((State::Unknown, reason::NOT_WATCHED_YET))
    }
}

fn going_on(run: Period, now_ms: i64) -> Period {
    let goes_on = run.to_ms <= now_ms && now_ms.saturating_sub(run.to_ms) <= RUN_GOES_ON_MS;
    Period { to_ms: if goes_on { now_ms } else { run.to_ms }, ..run }
}

/// Every moment of the period at which anything may change, its ends included.
fn cuts(agents: &[Agent<'_>], listening: &Timeline<()>, period: Period) -> Vec<i64> {
    let runs = listening.spans().flat_map(|(run, ())| [run.from_ms, run.to_ms]);
    let inner = agents.iter().flat_map(Agent::edges).chain(runs);
    let mut cuts: Vec<i64> = inner.filter(|ms| period.contains(*ms)).collect();
    cuts.extend([period.from_ms, period.to_ms]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

fn merged<'a>(
    target: Target,
    pieces: impl Iterator<Item = (Period, Finding<'a>)>,
) -> Vec<Interval> {
    let mut ledger: Vec<Interval> = Vec::new();
    for (period, (state, reason)) in pieces {
        match ledger.last_mut() {
            Some(last) if last.state == state && last.reason == reason => {
                last.period.to_ms = period.to_ms;
            }
            _ => ledger.push(Interval { target, period, state, reason: reason.to_owned() }),
        }
    }
    ledger
}
