//! Errors of a site over a period: whole days from days, the rest from hours and their minutes.

use std::collections::HashMap;

use crate::{
    domain::{
        SiteId,
        batch::{Origin, Severity},
        period::Period,
        summary::{ErrorHourCount, ErrorSummary},
    },
    store::{
        Store, StoreResult,
        block::minutes::{self, ByMinute, Occurrences},
        calendar::{HOUR_MINUTES, HOUR_MS, MINUTE_MS, hours_of, minutes_of},
        value::{damaged, from_json, plus},
    },
};

use super::fingerprint_text;

#[derive(Clone, Copy, Debug, Default)]
struct Total {
    occurrences: Occurrences,
    last_ms: i64,
}

impl Total {
    fn add(&mut self, occurrences: Occurrences, last_ms: i64) {
        self.occurrences.add(occurrences);
        self.last_ms = self.last_ms.max(last_ms);
    }
}

/// By fingerprint.
type Totals = HashMap<i64, Total>;

#[derive(sqlx::FromRow)]
struct GroupRow {
    origin: String,
    severity: String,
    class: String,
    sqlstate: String,
    template: String,
    failed_transaction: i64,
}

impl Store {
    /// Error groups of a site, most frequent first. Counts whole minutes within the period.
    pub async fn errors(
        &self,
        site: &SiteId,
        period: Period,
        limit: u32,
    ) -> StoreResult<Vec<ErrorSummary>> {
        let pieces = self.calendar(site).await?.pieces(period);
        let mut totals = Totals::new();
        if let Some(days) = pieces.days {
            self.add_error_days(site, days, &mut totals).await?;
        }
        for edge in pieces.edges {
            self.add_error_minutes(site, edge, &mut totals).await?;
        }
        let mut ranked: Vec<(i64, Total)> =
            totals.into_iter().filter(|(_, total)| total.occurrences.count > 0).collect();
        ranked.sort_by_key(|(fingerprint, total)| {
            (std::cmp::Reverse(total.occurrences.count), *fingerprint)
        });
        ranked.truncate(limit as usize);
        let mut errors = Vec::with_capacity(ranked.len());
        for (fingerprint, total) in ranked {
            errors.push(self.error_summary(site, fingerprint, total).await?);
        }
        Ok(errors)
    }

    /// Errors of a site by UTC hour, all groups together, ascending; hours without any are left out.
    pub async fn errors_by_hour(
        &self,
        site: &SiteId,
        period: Period,
    ) -> StoreResult<Vec<ErrorHourCount>> {
        let (from_hour, to_hour) = hours_of(minutes_of(period));
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT hour, CAST(SUM(count) AS BIGINT) FROM error_hour
             WHERE site_id = $1 AND hour >= $2 AND hour < $3 GROUP BY hour ORDER BY hour",
        )
        .bind(site.0.as_str())
        .bind(from_hour)
        .bind(to_hour)
        .fetch_all(&self.pool)
        .await?;
        let hours = rows
            .into_iter()
            .map(|(hour, count)| ErrorHourCount { from_ms: hour.saturating_mul(HOUR_MS), count });
        Ok(hours.collect())
    }

    async fn add_error_days(
        &self,
        site: &SiteId,
        (first, last): (i64, i64),
        totals: &mut Totals,
    ) -> StoreResult<()> {
        let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT fingerprint, CAST(SUM(count) AS BIGINT), CAST(SUM(estimated) AS BIGINT),
                 CAST(MAX(last_ms) AS BIGINT)
             FROM error_day WHERE site_id = $1 AND day >= $2 AND day <= $3 GROUP BY fingerprint",
        )
        .bind(site.0.as_str())
        .bind(first)
        .bind(last)
        .fetch_all(&self.pool)
        .await?;
        for (fingerprint, count, estimated, last_ms) in rows {
            totals.entry(fingerprint).or_default().add(Occurrences { count, estimated }, last_ms);
        }
        Ok(())
    }

    async fn add_error_minutes(
        &self,
        site: &SiteId,
        edge: (i64, i64),
        totals: &mut Totals,
    ) -> StoreResult<()> {
        let (from_hour, to_hour) = hours_of(edge);
        let rows: Vec<(i64, i64, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT fingerprint, hour, last_ms, minutes FROM error_hour
             WHERE site_id = $1 AND hour >= $2 AND hour < $3",
        )
        .bind(site.0.as_str())
        .bind(from_hour)
        .bind(to_hour)
        .fetch_all(&self.pool)
        .await?;
        for (fingerprint, hour, last_ms, bytes) in rows {
            let minutes =
                minutes::unpack(&bytes).map_err(|why| damaged("error hour", site, why))?;
            if let Some(part) = part_of_hour(hour, &minutes, last_ms, edge) {
                totals.entry(fingerprint).or_default().add(part.occurrences, part.last_ms);
            }
        }
        Ok(())
    }

    async fn error_summary(
        &self,
        site: &SiteId,
        fingerprint: i64,
        total: Total,
    ) -> StoreResult<ErrorSummary> {
        let group: Option<GroupRow> = sqlx::query_as(
            "SELECT origin, severity, class, sqlstate, template, failed_transaction
             FROM error_group WHERE fingerprint = $1",
        )
        .bind(fingerprint)
        .fetch_optional(&self.pool)
        .await?;
        let wrong = |why| damaged("error group", site, format!("{why} ({fingerprint})"));
        let group = group.ok_or_else(|| wrong("it is counted but not defined"))?;
        let (exemplar, error_ids) = self.exemplar(site, fingerprint).await?;
        Ok(ErrorSummary {
            fingerprint: fingerprint_text(fingerprint),
            origin: Origin::parse(&group.origin).ok_or_else(|| wrong("its origin is not known"))?,
            severity: Severity::parse(&group.severity)
                .ok_or_else(|| wrong("its severity is not known"))?,
            class: group.class,
            sqlstate: group.sqlstate,
            template: group.template,
            failed_transaction: group.failed_transaction != 0,
            count: total.occurrences.count,
            estimated: total.occurrences.estimated,
            last_ms: total.last_ms,
            exemplar,
            error_ids,
        })
    }

    async fn exemplar(
        &self,
        site: &SiteId,
        fingerprint: i64,
    ) -> StoreResult<(Option<String>, Vec<String>)> {
        let row: Option<(String, String)> = sqlx::query_as(
            "SELECT text, error_ids FROM exemplar WHERE site_id = $1 AND fingerprint = $2",
        )
        .bind(site.0.as_str())
        .bind(fingerprint)
        .fetch_optional(&self.pool)
        .await?;
        match row {
            Some((text, ids)) => {
                let text = Some(text).filter(|text| !text.is_empty());
                Ok((text, from_json("error ids", site, &ids)?))
            }
            None => Ok((None, Vec::new())),
        }
    }
}

/// What of an hour lies within some minutes. The latest occurrence of an hour that is cut is known to
/// the minute only.
fn part_of_hour(
    hour: i64,
    minutes: &ByMinute,
    last_ms: i64,
    (from_minute, to_minute): (i64, i64),
) -> Option<Total> {
    let mut total = Total::default();
    let start = hour.saturating_mul(HOUR_MINUTES);
    for (minute, occurrences) in minutes {
        let minute = start.saturating_add(i64::from(*minute));
        if (from_minute..to_minute).contains(&minute) {
            let end_ms = minute.saturating_add(1).saturating_mul(MINUTE_MS);
            total.add(*occurrences, last_ms.min(end_ms - 1));
        }
    }
    (plus(total.occurrences.count, total.occurrences.estimated) > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_cut_hour_only_the_minutes_within_count() {
        let one = Occurrences { count: 1, estimated: 0 };
        let minutes = ByMinute::from([(0, one), (30, one), (59, one)]);
        let last_ms = (10 * 60 + 59) * MINUTE_MS + 5;
        let part = part_of_hour(10, &minutes, last_ms, (10 * 60, 10 * 60 + 31)).unwrap();
        assert_eq!(part.occurrences.count, 2);
        assert_eq!(part.last_ms, (10 * 60 + 31) * MINUTE_MS - 1);
        let whole = part_of_hour(10, &minutes, last_ms, (0, i64::MAX)).unwrap();
        assert_eq!((whole.occurrences.count, whole.last_ms), (3, last_ms));
        assert!(part_of_hour(11, &minutes, last_ms, (0, 100)).is_none());
    }
}
