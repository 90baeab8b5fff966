//! What may be sent now, and what a Welcome means: decisions without a network.

use std::collections::BTreeSet;

use pantau_proto::limits::IN_FLIGHT_MAX;

use crate::spool::Ranges;

/// Batches sent on this stream and not yet acknowledged.
pub(super) struct Outbox {
    in_flight_max: usize,
    in_flight: BTreeSet<u64>,
    /// Highest number sent on this stream: each is sent once a stream, oldest first.
    sent_to: u64,
}

impl Outbox {
    /// `in_flight_max` as the Welcome says: 0 means 1, and no more than the contract allows.
    pub(super) fn new(in_flight_max: u32) -> Outbox {
        Outbox {
            in_flight_max: in_flight_max.clamp(1, IN_FLIGHT_MAX) as usize,
            in_flight: BTreeSet::new(),
            sent_to: 0,
        }
    }

    /// After which number the next batch to send is looked for; `None` while too many are under way.
    pub(super) fn next_after(&self) -> Option<u64> {
        (self.in_flight.len() < self.in_flight_max).then_some(self.sent_to)
    }

    pub(super) fn sent(&mut self, seq: u64) {
        self.in_flight.insert(seq);
        self.sent_to = self.sent_to.max(seq);
    }

    /// Looked at and not to be sent.
    pub(super) fn skipped(&mut self, seq: u64) {
        self.sent_to = self.sent_to.max(seq);
    }

    pub(super) fn acknowledged(&mut self, first: u64, last: u64) {
        self.in_flight.retain(|seq| !(first..=last).contains(seq));
    }
}

/// What the agent does about a Welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Send what the collector lacks.
    Send,
    /// The collector knows batches that this spool never closed: the machine was restored from an older
    /// copy. Numbers and positions here are of the past.
    BeginAnew,
}

/// Compares what the collector has stored of this epoch with the newest batch here. Numbers alone are
/// compared: the known limit stands in [`super`].
pub(super) fn course(stored: &Ranges, highest_seq: u64) -> Course {
    if stored.highest() > highest_seq { Course::BeginAnew } else { Course::Send }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_under_way_than_the_collector_takes() {
        let mut outbox = Outbox::new(2);
        assert_eq!(outbox.next_after(), Some(0));
        outbox.sent(5);
        outbox.sent(6);
        assert_eq!(outbox.next_after(), None);
        outbox.acknowledged(1, 5);
        assert_eq!(outbox.next_after(), Some(6));
    }

    #[test]
    fn a_collector_that_names_no_number_takes_one_and_none_takes_more_than_the_contract() {
        assert_eq!(Outbox::new(0).in_flight_max, 1);
        assert_eq!(Outbox::new(u32::MAX).in_flight_max, IN_FLIGHT_MAX as usize);
    }

    #[test]
    fn a_collector_that_knows_more_than_the_spool_means_a_restored_machine() {
        let stored = Ranges::from_pairs([(1, 10), (12, 20)]);
        assert_eq!(course(&stored, 20), Course::Send);
        assert_eq!(course(&stored, 25), Course::Send);
        assert_eq!(course(&stored, 19), Course::BeginAnew);
        assert_eq!(course(&Ranges::default(), 0), Course::Send);
    }
}
