//! Wakes a follower when something happens in the log's folder. A missed event never matters: a poll
//! each [`POLL_INTERVAL`] looks as well, and where inotify refuses, polling alone does the work.

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::discover;

/// A look at the files at least this often.
pub const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Wake-ups are gathered this long: a busy log is read ten times a second, not once for each line.
const GATHER: Duration = Duration::from_millis(100);

/// What a follower waits on.
pub struct Watch {
    woken: Receiver<()>,
    waker: Waker,
    /// Dropped with this; `None` where inotify refuses.
    _watcher: Option<RecommendedWatcher>,
}

/// Ends the wait of a [`Watch`] early.
#[derive(Clone)]
pub struct Waker(SyncSender<()>);

impl Waker {
    /// Wakes the follower now; a follower already woken needs no second call.
    pub fn wake(&self) {
        // A full channel is a wake-up under way; a closed one a follower that has ended.
        let _ = self.0.try_send(());
    }
}

impl Watch {
    /// Watches the folder of the log at `path`.
    pub fn new(path: &Path) -> Watch {
        let (sender, woken) = sync_channel(1);
        let waker = Waker(sender);
        Watch { woken, _watcher: watch_folder(path, waker.clone()), waker }
    }

    /// A handle that ends a wait.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Returns when something happened in the folder, or after `timeout`.
    pub fn wait(&self, timeout: Duration) {
        if self.woken.recv_timeout(timeout).is_ok() {
            std::thread::sleep(GATHER);
            while self.woken.try_recv().is_ok() {}
        }
    }
}

fn watch_folder(path: &Path, waker: Waker) -> Option<RecommendedWatcher> {
    let on_event = move |event: notify::Result<Event>| {
        // Reading is an event too: without this test a follower would wake itself.
        if !matches!(event, Ok(Event { kind: EventKind::Access(_), .. })) {
            waker.wake();
        }
    };
    let watch = || -> notify::Result<RecommendedWatcher> {
        let mut watcher = notify::recommended_watcher(on_event)?;
        watcher.watch(discover::folder_of(path), RecursiveMode::NonRecursive)?;
        Ok(watcher)
    };
    watch()
        .inspect_err(|error| {
            tracing::info!(path = %path.display(), %error, "the folder cannot be watched; it is polled each second instead");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_wait_ends_when_the_log_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let watch = Watch::new(&path);
        std::fs::write(&path, "a line\n").unwrap();
        let begun = Instant::now();
        watch.wait(Duration::from_secs(60));
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_wait_without_a_folder_ends_by_polling_or_by_the_waker() {
        let watch = Watch::new(Path::new("/nonexistent-folder/app.log"));
        watch.wait(Duration::from_millis(1));
        watch.waker().wake();
        watch.wait(Duration::from_secs(60));
    }
}
