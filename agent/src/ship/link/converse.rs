//! What goes over a stream that was welcomed, and in which order.

use std::time::Duration;

use anyhow::anyhow;
use pantau_proto::limits::{HEARTBEAT_INTERVAL_S, MESSAGE_BYTES_MAX};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{ASKED_MAX, DEAD_AFTER, Ended, Link, Stream, answer_in, begun_anew};
use crate::{
    domain::LiveState,
    ship::{
        budget::Allowance,
        live::Parts,
        wire::{self, Answer, Incoming, Outgoing},
    },
    spool::{ReadError, Spool, Stored},
};

/// Room of a message for all but its batch.
const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// A heartbeat after this long without a sign of life. A little more than the contract's interval: a
/// batch closes each minute, and the second heartbeat in between shall not come just before it.
const BEAT_AFTER: Duration = Duration::from_secs(HEARTBEAT_INTERVAL_S + 2);
/// Definitions looked up and told at once.
const ASKED_AT_ONCE_MAX: usize = 1_000;

/// What is sent next.
enum Next {
    Batch(u64),
    Nothing,
}

impl Link {
    /// Sends batches and heartbeats and takes answers, until the stream ends.
    pub(super) async fn converse(
        &mut self,
        mut stream: Stream,
    ) -> Result<std::convert::Infallible, Ended> {
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
            // Answers are not read meanwhile: one that takes nothing must not keep this waiting.
            let sent = timeout(DEAD_AFTER, stream.out.send(message)).await;
            let sent = sent.map_err(|_| Ended::Broken(anyhow!("it does not answer any more")))?;
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
