//! Carries batches and heartbeats to the collector.
