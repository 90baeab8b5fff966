//! The performance report: queried, modelled, rendered, scheduled.

mod compose;
mod format;
pub mod model;
pub mod period;
mod query;
mod words;
pub mod render;

#[cfg(test)]
pub(crate) mod fixture;
