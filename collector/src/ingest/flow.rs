//! How much each agent may have under way: everything while there is room, a share when there is little.

use pantau_proto::limits;

use super::commit::WAITING_MAX;

/// What an agent may always have under way, so that a backlog still drains.
const IN_FLIGHT_MIN: usize = 4;

/// Batches that an agent may send without an acknowledgement, when the queue has so many free places and
/// so many streams are open. While the queue is no more than half full nobody is slowed down: most
/// streams send one batch a minute.
pub fn in_flight_max(free: usize, streams: usize) -> u32 {
    if free >= WAITING_MAX / 2 {
        return limits::IN_FLIGHT_MAX;
    }
    let share = (free / streams.max(1)).max(IN_FLIGHT_MIN);
    u32::try_from(share).map_or(limits::IN_FLIGHT_MAX, |share| share.min(limits::IN_FLIGHT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_sends_in_full_while_there_is_room_and_its_share_when_there_is_little() {
        assert_eq!(in_flight_max(WAITING_MAX, 4_000), limits::IN_FLIGHT_MAX);
        assert_eq!(in_flight_max(WAITING_MAX / 2, 1), limits::IN_FLIGHT_MAX);
        assert_eq!(in_flight_max(1_000, 20), 50);
        assert_eq!(in_flight_max(1_000, 1), limits::IN_FLIGHT_MAX);
        assert_eq!(in_flight_max(0, 20), IN_FLIGHT_MIN as u32);
    }
}
