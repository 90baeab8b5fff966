//! Acknowledgements: what is committed is told at once, together where it was committed together.

use std::time::Duration;

use pantau_proto::limits;
use tokio::{sync::mpsc, time::timeout};

use super::{
    commit::{Fate, Outcome},
    ranges,
    wire::{Refusal, ToAgent},
};
use crate::domain::Epoch;

/// Outcomes that become one acknowledgement.
const ACK_OUTCOMES_MAX: usize = limits::IN_FLIGHT_MAX as usize;
/// An agent whose batches are in work for this long without an acknowledgement is told that we are alive.
pub const STILL_ALIVE_AFTER: Duration = Duration::from_secs(limits::HEARTBEAT_INTERVAL_S);

/// What acknowledgements of one stream are made with.
pub struct Answers<'a, F> {
    /// Where they go.
    pub to: &'a mpsc::Sender<ToAgent>,
    /// Epoch of the stream's Hello.
    pub own: Epoch,
    /// What the agent may have under way now.
    pub in_flight_max: F,
    /// What it was told last.
    pub told_in_flight_max: u32,
    /// [`STILL_ALIVE_AFTER`].
    pub still_alive_after: Duration,
}

impl<F: Fn() -> u32> Answers<'_, F> {
    /// Turns outcomes into acknowledgements as they come; ends when nothing is under way any more, when
    /// the agent is gone, or with the first batch that could not be stored.
    pub async fn acknowledge(
        &mut self,
        committed: &mut mpsc::Receiver<Outcome>,
    ) -> Result<(), Refusal> {
        let mut outcomes = Vec::new();
        loop {
            let next = committed.recv_many(&mut outcomes, ACK_OUTCOMES_MAX);
            match timeout(self.still_alive_after, next).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(_) if committed.capacity() < committed.max_capacity() => {}
                Err(_) => continue,
            }
            if !self.send(&outcomes).await {
                return Ok(());
            }
            if let Some(refusal) = outcomes.iter().find_map(refusal) {
                return Err(refusal);
            }
            outcomes.clear();
        }
    }

    /// False when the agent is gone.
    async fn send(&mut self, outcomes: &[Outcome]) -> bool {
        let in_flight_max = self.changed_in_flight_max();
        for ack in acks(outcomes, self.own, in_flight_max) {
            if self.to.send(ack).await.is_err() {
                return false;
            }
        }
        true
    }

    fn changed_in_flight_max(&mut self) -> Option<u32> {
        let now = (self.in_flight_max)();
        let changed = (now != self.told_in_flight_max).then_some(now);
        self.told_in_flight_max = now;
        changed
    }
}

/// Why the stream ends with this batch, if it does.
fn refusal(outcome: &Outcome) -> Option<Refusal> {
    let (first, last) = outcome.numbers;
    match outcome.fate {
        Fate::Saved => None,
        Fate::Failed => Some(Refusal::store_unavailable(last)),
        Fate::Overlaps => Some(Refusal::overlaps(first, last)),
    }
}

/// One acknowledgement per epoch, or one without numbers when nothing is committed. A stream sends
/// batches of one epoch, rarely of two: the rest of an old spool before the new one.
fn acks(outcomes: &[Outcome], own: Epoch, in_flight_max: Option<u32>) -> Vec<ToAgent> {
    let saved = || outcomes.iter().filter(|outcome| outcome.fate == Fate::Saved);
    let mut epochs: Vec<_> = saved().map(|outcome| outcome.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    if outcomes.is_empty() {
        return vec![ToAgent::Ack { epoch: None, stored: Vec::new(), in_flight_max }];
    }
    let numbers = |epoch| saved().filter(move |o| o.epoch == epoch).map(|o| o.numbers).collect();
    let ack = |epoch| ToAgent::Ack {
        epoch: Some(epoch).filter(|epoch| *epoch != own),
        stored: ranges::merged(numbers(epoch)),
        in_flight_max,
    };
    epochs.into_iter().map(ack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(epoch: u8, seq: u64, fate: Fate) -> Outcome {
        Outcome { epoch: Epoch([epoch; 16]), numbers: (seq, seq), fate }
    }

    fn ack(epoch: Option<u8>, stored: Vec<(u64, u64)>) -> ToAgent {
        ToAgent::Ack { epoch: epoch.map(|n| Epoch([n; 16])), stored, in_flight_max: None }
    }

    #[test]
    fn what_is_committed_together_is_acknowledged_together_by_epoch() {
        let merged = Outcome { numbers: (3, 7), ..outcome(1, 7, Fate::Saved) };
        let outcomes = [
            outcome(1, 2, Fate::Saved),
            outcome(2, 1, Fate::Saved),
            merged,
            outcome(1, 9, Fate::Failed),
        ];
        let expected = [ack(None, vec![(2, 7)]), ack(Some(2), vec![(1, 1)])];
        assert_eq!(acks(&outcomes, Epoch([1; 16]), None), expected);
    }

    #[test]
    fn a_sign_of_life_acknowledges_nothing_and_a_failure_neither() {
        let own = Epoch([1; 16]);
        assert_eq!(acks(&[], own, None), [ack(None, vec![])]);
        assert_eq!(acks(&[outcome(1, 9, Fate::Failed)], own, None), []);
    }

    #[tokio::test]
    async fn an_agent_whose_batches_are_in_work_for_long_hears_that_the_collector_is_alive() {
        let (outcomes, mut committed) = mpsc::channel(2);
        let (to, mut heard) = mpsc::channel(16);
        let own = Epoch([1; 16]);
        let mut answers = Answers {
            to: &to,
            own,
            in_flight_max: || 7,
            told_in_flight_max: 9,
            still_alive_after: Duration::from_millis(1),
        };
        // In work: its place is taken, its outcome has not come.
        let reply = outcomes.clone().reserve_owned().await.unwrap();
        drop(outcomes);
        let hears = async {
            let alive = ToAgent::Ack { epoch: None, stored: vec![], in_flight_max: Some(7) };
            assert_eq!(heard.recv().await, Some(alive));
            assert_eq!(heard.recv().await, Some(ack(None, vec![])));
            reply.send(outcome(1, 4, Fate::Saved));
            while heard.recv().await != Some(ack(None, vec![(4, 4)])) {}
        };
        let (end, ()) = tokio::join!(answers.acknowledge(&mut committed), hears);
        assert_eq!(end, Ok(()));
    }

    #[test]
    fn a_batch_that_overlaps_is_refused_with_its_numbers() {
        let overlaps = Outcome { numbers: (3, 7), ..outcome(1, 7, Fate::Overlaps) };
        let refused = refusal(&overlaps).unwrap();
        assert_eq!(refused.seq, 7);
        assert!(refused.detail.contains("3 to 7"), "{}", refused.detail);
    }
}
