//! The greeting: nothing is sent before the collector's numbers are found to be of this spool.

use anyhow::{Context, anyhow};
use pantau_proto::limits::MESSAGE_BYTES_MAX;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{ASKED_MAX, DEAD_AFTER, Ended, Link, LinkEvent, OUTGOING_MAX, Stream, answer_in};
use crate::{
    domain::SourcePosition,
    ship::{
        live::Told,
        outbox::Outbox,
        wire::{self, Answer, Outgoing, printable},
    },
    spool::{Known, Spool, Verdict},
};

impl Link {
    pub(super) async fn open(&self) -> anyhow::Result<Stream> {
        let channel = self.parts.connector.connect().await?;
        let mut client = wire::Client::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let (out, queue) = mpsc::channel(OUTGOING_MAX);
        let (epoch, hello) = self.hello().await?;
        out.send(hello).await?;
        let exchange = client.exchange(ReceiverStream::new(queue));
        let answered = timeout(DEAD_AFTER, exchange).await.context("no answer")?;
        let incoming =
            answered.map_err(|status| anyhow!(printable(status.message())))?.into_inner();
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
    pub(super) async fn greeted(&mut self, stream: &mut Stream) -> Result<(), Ended> {
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
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
