//! The contract between agent and collector: the generated types of `proto/pantau/v1/pantau.proto`,
//! the limits both sides keep, and the text of a token.
//!
//! Read the `.proto` first. Only `ship/wire.rs` (agent) and `ingest/wire.rs` (collector) import `v1`;
//! the rest of each program speaks its own domain types.

pub mod bundle;
pub mod codec;
pub mod limits;
pub mod token;
pub mod weight;

/// Generated from `pantau.v1`; the comments stand in the `.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("pantau.v1");
}
