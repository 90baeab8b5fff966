//! Standard output of the commands.

use std::io::{ErrorKind, Write};

use anyhow::Context;

/// Prints a text. Who reads it may have seen enough before its end (`… | head`): that is no fault.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.context("cannot print the result"),
    }
}
