//! Whether the logs of a machine whose spool is a restored copy went on, or were restored with it.
//!
//! The collector's read positions tell: each carries a hash of the bytes that were counted last. Where a
//! file still holds them, the log went on, and what was counted since the copy's start was counted
//! before. Where no file of any log does, the logs are of the past as well: what is read now is new.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::xxh3_64;

use crate::domain::{SourcePosition, SourceProgress};

/// Bytes before a position that its hash covers.
const TAIL_BYTES: u64 = 64;
/// Files looked at in a log's folder for one that was renamed.
const FILES_MAX: usize = 1_000;

/// Positions that a file on this machine still holds, under its path or renamed beside it.
pub(super) fn held(positions: Vec<SourcePosition>) -> Vec<SourcePosition> {
    positions.into_iter().filter(|position| is_held(position).is_some()).collect()
}

/// From where logs are read on: where the collector says, for those that went on; else from where this
/// run of the agent began.
pub(super) fn resumed(
    mut progress: Vec<SourceProgress>,
    held: Vec<SourcePosition>,
) -> Vec<SourceProgress> {
    for position in held {
        match progress.iter_mut().find(|known| *known.source == *position.source) {
            Some(known) => known.note(position),
            None => progress.push(SourceProgress {
                source: position.source.as_str().into(),
                not_before_ms: None,
                files: vec![position],
            }),
        }
    }
    progress
}

/// The file that holds the position. A position without a hash proves nothing.
fn is_held(position: &SourcePosition) -> Option<PathBuf> {
    if position.tail_hash == 0 || position.offset == 0 {
        return None;
    }
    let path = PathBuf::from(&position.path);
    let beside = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    let beside = beside.into_iter().flatten().flatten().map(|entry| entry.path()).take(FILES_MAX);
    std::iter::once(path.clone()).chain(beside).find(|path| holds(path, position))
}

fn holds(path: &Path, position: &SourcePosition) -> bool {
    // A pipe would be waited for.
    if !fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() >= position.offset) {
        return false;
    }
    let Ok(file) = File::open(path) else { return false };
    let head_bytes = u64::from(position.identity.head_bytes);
    let has_head =
        head_bytes == 0 || hash(&file, 0, head_bytes) == Some(position.identity.head_hash);
    let tail_bytes = position.offset.min(TAIL_BYTES);
    let tail = hash(&file, position.offset - tail_bytes, tail_bytes);
    // 0 stands for unknown, so no hash is 0.
    has_head && tail.map(|hash| (hash as u32).max(1)) == Some(position.tail_hash)
}

fn hash(file: &File, from: u64, bytes: u64) -> Option<u64> {
    /// Longest head that any identity covers.
    const HEAD_BYTES_MAX: u64 = 1024 * 1024;
    let mut buffer = vec![0; bytes.min(HEAD_BYTES_MAX) as usize];
    file.read_exact_at(&mut buffer, from).ok()?;
    Some(xxh3_64(&buffer))
}

#[cfg(test)]
mod tests {
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
}
