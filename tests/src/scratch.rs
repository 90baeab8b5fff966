//! A folder for one test, and the unprivileged user that owns it.

use std::{
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// `nobody` on Debian. Root reads everything, so a test of permissions under root would prove nothing.
const UNPRIVILEGED_ID: u32 = 65_534;

/// A folder that the unprivileged user owns and that goes away when dropped.
pub struct Scratch(TempDir);

impl Scratch {
    /// A fresh one.
    pub fn new() -> Result<Scratch> {
        let dir = tempfile::Builder::new().prefix("pantau-").tempdir()?;
        let scratch = Scratch(dir);
        scratch.give(scratch.path())?;
        std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755))?;
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
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
