//! Batches as they arrive: stored once each, together with their number and the server's newest state.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use crate::domain::{
    AgentId, Epoch, SiteId,
    batch::{IncomingBatch, LiveState},
};

use super::{
    Store, StoreResult, agents,
    ranges::{Insertion, Ranges},
    value::{raw, unsigned},
};

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveOutcome {
    /// Stored now.
    Stored,
    /// Its numbers were stored before: dropped, and acknowledged as if it were stored now.
    Duplicate,
    /// Some of its numbers were stored before and some were not: nothing of it is stored, and it may not
    /// be acknowledged.
    Overlaps,
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

    /// As [`Store::save`], of batches of one server that came in a file: no contact is noted, and no state.
    /// The server must be known ([`Store::introduce`]).
    pub async fn save_brought(&self, batches: &[IncomingBatch]) -> StoreResult<Vec<SaveOutcome>> {
        let mut outcomes = vec![SaveOutcome::Duplicate; batches.len()];
        let mut tx = self.begin_write().await?;
        for ((site, agent), of_server) in by_server(batches) {
            self.lock_server(&mut tx, site, agent).await?;
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
        let (first, last) = batches[*n].numbers();
        outcomes[*n] = match after.insert(first, last) {
            Insertion::New => {
                insert(tx, &batches[*n]).await?;
                SaveOutcome::Stored
            }
            Insertion::Known => SaveOutcome::Duplicate,
            Insertion::Partly => SaveOutcome::Overlaps,
        };
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
        "INSERT INTO batch (site_id, agent_id, epoch, seq, first_minute, last_minute, received_ms, data,
             merged, codec, closed_ms, exemplars_codec, exemplars, exemplars_shed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(batch.site.0.as_str())
    .bind(batch.agent.0.as_str())
    .bind(batch.epoch.0.as_slice())
    .bind(raw(batch.seq))
    .bind(batch.frame.first_minute)
    .bind(batch.frame.last_minute)
    .bind(batch.received_ms)
    .bind(batch.frame.data.as_slice())
    .bind(raw(batch.merged))
    .bind(i64::from(batch.frame.codec.number()))
    .bind(batch.frame.closed_ms)
    .bind(i64::from(batch.frame.exemplars_codec.number()))
    .bind(batch.frame.exemplars.as_slice())
    .bind(raw(batch.frame.exemplars_shed))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{fixtures::*, tests::fresh};

    fn live(at_ms: i64, spool_batches: u64) -> LiveState {
        LiveState { at_ms, spool_batches, ..LiveState::default() }
    }

    #[tokio::test]
    async fn only_a_number_that_is_stored_is_a_duplicate() {
        use SaveOutcome::{Duplicate, Stored};
        let (store, _dir) = fresh().await;
        let mut contents = Contents::default();
        let mut other = contents.batch(6, counts(MINUTE, 1));
        other.epoch = Epoch([8; 16]);
        let mut batch = |seq| contents.batch(seq, counts(MINUTE, 1));
        let first = [batch(5), batch(7), batch(5)];
        assert_eq!(store.save(&first).await.unwrap(), [Stored, Stored, Duplicate]);
        let second = [batch(6), batch(7), other, batch(1)];
        assert_eq!(store.save(&second).await.unwrap(), [Stored, Duplicate, Stored, Stored]);
        let registered = store.register(&hello(), &contents, MS).await.unwrap();
        assert_eq!(registered.stored, [(1, 1), (5, 7)]);
        assert_eq!(store.pending().await.unwrap()[0].batches, 5);
    }

    #[tokio::test]
    async fn a_merged_batch_is_stored_whole_or_not_at_all() {
        use SaveOutcome::{Duplicate, Overlaps, Stored};
        let (store, _dir) = fresh().await;
        let mut contents = Contents::default();
        let mut merged =
            |seq, merged| IncomingBatch { merged, ..contents.batch(seq, counts(MINUTE, 1)) };
        let first = [merged(9, 3), merged(7, 0), merged(9, 3), merged(10, 3), merged(5, 4)];
        let outcomes = store.save(&first).await.unwrap();
        assert_eq!(outcomes, [Stored, Duplicate, Duplicate, Overlaps, Stored]);
        assert_eq!(store.save(&[merged(10, 0)]).await.unwrap(), [Stored]);
        let registered = store.register(&hello(), &contents, MS).await.unwrap();
        assert_eq!(registered.stored, [(1, 10)]);
        assert_eq!(store.pending().await.unwrap()[0].batches, 3);
    }

    #[tokio::test]
    async fn the_newest_state_stays_and_contact_is_a_chain_of_signs_of_life() {
        let (store, _dir) = fresh().await;
        let mut contents = Contents::default();
        store.register(&hello(), &contents, MS).await.unwrap();
        let beat = |after_s: i64, state| (site(), agent(), MS + after_s * 1_000, state);
        store
            .heartbeat(&[beat(60, live(MS + 60_000, 6)), beat(30, live(MS + 30_000, 3))])
            .await
            .unwrap();
        let mut batch = contents.batch(1, counts(MINUTE, 1));
        batch.received_ms = MS + 135_000;
        batch.live = Some(live(MS + 20_000, 2));
        store.save(&[batch]).await.unwrap();
        store.heartbeat(&[beat(211, live(MS + 90_000_000, 9))]).await.unwrap();
        store.heartbeat(&[beat(240, live(MS + 240_000, 4))]).await.unwrap();
        let server = store.servers(None).await.unwrap().remove(0);
        assert_eq!(server.live.spool_batches, 4, "a state from the future does not stay");
        assert_eq!((server.last_seen_ms, server.first_seen_ms), (MS + 240_000, MS));
        assert_eq!((server.clock_offset_ms, server.sample, server.host.cpus), (250, true, 8));
        assert_eq!((server.boot_id, server.epoch), ([3; 16], epoch()));
        let contacts = store.contacts(&site(), hours(0, 1)).await.unwrap();
        let seconds: Vec<_> = contacts
            .iter()
            .map(|(_, p)| ((p.from_ms - MS) / 1_000, (p.to_ms - MS) / 1_000))
            .collect();
        assert_eq!(seconds, [(0, 135), (211, 240)]);
    }

    #[tokio::test]
    async fn a_collector_that_was_silent_for_half_a_minute_did_not_run() {
        let (store, _dir) = fresh().await;
        for second in [0, 10, 40, 71, 81] {
            store.collector_alive("one", MS + second * 1_000).await.unwrap();
        }
        let runs = store.collector_runs(hours(0, 1)).await.unwrap();
        let lengths: Vec<_> = runs.iter().map(|run| run.len_ms() / 1_000).collect();
        assert_eq!(lengths, [40, 10]);
    }

    #[tokio::test]
    async fn a_collector_that_was_restarted_at_once_did_not_run_in_between() {
        let (store, _dir) = fresh().await;
        store.collector_started("one", MS).await.unwrap();
        store.collector_alive("one", MS + 10_000).await.unwrap();
        store.collector_started("one", MS + 14_000).await.unwrap();
        store.collector_alive("one", MS + 24_000).await.unwrap();
        let runs = store.collector_runs(hours(0, 1)).await.unwrap();
        let seconds: Vec<_> =
            runs.iter().map(|p| ((p.from_ms - MS) / 1_000, (p.to_ms - MS) / 1_000)).collect();
        assert_eq!(seconds, [(0, 10), (14, 24)]);
    }
}
