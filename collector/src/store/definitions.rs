//! What the ids of an epoch stand for, as bytes: written once, never changed.

use sqlx::AnyConnection;

use crate::domain::{AgentId, Epoch, SiteId, definition::Defined};

use super::{Store, StoreResult, waiting};

/// One epoch of one agent: within it an id stands for one thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a> {
    pub(super) site: &'a SiteId,
    pub(super) agent: &'a AgentId,
    pub(super) epoch: &'a Epoch,
}

/// What became of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was not known, or known as lost.
    New,
    /// It is stored as it came.
    Same,
    /// The id stands for something else, and goes on to do so.
    Other,
}

impl Store {
    /// Ids of an epoch that batches wait for, ascending; at most as many as one message asks for.
    pub async fn wanted(
        &self,
        site: &SiteId,
        agent: &AgentId,
        epoch: &Epoch,
    ) -> StoreResult<Vec<u32>> {
        let mut connection = self.pool.acquire().await?;
        waiting::wanted(&mut connection, Of { site, agent, epoch }).await
    }

    /// Highest id of an epoch that has a definition; 0: none has.
    pub(super) async fn last_id(&self, of: Of<'_>) -> StoreResult<u32> {
        let (last,): (i64,) = sqlx::query_as(
            "SELECT COALESCE(MAX(id), 0) FROM definition
             WHERE site_id = $1 AND agent_id = $2 AND epoch = $3",
        )
        .bind(of.site.0.as_str())
        .bind(of.agent.0.as_str())
        .bind(of.epoch.0.as_slice())
        .fetch_one(&self.pool)
        .await?;
        Ok(u32::try_from(last).unwrap_or(u32::MAX))
    }

    /// Notes what ids stand for, and which the agent has lost. Batches that waited for them are folded
    /// next.
    pub async fn define(
        &self,
        site: &SiteId,
        agent: &AgentId,
        epoch: &Epoch,
        known: &[Defined],
        lost: &[u32],
    ) -> StoreResult<()> {
        let of = Of { site, agent, epoch };
        let mut tx = self.begin_write().await?;
        self.lock_server(&mut tx, site, agent).await?;
        for (id, data) in known {
            if write(&mut tx, of, *id, data).await? == Written::Other {
                tracing::error!(
                    %site, %agent, id,
                    "an id is defined anew as something else: the first definition stays; report it"
                );
            }
            waiting::wake(&mut tx, of, *id).await?;
        }
        for id in lost {
            if write(&mut tx, of, *id, &[]).await? == Written::New {
                tracing::error!(%site, %agent, id, "the agent has lost a definition: what is counted \
                    under it is kept under a group that says so");
            }
            waiting::wake(&mut tx, of, *id).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Keeps others from writing what this server's batches are folded into, until the transaction ends.
    pub(super) async fn lock_server(
        &self,
        tx: &mut AnyConnection,
        site: &SiteId,
        agent: &AgentId,
    ) -> StoreResult<()> {
        sqlx::query(self.engine.lock_server())
            .bind(site.0.as_str())
            .bind(agent.0.as_str())
            .fetch_optional(tx)
            .await?;
        Ok(())
    }
}

/// Definitions of the ids `first..=last`; no bytes: lost.
pub(super) async fn load(
    connection: &mut AnyConnection,
    of: Of<'_>,
    first: u32,
    last: u32,
) -> StoreResult<Vec<Defined>> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT id, data FROM definition
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND id >= $4 AND id <= $5",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(i64::from(first))
    .bind(i64::from(last))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(|(id, data)| Some((u32::try_from(id).ok()?, data))).collect())
}

/// Stores a definition if the id has none. No bytes: the agent has lost it, which a definition that turns
/// up after all replaces.
pub(super) async fn write(
    tx: &mut AnyConnection,
    of: Of<'_>,
    id: u32,
    data: &[u8],
) -> StoreResult<Written> {
    let stored = load(&mut *tx, of, id, id).await?.pop().map(|(_, data)| data);
    match stored {
        Some(stored) if stored == data => return Ok(Written::Same),
        Some(stored) if !stored.is_empty() && data.is_empty() => return Ok(Written::Same),
        Some(stored) if !stored.is_empty() => return Ok(Written::Other),
        _ => {}
    }
    sqlx::query(
        "INSERT INTO definition (site_id, agent_id, epoch, id, data) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (site_id, agent_id, epoch, id) DO UPDATE SET data = excluded.data",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(i64::from(id))
    .bind(data)
    .execute(tx)
    .await?;
    Ok(Written::New)
}
