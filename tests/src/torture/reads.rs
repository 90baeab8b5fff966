//! Logs on a disk whose reads fail or hang: a file system of our own (FUSE) that shows one flat folder
//! and disturbs what is read from it.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, Request, SessionACL,
};

use super::plan::ReadMode;

/// Nothing is remembered by the kernel: each look asks us.
const UNREMEMBERED: Duration = Duration::ZERO;
const BLOCK_BYTES: u32 = 4_096;

/// The mounted folder; unmounted when dropped.
pub struct Reads {
    state: Arc<State>,
    session: Option<BackgroundSession>,
}

struct State {
    /// Where the files lie.
    behind: PathBuf,
    mode: Mutex<ReadMode>,
    open: Mutex<HashMap<u64, File>>,
    handles: AtomicU64,
    /// Reads that hang.
    waiting: Mutex<Vec<Waiting>>,
}

struct Waiting {
    handle: u64,
    offset: u64,
    bytes: u32,
    reply: ReplyData,
}

struct Shown(Arc<State>);

impl Reads {
    /// Shows the folder `behind` at `at`.
    ///
    /// Errors: this system does not let us (no `/dev/fuse`, or neither root nor `fusermount3`).
    pub fn mount(behind: &Path, at: &Path) -> io::Result<Reads> {
        let state = Arc::new(State {
            behind: behind.to_owned(),
            mode: Mutex::new(ReadMode::Whole),
            open: Mutex::default(),
            handles: AtomicU64::new(1),
            waiting: Mutex::default(),
        });
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("pantau".to_owned())];
        config.acl = SessionACL::All;
        let session = fuser::spawn_mount(Shown(state.clone()), at, &config)?;
        Ok(Reads { state, session: Some(session) })
    }

    /// Reads behave like this from now on; those that hang are answered when they no longer shall.
    pub fn set(&self, mode: ReadMode) {
        *lock(&self.state.mode) = mode;
        if mode != ReadMode::Hanging {
            let waiting = std::mem::take(&mut *lock(&self.state.waiting));
            waiting.into_iter().for_each(|read| self.state.answer(read));
        }
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        self.set(ReadMode::Whole);
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn answer(&self, read: Waiting) {
        if *lock(&self.mode) == ReadMode::Failing {
            return read.reply.error(Errno::EIO);
        }
        let mut bytes = vec![0; read.bytes as usize];
        let open = lock(&self.open);
        let Some(file) = open.get(&read.handle) else { return read.reply.error(Errno::EBADF) };
        match file.read_at(&mut bytes, read.offset) {
            Ok(length) => read.reply.data(&bytes[..length]),
            Err(error) => read.reply.error(error.into()),
        }
    }

    /// The file with this inode, under whatever name it has now.
    fn find(&self, inode: u64) -> io::Result<PathBuf> {
        for entry in fs::read_dir(&self.behind)? {
            let entry = entry?;
            if entry.metadata()?.ino() == inode {
                return Ok(entry.path());
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn attributes(&self, inode: INodeNo) -> io::Result<FileAttr> {
        if inode == INodeNo::ROOT {
            return Ok(attributes(inode, &fs::metadata(&self.behind)?));
        }
        Ok(attributes(inode, &fs::metadata(self.find(inode.0)?)?))
    }
}

fn attributes(ino: INodeNo, of: &Metadata) -> FileAttr {
    let modified = of.modified().unwrap_or(UNIX_EPOCH);
    FileAttr {
        ino,
        size: of.len(),
        blocks: of.blocks(),
        atime: modified,
        mtime: modified,
        ctime: modified,
        crtime: modified,
        kind: if of.is_dir() { FileType::Directory } else { FileType::RegularFile },
        perm: (of.mode() & 0o7777) as u16,
        nlink: of.nlink() as u32,
        uid: of.uid(),
        gid: of.gid(),
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    }
}

impl Filesystem for Shown {
    fn lookup(&self, _request: &Request, _parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match fs::metadata(self.0.behind.join(name)) {
            Ok(found) => {
                let attributes = attributes(INodeNo(found.ino()), &found);
                reply.entry(&UNREMEMBERED, &attributes, Generation(0));
            }
            Err(error) => reply.error(error.into()),
        }
    }

    fn getattr(
        &self,
        _request: &Request,
        inode: INodeNo,
        handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        let open = lock(&self.0.open);
        let by_handle = handle.and_then(|handle| open.get(&handle.0));
        let found = match by_handle {
            Some(file) => file.metadata().map(|found| attributes(inode, &found)),
            None => self.0.attributes(inode),
        };
        match found {
            Ok(attributes) => reply.attr(&UNREMEMBERED, &attributes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn open(&self, _request: &Request, inode: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.0.find(inode.0).and_then(File::open) {
            Ok(file) => {
                let handle = self.0.handles.fetch_add(1, Ordering::Relaxed);
                lock(&self.0.open).insert(handle, file);
                // Past the kernel's cache: each read of the agent is one of ours.
                reply.opened(FileHandle(handle), FopenFlags::FOPEN_DIRECT_IO);
            }
            Err(error) => reply.error(error.into()),
        }
    }

    fn read(
        &self,
        _request: &Request,
        _inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = Waiting { handle: handle.0, offset, bytes: size, reply };
        if *lock(&self.0.mode) == ReadMode::Hanging {
            lock(&self.0.waiting).push(read);
        } else {
            self.0.answer(read);
        }
    }

    fn flush(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn release(
        &self,
        _request: &Request,
        _inode: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        lock(&self.0.open).remove(&handle.0);
        reply.ok();
    }

    fn readdir(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let Ok(entries) = fs::read_dir(&self.0.behind) else { return reply.error(Errno::EIO) };
        for (n, entry) in entries.flatten().enumerate().skip(offset as usize) {
            let Ok(found) = entry.metadata() else { continue };
            let next = n as u64 + 1;
            if reply.add(INodeNo(found.ino()), next, FileType::RegularFile, entry.file_name()) {
                break;
            }
        }
        reply.ok();
    }
}
