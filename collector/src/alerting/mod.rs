//! Rules, decisions with hysteresis, and notifications sent once.
//!
//! A tick reads (`facts`, from `rules`), decides (`decide`) and stores; what it stores is the next tick's
//! memory and, in the same transaction, the outbox. `deliver` empties the outbox through `notify`.

mod decide;
mod deliver;
mod facts;
mod notify;
mod rules;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use tracing::info;

use crate::{
    config::Settings,
    domain::{
        SiteId,
        alert::{AlertKey, AlertState, Change, Channel, Event},
        summary::Server,
    },
    store::Store,
};

use self::{
    decide::{Decision, Moment, decide},
    facts::Fact,
    notify::Notifier,
    rules::{RULES, Rule},
};

/// Ticks further apart than this (two and more missed, at one in 10 s) are a break: what happened between
/// them was not seen, so no hold time runs through it.
const TICK_GAP_MAX_MS: i64 = 30_000;

/// Evaluates the rules and tells what changed. One per store: several collectors on one store must take
/// turns (an advisory lock), or each would open alerts of its own.
pub struct Alerting {
    store: Store,
    settings: Arc<Settings>,
    notifiers: Vec<Notifier>,
    watch: Mutex<Option<Watch>>,
    delivering: tokio::sync::Mutex<()>,
}

/// An unbroken run of ticks.
#[derive(Clone, Copy)]
struct Watch {
    since_ms: i64,
    last_ms: i64,
}

impl Watch {
    /// The run that a tick at `now_ms` belongs to: the one before, or a new one after a break or when the
    /// clock went back.
    fn at(before: Option<Watch>, now_ms: i64) -> Watch {
        match before {
            Some(run) if (0..=TICK_GAP_MAX_MS).contains(&now_ms.saturating_sub(run.last_ms)) => {
                Watch { since_ms: run.since_ms, last_ms: now_ms }
            }
            _ => Watch { since_ms: now_ms, last_ms: now_ms },
        }
    }
}

impl Alerting {
    /// Prepares the channels that the settings name; fails with the setting that cannot work.
    pub fn new(store: Store, settings: Arc<Settings>) -> Result<Alerting> {
        let notifiers = notify::configured(&settings)?;
        Ok(Alerting {
            store,
            settings,
            notifiers,
            watch: Mutex::new(None),
            delivering: tokio::sync::Mutex::new(()),
        })
    }

    /// Looks at every server, decides, and stores what changed together with what is to be told. To be
    /// called every 10 s. After an error nothing is lost: the next call decides anew.
    pub async fn tick(&self, now_ms: i64) -> Result<()> {
        let run = Watch::at(*self.watch.lock().unwrap_or_else(PoisonError::into_inner), now_ms);
        let mut servers = self.store.servers(None).await.context("alerts: servers not read")?;
        servers.retain(|server| self.settings.site(&server.site.0).is_ok());
        let moment = Moment { now_ms, watching_since_ms: run.since_ms };
        self.evaluate(&servers, moment).await?;
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
        Ok(())
    }

    /// Sends what is due. To be called every 10 s, in a task of its own: a slow receiver may take half a
    /// minute, and ticks must not wait for it. A call while another is under way does nothing.
    pub async fn deliver(&self, now_ms: i64) -> Result<()> {
        let Ok(_alone) = self.delivering.try_lock() else { return Ok(()) };
        for notifier in &self.notifiers {
            deliver::deliver(&self.store, &self.settings, notifier, now_ms)
                .await
                .with_context(|| format!("alerts by {}", notifier.channel().as_str()))?;
        }
        let channels = self.channels();
        for gone in Channel::ALL.iter().filter(|channel| !channels.contains(channel)) {
            deliver::give_up(&self.store, *gone, now_ms)
                .await
                .with_context(|| format!("alerts by {}", gone.as_str()))?;
        }
        Ok(())
    }

    async fn evaluate(&self, servers: &[Server], moment: Moment) -> Result<()> {
        let states: HashMap<AlertKey, AlertState> = self
            .store
            .alert_states()
            .await
            .context("alerts: state not read")?
            .into_iter()
            .collect();
        let thresholds = &self.settings.thresholds;
        let facts = facts::gather(servers, states.keys(), thresholds, moment);
        let mut changes: BTreeMap<SiteId, Vec<Change>> = BTreeMap::new();
        for change in facts.iter().filter_map(|fact| self.change(fact, &states, moment)) {
            changes.entry(change.key.site.clone()).or_default().push(change);
        }
        for (site, changes) in &changes {
            self.store
                .store_alert_changes(site, changes, &self.channels())
                .await
                .with_context(|| format!("alerts of site {site}: state not stored"))?;
            changes.iter().for_each(log);
        }
        Ok(())
    }

    /// What is to be stored for one fact; `None` when nothing changed.
    fn change(
        &self,
        fact: &Fact,
        states: &HashMap<AlertKey, AlertState>,
        moment: Moment,
    ) -> Option<Change> {
        let before = states.get(&fact.key);
        // A rule that this version does not know has no bounds; its alerts are `Gone` and end under any.
        let rule = RULES.iter().find(|rule| rule.name == fact.key.rule).unwrap_or(&RULES[0]);
        let bounds = (rule.bounds)(&self.settings.thresholds);
        let decision = decide(before, fact.reading, &bounds, moment);
        if decision.next.as_ref() == before && decision.turn.is_none() {
            return None;
        }
        let event = event(&decision, fact, rule, &bounds, moment);
        Some(Change { key: fact.key.clone(), next: decision.next, event })
    }

    fn channels(&self) -> Vec<Channel> {
        self.notifiers.iter().map(Notifier::channel).collect()
    }
}

fn event(
    decision: &Decision,
    fact: &Fact,
    rule: &Rule,
    bounds: &decide::Bounds,
    moment: Moment,
) -> Option<Event> {
    let turn = decision.turn?;
    Some(Event {
        opened_ms: turn.opened_ms,
        number: turn.number,
        transition: turn.transition,
        level: turn.level,
        value: fact.reading.value(),
        threshold: bounds.crossed(turn.transition, turn.level),
        unit: rule.unit,
        detail: fact.detail.clone(),
        reason: decision.reason,
        at_ms: moment.now_ms,
        sample: fact.sample,
    })
}

fn log(change: &Change) {
    let Some(event) = &change.event else { return };
    info!(
        site = %change.key.site,
        server = %change.key.agent,
        rule = change.key.rule,
        part = change.key.part,
        transition = event.transition.as_str(),
        level = event.level.as_str(),
        reason = event.reason.as_str(),
        value = event.value,
        threshold = event.threshold,
        "alert changed"
    );
}

#[cfg(test)]
mod receivers;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
