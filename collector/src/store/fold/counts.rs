//! Counts of errors and queries by hour.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use crate::{
    domain::{AgentId, SiteId},
    store::{
        StoreResult,
        block::{
            minutes::{self, ByMinute, Occurrences},
            queries::{self, Queries},
        },
        value::damaged,
    },
};

use super::gather::ErrorHour;

/// Adds errors, by fingerprint, to an hour.
pub(super) async fn write_errors(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    hour: i64,
    errors: &BTreeMap<i64, ErrorHour>,
) -> StoreResult<()> {
    for (fingerprint, error) in errors {
        add_error_hour(tx, site, agent, hour, *fingerprint, error).await?;
    }
    Ok(())
}

/// Sum of the minutes.
pub(super) fn sum(minutes: &ByMinute) -> Occurrences {
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

/// Adds queries to an hour.
pub(super) async fn write_queries(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    hour: i64,
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
    .execute(tx)
    .await?;
    Ok(())
}
