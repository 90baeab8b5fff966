//! One agent per spool.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};

/// Held until dropped, or until the process ends in whatever way.
pub(super) struct Lock(#[allow(dead_code, reason = "the open file is the lock")] File);

impl Lock {
    pub(super) fn take(dir: &Path) -> anyhow::Result<Lock> {
        let path = dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("{} cannot be opened", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "another agent uses the spool {}; stop it, or give this one a spool of its own (`spool.dir`)",
                dir.display()
            );
        }
        Ok(Lock(file))
    }
}
