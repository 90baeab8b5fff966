//! The bytes of a followed file: of a plain one at any offset, of a compressed one in their order.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt},
};

use super::identity;
use crate::domain::FileIdentity;

/// See the module.
pub(super) enum Source {
    Plain(File),
    Packed {
        /// The compressed file itself.
        file: File,
        stream: Box<dyn Read + Send>,
    },
}

/// What a plain file looks like beside what was read of it.
pub(super) enum Look {
    /// Nothing beyond what was read, and it still begins as it did.
    Same,
    /// It holds so many bytes now.
    Grown(u64),
    /// Shorter than what was read, or begins otherwise.
    Rewritten,
}

impl Source {
    /// Looks before bytes from `offset` on are asked for; `identity` grows with the file.
    pub(super) fn look(&self, offset: u64, identity: &mut FileIdentity) -> io::Result<Look> {
        let Source::Plain(file) = self else { return Ok(Look::Grown(offset)) };
        let bytes = file.metadata()?.len();
        if bytes < offset {
            return Ok(Look::Rewritten);
        }
        // Also without growth: it may have been written anew to the very size that was read.
        if !identity::head_matches(file, identity)? {
            return Ok(Look::Rewritten);
        }
        if bytes == offset {
            return Ok(Look::Same);
        }
        if identity.head_bytes < identity::HEAD_BYTES_MAX {
            *identity = identity::of(file)?;
        }
        Ok(Look::Grown(bytes))
    }

    /// Bytes from `offset` on; of a compressed file it must be where the last read ended.
    pub(super) fn read(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            let read = match self {
                Source::Plain(file) => file.read_at(buffer, offset),
                Source::Packed { stream, .. } => stream.read(buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self, Source::Packed { .. })
    }

    /// The file itself, as it lies in the folder.
    pub(super) fn file(&self) -> &File {
        match self {
            Source::Plain(file) | Source::Packed { file, .. } => file,
        }
    }

    /// No name leads to the file any more.
    pub(super) fn is_unlinked(&self) -> bool {
        self.file().metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    /// Hash of the bytes before `offset`; 0 where they cannot be read again.
    pub(super) fn tail_hash_at(&self, offset: u64) -> u32 {
        match self {
            Source::Plain(file) => identity::tail_hash_at(file, offset).unwrap_or(0),
            Source::Packed { .. } => 0,
        }
    }
}
