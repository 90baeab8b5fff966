//! Carries batches and heartbeats to the collector.
//!
//! [`Link`] keeps one stream open, and comes back by itself when it breaks. It reads batches from the
//! spool, oldest first, and marks there what the collector has stored.

mod link;
mod outbox;
mod retry;
mod wire;

pub use link::{Link, LinkEvent, LinkParts};
pub use wire::encode;
