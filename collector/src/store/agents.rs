//! Sites and servers as they call: who they are, their newest state, and when they were in contact.

use pantau_proto::limits::LINK_DEAD_AFTER_S;
use sqlx::AnyConnection;

use crate::domain::{
    AgentId, SiteId,
    batch::{Hello, HostFacts, LiveState, SourcePosition},
    period::Period,
};

use super::{
    Coding, Store, StoreResult, batches,
    definitions::Of,
    value::{clean, to_json},
};

/// A contact or run whose next sign comes within this time goes on.
const CONTACT_PAUSE_MAX_MS: i64 = LINK_DEAD_AFTER_S as i64 * 1_000;
/// A collector says that it runs every 10 s; after three missed ones it did not.
const RUN_PAUSE_MAX_MS: i64 = 30_000;

/// What the store knows of an agent that calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// Numbers of its epoch that are stored, first and last included, ascending.
    pub stored: Vec<(u64, u64)>,
    /// How far each log is counted in them; where there are none, in its other epochs.
    pub positions: Vec<SourcePosition>,
    /// Ids of it that batches wait for.
    pub wanted: Vec<u32>,
    /// Highest id of it that has a definition; 0: none has.
    pub last_id: u32,
}

impl Store {
    /// Notes the sites of the settings: id, name, IANA name of the zone. Hours that are folded from now
    /// on go into the days of that zone; days folded before a change of zone stay as they are.
    pub async fn put_sites(&self, sites: &[(SiteId, String, String)]) -> StoreResult<()> {
        let mut tx = self.begin_write().await?;
        for (site, name, zone) in sites {
            sqlx::query(
                "INSERT INTO site (site_id, name, zone) VALUES ($1, $2, $3)
                 ON CONFLICT (site_id) DO UPDATE SET name = excluded.name, zone = excluded.zone",
            )
            .bind(site.0.as_str())
            .bind(clean(name).into_owned())
            .bind(clean(zone).into_owned())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes who is calling and answers what is stored of its epoch. `coding` reads the positions of
    /// batches that are not folded yet.
    pub async fn register(
        &self,
        hello: &Hello,
        coding: &dyn Coding,
        now_ms: i64,
    ) -> StoreResult<Registered> {
        let mut tx = self.begin_write().await?;
        upsert(&mut tx, hello, now_ms).await?;
        extend_contact(&mut tx, &hello.site, &hello.agent, now_ms).await?;
        let ranges =
            batches::stored_ranges(&mut tx, &hello.site, &hello.agent, &hello.epoch).await?;
        tx.commit().await?;
        // Behind the ranges: what is stored meanwhile may be told as counted, never the reverse.
        let of = Of { site: &hello.site, agent: &hello.agent, epoch: &hello.epoch };
        let stored: Vec<_> = ranges.iter().collect();
        // The spool of an agent that is known was deleted: what it counts may be counted.
        let positions = match stored.is_empty() {
            true => self.positions_before(of, coding).await?,
            false => self.positions(of, coding).await?,
        };
        Ok(Registered {
            stored,
            positions,
            wanted: self.wanted(&hello.site, &hello.agent, &hello.epoch).await?,
            last_id: self.last_id(of).await?,
        })
    }

    /// The machine that called last as this agent; `None` when none has.
    pub async fn machine(&self, site: &SiteId, agent: &AgentId) -> StoreResult<Option<[u8; 16]>> {
        let row: Option<(Option<Vec<u8>>,)> =
            sqlx::query_as("SELECT machine FROM server WHERE site_id = $1 AND agent_id = $2")
                .bind(site.0.as_str())
                .bind(agent.0.as_str())
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.and_then(|(machine,)| machine?.try_into().ok()))
    }

    /// Makes a server known whose batches come in a file: it has not called, so that no contact is noted,
    /// and nothing changes where it is known. `since_ms`: from when on there is something of it.
    pub async fn introduce(&self, hello: &Hello, since_ms: i64) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO server (site_id, agent_id, version, epoch, boot_id, host, sample,
                 first_seen_ms, last_seen_ms, clock_offset_ms, live, live_at_ms, database_facts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 0, '{}', 0, '[]')
             ON CONFLICT (site_id, agent_id) DO NOTHING",
        )
        .bind(hello.site.0.as_str())
        .bind(hello.agent.0.as_str())
        .bind(clean(&hello.version).into_owned())
        .bind(hello.epoch.0.as_slice())
        .bind(hello.boot_id.as_slice())
        .bind(to_json::<HostFacts>(&hello.host)?)
        .bind(i64::from(hello.sample))
        .bind(since_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes signs of life: when each was received, and the state it brought.
    pub async fn heartbeat(&self, beats: &[(SiteId, AgentId, i64, LiveState)]) -> StoreResult<()> {
        if beats.is_empty() {
            return Ok(());
        }
        // In the order of the servers, so that two collectors never wait for each other.
        let mut ordered: Vec<_> = beats.iter().collect();
        ordered.sort_by_key(|(site, agent, received_ms, _)| (site, agent, *received_ms));
        let mut tx = self.begin_write().await?;
        for (site, agent, received_ms, live) in ordered {
            touch(&mut tx, site, agent, *received_ms, Some(live)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes that this collector starts to run: what lies between its last sign and now was not seen
    /// by it, however short.
    pub async fn collector_started(&self, collector_id: &str, now_ms: i64) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO collector_run (collector_id, from_ms, to_ms) VALUES ($1, $2, $2)
             ON CONFLICT (collector_id, from_ms) DO NOTHING",
        )
        .bind(collector_id)
        .bind(now_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that this collector runs; to be called every 10 s.
    pub async fn collector_alive(&self, collector_id: &str, now_ms: i64) -> StoreResult<()> {
        let mut tx = self.begin_write().await?;
        let newest: Option<(i64, i64)> = sqlx::query_as(
            "SELECT from_ms, to_ms FROM collector_run WHERE collector_id = $1
             ORDER BY from_ms DESC LIMIT 1",
        )
        .bind(collector_id)
        .fetch_optional(&mut *tx)
        .await?;
        let from_ms = match sign(newest, now_ms, RUN_PAUSE_MAX_MS) {
            Sign::Known => return Ok(()),
            Sign::Extends { from_ms } => from_ms,
            Sign::Begins => now_ms,
        };
        sqlx::query(
            "INSERT INTO collector_run (collector_id, from_ms, to_ms) VALUES ($1, $2, $3)
             ON CONFLICT (collector_id, from_ms) DO UPDATE SET to_ms = excluded.to_ms",
        )
        .bind(collector_id)
        .bind(from_ms)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}

/// Notes a sign of life of a server, known or not, and the state it brought. Locks the server's row
/// until the transaction ends.
pub(super) async fn touch(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    received_ms: i64,
    live: Option<&LiveState>,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO server (site_id, agent_id, version, epoch, boot_id, host, sample, first_seen_ms,
             last_seen_ms, clock_offset_ms, live, live_at_ms, database_facts)
         VALUES ($1, $2, '', $3, $4, '{}', 0, $5, $5, 0, '{}', 0, '[]')
         ON CONFLICT (site_id, agent_id) DO UPDATE SET last_seen_ms =
             CASE WHEN server.last_seen_ms > excluded.last_seen_ms
                  THEN server.last_seen_ms ELSE excluded.last_seen_ms END",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind([0u8; 16].as_slice())
    .bind([0u8; 16].as_slice())
    .bind(received_ms)
    .execute(&mut *tx)
    .await?;
    if let Some(live) = live {
        replace_live(tx, site, agent, received_ms, live).await?;
    }
    extend_contact(tx, site, agent, received_ms).await
}

/// Replaces the newest state by a newer one. One that claims to come from the future (a clock that was
/// set right since) is replaced by whatever comes.
async fn replace_live(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    received_ms: i64,
    live: &LiveState,
) -> StoreResult<()> {
    sqlx::query(
        "UPDATE server SET live = $3, live_at_ms = $4
         WHERE site_id = $1 AND agent_id = $2 AND (live_at_ms <= $4 OR live_at_ms > $5)",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(to_json(live)?)
    .bind(live.at_ms)
    .bind(received_ms.saturating_add(CONTACT_PAUSE_MAX_MS))
    .execute(tx)
    .await?;
    Ok(())
}

async fn upsert(tx: &mut AnyConnection, hello: &Hello, now_ms: i64) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO server (site_id, agent_id, version, epoch, boot_id, host, sample, first_seen_ms,
             last_seen_ms, clock_offset_ms, live, live_at_ms, database_facts, machine)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, '{}', 0, '[]', $10)
         ON CONFLICT (site_id, agent_id) DO UPDATE SET machine = excluded.machine,
             version = excluded.version, epoch = excluded.epoch, boot_id = excluded.boot_id,
             host = excluded.host, sample = excluded.sample,
             clock_offset_ms = excluded.clock_offset_ms, last_seen_ms =
             CASE WHEN server.last_seen_ms > excluded.last_seen_ms
                  THEN server.last_seen_ms ELSE excluded.last_seen_ms END",
    )
    .bind(hello.site.0.as_str())
    .bind(hello.agent.0.as_str())
    .bind(clean(&hello.version).into_owned())
    .bind(hello.epoch.0.as_slice())
    .bind(hello.boot_id.as_slice())
    .bind(to_json::<HostFacts>(&hello.host)?)
    .bind(i64::from(hello.sample))
    .bind(now_ms)
    .bind(hello.clock_ms.saturating_sub(now_ms))
    .bind(hello.machine().as_slice())
    .execute(tx)
    .await?;
    Ok(())
}

/// What a sign of life means for the newest interval.
#[derive(Debug, PartialEq, Eq)]
enum Sign {
    /// It lies within or before it: nothing new.
    Known,
    /// It makes the interval that began then longer.
    Extends {
        /// Beginning of the interval.
        from_ms: i64,
    },
    /// It begins an interval.
    Begins,
}

fn sign(newest: Option<(i64, i64)>, at_ms: i64, pause_max_ms: i64) -> Sign {
    match newest {
        Some((_, to_ms)) if at_ms <= to_ms => Sign::Known,
        Some((from_ms, to_ms)) if at_ms.saturating_sub(to_ms) <= pause_max_ms => {
            Sign::Extends { from_ms }
        }
        _ => Sign::Begins,
    }
}

async fn extend_contact(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    at_ms: i64,
) -> StoreResult<()> {
    let newest: Option<(i64, i64)> = sqlx::query_as(
        "SELECT from_ms, to_ms FROM contact WHERE site_id = $1 AND agent_id = $2
         ORDER BY from_ms DESC LIMIT 1",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let contact = match sign(newest, at_ms, CONTACT_PAUSE_MAX_MS) {
        Sign::Known => return Ok(()),
        Sign::Extends { from_ms } => Period { from_ms, to_ms: at_ms },
        Sign::Begins => Period { from_ms: at_ms, to_ms: at_ms },
    };
    sqlx::query(
        "INSERT INTO contact (site_id, agent_id, from_ms, to_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (site_id, agent_id, from_ms) DO UPDATE SET to_ms = excluded.to_ms",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(contact.from_ms)
    .bind(contact.to_ms)
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{fixtures::*, tests::fresh};

    #[tokio::test]
    async fn the_machine_that_called_last_is_known_by_its_id_and_by_its_boot_where_it_has_none() {
        let (store, _dir) = fresh().await;
        let of = async || store.machine(&site(), &agent()).await.unwrap();
        let introduced = hello();
        store.introduce(&introduced, MS).await.unwrap();
        assert_eq!(of().await, None, "one whose batches came in a file has not called");
        for (boot_id, machine_id, machine) in
            [([3; 16], [0; 16], [3; 16]), ([4; 16], [9; 16], [9; 16]), ([5; 16], [9; 16], [9; 16])]
        {
            let hello = Hello { boot_id, machine_id, ..hello() };
            store.register(&hello, &Contents::default(), MS).await.unwrap();
            assert_eq!(of().await, Some(machine));
        }
    }

    #[test]
    fn a_sign_of_life_extends_the_contact_until_the_link_is_dead() {
        let newest = Some((1_000, 50_000));
        let pause = CONTACT_PAUSE_MAX_MS;
        assert_eq!(sign(None, 5, pause), Sign::Begins);
        assert_eq!(sign(newest, 50_000, pause), Sign::Known);
        assert_eq!(sign(newest, 10, pause), Sign::Known);
        assert_eq!(sign(newest, 50_000 + pause, pause), Sign::Extends { from_ms: 1_000 });
        assert_eq!(sign(newest, 50_001 + pause, pause), Sign::Begins);
    }
}
