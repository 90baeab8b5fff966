//! Servers and their newest state; when collectors ran.

use crate::{
    domain::{
        AgentId, Epoch, SiteId,
        period::Period,
        summary::{Server, Uncounted},
    },
    store::{
        Store, StoreResult,
        fold::DatedFacts,
        value::{from_json, unsigned},
    },
};

use super::clipped;

#[derive(sqlx::FromRow)]
struct ServerRow {
    site_id: String,
    agent_id: String,
    version: String,
    epoch: Vec<u8>,
    boot_id: Vec<u8>,
    host: String,
    sample: i64,
    first_seen_ms: i64,
    last_seen_ms: i64,
    clock_offset_ms: i64,
    live: String,
    database_facts: String,
    waiting: i64,
    damaged: i64,
}

/// What is read of a server; its rows of the other tables are few or none.
macro_rules! select_servers {
    ($rest:literal) => {
        concat!(
            "SELECT site_id, agent_id, version, epoch, boot_id, host, sample, first_seen_ms,
                 last_seen_ms, clock_offset_ms, live, database_facts,
                 (SELECT CAST(COUNT(*) AS BIGINT) FROM batch_waiting AS b
                  WHERE b.site_id = server.site_id AND b.agent_id = server.agent_id) AS waiting,
                 (SELECT CAST(COUNT(*) AS BIGINT) FROM batch_damaged AS b
                  WHERE b.site_id = server.site_id AND b.agent_id = server.agent_id) AS damaged
             FROM server ",
            $rest
        )
    };
}

impl ServerRow {
    fn read(self) -> StoreResult<Server> {
        let site = SiteId(self.site_id);
        let facts: DatedFacts = from_json("database facts", &site, &self.database_facts)?;
        Ok(Server {
            host: from_json("host facts", &site, &self.host)?,
            live: from_json("newest state", &site, &self.live)?,
            site,
            agent: AgentId(self.agent_id),
            version: self.version,
            epoch: Epoch(self.epoch.try_into().unwrap_or_default()),
            boot_id: self.boot_id.try_into().unwrap_or_default(),
            sample: self.sample != 0,
            first_seen_ms: self.first_seen_ms,
            last_seen_ms: self.last_seen_ms,
            clock_offset_ms: self.clock_offset_ms,
            database_facts: facts.into_iter().map(|(_, facts)| facts).collect(),
            uncounted: Uncounted {
                waiting: unsigned(self.waiting),
                damaged: unsigned(self.damaged),
            },
        })
    }
}

impl Store {
    /// Every server of every site, or of one, with its newest state; by site, then agent.
    pub async fn servers(&self, site: Option<&SiteId>) -> StoreResult<Vec<Server>> {
        let rows: Vec<ServerRow> = match site {
            None => {
                sqlx::query_as(select_servers!("ORDER BY site_id, agent_id"))
                    .fetch_all(&self.pool)
                    .await?
            }
            Some(site) => {
                sqlx::query_as(select_servers!("WHERE site_id = $1 ORDER BY agent_id"))
                    .bind(site.0.as_str())
                    .fetch_all(&self.pool)
                    .await?
            }
        };
        rows.into_iter().map(ServerRow::read).collect()
    }

    /// When an agent was in contact (heartbeats and batches at most 75 s apart), clipped, ascending.
    /// A single sign of life has no length and is not in it.
    pub async fn contacts(
        &self,
        site: &SiteId,
        period: Period,
    ) -> StoreResult<Vec<(AgentId, Period)>> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT agent_id, from_ms, to_ms FROM contact
             WHERE site_id = $1 AND to_ms > $2 AND from_ms < $3 ORDER BY from_ms, agent_id",
        )
        .bind(site.0.as_str())
        .bind(period.from_ms)
        .bind(period.to_ms)
        .fetch_all(&self.pool)
        .await?;
        let contacts = rows.into_iter().filter_map(|(agent, from_ms, to_ms)| {
            Some((AgentId(agent), clipped(from_ms, to_ms, period)?))
        });
        Ok(contacts.collect())
    }

    /// When a collector was running, clipped, ascending; runs of several collectors may overlap.
    pub async fn collector_runs(&self, period: Period) -> StoreResult<Vec<Period>> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT from_ms, to_ms FROM collector_run WHERE to_ms > $1 AND from_ms < $2
             ORDER BY from_ms, collector_id",
        )
        .bind(period.from_ms)
        .bind(period.to_ms)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().filter_map(|(from, to)| clipped(from, to, period)).collect())
    }
}
