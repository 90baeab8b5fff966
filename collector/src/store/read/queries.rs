//! Queries of a site over a period: whole days from days, the rest from hours and their minutes.
//!
//! Calls, time and rows are exact to the minute. Of an hour that the period cuts, maximum and
//! percentiles are those of the whole hour: sketches are kept per hour.

use std::{cmp::Reverse, collections::BTreeMap};

use pantau_sketch::durations::Sketch;

use crate::{
    domain::{
        SiteId,
        batch::QuerySource,
        period::Period,
        summary::{QueryOrder, QuerySummary},
    },
    store::{
        Store, StoreResult,
        block::queries::{self, Calls, QueryHour, QueryKey},
        calendar::{HOUR_MINUTES, hours_of},
        value::{damaged, quantity},
    },
};

use super::fingerprint_text;

/// A query's figures so far. Sketches stay packed until it is known that they are shown.
#[derive(Default)]
struct Total {
    calls: Calls,
    max_us: i64,
    sketches: Vec<Vec<u8>>,
}

type Totals = BTreeMap<QueryKey, Total>;

#[derive(sqlx::FromRow)]
struct DayRow {
    fingerprint: i64,
    source: String,
    database_name: String,
    calls: i64,
    total_us: i64,
    max_us: i64,
    rows_count: i64,
    sketch: Vec<u8>,
}

impl Store {
    /// Queries of a site by `order`, each source by itself.
    pub async fn queries(
        &self,
        site: &SiteId,
        period: Period,
        order: QueryOrder,
        limit: u32,
    ) -> StoreResult<Vec<QuerySummary>> {
        let pieces = self.calendar(site).await?.pieces(period);
        let mut totals = Totals::new();
        if let Some(days) = pieces.days {
            self.add_query_days(site, days, &mut totals).await?;
        }
        for edge in pieces.edges {
            self.add_query_minutes(site, edge, &mut totals).await?;
        }
        let mut ranked: Vec<(QueryKey, Total)> =
            totals.into_iter().filter(|(_, total)| total.calls.calls > 0).collect();
        // Stable, so that equals keep the order of their keys.
        ranked.sort_by_key(|(_, total)| {
            Reverse(match order {
                QueryOrder::Calls => total.calls.calls,
                QueryOrder::TotalTime => total.calls.total_us,
            })
        });
        ranked.truncate(limit as usize);
        let mut summaries = Vec::with_capacity(ranked.len());
        for (key, total) in ranked {
            let template = self.query_template(site, key.fingerprint).await?;
            summaries.push(summary(site, key, total, template)?);
        }
        Ok(summaries)
    }

    async fn add_query_days(
        &self,
        site: &SiteId,
        (first, last): (i64, i64),
        totals: &mut Totals,
    ) -> StoreResult<()> {
        let rows: Vec<DayRow> = sqlx::query_as(
            "SELECT fingerprint, source, database_name, calls, total_us, max_us, rows_count, sketch
             FROM query_day WHERE site_id = $1 AND day >= $2 AND day <= $3",
        )
        .bind(site.0.as_str())
        .bind(first)
        .bind(last)
        .fetch_all(&self.pool)
        .await?;
        for row in rows {
            let source = QuerySource::parse(&row.source).ok_or_else(|| {
                damaged("query day", site, format!("its source {} is not known", row.source))
            })?;
            let key =
                QueryKey { fingerprint: row.fingerprint, source, database: row.database_name };
            let total = totals.entry(key).or_default();
            total.calls.add(Calls {
                calls: row.calls,
                total_us: row.total_us,
                rows: row.rows_count,
            });
            total.max_us = total.max_us.max(row.max_us);
            total.sketches.push(row.sketch);
        }
        Ok(())
    }

    async fn add_query_minutes(
        &self,
        site: &SiteId,
        edge: (i64, i64),
        totals: &mut Totals,
    ) -> StoreResult<()> {
        let (from_hour, to_hour) = hours_of(edge);
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT hour, data FROM query_block WHERE site_id = $1 AND hour >= $2 AND hour < $3",
        )
        .bind(site.0.as_str())
        .bind(from_hour)
        .bind(to_hour)
        .fetch_all(&self.pool)
        .await?;
        for (hour, bytes) in rows {
            let block = queries::unpack(&bytes).map_err(|why| damaged("query block", site, why))?;
            for (key, of_hour) in block {
                let calls = part_of_hour(hour, &of_hour, edge);
                if calls.calls > 0 {
                    let total = totals.entry(key).or_default();
                    total.calls.add(calls);
                    total.max_us = total.max_us.max(of_hour.max_us);
                    total.sketches.push(queries::pack_sketch(&of_hour.sketch));
                }
            }
        }
        Ok(())
    }

    async fn query_template(&self, site: &SiteId, fingerprint: i64) -> StoreResult<String> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT template FROM query_group WHERE fingerprint = $1")
                .bind(fingerprint)
                .fetch_optional(&self.pool)
                .await?;
        let wrong = || format!("it is counted but not defined ({fingerprint})");
        Ok(row.ok_or_else(|| damaged("query group", site, wrong()))?.0)
    }
}

/// Counts of those minutes of an hour that lie within some minutes.
fn part_of_hour(hour: i64, of_hour: &QueryHour, (from_minute, to_minute): (i64, i64)) -> Calls {
    let start = hour.saturating_mul(HOUR_MINUTES);
    let mut part = Calls::default();
    for (minute, calls) in &of_hour.minutes {
        if (from_minute..to_minute).contains(&start.saturating_add(i64::from(*minute))) {
            part.add(*calls);
        }
    }
    part
}

fn summary(
    site: &SiteId,
    key: QueryKey,
    total: Total,
    template: String,
) -> StoreResult<QuerySummary> {
    let mut sketch = Sketch::default();
    for bytes in &total.sketches {
        let part = queries::unpack_sketch(bytes).map_err(|why| damaged("query day", site, why))?;
        sketch.merge(&part);
    }
    Ok(QuerySummary {
        fingerprint: fingerprint_text(key.fingerprint),
        source: key.source,
        database: key.database,
        template,
        calls: total.calls.calls,
        total_us: total.calls.total_us,
        mean_us: total.calls.total_us / total.calls.calls.max(1),
        max_us: (key.source == QuerySource::Log && total.max_us > 0).then_some(total.max_us),
        p50_us: sketch.quantile(500).map(quantity),
        p95_us: sketch.quantile(950).map(quantity),
        rows: total.calls.rows,
    })
}
