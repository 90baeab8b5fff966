//! Logs of Java programs. What begins an entry differs from one to the next (a header, by layout or by
//! shape); what belongs to it does not.

pub mod log4j;
pub mod play;
pub mod tomcat;

mod conversion;
mod date;
mod entries;
mod level;
mod pattern;
mod repeat;
mod shape;
mod stamp;
mod trace;

#[cfg(test)]
mod tests;
