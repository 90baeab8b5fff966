//! Whether the logs of a machine whose spool is a restored copy, or a new one, went on.
//!
//! The collector's read positions tell, of each log those of the files that were read last, in the order of
//! reading: each carries a hash of the bytes that were counted last. Where a file still holds them, the log
//! went on, and what was counted since the spool's start was counted before. Where no file of any log does,
//! the logs are of the past as well, or others: what is read now is new.

use std::path::Path;

use crate::{
    domain::{Gap, GapReason, SourcePosition, SourceProgress},
    tail,
};

/// Positions that a file on this machine still holds, under its path or renamed beside it. May unpack much:
/// not for a thread that others wait for.
pub(super) fn held(positions: Vec<SourcePosition>) -> Vec<SourcePosition> {
    positions.into_iter().filter(is_held).collect()
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
    fn each_file_of_a_log_is_read_from_where_it_was_counted() {
        let file = |inode, offset| SourcePosition {
            source: "play".to_owned(),
            identity: FileIdentity { inode, ..FileIdentity::default() },
            offset,
            ..SourcePosition::default()
        };
        let play = |files| SourceProgress { source: "play".into(), not_before_ms: None, files };
        let from = play(vec![file(1, 10), file(2, 20), file(3, 30)]);
        let held = vec![file(4, 44), file(1, 11), file(5, 55)];
        let expected = vec![file(1, 11), file(2, 20), file(3, 30), file(4, 44), file(5, 55)];
        assert_eq!(resumed(vec![from], held.clone()), [play(expected)]);
        assert_eq!(resumed(vec![], held.clone()), [play(held)], "a new spool");
    }
}
