//! One conversation with an agent: Hello, Welcome, then batches and heartbeats in, acknowledgements
//! out, and a reason at the end.

use std::{collections::HashSet, time::Duration};

use pantau_proto::limits;
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, timeout},
};
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Keep,
    answers::{Answers, STILL_ALIVE_AFTER},
    commit::{Outcome, Queue},
    floor::{Floor, Turn},
    live::Told,
    visitor::Visitor,
    wire::{Batch, FromAgent, Malformed, Reason, Refusal, ToAgent},
};
use crate::{
    domain::{
        SiteId,
        batch::{Hello, IncomingBatch},
        definition::Defined,
    },
    store::StoreError,
};

/// Streams at one time; one agent is one stream.
const STREAMS_MAX: usize = 4_096;
/// The first message must come within this.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// A stream that says nothing for this long is ended.
const SILENCE_MAX: Duration = Duration::from_secs(limits::LINK_DEAD_AFTER_S);
/// What is under way when a stream ends is acknowledged if it is committed within this.
const LAST_ACKS_WITHIN: Duration = Duration::from_secs(5);
/// Answers that wait for the network.
pub const OUTBOUND_MESSAGES_MAX: usize = 16;
/// How often it is looked up whether batches of an open stream's agent wait for definitions.
const ASK_INTERVAL: Duration = Duration::from_secs(60);
/// A clock that is further off than this puts counts into wrong days. Less is kept with the server and
/// shown: log lines bear that clock's times, and the server is still to be watched.
const CLOCK_DIFFERENCE_MAX_MS: i64 = 24 * 3_600_000;

/// Where all conversations are held.
pub struct Door<K> {
    keep: K,
    queue: Queue,
    sites: HashSet<SiteId>,
    clock: fn() -> i64,
    floor: Floor,
    streams: Semaphore,
    shutdown: CancellationToken,
}

impl<K: Keep> Door<K> {
    /// A door for these sites. `clock` gives UTC milliseconds; `shutdown` ends every conversation.
    pub fn new(
        keep: K,
        queue: Queue,
        sites: HashSet<SiteId>,
        clock: fn() -> i64,
        shutdown: CancellationToken,
    ) -> Door<K> {
        let streams = Semaphore::new(STREAMS_MAX);
        Door { keep, queue, sites, clock, floor: Floor::new(clock), streams, shutdown }
    }

    /// Holds one conversation to its end.
    pub(super) async fn converse<S>(
        &self,
        visitor: &Visitor,
        mut inbound: S,
        answers: mpsc::Sender<ToAgent>,
    ) where
        S: Stream<Item = Result<FromAgent, Malformed>> + Send + Unpin,
    {
        let Err(refusal) = self.talk(visitor, &mut inbound, &answers).await else { return };
        // A caller that does not read its answers is not waited for.
        let _ = timeout(LAST_ACKS_WITHIN, answers.send(ToAgent::Refusal(refusal))).await;
    }

    /// `Ok` when the agent has ended the conversation.
    async fn talk<S>(
        &self,
        visitor: &Visitor,
        inbound: &mut S,
        answers: &mpsc::Sender<ToAgent>,
    ) -> Result<(), Refusal>
    where
        S: Stream<Item = Result<FromAgent, Malformed>> + Send + Unpin,
    {
        let _stream = self.streams.try_acquire().map_err(|_| Refusal::overloaded())?;
        let hello = tokio::select! {
            hello = first_message(inbound) => hello?,
            () = self.shutdown.cancelled() => return Err(Refusal::shutting_down()),
        };
        let Some(hello) = hello else { return Ok(()) };
        let end = self.serve(visitor, &hello, inbound, answers).await;
        let (site, agent) = (&hello.site, &hello.agent);
        match &end {
            Ok(()) => debug!(%site, %agent, "stream ended"),
            Err(why) if why.reason == Reason::ShuttingDown => debug!(%site, %agent, "stream ended"),
            Err(why) => warn!(%site, %agent, reason = ?why.reason, "refused: {}", why.detail),
        }
        end
    }

    async fn serve<S>(
        &self,
        visitor: &Visitor,
        hello: &Hello,
        inbound: &mut S,
        answers: &mpsc::Sender<ToAgent>,
    ) -> Result<(), Refusal>
    where
        S: Stream<Item = Result<FromAgent, Malformed>> + Send + Unpin,
    {
        let now_ms = (self.clock)();
        visitor.check(hello)?;
        admit(hello, &self.sites, now_ms)?;
        let turn = self.turn(hello).await?;
        // What an older stream has sent is stored first: the Welcome says what is, and an agent that was
        // restored from a copy counts again what it does not say.
        turn.alone().await;
        self.queue.settled().await.map_err(|_| Refusal::shutting_down())?;
        let registered = self.keep.register(hello, now_ms).await;
        let registered = registered.map_err(|why| unavailable(hello, "cannot register", &why))?;
        info!(
            site = %hello.site, agent = %hello.agent, version = hello.version,
            clock_difference_ms = hello.clock_ms.saturating_sub(now_ms), "agent has called"
        );
        let in_flight_max = self.in_flight_max();
        let mut asking = Asking { asked_at: Instant::now(), first: first_of(&registered.wanted) };
        let welcome = ToAgent::Welcome {
            stored: registered.stored,
            positions: registered.positions,
            clock_ms: now_ms,
            in_flight_max,
            wanted: registered.wanted,
            last_id: registered.last_id,
        };
        if answers.send(welcome).await.is_err() {
            return Ok(());
        }

        let (outcomes, mut committed) = mpsc::channel(limits::IN_FLIGHT_MAX as usize);
        let mut acks = Answers {
            to: answers,
            own: hello.epoch,
            in_flight_max: || self.in_flight_max(),
            told_in_flight_max: in_flight_max,
            still_alive_after: STILL_ALIVE_AFTER,
        };
        let end = tokio::select! {
            end = self.receive(hello, inbound, &outcomes, answers, &mut asking) => end,
            end = acks.acknowledge(&mut committed) => end,
            () = turn.lost() => Err(Refusal::replaced()),
            refusal = visitor.revoked() => Err(refusal),
            refusal = visitor.expired(self.clock) => Err(refusal),
            () = self.shutdown.cancelled() => Err(Refusal::shutting_down()),
        };
        drop(outcomes);
        let last = timeout(LAST_ACKS_WITHIN, acks.acknowledge(&mut committed)).await;
        end.and(last.unwrap_or(Ok(())))
    }

    /// The floor; who spoke last before this collector started is asked of the store.
    async fn turn(&self, hello: &Hello) -> Result<Turn, Refusal> {
        let (site, agent) = (&hello.site, &hello.agent);
        if !self.floor.knows(site, agent) {
            let last = self.keep.machine(site, agent).await;
            let last = last.map_err(|why| unavailable(hello, "cannot tell machines", &why))?;
            self.floor.remember(site, agent, last);
        }
        self.floor.take(site, agent, hello.machine()).ok_or_else(|| Refusal::cloned(agent))
    }

    /// Queues what the agent sends, until it ends the stream or breaks the contract.
    async fn receive<S>(
        &self,
        hello: &Hello,
        inbound: &mut S,
        outcomes: &mpsc::Sender<Outcome>,
        answers: &mpsc::Sender<ToAgent>,
        asking: &mut Asking,
    ) -> Result<(), Refusal>
    where
        S: Stream<Item = Result<FromAgent, Malformed>> + Send + Unpin,
    {
        let mut told = Told::default();
        loop {
            let message = timeout(SILENCE_MAX, inbound.next()).await;
            let Some(message) = message.map_err(|_| Refusal::silent())? else { return Ok(()) };
            let received_ms = (self.clock)();
            let queued = match message? {
                FromAgent::Batch(batch) => {
                    // Room for the outcome bounds what one agent has under way.
                    let Ok(reply) = outcomes.clone().reserve_owned().await else { return Ok(()) };
                    let batch = incoming(hello, *batch, received_ms, &mut told);
                    self.queue.batch(batch, reply).await
                }
                FromAgent::Heartbeat(parts) => {
                    let (site, agent) = (hello.site.clone(), hello.agent.clone());
                    let live = Box::new(told.after(*parts));
                    self.queue.heartbeat(site, agent, received_ms, live).await
                }
                FromAgent::Definitions { known, lost } => {
                    self.define(hello, &known, &lost).await?;
                    self.ask(hello, answers, asking, true).await;
                    Ok(())
                }
                FromAgent::Hello(_) => {
                    return Err(Malformed("hello: only the first message may be one".into()).into());
                }
            };
            queued.map_err(|_| Refusal::shutting_down())?;
            if asking.asked_at.elapsed() >= ASK_INTERVAL {
                self.ask(hello, answers, asking, false).await;
            }
        }
    }

    async fn define(&self, hello: &Hello, known: &[Defined], lost: &[u32]) -> Result<(), Refusal> {
        let defined = self.keep.define(hello, known, lost).await;
        defined.map_err(|why| unavailable(hello, "cannot store definitions", &why))
    }

    /// Asks for definitions that batches wait for, if any. Behind an answer only when it has brought
    /// some: an agent that answers past the question is not asked in a circle.
    async fn ask(
        &self,
        hello: &Hello,
        answers: &mpsc::Sender<ToAgent>,
        asking: &mut Asking,
        answered: bool,
    ) {
        asking.asked_at = Instant::now();
        let wanted = self.keep.wanted(&hello.site, &hello.agent, &hello.epoch).await;
        // A store that fails is told of where it stores batches.
        let wanted = wanted.unwrap_or_default();
        let first = first_of(&wanted);
        if wanted.is_empty() || (answered && first == asking.first) {
            return;
        }
        asking.first = first;
        // An agent that is gone is found by who receives from it.
        let _ = answers.send(ToAgent::Ask(wanted)).await;
    }

    fn in_flight_max(&self) -> u32 {
        self.queue.in_flight_max(STREAMS_MAX.saturating_sub(self.streams.available_permits()))
    }
}

fn unavailable(hello: &Hello, what: &str, why: &StoreError) -> Refusal {
    warn!(site = %hello.site, agent = %hello.agent, "{what}: {why}");
    Refusal::store_unavailable(0)
}

/// What the agent of a stream was asked for last.
struct Asking {
    asked_at: Instant,
    /// The lowest id of it; 0 when there was none.
    first: u32,
}

fn first_of(wanted: &[u32]) -> u32 {
    wanted.first().copied().unwrap_or(0)
}

/// `None` when the stream ends without one.
async fn first_message<S>(inbound: &mut S) -> Result<Option<Box<Hello>>, Refusal>
where
    S: Stream<Item = Result<FromAgent, Malformed>> + Send + Unpin,
{
    let first = timeout(HELLO_WITHIN, inbound.next()).await;
    let late = |_| Malformed(format!("no hello within {} s", HELLO_WITHIN.as_secs()));
    match first.map_err(late)? {
        None => Ok(None),
        Some(message) => match message? {
            FromAgent::Hello(hello) => Ok(Some(hello)),
            _ => Err(Malformed("the first message must be hello".to_owned()).into()),
        },
    }
}

/// Whether an agent may send.
fn admit(hello: &Hello, sites: &HashSet<SiteId>, now_ms: i64) -> Result<(), Refusal> {
    if !sites.contains(&hello.site) {
        return Err(Refusal::unknown_site(&hello.site));
    }
    let difference_ms = hello.clock_ms.saturating_sub(now_ms);
    if difference_ms.unsigned_abs() > CLOCK_DIFFERENCE_MAX_MS.unsigned_abs() {
        return Err(Refusal::clock(difference_ms));
    }
    Ok(())
}

fn incoming(hello: &Hello, batch: Batch, received_ms: i64, told: &mut Told) -> IncomingBatch {
    IncomingBatch {
        site: hello.site.clone(),
        agent: hello.agent.clone(),
        epoch: batch.epoch.unwrap_or(hello.epoch),
        seq: batch.seq,
        merged: batch.merged,
        frame: batch.frame,
        received_ms,
        live: batch.live.map(|parts| told.after(parts)),
    }
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
