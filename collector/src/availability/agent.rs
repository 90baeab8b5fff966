//! What one agent's evidence says of one moment.

use std::collections::HashMap;

use pantau_proto::limits::LINK_DEAD_AFTER_S;

use super::{Facts, reason, timeline::Timeline};
use crate::domain::{
    AgentId,
    availability::{State, Target},
    period::Period,
    summary::Server,
};

/// A state and the machine word for why.
pub type Finding<'a> = (State, &'a str);

/// Silence that is still contact.
const LINK_DEAD_AFTER_MS: i64 = LINK_DEAD_AFTER_S as i64 * 1_000;

/// The worse of two. Down is evidence of something amiss, so it stands before not knowing; not knowing
/// stands before everything that is evidence of working: no data is never up.
pub fn worse<'a>(a: Finding<'a>, b: Finding<'a>) -> Finding<'a> {
    let rank = |state| match state {
        State::Up => 0,
        State::Maintenance => 1,
        State::Degraded => 2,
        State::Unknown => 3,
        State::Down => 4,
    };
    if rank(b.0) > rank(a.0) { b } else { a }
}

/// One agent's evidence, ordered by time.
pub struct Agent<'a> {
    server: &'a Server,
    /// By target; where it checks several addresses, the worst at each moment.
    seen: HashMap<Target, Timeline<Finding<'a>>>,
    /// While the collector was running.
    contact: Timeline<()>,
    /// It observed something then.
    observed: Timeline<()>,
    /// It observed something, or is in contact and what it observed has not arrived yet. A contact
    /// bridges silences, so that it proves nothing once there are later observations.
    alive: Timeline<()>,
    /// From the last sign before the newest boot to that boot.
    rebooting: Option<Period>,
    /// First contact or first observation, whichever is earlier.
    first_ms: i64,
    /// The newest state holds until here.
    live_until_ms: i64,
}

impl<'a> Agent<'a> {
    /// Orders the evidence of `server`. `runs` is when the collector was running.
    pub fn of(
        server: &'a Server,
        facts: &'a Facts,
        runs: &Timeline<()>,
        period: Period,
        now_ms: i64,
    ) -> Agent<'a> {
        let observations = || of_agent(&facts.observations, &server.agent);
        let mut given: HashMap<Target, Vec<_>> = HashMap::new();
        for seen in observations() {
            let finding = (seen.state, seen.reason.as_str());
            given.entry(seen.target).or_default().push((seen.period, finding));
        }
        let contacts = of_agent(&facts.contacts, &server.agent);
        let contacts = contacts.map(|contact| until_run_ends(*contact, runs));
        let contact = Timeline::union(contacts.flat_map(|contact| runs.within(contact)));
        let observed = Timeline::union(observations().map(|seen| seen.period));
        let watched_from = observed.first_ms().unwrap_or(i64::MAX);
        let first_ms = server.first_seen_ms.min(watched_from);
        let observed_until_ms = observed.end_ms().unwrap_or(i64::MIN);
        let newest_contact = contact.spans().map(|(span, ())| Period {
            from_ms: span.from_ms.max(observed_until_ms),
            to_ms: span.to_ms.max(observed_until_ms),
        });
        let still_here = contact.end_ms().is_some_and(|end| end >= now_ms);
        Agent {
            server,
            seen: given.into_iter().map(|(t, spans)| (t, Timeline::of(spans, worse))).collect(),
            rebooting: rebooting(server, &observed, &contact, period),
            alive: Timeline::union(observed.spans().map(|(p, ())| *p).chain(newest_contact)),
            contact,
            observed,
            first_ms,
            live_until_ms: if still_here { now_ms } else { server.live.at_ms.min(now_ms) },
        }
    }

    /// Every moment at which a finding may change.
    pub fn edges(&self) -> impl Iterator<Item = i64> {
        let seen = self.seen.values().flat_map(|timeline| timeline.spans().map(|(p, _)| *p));
        let alive = self.contact.spans().chain(self.alive.spans()).map(|(p, ())| *p);
        let live = self.server.live.targets.iter().map(|target| target.since_ms);
        let own = [self.first_ms, self.server.first_seen_ms, self.live_until_ms];
        let periods = seen.chain(alive).chain(self.rebooting);
        let boot_ms = self.server.host.boot_time_ms;
        periods.flat_map(|p| [p.from_ms, p.to_ms]).chain(live).chain(own).chain([boot_ms])
    }

    /// Whether it has anything to say about `target` in this period.
    pub fn watches(&self, target: Target) -> bool {
        match target {
            Target::Server | Target::Link => !self.alive.is_empty(),
            _ => self.seen.contains_key(&target) || self.lives(target).next().is_some(),
        }
    }

    /// From when on its word about `target` is missed if it says nothing.
    pub fn speaks_from_ms(&self, target: Target) -> i64 {
        match target {
            Target::Link => self.server.first_seen_ms,
            Target::Server => self.first_ms,
            _ => {
                let seen = self.seen.get(&target).and_then(Timeline::first_ms);
                let live = self.lives(target).map(|(since_ms, _)| since_ms).min();
                seen.into_iter().chain(live).min().unwrap_or(self.first_ms).max(self.first_ms)
            }
        }
    }

    /// Whether the site was watched by it at all.
    pub fn has_begun(&self, at_ms: i64) -> bool {
        self.first_ms <= at_ms
    }

    /// What it says of `target` at one moment.
    pub fn finding(&self, target: Target, at_ms: i64, collector_on: bool) -> Finding<'a> {
        match target {
            Target::Server => self.server_finding(at_ms, collector_on),
            Target::Link => self.link_finding(at_ms, collector_on),
            _ => self.checked_finding(target, at_ms, collector_on),
        }
    }

    fn checked_finding(&self, target: Target, at_ms: i64, collector_on: bool) -> Finding<'a> {
        let seen = self.seen.get(&target);
        if let Some(finding) = seen.and_then(|timeline| timeline.at(at_ms)) {
            return finding;
        }
        let seen_until_ms = seen.and_then(Timeline::end_ms).unwrap_or(i64::MIN);
        if at_ms >= seen_until_ms
            && let Some(finding) = self.live_finding(target, at_ms)
        {
            return finding;
        }
        (State::Unknown, self.why_unchecked(target, at_ms, collector_on))
    }

    fn why_unchecked(&self, target: Target, at_ms: i64, collector_on: bool) -> &'static str {
        let begun = self.watches(target) && at_ms >= self.speaks_from_ms(target);
        if at_ms < self.first_ms {
            reason::NOT_WATCHED_YET
        } else if self.observed.at(at_ms).is_some() {
            if begun { reason::CANNOT_TELL } else { reason::NO_PROBE }
        } else if !begun && self.contact.at(at_ms).is_some() {
            reason::NO_PROBE
        } else if self.came_back_after(at_ms) {
            self.why_not_observed(at_ms)
        } else if self.contact.at(at_ms).is_some() {
            reason::PENDING
        } else if collector_on {
            reason::AGENT_SILENT
        } else {
            reason::COLLECTOR_OFF
        }
    }

    /// Observations that are later than this have arrived: it will not become known any more.
    fn came_back_after(&self, at_ms: i64) -> bool {
        self.observed.end_ms().is_some_and(|end_ms| end_ms > at_ms)
    }

    fn why_not_observed(&self, at_ms: i64) -> &'static str {
        let has_booted_since = self.server.host.boot_time_ms > at_ms;
        if has_booted_since { reason::AGENT_SILENT } else { reason::AGENT_NOT_RUNNING }
    }

    /// The newest state holds since its own beginning: the contract says that it was observed without
    /// a gap since then.
    fn live_finding(&self, target: Target, at_ms: i64) -> Option<Finding<'a>> {
        let holds = at_ms < self.live_until_ms;
        let lives = self.lives(target).filter(|(since_ms, _)| holds && *since_ms <= at_ms);
        lives.map(|(_, finding)| finding).reduce(worse)
    }

    fn lives(&self, target: Target) -> impl Iterator<Item = (i64, Finding<'a>)> {
        let targets = self.server.live.targets.iter();
        targets.filter(move |live| live.target == target.as_str()).map(|live| {
            let state = State::parse(&live.state).unwrap_or(State::Unknown);
            (live.since_ms, (state, live.reason.as_str()))
        })
    }

    fn server_finding(&self, at_ms: i64, collector_on: bool) -> Finding<'a> {
        if let Some(finding) = self.seen.get(&Target::Server).and_then(|seen| seen.at(at_ms)) {
            return finding;
        }
        if self.rebooting.is_some_and(|period| period.contains(at_ms)) {
            return (State::Down, reason::MACHINE_REBOOTED);
        }
        if self.alive.at(at_ms).is_some() {
            return (State::Up, "");
        }
        let why = if at_ms < self.first_ms {
            reason::NOT_WATCHED_YET
        } else if self.came_back_after(at_ms) {
            self.why_not_observed(at_ms)
        } else if !collector_on {
            reason::COLLECTOR_OFF
        } else {
            reason::AGENT_SILENT
        };
        (State::Unknown, why)
    }

    fn link_finding(&self, at_ms: i64, collector_on: bool) -> Finding<'a> {
        if self.contact.at(at_ms).is_some() {
            (State::Up, "")
        } else if at_ms < self.server.first_seen_ms {
            (State::Unknown, reason::NOT_WATCHED_YET)
        } else if !collector_on {
            (State::Unknown, reason::COLLECTOR_OFF)
        } else {
            (State::Down, reason::NO_CONTACT)
        }
    }
}

fn of_agent<'a, T>(all: &'a [(AgentId, T)], agent: &AgentId) -> impl Iterator<Item = &'a T> {
    all.iter().filter(move |(whose, _)| whose == agent).map(|(_, what)| what)
}

/// A contact is noted up to its last sign. When the collector stopped (or now is) so soon after that
/// the next sign was not due yet, the contact lasted until then.
fn until_run_ends(contact: Period, runs: &Timeline<()>) -> Period {
    let last_ms = contact.to_ms.saturating_sub(1).max(contact.from_ms);
    let run_end_ms = runs.span_at(last_ms).map_or(contact.to_ms, |(run, ())| run.to_ms);
    if run_end_ms.saturating_sub(contact.to_ms) <= LINK_DEAD_AFTER_MS {
        return Period { to_ms: run_end_ms.max(contact.to_ms), ..contact };
    }
    contact
}

/// When the newest boot lies in the period and outside of what was observed: from the last sign of the
/// machine to that boot. A contact bridges silences of [`LINK_DEAD_AFTER_MS`], so that much of one
/// before a boot proves nothing.
fn rebooting(
    server: &Server,
    observed: &Timeline<()>,
    contact: &Timeline<()>,
    period: Period,
) -> Option<Period> {
    let boot_ms = server.host.boot_time_ms;
    let observed_through =
        observed.span_at(boot_ms).is_some_and(|(seen, ())| seen.from_ms < boot_ms);
    if !period.contains(boot_ms) || observed_through {
        return None;
    }
    let bridged = contact
        .span_at(boot_ms)
        .map(|(contact, ())| contact.from_ms.max(boot_ms.saturating_sub(LINK_DEAD_AFTER_MS)));
    let before_period = (server.first_seen_ms < period.from_ms).then_some(period.from_ms);
    let signs =
        [observed.last_end_until(boot_ms), contact.last_end_until(boot_ms), bridged, before_period];
    let from_ms = signs.into_iter().flatten().max()?;
    Some(Period { from_ms, to_ms: boot_ms }).filter(|period| period.len_ms() > 0)
}
