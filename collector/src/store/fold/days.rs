//! Counts of errors and queries by the site's own day: what was gathered of its hours, summed first, so
//! that a day's row is written once for all of them.

use std::collections::BTreeMap;

use pantau_sketch::durations::Sketch;
use sqlx::AnyConnection;

use crate::{
    domain::{AgentId, SiteId},
    store::{
        StoreResult,
        block::{
            minutes::Occurrences,
            queries::{self, Calls, QueryHour, QueryKey},
        },
        calendar::Calendar,
        value::{damaged, plus},
    },
};

use super::{
    counts::sum,
    gather::{ErrorHour, Hour},
};

/// One day of a server.
#[derive(Default)]
pub(super) struct Day {
    /// By fingerprint.
    pub(super) errors: BTreeMap<i64, ErrorDay>,
    pub(super) queries: BTreeMap<QueryKey, QueryDay>,
}

/// One error in one day.
#[derive(Default)]
pub(super) struct ErrorDay {
    last_ms: i64,
    occurrences: Occurrences,
}

/// One query in one day.
#[derive(Default)]
pub(super) struct QueryDay {
    calls: Calls,
    max_us: i64,
    sketch: Sketch,
}

/// Hours as days.
pub(super) fn summed(hours: &BTreeMap<i64, Hour>, calendar: &Calendar) -> BTreeMap<i64, Day> {
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for (hour, content) in hours {
        let day = days.entry(calendar.day_of_hour(*hour)).or_default();
        for (fingerprint, error) in &content.errors {
            day.errors.entry(*fingerprint).or_default().add(error);
        }
        for (key, query) in &content.queries {
            day.queries.entry(key.clone()).or_default().add(query);
        }
    }
    days
}

impl ErrorDay {
    fn add(&mut self, hour: &ErrorHour) {
        self.last_ms = self.last_ms.max(hour.last_ms);
        self.occurrences.add(sum(&hour.minutes));
    }
}

impl QueryDay {
    fn add(&mut self, hour: &QueryHour) {
        self.calls.add(hour.sum());
        self.max_us = self.max_us.max(hour.max_us);
        self.sketch.merge(&hour.sketch);
    }
}

/// Adds errors to a day.
pub(super) async fn write_errors(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    day: i64,
    errors: &BTreeMap<i64, ErrorDay>,
) -> StoreResult<()> {
    for (fingerprint, error) in errors {
        add_error_day(tx, site, agent, day, *fingerprint, error).await?;
    }
    Ok(())
}

async fn add_error_day(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    day: i64,
    fingerprint: i64,
    error: &ErrorDay,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO error_day (site_id, day, agent_id, fingerprint, count, estimated, last_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (site_id, day, agent_id, fingerprint) DO UPDATE SET
             count = error_day.count + excluded.count,
             estimated = error_day.estimated + excluded.estimated,
             last_ms = CASE WHEN error_day.last_ms > excluded.last_ms
                            THEN error_day.last_ms ELSE excluded.last_ms END",
    )
    .bind(site.0.as_str())
    .bind(day)
    .bind(agent.0.as_str())
    .bind(fingerprint)
    .bind(error.occurrences.count)
    .bind(error.occurrences.estimated)
    .bind(error.last_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds queries to a day.
pub(super) async fn write_queries(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    day: i64,
    queries: &BTreeMap<QueryKey, QueryDay>,
) -> StoreResult<()> {
    for (key, query) in queries {
        add_query_day(tx, site, agent, day, key, query).await?;
    }
    Ok(())
}

async fn add_query_day(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    day: i64,
    key: &QueryKey,
    more: &QueryDay,
) -> StoreResult<()> {
    let stored: Option<(i64, i64, i64, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT calls, total_us, max_us, rows_count, sketch FROM query_day
         WHERE site_id = $1 AND day = $2 AND agent_id = $3 AND fingerprint = $4 AND source = $5
             AND database_name = $6",
    )
    .bind(site.0.as_str())
    .bind(day)
    .bind(agent.0.as_str())
    .bind(key.fingerprint)
    .bind(key.source.as_str())
    .bind(key.database.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let (calls, total_us, max_us, rows, sketch) = stored.unwrap_or_default();
    let mut merged =
        queries::unpack_sketch(&sketch).map_err(|why| damaged("query day", site, why))?;
    merged.merge(&more.sketch);
    sqlx::query(
        "INSERT INTO query_day (site_id, day, agent_id, fingerprint, source, database_name, calls,
             total_us, max_us, rows_count, sketch)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (site_id, day, agent_id, fingerprint, source, database_name) DO UPDATE SET
             calls = excluded.calls, total_us = excluded.total_us, max_us = excluded.max_us,
             rows_count = excluded.rows_count, sketch = excluded.sketch",
    )
    .bind(site.0.as_str())
    .bind(day)
    .bind(agent.0.as_str())
    .bind(key.fingerprint)
    .bind(key.source.as_str())
    .bind(key.database.as_str())
    .bind(plus(calls, more.calls.calls))
    .bind(plus(total_us, more.calls.total_us))
    .bind(max_us.max(more.max_us))
    .bind(plus(rows, more.calls.rows))
    .bind(queries::pack_sketch(&merged))
    .execute(tx)
    .await?;
    Ok(())
}
