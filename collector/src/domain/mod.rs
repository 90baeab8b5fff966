//! What the collector's parts hand to each other: no SQL, no protobuf, no HTML.

pub mod alert;
pub mod availability;
pub mod batch;
pub mod definition;
pub mod identity;
pub mod period;
pub mod summary;
pub mod text;

use std::fmt;

/// A site (LPSE), as the settings name it: 1-64 of `[a-z0-9-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteId(pub String);

/// A server within its site, same alphabet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub String);

/// The random name of one spool; batch numbers count within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub [u8; 16]);

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The present in UTC milliseconds. Everything that decides takes the time as an argument; this is read
/// where the program is joined together.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
