//! One stream to the collector, kept open: greet, send what is lacking, beat, and come back.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, anyhow};
use pantau_proto::limits::{HEARTBEAT_INTERVAL_S, LINK_DEAD_AFTER_S, MESSAGE_BYTES_MAX};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::{
    budget::Allowance,
    connect::Connector,
    live::{Parts, Told},
    outbox::Outbox,
    retry,
    wire::{self, Answer, Incoming, Outgoing, RefusalReason, Refused},
};
use crate::{
    config::Identity,
    domain::{HostFacts, LiveState, SourcePosition},
    spool::{Known, ReadError, Spool, Stored, Verdict},
};

/// Messages handed to the stream and not yet taken by it: few, so that a heartbeat passes a backlog.
const OUTGOING_MAX: usize = 4;
/// Room of a message for all but its batch.
const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// A heartbeat after this long without a sign of life. A little more than the contract's interval: a
/// batch closes each minute, and the second heartbeat in between shall not come just before it.
const BEAT_AFTER: Duration = Duration::from_secs(HEARTBEAT_INTERVAL_S + 2);
/// A collector that lets a batch wait this long and says nothing else either is gone.
const DEAD_AFTER: Duration = Duration::from_secs(LINK_DEAD_AFTER_S);

/// Definitions asked for and not yet told; further ones are asked for again.
const ASKED_MAX: usize = 10_000;
/// Definitions looked up and told at once.
const ASKED_AT_ONCE_MAX: usize = 1_000;

/// What the link tells the rest of the agent.
#[derive(Debug)]
pub enum LinkEvent {
    /// What keeps batches from being delivered, for a person; `None` when they are delivered again.
    Trouble(Option<String>),
    /// The collector has stored numbers that this spool never used: it is a copy of an older state of
    /// itself. Or the spool is new, and the collector has counted this agent's logs. The link waits and
    /// sends nothing until this is settled.
    Restored {
        /// Up to where the collector has the logs counted, one of each log.
        positions: Vec<SourcePosition>,
        /// Told when this run's batches are right and may be sent; dropped when they are not, and the
        /// link ends.
        all_right: oneshot::Sender<()>,
    },
}

/// What a link is made of.
pub struct LinkParts {
    /// Who this is.
    pub identity: Identity,
    /// Which machine this is.
    pub machine_id: [u8; 16],
    /// Where it goes.
    pub connector: Connector,
    /// The machine.
    pub facts: HostFacts,
    /// Batches wait here.
    pub spool: Arc<Mutex<Spool>>,
    /// Newest state.
    pub live: watch::Receiver<Arc<LiveState>>,
    /// A target changed its state: a heartbeat goes at once.
    pub urgent: Arc<Notify>,
    /// Something was spooled.
    pub spooled: Arc<Notify>,
    /// What happens is told here.
    pub events: mpsc::Sender<LinkEvent>,
    /// What the day's bytes allow now.
    pub allowance: Box<dyn Fn() -> Allowance + Send + Sync>,
    /// Draws a number in 0.0..1.0, which spreads the attempts of many agents.
    pub draw: fn() -> f64,
}

/// See the module.
pub struct Link {
    parts: LinkParts,
    trouble: Option<String>,
    welcomed_at: Option<Instant>,
}

/// Why a stream ended.
enum Ended {
    Refused(Refused),
    Broken(anyhow::Error),
    Restored,
}

struct Stream {
    out: mpsc::Sender<Outgoing>,
    incoming: Streaming<Incoming>,
    epoch: [u8; 16],
    outbox: Outbox,
    told: Told,
    /// Ids whose definitions the collector asked for.
    asked: Vec<u32>,
    /// When the next heartbeat is due.
    beat_at: Instant,
    /// When the collector was last heard, or when the oldest batch began to wait for it.
    silent_since: Instant,
}

/// What is sent next.
enum Next {
    Batch(u64),
    Nothing,
}

impl Link {
    /// A link that is not open yet.
    pub fn new(parts: LinkParts) -> Link {
        Link { parts, trouble: None, welcomed_at: None }
    }

    /// Keeps the stream open until `stop`; comes back when it breaks.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failures = 0u32;
        loop {
            let ended = tokio::select! {
                ended = self.talk() => ended,
                () = stop.cancelled() => return,
            };
            let lasted = self.welcomed_at.take().map(|at| at.elapsed());
            failures = retry::failures_after(failures, lasted);
            let asked_s = match ended {
                Ended::Refused(refused) => self.refused(refused).await,
                Ended::Broken(error) => self.broken(error).await,
                Ended::Restored => return,
            };
            let wait = retry::wait(failures, asked_s, (self.parts.draw)());
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// One stream, from Hello to its end.
    async fn talk(&mut self) -> Ended {
        let mut stream = match self.open().await {
            Ok(stream) => stream,
            Err(error) => return Ended::Broken(error),
        };
        match self.greeted(&mut stream).await {
            Ok(()) => {}
            Err(ended) => return ended,
        }
        self.welcomed_at = Some(Instant::now());
        self.tell(None).await;
        match self.converse(stream).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn open(&self) -> anyhow::Result<Stream> {
        let channel = self.parts.connector.connect().await?;
        let mut client = wire::Client::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let (out, queue) = mpsc::channel(OUTGOING_MAX);
        let (epoch, hello) = self.hello().await?;
        out.send(hello).await?;
        let exchange = client.exchange(ReceiverStream::new(queue));
        let answered = timeout(DEAD_AFTER, exchange).await.context("no answer")?;
        let incoming = answered.map_err(|status| anyhow!("{}", status.message()))?.into_inner();
        let now = Instant::now();
        Ok(Stream {
            out,
            incoming,
            epoch,
            outbox: Outbox::new(1),
            told: Told::default(),
            asked: Vec::new(),
            // All of the state goes before the backlog.
            beat_at: now,
            silent_since: now,
        })
    }

    async fn hello(&self) -> anyhow::Result<([u8; 16], Outgoing)> {
        let numbers = self.with_spool(|spool| (spool.epoch(), spool.highest_seq())).await;
        let Ok((epoch, highest_seq)) = numbers else { anyhow::bail!("the spool does not answer") };
        let greeting = wire::Greeting {
            identity: &self.parts.identity,
            facts: &self.parts.facts,
            machine_id: self.parts.machine_id,
            epoch,
            highest_seq,
            clock_ms: now_ms(),
        };
        Ok((epoch, wire::hello(&greeting)))
    }

    /// Waits for the Welcome and does what it means.
    async fn greeted(&mut self, stream: &mut Stream) -> Result<(), Ended> {
        let Ok(message) = timeout(DEAD_AFTER, stream.incoming.message()).await else {
            return Err(Ended::Broken(anyhow!("no answer to the greeting")));
        };
        match answer_in(message)? {
            Answer::Welcome { known, positions, in_flight_max, asked } => {
                stream.outbox = Outbox::new(in_flight_max);
                stream.asked = asked.into_iter().take(ASKED_MAX).collect();
                self.welcomed(stream.epoch, known, positions).await
            }
            Answer::Refusal(refused) => Err(Ended::Refused(refused)),
            _ => Err(Ended::Broken(anyhow!("the collector did not say welcome"))),
        }
    }

    /// Nothing is sent before the numbers that the collector has stored are found to be this spool's.
    async fn welcomed(
        &self,
        epoch: [u8; 16],
        known: Known,
        positions: Vec<SourcePosition>,
    ) -> Result<(), Ended> {
        let stored = known.stored.clone();
        let judge = move |spool: &mut Spool| spool.judge(&known);
        let verdict = self.of_epoch(epoch, judge).await?;
        if verdict == Verdict::Restored {
            let (all_right, ruling) = oneshot::channel();
            // A closed channel is an agent that stops: it is told again at its next start.
            let _ = self.parts.events.send(LinkEvent::Restored { positions, all_right }).await;
            ruling.await.map_err(|_| Ended::Restored)?;
        }
        let settle = move |spool: &mut Spool| {
            spool.confirm();
            spool.set_stored(stored);
        };
        self.of_epoch(epoch, settle).await
    }

    /// Sends batches and heartbeats and takes answers, until the stream ends.
    async fn converse(&mut self, mut stream: Stream) -> Result<std::convert::Infallible, Ended> {
        let (spooled, urgent) = (self.parts.spooled.clone(), self.parts.urgent.clone());
        loop {
            let next = self.next_batch(&stream).await?;
            let is_beat_due = stream.beat_at <= Instant::now();
            let has_next = matches!(next, Next::Batch(_));
            let is_due = is_beat_due || has_next || !stream.asked.is_empty();
            // An answer first, then the state, then the backlog: neither waits for the one behind it.
            tokio::select! {
                biased;
                answer = stream.incoming.message() => self.take(answer, &mut stream).await?,
                () = urgent.notified() => stream.beat_at = Instant::now(),
                () = sleep_until(stream.beat_at), if !is_beat_due => {}
                () = sleep_until(stream.silent_since + DEAD_AFTER), if stream.outbox.is_waiting() => {
                    return Err(Ended::Broken(anyhow!("it does not answer any more")));
                }
                permit = stream.out.clone().reserve_owned(), if is_due => {
                    let permit = permit.map_err(|_| Ended::Broken(anyhow!("connection lost")))?;
                    self.send(permit, next, &mut stream).await?;
                }
                () = spooled.notified(), if !has_next => {}
            }
        }
    }

    /// Sends one message: what is most urgent.
    async fn send(
        &self,
        permit: mpsc::OwnedPermit<Outgoing>,
        next: Next,
        stream: &mut Stream,
    ) -> Result<(), Ended> {
        if stream.beat_at <= Instant::now() {
            let live = self.live();
            permit.send(wire::heartbeat(&live, stream.tell(&live)));
            stream.beat();
        } else if !stream.asked.is_empty() {
            drop(permit);
            self.define(stream).await?;
        } else if let Next::Batch(seq) = next {
            match self.prepare(seq, stream).await? {
                Some(message) => {
                    permit.send(message);
                    stream.sent(seq);
                }
                None => stream.outbox.skipped(seq),
            }
        }
        Ok(())
    }

    /// Answers what the collector asked for.
    async fn define(&self, stream: &mut Stream) -> Result<(), Ended> {
        let at_once = stream.asked.len().min(ASKED_AT_ONCE_MAX);
        let asked: Vec<u32> = stream.asked.drain(..at_once).collect();
        let ids = asked.clone();
        let found = self.with_spool(move |spool| spool.definition(&ids)).await?;
        // What cannot be read now may be read at the next stream: it is not told as lost.
        let found = found.map_err(|error| Ended::Broken(error.into()))?;
        for message in wire::definitions(&asked, &found) {
            let sent = stream.out.send(message).await;
            sent.map_err(|_| Ended::Broken(anyhow!("connection lost")))?;
        }
        Ok(())
    }

    /// Number of the batch to send next, if one may be sent.
    async fn next_batch(&self, stream: &Stream) -> Result<Next, Ended> {
        let Some(after) = stream.outbox.next_after() else { return Ok(Next::Nothing) };
        if (self.parts.allowance)() == Allowance::StateOnly {
            return Ok(Next::Nothing);
        }
        let look =
            move |spool: &mut Spool| (spool.epoch(), spool.unsettled(after, 1).first().copied());
        let (epoch, next) = self.with_spool(look).await?;
        if epoch != stream.epoch {
            return Err(begun_anew());
        }
        Ok(next.map_or(Next::Nothing, Next::Batch))
    }

    /// The batch as a message; `None` when it can never be sent and is set aside.
    async fn prepare(&self, seq: u64, stream: &mut Stream) -> Result<Option<Outgoing>, Ended> {
        let (stored, newest) =
            self.with_spool(move |spool| (spool.to_send(seq), spool.highest_seq())).await?;
        let why = match stored {
            Ok(Some(stored)) => {
                let stored = fitted(stored, (self.parts.allowance)());
                if stored.data.len() + ENVELOPE_BYTES_MAX <= MESSAGE_BYTES_MAX {
                    let live = self.live();
                    let told = (seq == newest).then(|| (&*live, stream.tell(&live)));
                    return Ok(Some(wire::batch(stored, told)));
                }
                "it is larger than one message may be".to_owned()
            }
            Ok(None) => return Ok(None),
            Err(error @ ReadError::Damaged(_)) => error.to_string(),
            Err(ReadError::Io(error)) => return Err(Ended::Broken(error.into())),
        };
        self.set_aside(seq, why).await?;
        Ok(None)
    }

    async fn set_aside(&self, seq: u64, why: String) -> Result<(), Ended> {
        tracing::error!(seq, why, "a batch is set aside; its counts are declared as lost");
        self.with_spool(move |spool| spool.set_aside(seq, &why)).await
    }

    async fn take(
        &self,
        message: Result<Option<Incoming>, tonic::Status>,
        stream: &mut Stream,
    ) -> Result<(), Ended> {
        let answer = answer_in(message)?;
        stream.silent_since = Instant::now();
        match answer {
            Answer::Ack { epoch, stored, in_flight_max } => {
                if let Some(max) = in_flight_max {
                    stream.outbox.set_in_flight_max(max);
                }
                if stored.is_empty() || !(epoch.is_empty() || epoch == stream.epoch) {
                    return Ok(());
                }
                stored.iter().for_each(|(first, last)| stream.outbox.acknowledged(*first, *last));
                let note = move |spool: &mut Spool| {
                    stored.iter().for_each(|(first, last)| spool.add_stored(*first, *last));
                };
                self.of_epoch(stream.epoch, note).await
            }
            Answer::Ask(ids) => {
                let room = ASKED_MAX.saturating_sub(stream.asked.len());
                stream.asked.extend(ids.into_iter().take(room));
                Ok(())
            }
            Answer::Refusal(refused) => Err(Ended::Refused(refused)),
            Answer::Welcome { .. } | Answer::Unknown => Ok(()),
        }
    }

    /// Tells of a refusal; gives how long the collector wants to be left alone.
    async fn refused(&mut self, refused: Refused) -> u32 {
        let bad_batch = refused.seq.filter(|_| refused.reason == RefusalReason::Malformed);
        if let Some(seq) = bad_batch {
            let why = format!("the collector refused it: {}", refused.detail);
            if let Err(Ended::Broken(error)) = self.set_aside(seq, why).await {
                tracing::error!(%error, seq, "the batch could not be set aside");
            }
        }
        self.tell(Some(advice(&refused))).await;
        refused.retry_after_s
    }

    async fn broken(&mut self, error: anyhow::Error) -> u32 {
        let connector = &self.parts.connector;
        let (address, error) = (connector.address().clone(), connector.explain(error));
        self.tell(Some(format!(
            "the collector at {address} cannot be reached: {error:#}; batches wait in the spool"
        )))
        .await;
        0
    }

    /// Tells what the trouble is, once for each change.
    async fn tell(&mut self, trouble: Option<String>) {
        if self.trouble != trouble {
            self.trouble.clone_from(&trouble);
            // A closed channel is an agent that stops.
            let _ = self.parts.events.send(LinkEvent::Trouble(trouble)).await;
        }
    }

    fn live(&self) -> Arc<LiveState> {
        self.parts.live.borrow().clone()
    }

    /// Works with the spool while it is that of this stream: numbers of one epoch say nothing of another.
    async fn of_epoch<T: Send + 'static>(
        &self,
        epoch: [u8; 16],
        work: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let work = move |spool: &mut Spool| (spool.epoch() == epoch).then(|| work(spool));
        self.with_spool(work).await?.ok_or_else(begun_anew)
    }

    /// Works with the spool on a thread that may wait for the disk.
    async fn with_spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let spool = self.parts.spool.clone();
        let task = move || work(&mut spool.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(task).await.map_err(|error| Ended::Broken(error.into()))
    }
}

impl Stream {
    /// What of the state goes now, and that it went.
    fn tell(&mut self, live: &LiveState) -> Parts {
        let parts = self.told.due(live);
        self.told.note(live, parts);
        // What carries the state is a heartbeat.
        self.beat();
        parts
    }

    fn beat(&mut self) {
        self.beat_at = Instant::now() + BEAT_AFTER;
    }

    fn sent(&mut self, seq: u64) {
        if !self.outbox.is_waiting() {
            self.silent_since = Instant::now();
        }
        self.outbox.sent(seq);
    }
}

/// The batch without its examples where these are withheld, or where both do not fit one message.
fn fitted(stored: Stored, allowance: Allowance) -> Stored {
    let bytes = stored.data.len() + stored.exemplars.len() + ENVELOPE_BYTES_MAX;
    if allowance == Allowance::All && bytes <= MESSAGE_BYTES_MAX {
        return stored;
    }
    let exemplars_shed = stored.exemplars_shed.saturating_add(stored.exemplars_count);
    Stored { exemplars: Vec::new(), exemplars_count: 0, exemplars_shed, ..stored }
}

fn answer_in(message: Result<Option<Incoming>, tonic::Status>) -> Result<Answer, Ended> {
    match message {
        Ok(Some(message)) => Ok(wire::answer(message)),
        Ok(None) => Err(Ended::Broken(anyhow!("the collector closed the stream"))),
        Err(status) => Err(Ended::Broken(anyhow!("the stream broke: {}", status.message()))),
    }
}

/// What a person does about a refusal.
fn advice(refused: &Refused) -> String {
    let what = match refused.reason {
        RefusalReason::UnknownSite => {
            "the collector does not know this site; add it there, or correct `site_id` here"
        }
        RefusalReason::Malformed => {
            "the collector found a message malformed; agent and collector may be of too different versions: update both"
        }
        RefusalReason::StoreUnavailable => {
            "the collector cannot store now; look at its disk and database"
        }
        RefusalReason::Overloaded => "the collector is overloaded; nothing to do here",
        RefusalReason::ShuttingDown => "the collector is stopping; nothing to do here",
        RefusalReason::Replaced => {
            "another stream speaks for this agent; if it lasts, two servers bear the same `agent_id`: give each its own"
        }
        RefusalReason::Clock => {
            "this machine's clock and the collector's differ too much; set both by NTP"
        }
        RefusalReason::Revoked => {
            "this server's certificate was revoked; ask for a token and run `pantau-agent enroll`"
        }
        RefusalReason::NotYou => {
            "`site` and `agent` in the settings are not those this server was enrolled by; correct them"
        }
        RefusalReason::Cloned => {
            "this machine is a copy of another that speaks for the same agent; empty `state_dir` here and run `pantau-agent enroll` with a name of its own"
        }
        RefusalReason::NotSaid => "the collector refuses without a reason this agent knows",
    };
    format!("{what} (collector: {}); batches wait in the spool", refused.detail)
}

fn begun_anew() -> Ended {
    Ended::Broken(anyhow!("the spool has begun anew"))
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
