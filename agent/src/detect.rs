//! `pantau-agent detect`: says what each file is, how sure it is and why, and gives the settings for it.
//! Needs no settings and changes nothing.

use std::path::PathBuf;

use pantau_logs::detect::{self, Detected, Sample};

mod print;

use crate::inputs::{self, Input};

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
    /// Its path, or as it was named.
    path: PathBuf,
    /// Why it cannot be read, or what it is.
    found: Result<Detected, String>,
}

/// Looks at each file. What to print, and the exit code: 0 all recognised, 1 some not, 2 some unreadable.
pub fn run(args: &Args, now_ms: i64) -> anyhow::Result<(String, u8)> {
    let (inputs, unreadable) = inputs::expand(&args.files);
    let mut looked: Vec<_> = inputs.iter().map(|input| look(input, now_ms)).collect();
    looked.extend(
        unreadable.into_iter().map(|one| Looked { path: one.name.into(), found: Err(one.why) }),
    );
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

fn look(input: &Input, now_ms: i64) -> Looked {
    let found = input.ends().map(|ends| {
        let sample = Sample { name: &ends.name, begin: &ends.begin, end: &ends.end };
        detect::detect(&sample, now_ms)
    });
    let found = found.map_err(|error| format!("{} ({error})", inputs::why(&error)));
    Looked { path: input.name().into(), found }
}

#[cfg(test)]
mod tests;
