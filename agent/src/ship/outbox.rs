//! What may be sent now: decisions without a network.

use std::collections::BTreeSet;

use pantau_proto::limits::IN_FLIGHT_MAX;

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
        let mut outbox = Outbox { in_flight_max: 1, in_flight: BTreeSet::new(), sent_to: 0 };
        outbox.set_in_flight_max(in_flight_max);
        outbox
    }

    /// The collector changed its mind.
    pub(super) fn set_in_flight_max(&mut self, in_flight_max: u32) {
        self.in_flight_max = in_flight_max.clamp(1, IN_FLIGHT_MAX) as usize;
    }

    /// After which number the next batch to send is looked for; `None` while too many are under way.
    pub(super) fn next_after(&self) -> Option<u64> {
        (self.in_flight.len() < self.in_flight_max).then_some(self.sent_to)
    }

    /// Whether an acknowledgement is due.
    pub(super) fn is_waiting(&self) -> bool {
        !self.in_flight.is_empty()
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
        outbox.set_in_flight_max(1);
        assert_eq!(outbox.next_after(), None);
        assert!(outbox.is_waiting());
    }

    #[test]
    fn a_collector_that_names_no_number_takes_one_and_none_takes_more_than_the_contract() {
        assert_eq!(Outbox::new(0).in_flight_max, 1);
        assert_eq!(Outbox::new(u32::MAX).in_flight_max, IN_FLIGHT_MAX as usize);
    }
}
