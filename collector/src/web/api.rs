//! `/api/v1`: the pages' figures as JSON. Times are UTC milliseconds, shares are permille.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::{App, failure::Failure, state};
use crate::{
    domain::{AgentId, now_ms, period::Period, summary::HostHour},
    web::pages::figures::permille,
};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// Hours of a series when none are asked for, and the most that may be.
const HOURS_DEFAULT: i64 = 24;
/// A fortnight.
const HOURS_MAX: i64 = 14 * 24;

/// One site of the list.
#[derive(Serialize)]
pub struct SiteJson {
    id: String,
    name: String,
    state: &'static str,
    reason: String,
    since_ms: Option<i64>,
    last_contact_ms: Option<i64>,
}

/// How every site stands, in the order of the settings.
pub async fn sites(State(app): State<Arc<App>>) -> Result<Json<Vec<SiteJson>>, Failure> {
    let now = now_ms();
    let servers = app.store.servers(None).await?;
    let of_site = app.settings.sites.iter().map(|site| {
        let own: Vec<_> = servers.iter().filter(|one| one.site == site.id).cloned().collect();
        let decision = state::decide(&own, now, app.settings.thresholds.silent_after_s);
        SiteJson {
            id: site.id.0.clone(),
            name: site.name.clone(),
            state: decision.state.as_str(),
            reason: decision.reason,
            since_ms: decision.since_ms,
            last_contact_ms: own.iter().map(|server| server.last_seen_ms).max(),
        }
    });
    Ok(Json(of_site.collect()))
}

/// Which series.
#[derive(Deserialize)]
pub struct Asked {
    agent: String,
    hours: Option<i64>,
}

/// Columns of equal length; a missing figure is `null`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Series {
    /// Start of each hour.
    at_ms: Vec<i64>,
    cpu_mean_permille: Vec<Option<i64>>,
    cpu_max_permille: Vec<Option<i64>>,
    /// Highest use in the hour.
    memory_permille: Vec<Option<u64>>,
    /// Mean rate on the outside interface.
    sent_bytes_per_s: Vec<Option<i64>>,
    received_bytes_per_s: Vec<Option<i64>>,
}

/// Host figures of one server by hour, up to now.
pub async fn series(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Series>, Failure> {
    let site = app.settings.site(&id).map_err(|_| Failure::NotFound)?;
    let hours = asked.hours.unwrap_or(HOURS_DEFAULT).clamp(1, HOURS_MAX);
    let agent = AgentId(asked.agent);
    let first_ms = (now_ms() / HOUR_MS - hours + 1) * HOUR_MS;
    let whole = Period { from_ms: first_ms, to_ms: first_ms + hours * HOUR_MS };
    let known = app.store.host_hours(&site.id, &agent, whole).await?;
    let mut traffic = Vec::new();
    for from_ms in hour_starts(whole) {
        let hour = Period { from_ms, to_ms: from_ms + HOUR_MS };
        traffic.push(app.store.traffic(&site.id, &agent, hour).await?.and_then(|t| mean_rates(&t)));
    }
    Ok(Json(columns(whole, &known, &traffic)))
}

fn hour_starts(whole: Period) -> impl Iterator<Item = i64> {
    (0..whole.len_ms() / HOUR_MS).map(move |n| whole.from_ms + n * HOUR_MS)
}

/// Sent and received per second over the minutes that were measured.
fn mean_rates(traffic: &crate::domain::summary::Traffic) -> Option<(i64, i64)> {
    let seconds = traffic.minutes.checked_mul(60).filter(|seconds| *seconds > 0)?;
    Some((traffic.sent_bytes / seconds, traffic.received_bytes / seconds))
}

fn columns(whole: Period, known: &[HostHour], traffic: &[Option<(i64, i64)>]) -> Series {
    let mut series = Series::default();
    for (at, from_ms) in hour_starts(whole).enumerate() {
        let hour = known.iter().find(|hour| hour.from_ms == from_ms && hour.minutes > 0);
        let rates = traffic.get(at).copied().flatten();
        series.at_ms.push(from_ms);
        series.cpu_mean_permille.push(hour.map(|hour| hour.cpu_mean_permille));
        series.cpu_max_permille.push(hour.map(|hour| hour.cpu_max_permille));
        series.memory_permille.push(hour.map(memory));
        series.sent_bytes_per_s.push(rates.map(|(sent, _)| sent));
        series.received_bytes_per_s.push(rates.map(|(_, received)| received));
    }
    series
}

fn memory(hour: &HostHour) -> u64 {
    let total = u64::try_from(hour.memory_total_bytes).unwrap_or(0);
    let available = u64::try_from(hour.memory_available_bytes).unwrap_or(0);
    permille(total.saturating_sub(available), total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::summary::Traffic;

    #[test]
    fn an_hour_without_figures_is_null_and_not_zero() {
        let whole = Period { from_ms: 0, to_ms: 2 * HOUR_MS };
        let hour = HostHour {
            from_ms: HOUR_MS,
            minutes: 60,
            cpu_mean_permille: 120,
            cpu_max_permille: 900,
            memory_total_bytes: 1_000,
            memory_available_bytes: 250,
            ..HostHour::default()
        };
        let series = columns(whole, &[hour], &[None, Some((5, 7))]);
        assert_eq!(series.at_ms, [0, HOUR_MS]);
        assert_eq!(series.cpu_mean_permille, [None, Some(120)]);
        assert_eq!(series.memory_permille, [None, Some(750)]);
        assert_eq!(series.received_bytes_per_s, [None, Some(7)]);
    }

    #[test]
    fn a_rate_is_over_the_minutes_that_were_measured() {
        let traffic =
            Traffic { minutes: 2, sent_bytes: 1_200, received_bytes: 240, ..Traffic::default() };
        assert_eq!(mean_rates(&traffic), Some((10, 2)));
        assert_eq!(mean_rates(&Traffic::default()), None);
    }
}
