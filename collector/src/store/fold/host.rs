//! Samples of the host and its databases: the hour's block, and plain rows computed anew from the whole
//! block each time, so that the order of folding does not matter.

use sqlx::AnyConnection;

use crate::{
    domain::{AgentId, SiteId, summary::HostHour},
    store::{
        StoreResult,
        block::samples::{Kind, NOT_MEASURED, Rows, Samples, database, disk, figure, host},
        calendar::{HOUR_MS, MINUTE_MS},
        counter::{Counters, increase},
        value::{damaged, plus},
    },
};

/// Adds samples to an hour.
pub(super) async fn write_samples(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    hour: i64,
    more: &Samples,
) -> StoreResult<()> {
    if more.is_empty() {
        return Ok(());
    }
    let stored: Option<(Vec<u8>,)> = sqlx::query_as(
        "SELECT data FROM host_block WHERE site_id = $1 AND agent_id = $2 AND hour = $3",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(hour)
    .fetch_optional(&mut *tx)
    .await?;
    let wrong = |why| damaged("host block", site, why);
    let mut samples = match stored {
        Some((bytes,)) => Samples::unpack(&bytes).map_err(wrong)?,
        None => Samples::default(),
    };
    samples.merge(more);
    sqlx::query(
        "INSERT INTO host_block (site_id, agent_id, hour, data) VALUES ($1, $2, $3, $4)
         ON CONFLICT (site_id, agent_id, hour) DO UPDATE SET data = excluded.data",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(hour)
    .bind(samples.pack().map_err(wrong)?)
    .execute(&mut *tx)
    .await?;
    if let Some(row) = host_hour(hour, &samples) {
        put_host_hour(tx, site, agent, hour, &row).await?;
    }
    for (labels, rows) in samples.of(Kind::Database) {
        if let Some(row) = database_hour(hour, rows) {
            put_database_hour(tx, site, agent, hour, labels, &row).await?;
        }
    }
    Ok(())
}

/// The plain row of an hour; `None` when the host was not sampled.
fn host_hour(hour: i64, samples: &Samples) -> Option<HostHour> {
    let rows = samples.host()?;
    let column = |position: usize| rows.values().map(move |row| figure(row, position));
    let minutes = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let mut row = HostHour {
        from_ms: hour.saturating_mul(HOUR_MS),
        minutes,
        cpu_mean_permille: column(host::CPU_PERMILLE).fold(0, plus) / minutes.max(1),
        cpu_max_permille: column(host::CPU_MAX_PERMILLE).max()?,
        memory_total_bytes: column(host::MEMORY_TOTAL).max()?,
        memory_available_bytes: column(host::MEMORY_AVAILABLE).min()?,
        swap_total_bytes: column(host::SWAP_TOTAL).max()?,
        swap_used_bytes: column(host::SWAP_USED).max()?,
        ..HostHour::default()
    };
    if let Some((mount, total, free)) = fullest_disk(samples) {
        (row.disk_mount, row.disk_total_bytes, row.disk_free_bytes) = (mount, total, free);
    }
    Some(row)
}

/// Mount point, size and free bytes of the disk that was fullest in any minute.
fn fullest_disk(samples: &Samples) -> Option<(String, i64, i64)> {
    let disks = samples.of(Kind::Disk).flat_map(|(labels, rows)| {
        rows.values().map(move |row| (labels, figure(row, disk::TOTAL), figure(row, disk::FREE)))
    });
    disks
        .filter(|(_, total, _)| *total > 0)
        // Compared as fractions: free / total, the least first.
        .min_by(|(_, total_a, free_a), (_, total_b, free_b)| {
            let a = i128::from(*free_a) * i128::from(*total_b);
            a.cmp(&(i128::from(*free_b) * i128::from(*total_a)))
        })
        .map(|(labels, total, free)| (labels.first().cloned().unwrap_or_default(), total, free))
}

async fn put_host_hour(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    hour: i64,
    row: &HostHour,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO host_hour (site_id, agent_id, hour, minutes, cpu_mean_permille, cpu_max_permille,
             memory_total_bytes, memory_available_bytes, swap_total_bytes, swap_used_bytes, disk_mount,
             disk_total_bytes, disk_free_bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (site_id, agent_id, hour) DO UPDATE SET minutes = excluded.minutes,
             cpu_mean_permille = excluded.cpu_mean_permille,
             cpu_max_permille = excluded.cpu_max_permille,
             memory_total_bytes = excluded.memory_total_bytes,
             memory_available_bytes = excluded.memory_available_bytes,
             swap_total_bytes = excluded.swap_total_bytes,
             swap_used_bytes = excluded.swap_used_bytes, disk_mount = excluded.disk_mount,
             disk_total_bytes = excluded.disk_total_bytes,
             disk_free_bytes = excluded.disk_free_bytes",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(hour)
    .bind(row.minutes)
    .bind(row.cpu_mean_permille)
    .bind(row.cpu_max_permille)
    .bind(row.memory_total_bytes)
    .bind(row.memory_available_bytes)
    .bind(row.swap_total_bytes)
    .bind(row.swap_used_bytes)
    .bind(row.disk_mount.as_str())
    .bind(row.disk_total_bytes)
    .bind(row.disk_free_bytes)
    .execute(tx)
    .await?;
    Ok(())
}

/// One database in one hour, as the table has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct DatabaseHour {
    minutes: i64,
    size_first_bytes: i64,
    size_last_bytes: i64,
    size_last_ms: i64,
    /// Between the samples of the hour.
    increase: Counters,
    first: Counters,
    last: Counters,
    connections_peak: i64,
    connections_max: i64,
    accounts: i64,
}

fn counters_of(row: &[i64]) -> Counters {
    Counters {
        commits: figure(row, database::COMMITS),
        rollbacks: figure(row, database::ROLLBACKS),
        deadlocks: figure(row, database::DEADLOCKS),
        reset_ms: figure(row, database::RESET_MS),
    }
}

fn database_hour(hour: i64, rows: &Rows) -> Option<DatabaseHour> {
    let counters: Vec<Counters> = rows.values().map(|row| counters_of(row)).collect();
    let mut within = Counters::default();
    for pair in counters.windows(2) {
        if let [before, after] = pair {
            within.add(increase(before, after));
        }
    }
    let known = |position: usize| {
        let of_row = move |(minute, row): (&u8, &Vec<i64>)| (*minute, figure(row, position));
        rows.iter().map(of_row).filter(|(_, value)| *value != NOT_MEASURED)
    };
    let last_size = known(database::SIZE).last();
    let start_ms = hour.saturating_mul(HOUR_MS);
    Some(DatabaseHour {
        minutes: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        size_first_bytes: known(database::SIZE).next().map_or(NOT_MEASURED, |(_, bytes)| bytes),
        size_last_bytes: last_size.map_or(NOT_MEASURED, |(_, bytes)| bytes),
        size_last_ms: last_size.map_or(0, |(m, _)| start_ms + i64::from(m) * MINUTE_MS),
        increase: within,
        first: *counters.first()?,
        last: *counters.last()?,
        connections_peak: rows.values().map(|row| figure(row, database::CONNECTIONS)).max()?,
        connections_max: rows.values().map(|row| figure(row, database::CONNECTIONS_MAX)).max()?,
        accounts: known(database::ACCOUNTS).last().map_or(NOT_MEASURED, |(_, accounts)| accounts),
    })
}

async fn put_database_hour(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    hour: i64,
    labels: &[String],
    row: &DatabaseHour,
) -> StoreResult<()> {
    let [cluster, name] = labels else { return Ok(()) };
    sqlx::query(
        "INSERT INTO database_hour (site_id, agent_id, cluster, database_name, hour, minutes,
             size_first_bytes, size_last_bytes, size_last_ms, commits, rollbacks, deadlocks,
             first_commits, first_rollbacks, first_deadlocks, first_reset_ms, last_commits,
             last_rollbacks, last_deadlocks, last_reset_ms, connections_peak, connections_max, accounts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
             $20, $21, $22, $23)
         ON CONFLICT (site_id, agent_id, cluster, database_name, hour) DO UPDATE SET
             minutes = excluded.minutes, size_first_bytes = excluded.size_first_bytes,
             size_last_bytes = excluded.size_last_bytes, size_last_ms = excluded.size_last_ms,
             commits = excluded.commits, rollbacks = excluded.rollbacks,
             deadlocks = excluded.deadlocks, first_commits = excluded.first_commits,
             first_rollbacks = excluded.first_rollbacks,
             first_deadlocks = excluded.first_deadlocks, first_reset_ms = excluded.first_reset_ms,
             last_commits = excluded.last_commits, last_rollbacks = excluded.last_rollbacks,
             last_deadlocks = excluded.last_deadlocks, last_reset_ms = excluded.last_reset_ms,
             connections_peak = excluded.connections_peak,
             connections_max = excluded.connections_max, accounts = excluded.accounts",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(cluster.as_str())
    .bind(name.as_str())
    .bind(hour)
    .bind(row.minutes)
    .bind(row.size_first_bytes)
    .bind(row.size_last_bytes)
    .bind(row.size_last_ms)
    .bind(row.increase.commits)
    .bind(row.increase.rollbacks)
    .bind(row.increase.deadlocks)
    .bind(row.first.commits)
    .bind(row.first.rollbacks)
    .bind(row.first.deadlocks)
    .bind(row.first.reset_ms)
    .bind(row.last.commits)
    .bind(row.last.rollbacks)
    .bind(row.last.deadlocks)
    .bind(row.last.reset_ms)
    .bind(row.connections_peak)
    .bind(row.connections_max)
    .bind(row.accounts)
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::domain::batch::{DatabaseSample, DiskSample, HostSample};

    use super::*;

    #[test]
    fn the_fullest_disk_is_the_one_with_the_least_share_free() {
        let disk = |mount: &str, total_bytes, free_bytes| DiskSample {
            mount: mount.to_owned(),
            total_bytes,
            free_bytes,
            ..DiskSample::default()
        };
        let disks = vec![disk("/", 1_000, 300), disk("/var", 10_000, 900), disk("/none", 0, 0)];
        let mut samples = Samples::default();
        let host = HostSample { cpu_permille: 200, disks, ..HostSample::default() };
        samples.add_host(0, &host);
        samples.add_host(1, &HostSample { cpu_permille: 400, ..HostSample::default() });
        let row = host_hour(1, &samples).unwrap();
        assert_eq!((row.disk_mount.as_str(), row.disk_free_bytes), ("/var", 900));
        assert_eq!((row.minutes, row.cpu_mean_permille, row.from_ms), (2, 300, HOUR_MS));
    }

    #[test]
    fn a_reset_within_the_hour_counts_from_nothing() {
        let mut samples = Samples::default();
        let minutes = [(0, 100, 5), (1, 150, 5), (2, 30, 9), (3, 40, 9)];
        for (minute, commits, stats_reset_ms) in minutes {
            let sample = DatabaseSample { commits, stats_reset_ms, ..DatabaseSample::default() };
            samples.add_database(minute, &sample);
        }
        let (_, rows) = samples.of(Kind::Database).next().unwrap();
        let row = database_hour(0, rows).unwrap();
        assert_eq!(row.increase.commits, 50 + 30 + 10);
        assert_eq!((row.first.commits, row.last.commits), (100, 40));
        assert_eq!((row.size_last_bytes, row.accounts), (NOT_MEASURED, NOT_MEASURED));
    }
}
