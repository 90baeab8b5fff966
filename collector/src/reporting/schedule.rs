//! Writes the monthly reports that are due. The scheduler only says when to look; what is due is
//! computed from the store, so that a report missed while the collector was off is written later.

use std::{collections::HashSet, sync::Arc};

use anyhow::{Context, Result};
use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;

use super::{compose, model::Kind, write_report};
use crate::{
    config::{Settings, Site},
    domain::{now_ms, period::Period},
    store::Store,
};

/// Ten past each hour, UTC: shortly after midnight in every zone, and an hour until the next try when a
/// report could not be written. A look that finds nothing due costs two small queries a site.
const LOOK_AT: &str = "0 10 * * * *";
/// Finished months that are looked back on.
const MONTHS_BACK_MAX: usize = 24;

/// Looks for what is due once the first fold is through, and then at each trigger, until `shutdown`.
///
/// Errors only when the scheduler cannot start; a report that cannot be written is logged and tried
/// again at the next trigger.
pub async fn run(store: Store, settings: Arc<Settings>, shutdown: CancellationToken) -> Result<()> {
    let look = Arc::new(Notify::new());
    let mut scheduler = trigger(Arc::clone(&look)).await.context("report schedule")?;
    // What arrived while the collector was off is folded first.
    let started = tokio::time::sleep(settings.fold_interval * 2);
    tokio::pin!(started);
    let mut first = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = &mut started, if first => first = false,
            () = look.notified() => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = write_due(&store, &settings, now_ms()) => {}
        }
    }
    scheduler.shutdown().await.context("report schedule")
}

async fn trigger(look: Arc<Notify>) -> Result<JobScheduler> {
    let scheduler = JobScheduler::new().await?;
    let job = Job::new(LOOK_AT, move |_, _| look.notify_one())?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Writes what is due of every site; a site that fails does not hold up the others.
async fn write_due(store: &Store, settings: &Settings, now_ms: i64) {
    for site in &settings.sites {
        if let Err(error) = write_due_of(store, settings, site, now_ms).await {
            tracing::error!(
                site = %site.id, error = format!("{error:#}"),
                "monthly report not written; it is tried again within the hour"
            );
        }
    }
}

async fn write_due_of(store: &Store, settings: &Settings, site: &Site, now_ms: i64) -> Result<()> {
    let servers = store.servers(Some(&site.id)).await?;
    let Some(first_data_ms) = servers.iter().map(|server| server.first_seen_ms).min() else {
        return Ok(());
    };
    let existing = complete_months(store, site).await?;
    for period in due(now_ms, first_data_ms, &existing, &site.zone) {
        let order = compose::Order { settings, site, period, created_ms: now_ms, lesson: None };
        let written = write_report(store, &order).await?;
        tracing::info!(
            site = %site.id, month = period_name(period, &site.zone),
            revision = written.model.revision, pages = written.pages, digest = written.model.digest,
            "monthly report written"
        );
    }
    Ok(())
}

/// Months of which a report of the whole month is kept, by their first instant.
async fn complete_months(store: &Store, site: &Site) -> Result<HashSet<i64>> {
    let kept = store.list_reports(Some(&site.id)).await?;
    let complete = kept.into_iter().filter(|report| {
        report.kind == Kind::Monthly.as_str() && report.covered_to_ms >= report.period.to_ms
    });
    Ok(complete.map(|report| report.period.from_ms).collect())
}

fn period_name(period: Period, zone: &TimeZone) -> String {
    Timestamp::from_millisecond(period.from_ms)
        .map(|t| t.to_zoned(zone.clone()).strftime("%Y-%m").to_string())
        .unwrap_or_default()
}

/// Finished months of `zone` without a report, oldest first: from the month of the first data on, at
/// most [`MONTHS_BACK_MAX`] back. `existing` are months that have one, by their first instant.
pub fn due(
    now_ms: i64,
    first_data_ms: i64,
    existing: &HashSet<i64>,
    zone: &TimeZone,
) -> Vec<Period> {
    let mut due = Vec::new();
    let mut day = day_of(now_ms, zone);
    for _ in 0..MONTHS_BACK_MAX {
        day = day.and_then(|day| day.first_of_month().checked_sub(1.day()).ok());
        let Some(month) = day.and_then(|day| Period::month_of(day, zone)) else { break };
        if month.to_ms <= first_data_ms {
            break;
        }
        if !existing.contains(&month.from_ms) {
            due.push(month);
        }
    }
    due.reverse();
    due
}

fn day_of(ms: i64, zone: &TimeZone) -> Option<civil::Date> {
    Timestamp::from_millisecond(ms).ok().map(|t| t.to_zoned(zone.clone()).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn names(now: &str, first_data: &str, existing: &[&str]) -> Vec<String> {
        let zone = TimeZone::get("Asia/Jayapura").unwrap();
        let existing = existing.iter().map(|m| Period::month(m, &zone).unwrap().from_ms).collect();
        let due = due(ms(now), ms(first_data), &existing, &zone);
        due.into_iter().map(|period| period_name(period, &zone)).collect()
    }

    #[test]
    fn a_month_is_due_from_the_sites_own_midnight_on() {
        let first = "2026-11-20T00:00:00Z";
        assert_eq!(names("2026-11-30T14:59:59Z", first, &[]), [""; 0]);
        assert_eq!(names("2026-11-30T15:00:00Z", first, &[]), ["2026-11"]);
    }

    #[test]
    fn months_missed_while_the_collector_was_off_are_due_oldest_first() {
        let due = names("2027-03-02T00:00:00Z", "2026-11-20T00:00:00Z", &["2026-12"]);
        assert_eq!(due, ["2026-11", "2027-01", "2027-02"]);
    }

    #[test]
    fn nothing_is_due_before_the_first_data_or_beyond_two_years() {
        assert_eq!(names("2026-11-21T00:00:00Z", "2026-11-20T00:00:00Z", &[]), [""; 0]);
        let far = names("2030-01-15T00:00:00Z", "2020-01-01T00:00:00Z", &[]);
        assert_eq!((far.len(), far[0].as_str()), (24, "2028-01"));
    }
}
