//! Carries batches and heartbeats to the collector.
//!
//! [`Link`] keeps one stream open, and comes back by itself when it breaks. It reads batches from the
//! spool, oldest first, and marks there what the collector has stored. The contract's own types stay
//! behind [`wire`].

mod direct;
mod link;
mod live;
mod outbox;
mod retry;
mod wire;

pub use direct::Direct;
pub use link::{Connect, Connecting, Link, LinkEvent, LinkParts};
pub use outbox::Withhold;
pub use wire::{condense, encode, queries};
