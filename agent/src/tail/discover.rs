//! Which files belong to a log: its current file, and those it was before it was rotated.

use std::{
    cmp::Reverse,
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::packed::{self, Packing};
use crate::domain::FileIdentity;

/// More digits at the end of a name are a date.
const ROTATION_DIGITS_MAX: usize = 5;

/// One file that belongs to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) bytes: u64,
    pub(super) modified_ns: i128,
    /// When anything about it changed, its name included: no program sets this as it likes.
    pub(super) changed_ns: i128,
    /// Lies under the very path of the settings.
    pub(super) current: bool,
    /// How it is compressed, by its name.
    pub(super) packing: Option<Packing>,
}

impl Found {
    /// Its place on disk.
    pub(super) fn at(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// Files of the log at `path` (whose file name may hold `*` and `?`) that are not compressed, in the order
/// of [`discover_all`]. Errors: the folder cannot be listed.
pub(crate) fn discover(path: &Path) -> io::Result<Vec<Found>> {
    let mut found = discover_all(path)?;
    found.retain(|file| file.packing.is_none());
    Ok(found)
}

/// All files of the log, the rolled ones in the order in which they were last written, then the current
/// one. Errors: the folder cannot be listed.
pub(crate) fn discover_all(path: &Path) -> io::Result<Vec<Found>> {
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder_of(path))? {
        let entry = entry?;
        if belongs(name, &entry.file_name()) {
            found.extend(look(&entry.path(), entry.file_name().as_bytes() == name));
        }
    }
    found.sort_by_cached_key(|file| {
        let number = rotation_number(&file.path).map(Reverse);
        (file.current, file.modified_ns, number, file.path.clone())
    });
    Ok(without_second_names(found))
}

/// The file of this identity's place under whatever name in the log's folder, or in the one that a link
/// at the log's path leads to.
pub(super) fn find_renamed(path: &Path, identity: &FileIdentity) -> io::Result<Option<Found>> {
    let here = find_in(folder_of(path), identity)?;
    let target = fs::canonicalize(path).ok().filter(|_| here.is_none());
    match target.as_deref().map(folder_of) {
        Some(folder) => find_in(folder, identity),
        None => Ok(here),
    }
}

fn find_in(folder: &Path, identity: &FileIdentity) -> io::Result<Option<Found>> {
    for entry in fs::read_dir(folder)? {
        let found = look(&entry?.path(), false);
        if let Some(found) = found.filter(|f| f.at() == (identity.device, identity.inode)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Files rotated faster than the clock of the disk ticks: of `app.log.1` and `app.log.2` the latter is
/// older.
fn rotation_number(path: &Path) -> Option<u32> {
    let (name, _) = packed::split_name(path.file_name()?);
    let digits = name.rsplit(|b| *b == b'.').next().filter(|d| d.len() <= ROTATION_DIGITS_MAX)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
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
        modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        current,
        packing: path.file_name().and_then(|name| packed::split_name(name).1),
    })
}

fn nanoseconds(seconds: i64, and_ns: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(and_ns)
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

/// A compressed file belongs to the log that it belonged to before.
fn belongs(wanted: &[u8], name: &OsStr) -> bool {
    let (name, packing) = packed::split_name(name);
    if packing.is_some() && name == wanted {
        return true;
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
            "spse4.4.log.1.gz",
            "spse4.4.log.gz",
            "spse4.4-2026-11-21-02-03.log.zip",
        ] {
            assert!(belongs(b"spse4.4.log", OsStr::new(name)), "{name}");
        }
        for name in [
            "spse4.4-latihan.log",
            "spse4.4-latihan.log.1.gz",
            "spse4.4.log.bak",
            "spse4.3.log",
            "spse4.4.log-",
            "application.log",
        ] {
            assert!(!belongs(b"spse4.4.log", OsStr::new(name)), "{name}");
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
    fn rolled_files_come_before_the_current_one_and_higher_numbers_before_lower() {
        let folder = tempfile::tempdir().unwrap();
        for (name, seconds) in
            [("app.log.1", 5), ("app.log.2.gz", 5), ("app.log.3", 5), ("app.log", 4)]
        {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            fs::File::create(folder.path().join(name)).unwrap().set_modified(time).unwrap();
        }
        let found = discover_all(&folder.path().join("app.log")).unwrap();
        let names = found.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap());
        let expected = ["app.log.3", "app.log.2.gz", "app.log.1", "app.log"];
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        assert!(discover(Path::new("/nonexistent-folder/app.log")).is_err());
    }
}
