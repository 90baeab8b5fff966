//! Network interfaces (`/proc/net/dev`) and which of them leads outside (`/proc/net/route`,
//! `/proc/net/ipv6_route`). One read of `/proc/net/dev` replaces ten small ones per interface in sysfs.

use std::collections::HashMap;

use crate::domain::InterfaceSample;

/// Interfaces reported at most; the outside one is always among them.
pub(super) const INTERFACES_MAX: usize = 32;

/// Flags of a route (linux/route.h, linux/ipv6_route.h): usable; refuses instead of forwarding.
const ROUTE_UP: u32 = 0x0001;
const ROUTE_REJECT: u32 = 0x0200;

/// Reads `/proc/net/dev`. Left out: loopback, and `veth…` (the near ends of containers, whose bytes
/// are counted on the bridge already). Peaks and `outside` are not known here.
pub(super) fn interfaces(dev: &str) -> Vec<InterfaceSample> {
    dev.lines().filter_map(interface).collect()
}

fn interface(line: &str) -> Option<InterfaceSample> {
    let (name, counters) = line.split_once(':')?;
    let name = name.trim();
    if name == "lo" || name.starts_with("veth") {
        return None;
    }
    let counters: Option<Vec<u64>> =
        counters.split_whitespace().map(|field| field.parse().ok()).collect();
    let counters = counters?;
    Some(InterfaceSample {
        name: name.to_owned(),
        received_bytes: *counters.first()?,
        received_errors: *counters.get(2)?,
        sent_bytes: *counters.get(8)?,
        sent_errors: *counters.get(10)?,
        ..InterfaceSample::default()
    })
}

/// The interface of the default route: of IPv4 the one with the lowest metric, else of IPv6.
pub(super) fn default_route(ipv4: &str, ipv6: &str) -> Option<String> {
    let best = |routes: Vec<(u32, String)>| routes.into_iter().min().map(|(_, name)| name);
    best(ipv4.lines().filter_map(ipv4_default).collect())
        .or_else(|| best(ipv6.lines().filter_map(ipv6_default).collect()))
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, numbers in hex, the metric in decimal.
fn ipv4_default(line: &str) -> Option<(u32, String)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [name, destination, _, flags, _, _, metric, mask, ..] = fields.as_slice() else {
        return None;
    };
    let is_default = *destination == "00000000" && *mask == "00000000";
    (is_default && usable(flags)).then_some((metric.parse().ok()?, (*name).to_owned()))
}

/// `destination prefix source prefix next-hop metric refcnt use flags iface`, all in hex.
fn ipv6_default(line: &str) -> Option<(u32, String)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [destination, prefix, _, _, _, metric, _, _, flags, name] = fields.as_slice() else {
        return None;
    };
    let is_default = *prefix == "00" && destination.bytes().all(|b| b == b'0') && *name != "lo";
    let metric = u32::from_str_radix(metric, 16).ok()?;
    (is_default && usable(flags)).then_some((metric, (*name).to_owned()))
}

fn usable(flags: &str) -> bool {
    u32::from_str_radix(flags, 16)
        .is_ok_and(|flags| flags & ROUTE_UP != 0 && flags & ROUTE_REJECT == 0)
}

/// Marks the outside interface: that of the default route; without one the only interface there is;
/// of several none, because a guess would put the wrong bandwidth into the report.
pub(super) fn mark_outside(interfaces: &mut [InterfaceSample], default_route: Option<&str>) {
    let alone = interfaces.len() == 1;
    for interface in interfaces {
        interface.outside = match default_route {
            Some(name) => interface.name == name,
            None => alone,
        };
    }
}

/// The outside interface first, then as the kernel lists them, cut at [`INTERFACES_MAX`].
pub(super) fn limited(mut interfaces: Vec<InterfaceSample>) -> Vec<InterfaceSample> {
    interfaces.sort_by_key(|interface| !interface.outside);
    interfaces.truncate(INTERFACES_MAX);
    interfaces
}

/// Counters of the sample before, for rates.
#[derive(Debug, Default)]
pub(super) struct Rates {
    at_ms: i64,
    bytes: HashMap<String, (u64, u64)>,
}

impl Rates {
    /// Sets each interface's rate since the sample before; 0 where none is known: the first sample, a
    /// counter that began anew, a clock that did not move on.
    pub(super) fn set(&mut self, interfaces: &mut [InterfaceSample], now_ms: i64) {
        let elapsed_ms = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(0);
        for interface in interfaces.iter_mut() {
            let Some((received, sent)) = self.bytes.get(&interface.name) else { continue };
            interface.received_peak_bytes_per_s =
                rate(*received, interface.received_bytes, elapsed_ms);
            interface.sent_peak_bytes_per_s = rate(*sent, interface.sent_bytes, elapsed_ms);
        }
        self.at_ms = now_ms;
        self.bytes =
            interfaces.iter().map(|i| (i.name.clone(), (i.received_bytes, i.sent_bytes))).collect();
    }
}

fn rate(before: u64, now: u64, elapsed_ms: u64) -> u64 {
    let per_s = u128::from(now.saturating_sub(before)) * 1_000 / u128::from(elapsed_ms.max(1));
    if elapsed_ms == 0 { 0 } else { u64::try_from(per_s).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0 0 0 0
  eth0: 471758406   14689    5    0    0     0          0         0  1040061    9452    7    0    0 0 0 0
 eth1:1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0
veth12: 1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0
";

    #[test]
    fn interfaces_are_read_without_loopback_and_container_ends() {
        let interfaces = interfaces(DEV);
        let names: Vec<_> = interfaces.iter().map(|i| i.name.as_str()).collect();
        assert_eq!(names, ["eth0", "eth1"]);
        let eth0 = &interfaces[0];
        assert_eq!((eth0.received_bytes, eth0.sent_bytes), (471_758_406, 1_040_061));
        assert_eq!((eth0.received_errors, eth0.sent_errors), (5, 7));
    }

    #[test]
    fn the_default_route_with_the_lowest_metric_leads_outside() {
        let ipv4 = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                    wlan0 00000000 010200C0 0003 0 0 600 00000000 0 0 0\n\
                    eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0\n\
                    eth9 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        assert_eq!(default_route(ipv4, ""), Some("eth0".to_owned()));
    }

    #[test]
    fn without_ipv4_the_default_route_of_ipv6_is_taken_and_a_rejecting_one_is_not() {
        let zero = "0".repeat(32);
        let ipv6 = format!(
            "{zero} 00 {zero} 00 fd000000000000000000000000000001 00000400 2 0 00000003 eth0\n\
             {zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 lo\n\
             {zero} 00 {zero} 00 {zero} 00000001 1 0 00200201 eth7\n"
        );
        assert_eq!(default_route("", &ipv6), Some("eth0".to_owned()));
        assert_eq!(default_route("", ""), None);
    }

    #[test]
    fn without_a_default_route_only_a_lone_interface_is_outside() {
        let mut two = interfaces(DEV);
        mark_outside(&mut two, None);
        assert!(two.iter().all(|interface| !interface.outside));
        let mut one = two.split_off(1);
        mark_outside(&mut one, None);
        assert!(one[0].outside);
    }

    #[test]
    fn the_outside_interface_survives_the_limit() {
        let mut many: Vec<_> = (0..40)
            .map(|n| InterfaceSample { name: format!("br{n}"), ..InterfaceSample::default() })
            .collect();
        mark_outside(&mut many, Some("br39"));
        let kept = limited(many);
        assert_eq!((kept.len(), kept[0].name.as_str()), (INTERFACES_MAX, "br39"));
    }

    #[test]
    fn a_rate_is_of_the_time_between_two_samples_and_zero_when_counters_began_anew() {
        let mut rates = Rates::default();
        let mut sample = |received, sent, now_ms| {
            let mut one = [InterfaceSample {
                name: "eth0".to_owned(),
                received_bytes: received,
                sent_bytes: sent,
                ..InterfaceSample::default()
            }];
            rates.set(&mut one, now_ms);
            (one[0].received_peak_bytes_per_s, one[0].sent_peak_bytes_per_s)
        };
        assert_eq!(sample(1_000, 1_000, 10_000), (0, 0));
        assert_eq!(sample(31_000, 16_000, 25_000), (2_000, 1_000));
        assert_eq!(sample(500, 31_000, 40_000), (0, 1_000));
        assert_eq!(sample(9_999, 99_999, 40_000), (0, 0));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[0-9a-f: x|\n]{0,300}") {
            let _ = (interfaces(&text), default_route(&text, &text));
        }
    }
}
