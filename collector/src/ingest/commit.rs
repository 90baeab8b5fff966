//! Group commit: what arrives within [`GROUP_WAIT`] is stored in one transaction, because each commit
//! waits for the disk once, however much is in it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{Keep, flow, ranges::SeqRange, trouble::Trouble};
use crate::{
    domain::{
        AgentId, Epoch, SiteId,
        batch::{IncomingBatch, LiveState},
    },
    store::{SaveOutcome, StoreResult},
};

/// How long the first of a group waits for others.
const GROUP_WAIT: Duration = Duration::from_millis(100);
/// Batches and heartbeats of one transaction. 2,000 agents send 33 batches and 67 heartbeats a second;
/// after an outage this many of a backlog go at once.
const GROUP_MAX: usize = 512;
/// Batches and heartbeats that wait for the transaction before theirs.
pub(super) const WAITING_MAX: usize = 2_048;
/// Memory for data that waits, in KiB: 64 MiB. Streams are not read while it is used up.
const WAITING_KIB_MAX: usize = 64 * 1_024;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Epoch of its numbers.
    pub epoch: Epoch,
    /// Its numbers.
    pub numbers: SeqRange,
    /// Whether it may be acknowledged.
    pub fate: Fate,
}

/// Whether a batch may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Committed, now or before.
    Saved,
    /// The store has failed: nothing of it is stored.
    Failed,
    /// Some of its numbers are stored and some are not: nothing of it is stored.
    Overlaps,
}

/// Room for one outcome on the stream that sent the batch, taken before the batch is queued: who
/// commits never waits for a slow stream.
pub type Reply = mpsc::OwnedPermit<Outcome>;

/// Why nothing can be queued: the committer has ended.
#[derive(Debug, thiserror::Error)]
#[error("the collector is stopping")]
pub struct Closed;

enum Work {
    Batch {
        batch: Box<IncomingBatch>,
        reply: Reply,
        _room: OwnedSemaphorePermit,
    },
    Heartbeat {
        site: SiteId,
        agent: AgentId,
        received_ms: i64,
        live: Box<LiveState>,
    },
    /// Dropped when all that was queued before is done.
    Mark(oneshot::Sender<()>),
}

/// Where streams put what they receive.
#[derive(Clone)]
pub struct Queue {
    work: mpsc::Sender<Work>,
    room: Arc<Semaphore>,
}

/// Takes from the queue and commits.
pub struct Committer {
    work: mpsc::Receiver<Work>,
    batches: Trouble,
    heartbeats: Trouble,
}

/// A queue and its one committer.
pub fn queue() -> (Queue, Committer) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let committer = Committer {
        work: receiver,
        batches: Trouble::new("storing batches"),
        heartbeats: Trouble::new("storing heartbeats"),
    };
    (Queue { work: sender, room: Arc::new(Semaphore::new(WAITING_KIB_MAX)) }, committer)
}

impl Queue {
    /// Queues a batch; waits while there is no room. The outcome comes by `reply`.
    pub async fn batch(&self, batch: IncomingBatch, reply: Reply) -> Result<(), Closed> {
        let kib = kib(batch.frame.data.len().saturating_add(batch.frame.exemplars.len()));
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| Closed)?;
        let work = Work::Batch { batch: Box::new(batch), reply, _room: room };
        self.work.send(work).await.map_err(|_| Closed)
    }

    /// Waits until what was queued before is stored or answered.
    pub async fn settled(&self) -> Result<(), Closed> {
        let (mark, done) = oneshot::channel();
        self.work.send(Work::Mark(mark)).await.map_err(|_| Closed)?;
        // It is dropped, never sent.
        let _ = done.await;
        Ok(())
    }

    /// Batches that an agent may have under way when so many streams are open.
    pub fn in_flight_max(&self, streams: usize) -> u32 {
        flow::in_flight_max(self.work.capacity(), streams)
    }

    /// Queues a sign of life; waits while there is no room.
    pub async fn heartbeat(
        &self,
        site: SiteId,
        agent: AgentId,
        received_ms: i64,
        live: Box<LiveState>,
    ) -> Result<(), Closed> {
        let work = Work::Heartbeat { site, agent, received_ms, live };
        self.work.send(work).await.map_err(|_| Closed)
    }
}

/// Never more than the room there is: a message is at most 4 MiB.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1_024).clamp(1, WAITING_KIB_MAX)).unwrap_or(u32::MAX)
}

impl Committer {
    /// Commits until every [`Queue`] is dropped and what they held is stored or answered.
    pub async fn run<K: Keep>(mut self, keep: K) {
        while let Some(group) = self.next_group().await {
            self.commit(&keep, group).await;
        }
    }

    async fn next_group(&mut self) -> Option<Vec<Work>> {
        let mut group = Vec::new();
        if self.work.recv_many(&mut group, GROUP_MAX).await == 0 {
            return None;
        }
        let deadline = Instant::now() + GROUP_WAIT;
        while group.len() < GROUP_MAX {
            let room = GROUP_MAX - group.len();
            match timeout_at(deadline, self.work.recv_many(&mut group, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        Some(group)
    }

    async fn commit<K: Keep>(&mut self, keep: &K, group: Vec<Work>) {
        let Split { batches, replies, beats, marks } = split(group);
        if !batches.is_empty() {
            let result = keep.save(&batches).await;
            self.batches.note(&result);
            for (n, (batch, waiting)) in batches.iter().zip(replies).enumerate() {
                let (epoch, numbers) = (batch.epoch, batch.numbers());
                waiting.reply.send(Outcome { epoch, numbers, fate: fate(&result, n) });
            }
        }
        if !beats.is_empty() {
            let result = keep.heartbeat(&beats).await;
            self.heartbeats.note(&result);
        }
        drop(marks);
    }
}

/// What became of the batch at that place of those that were saved together.
fn fate(result: &StoreResult<Vec<SaveOutcome>>, place: usize) -> Fate {
    match result.as_ref().ok().and_then(|outcomes| outcomes.get(place)) {
        Some(SaveOutcome::Stored | SaveOutcome::Duplicate) => Fate::Saved,
        Some(SaveOutcome::Overlaps) => Fate::Overlaps,
        None => Fate::Failed,
    }
}

#[derive(Default)]
struct Split {
    batches: Vec<IncomingBatch>,
    replies: Vec<Waiting>,
    beats: Vec<(SiteId, AgentId, i64, LiveState)>,
    marks: Vec<oneshot::Sender<()>>,
}

/// A batch's memory is given back when its outcome is sent.
struct Waiting {
    reply: Reply,
    _room: OwnedSemaphorePermit,
}

/// Batches and who waits for them; of each agent's heartbeats the newest.
fn split(group: Vec<Work>) -> Split {
    let mut split = Split::default();
    let mut newest = HashMap::new();
    for work in group {
        match work {
            Work::Batch { batch, reply, _room } => {
                split.batches.push(*batch);
                split.replies.push(Waiting { reply, _room });
            }
            Work::Heartbeat { site, agent, received_ms, live } => {
                newest.insert((site, agent), (received_ms, live));
            }
            Work::Mark(mark) => split.marks.push(mark),
        }
    }
    let beats = newest.into_iter();
    split.beats = beats.map(|((site, agent), (ms, live))| (site, agent, ms, *live)).collect();
    split
}
