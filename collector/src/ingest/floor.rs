//! Who speaks for which agent: the newest stream. An older one is most often the dead end of a link
//! that the agent has given up before we noticed. A machine that turned out to be a copy does not speak.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::machines::{Machine, Machines, Standing};
use crate::domain::{AgentId, SiteId};

/// Agents that are remembered while they do not speak; certificates are needed to get here, so this is
/// only reached when agents are renamed for years without a restart.
const AGENTS_MAX: usize = 16_384;

type Key = (SiteId, AgentId);

/// The speakers of all agents; clones share them.
#[derive(Clone)]
pub struct Floor {
    agents: Arc<Mutex<HashMap<Key, Agent>>>,
    clock: fn() -> i64,
}

#[derive(Default)]
struct Agent {
    machines: Machines,
    turn: u64,
    /// The stream that has the floor; `None` when nobody has it.
    speaker: Option<Speaker>,
    /// When the last stream ended, UTC milliseconds.
    heard_ms: i64,
}

#[derive(Clone, Default)]
struct Speaker {
    /// A newer stream has taken the floor.
    lost: CancellationToken,
    /// It says nothing any more.
    over: CancellationToken,
}

/// The right to speak for an agent, until it is dropped or a newer stream takes it.
pub struct Turn {
    floor: Floor,
    key: Key,
    turn: u64,
    speaker: Speaker,
    /// Who had the floor until now.
    before: Option<Speaker>,
}

impl Floor {
    /// A floor nobody has spoken on; `clock` gives UTC milliseconds.
    pub fn new(clock: fn() -> i64) -> Floor {
        Floor { agents: Arc::default(), clock }
    }

    /// Whether it is known who spoke last for an agent.
    pub fn knows(&self, site: &SiteId, agent: &AgentId) -> bool {
        self.agents().contains_key(&(site.clone(), agent.clone()))
    }

    /// Notes who spoke last for an agent, unless that is known.
    pub fn remember(&self, site: &SiteId, agent: &AgentId, last: Option<Machine>) {
        let spoken = || Agent { machines: Machines::of(last), ..Agent::default() };
        self.agents_with_room().entry((site.clone(), agent.clone())).or_insert_with(spoken);
    }

    /// Takes the floor for an agent; who had it before loses it. `None` when this machine is a copy of the
    /// agent's.
    pub fn take(&self, site: &SiteId, agent: &AgentId, machine: Machine) -> Option<Turn> {
        let key = (site.clone(), agent.clone());
        let now_ms = (self.clock)();
        let mut agents = self.agents_with_room();
        let known = agents.entry(key.clone()).or_default();
        let silent_ms = match known.speaker {
            Some(_) => 0,
            None => now_ms.saturating_sub(known.heard_ms),
        };
        if known.machines.arrive(machine, silent_ms) == Standing::Copy {
            return None;
        }
        known.turn += 1;
        let speaker = Speaker::default();
        let before = known.speaker.replace(speaker.clone());
        if let Some(before) = &before {
            before.lost.cancel();
        }
        Some(Turn { floor: self.clone(), key, turn: known.turn, speaker, before })
    }

    /// Those that do not speak are forgotten when they are too many.
    fn agents_with_room(&self) -> MutexGuard<'_, HashMap<Key, Agent>> {
        let mut agents = self.agents();
        if agents.len() >= AGENTS_MAX {
            agents.retain(|_, agent| agent.speaker.is_some());
        }
        agents
    }

    fn agents(&self) -> MutexGuard<'_, HashMap<Key, Agent>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Returns when a newer stream has taken the floor.
    pub async fn lost(&self) {
        self.speaker.lost.cancelled().await;
    }

    /// Returns when the stream that had the floor before says nothing any more.
    pub async fn alone(&self) {
        if let Some(before) = &self.before {
            before.over.cancelled().await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.speaker.over.cancel();
        let now_ms = (self.floor.clock)();
        let mut agents = self.floor.agents();
        if let Some(known) = agents.get_mut(&self.key).filter(|known| known.turn == self.turn) {
            known.speaker = None;
            known.heard_ms = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = [1; 16];
    const COPY: Machine = [2; 16];

    fn ids(agent: &str) -> (SiteId, AgentId) {
        (SiteId("demo".into()), AgentId(agent.into()))
    }

    fn floor() -> Floor {
        Floor::new(|| 1_000)
    }

    #[tokio::test]
    async fn a_stream_is_alone_once_the_one_before_has_ended() {
        let floor = floor();
        let (site, agent) = ids("spse-1");
        let older = floor.take(&site, &agent, MACHINE).unwrap();
        older.alone().await;
        let newer = floor.take(&site, &agent, MACHINE).unwrap();
        let waiting = tokio::spawn(async move { newer.alone().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(older);
        waiting.await.unwrap();
    }

    #[test]
    fn the_newest_stream_of_an_agent_has_the_floor() {
        let floor = floor();
        let (site, agent) = ids("spse-1");
        let older = floor.take(&site, &agent, MACHINE).unwrap();
        let other = floor.take(&site, &ids("spse-2").1, MACHINE).unwrap();
        let newer = floor.take(&site, &agent, MACHINE).unwrap();
        assert!(older.speaker.lost.is_cancelled());
        assert!(!newer.speaker.lost.is_cancelled() && !other.speaker.lost.is_cancelled());
    }

    #[test]
    fn a_stream_that_lost_the_floor_does_not_take_the_newer_one_with_it() {
        let floor = floor();
        let (site, agent) = ids("spse-1");
        let speaks = || floor.agents().values().any(|agent| agent.speaker.is_some());
        let older = floor.take(&site, &agent, MACHINE).unwrap();
        let newer = floor.take(&site, &agent, MACHINE).unwrap();
        drop(older);
        assert!(speaks());
        drop(newer);
        assert!(!speaks());
    }

    #[test]
    fn a_copy_that_alternates_with_its_original_is_shut_out() {
        let floor = floor();
        let (site, agent) = ids("spse-1");
        let _original = floor.take(&site, &agent, MACHINE).unwrap();
        let copy = floor.take(&site, &agent, COPY).unwrap();
        let original = floor.take(&site, &agent, MACHINE).unwrap();
        assert!(copy.speaker.lost.is_cancelled());
        assert!(floor.take(&site, &agent, COPY).is_none());
        assert!(!original.speaker.lost.is_cancelled(), "the original goes on");
    }

    #[test]
    fn after_a_restart_the_copy_is_still_the_copy_though_it_comes_first() {
        let floor = floor();
        let (site, agent) = ids("spse-1");
        floor.remember(&site, &agent, Some(MACHINE));
        let copy = floor.take(&site, &agent, COPY).unwrap();
        let original = floor.take(&site, &agent, MACHINE).unwrap();
        assert!(copy.speaker.lost.is_cancelled());
        assert!(floor.take(&site, &agent, COPY).is_none());
        assert!(!original.speaker.lost.is_cancelled());
        floor.remember(&site, &agent, Some(COPY));
        assert!(floor.take(&site, &agent, COPY).is_none(), "what is known stays");
    }
}
