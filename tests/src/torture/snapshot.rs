//! A machine restored from an older copy, a spool deleted, a spool damaged.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use super::dice::Dice;

/// Bits that are turned at once: a disk that fails does so at one place.
const BITS: u64 = 3;

/// Copies a folder with owners and times.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(to);
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(status.success(), "cp -a {}: {status}", from.display());
    Ok(())
}

/// Makes a folder what its copy is.
pub fn put_back(from: &Path, to: &Path) -> Result<()> {
    empty(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let status = Command::new("cp").arg("-a").arg(&path).arg(to).status()?;
        ensure!(status.success(), "cp -a {}: {status}", path.display());
    }
    Ok(())
}

/// Deletes what a folder holds.
pub fn empty(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}

/// Turns bits in one segment of the spool, somewhere. False when there is none.
pub fn flip_bits(spool: &Path, seed: u64) -> Result<bool> {
    let mut dice = Dice::new(seed);
    let segments = segments(spool)?;
    if segments.is_empty() {
        return Ok(false);
    }
    let path = &segments[(dice.roll() % segments.len() as u64) as usize];
    let file = fs::File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(false);
    }
    let at = dice.between(0, length - 1);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    for _ in 0..BITS {
        byte[0] ^= 1 << dice.between(0, 7);
    }
    file.write_all_at(&byte, at)?;
    Ok(true)
}

fn segments(spool: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(spool)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    paths.sort();
    Ok(paths)
}
