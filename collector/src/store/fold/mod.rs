//! The fold: merges stored batches into hours and days and deletes them in the same transaction, so
//! that each batch counts exactly once, however late it comes, however often a fold is interrupted, and
//! when two collectors fold at the same time.
//!
//! A batch may hold many minutes of many hours (a backlog), so the fold goes by server: it reads some
//! of its batches, sorts their content by hour in memory ([`gather`]), writes the templates they mention
//! in a transaction of their own, and then writes hours and days and takes the batches away in another.
//! If one of the batches is gone by then, another fold has counted it: nothing is written and the fold
//! reads anew.
//!
//! Batches name things by ids of their epoch. The definitions that they bring are stored with what they
//! count; a batch that mentions an id without a definition is put aside until there is one.

mod counts;
mod days;
mod dictionary;
mod evidence;
mod gather;
mod host;
mod next;
mod read;
mod spans;
mod templates;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use crate::domain::{AgentId, SiteId};

use self::{dictionary::Dictionary, gather::Gathered, next::Next, read::Reading};
use super::{
    Coding, Store, StoreError, StoreResult,
    calendar::Calendar,
    definitions::{self, Of, Written},
    positions,
    value::{clean, raw, unsigned},
    waiting,
};
pub(super) use evidence::DatedFacts;

/// Most batches folded in one transaction: half a day of a server. Days and hours are written once for
/// all of them, and others wait for the end of the transaction (on SQLite every write does).
const BATCHES_MAX: i64 = 720;
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
    /// Batches that were found to wait for definitions.
    pub waiting: u64,
    /// Servers that could not be folded; their batches stay, the log says why.
    pub failed: u64,
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

/// Number and dates of a stored batch.
#[derive(Clone, Debug)]
struct Head {
    seq: u64,
    last_minute: i64,
    received_ms: i64,
    closed_ms: i64,
}

/// What one pass over some batches of a server came to.
enum Pass {
    /// Another fold was quicker: nothing was written.
    Overtaken,
    /// So many were counted, set aside, or put to those that wait.
    Done(Done),
}

/// What a pass has done.
#[derive(Clone, Copy, Default)]
struct Done {
    batches: u64,
    damaged: u64,
    waiting: u64,
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

    /// Folds every batch that is waiting. A server that cannot be folded (a stored hour is damaged, or
    /// the database refuses what it holds) is logged and counted as failed; its batches stay, and it does
    /// not hold up the others. An unreachable database ends the fold; what was committed until then stays.
    pub async fn fold(&self, coding: &dyn Coding, now_ms: i64) -> StoreResult<FoldReport> {
        let mut report = FoldReport::default();
        for server in self.pending().await? {
            report.servers += 1;
            match self.fold_server(&server, coding, now_ms, &mut report).await {
                Ok(()) => {}
                Err(error) if concerns_one_server(&error) => {
                    report.failed += 1;
                    tracing::error!(
                        site = %server.site, agent = %server.agent, batches = server.batches,
                        "{error}: batches of this server wait uncounted until this is repaired; they \
                         are kept and tried again at the next fold"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        Ok(report)
    }

    async fn fold_server(
        &self,
        server: &Pending,
        coding: &dyn Coding,
        now_ms: i64,
        report: &mut FoldReport,
    ) -> StoreResult<()> {
        // Bounded by what was waiting at the beginning: batches go on arriving.
        let mut left = unsigned(server.batches);
        let mut of_epoch = (None, Dictionary::default());
        while left > 0 {
            let Some(next) = self.next_batches(server).await? else { return Ok(()) };
            if of_epoch.0 != Some(next.epoch) {
                of_epoch = (Some(next.epoch), Dictionary::default());
            }
            match self.fold_some(server, next, coding, now_ms, &mut of_epoch.1).await? {
                // What was learned is not stored.
                Pass::Overtaken => of_epoch = (None, Dictionary::default()),
                Pass::Done(done) => {
                    report.add(done);
                    left = left.saturating_sub(done.batches + done.damaged + done.waiting);
                }
            }
        }
        Ok(())
    }

    async fn fold_some(
        &self,
        server: &Pending,
        next: Next,
        coding: &dyn Coding,
        now_ms: i64,
        dictionary: &mut Dictionary,
    ) -> StoreResult<Pass> {
        let Next { epoch, first, last, batches } = next;
        let taken = batches.len() as u64;
        let of = Of { site: &server.site, agent: &server.agent, epoch: &epoch };
        let reading = self.read_batches(of, batches, coding, dictionary).await?;
        self.write_templates(&reading.gathered).await?;

        let mut tx = self.begin_write().await?;
        self.lock_server(&mut tx, of.site, of.agent).await?;
        for (head, why) in &reading.unread {
            set_aside(&mut tx, of, head, why, now_ms).await?;
        }
        let is_current = put_to_waiting(&mut tx, of, &reading, now_ms).await?
            && take(&mut tx, of, (first, last), taken).await?
            && write_definitions(&mut tx, of, &reading).await?;
        if !is_current {
            return Ok(Pass::Overtaken);
        }
        apply(&mut tx, of, &reading.gathered, now_ms).await?;
        tx.commit().await?;
        let (damaged, waiting) = (reading.unread.len() as u64, reading.waiting.len() as u64);
        let batches = taken.saturating_sub(damaged + waiting);
        Ok(Pass::Done(Done { batches, damaged, waiting }))
    }
}

impl FoldReport {
    fn add(&mut self, done: Done) {
        self.batches += done.batches;
        self.damaged += done.damaged;
        self.waiting += done.waiting;
    }
}

/// Puts batches whose definitions are missing to those that wait. False when one of the definitions has
/// come meanwhile: nobody would wake the batch.
async fn put_to_waiting(
    tx: &mut AnyConnection,
    of: Of<'_>,
    reading: &Reading,
    now_ms: i64,
) -> StoreResult<bool> {
    let wanted: BTreeSet<u32> =
        reading.waiting.iter().flat_map(|(_, missing)| missing.iter().copied()).collect();
    for id in wanted {
        if !definitions::load(&mut *tx, of, id, id).await?.is_empty() {
            return Ok(false);
        }
        waiting::want(tx, of, id, now_ms).await?;
    }
    for (head, missing) in &reading.waiting {
        // The highest: the last one to be defined, most likely.
        let Some(id) = missing.last() else { continue };
        waiting::hold(tx, of, head.seq, *id).await?;
    }
    Ok(true)
}

/// Stores what the batches define and wakes those that wait for it. False when another fold has written
/// one of the definitions meanwhile.
async fn write_definitions(
    tx: &mut AnyConnection,
    of: Of<'_>,
    reading: &Reading,
) -> StoreResult<bool> {
    for (id, data) in &reading.news {
        if definitions::write(tx, of, *id, data).await? != Written::New {
            return Ok(false);
        }
        waiting::wake(tx, of, *id).await?;
    }
    Ok(true)
}

/// Whether an error tells of this server's data rather than of the way to the database.
fn concerns_one_server(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Damaged { .. }
            | StoreError::Database(
                sqlx::Error::Database(_) | sqlx::Error::Encode(_) | sqlx::Error::Decode(_)
            )
    )
}

/// Writes what was gathered into the server's hours and days.
async fn apply(
    tx: &mut AnyConnection,
    of: Of<'_>,
    gathered: &Gathered,
    now_ms: i64,
) -> StoreResult<()> {
    let (site, agent) = (of.site, of.agent);
    let calendar = calendar_of(tx, site).await?;
    for (hour, content) in &gathered.hours {
        counts::write_errors(tx, site, agent, *hour, &content.errors).await?;
        counts::write_queries(tx, site, agent, *hour, &content.queries).await?;
        host::write_samples(tx, site, agent, *hour, &content.samples).await?;
    }
    for (day, of_day) in &days::summed(&gathered.hours, &calendar) {
        days::write_errors(tx, site, agent, *day, &of_day.errors).await?;
        days::write_queries(tx, site, agent, *day, &of_day.queries).await?;
    }
    evidence::write_exemplars(tx, site, &gathered.exemplars).await?;
    evidence::write_observations(tx, site, agent, &gathered.observations).await?;
    evidence::write_gaps(tx, site, agent, &gathered.gaps).await?;
    evidence::write_fates(tx, site, agent, &calendar, &gathered.fates).await?;
    evidence::write_redactions(tx, site, agent, &calendar, &gathered.redactions).await?;
    evidence::write_facts(tx, site, agent, &gathered.facts).await?;
    positions::write(tx, of, &gathered.positions).await?;
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

/// Deletes the batches `first..=last`; false when they are not as many as were read: one is gone, or one
/// has come.
async fn take(
    tx: &mut AnyConnection,
    of: Of<'_>,
    (first, last): (u64, u64),
    read: u64,
) -> StoreResult<bool> {
    let done = sqlx::query(
        "DELETE FROM batch
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq >= $4 AND seq <= $5",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(raw(first))
    .bind(raw(last))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == read)
}

/// Copies a batch that cannot be read to where a person finds it.
async fn set_aside(
    tx: &mut AnyConnection,
    of: Of<'_>,
    head: &Head,
    why: &str,
    now_ms: i64,
) -> StoreResult<()> {
    tracing::error!(
        site = %of.site, agent = %of.agent, seq = head.seq, why,
        "a batch cannot be read and is not counted; it is kept in the table batch_damaged: compare the \
         versions of agent and collector, and report it"
    );
    sqlx::query(
        "INSERT INTO batch_damaged (site_id, agent_id, epoch, seq, first_minute, last_minute,
             received_ms, data, merged, codec, closed_ms, exemplars_codec, exemplars, exemplars_shed, why,
             found_ms)
         SELECT site_id, agent_id, epoch, seq, first_minute, last_minute, received_ms, data, merged,
             codec, closed_ms, exemplars_codec, exemplars, exemplars_shed, CAST($5 AS TEXT),
             CAST($6 AS BIGINT)
         FROM batch WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq = $4
         ON CONFLICT (site_id, agent_id, epoch, seq) DO NOTHING",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(raw(head.seq))
    .bind(clean(why).into_owned())
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}
