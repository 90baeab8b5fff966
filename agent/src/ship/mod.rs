//! Carries batches and heartbeats to the collector.
//!
//! [`Link`] keeps one stream open, and comes back by itself when it breaks. It reads batches from the
//! spool, oldest first, and marks there what the collector has stored.
//!
//! # Known limits
//! - A machine restored from an older copy is recognised when the collector knows a higher batch number
//!   than the spool ([`outbox::course`]). One that closes more batches offline than the collector knows,
//!   before it reconnects, is not: its new batches bear numbers that the collector has stored, are taken
//!   for these and are not sent; what they count is lost without a gap. A restore with the link up is
//!   recognised: the greeting goes out before the first batch closes.

mod budget;
mod connect;
mod handshake;
mod link;
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
pub use wire::encode;
