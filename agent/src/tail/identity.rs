//! Which file is this? Device and inode name it; the hash of its head tells a reused inode, and a file
//! written anew in place, from the same file.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
};

use xxhash_rust::xxh3::xxh3_64;

use crate::domain::{FileIdentity, SourcePosition};

/// Bytes of the head that are hashed at most: enough to hold a time stamp of the first line or two.
pub(super) const HEAD_BYTES_MAX: u32 = 256;

/// Bytes before a position that its `tail_hash` covers.
pub(super) const TAIL_BYTES: usize = 64;

/// Hash of the last bytes before a position: tells files apart that begin alike. Never 0, which means
/// that it is not known; where nothing stands before the position there is nothing to know.
pub(super) fn tail_hash(before: &[u8]) -> u32 {
    let tail = before.get(before.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
    if tail.is_empty() { 0 } else { (xxh3_64(tail) as u32).max(1) }
}

/// As [`tail_hash`], of the bytes that stand before `offset` in the file.
pub(super) fn tail_hash_at(file: &File, offset: u64) -> io::Result<u32> {
    let bytes = offset.min(TAIL_BYTES as u64);
    let tail = read_up_to(file, bytes as usize, offset - bytes)?;
    Ok(if (tail.len() as u64) < bytes { 0 } else { tail_hash(&tail) })
}

/// Whether the file still holds what was counted of it: its head, as many bytes, and the last of them.
pub(super) fn holds(file: &File, known: &SourcePosition) -> io::Result<bool> {
    if file.metadata()?.len() < known.offset || !head_matches(file, &known.identity)? {
        return Ok(false);
    }
    Ok(known.tail_hash == 0 || tail_hash_at(file, known.offset)? == known.tail_hash)
}

/// Whether a file that begins with `head` may be the one of `known`.
pub(super) fn begins_with(head: &[u8], known: &FileIdentity) -> bool {
    let known_head = head.get(..known.head_bytes as usize);
    known_head.is_some_and(|head| head.is_empty() || xxh3_64(head) == known.head_hash)
}

/// Identity of what lies at the place of `file` and begins with `head`. NUL bytes at its end are not part of
/// it: what a power cut left empty may still be filled in.
pub(super) fn with_head(file: &File, head: &[u8]) -> io::Result<FileIdentity> {
    let metadata = file.metadata()?;
    let written = head.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let head = head.get(..written).unwrap_or_default();
    Ok(FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
        head_hash: xxh3_64(head),
        head_bytes: head.len() as u32,
    })
}

/// Identity of an open file as it is now.
pub(super) fn of(file: &File) -> io::Result<FileIdentity> {
    with_head(file, &read_up_to(file, HEAD_BYTES_MAX as usize, 0)?)
}

/// Whether the file still begins with what `known` was taken from.
pub(super) fn head_matches(file: &File, known: &FileIdentity) -> io::Result<bool> {
    let head = read_up_to(file, known.head_bytes.min(HEAD_BYTES_MAX) as usize, 0)?;
    Ok(begins_with(&head, known))
}

/// `bytes` bytes from `offset` on, or fewer where the file is shorter.
fn read_up_to(file: &File, bytes: usize, offset: u64) -> io::Result<Vec<u8>> {
    let mut head = vec![0; bytes];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_with(text: &str) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(text.as_bytes(), 0).unwrap();
        file
    }

    #[test]
    fn a_file_that_grows_stays_the_same_file() {
        let file = file_with("first line\n");
        let known = of(&file).unwrap();
        file.write_all_at(b"second line\n", 11).unwrap();
        assert!(head_matches(&file, &known).unwrap());
        assert_eq!(known.head_bytes, 11);
    }

    #[test]
    fn a_file_written_anew_in_place_is_another_file() {
        let file = file_with("2026-11-20 first line\n");
        let known = of(&file).unwrap();
        file.write_all_at(b"2026-11-21", 0).unwrap();
        assert!(!head_matches(&file, &known).unwrap());
    }

    #[test]
    fn a_file_shorter_than_its_known_head_is_another_file() {
        let file = file_with("first line\n");
        let known = of(&file).unwrap();
        file.set_len(3).unwrap();
        assert!(!head_matches(&file, &known).unwrap());
    }

    #[test]
    fn a_file_known_while_it_was_empty_may_hold_anything_later() {
        let file = file_with("");
        let known = of(&file).unwrap();
        file.write_all_at(b"anything", 0).unwrap();
        assert!(head_matches(&file, &known).unwrap());
    }
}
