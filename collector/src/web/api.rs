//! `/api/v1`: the pages' figures as JSON. Times are UTC milliseconds, shares are permille.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::{App, failure::Failure, state};
use crate::domain::{AgentId, now_ms, period::Period, summary::HostMinute};

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;
/// Hours of a series when none are asked for.
const HOURS_DEFAULT: i64 = 24;
/// The most hours of one series: a week.
const HOURS_MAX: i64 = 7 * 24;
/// Points of one series: a day comes by five minutes. More would be finer than a screen and heavy on
/// thin links.
const POINTS: i64 = 288;

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

/// Columns of equal length; what was not measured is `null`. Each point is a mean over `step_ms`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Series {
    step_ms: i64,
    /// Start of each step.
    at_ms: Vec<i64>,
    cpu_permille: Vec<Option<i64>>,
    memory_permille: Vec<Option<i64>>,
    /// On the outside interface.
    sent_bytes_per_s: Vec<Option<i64>>,
    received_bytes_per_s: Vec<Option<i64>>,
}

/// Host figures of one server, up to now.
pub async fn series(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Series>, Failure> {
    let site = app.settings.site(&id).map_err(|_| Failure::NotFound)?;
    let hours = asked.hours.unwrap_or(HOURS_DEFAULT).clamp(1, HOURS_MAX);
    let step_ms = (hours * 60 / POINTS).max(1) * MINUTE_MS;
    let to_ms = (now_ms() / step_ms + 1) * step_ms;
    let whole = Period { from_ms: to_ms - hours * 60 * MINUTE_MS, to_ms };
    let minutes = app.store.live_series(&site.id, &AgentId(asked.agent), whole).await?;
    Ok(Json(columns(whole, step_ms, &minutes)))
}

fn columns(whole: Period, step_ms: i64, minutes: &[HostMinute]) -> Series {
    let mut series = Series { step_ms, ..Series::default() };
    let mut rest = minutes;
    for at_ms in (whole.from_ms..whole.to_ms).step_by(usize::try_from(step_ms).unwrap_or(1).max(1))
    {
        rest = rest.get(rest.partition_point(|one| one.minute_ms < at_ms)..).unwrap_or_default();
        let end = rest.partition_point(|one| one.minute_ms < at_ms + step_ms);
        let step = rest.get(..end).unwrap_or_default();
        let over = |figure: fn(&HostMinute) -> Option<i64>| mean(step.iter().filter_map(figure));
        series.at_ms.push(at_ms);
        series.cpu_permille.push(over(|one| Some(one.cpu_permille)));
        series.memory_permille.push(over(|one| Some(one.memory_used_permille)));
        series.sent_bytes_per_s.push(over(|one| one.sent_bytes_per_s));
        series.received_bytes_per_s.push(over(|one| one.received_bytes_per_s));
    }
    series
}

fn mean(values: impl Iterator<Item = i64>) -> Option<i64> {
    let (sum, count) =
        values.fold((0_i64, 0_i64), |(sum, n), value| (sum.saturating_add(value), n + 1));
    (count > 0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_figures_is_null_and_not_zero() {
        let minute = |minute_ms, cpu_permille, sent_bytes_per_s| HostMinute {
            minute_ms,
            cpu_permille,
            sent_bytes_per_s,
            ..HostMinute::default()
        };
        let minutes = [
            minute(120_000, 100, None),
            minute(180_000, 300, Some(10)),
            minute(360_000, 500, None),
        ];
        let series = columns(Period { from_ms: 0, to_ms: 480_000 }, 120_000, &minutes);
        assert_eq!(series.at_ms, [0, 120_000, 240_000, 360_000]);
        assert_eq!(series.cpu_permille, [None, Some(200), None, Some(500)]);
        assert_eq!(series.sent_bytes_per_s, [None, Some(10), None, None]);
    }
}
