//! The file of a bundle: written beside its place, synced, and renamed into it.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// See the module; without [`Place::keep`] nothing is left.
pub(super) struct Place {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    is_kept: bool,
}

impl Place {
    pub(super) fn open(path: &Path) -> anyhow::Result<Place> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // One of an export that was killed.
        let _ = fs::remove_file(&partial);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options
            .open(&partial)
            .with_context(|| format!("{} cannot be written", partial.display()))?;
        Ok(Place { path: path.to_owned(), partial, file, is_kept: false })
    }

    /// To write to.
    pub(super) fn file(&self) -> anyhow::Result<File> {
        Ok(self.file.try_clone()?)
    }

    /// What was written is the file from now on; how many bytes it has.
    pub(super) fn keep(mut self) -> anyhow::Result<u64> {
        let unkept = || format!("{} cannot be written", self.path.display());
        self.file.sync_all().with_context(unkept)?;
        fs::rename(&self.partial, &self.path).with_context(unkept)?;
        self.is_kept = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("the folder of {} cannot be synced", self.path.display()))?;
        Ok(self.file.metadata()?.len())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.partial);
        }
    }
}
