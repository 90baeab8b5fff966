//! Everything a report asks of the store, read once, so that the figures of one report belong together.

use anyhow::Result;

use super::model::{GROUPS_ASKED, QUERIES_MAX};
use crate::{
    availability,
    config::Site,
    domain::{AgentId, availability::Interval, period::Period, summary::*},
    store::Store,
};

/// What is known of a site over a period.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Its servers.
    pub servers: Vec<ServerFacts>,
    /// Most frequent first, at most [`GROUPS_ASKED`].
    pub errors: Vec<ErrorSummary>,
    /// Most calls first.
    pub queries_by_calls: Vec<QuerySummary>,
    /// Most total time first.
    pub queries_by_total_time: Vec<QuerySummary>,
    /// Its databases.
    pub databases: Vec<DatabaseSummary>,
    /// Its ledger.
    pub ledger: Vec<Interval>,
    /// Declared losses.
    pub gaps: Vec<GapSummary>,
    /// Lines of its logs.
    pub fates: Vec<FateSummary>,
    /// When each agent was in contact.
    pub contacts: Vec<(AgentId, Period)>,
}

/// What is known of one server over a period.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// Its agent.
    pub agent: AgentId,
    /// Of its machine.
    pub hostname: String,
    /// Logical processors.
    pub cpus: u32,
    /// Memory in all.
    pub memory_bytes: u64,
    /// Whether its agent watches generated samples.
    pub sample: bool,
    /// By hour, ascending.
    pub hours: Vec<HostHour>,
    /// On the outside interface.
    pub traffic: Option<Traffic>,
}

/// Reads all of it. `covered` has passed at `now_ms`.
pub async fn read(store: &Store, site: &Site, covered: Period, now_ms: i64) -> Result<Facts> {
    let id = &site.id;
    let counted = covered.through_minute();
    let mut servers = Vec::new();
    for server in store.servers(Some(id)).await? {
        servers.push(read_server(store, server, covered).await?);
    }
    Ok(Facts {
        servers,
        errors: store.errors(id, counted, GROUPS_ASKED).await?,
        queries_by_calls: store.queries(id, counted, QueryOrder::Calls, QUERIES_MAX).await?,
        queries_by_total_time: store
            .queries(id, counted, QueryOrder::TotalTime, QUERIES_MAX)
            .await?,
        databases: store.databases(id, covered).await?,
        ledger: availability::ledger(store, site, covered, now_ms).await?,
        gaps: store.gaps(id, covered).await?,
        fates: store.fates(id, covered).await?,
        contacts: store.contacts(id, covered).await?,
    })
}

async fn read_server(store: &Store, server: Server, covered: Period) -> Result<ServerFacts> {
    Ok(ServerFacts {
        hours: store.host_hours(&server.site, &server.agent, covered).await?,
        traffic: store.traffic(&server.site, &server.agent, covered).await?,
        agent: server.agent,
        hostname: server.host.hostname,
        cpus: server.host.cpus,
        memory_bytes: server.host.memory_bytes,
        sample: server.sample,
    })
}
