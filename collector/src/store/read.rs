//! What pages, reports and the command line ask. Every answer is a type of `domain::summary`; batches
//! that are not folded yet are not in it (callers that need them fold first).

use super::{Store, StoreResult};
use crate::domain::{AgentId, SiteId, availability::Observation, period::Period, summary::*};

impl Store {
    /// Every server of every site, or of one, with its newest state; by site, then agent.
    pub async fn servers(&self, _site: Option<&SiteId>) -> StoreResult<Vec<Server>> {
        unimplemented!()
    }

    /// Error groups of a site, most frequent first. Counts whole minutes within the period.
    pub async fn errors(
        &self,
        _site: &SiteId,
        _period: Period,
        _limit: u32,
    ) -> StoreResult<Vec<ErrorSummary>> {
        unimplemented!()
    }

    /// Queries of a site by `order`, each source by itself.
    pub async fn queries(
        &self,
        _site: &SiteId,
        _period: Period,
        _order: QueryOrder,
        _limit: u32,
    ) -> StoreResult<Vec<QuerySummary>> {
        unimplemented!()
    }

    /// Host figures of one server by hour, ascending.
    pub async fn host_hours(
        &self,
        _site: &SiteId,
        _agent: &AgentId,
        _period: Period,
    ) -> StoreResult<Vec<HostHour>> {
        unimplemented!()
    }

    /// Traffic on the outside interface of one server; `None` when never measured.
    pub async fn traffic(
        &self,
        _site: &SiteId,
        _agent: &AgentId,
        _period: Period,
    ) -> StoreResult<Option<Traffic>> {
        unimplemented!()
    }

    /// Every database of a site that was measured in the period.
    pub async fn databases(
        &self,
        _site: &SiteId,
        _period: Period,
    ) -> StoreResult<Vec<DatabaseSummary>> {
        unimplemented!()
    }

    /// Declared losses that touch the period.
    pub async fn gaps(&self, _site: &SiteId, _period: Period) -> StoreResult<Vec<GapSummary>> {
        unimplemented!()
    }

    /// What became of the lines read, per server and log.
    pub async fn fates(&self, _site: &SiteId, _period: Period) -> StoreResult<Vec<FateSummary>> {
        unimplemented!()
    }

    /// What agents saw, clipped to the period, ascending; per agent contiguous pieces are merged.
    pub async fn observations(
        &self,
        _site: &SiteId,
        _period: Period,
    ) -> StoreResult<Vec<(AgentId, Observation)>> {
        unimplemented!()
    }

    /// When an agent was in contact (heartbeats and batches at most 75 s apart), clipped, ascending.
    pub async fn contacts(
        &self,
        _site: &SiteId,
        _period: Period,
    ) -> StoreResult<Vec<(AgentId, Period)>> {
        unimplemented!()
    }

    /// When this collector itself was running, clipped, ascending.
    pub async fn collector_runs(&self, _period: Period) -> StoreResult<Vec<Period>> {
        unimplemented!()
    }
}
