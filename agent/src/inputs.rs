//! Logs named on a command line: files, folders, patterns, standard input, compressed or not.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use pantau_logs::detect::SAMPLE_BYTES_MAX;

use crate::tail::{discover_all, is_damage, is_pattern, packing_of, unpack};

/// What stands for standard input.
pub const STDIN: &str = "-";

/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 8;

/// Files at most.
const FILES_MAX: usize = 10_000;

/// One log to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// A log that is being read.
pub struct Opened {
    /// What is inside, unpacked.
    pub reader: Box<dyn Read + Send>,
    /// Bytes of the file; `None` of standard input.
    pub bytes: Option<u64>,
    /// When it was written last, UTC milliseconds; `None` where nothing tells.
    pub modified_ms: Option<i64>,
}

/// Something that was named and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// As it was named.
    pub name: String,
    /// What is wrong and what to do.
    pub why: String,
}

impl Input {
    /// For people.
    pub fn name(&self) -> String {
        match self {
            Input::Stdin => STDIN.to_owned(),
            Input::File(path) => path.display().to_string(),
        }
    }

    /// Opens it; a compressed one is told by its name.
    pub fn open(&self) -> io::Result<Opened> {
        let Input::File(path) = self else {
            return Ok(Opened { reader: Box::new(io::stdin()), bytes: None, modified_ms: None });
        };
        let file = File::open(path)?;
        let facts = file.metadata()?;
        let since = facts.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let modified_ms = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        let reader: Box<dyn Read + Send> = match packing_of(path).1 {
            Some(packing) => unpack(file, packing)?,
            None => Box::new(file),
        };
        Ok(Opened { reader, bytes: Some(facts.len()), modified_ms })
    }
}

/// The ends of a log, for telling its format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Its name without folder and without the ending of a compressed file; or empty.
    pub name: String,
    /// From its beginning on.
    pub begin: Vec<u8>,
    /// Up to its end where it goes on; of what is compressed or comes from standard input none.
    pub end: Vec<u8>,
    /// When it was written last, UTC milliseconds; `None` where nothing tells.
    pub modified_ms: Option<i64>,
}

impl Input {
    /// Reads its ends. What is read of standard input here is gone there.
    pub fn ends(&self) -> io::Result<Ends> {
        let most = SAMPLE_BYTES_MAX as u64;
        let mut opened = self.open()?;
        let mut ends = Ends { modified_ms: opened.modified_ms, ..Ends::default() };
        opened.reader.by_ref().take(most).read_to_end(&mut ends.begin)?;
        let Input::File(path) = self else { return Ok(ends) };
        let (name, packing) = packing_of(path);
        ends.name = name;
        if packing.is_none() {
            let mut file = File::open(path)?;
            let length = file.metadata()?.len();
            let rest = length.saturating_sub(ends.begin.len() as u64).min(most);
            file.seek(SeekFrom::Start(length.saturating_sub(rest)))?;
            file.take(rest).read_to_end(&mut ends.end)?;
        }
        Ok(ends)
    }
}

/// The logs that were named, each once, and what cannot be read.
pub fn expand(named: &[PathBuf]) -> (Vec<Input>, Vec<Unreadable>) {
    let (mut inputs, mut unreadable) = (Vec::new(), Vec::new());
    for name in named {
        match expand_one(name) {
            Ok(found) if found.is_empty() => unreadable.push(Unreadable {
                name: name.display().to_string(),
                why: "no file there; name a file, a folder with files, or a pattern".to_owned(),
            }),
            Ok(found) => inputs.extend(found),
            Err(error) => unreadable.push(Unreadable {
                name: name.display().to_string(),
                why: why(&error).to_owned() + &format!(" ({error})"),
            }),
        }
    }
    let mut seen = std::collections::HashSet::new();
    inputs.retain(|input| seen.insert(input.name()));
    if inputs.len() > FILES_MAX {
        let why = format!("more than {FILES_MAX} files; name fewer at once");
        unreadable.push(Unreadable { name: "…".to_owned(), why });
        inputs.truncate(FILES_MAX);
    }
    (inputs, unreadable)
}

/// What a person can do about it.
pub fn why(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "not there; see the path",
        io::ErrorKind::PermissionDenied => {
            "may not be read by this user; use one that may, or sudo"
        }
        _ if is_damage(error) => "damaged, or not what its name says",
        _ => "cannot be read",
    }
}

fn expand_one(name: &Path) -> io::Result<Vec<Input>> {
    if name.as_os_str() == STDIN {
        return Ok(vec![Input::Stdin]);
    }
    if name.is_dir() {
        return folder(name, DEPTH_MAX);
    }
    if is_pattern(name) && !name.exists() {
        return Ok(discover_all(name)?.into_iter().map(|found| Input::File(found.path)).collect());
    }
    fs::metadata(name)?;
    Ok(vec![Input::File(name.to_owned())])
}

/// Files in order of their names; hidden ones are left out.
fn folder(path: &Path, depth: usize) -> io::Result<Vec<Input>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let mut inputs = Vec::new();
    for path in paths {
        if inputs.len() > FILES_MAX {
            break;
        }
        // What a link names is not followed into a circle: the depth ends it.
        if path.is_dir() && depth > 1 {
            inputs.extend(folder(&path, depth - 1)?);
        } else if path.is_file() {
            inputs.push(Input::File(path));
        }
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_folders_and_patterns_are_found_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        for name in ["b.log", "a.log", "sub/c.log", ".hidden", "d.txt"] {
            fs::write(path(name), "x\n").unwrap();
        }
        let named = [folder.path().to_owned(), path("a.log"), path("*.log"), path("none")];
        let (inputs, unreadable) = expand(&named);
        let names: Vec<_> =
            ["a.log", "b.log", "d.txt", "sub/c.log"].map(|n| Input::File(path(n))).into();
        assert_eq!(inputs, names);
        assert_eq!(unreadable.len(), 1);
        assert!(unreadable[0].why.starts_with("not there"), "{unreadable:?}");
    }

    #[test]
    fn what_is_compressed_is_opened_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.zst");
        fs::write(&path, zstd::encode_all(&b"a line\n"[..], 3).unwrap()).unwrap();
        let mut text = String::new();
        Input::File(path).open().unwrap().reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a line\n");
    }

    #[test]
    fn a_long_file_is_looked_at_from_both_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let middle = "x".repeat(SAMPLE_BYTES_MAX * 3);
        fs::write(&path, format!("begin{middle}end")).unwrap();
        let ends = Input::File(path).ends().unwrap();
        assert_eq!((ends.begin.len(), ends.end.len()), (SAMPLE_BYTES_MAX, SAMPLE_BYTES_MAX));
        assert!(ends.begin.starts_with(b"begin") && ends.end.ends_with(b"end"));
    }
}
