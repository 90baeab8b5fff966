//! From what was typed to files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::tail::{discover_all, is_pattern};

/// So many files are looked at of one folder or pattern.
const FILES_MAX: usize = 1_000;

/// Whether it stands for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The files, each with why it cannot be looked at, if so.
pub(super) fn files(typed: &[PathBuf]) -> Vec<(PathBuf, Option<String>)> {
    typed.iter().flat_map(|path| expand(path)).collect()
}

fn expand(path: &Path) -> Vec<(PathBuf, Option<String>)> {
    if is_stdin(path) {
        return vec![(path.to_owned(), None)];
    }
    let refused = |why: String| vec![(path.to_owned(), Some(why))];
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => match of_folder(path) {
            Ok(files) if files.is_empty() => refused("a folder without files".to_owned()),
            Ok(files) => files,
            Err(error) => refused(format!("cannot be listed ({error})")),
        },
        Ok(metadata) if metadata.is_file() => vec![(path.to_owned(), None)],
        Ok(_) => refused("neither a file nor a folder".to_owned()),
        Err(_) if is_pattern(path) => match discover_all(path) {
            Ok(found) if found.is_empty() => refused("no file has such a name".to_owned()),
            Ok(found) => found.into_iter().take(FILES_MAX).map(|file| (file.path, None)).collect(),
            Err(error) => refused(format!("its folder cannot be listed ({error})")),
        },
        // Opening it says why.
        Err(_) => vec![(path.to_owned(), None)],
    }
}

/// The files right inside, by name.
fn of_folder(path: &Path) -> std::io::Result<Vec<(PathBuf, Option<String>)>> {
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<_> = entries.collect::<std::io::Result<_>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files.into_iter().take(FILES_MAX).map(|path| (path, None)).collect())
}
