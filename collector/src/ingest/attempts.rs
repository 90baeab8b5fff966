//! How often one address may try to enrol: a token bucket each.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::admission::Origin;

/// Attempts at once: every server of a site behind one NAT, enrolled by a script.
const BURST: u32 = 60;
/// After that, one in this time.
const REFILL: Duration = Duration::from_secs(2);
/// Addresses that are told apart; beyond them all others share one bucket.
const ORIGINS_MAX: usize = 10_000;

/// The attempts of all addresses. The key of the shared bucket is `None`.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<Option<Origin>, Bucket>>);

#[derive(Clone, Copy)]
struct Bucket {
    /// When it is full again.
    full_at: Instant,
}

impl Attempts {
    /// Whether one more is allowed now; it is counted if so.
    pub fn take(&self, origin: Origin, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ORIGINS_MAX {
            buckets.retain(|_, bucket| bucket.full_at > now);
        }
        let crowded = buckets.len() >= ORIGINS_MAX && !buckets.contains_key(&Some(origin));
        let key = (!crowded).then_some(origin);
        buckets.entry(key).or_insert(Bucket { full_at: now }).take(now)
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + REFILL;
        let allowed = full_at.duration_since(now) <= REFILL * BURST;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn origin(n: u32) -> Origin {
        Origin::of(IpAddr::V4(Ipv4Addr::from_bits(n)))
    }

    #[test]
    fn an_address_has_its_burst_and_then_one_attempt_at_a_time() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let burst = (0..2 * BURST).filter(|_| attempts.take(origin(1), start)).count();
        assert_eq!(burst, BURST as usize);
        assert!(attempts.take(origin(2), start), "another address is not concerned");
        let later = start + REFILL;
        assert!(attempts.take(origin(1), later));
        assert!(!attempts.take(origin(1), later));
        let rested = later + REFILL * BURST;
        assert_eq!((0..2 * BURST).filter(|_| attempts.take(origin(1), rested)).count(), 60);
    }

    #[test]
    fn addresses_without_number_share_one_bucket_and_little_memory() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let many = ORIGINS_MAX as u32 + 1_000;
        let allowed = (0..many).filter(|n| attempts.take(origin(*n), start)).count();
        assert_eq!(allowed, ORIGINS_MAX + BURST as usize);
        assert_eq!(attempts.0.lock().unwrap().len(), ORIGINS_MAX + 1);
        let rested = start + REFILL * BURST;
        assert!(attempts.take(origin(many), rested));
        assert_eq!(attempts.0.lock().unwrap().len(), 1, "who rests is forgotten");
    }
}
