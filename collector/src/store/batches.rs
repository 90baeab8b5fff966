//! Batches as they arrive: stored once each, together with their number and the server's newest state.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use crate::domain::{
    AgentId, Epoch, SiteId,
    batch::{IncomingBatch, LiveState},
};

use super::{
    Store, StoreResult, agents,
    ranges::Ranges,
    value::{raw, unsigned},
};

/// What became of a batch. Either way it may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveOutcome {
    /// Stored now.
    Stored,
    /// Its number was stored before: dropped.
    Duplicate,
}

impl Store {
    /// Stores the batches of one group commit in one transaction, and with them their numbers, the
    /// newest state of their servers and the contact. Outcomes are in the order of `batches`; after an
    /// error none of them is stored.
    pub async fn save(&self, batches: &[IncomingBatch]) -> StoreResult<Vec<SaveOutcome>> {
        let mut outcomes = vec![SaveOutcome::Duplicate; batches.len()];
        if batches.is_empty() {
            return Ok(outcomes);
        }
        let mut tx = self.begin_write().await?;
        // In the order of the servers, so that two collectors never wait for each other.
        for ((site, agent), of_server) in by_server(batches) {
            let received = of_server.iter().map(|n| batches[*n].received_ms).max().unwrap_or(0);
            let live = newest_live(of_server.iter().filter_map(|n| batches[*n].live.as_ref()));
            agents::touch(&mut tx, site, agent, received, live).await?;
            for (epoch, numbers) in by_epoch(batches, &of_server) {
                save_epoch(&mut tx, batches, &epoch, &numbers, &mut outcomes).await?;
            }
        }
        tx.commit().await?;
        Ok(outcomes)
    }
}

/// Ranges of numbers of an epoch that are stored.
pub(super) async fn stored_ranges(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    epoch: &Epoch,
) -> StoreResult<Ranges> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT first_seq, last_seq FROM stored_range
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(epoch.0.as_slice())
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(first, last)| (unsigned(first), unsigned(last))).collect())
}

type ByServer<'a> = BTreeMap<(&'a SiteId, &'a AgentId), Vec<usize>>;

fn by_server(batches: &[IncomingBatch]) -> ByServer<'_> {
    let mut servers = ByServer::new();
    for (n, batch) in batches.iter().enumerate() {
        servers.entry((&batch.site, &batch.agent)).or_default().push(n);
    }
    servers
}

fn by_epoch(batches: &[IncomingBatch], numbers: &[usize]) -> BTreeMap<Epoch, Vec<usize>> {
    let mut epochs: BTreeMap<Epoch, Vec<usize>> = BTreeMap::new();
    for n in numbers {
        epochs.entry(batches[*n].epoch).or_default().push(*n);
    }
    epochs
}

fn newest_live<'a>(states: impl Iterator<Item = &'a LiveState>) -> Option<&'a LiveState> {
    states.max_by_key(|live| live.at_ms)
}

/// Stores those batches of one epoch whose numbers are new, and the numbers.
async fn save_epoch(
    tx: &mut AnyConnection,
    batches: &[IncomingBatch],
    epoch: &Epoch,
    numbers: &[usize],
    outcomes: &mut [SaveOutcome],
) -> StoreResult<()> {
    let Some(any) = numbers.first().map(|n| &batches[*n]) else { return Ok(()) };
    let before = stored_ranges(tx, &any.site, &any.agent, epoch).await?;
    let mut after = before.clone();
    for n in numbers {
        if after.insert(batches[*n].seq) {
            insert(tx, &batches[*n]).await?;
            outcomes[*n] = SaveOutcome::Stored;
        }
    }
    for (first, _) in before.without(&after) {
        delete_range(tx, any, first).await?;
    }
    for (first, last) in after.without(&before) {
        insert_range(tx, any, first, last).await?;
    }
    Ok(())
}

async fn insert(tx: &mut AnyConnection, batch: &IncomingBatch) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO batch (site_id, agent_id, epoch, seq, first_minute, last_minute, received_ms, data)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(batch.site.0.as_str())
    .bind(batch.agent.0.as_str())
    .bind(batch.epoch.0.as_slice())
    .bind(raw(batch.seq))
    .bind(batch.first_minute)
    .bind(batch.last_minute)
    .bind(batch.received_ms)
    .bind(batch.data.as_slice())
    .execute(tx)
    .await?;
    Ok(())
}

async fn delete_range(
    tx: &mut AnyConnection,
    of: &IncomingBatch,
    first_seq: u64,
) -> StoreResult<()> {
    sqlx::query(
        "DELETE FROM stored_range
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND first_seq = $4",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(raw(first_seq))
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_range(
    tx: &mut AnyConnection,
    of: &IncomingBatch,
    first_seq: u64,
    last_seq: u64,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO stored_range (site_id, agent_id, epoch, first_seq, last_seq)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(raw(first_seq))
    .bind(raw(last_seq))
    .execute(tx)
    .await?;
    Ok(())
}
