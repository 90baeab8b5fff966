//! How many connections are held, in all and per address.
//!
//! Callers that have not shown a certificate yet are few at a time and few per address: whoever fills
//! their places keeps newcomers out, but not agents that are connected. An agent that has shown one counts
//! generously per address, because hundreds may stand behind one NAT.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::domain::{AgentId, SiteId};

/// Connections without a certificate, those in the TLS handshake included.
pub const UNKNOWN_MAX: u32 = 512;
/// Of one address.
pub const UNKNOWN_PER_ADDRESS_MAX: u32 = 64;
/// Connections with a certificate.
pub const KNOWN_MAX: u32 = 4_608;
/// Of one address: all agents of a region behind one NAT.
pub const KNOWN_PER_ADDRESS_MAX: u32 = 2_304;
/// Of one agent: it uses one, and dead ones stay until their silence is noticed.
pub const PER_AGENT_MAX: u32 = 16;

/// Bits of an IPv6 address that one subscriber does not choose freely.
const IPV6_PREFIX_BITS: u32 = 64;

/// Whom an address belongs to: an IPv4 address, or the /64 network of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(IpAddr);

impl Origin {
    /// Of an address.
    pub fn of(address: IpAddr) -> Origin {
        Origin(match address.to_canonical() {
            IpAddr::V6(address) => {
                let mask = u128::MAX << (128 - IPV6_PREFIX_BITS);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            v4 => v4,
        })
    }
}

/// The places of all connections; clones share them.
#[derive(Clone, Default)]
pub struct Admission(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    unknown: u32,
    known: u32,
    unknown_of: HashMap<Origin, u32>,
    known_of: HashMap<Origin, u32>,
    of_agent: HashMap<(SiteId, AgentId), u32>,
}

/// A connection's place, until it is dropped.
pub struct Place {
    admission: Admission,
    origin: Origin,
    agent: Option<(SiteId, AgentId)>,
}

impl Admission {
    /// A place for a caller that is not known yet.
    pub fn enter(&self, origin: Origin) -> Option<Place> {
        let mut taken = self.taken();
        if taken.unknown >= UNKNOWN_MAX
            || count(&taken.unknown_of, &origin) >= UNKNOWN_PER_ADDRESS_MAX
        {
            return None;
        }
        taken.unknown += 1;
        *taken.unknown_of.entry(origin).or_default() += 1;
        Some(Place { admission: self.clone(), origin, agent: None })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Exchanges it for the place of an agent that has shown its certificate.
    pub fn for_agent(self, site: &SiteId, agent: &AgentId) -> Option<Place> {
        let (admission, origin) = (self.admission.clone(), self.origin);
        let who = (site.clone(), agent.clone());
        let mut taken = admission.taken();
        if taken.known >= KNOWN_MAX
            || count(&taken.known_of, &origin) >= KNOWN_PER_ADDRESS_MAX
            || count(&taken.of_agent, &who) >= PER_AGENT_MAX
        {
            drop(taken);
            return None;
        }
        taken.known += 1;
        *taken.known_of.entry(origin).or_default() += 1;
        *taken.of_agent.entry(who.clone()).or_default() += 1;
        drop(taken);
        Some(Place { admission, origin, agent: Some(who) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.admission.taken();
        match &self.agent {
            None => {
                taken.unknown = taken.unknown.saturating_sub(1);
                leave(&mut taken.unknown_of, &self.origin);
            }
            Some(who) => {
                taken.known = taken.known.saturating_sub(1);
                leave(&mut taken.known_of, &self.origin);
                leave(&mut taken.of_agent, who);
            }
        }
    }
}

fn count<K: Eq + Hash>(of: &HashMap<K, u32>, key: &K) -> u32 {
    of.get(key).copied().unwrap_or(0)
}

/// A key without connections leaves no trace: the maps are as large as what is connected.
fn leave<K: Eq + Hash>(of: &mut HashMap<K, u32>, key: &K) {
    let Some(count) = of.get_mut(key) else { return };
    *count = count.saturating_sub(1);
    if *count == 0 {
        of.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(text.parse().unwrap())
    }

    fn fill(admission: &Admission, origin: Origin) -> Vec<Place> {
        std::iter::from_fn(|| admission.enter(origin)).collect()
    }

    #[test]
    fn one_address_cannot_take_the_places_of_all() {
        let admission = Admission::default();
        let greedy = fill(&admission, origin("192.0.2.1"));
        assert_eq!(greedy.len(), UNKNOWN_PER_ADDRESS_MAX as usize);
        assert!(admission.enter(origin("192.0.2.2")).is_some());
        drop(greedy);
        assert!(admission.enter(origin("192.0.2.1")).is_some());
    }

    #[test]
    fn all_addresses_together_have_a_limit() {
        let admission = Admission::default();
        let places: Vec<_> =
            (0..255).flat_map(|n| fill(&admission, origin(&format!("192.0.2.{n}")))).collect();
        assert_eq!(places.len(), UNKNOWN_MAX as usize);
    }

    #[test]
    fn a_caller_with_a_certificate_makes_room_for_the_next_one() {
        let admission = Admission::default();
        let site = SiteId("demo".into());
        let mut agents = Vec::new();
        for n in 0..2 * UNKNOWN_PER_ADDRESS_MAX {
            let place = admission.enter(origin("192.0.2.1")).unwrap();
            agents.push(place.for_agent(&site, &AgentId(format!("spse-{n}"))).unwrap());
        }
        assert_eq!(fill(&admission, origin("192.0.2.1")).len(), UNKNOWN_PER_ADDRESS_MAX as usize);
    }

    #[test]
    fn one_agent_has_a_limit_and_leaves_no_trace() {
        let admission = Admission::default();
        let (site, agent) = (SiteId("demo".into()), AgentId("spse-1".into()));
        let place = || admission.enter(origin("192.0.2.1")).unwrap().for_agent(&site, &agent);
        let held: Vec<_> = std::iter::from_fn(place).collect();
        assert_eq!(held.len(), PER_AGENT_MAX as usize);
        drop(held);
        let taken = admission.taken();
        assert_eq!((taken.unknown, taken.known), (0, 0));
        assert!(taken.unknown_of.is_empty() && taken.known_of.is_empty());
        assert!(taken.of_agent.is_empty());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:1"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
    }
}
