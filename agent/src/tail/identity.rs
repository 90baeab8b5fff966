//! Which file is this? Device and inode name it; the hash of its head tells a reused inode, and a file
//! written anew in place, from the same file.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
};

use xxhash_rust::xxh3::xxh3_64;

use crate::domain::FileIdentity;

/// Bytes of the head that are hashed at most: enough to hold a time stamp of the first line or two.
pub(super) const HEAD_BYTES_MAX: u32 = 256;

/// Identity of an open file as it is now.
pub(super) fn of(file: &File) -> io::Result<FileIdentity> {
    let metadata = file.metadata()?;
    let head = read_head(file, HEAD_BYTES_MAX)?;
    Ok(FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
        head_hash: xxh3_64(&head),
        head_bytes: head.len() as u32,
    })
}

/// Whether the file still begins with what `known` was taken from.
pub(super) fn head_matches(file: &File, known: &FileIdentity) -> io::Result<bool> {
    let head = read_head(file, known.head_bytes.min(HEAD_BYTES_MAX))?;
    Ok(head.len() == known.head_bytes as usize
        && (head.is_empty() || xxh3_64(&head) == known.head_hash))
}

/// The first `bytes` bytes, or fewer where the file is shorter.
fn read_head(file: &File, bytes: u32) -> io::Result<Vec<u8>> {
    let mut head = vec![0; bytes as usize];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64) {
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
