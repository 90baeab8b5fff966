//! What a file found in the folder means beside the files that are known.

use std::{fs::File, io};

use super::{discover::Found, identity};
use crate::domain::{FileIdentity, SourcePosition};

/// Equal heads of at least this many bytes show a copy (`copytruncate`).
pub(super) const COPY_HEAD_BYTES_MIN: u32 = 32;

/// A file as it looked at one moment: judged again when any of it changes.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Seen {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i128,
}

impl Seen {
    pub(super) fn of(file: &Found) -> Seen {
        let Found { device, inode, bytes, modified_ns, .. } = *file;
        Seen { device, inode, bytes, modified_ns }
    }
}

/// What became of a known file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OriginalFate {
    Gone,
    Rewritten,
    /// Unchanged under the path of the settings: a copy of it is being made.
    StillCurrent,
    StillThere,
}

pub(super) fn fate_of(known: &SourcePosition, found: &[Found]) -> io::Result<OriginalFate> {
    let Some(file) = found.iter().find(|file| is_at(&known.identity, file)) else {
        return Ok(OriginalFate::Gone);
    };
    let open = File::open(&file.path)?;
    if file.bytes < known.offset || !identity::head_matches(&open, &known.identity)? {
        return Ok(OriginalFate::Rewritten);
    }
    Ok(if file.current { OriginalFate::StillCurrent } else { OriginalFate::StillThere })
}

/// A known file goes on where it was left, or, written anew, begins a new generation.
pub(super) fn resume(
    known: &SourcePosition,
    identity: FileIdentity,
    now: &Found,
    file: &File,
) -> io::Result<SourcePosition> {
    let path = now.path.display().to_string();
    if now.bytes >= known.offset && identity::head_matches(file, &known.identity)? {
        return Ok(SourcePosition { path, identity, ..known.clone() });
    }
    let generation = known.generation.wrapping_add(1);
    Ok(SourcePosition { path, identity, generation, offset: 0, ..known.clone() })
}

pub(super) fn is_at(identity: &FileIdentity, file: &Found) -> bool {
    (identity.device, identity.inode) == (file.device, file.inode)
}

/// Whether it may be a copy of `original`, as `copytruncate` makes them.
pub(super) fn begins_like(file: &Found, original: &SourcePosition) -> bool {
    original.identity.head_bytes >= COPY_HEAD_BYTES_MIN
        && File::open(&file.path)
            .and_then(|open| identity::head_matches(&open, &original.identity))
            .unwrap_or(false)
}
