//! Who speaks for which agent: the newest stream. An older one is most often the dead end of a link
//! that the agent has given up before we noticed.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use crate::domain::{AgentId, SiteId};

type Key = (SiteId, AgentId);

/// The speakers of all agents.
#[derive(Clone, Default)]
pub struct Floor {
    speakers: Arc<Mutex<HashMap<Key, Speaker>>>,
    turns: Arc<AtomicU64>,
}

struct Speaker {
    turn: u64,
    lost: CancellationToken,
}

/// The right to speak for an agent, until it is dropped or a newer stream takes it.
pub struct Turn {
    floor: Floor,
    key: Key,
    turn: u64,
    lost: CancellationToken,
}

impl Floor {
    /// Takes the floor for an agent; who had it before loses it.
    pub fn take(&self, site: &SiteId, agent: &AgentId) -> Turn {
        let key = (site.clone(), agent.clone());
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let lost = CancellationToken::new();
        let speaker = Speaker { turn, lost: lost.clone() };
        if let Some(older) = self.speakers().insert(key.clone(), speaker) {
            older.lost.cancel();
        }
        Turn { floor: self.clone(), key, turn, lost }
    }

    fn speakers(&self) -> MutexGuard<'_, HashMap<Key, Speaker>> {
        self.speakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Returns when a newer stream has taken the floor.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut speakers = self.floor.speakers();
        if speakers.get(&self.key).is_some_and(|speaker| speaker.turn == self.turn) {
            speakers.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(agent: &str) -> (SiteId, AgentId) {
        (SiteId("demo".into()), AgentId(agent.into()))
    }

    #[test]
    fn the_newest_stream_of_an_agent_has_the_floor() {
        let floor = Floor::default();
        let (site, agent) = ids("spse-1");
        let older = floor.take(&site, &agent);
        let other = floor.take(&site, &ids("spse-2").1);
        let newer = floor.take(&site, &agent);
        assert!(older.lost.is_cancelled());
        assert!(!newer.lost.is_cancelled() && !other.lost.is_cancelled());
    }

    #[test]
    fn a_stream_that_lost_the_floor_does_not_take_the_newer_one_with_it() {
        let floor = Floor::default();
        let (site, agent) = ids("spse-1");
        let older = floor.take(&site, &agent);
        let newer = floor.take(&site, &agent);
        drop(older);
        assert_eq!(floor.speakers().len(), 1);
        drop(newer);
        assert!(floor.speakers().is_empty());
    }
}
