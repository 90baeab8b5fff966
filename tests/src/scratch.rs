//! A folder for one test, and the unprivileged user that owns it.

use std::{
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// `nobody` on Debian. Root reads everything, so a test of permissions under root would prove nothing.
const UNPRIVILEGED_ID: u32 = 65_534;

/// A folder that the unprivileged user owns and that goes away when dropped.
pub struct Scratch {
    folder: TempDir,
    /// Program's name, variable, value: given to each of its commands.
    environment: Mutex<Vec<(String, String, String)>>,
}

impl Scratch {
    /// A fresh one.
    pub fn new() -> Result<Scratch> {
        let dir = tempfile::Builder::new().prefix("pantau-").tempdir()?;
        let scratch = Scratch { folder: dir, environment: Mutex::default() };
        scratch.give(scratch.path())?;
        std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755))?;
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Makes a folder in it that the unprivileged user owns.
    pub fn dir(&self, name: &str) -> Result<PathBuf> {
        let path = self.join(name);
        std::fs::create_dir_all(&path)?;
        self.give(&path)?;
        Ok(path)
    }

    /// Writes a file that the unprivileged user owns.
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        self.give(&path)?;
        Ok(path)
    }

    /// Sets a variable for every further command of the program with this name.
    pub fn set_variable(&self, program: &str, variable: &str, value: &str) {
        let entry = (program.to_owned(), variable.to_owned(), value.to_owned());
        self.environment.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Leaves the folder where it is, for a person to look at.
    pub fn keep(&mut self) {
        self.folder.disable_cleanup(true);
    }

    /// Hands a path to the unprivileged user.
    pub fn give(&self, path: &Path) -> Result<()> {
        if is_root() {
            std::os::unix::fs::chown(path, Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID))?;
        }
        Ok(())
    }

    /// A command that runs as the unprivileged user, with this folder as its home.
    ///
    /// A program of ours that this user cannot reach (a clone in a private folder) is linked into the
    /// scratch folder first.
    pub fn command(&self, program: &Path) -> Result<Command> {
        let reachable = if is_root() { self.reachable(program)? } else { program.to_owned() };
        let mut command = Command::new(reachable);
        command.current_dir(self.path()).env("HOME", self.path());
        let name = program.file_name().unwrap_or_default();
        let environment = self.environment.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, variable, value) in environment.iter().filter(|(of, ..)| **of == *name) {
            command.env(variable, value);
        }
        if is_root() {
            command.uid(UNPRIVILEGED_ID).gid(UNPRIVILEGED_ID);
        }
        Ok(command)
    }

    fn reachable(&self, program: &Path) -> Result<PathBuf> {
        let private = program.ancestors().skip(1).any(|folder| {
            std::fs::metadata(folder).is_ok_and(|m| m.permissions().mode() & 0o001 == 0)
        });
        if !private {
            return Ok(program.to_owned());
        }
        let name = program.file_name().context("a program has a name")?;
        let link = self.path().join(name);
        if !link.exists() {
            std::fs::hard_link(program, &link)
                .or_else(|_| std::fs::copy(program, &link).map(drop))
                .with_context(|| format!("cannot bring {} here", program.display()))?;
        }
        Ok(link)
    }
}

/// Whether this process is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
