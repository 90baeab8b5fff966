//! The fold: merges stored batches into hours and days and deletes them in the same transaction, so
//! that each batch counts exactly once, however late it comes, however often a fold is interrupted, and
//! when two collectors fold at the same time.
//!
//! A batch may hold many minutes of many hours (a backlog), so the fold goes by server: it reads some
//! of its batches, sorts their content by hour in memory ([`gather`]), writes the templates they mention
//! in a transaction of their own, and then writes hours and days and takes the batches away in another.
//! If one of the batches is gone by then, another fold has counted it: nothing is written and the fold
//! reads anew.

mod counts;
mod evidence;
mod gather;
mod host;
mod spans;
mod templates;
#[cfg(test)]
mod tests;

use sqlx::AnyConnection;

use crate::domain::{AgentId, Epoch, SiteId, batch::BatchContent};

use self::gather::Gathered;
use super::{
    Store, StoreError, StoreResult,
    calendar::Calendar,
    value::{clean, damaged, raw, unsigned},
};
pub(super) use evidence::DatedFacts;

/// Reads a batch's bytes: what `ingest::wire` does. The store itself knows no wire format.
pub type Decode<'a> = &'a (dyn Fn(&[u8]) -> Result<BatchContent, String> + Send + Sync);

/// Most batches folded in one transaction: two hours of a server.
const BATCHES_MAX: i64 = 120;
/// Most bytes of batches (compressed) folded in one transaction; a larger batch goes alone.
const BYTES_MAX: i64 = 8 * 1024 * 1024;

/// What a fold did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldReport {
    /// Servers that had batches waiting.
    pub servers: u64,
    /// Batches counted.
    pub batches: u64,
    /// Batches that could not be read and were set aside.
    pub damaged: u64,
}

/// A server that has batches waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its site.
    pub site: SiteId,
    /// Its name.
    pub agent: AgentId,
    /// How many are waiting.
    pub batches: i64,
}

/// Key and dates of a stored batch.
#[derive(Clone, Debug)]
struct Head {
    epoch: Epoch,
    seq: u64,
    last_minute: i64,
    received_ms: i64,
}

/// What one pass over some batches of a server came to.
enum Pass {
    /// None is waiting.
    Nothing,
    /// Another fold was quicker: nothing was written.
    Overtaken,
    /// So many were counted and set aside.
    Done { batches: u64, damaged: u64 },
}

impl Store {
    /// Servers that have batches waiting to be folded.
    pub async fn pending(&self) -> StoreResult<Vec<Pending>> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT site_id, agent_id, CAST(COUNT(*) AS BIGINT) FROM batch
             GROUP BY site_id, agent_id ORDER BY site_id, agent_id",
        )
        .fetch_all(&self.pool)
        .await?;
        let pending = rows.into_iter().map(|(site, agent, batches)| Pending {
            site: SiteId(site),
            agent: AgentId(agent),
            batches,
        });
        Ok(pending.collect())
    }

    /// Folds every batch that is waiting. A server whose stored hours are damaged is passed over (its
    /// batches stay) and does not hold up the others; an error of the database ends the fold, and what
    /// was committed until then stays.
    pub async fn fold(&self, decode: Decode<'_>, now_ms: i64) -> StoreResult<FoldReport> {
        let mut report = FoldReport::default();
        for server in self.pending().await? {
            report.servers += 1;
            match self.fold_server(&server, decode, now_ms, &mut report).await {
                Err(StoreError::Damaged { what, site, why }) => tracing::error!(
                    %site, agent = %server.agent, what, why,
                    "batches of this server are not counted until the damaged record is repaired or \
                     deleted; they are kept"
                ),
                other => other?,
            }
        }
        Ok(report)
    }

    async fn fold_server(
        &self,
        server: &Pending,
        decode: Decode<'_>,
        now_ms: i64,
        report: &mut FoldReport,
    ) -> StoreResult<()> {
        // Bounded by what was waiting at the beginning: batches go on arriving.
        let mut left = unsigned(server.batches);
        while left > 0 {
            match self.fold_some(server, decode, now_ms).await? {
                Pass::Nothing => return Ok(()),
                Pass::Overtaken => {}
                Pass::Done { batches, damaged } => {
                    report.batches += batches;
                    report.damaged += damaged;
                    left = left.saturating_sub(batches + damaged);
                }
            }
        }
        Ok(())
    }

    async fn fold_some(
        &self,
        server: &Pending,
        decode: Decode<'_>,
        now_ms: i64,
    ) -> StoreResult<Pass> {
        let heads = self.next_batches(server).await?;
        if heads.is_empty() {
            return Ok(Pass::Nothing);
        }
        let Some((gathered, unread)) = self.gather(server, &heads, decode).await? else {
            return Ok(Pass::Overtaken);
        };
        self.write_templates(&gathered).await?;

        let mut tx = self.begin_write().await?;
        sqlx::query(self.engine.lock_server())
            .bind(server.site.0.as_str())
            .bind(server.agent.0.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        for (head, why) in &unread {
            set_aside(&mut tx, server, head, why, now_ms).await?;
        }
        for head in &heads {
            if !take(&mut tx, server, head).await? {
                return Ok(Pass::Overtaken);
            }
        }
        apply(&mut tx, server, &gathered, now_ms).await?;
        tx.commit().await?;
        let damaged = unread.len() as u64;
        Ok(Pass::Done { batches: heads.len() as u64 - damaged, damaged })
    }

    /// The next batches of a server, as many as go into one transaction.
    async fn next_batches(&self, server: &Pending) -> StoreResult<Vec<Head>> {
        let rows: Vec<(Vec<u8>, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT epoch, seq, last_minute, received_ms, CAST(LENGTH(data) AS BIGINT) FROM batch
             WHERE site_id = $1 AND agent_id = $2 ORDER BY epoch, seq LIMIT $3",
        )
        .bind(server.site.0.as_str())
        .bind(server.agent.0.as_str())
        .bind(BATCHES_MAX)
        .fetch_all(&self.pool)
        .await?;
        let mut heads = Vec::new();
        let mut total = 0i64;
        for (epoch, seq, last_minute, received_ms, bytes) in rows {
            total = total.saturating_add(bytes);
            if total > BYTES_MAX && !heads.is_empty() {
                break;
            }
            let epoch = epoch
                .try_into()
                .map_err(|_| damaged("batch", &server.site, "its epoch is not 16 bytes long"))?;
            heads.push(Head { epoch: Epoch(epoch), seq: unsigned(seq), last_minute, received_ms });
        }
        Ok(heads)
    }

    /// Content of the batches by hour, and those that cannot be read; `None` when one is gone.
    async fn gather(
        &self,
        server: &Pending,
        heads: &[Head],
        decode: Decode<'_>,
    ) -> StoreResult<Option<(Gathered, Vec<(Head, String)>)>> {
        let mut gathered = Gathered::default();
        let mut unread = Vec::new();
        for head in heads {
            let data: Option<(Vec<u8>,)> = sqlx::query_as(
                "SELECT data FROM batch
                 WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq = $4",
            )
            .bind(server.site.0.as_str())
            .bind(server.agent.0.as_str())
            .bind(head.epoch.0.as_slice())
            .bind(raw(head.seq))
            .fetch_optional(&self.pool)
            .await?;
            let Some((data,)) = data else { return Ok(None) };
            let content = decode(&data).and_then(gather::checked);
            match content {
                Ok(content) => gathered.absorb(head, content),
                Err(why) => unread.push((head.clone(), why)),
            }
        }
        Ok(Some((gathered, unread)))
    }
}

/// Writes what was gathered into the server's hours and days.
async fn apply(
    tx: &mut AnyConnection,
    server: &Pending,
    gathered: &Gathered,
    now_ms: i64,
) -> StoreResult<()> {
    let (site, agent) = (&server.site, &server.agent);
    let calendar = calendar_of(tx, site).await?;
    for (hour, content) in &gathered.hours {
        let day = calendar.day_of_hour(*hour);
        counts::write_errors(tx, site, agent, *hour, day, &content.errors).await?;
        counts::write_queries(tx, site, agent, *hour, day, &content.queries).await?;
        host::write_samples(tx, site, agent, *hour, &content.samples).await?;
    }
    evidence::write_exemplars(tx, site, &gathered.exemplars).await?;
    evidence::write_observations(tx, site, agent, &gathered.observations).await?;
    evidence::write_gaps(tx, site, agent, &gathered.gaps).await?;
    evidence::write_fates(tx, site, agent, &calendar, &gathered.fates).await?;
    evidence::write_facts(tx, site, agent, &gathered.facts).await?;
    evidence::write_positions(tx, site, agent, &gathered.positions).await?;
    evidence::mark_days(tx, site, &gathered.days(&calendar), now_ms).await
}

/// Days of a site, by the zone that the settings gave it last.
pub(super) async fn calendar_of(tx: &mut AnyConnection, site: &SiteId) -> StoreResult<Calendar> {
    let zone: Option<(String,)> = sqlx::query_as("SELECT zone FROM site WHERE site_id = $1")
        .bind(site.0.as_str())
        .fetch_optional(tx)
        .await?;
    Ok(Calendar::named(zone.as_ref().map_or("UTC", |(name,)| name)))
}

/// Deletes a batch; false when it was gone already.
async fn take(tx: &mut AnyConnection, server: &Pending, head: &Head) -> StoreResult<bool> {
    let done = sqlx::query(
        "DELETE FROM batch WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq = $4",
    )
    .bind(server.site.0.as_str())
    .bind(server.agent.0.as_str())
    .bind(head.epoch.0.as_slice())
    .bind(raw(head.seq))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Copies a batch that cannot be read to where a person finds it.
async fn set_aside(
    tx: &mut AnyConnection,
    server: &Pending,
    head: &Head,
    why: &str,
    now_ms: i64,
) -> StoreResult<()> {
    tracing::error!(
        site = %server.site, agent = %server.agent, seq = head.seq, why,
        "a batch cannot be read and is not counted; it is kept in the table batch_damaged: compare the \
         versions of agent and collector, and report it"
    );
    sqlx::query(
        "INSERT INTO batch_damaged (site_id, agent_id, epoch, seq, first_minute, last_minute,
             received_ms, data, why, found_ms)
         SELECT site_id, agent_id, epoch, seq, first_minute, last_minute, received_ms, data,
             CAST($5 AS TEXT), CAST($6 AS BIGINT)
         FROM batch WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq = $4
         ON CONFLICT (site_id, agent_id, epoch, seq) DO NOTHING",
    )
    .bind(server.site.0.as_str())
    .bind(server.agent.0.as_str())
    .bind(head.epoch.0.as_slice())
    .bind(raw(head.seq))
    .bind(clean(why).into_owned())
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}
