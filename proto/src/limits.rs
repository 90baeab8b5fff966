//! Limits of the wire, named once for both sides (see the service comment in the `.proto`).

/// One gRPC message, encoded.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// One batch's content after decompression.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// One part of an offline bundle: a message and its signature.
pub const BUNDLE_PART_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 64 * 1024;
/// Batches an agent may have sent without an acknowledgement.
pub const IN_FLIGHT_MAX: u32 = 256;
/// Seconds between two heartbeats of an idle agent.
pub const HEARTBEAT_INTERVAL_S: u64 = 30;
/// A link without a sign of life for this long is dead (two heartbeats and a half).
pub const LINK_DEAD_AFTER_S: u64 = 75;
/// Name in every collector's certificate: agents know a collector by its CA and this name, wherever it
/// runs, so that an address may change.
pub const COLLECTOR_NAME: &str = "collector.pantau.internal";
/// First word of an enrolment token, before the dot.
pub const TOKEN_PREFIX: &str = "pantau1";
/// Longest site or agent id, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Whether `id` may name a site or an agent: 1 to [`ID_BYTES_MAX`] of `[a-z0-9-]`.
pub fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
