//! How often a sign-in may be tried, per name and per address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// Failed attempts of one name before it must pause.
const FAILURES_PER_NAME_MAX: u32 = 10;
/// Failed attempts of one address before it must pause. An office behind one address shares it.
const FAILURES_PER_PEER_MAX: u32 = 30;
/// Failures are counted over, and a pause lasts, this long: fifteen minutes.
pub const WINDOW_MS: i64 = 15 * 60 * 1_000;
/// Names and addresses remembered; beyond it the oldest is forgotten.
const KEYS_MAX: usize = 4_096;

/// For whom failures are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Peer(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    first_ms: i64,
}

/// Whether an attempt is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try.
    Allowed,
    /// Not before this many milliseconds have passed.
    Paused(i64),
}

/// Failed sign-ins of the recent past.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Key, Failures>>);

impl Attempts {
    /// Counts an attempt as failed before it is tried, so that many at once cannot slip through
    /// together; [`Attempts::succeeded`] takes it back. A paused one is not counted.
    pub fn begin(&self, name: &str, peer: IpAddr, now_ms: i64) -> Verdict {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = [
            (Key::Name(name.to_owned()), FAILURES_PER_NAME_MAX),
            (Key::Peer(peer), FAILURES_PER_PEER_MAX),
        ];
        let pause = keys.iter().filter_map(|(key, max)| pause(all.get(key)?, *max, now_ms)).max();
        if let Some(ms) = pause {
            return Verdict::Paused(ms);
        }
        for (key, _) in keys {
            count(&mut all, key, now_ms);
        }
        Verdict::Allowed
    }

    /// A right password clears the name and gives the address back what [`Attempts::begin`] counted.
    pub fn succeeded(&self, name: &str, peer: IpAddr) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&Key::Name(name.to_owned()));
        if let Some(failures) = all.get_mut(&Key::Peer(peer)) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    /// Whether the attempt just counted was the last before a pause (so that the audit log tells once).
    pub fn exhausted(&self, name: &str, peer: IpAddr) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |key| all.get(&key).map_or(0, |failures: &Failures| failures.count);
        count(Key::Name(name.to_owned())) >= FAILURES_PER_NAME_MAX
            || count(Key::Peer(peer)) >= FAILURES_PER_PEER_MAX
    }
}

fn pause(failures: &Failures, max: u32, now_ms: i64) -> Option<i64> {
    let left = failures.first_ms.saturating_add(WINDOW_MS).saturating_sub(now_ms);
    (failures.count >= max && left > 0).then_some(left)
}

fn count(all: &mut HashMap<Key, Failures>, key: Key, now_ms: i64) {
    if all.len() >= KEYS_MAX && !all.contains_key(&key) {
        make_room(all, now_ms);
    }
    let failures = all.entry(key).or_insert(Failures { count: 0, first_ms: now_ms });
    if now_ms.saturating_sub(failures.first_ms) >= WINDOW_MS {
        *failures = Failures { count: 0, first_ms: now_ms };
    }
    failures.count = failures.count.saturating_add(1);
}

fn make_room(all: &mut HashMap<Key, Failures>, now_ms: i64) {
    all.retain(|_, failures| now_ms.saturating_sub(failures.first_ms) < WINDOW_MS);
    if all.len() < KEYS_MAX {
        return;
    }
    let oldest =
        all.iter().min_by_key(|(_, failures)| failures.first_ms).map(|(key, _)| key.clone());
    if let Some(key) = oldest {
        all.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn a_name_pauses_after_its_failures_and_is_heard_again_after_the_window() {
        let attempts = Attempts::default();
        for n in 0..FAILURES_PER_NAME_MAX {
            assert!(!attempts.exhausted("siti", PEER), "after {n}");
            assert_eq!(attempts.begin("siti", PEER, 1_000), Verdict::Allowed);
        }
        assert!(attempts.exhausted("siti", PEER));
        assert_eq!(attempts.begin("siti", PEER, 61_000), Verdict::Paused(WINDOW_MS - 60_000));
        assert_eq!(attempts.begin("budi", PEER, 61_000), Verdict::Allowed);
        assert_eq!(attempts.begin("siti", PEER, 1_000 + WINDOW_MS), Verdict::Allowed);
    }

    #[test]
    fn an_address_that_tries_many_names_pauses_too() {
        let attempts = Attempts::default();
        for n in 0..FAILURES_PER_PEER_MAX {
            assert_eq!(attempts.begin(&format!("name{n}"), PEER, 0), Verdict::Allowed);
        }
        assert_eq!(attempts.begin("fresh", PEER, 0), Verdict::Paused(WINDOW_MS));
        let other = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 8));
        assert_eq!(attempts.begin("fresh", other, 0), Verdict::Allowed);
    }

    #[test]
    fn a_right_password_clears_the_name() {
        let attempts = Attempts::default();
        for _ in 0..FAILURES_PER_NAME_MAX * 2 {
            assert_eq!(attempts.begin("siti", PEER, 0), Verdict::Allowed);
            attempts.succeeded("siti", PEER);
        }
    }

    #[test]
    fn memory_is_bounded_however_many_names_are_tried() {
        let attempts = Attempts::default();
        for n in 0..(KEYS_MAX as u32 + 500) {
            let peer = IpAddr::from(std::net::Ipv4Addr::from(n));
            attempts.begin(&format!("name{n}"), peer, i64::from(n));
        }
        assert!(attempts.0.lock().unwrap().len() <= KEYS_MAX);
    }
}
