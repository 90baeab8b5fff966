//! The agent's window and spool, closed minute for minute as the running agent does. What the agent's
//! interface asks for stands here alone.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use pantau_agent::{
    config::SpoolSettings,
    ship,
    spool::{Draft, Names, Resume, Spool},
    window::Window,
};

use super::reference::{self, SAMPLE_INTERVAL_MS};

/// Settings of the spool as `deploy/agent.toml` has them: 1 GiB would never press.
const SPOOL_BYTES_MAX: u64 = 1_024 * 1_024 * 1_024;
/// Nothing is acknowledged here, so that this never counts.
const GRACE_S: u64 = 7 * 86_400;

/// See the module.
pub struct Spooled {
    /// What is being counted.
    pub window: Window,
    /// Where its batches wait.
    pub spool: Arc<Mutex<Spool>>,
    dir: PathBuf,
}

impl Spooled {
    /// An empty spool in the agent's state folder.
    pub fn open(state_dir: &Path, now_ms: i64) -> Result<Spooled> {
        let dir = state_dir.join("spool");
        let grace = std::time::Duration::from_secs(GRACE_S);
        let settings = SpoolSettings { dir: dir.clone(), bytes_max: SPOOL_BYTES_MAX, grace };
        let spool = Spool::open(&settings, ship::condense, now_ms)?.spool;
        let window = Window::new(reference::progress(), SAMPLE_INTERVAL_MS);
        Ok(Spooled { window, spool: Arc::new(Mutex::new(spool)), dir })
    }

    /// Closes the window into a batch.
    pub fn close(&mut self, now_ms: i64) -> Result<()> {
        let closed = self.window.content(now_ms);
        let draft = Draft {
            first_minute: closed.first_minute,
            last_minute: closed.last_minute,
            closed_ms: now_ms,
            resume: Resume { progress: closed.progress, open: closed.open },
        };
        let encode = |names: &mut Names| ship::encode(&closed.content, now_ms, names);
        self.held().append(&draft, encode, now_ms)?;
        self.window.reset(now_ms);
        Ok(())
    }

    /// Batches that wait.
    pub fn backlog(&self) -> u64 {
        self.held().backlog().0
    }

    fn held(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of all files of the spool.
    pub fn bytes_on_disk(&self) -> Result<u64> {
        let entries =
            std::fs::read_dir(&self.dir).with_context(|| self.dir.display().to_string())?;
        entries.map(|entry| Ok(entry?.metadata()?.len())).sum()
    }
}
