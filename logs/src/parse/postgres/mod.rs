//! PostgreSQL, 9.2 to 18, in each form in which it writes its log.

mod duration;
mod label;
mod prefix;
mod record;
mod shape;
pub mod stderr;
