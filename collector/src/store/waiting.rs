//! Batches that wait for a definition, apart from those that are to be folded. Each waits for one id at a
//! time; all ids that are missing are wanted, so that the agent is asked for them together.

use sqlx::AnyConnection;

use crate::domain::{AgentId, SiteId};

use super::{
    StoreResult,
    definitions::Of,
    value::{raw, unsigned},
};

/// Most ids that are read at once to be asked for: as many as one message asks for.
const WANTED_MAX: i64 = crate::domain::definition::ASK_MAX as i64;

/// Copies a batch to those that wait; the caller takes it from the others.
pub(super) async fn hold(
    tx: &mut AnyConnection,
    of: Of<'_>,
    seq: u64,
    waits_for: u32,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO batch_waiting (site_id, agent_id, epoch, waits_for, seq, merged, first_minute,
             last_minute, received_ms, closed_ms, codec, exemplars_codec, exemplars_shed, data, exemplars)
         SELECT site_id, agent_id, epoch, CAST($5 AS BIGINT), seq, merged, first_minute, last_minute,
             received_ms, closed_ms, codec, exemplars_codec, exemplars_shed, data, exemplars
         FROM batch WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq = $4",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(raw(seq))
    .bind(i64::from(waits_for))
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that batches wait for an id.
pub(super) async fn want(
    tx: &mut AnyConnection,
    of: Of<'_>,
    id: u32,
    now_ms: i64,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO definition_wanted (site_id, agent_id, epoch, id, since_ms)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site_id, agent_id, epoch, id) DO NOTHING",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(i64::from(id))
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Ids that batches wait for, ascending.
pub(super) async fn wanted(connection: &mut AnyConnection, of: Of<'_>) -> StoreResult<Vec<u32>> {
    let rows: Vec<(i64,)> = sqlx::query_as(
        "SELECT id FROM definition_wanted WHERE site_id = $1 AND agent_id = $2 AND epoch = $3
         ORDER BY id LIMIT $4",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(WANTED_MAX)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(|(id,)| u32::try_from(id).ok()).collect())
}

/// Puts batches that waited for this id back among those to be folded.
pub(super) async fn wake(tx: &mut AnyConnection, of: Of<'_>, id: u32) -> StoreResult<()> {
    if !unwant(tx, of, id).await? {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO batch (site_id, agent_id, epoch, seq, merged, first_minute, last_minute, received_ms,
             closed_ms, codec, exemplars_codec, exemplars_shed, data, exemplars)
         SELECT site_id, agent_id, epoch, seq, merged, first_minute, last_minute, received_ms, closed_ms,
             codec, exemplars_codec, exemplars_shed, data, exemplars
         FROM batch_waiting WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND waits_for = $4",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(i64::from(id))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM batch_waiting
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND waits_for = $4",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(i64::from(id))
    .execute(tx)
    .await?;
    Ok(())
}

/// False when nobody waited for it.
async fn unwant(tx: &mut AnyConnection, of: Of<'_>, id: u32) -> StoreResult<bool> {
    let done = sqlx::query(
        "DELETE FROM definition_wanted
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND id = $4",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(i64::from(id))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

impl super::Store {
    /// Batches of one server that wait for definitions.
    pub async fn waiting_of(&self, site: &SiteId, agent: &AgentId) -> StoreResult<u64> {
        let (batches,): (i64,) = sqlx::query_as(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM batch_waiting WHERE site_id = $1 AND agent_id = $2",
        )
        .bind(site.0.as_str())
        .bind(agent.0.as_str())
        .fetch_one(&self.pool)
        .await?;
        Ok(unsigned(batches))
    }
}
