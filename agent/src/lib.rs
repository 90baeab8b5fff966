//! The agent: watches one SPSE server. Modules stand in the order in which data passes them.

pub mod config;

pub mod domain;

pub mod tail;

pub mod sample;

pub mod window;

pub mod spool;

pub mod ship;

pub mod identity;

pub mod app;

mod owner;

pub mod stdout;

mod moment;

pub mod enroll;

pub mod export;

pub mod check;

pub mod inputs;

pub mod analyze;

pub mod group;

pub mod explain;

pub mod detect;
