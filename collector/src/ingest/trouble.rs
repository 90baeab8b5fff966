//! Failures that may last are logged at their beginning and their end, not at each repetition.

use std::fmt::Display;

use tracing::{error, info};

/// Whether one job is failing at present.
#[derive(Debug)]
pub struct Trouble {
    what: &'static str,
    failing: bool,
}

impl Trouble {
    /// Of a job that has not failed yet.
    pub fn new(what: &'static str) -> Trouble {
        Trouble { what, failing: false }
    }

    /// Notes how the job went this time; logs when that is a change.
    pub fn note<T, E: Display>(&mut self, result: &Result<T, E>) {
        match (result, self.failing) {
            (Err(why), false) => error!("{} fails: {why:#}", self.what),
            (Ok(_), true) => info!("{} works again", self.what),
            _ => {}
        }
        self.failing = result.is_err();
    }
}
