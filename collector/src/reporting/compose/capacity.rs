//! Annex 2: processor, memory, swap, disks and the outside interface of one server.

use std::collections::BTreeMap;

use crate::{
    config::{Settings, Site, Thresholds},
    domain::{
        period::Period,
        summary::{HostHour, Traffic},
    },
    reporting::{
        model::{
            CapacityPoint, DiskLevel, DiskRow, POINTS_MAX, ServerCapacity, TrafficDirection,
            TrafficRow, Usage,
        },
        query::ServerFacts,
    },
};

use super::availability::midnight_after;

const HOUR_MS: i64 = 3_600_000;

pub(super) fn server(
    facts: &ServerFacts,
    settings: &Settings,
    site: &Site,
    covered: Period,
) -> ServerCapacity {
    let hours = &facts.hours;
    let points_are_hours = covered.len_ms() / HOUR_MS <= POINTS_MAX;
    ServerCapacity {
        agent: facts.agent.0.clone(),
        hostname: facts.hostname.clone(),
        cpus: facts.cpus.into(),
        memory_bytes: i64::try_from(facts.memory_bytes).unwrap_or(i64::MAX),
        minutes: hours.iter().map(|hour| hour.minutes).sum(),
        cpu: usage(hours, |h| measured(h).then_some((h.cpu_mean_permille, h.cpu_max_permille))),
        memory: usage(hours, |hour| memory(hour).map(|used| (used, used))),
        swap: usage(hours, |hour| swap(hour).map(|used| (used, used))),
        disks: disks(hours, &settings.thresholds),
        points: points(hours, covered, points_are_hours, site),
        points_are_hours,
        traffic: facts.traffic.as_ref().filter(|t| t.minutes > 0).map(|traffic| TrafficRow {
            interface: traffic.interface.clone(),
            minutes: traffic.minutes,
            sent: sent(traffic, site),
            received: received(traffic, site),
        }),
    }
}

/// What left by the outside interface.
pub(super) fn sent(traffic: &Traffic, site: &Site) -> TrafficDirection {
    TrafficDirection {
        bytes: traffic.sent_bytes,
        peak_bytes_per_s: traffic.sent_peak_bytes_per_s,
        p95_bytes_per_s: traffic.sent_p95_bytes_per_s,
        link_bits_per_s: link(site.link_up_bits_per_s),
    }
}

/// What came in by it.
pub(super) fn received(traffic: &Traffic, site: &Site) -> TrafficDirection {
    TrafficDirection {
        bytes: traffic.received_bytes,
        peak_bytes_per_s: traffic.received_peak_bytes_per_s,
        p95_bytes_per_s: traffic.received_p95_bytes_per_s,
        link_bits_per_s: link(site.link_down_bits_per_s),
    }
}

fn link(bits_per_s: Option<u64>) -> Option<i64> {
    bits_per_s.map(|bits| i64::try_from(bits).unwrap_or(i64::MAX))
}

fn measured(hour: &HostHour) -> bool {
    hour.minutes > 0
}

fn memory(hour: &HostHour) -> Option<i64> {
    measured(hour)
        .then(|| used_permille(hour.memory_total_bytes, hour.memory_available_bytes))
        .flatten()
}

fn swap(hour: &HostHour) -> Option<i64> {
    let free = hour.swap_total_bytes.saturating_sub(hour.swap_used_bytes);
    measured(hour).then(|| used_permille(hour.swap_total_bytes, free)).flatten()
}

fn disk(hour: &HostHour) -> Option<i64> {
    measured(hour).then(|| used_permille(hour.disk_total_bytes, hour.disk_free_bytes)).flatten()
}

/// Used share; `None` where there is nothing to use.
fn used_permille(total: i64, free: i64) -> Option<i64> {
    let used = total.checked_sub(free.max(0))?.max(0);
    (total > 0).then(|| (i128::from(used) * 1_000 / i128::from(total)) as i64)
}

/// Mean (weighted by minutes) and highest of what `of` gives as mean and maximum of an hour.
fn usage(hours: &[HostHour], of: impl Fn(&HostHour) -> Option<(i64, i64)>) -> Option<Usage> {
    let (mut weight, mut sum) = (0i64, 0i64);
    let mut highest: Option<(i64, i64)> = None;
    for hour in hours {
        let Some((mean, max)) = of(hour) else { continue };
        weight += hour.minutes;
        sum += mean * hour.minutes;
        if highest.is_none_or(|(so_far, _)| max > so_far) {
            highest = Some((max, hour.from_ms));
        }
    }
    let (max_permille, max_hour_ms) = highest?;
    Some(Usage { mean_permille: (sum + weight / 2) / weight.max(1), max_permille, max_hour_ms })
}

/// Each file system that was the fullest in some hour, with its last such figures.
fn disks(hours: &[HostHour], thresholds: &Thresholds) -> Vec<DiskRow> {
    let mut newest: BTreeMap<&str, &HostHour> = BTreeMap::new();
    for hour in hours.iter().filter(|hour| disk(hour).is_some()) {
        newest.insert(&hour.disk_mount, hour);
    }
    let row = |(mount, hour): (&str, &HostHour)| {
        let used_permille = disk(hour)?;
        Some(DiskRow {
            mount: mount.to_owned(),
            total_bytes: hour.disk_total_bytes,
            free_bytes: hour.disk_free_bytes,
            used_permille,
            at_ms: hour.from_ms,
            level: level(used_permille, thresholds),
        })
    };
    newest.into_iter().filter_map(row).collect()
}

fn level(used_permille: i64, thresholds: &Thresholds) -> DiskLevel {
    if used_permille >= i64::from(thresholds.disk_critical_percent) * 10 {
        DiskLevel::Critical
    } else if used_permille >= i64::from(thresholds.disk_warning_percent) * 10 {
        DiskLevel::Warning
    } else {
        DiskLevel::Normal
    }
}

/// One point per hour of the period, or per day when it is long; an hour or day without a sample is a
/// point without values, so that the line breaks there.
fn points(hours: &[HostHour], covered: Period, by_hour: bool, site: &Site) -> Vec<CapacityPoint> {
    let mut points = Vec::new();
    let mut rest = hours;
    let mut from_ms =
        if by_hour { covered.from_ms.div_euclid(HOUR_MS) * HOUR_MS } else { covered.from_ms };
    while from_ms < covered.to_ms {
        let to_ms = if by_hour {
            from_ms + HOUR_MS
        } else {
            midnight_after(from_ms, days_per_point(covered), &site.zone).unwrap_or(covered.to_ms)
        };
        let count = rest.iter().take_while(|hour| hour.from_ms < to_ms).count();
        let (these, later) = rest.split_at(count);
        points.push(point(from_ms, these));
        (rest, from_ms) = (later, to_ms);
    }
    points
}

fn days_per_point(covered: Period) -> i64 {
    (covered.len_ms() / (24 * HOUR_MS)).div_euclid(POINTS_MAX) + 1
}

fn point(from_ms: i64, hours: &[HostHour]) -> CapacityPoint {
    let highest = |of: fn(&HostHour) -> Option<i64>| hours.iter().filter_map(of).max();
    CapacityPoint {
        from_ms,
        cpu_permille: usage(hours, |hour| {
            measured(hour).then_some((hour.cpu_mean_permille, hour.cpu_max_permille))
        })
        .map(|cpu| cpu.mean_permille),
        memory_permille: highest(memory),
        disk_permille: highest(disk),
        swap_permille: highest(swap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(number: i64, cpu: i64) -> HostHour {
        HostHour {
            from_ms: number * HOUR_MS,
            minutes: 60,
            cpu_mean_permille: cpu,
            cpu_max_permille: cpu * 2,
            memory_total_bytes: 1_000,
            memory_available_bytes: 250,
            disk_mount: "/".to_owned(),
            disk_total_bytes: 1_000,
            disk_free_bytes: 100,
            ..HostHour::default()
        }
    }

    #[test]
    fn the_mean_counts_minutes_and_the_highest_names_its_hour() {
        let short = HostHour { minutes: 20, ..hour(1, 400) };
        let cpu =
            usage(&[hour(0, 100), short], |h| Some((h.cpu_mean_permille, h.cpu_max_permille)));
        let cpu = cpu.unwrap();
        assert_eq!((cpu.mean_permille, cpu.max_permille, cpu.max_hour_ms), (175, 800, HOUR_MS));
    }

    #[test]
    fn without_swap_or_samples_there_is_no_figure_instead_of_zero() {
        assert_eq!(swap(&hour(0, 1)), None);
        assert_eq!(memory(&HostHour { minutes: 0, ..hour(0, 1) }), None);
        assert_eq!(usage(&[], |hour| memory(hour).map(|used| (used, used))), None);
    }

    #[test]
    fn a_disk_is_judged_by_the_thresholds_in_use() {
        let rows = disks(&[hour(0, 1)], &Thresholds::default());
        assert_eq!((rows[0].used_permille, rows[0].level), (900, DiskLevel::Critical));
        let eased = Thresholds { disk_critical_percent: 95, ..Thresholds::default() };
        assert_eq!(disks(&[hour(0, 1)], &eased)[0].level, DiskLevel::Warning);
    }
}
