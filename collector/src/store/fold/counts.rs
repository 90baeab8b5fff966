//! Counts of errors and queries: hours and days.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use crate::{
    domain::{AgentId, SiteId},
    store::{
        StoreResult,
        block::{
            minutes::{self, ByMinute, Occurrences},
            queries::{self, Queries, QueryHour, QueryKey},
        },
        value::{damaged, plus},
    },
};

use super::gather::ErrorHour;

/// Adds errors, by fingerprint, to an hour and its day.
pub(super) async fn write_errors(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    hour: i64,
    day: i64,
    errors: &BTreeMap<i64, ErrorHour>,
) -> StoreResult<()> {
    for (fingerprint, error) in errors {
        add_error_hour(tx, site, agent, hour, *fingerprint, error).await?;
        add_error_day(tx, site, agent, day, *fingerprint, error).await?;
    }
    Ok(())
}

fn sum(minutes: &ByMinute) -> Occurrences {
    minutes.values().fold(Occurrences::default(), |mut sum, minute| {
        sum.add(*minute);
        sum
    })
}

async fn add_error_hour(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    hour: i64,
    fingerprint: i64,
    error: &ErrorHour,
) -> StoreResult<()> {
    let stored: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT last_ms, minutes FROM error_hour
         WHERE site_id = $1 AND hour = $2 AND agent_id = $3 AND fingerprint = $4",
    )
    .bind(site.0.as_str())
    .bind(hour)
    .bind(agent.0.as_str())
    .bind(fingerprint)
    .fetch_optional(&mut *tx)
    .await?;
    let mut merged = error.clone();
    if let Some((last_ms, bytes)) = stored {
        merged.last_ms = merged.last_ms.max(last_ms);
        let minutes = minutes::unpack(&bytes).map_err(|why| damaged("error hour", site, why))?;
        for (minute, occurrences) in minutes {
            merged.minutes.entry(minute).or_default().add(occurrences);
        }
    }
    let total = sum(&merged.minutes);
    sqlx::query(
        "INSERT INTO error_hour (site_id, hour, agent_id, fingerprint, count, estimated, last_ms, minutes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (site_id, hour, agent_id, fingerprint) DO UPDATE SET count = excluded.count,
             estimated = excluded.estimated, last_ms = excluded.last_ms, minutes = excluded.minutes",
    )
    .bind(site.0.as_str())
    .bind(hour)
    .bind(agent.0.as_str())
    .bind(fingerprint)
    .bind(total.count)
    .bind(total.estimated)
    .bind(merged.last_ms)
    .bind(minutes::pack(&merged.minutes))
    .execute(tx)
    .await?;
    Ok(())
}

async fn add_error_day(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    day: i64,
    fingerprint: i64,
    error: &ErrorHour,
) -> StoreResult<()> {
    let added = sum(&error.minutes);
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
    .bind(added.count)
    .bind(added.estimated)
    .bind(error.last_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds queries to an hour and its day.
pub(super) async fn write_queries(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    hour: i64,
    day: i64,
    more: &Queries,
) -> StoreResult<()> {
    if more.is_empty() {
        return Ok(());
    }
    let stored: Option<(Vec<u8>,)> = sqlx::query_as(
        "SELECT data FROM query_block WHERE site_id = $1 AND hour = $2 AND agent_id = $3",
    )
    .bind(site.0.as_str())
    .bind(hour)
    .bind(agent.0.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let wrong = |why| damaged("query block", site, why);
    let mut merged = match stored {
        Some((bytes,)) => queries::unpack(&bytes).map_err(wrong)?,
        None => Queries::new(),
    };
    queries::merge(&mut merged, more);
    sqlx::query(
        "INSERT INTO query_block (site_id, hour, agent_id, data) VALUES ($1, $2, $3, $4)
         ON CONFLICT (site_id, hour, agent_id) DO UPDATE SET data = excluded.data",
    )
    .bind(site.0.as_str())
    .bind(hour)
    .bind(agent.0.as_str())
    .bind(queries::pack(&merged).map_err(wrong)?)
    .execute(&mut *tx)
    .await?;
    for (key, of_hour) in more {
        add_query_day(tx, site, agent, day, key, of_hour).await?;
    }
    Ok(())
}

async fn add_query_day(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    day: i64,
    key: &QueryKey,
    more: &QueryHour,
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
    let added = more.sum();
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
    .bind(plus(calls, added.calls))
    .bind(plus(total_us, added.total_us))
    .bind(max_us.max(more.max_us))
    .bind(plus(rows, added.rows))
    .bind(queries::pack_sketch(&merged))
    .execute(tx)
    .await?;
    Ok(())
}
