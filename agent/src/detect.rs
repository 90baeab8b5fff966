//! `pantau-agent detect`: says what each file is, how sure it is and why, and gives the settings for it.
//! Needs no settings and changes nothing.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use pantau_logs::detect::{self, Detected, SAMPLE_BYTES_MAX, Sample};

mod expand;
mod print;

use crate::tail::{Packing, packing_of, unpack};

/// Everything was recognised.
const EXIT_RECOGNISED: u8 = 0;
/// Something was read and not recognised.
const EXIT_UNKNOWN: u8 = 1;
/// Something could not be read.
const EXIT_UNREADABLE: u8 = 2;

/// What was typed.
#[derive(clap::Args)]
pub struct Args {
    /// Files, folders, patterns with * and ? in the file name; - is standard input. Compressed files
    /// (.gz .bz2 .xz .zst .zip) are looked into.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// One file and what became of it.
#[derive(Debug)]
struct Looked {
    path: PathBuf,
    packing: Option<Packing>,
    /// Why it cannot be read, or what it is.
    found: Result<Detected, String>,
}

/// Looks at each file. What to print, and the exit code: 0 all recognised, 1 some not, 2 some unreadable.
pub fn run(args: &Args, now_ms: i64) -> anyhow::Result<(String, u8)> {
    let looked: Vec<_> = expand::files(&args.files)
        .into_iter()
        .map(|(path, refused)| look(path, refused, now_ms))
        .collect();
    let text = if args.json { print::json(&looked)? } else { print::table(&looked) };
    Ok((text, code(&looked)))
}

fn code(looked: &[Looked]) -> u8 {
    let recognised = |one: &Looked| match &one.found {
        Ok(Detected::Text(ranked)) => ranked.recognised().is_some(),
        _ => false,
    };
    if looked.iter().any(|one| one.found.is_err()) {
        EXIT_UNREADABLE
    } else if looked.iter().all(recognised) {
        EXIT_RECOGNISED
    } else {
        EXIT_UNKNOWN
    }
}

fn look(path: PathBuf, refused: Option<String>, now_ms: i64) -> Looked {
    let (name, packing) = packing_of(&path);
    let ends = refused.map_or_else(|| ends(&path, packing).map_err(|error| advice(&error)), Err);
    let found = ends.map(|(begin, end)| {
        detect::detect(&Sample { name: &name, begin: &begin, end: &end }, now_ms)
    });
    Looked { path, packing, found }
}

/// The beginning of a file and, where it goes on, its end; of what is compressed or comes from standard
/// input the beginning only.
fn ends(path: &Path, packing: Option<Packing>) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let most = SAMPLE_BYTES_MAX as u64;
    let mut begin = Vec::new();
    if expand::is_stdin(path) {
        io::stdin().lock().take(most).read_to_end(&mut begin)?;
        return Ok((begin, Vec::new()));
    }
    let mut file = File::open(path)?;
    if let Some(packing) = packing {
        unpack(file, packing)?.take(most).read_to_end(&mut begin)?;
        return Ok((begin, Vec::new()));
    }
    file.by_ref().take(most).read_to_end(&mut begin)?;
    let length = file.metadata()?.len();
    let rest = length.saturating_sub(begin.len() as u64).min(most);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(rest)))?;
    file.take(rest).read_to_end(&mut end)?;
    Ok((begin, end))
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!("cannot be read ({error}): run as a user who may read it")
        }
        _ => format!("cannot be read ({error})"),
    }
}

#[cfg(test)]
mod tests;
