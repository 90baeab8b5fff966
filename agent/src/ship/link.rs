//! One stream to the collector, kept open: greet, send what is lacking, beat, and come back.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, anyhow};
use pantau_proto::limits::{HEARTBEAT_INTERVAL_S, LINK_DEAD_AFTER_S, MESSAGE_BYTES_MAX};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Streaming, transport::Endpoint};

use super::{
    outbox::{Course, Outbox, course},
    retry,
    wire::{self, Answer, Incoming, Outgoing, RefusalReason, Refused},
};
use crate::{
    config::{Collector, Identity},
    domain::{HostFacts, LiveState, SourcePosition},
    spool::{Ranges, ReadError, Spool},
};

/// Messages handed to the stream and not yet taken by it: few, so that a heartbeat passes a backlog.
const OUTGOING_MAX: usize = 4;
/// Room of a message for all but its batch.
const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2 pings find a dead link within [`LINK_DEAD_AFTER_S`]: asked each 30 s, answered within 20 s.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What the link tells the rest of the agent.
#[derive(Debug)]
pub enum LinkEvent {
    /// What keeps batches from being delivered, for a person; `None` when they are delivered again.
    Trouble(Option<String>),
    /// This machine was restored from an older copy: reading resumes here, in a new epoch.
    BeginAnew(Vec<SourcePosition>),
}

/// What a link is made of.
pub struct LinkParts {
    /// Who this is.
    pub identity: Identity,
    /// Where it goes.
    pub collector: Collector,
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
}

/// See the module.
pub struct Link {
    parts: LinkParts,
    trouble: Option<String>,
}

/// Why a stream ended.
enum Ended {
    Refused(Refused),
    Broken(anyhow::Error),
    BegunAnew,
}

struct Stream {
    out: mpsc::Sender<Outgoing>,
    incoming: Streaming<Incoming>,
    epoch: [u8; 16],
    outbox: Outbox,
}

impl Link {
    /// A link that is not open yet.
    pub fn new(parts: LinkParts) -> Link {
        Link { parts, trouble: None }
    }

    /// Keeps the stream open until `stop`; comes back when it breaks.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failures = 0u32;
        loop {
            let ended = tokio::select! {
                ended = self.talk(&mut failures) => ended,
                () = stop.cancelled() => return,
            };
            failures = failures.saturating_add(1);
            let asked_s = match ended {
                Ended::Refused(refused) => self.refused(refused).await,
                Ended::Broken(error) => self.broken(&error).await,
                Ended::BegunAnew => return,
            };
            let wait = retry::wait(failures, asked_s, rand::random::<f64>());
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// One stream, from Hello to its end; `failures` is 0 again once the collector says Welcome.
    async fn talk(&mut self, failures: &mut u32) -> Ended {
        let mut stream = match self.open().await {
            Ok(stream) => stream,
            Err(error) => return Ended::Broken(error),
        };
        match self.greeted(&mut stream).await {
            Ok(()) => {}
            Err(ended) => return ended,
        }
        *failures = 0;
        self.tell(None).await;
        self.converse(stream).await
    }

    async fn open(&self) -> anyhow::Result<Stream> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.parts.collector.address))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(Some(PING_INTERVAL))
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true);
        let channel = endpoint.connect().await.context("no connection")?;
        let mut client = wire::Client::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let (out, queue) = mpsc::channel(OUTGOING_MAX);
        let (epoch, hello) = self.hello().await?;
        out.send(hello).await?;
        let exchange = client.exchange(ReceiverStream::new(queue));
        let answered = timeout(Duration::from_secs(LINK_DEAD_AFTER_S), exchange).await;
        let answered = answered.context("no answer")?;
        let incoming = answered.map_err(|status| anyhow!("{}", status.message()))?.into_inner();
        Ok(Stream { out, incoming, epoch, outbox: Outbox::new(1) })
    }

    async fn hello(&self) -> anyhow::Result<([u8; 16], Outgoing)> {
        let numbers = self.with_spool(|spool| (spool.epoch(), spool.highest_seq())).await;
        let Ok((epoch, highest_seq)) = numbers else { anyhow::bail!("the spool does not answer") };
        let greeting = wire::Greeting {
            identity: &self.parts.identity,
            facts: &self.parts.facts,
            epoch,
            highest_seq,
            clock_ms: now_ms(),
        };
        Ok((epoch, wire::hello(&greeting)))
    }

    /// Waits for the Welcome and does what it means.
    async fn greeted(&mut self, stream: &mut Stream) -> Result<(), Ended> {
        let patience = Duration::from_secs(LINK_DEAD_AFTER_S);
        let Ok(message) = timeout(patience, stream.incoming.message()).await else {
            return Err(Ended::Broken(anyhow!("no answer to the greeting")));
        };
        match answer_in(message)? {
            Answer::Welcome { stored, positions, in_flight_max } => {
                stream.outbox = Outbox::new(in_flight_max);
                self.welcomed(stored, positions).await
            }
            Answer::Refusal(refused) => Err(Ended::Refused(refused)),
            _ => Err(Ended::Broken(anyhow!("the collector did not say welcome"))),
        }
    }

    async fn welcomed(&self, stored: Ranges, positions: Vec<SourcePosition>) -> Result<(), Ended> {
        let decide = move |spool: &mut Spool| {
            let course = course(&stored, spool.highest_seq());
            if course == Course::Send {
                spool.set_stored(stored);
            }
            course
        };
        match self.with_spool(decide).await? {
            Course::Send => Ok(()),
            Course::BeginAnew => {
                // A closed channel is an agent that stops: it begins anew at its next start.
                let _ = self.parts.events.send(LinkEvent::BeginAnew(positions)).await;
                Err(Ended::BegunAnew)
            }
        }
    }

    /// Sends batches and heartbeats and takes acknowledgements, until the stream ends.
    async fn converse(&mut self, stream: Stream) -> Ended {
        let Stream { out, mut incoming, epoch, mut outbox } = stream;
        let mut beat = interval(Duration::from_secs(HEARTBEAT_INTERVAL_S));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (spooled, urgent) = (self.parts.spooled.clone(), self.parts.urgent.clone());
        let mut beat_is_due = false;
        loop {
            let next = match self.next_batch(&outbox).await {
                Ok(next) => next,
                Err(ended) => return ended,
            };
            // An answer first, then the state, then the backlog: neither waits for the one behind it.
            tokio::select! {
                biased;
                answer = incoming.message() => match self.take(answer, epoch, &mut outbox).await {
                    Ok(()) => {}
                    Err(ended) => return ended,
                },
                _ = beat.tick() => beat_is_due = true,
                () = urgent.notified() => beat_is_due = true,
                permit = out.reserve(), if beat_is_due || next.is_some() => {
                    let Ok(permit) = permit else { return Ended::Broken(anyhow!("connection lost")) };
                    if std::mem::take(&mut beat_is_due) {
                        permit.send(wire::heartbeat(&self.live()));
                    } else if let Some(seq) = next {
                        match self.prepare(seq, epoch).await {
                            Ok(Some(message)) => {
                                permit.send(message);
                                outbox.sent(seq);
                            }
                            Ok(None) => outbox.skipped(seq),
                            Err(ended) => return ended,
                        }
                    }
                }
                () = spooled.notified(), if next.is_none() => {}
            }
        }
    }

    /// Number of the batch to send next, if one may be sent.
    async fn next_batch(&self, outbox: &Outbox) -> Result<Option<u64>, Ended> {
        let Some(after) = outbox.next_after() else { return Ok(None) };
        self.with_spool(move |spool| spool.unsettled(after, 1).first().copied()).await
    }

    /// The batch as a message; `None` when it can never be sent and is set aside.
    async fn prepare(&self, seq: u64, epoch: [u8; 16]) -> Result<Option<Outgoing>, Ended> {
        let (stored, newest) =
            self.with_spool(move |spool| (spool.to_send(seq), spool.highest_seq())).await?;
        let why = match stored {
            Ok(Some(stored)) if stored.data.len() + ENVELOPE_BYTES_MAX <= MESSAGE_BYTES_MAX => {
                let live = (seq == newest).then(|| self.live());
                return Ok(Some(wire::batch(epoch, stored, live.as_deref())));
            }
            Ok(Some(_)) => "it is larger than one message may be".to_owned(),
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
        epoch: [u8; 16],
        outbox: &mut Outbox,
    ) -> Result<(), Ended> {
        match answer_in(message)? {
            Answer::Ack { epoch: whose, stored } if whose == epoch => {
                stored.iter().for_each(|(first, last)| outbox.acknowledged(*first, *last));
                let note = move |spool: &mut Spool| {
                    stored.iter().for_each(|(first, last)| spool.add_stored(*first, *last));
                };
                self.with_spool(note).await
            }
            Answer::Refusal(refused) => Err(Ended::Refused(refused)),
            Answer::Ack { .. } | Answer::Welcome { .. } | Answer::Unknown => Ok(()),
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

    async fn broken(&mut self, error: &anyhow::Error) -> u32 {
        let address = self.parts.collector.address;
        self.tell(Some(format!(
            "the collector at {address} cannot be reached ({error:#}); start it or correct `collector.address`: batches wait in the spool"
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

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
