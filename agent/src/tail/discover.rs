//! Which files belong to a log: its current file, and those it was before it was rotated.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// Endings of compressed files: what is inside was read before it was compressed.
const COMPRESSED: [&[u8]; 5] = [b".gz", b".zip", b".bz2", b".xz", b".zst"];

/// One file that belongs to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) bytes: u64,
    pub(super) modified_ns: i128,
    /// Lies under the very path of the settings.
    pub(super) current: bool,
}

/// Files of the log at `path` (whose file name may hold `*` and `?`), in the order in which they were
/// last written. Errors: the folder cannot be listed.
pub(crate) fn discover(path: &Path) -> io::Result<Vec<Found>> {
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder_of(path))? {
        let entry = entry?;
        if belongs(name, entry.file_name().as_bytes()) {
            found.extend(look(&entry.path(), entry.file_name().as_bytes() == name));
        }
    }
    found.sort_by(|a: &Found, b| {
        (a.modified_ns, a.current, &a.path).cmp(&(b.modified_ns, b.current, &b.path))
    });
    Ok(without_second_names(found))
}

/// The file with this device and inode under whatever name in the log's folder.
pub(super) fn find_renamed(path: &Path, device: u64, inode: u64) -> io::Result<Option<Found>> {
    let same = |found: &Found| (found.device, found.inode) == (device, inode);
    for entry in fs::read_dir(folder_of(path))? {
        let found = look(&entry?.path(), false).filter(same);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Folder that the log lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether the file name holds `*` or `?`.
pub(crate) fn is_pattern(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().iter().any(|b| matches!(b, b'*' | b'?')))
}

/// What lies there; `None` when it vanished meanwhile or is no regular file.
fn look(path: &Path, current: bool) -> Option<Found> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Found {
        path: path.to_owned(),
        device: metadata.dev(),
        inode: metadata.ino(),
        bytes: metadata.len(),
        modified_ns: i128::from(metadata.mtime()) * 1_000_000_000
            + i128::from(metadata.mtime_nsec()),
        current,
    })
}

/// A link and its file are one; the name of the settings is kept.
fn without_second_names(found: Vec<Found>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::with_capacity(found.len());
    for file in found {
        match kept.iter_mut().find(|k| (k.device, k.inode) == (file.device, file.inode)) {
            Some(known) if file.current => *known = file,
            Some(_) => {}
            None => kept.push(file),
        }
    }
    kept
}

fn belongs(wanted: &[u8], name: &[u8]) -> bool {
    if COMPRESSED.iter().any(|ending| name.ends_with(ending)) {
        return false;
    }
    if wanted.iter().any(|b| matches!(b, b'*' | b'?')) {
        return matches_pattern(wanted, name);
    }
    name == wanted || is_rotated(wanted, name)
}

/// `app.log.1`, `app.log-20261121`, `app.log.old` and `app-2026-11-21-02-03.log` were `app.log` once.
fn is_rotated(wanted: &[u8], name: &[u8]) -> bool {
    if let Some(rest) = name.strip_prefix(wanted) {
        return rest == b".old" || is_rotation_mark(rest);
    }
    let Some(dot) = wanted.iter().rposition(|b| *b == b'.') else { return false };
    let (stem, ending) = wanted.split_at(dot);
    name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(ending)).is_some_and(is_rotation_mark)
}

/// A separator, then a number or a date and nothing else: `app-training.log` is a log of its own.
fn is_rotation_mark(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    bytes.next().is_some_and(|b| matches!(b, b'.' | b'-' | b'_'))
        && text.iter().any(u8::is_ascii_digit)
        && bytes.all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b':' | b'T'))
}

/// `*` stands for any bytes, `?` for one.
fn matches_pattern(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b'?') => (p, n) = (p + 1, n + 1),
            Some(wanted) if wanted == byte => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_name_belongs_to_the_log_and_a_neighbours_name_does_not() {
        for name in [
            "spse4.4.log",
            "spse4.4.log.1",
            "spse4.4.log-20261121",
            "spse4.4.log.old",
            "spse4.4-2026-11-21-02-03.log",
        ] {
            assert!(belongs(b"spse4.4.log", name.as_bytes()), "{name}");
        }
        for name in [
            "spse4.4.log.1.gz",
            "spse4.4-2026-11-21-02-03.log.zip",
            "spse4.4-latihan.log",
            "spse4.4.log.bak",
            "spse4.3.log",
            "spse4.4.log-",
            "application.log",
        ] {
            assert!(!belongs(b"spse4.4.log", name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("postgresql-*.log", "postgresql-Mon.log", true),
            ("postgresql-*.log", "postgresql-.log", true),
            ("postgresql-*.log", "postgresql-Mon.csv", false),
            ("postgresql-???.log", "postgresql-Mon.log", true),
            ("postgresql-???.log", "postgresql-2026.log", false),
            ("*a*b", "xaybzb", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(
                matches_pattern(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn a_link_and_its_file_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let dated = folder.path().join("app-20261121.log");
        fs::write(&dated, "a line\n").unwrap();
        let link = folder.path().join("app.log");
        std::os::unix::fs::symlink(&dated, &link).unwrap();
        let found = discover(&link).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].current);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        assert!(discover(Path::new("/nonexistent-folder/app.log")).is_err());
    }
}
