//! What agents saw and declared: observations, gaps, fates of lines; and which days changed.

use crate::{
    domain::{
        AgentId, SiteId,
        availability::{Observation, State, Target},
        period::Period,
        summary::{FateSummary, GapSummary},
    },
    store::{Store, StoreResult, value::damaged},
};

use super::clipped;

impl Store {
    /// Declared losses that touch the period.
    pub async fn gaps(&self, site: &SiteId, period: Period) -> StoreResult<Vec<GapSummary>> {
        let rows: Vec<(String, String, i64, i64, String, String, i64)> = sqlx::query_as(
            "SELECT agent_id, source, from_ms, to_ms, reason, detail, amount FROM gap
             WHERE site_id = $1 AND from_ms < $3 AND (to_ms > $2 OR from_ms >= $2)
             ORDER BY from_ms, agent_id, source, to_ms, reason",
        )
        .bind(site.0.as_str())
        .bind(period.from_ms)
        .bind(period.to_ms)
        .fetch_all(&self.pool)
        .await?;
        let gaps =
            rows.into_iter().map(|(agent, source, from_ms, to_ms, reason, detail, amount)| {
                GapSummary { agent, source, from_ms, to_ms, reason, detail, amount }
            });
        Ok(gaps.collect())
    }

    /// What became of the lines read, per server and log, over the site's days that the period touches.
    /// A batch's lines belong to the day of its last minute.
    pub async fn fates(&self, site: &SiteId, period: Period) -> StoreResult<Vec<FateSummary>> {
        let calendar = self.calendar(site).await?;
        let rows: Vec<(String, String, i64, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT agent_id, source, CAST(SUM(lines_read) AS BIGINT),
                 CAST(SUM(counted) AS BIGINT), CAST(SUM(ignored) AS BIGINT),
                 CAST(SUM(before_start) AS BIGINT), CAST(SUM(unparsed) AS BIGINT)
             FROM line_fate WHERE site_id = $1 AND day >= $2 AND day <= $3
             GROUP BY agent_id, source ORDER BY agent_id, source",
        )
        .bind(site.0.as_str())
        .bind(calendar.day_of(period.from_ms))
        .bind(calendar.day_of(period.to_ms.saturating_sub(1)))
        .fetch_all(&self.pool)
        .await?;
        let fates = rows.into_iter().map(
            |(agent, source, read, counted, ignored, before_start, unparsed)| FateSummary {
                agent,
                source,
                read,
                counted,
                ignored,
                before_start,
                unparsed,
            },
        );
        Ok(fates.collect())
    }

    /// What agents saw, clipped to the period, ascending; per agent contiguous pieces are merged.
    pub async fn observations(
        &self,
        site: &SiteId,
        period: Period,
    ) -> StoreResult<Vec<(AgentId, Observation)>> {
        let rows: Vec<(String, String, String, i64, i64, String, String)> = sqlx::query_as(
            "SELECT agent_id, target, subject, from_ms, to_ms, state, reason FROM observation
             WHERE site_id = $1 AND to_ms > $2 AND from_ms < $3
             ORDER BY from_ms, agent_id, target, subject",
        )
        .bind(site.0.as_str())
        .bind(period.from_ms)
        .bind(period.to_ms)
        .fetch_all(&self.pool)
        .await?;
        let mut observations = Vec::with_capacity(rows.len());
        for (agent, target, subject, from_ms, to_ms, state, reason) in rows {
            let Some(period) = clipped(from_ms, to_ms, period) else { continue };
            let wrong = |word: &str| damaged("observation", site, format!("{word} is not known"));
            let target = Target::parse(&target).ok_or_else(|| wrong(&target))?;
            let state = State::parse(&state).ok_or_else(|| wrong(&state))?;
            let observation = Observation { target, state, period, reason, subject };
            observations.push((AgentId(agent), observation));
        }
        Ok(observations)
    }

    /// When anything was last folded into the site's days that the period touches; `None` when nothing
    /// ever was. A report computed before that is out of date.
    pub async fn last_change_ms(&self, site: &SiteId, period: Period) -> StoreResult<Option<i64>> {
        let calendar = self.calendar(site).await?;
        let row: Option<(i64,)> = sqlx::query_as(
            "SELECT changed_ms FROM site_change WHERE site_id = $1 AND day >= $2 AND day <= $3
             ORDER BY changed_ms DESC LIMIT 1",
        )
        .bind(site.0.as_str())
        .bind(calendar.day_of(period.from_ms))
        .bind(calendar.day_of(period.to_ms.saturating_sub(1)))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(changed_ms,)| changed_ms))
    }
}
