//! Follows log files by identity and hands on their lines with positions.
//!
//! [`Follower`] is asked for one step after the other: a line, an event (another file begins, something
//! is lost, something troubles), or idle. It never waits and never drops: who does not ask, is not read
//! for. [`Watch`] is what the caller waits on between idle steps.

mod backlog;
mod discover;
mod encoding;
mod follow;
mod identity;
mod judge;
mod look;
mod open;
mod packed;
mod probe;
mod reader;
mod source;
mod start;
mod watch;

pub use backlog::Backlog;
pub(crate) use discover::{discover, discover_all, is_pattern};
pub use encoding::decode;
pub use follow::{Event, Follower, Step};
pub use judge::holds;
pub(crate) use packed::{is_damage, packing_of, unpack};
pub use reader::LINE_BYTES_MAX;
pub use start::first_progress;
pub use watch::{POLL_INTERVAL, Waker, Watch};
