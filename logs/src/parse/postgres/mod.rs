//! PostgreSQL, 9.2 to 18, in each form in which it writes its log.

pub mod csv;
mod duration;
pub mod json;
mod label;
mod message;
pub(crate) mod prefix;
mod record;
mod shape;
pub mod stderr;
pub mod syslog;

pub(super) use prefix::time_length;
