//! Carries batches and heartbeats to the collector.
//!
//! [`Link`] keeps one stream open, and comes back by itself when it breaks. It reads batches from the
//! spool, oldest first, and marks there what the collector has stored. The contract's own types stay
//! behind [`wire`].

mod budget;
mod connect;
mod handshake;
mod link;
mod live;
mod meter;
mod outbox;
mod proxy;
mod retry;
mod wire;

pub use budget::{Allowance, Budget};
pub use connect::{Alerts, Connection, Connector, Dialer};
pub use handshake::Alert;
pub use link::{Link, LinkEvent, LinkParts};
pub use meter::Meter;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use wire::fuzzing;
pub(crate) use wire::printable;
pub use wire::{Bundle, Greeting, condense, encode, queries};
