//! A clock of its own for a program: `libfaketime` between it and the system, never the machine's clock.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::scratch::Scratch;

/// Where Debian's package `libfaketime` puts it.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// The clock of one program.
pub struct Clock(PathBuf);

impl Clock {
    /// Gives every further start of `program` a clock that can be moved. `None`: the library is not there.
    pub fn give(scratch: &Scratch, program: &str) -> Result<Option<Clock>> {
        if !Path::new(LIBRARY).exists() {
            return Ok(None);
        }
        let file = scratch.file(&format!("{program}.clock"), "+0\n")?;
        for (variable, value) in [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME_TIMESTAMP_FILE", &file.to_string_lossy()),
            // Looked at again at each reading of the clock.
            ("FAKETIME_NO_CACHE", "1"),
            // Time that is waited for goes on as it is, and files keep their true times.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ] {
            scratch.set_variable(program, variable, value);
        }
        Ok(Some(Clock(file)))
    }

    /// Shows a time this many seconds from the true one.
    pub fn set(&self, by_s: i64) -> Result<()> {
        // Written beside and renamed: a reader never sees half of it.
        let new = self.0.with_extension("new");
        std::fs::write(&new, format!("{by_s:+}\n"))?;
        Ok(std::fs::rename(new, &self.0)?)
    }
}
