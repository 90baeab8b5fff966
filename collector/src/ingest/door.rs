//! One conversation with an agent: Hello, Welcome, then batches and heartbeats in, acknowledgements
//! out, and a reason at the end.

use std::{collections::HashSet, time::Duration};

use pantau_proto::limits;
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Keep,
    commit::{Outcome, Queue},
    floor::Floor,
    machines::Machine,
    ranges,
    visitor::Visitor,
    wire::{Batch, FromAgent, Malformed, Reason, Refusal, ToAgent},
};
use crate::domain::{
    SiteId,
    batch::{Hello, IncomingBatch},
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
/// Outcomes that become one acknowledgement.
const ACK_OUTCOMES_MAX: usize = limits::IN_FLIGHT_MAX as usize;
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
        let turn = self
            .floor
            .take(&hello.site, &hello.agent, machine(hello))
            .ok_or_else(|| Refusal::cloned(&hello.agent))?;
        let registered = self.keep.register(hello, now_ms).await.map_err(|why| {
            warn!(site = %hello.site, agent = %hello.agent, "cannot register: {why}");
            Refusal::store_unavailable(0)
        })?;
        info!(
            site = %hello.site, agent = %hello.agent, version = hello.version,
            clock_difference_ms = hello.clock_ms.saturating_sub(now_ms), "agent has called"
        );
        let (stored, positions) = (registered.stored, registered.positions);
        let welcome = ToAgent::Welcome { stored, positions, clock_ms: now_ms };
        if answers.send(welcome).await.is_err() {
            return Ok(());
        }

        let (outcomes, mut committed) = mpsc::channel(limits::IN_FLIGHT_MAX as usize);
        let end = tokio::select! {
            end = self.receive(hello, inbound, &outcomes) => end,
            end = acknowledge(&mut committed, answers) => end,
            () = turn.lost() => Err(Refusal::replaced()),
            refusal = visitor.revoked() => Err(refusal),
            () = self.shutdown.cancelled() => Err(Refusal::shutting_down()),
        };
        drop(outcomes);
        let last = timeout(LAST_ACKS_WITHIN, acknowledge(&mut committed, answers)).await;
        end.and(last.unwrap_or(Ok(())))
    }

    /// Queues what the agent sends, until it ends the stream or breaks the contract.
    async fn receive<S>(
        &self,
        hello: &Hello,
        inbound: &mut S,
        outcomes: &mpsc::Sender<Outcome>,
    ) -> Result<(), Refusal>
    where
        S: Stream<Item = Result<FromAgent, Malformed>> + Send + Unpin,
    {
        loop {
            let message = timeout(SILENCE_MAX, inbound.next()).await;
            let Some(message) = message.map_err(|_| Refusal::silent())? else { return Ok(()) };
            let received_ms = (self.clock)();
            let queued = match message? {
                FromAgent::Batch(batch) => {
                    // Room for the outcome bounds what one agent has under way.
                    let Ok(reply) = outcomes.clone().reserve_owned().await else { return Ok(()) };
                    self.queue.batch(incoming(hello, *batch, received_ms), reply).await
                }
                FromAgent::Heartbeat(live) => {
                    let (site, agent) = (hello.site.clone(), hello.agent.clone());
                    self.queue.heartbeat(site, agent, received_ms, live).await
                }
                FromAgent::Hello(_) => {
                    return Err(Malformed("hello: only the first message may be one".into()).into());
                }
            };
            queued.map_err(|_| Refusal::shutting_down())?;
        }
    }
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

/// Which machine calls.
fn machine(hello: &Hello) -> Machine {
    hello.boot_id
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

/// Turns outcomes into acknowledgements as they come; ends when nothing is under way any more, when
/// the agent is gone, or with the first batch that could not be stored.
async fn acknowledge(
    committed: &mut mpsc::Receiver<Outcome>,
    answers: &mpsc::Sender<ToAgent>,
) -> Result<(), Refusal> {
    let mut outcomes = Vec::new();
    while committed.recv_many(&mut outcomes, ACK_OUTCOMES_MAX).await > 0 {
        for ack in acks(&outcomes) {
            if answers.send(ack).await.is_err() {
                return Ok(());
            }
        }
        if let Some(failed) = outcomes.iter().find(|outcome| !outcome.saved) {
            return Err(Refusal::store_unavailable(failed.seq));
        }
        outcomes.clear();
    }
    Ok(())
}

/// One acknowledgement per epoch. A stream sends batches of one, rarely of two: the rest of an old
/// spool before the new one.
fn acks(outcomes: &[Outcome]) -> Vec<ToAgent> {
    let saved = || outcomes.iter().filter(|outcome| outcome.saved);
    let mut epochs: Vec<_> = saved().map(|outcome| outcome.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    let numbers = |epoch| saved().filter(move |o| o.epoch == epoch).map(|o| o.seq).collect();
    epochs
        .into_iter()
        .map(|epoch| ToAgent::Ack { epoch, stored: ranges::merged(numbers(epoch)) })
        .collect()
}

fn incoming(hello: &Hello, batch: Batch, received_ms: i64) -> IncomingBatch {
    IncomingBatch {
        site: hello.site.clone(),
        agent: hello.agent.clone(),
        epoch: batch.epoch,
        seq: batch.seq,
        first_minute: batch.first_minute,
        last_minute: batch.last_minute,
        data: batch.data,
        received_ms,
        live: batch.live,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Epoch;

    fn outcome(epoch: u8, seq: u64, saved: bool) -> Outcome {
        Outcome { epoch: Epoch([epoch; 16]), seq, saved }
    }

    #[test]
    fn what_is_committed_together_is_acknowledged_together_by_epoch() {
        let outcomes =
            [outcome(1, 2, true), outcome(2, 1, true), outcome(1, 1, true), outcome(1, 9, false)];
        let expected = [
            ToAgent::Ack { epoch: Epoch([1; 16]), stored: vec![(1, 2)] },
            ToAgent::Ack { epoch: Epoch([2; 16]), stored: vec![(1, 1)] },
        ];
        assert_eq!(acks(&outcomes), expected);
    }
}
