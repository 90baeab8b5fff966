//! Databases of a site over a period, from their hours.

use std::collections::BTreeMap;

use crate::{
    domain::{SiteId, period::Period, summary::DatabaseSummary},
    store::{
        Store, StoreResult,
        block::samples::NOT_MEASURED,
        calendar::{hours_of, minutes_of},
        counter::{Counters, increase},
    },
};

/// How far back the sample is looked for that the first increase of a period counts from: a week. What
/// happened in a longer pause belongs to no period.
const BASE_HOURS: i64 = 168;

/// An hour of a database, with what tells how to go on from the hour before.
#[derive(sqlx::FromRow)]
struct Row {
    agent_id: String,
    cluster: String,
    database_name: String,
    hour: i64,
    minutes: i64,
    size_first_bytes: i64,
    size_last_bytes: i64,
    size_last_ms: i64,
    commits: i64,
    rollbacks: i64,
    deadlocks: i64,
    first_commits: i64,
    first_rollbacks: i64,
    first_deadlocks: i64,
    first_reset_ms: i64,
    last_commits: i64,
    last_rollbacks: i64,
    last_deadlocks: i64,
    last_reset_ms: i64,
    connections_peak: i64,
    connections_max: i64,
    accounts: i64,
}

impl Row {
    fn first(&self) -> Counters {
        Counters {
            commits: self.first_commits,
            rollbacks: self.first_rollbacks,
            deadlocks: self.first_deadlocks,
            reset_ms: self.first_reset_ms,
        }
    }

    fn last(&self) -> Counters {
        Counters {
            commits: self.last_commits,
            rollbacks: self.last_rollbacks,
            deadlocks: self.last_deadlocks,
            reset_ms: self.last_reset_ms,
        }
    }

    /// Increase within the hour, and since the hour before.
    fn increase(&self, before: Option<&Row>) -> Counters {
        let mut sum = Counters {
            commits: self.commits,
            rollbacks: self.rollbacks,
            deadlocks: self.deadlocks,
            reset_ms: 0,
        };
        if let Some(before) = before {
            sum.add(increase(&before.last(), &self.first()));
        }
        sum
    }
}

impl Store {
    /// Every database of a site that was measured in the period; whole hours that the period touches.
    /// An increase belongs to the hour of the later of its two samples, so that periods side by side add
    /// up to the whole.
    pub async fn databases(
        &self,
        site: &SiteId,
        period: Period,
    ) -> StoreResult<Vec<DatabaseSummary>> {
        let (from_hour, to_hour) = hours_of(minutes_of(period));
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT agent_id, cluster, database_name, hour, minutes, size_first_bytes,
                 size_last_bytes, size_last_ms, commits, rollbacks, deadlocks, first_commits,
                 first_rollbacks, first_deadlocks, first_reset_ms, last_commits, last_rollbacks,
                 last_deadlocks, last_reset_ms, connections_peak, connections_max, accounts
             FROM database_hour WHERE site_id = $1 AND hour >= $2 AND hour < $3
             ORDER BY cluster, database_name, agent_id, hour",
        )
        .bind(site.0.as_str())
        .bind(from_hour.saturating_sub(BASE_HOURS))
        .bind(to_hour)
        .fetch_all(&self.pool)
        .await?;
        // One per agent: two servers may each have a cluster of the same name.
        let mut databases: BTreeMap<(&str, &str, &str), Vec<&Row>> = BTreeMap::new();
        for row in &rows {
            let key = (row.cluster.as_str(), row.database_name.as_str(), row.agent_id.as_str());
            databases.entry(key).or_default().push(row);
        }
        Ok(databases.values().filter_map(|rows| summary(rows, from_hour)).collect())
    }
}

/// The summary of one database from its hours, ascending; those before `from_hour` are only what
/// increases count from. `None` when it was not measured since.
fn summary(rows: &[&Row], from_hour: i64) -> Option<DatabaseSummary> {
    let within = rows.iter().position(|row| row.hour >= from_hour)?;
    let mut before = within.checked_sub(1).and_then(|n| rows.get(n)).copied();
    let mut sum = DatabaseSummary::default();
    let mut total = Counters::default();
    for row in rows.iter().skip(within).copied() {
        total.add(row.increase(before));
        sum.cluster.clone_from(&row.cluster);
        sum.database.clone_from(&row.database_name);
        if row.size_last_bytes != NOT_MEASURED {
            sum.size_first_bytes = sum.size_first_bytes.or(Some(row.size_first_bytes));
            sum.size_last_bytes = Some(row.size_last_bytes);
            sum.size_last_ms = row.size_last_ms;
        }
        if row.accounts != NOT_MEASURED {
            sum.accounts = Some(row.accounts);
        }
        sum.connections_peak = sum.connections_peak.max(row.connections_peak);
        sum.connections_max = row.connections_max;
        sum.minutes += row.minutes;
        before = Some(row);
    }
    (sum.commits, sum.rollbacks, sum.deadlocks) = (total.commits, total.rollbacks, total.deadlocks);
    Some(sum)
}
