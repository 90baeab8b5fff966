//! Host figures of one server by hour and by minute, and the traffic on its outside interface.

use std::collections::BTreeMap;

use crate::{
    domain::{
        AgentId, SiteId,
        period::Period,
        summary::{HostHour, HostMinute, Traffic},
    },
    store::{
        Store, StoreResult,
        block::samples::{Kind, Samples, figure, host, interface},
        calendar::{HOUR_MINUTES, HOUR_MS, MINUTE_MS, hours_of, minutes_of},
        counter::growth,
        value::{damaged, plus},
    },
};

/// Between samples further apart than this the bytes count, but no rate is told: it would be the mean
/// over a time that nobody watched.
const RATE_PAUSE_MAX_MIN: i64 = 5;

#[derive(sqlx::FromRow)]
struct HostHourRow {
    hour: i64,
    minutes: i64,
    cpu_mean_permille: i64,
    cpu_max_permille: i64,
    memory_total_bytes: i64,
    memory_available_bytes: i64,
    swap_total_bytes: i64,
    swap_used_bytes: i64,
    disk_mount: String,
    disk_total_bytes: i64,
    disk_free_bytes: i64,
}

impl From<HostHourRow> for HostHour {
    fn from(row: HostHourRow) -> HostHour {
        HostHour {
            from_ms: row.hour.saturating_mul(HOUR_MS),
            minutes: row.minutes,
            cpu_mean_permille: row.cpu_mean_permille,
            cpu_max_permille: row.cpu_max_permille,
            memory_total_bytes: row.memory_total_bytes,
            memory_available_bytes: row.memory_available_bytes,
            swap_total_bytes: row.swap_total_bytes,
            swap_used_bytes: row.swap_used_bytes,
            disk_mount: row.disk_mount,
            disk_total_bytes: row.disk_total_bytes,
            disk_free_bytes: row.disk_free_bytes,
        }
    }
}

/// Rows of figures by UTC minute.
type ByMinute = BTreeMap<i64, Vec<i64>>;

/// What the blocks of a server hold over some hours.
#[derive(Default)]
struct Minutes {
    host: ByMinute,
    /// By name.
    interfaces: BTreeMap<String, ByMinute>,
}

impl Store {
    /// Host figures of one server by hour, ascending: every hour that the period touches.
    pub async fn host_hours(
        &self,
        site: &SiteId,
        agent: &AgentId,
        period: Period,
    ) -> StoreResult<Vec<HostHour>> {
        let (from_hour, to_hour) = hours_of(minutes_of(period));
        let rows: Vec<HostHourRow> = sqlx::query_as(
            "SELECT hour, minutes, cpu_mean_permille, cpu_max_permille, memory_total_bytes,
                 memory_available_bytes, swap_total_bytes, swap_used_bytes, disk_mount,
                 disk_total_bytes, disk_free_bytes
             FROM host_hour WHERE site_id = $1 AND agent_id = $2 AND hour >= $3 AND hour < $4
             ORDER BY hour",
        )
        .bind(site.0.as_str())
        .bind(agent.0.as_str())
        .bind(from_hour)
        .bind(to_hour)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(HostHour::from).collect())
    }

    /// Traffic on the outside interface of one server; `None` when never measured. Where the outside
    /// interface changed within the period, the one that was it for longer.
    pub async fn traffic(
        &self,
        site: &SiteId,
        agent: &AgentId,
        period: Period,
    ) -> StoreResult<Option<Traffic>> {
        let within = minutes_of(period);
        let minutes = self.minutes(site, agent, within).await?;
        let outside = minutes.outside(within);
        Ok(outside.map(|(name, rows)| traffic(name, rows, within)))
    }

    /// Figures of one server by minute, ascending; minutes that were not sampled are left out.
    pub async fn live_series(
        &self,
        site: &SiteId,
        agent: &AgentId,
        period: Period,
    ) -> StoreResult<Vec<HostMinute>> {
        let within = minutes_of(period);
        let minutes = self.minutes(site, agent, within).await?;
        let steps: BTreeMap<i64, Step> = match minutes.outside(within) {
            Some((_, rows)) => steps(rows).into_iter().map(|step| (step.minute, step)).collect(),
            None => BTreeMap::new(),
        };
        let series = minutes.host.range(within.0..within.1.max(within.0)).map(|(minute, row)| {
            let step = steps.get(minute);
            HostMinute {
                minute_ms: minute.saturating_mul(MINUTE_MS),
                cpu_permille: figure(row, host::CPU_PERMILLE),
                memory_used_permille: used_permille(row),
                sent_bytes_per_s: step.and_then(|step| step.rate(step.sent)),
                received_bytes_per_s: step.and_then(|step| step.rate(step.received)),
            }
        });
        Ok(series.collect())
    }

    /// Minutes of the hours that `within` touches, and of the hour before: the first growth needs a
    /// sample before it.
    async fn minutes(
        &self,
        site: &SiteId,
        agent: &AgentId,
        within: (i64, i64),
    ) -> StoreResult<Minutes> {
        let (from_hour, to_hour) = hours_of(within);
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT hour, data FROM host_block
             WHERE site_id = $1 AND agent_id = $2 AND hour >= $3 AND hour < $4 ORDER BY hour",
        )
        .bind(site.0.as_str())
        .bind(agent.0.as_str())
        .bind(from_hour.saturating_sub(1))
        .bind(to_hour)
        .fetch_all(&self.pool)
        .await?;
        let mut minutes = Minutes::default();
        for (hour, bytes) in rows {
            let samples =
                Samples::unpack(&bytes).map_err(|why| damaged("host block", site, why))?;
            minutes.add(hour.saturating_mul(HOUR_MINUTES), &samples);
        }
        Ok(minutes)
    }
}

impl Minutes {
    fn add(&mut self, first_minute: i64, samples: &Samples) {
        let at = |minute: &u8| first_minute.saturating_add(i64::from(*minute));
        for (minute, row) in samples.host().into_iter().flatten() {
            self.host.insert(at(minute), row.clone());
        }
        for (labels, rows) in samples.of(Kind::Interface) {
            let Some(name) = labels.first() else { continue };
            let by_minute = self.interfaces.entry(name.clone()).or_default();
            by_minute.extend(rows.iter().map(|(minute, row)| (at(minute), row.clone())));
        }
    }

    /// The interface that was the outside one for most of the minutes within.
    fn outside(&self, (from, to): (i64, i64)) -> Option<(&String, &ByMinute)> {
        let outside_minutes = |rows: &ByMinute| {
            let within = rows.range(from..to.max(from));
            within.filter(|(_, row)| figure(row, interface::OUTSIDE) == 1).count()
        };
        let counted = self.interfaces.iter().map(|one| (outside_minutes(one.1), one));
        counted.filter(|(n, _)| *n > 0).max_by_key(|(n, _)| *n).map(|(_, one)| one)
    }
}

/// Bytes between a sample and the one before.
struct Step {
    /// Minute of the later one.
    minute: i64,
    /// Minutes between the two.
    pause: i64,
    sent: i64,
    received: i64,
}

impl Step {
    /// Mean bytes a second; `None` when nobody watched for too long.
    fn rate(&self, bytes: i64) -> Option<i64> {
        (self.pause <= RATE_PAUSE_MAX_MIN).then_some(bytes / (self.pause.max(1) * 60))
    }
}

fn steps(rows: &ByMinute) -> Vec<Step> {
    let pairs = rows.iter().zip(rows.iter().skip(1));
    let step = |((before_minute, before), (minute, after)): ((&i64, &Vec<i64>), _)| {
        let (minute, after): (&i64, &Vec<i64>) = (minute, after);
        let of = |position| growth(figure(before, position), figure(after, position));
        Step {
            minute: *minute,
            pause: minute - before_minute,
            sent: of(interface::SENT),
            received: of(interface::RECEIVED),
        }
    };
    pairs.map(step).collect()
}

fn traffic(name: &str, rows: &ByMinute, (from, to): (i64, i64)) -> Traffic {
    let mut sum = Traffic { interface: name.to_owned(), ..Traffic::default() };
    let (mut sent_rates, mut received_rates) = (Vec::new(), Vec::new());
    for step in steps(rows).iter().filter(|step| (from..to).contains(&step.minute)) {
        sum.sent_bytes = plus(sum.sent_bytes, step.sent);
        sum.received_bytes = plus(sum.received_bytes, step.received);
        let rates = step.rate(step.sent).zip(step.rate(step.received));
        if let Some((sent, received)) = rates {
            sum.minutes += step.pause;
            // A step of three minutes stands for three minutes of its mean.
            sent_rates.extend((0..step.pause).map(|_| sent));
            received_rates.extend((0..step.pause).map(|_| received));
        }
    }
    let peak = |position| {
        let within = rows.range(from..to.max(from));
        within.map(|(_, row)| figure(row, position)).max().unwrap_or(0)
    };
    sum.sent_peak_bytes_per_s = peak(interface::SENT_PEAK);
    sum.received_peak_bytes_per_s = peak(interface::RECEIVED_PEAK);
    sum.sent_p95_bytes_per_s = nearest_rank_95(sent_rates);
    sum.received_p95_bytes_per_s = nearest_rank_95(received_rates);
    sum
}

/// The 95th percentile by the nearest-rank rule; 0 when there is none.
fn nearest_rank_95(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    let rank = (values.len() * 95).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(0)
}

fn used_permille(row: &[i64]) -> i64 {
    let total = figure(row, host::MEMORY_TOTAL);
    let used = total.saturating_sub(figure(row, host::MEMORY_AVAILABLE)).max(0);
    if total > 0 { used.saturating_mul(1_000) / total } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(samples: &[(i64, i64)]) -> ByMinute {
        samples.iter().map(|(minute, sent)| (*minute, vec![0, *sent, 0, 0, 0, 77, 1])).collect()
    }

    #[test]
    fn traffic_grows_over_a_reboot_and_a_pause_but_no_rate_is_told_of_the_pause() {
        let rows = rows(&[(9, 600), (10, 1_200), (11, 60), (13, 180), (60, 1_000)]);
        let sum = traffic("eth0", &rows, (10, 61));
        assert_eq!(sum.sent_bytes, 600 + 60 + 120 + 820);
        assert_eq!(sum.minutes, 1 + 1 + 2);
        assert_eq!(sum.sent_p95_bytes_per_s, 10);
        assert_eq!(sum.sent_peak_bytes_per_s, 77);
    }

    #[test]
    fn the_ninety_fifth_percentile_is_the_nearest_rank() {
        assert_eq!(nearest_rank_95((1..=100).rev().collect()), 95);
        assert_eq!(nearest_rank_95(vec![7]), 7);
        assert_eq!(nearest_rank_95(Vec::new()), 0);
    }
}
