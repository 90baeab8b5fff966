//! Understands the logs of an SPSE server: lines in; redacted, grouped events out. Modules stand in the
//! order in which data passes them. Nothing here opens a file or a connection.

pub mod format;

pub mod parse;

pub mod sql;

pub mod redact;

pub mod group;

pub mod steps;

pub mod entry;

pub mod understand;

pub mod summary;

pub mod detect;
