//! What the spool asks of a disk, all of it in one folder. Tests put a disk in its place that fails at
//! every call in turn.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::lock::{ExportLock, Lock};

/// Inode: which file this is, whatever its name. Its device is not looked at: it may be another after the
/// disk was mounted anew.
pub(super) type Inode = u64;

/// Files of one folder, each named without it.
pub(super) trait Disk: Send {
    /// Names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    fn read_at(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>>;
    /// Makes an empty file; one of that name is emptied.
    fn create(&self, name: &str) -> io::Result<()>;
    /// Writes into a file that is there.
    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn cut(&self, name: &str, bytes: u64) -> io::Result<()>;
    /// What was written to the file is there after a power cut once this returns.
    fn sync(&self, name: &str) -> io::Result<()>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives the file a second name.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// What was made, renamed and removed is so after a power cut once this returns.
    fn sync_folder(&self) -> io::Result<()>;
    /// `NotFound` when the file or the folder is gone, also when another folder took its place.
    fn inode(&self, name: &str) -> io::Result<Inode>;
    /// Makes the folder again after it was deleted.
    fn renew(&mut self) -> io::Result<()>;
    /// Keeps batches from being exported, or from being merged and dropped, until it is let go.
    fn lock_exports(&self, tries: u32) -> io::Result<ExportLock>;
}

/// Writes a file so that it is there as a whole or not at all, also after a power cut.
pub(super) fn write_whole(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = format!("{name}.new");
    let written = disk
        .create(&unfinished)
        .and_then(|()| disk.write_at(&unfinished, 0, bytes))
        .and_then(|()| disk.sync(&unfinished))
        .and_then(|()| disk.rename(&unfinished, name))
        .and_then(|()| disk.sync_folder());
    if written.is_err() {
        // A leftover is removed at the next open.
        let _ = disk.remove(&unfinished);
    }
    written
}

/// The file's bytes; `None` when there is no such file.
pub(super) fn read_if_there(disk: &dyn Disk, name: &str) -> io::Result<Option<Vec<u8>>> {
    match disk.read(name) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A folder of the file system.
pub(super) struct Folder {
    dir: PathBuf,
    /// Held open: tells whether the folder of that name is still this one.
    opened: File,
    /// `None`: another process may write here.
    _lock: Option<Lock>,
}

impl Folder {
    /// Makes the folder if it is missing, mode 0700, and locks it.
    pub(super) fn open(dir: &Path) -> anyhow::Result<Folder> {
        use anyhow::Context;
        let opened = make(dir).with_context(|| {
            format!("the spool {} cannot be used; let the agent's user write there", dir.display())
        })?;
        let lock = Lock::take(dir)?;
        // Made while there is room: a full disk must not keep batches from being merged.
        let _ = ExportLock::take(dir, 1);
        Ok(Folder { dir: dir.to_owned(), opened, _lock: Some(lock) })
    }

    /// Beside the agent that uses it; makes nothing.
    pub(super) fn beside(dir: &Path) -> io::Result<Folder> {
        Ok(Folder { dir: dir.to_owned(), opened: File::open(dir)?, _lock: None })
    }

    fn to_write(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.dir.join(name))
    }

    fn is_in_place(&self) -> io::Result<bool> {
        let (held, named) = (self.opened.metadata()?, fs::metadata(&self.dir)?);
        Ok(held.nlink() > 0 && held.ino() == named.ino())
    }
}

fn make(dir: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    File::open(dir)
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.dir)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.dir.join(name))
    }

    fn read_at(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; bytes];
        File::open(self.dir.join(name))?.read_exact_at(&mut buffer, offset)?;
        Ok(buffer)
    }

    fn create(&self, name: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        options.open(self.dir.join(name))?.flush()
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.to_write(name)?.write_all_at(bytes, offset)
    }

    fn cut(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.to_write(name)?.set_len(bytes)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.to_write(name)?.sync_data()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.opened.sync_all()
    }

    fn inode(&self, name: &str) -> io::Result<Inode> {
        if !self.is_in_place()? {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(fs::metadata(self.dir.join(name))?.ino())
    }

    fn renew(&mut self) -> io::Result<()> {
        let opened = make(&self.dir)?;
        let lock = Lock::take(&self.dir).map_err(io::Error::other)?;
        (self.opened, self._lock) = (opened, Some(lock));
        Ok(())
    }

    fn lock_exports(&self, tries: u32) -> io::Result<ExportLock> {
        ExportLock::take(&self.dir, tries)
    }
}
