//! Asks the machine, PostgreSQL and SPSE's own address how they are. Each file answers one question; a
//! source that cannot answer gives a [`crate::domain::Problem`] and never stops the others.

pub mod host;
pub mod postgres;
pub mod probe;

mod cpu;
mod disk;
mod network;
mod standing;

pub(crate) use disk::free_bytes;
