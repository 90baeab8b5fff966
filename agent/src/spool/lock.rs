//! One agent per spool, and one at a time who merges batches or exports them.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};

/// Held until dropped, or until the process ends in whatever way.
pub(super) struct Lock(#[allow(dead_code, reason = "the open file is the lock")] File);

impl Lock {
    pub(super) fn take(dir: &Path) -> anyhow::Result<Lock> {
        let path = dir.join("lock");
        let file = open(&path).with_context(|| format!("{} cannot be opened", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "another agent uses the spool {}; stop it, or give this one a state of its own (`state_dir`)",
                dir.display()
            );
        }
        Ok(Lock(file))
    }
}

/// Between two tries to take [`ExportLock`].
const PAUSE: Duration = Duration::from_millis(100);

/// What is exported may be with somebody under its own number: held by who exports while it marks and
/// reads batches, and by the agent while it merges or drops some. Held until dropped.
pub(super) struct ExportLock(
    #[allow(dead_code, reason = "the open file is the lock")] Option<File>,
);

impl ExportLock {
    /// Errors: `WouldBlock` when it is still held after so many tries.
    pub(super) fn take(dir: &Path, tries: u32) -> io::Result<ExportLock> {
        let file = open(&dir.join("export.lock"))?;
        for n in 1..=tries {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(ExportLock(Some(file))),
                Err(rustix::io::Errno::WOULDBLOCK) if n < tries => std::thread::sleep(PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Where nobody else can be.
    #[cfg(test)]
    pub(super) fn none() -> ExportLock {
        ExportLock(None)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}
