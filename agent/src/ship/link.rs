//! One stream to the collector, kept open: greet, send what is lacking, beat, and come back.

mod advice;
mod converse;
mod greet;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::anyhow;
use pantau_proto::limits::LINK_DEAD_AFTER_S;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::{
    budget::Allowance,
    connect::Connector,
    live::Told,
    outbox::Outbox,
    retry,
    wire::{self, Answer, Incoming, Outgoing, RefusalReason, Refused, printable},
};
use crate::{
    config::Identity,
    domain::{HostFacts, LiveState, SourcePosition},
    spool::Spool,
};

/// Messages handed to the stream and not yet taken by it: few, so that a heartbeat passes a backlog.
const OUTGOING_MAX: usize = 4;
/// A collector that lets a batch wait this long and says nothing else either is gone.
const DEAD_AFTER: Duration = Duration::from_secs(LINK_DEAD_AFTER_S);
/// Definitions asked for and not yet told; further ones are asked for again.
const ASKED_MAX: usize = 10_000;

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

    async fn set_aside(&self, seq: u64, why: String) -> Result<(), Ended> {
        tracing::error!(seq, why, "a batch is set aside; its counts are declared as lost");
        self.with_spool(move |spool| spool.set_aside(seq, &why)).await
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
        self.tell(Some(advice::advice(&refused))).await;
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

fn answer_in(message: Result<Option<Incoming>, tonic::Status>) -> Result<Answer, Ended> {
    match message {
        Ok(Some(message)) => Ok(wire::answer(message)),
        Ok(None) => Err(Ended::Broken(anyhow!("the collector closed the stream"))),
        Err(status) => {
            Err(Ended::Broken(anyhow!("the stream broke: {}", printable(status.message()))))
        }
    }
}

fn begun_anew() -> Ended {
    Ended::Broken(anyhow!("the spool has begun anew"))
}

#[cfg(test)]
mod tests;
