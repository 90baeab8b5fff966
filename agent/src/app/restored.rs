//! Whether the logs of a machine whose spool is a restored copy, or a new one, went on.
//!
//! The collector's read positions tell, of each log those of the files that were read last, in the order of
//! reading: each carries a hash of the bytes that were counted last. Where a file that was counted further
//! than the spool knew still holds them, the log went on, and what was counted since the spool's start was
//! counted before. Where no file of any log does, the logs are of the past as well, or others: what is read
//! now is new.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{now_ms, with_spool};
use crate::{
    domain::{Gap, GapReason, SourcePosition, SourceProgress},
    spool::{Dropped, Spool},
    tail,
};

/// Between two attempts to drop what was counted again.
const DROP_RETRY: Duration = Duration::from_secs(10);

/// Positions further than what is known: the others hold on a machine that was put back whole, too.
pub(super) fn beyond(
    known: &[SourceProgress],
    mut positions: Vec<SourcePosition>,
) -> Vec<SourcePosition> {
    let is_known = |position: &SourcePosition| {
        let mut logs = known.iter().filter(|log| *log.source == *position.source);
        logs.any(|log| log.covers(position))
    };
    positions.retain(|position| !is_known(position));
    positions
}

/// Positions that a file on this machine still holds, under its path or renamed beside it. May unpack much:
/// not for a thread that others wait for.
pub(super) fn held(positions: Vec<SourcePosition>) -> Vec<SourcePosition> {
    positions.into_iter().filter(is_held).collect()
}

/// Drops what this run of a restored copy, or of a new spool, has counted again; logs that went on are read
/// from where the collector has them, others from where this run began.
pub(super) async fn drop_run(spool: Arc<Mutex<Spool>>) -> anyhow::Result<io::Result<Dropped>> {
    with_spool(&spool, |spool| {
        let dropped = spool.drop_run(now_ms())?;
        spool.confirm();
        Ok(dropped)
    })
    .await
}

/// Tries until it is done; `None` when the agent is stopped before. What stands in the way passes: an
/// export that is under way, a disk. Meanwhile logs wait at their files.
///
/// Errors: it can never be done.
pub(super) async fn until_done<T, F: Future<Output = anyhow::Result<io::Result<T>>>>(
    mut attempt: impl FnMut() -> F,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<T>> {
    tracing::warn!(
        "the collector knows batches that this spool never closed: it is that of an older copy of this machine, or a new one in the place of one that was deleted, and the logs went on; they are read on from where the collector has them"
    );
    loop {
        let error = match attempt().await? {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error,
        };
        let Some(obstacle) = obstacle(&error) else {
            return Err(error).context(
                "the folder of the spool was deleted while batches were to be dropped from it; start the agent \
                 again",
            );
        };
        tracing::warn!(
            %error,
            "{obstacle}; until then logs wait unread, and it is tried again each {} s",
            DROP_RETRY.as_secs()
        );
        tokio::select! {
            () = sleep(DROP_RETRY) => {}
            () = shutdown.cancelled() => return Ok(None),
        }
    }
}

/// What keeps batches that were counted again from being dropped; `None` when that does not pass: the spool
/// has begun anew, so that they are gone.
fn obstacle(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::InvalidInput => None,
        io::ErrorKind::WouldBlock => {
            Some("batches that were counted again are being exported, and are dropped after that")
        }
        _ => {
            Some("batches that were counted again cannot be dropped; look at the disk of the spool")
        }
    }
}

/// From where logs are read on: where the collector says, for those that went on; else from where this
/// run of the agent began.
pub(super) fn resumed(
    mut progress: Vec<SourceProgress>,
    held: Vec<SourcePosition>,
) -> Vec<SourceProgress> {
    for position in held {
        match progress.iter_mut().find(|known| *known.source == *position.source) {
            Some(known) => known.adopt(position),
            None => progress.push(SourceProgress {
                source: position.source.as_str().into(),
                not_before_ms: None,
                files: vec![position],
            }),
        }
    }
    progress
}

/// What went with the spool that was here before a new one.
pub(super) fn gap_before_new(now_ms: i64) -> Gap {
    Gap {
        source: "spool".to_owned(),
        from_ms: now_ms,
        to_ms: now_ms,
        reason: GapReason::SpoolLost,
        detail: "the spool is a new one: what the one before it had not delivered is lost, but for what the logs still hold"
            .to_owned(),
        amount: 0,
    }
}

fn is_held(position: &SourcePosition) -> bool {
    proves_something(position) && tail::holds(Path::new(&position.path), position).unwrap_or(false)
}

/// Without a hash of what was counted any file would do. One that was only begun is known by its head.
fn proves_something(position: &SourcePosition) -> bool {
    position.tail_hash != 0 || (position.offset == 0 && position.identity.head_bytes > 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::domain::FileIdentity;

    const TEXT: &[u8] =
        b"14:03:05 one\n14:03:06 two\n14:03:07 three\n14:03:08 four, which is longer than that\n";

    fn position(path: &Path, offset: usize) -> SourcePosition {
        let tail = &TEXT[offset.saturating_sub(64)..offset];
        SourcePosition {
            source: "play".to_owned(),
            path: path.display().to_string(),
            identity: FileIdentity {
                head_hash: xxh3_64(&TEXT[..20]),
                head_bytes: 20,
                ..FileIdentity::default()
            },
            offset: offset as u64,
            tail_hash: xxh3_64(tail) as u32,
            ..SourcePosition::default()
        }
    }

    /// What comes of attempts that fail in these ways and then succeed, and how many there were.
    async fn tried(
        failures: &[io::ErrorKind],
        stop_at: usize,
    ) -> (anyhow::Result<Option<()>>, usize) {
        let (shutdown, mut attempts) = (CancellationToken::new(), 0);
        let attempt = || {
            attempts += 1;
            if attempts == stop_at {
                shutdown.cancel();
            }
            let failed = failures.get(attempts - 1).map_or(Ok(()), |kind| Err((*kind).into()));
            std::future::ready(Ok(failed))
        };
        let done = until_done(attempt, &shutdown).await;
        (done, attempts)
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_counted_again_is_dropped_once_an_export_or_a_disk_allows_it() {
        let failures = [io::ErrorKind::WouldBlock, io::ErrorKind::StorageFull];
        let (done, attempts) = tried(&failures, 0).await;
        assert_eq!((done.unwrap(), attempts), (Some(()), 3));
        let (stopped, attempts) = tried(&failures, 2).await;
        assert_eq!((stopped.unwrap(), attempts), (None, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_tried_again_on_a_spool_that_has_begun_anew() {
        let (gone, attempts) = tried(&[io::ErrorKind::InvalidInput], 0).await;
        assert!(gone.unwrap_err().to_string().contains("start the agent again"));
        assert_eq!(attempts, 1);
    }

    #[test]
    fn a_log_that_went_on_holds_the_position_also_under_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, renamed) = (dir.path().join("app.log"), dir.path().join("app.log.1"));
        fs::write(&path, TEXT).unwrap();
        let positions = vec![position(&path, 70), position(&path, 30)];
        assert_eq!(held(positions.clone()), positions);
        fs::rename(&path, renamed).unwrap();
        assert_eq!(held(positions.clone()), positions);
    }

    #[test]
    fn a_restored_log_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        fs::write(&path, &TEXT[..60]).unwrap();
        assert_eq!(held(vec![position(&path, 70)]), []);
        let other: Vec<u8> = TEXT.iter().map(|byte| byte ^ 1).collect();
        fs::write(&path, other).unwrap();
        assert_eq!(held(vec![position(&path, 70)]), []);
    }

    #[test]
    fn a_position_without_a_hash_proves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        fs::write(&path, TEXT).unwrap();
        assert_eq!(held(vec![SourcePosition { tail_hash: 0, ..position(&path, 70) }]), []);
    }

    #[test]
    fn a_file_that_was_begun_and_not_counted_is_known_by_its_head() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        fs::write(&path, TEXT).unwrap();
        let begun = position(&path, 0);
        assert_eq!(held(vec![SourcePosition { tail_hash: 0, ..begun.clone() }]).len(), 1);
        fs::write(&path, "another file that was begun\n").unwrap();
        assert_eq!(held(vec![SourcePosition { tail_hash: 0, ..begun }]), []);
    }

    #[test]
    fn logs_that_went_on_are_read_from_the_collectors_position_and_others_from_their_own() {
        let known = |source: &str, offset| SourceProgress {
            source: source.into(),
            not_before_ms: Some(5),
            files: vec![SourcePosition {
                source: source.to_owned(),
                offset,
                ..SourcePosition::default()
            }],
        };
        let held = known("play", 70).files;
        let resumed = resumed(vec![known("play", 30), known("postgres", 9)], held);
        assert_eq!(resumed, [known("play", 70), known("postgres", 9)]);
    }

    #[test]
    fn only_what_was_counted_further_than_the_spool_knew_tells_that_a_log_went_on() {
        let file = |source: &str, inode, offset| SourcePosition {
            source: source.to_owned(),
            identity: FileIdentity { inode, ..FileIdentity::default() },
            offset,
            ..SourcePosition::default()
        };
        let known = SourceProgress {
            source: "play".into(),
            not_before_ms: None,
            files: vec![file("play", 1, 10), file("play", 2, 20)],
        };
        let told = vec![
            file("play", 1, 10),
            file("play", 2, 21),
            file("play", 3, 5),
            file("postgres", 1, 10),
        ];
        assert_eq!(beyond(&[known], told.clone()), told[1..]);
        assert_eq!(beyond(&[], told.clone()), told);
    }

    #[test]
    fn each_file_of_a_log_is_read_from_where_it_was_counted() {
        let file = |inode, offset| SourcePosition {
            source: "play".to_owned(),
            identity: FileIdentity { inode, ..FileIdentity::default() },
            offset,
            ..SourcePosition::default()
        };
        let play = |files| SourceProgress { source: "play".into(), not_before_ms: None, files };
        let from = play(vec![file(1, 10), file(2, 20), file(3, 30)]);
        let held = vec![file(4, 44), file(1, 11), file(5, 55), file(2, 19)];
        let expected = vec![file(1, 11), file(2, 20), file(3, 30), file(4, 44), file(5, 55)];
        assert_eq!(resumed(vec![from], held.clone()), [play(expected)]);
        assert_eq!(resumed(vec![], held.clone()), [play(held)], "a new spool");
    }
}
