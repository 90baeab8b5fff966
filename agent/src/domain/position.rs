//! How far the logs are counted, and gaps: what should have been counted and cannot be.

use super::SourceKey;

/// How far one log has been counted; fields as in the `.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SourcePosition {
    pub source: String,
    pub path: String,
    pub identity: FileIdentity,
    pub generation: u32,
    pub offset: u64,
    /// Hash of the last up to 64 bytes before `offset`, 0 where it is not known: tells whether a file
    /// still holds what was counted.
    pub tail_hash: u32,
    pub last_event_ms: i64,
}

impl SourcePosition {
    /// The file, whatever its name, and however much of its head is known.
    pub fn file_key(&self) -> FileKey {
        (self.identity.device, self.identity.inode, self.generation)
    }
}

/// Device, inode, generation.
pub type FileKey = (u64, u64, u32);

/// All that is needed to resume one log after a restart. Stays on this machine: the wire carries those of
/// `files` that a batch read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProgress {
    /// Key of the log.
    pub source: SourceKey,
    /// Older entries are not counted; fixed when the log was first seen, so that a restart in a later
    /// month does not move it.
    pub not_before_ms: Option<i64>,
    /// Every file known, in the order of reading; the last is the one being read.
    pub files: Vec<SourcePosition>,
}

impl SourceProgress {
    /// Files remembered of one log; the longest unread are forgotten first. A log kept in seven weekly
    /// files or rotated each hour stays well below.
    pub const FILES_MAX: usize = 64;

    /// Notes how far a file is counted and makes it the one being read. What the inode held before stays
    /// known under its own generation: it may come back as a compressed copy.
    pub fn note(&mut self, position: SourcePosition) {
        self.files.retain(|known| known.file_key() != position.file_key());
        if self.files.len() >= Self::FILES_MAX {
            self.files.remove(0);
        }
        self.files.push(position);
    }

    /// Whether this says that the file was counted so far.
    pub fn covers(&self, position: &SourcePosition) -> bool {
        self.files
            .iter()
            .any(|known| known.file_key() == position.file_key() && known.offset >= position.offset)
    }

    /// Takes over how far a file was counted elsewhere, if that is further. One that is not known was read
    /// behind all that are.
    pub fn adopt(&mut self, position: SourcePosition) {
        let is_it = |known: &&mut SourcePosition| known.file_key() == position.file_key();
        match self.files.iter_mut().find(is_it) {
            Some(known) if known.offset < position.offset => *known = position,
            Some(_) => {}
            None => self.note(position),
        }
    }
}

/// Which file this is (never its name).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Hash of the first `head_bytes` bytes.
    pub head_hash: u64,
    /// How many bytes the hash covers.
    pub head_bytes: u32,
}

impl FileIdentity {
    /// Whether both name the same place on disk, whatever its content.
    pub fn is_same_inode(&self, other: &FileIdentity) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Something that should have been counted and cannot be; declared, never silent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Gap {
    pub source: String,
    pub from_ms: i64,
    pub to_ms: i64,
    pub reason: GapReason,
    pub detail: String,
    pub amount: u64,
}

/// Why something is lost; meanings as in the `.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum GapReason {
    FileLost,
    BaselineLost,
    SpoolLost,
    GroupsShed,
    Merged,
    ExemplarsShed,
    Restored,
    LinesCut,
}
