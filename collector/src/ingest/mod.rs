//! The door: agents call, batches are stored as they arrive and acknowledged after their commit.
//!
//! A batch's frame is checked here; its content is not decoded. The fold decodes it and declares a
//! damaged one as lost. Refusing it here would help nobody: the same numbered batch always carries the
//! same bytes, so the agent would come back with it for ever, and everything behind it would wait.
//! (Damage under way is caught before: by TCP, and by the spool's checksums.)

mod accept;
mod admission;
mod answers;
mod attempts;
#[cfg(test)]
mod backlog_tests;
pub mod bundle;
mod commit;
mod door;
mod floor;
mod flow;
mod link;
mod live;
mod machines;
mod ranges;
mod server;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;
#[cfg(test)]
mod transport_tests;
mod trouble;
mod visitor;
mod wire;

use std::future::Future;

use crate::{
    domain::{
        AgentId, Epoch, SiteId,
        batch::{Hello, IncomingBatch, LiveState},
        definition::Defined,
    },
    store::{Registered, SaveOutcome, Store, StoreResult},
};

pub use commit::{Committer, Queue, queue};
pub use door::Door;
pub use server::{Services, serve};
pub use tls::config as tls_config;
pub use trouble::Trouble;
pub use wire::Wire;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use wire::fuzzing;

/// What the door asks of the store.
pub trait Keep: Clone + Send + Sync + 'static {
    /// Notes who is calling; answers what is stored of its epoch.
    fn register(
        &self,
        hello: &Hello,
        now_ms: i64,
    ) -> impl Future<Output = StoreResult<Registered>> + Send;

    /// The machine that spoke last for an agent, as far as it is known.
    fn machine(
        &self,
        site: &SiteId,
        agent: &AgentId,
    ) -> impl Future<Output = StoreResult<Option<[u8; 16]>>> + Send;

    /// Stores batches, all or none; when it returns, they are committed.
    fn save(
        &self,
        batches: &[IncomingBatch],
    ) -> impl Future<Output = StoreResult<Vec<SaveOutcome>>> + Send;

    /// Notes signs of life and the newest states.
    fn heartbeat(
        &self,
        beats: &[(SiteId, AgentId, i64, LiveState)],
    ) -> impl Future<Output = StoreResult<()>> + Send;

    /// Ids of an epoch that batches wait for, some of them when they are many.
    fn wanted(
        &self,
        site: &SiteId,
        agent: &AgentId,
        epoch: &Epoch,
    ) -> impl Future<Output = StoreResult<Vec<u32>>> + Send;

    /// Notes what ids of the caller's epoch stand for, and which of them the agent has lost.
    fn define(
        &self,
        hello: &Hello,
        known: &[Defined],
        lost: &[u32],
    ) -> impl Future<Output = StoreResult<()>> + Send;
}

impl Keep for Store {
    async fn register(&self, hello: &Hello, now_ms: i64) -> StoreResult<Registered> {
        Store::register(self, hello, &Wire, now_ms).await
    }

    async fn machine(&self, site: &SiteId, agent: &AgentId) -> StoreResult<Option<[u8; 16]>> {
        Store::machine(self, site, agent).await
    }

    async fn save(&self, batches: &[IncomingBatch]) -> StoreResult<Vec<SaveOutcome>> {
        Store::save(self, batches).await
    }

    async fn heartbeat(&self, beats: &[(SiteId, AgentId, i64, LiveState)]) -> StoreResult<()> {
        Store::heartbeat(self, beats).await
    }

    async fn wanted(&self, site: &SiteId, agent: &AgentId, epoch: &Epoch) -> StoreResult<Vec<u32>> {
        Store::wanted(self, site, agent, epoch).await
    }

    async fn define(&self, hello: &Hello, known: &[Defined], lost: &[u32]) -> StoreResult<()> {
        Store::define(self, &hello.site, &hello.agent, &hello.epoch, known, lost).await
    }
}
