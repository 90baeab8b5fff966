//! The whole product on real parts: PostgreSQL, a browser, a mail server, agent and collector as
//! processes.

mod alerts;
mod bundle;
mod counts;
mod faults;
mod pages;
mod privacy;
mod torture;
