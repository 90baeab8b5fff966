//! What a file found in the folder means beside the files that are known.

use std::{fs::File, io, path::Path};

use super::{
    discover::{self, Found},
    identity, packed, probe,
    reader::{Advance, Reader},
};
use crate::domain::{FileIdentity, SourcePosition};

/// Equal heads of at least this many bytes show a copy (`copytruncate`).
pub(super) const COPY_HEAD_BYTES_MIN: u32 = 32;

/// The coarsest clock of a disk, that of FAT; others tick each few milliseconds.
const CLOCK_TICK_MS: i64 = 2_000;

/// A file as it looked at one moment: judged again when any of it changes.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Seen {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i128,
    /// Of a compressed file nothing: it is renamed with each rotation, and unpacking it again costs.
    changed_ns: i128,
}

impl Seen {
    pub(super) fn of(file: &Found) -> Seen {
        let Found { device, inode, bytes, modified_ns, packing, .. } = *file;
        let changed_ns = if packing.is_none() { file.changed_ns } else { 0 };
        Seen { device, inode, bytes, modified_ns, changed_ns }
    }
}

/// Whether the file changed so long ago that a further change gives it another time: a rewrite to the same
/// size within one tick of the disk's clock would look like no change.
pub(super) fn is_settled(file: &Found, now_ms: i64) -> bool {
    file.changed_ns < i128::from(now_ms.saturating_sub(CLOCK_TICK_MS)) * 1_000_000
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
    if file.packing.is_some() {
        // Something compressed has its inode now, unless it is that very file, noted as read.
        let is_it = known.identity.head_bytes > 0
            && File::open(&file.path).and_then(|f| identity::holds(&f, known))?;
        return Ok(if is_it { OriginalFate::StillThere } else { OriginalFate::Rewritten });
    }
    let open = File::open(&file.path)?;
    if !identity::holds(&open, known)? {
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
    if identity::holds(file, known)? {
        return Ok(SourcePosition { path, identity, ..known.clone() });
    }
    let generation = known.generation.wrapping_add(1);
    Ok(SourcePosition { path, identity, generation, offset: 0, tail_hash: 0, ..known.clone() })
}

pub(super) fn is_at(identity: &FileIdentity, file: &Found) -> bool {
    (identity.device, identity.inode) == (file.device, file.inode)
}

/// Whether it may be a copy of `original`, as `copytruncate` makes them, or that file compressed.
pub(super) fn begins_like(file: &Found, original: &SourcePosition) -> bool {
    let alike = || -> io::Result<bool> {
        let open = File::open(&file.path)?;
        match file.packing {
            Some(packing) => {
                let head = probe::head_of(open, packing)?;
                Ok(identity::begins_with(&head, &original.identity))
            }
            None => identity::head_matches(&open, &original.identity),
        }
    };
    original.identity.head_bytes >= COPY_HEAD_BYTES_MIN && alike().unwrap_or(false)
}

/// Whether it holds all that was counted of `original`, without unpacking it.
pub(super) fn is_copy(file: &Found, original: &SourcePosition) -> bool {
    let holds = || File::open(&file.path).and_then(|open| identity::holds(&open, original));
    file.packing.is_none()
        && original.identity.head_bytes >= COPY_HEAD_BYTES_MIN
        && holds().unwrap_or(false)
}

/// Whether a file of the log at `path`, under whatever name and compressed or not, still holds what was
/// counted up to `position`: tells a log that went on from one that was put back to an older state. May
/// unpack much: not for a thread that others wait for. Errors: the folder cannot be listed.
pub fn holds(path: &Path, position: &SourcePosition) -> io::Result<bool> {
    let mut found = discover::discover_all(path)?;
    found.extend(discover::find_renamed(path, &position.identity)?);
    // The likeliest is looked at first.
    found.sort_by_key(|file| (!is_at(&position.identity, file), file.packing.is_some()));
    Ok(found.iter().any(|file| file_holds(file, position).unwrap_or(false)))
}

fn file_holds(file: &Found, position: &SourcePosition) -> io::Result<bool> {
    let open = File::open(&file.path)?;
    let Some(packing) = file.packing else { return identity::holds(&open, position) };
    if !identity::begins_with(&probe::head_of(open.try_clone()?, packing)?, &position.identity) {
        return Ok(false);
    }
    let stream = packed::unpack(open.try_clone()?, packing)?;
    let SourcePosition { identity, offset, tail_hash, .. } = *position;
    let mut reader = Reader::packed(open, stream, identity, offset, tail_hash);
    loop {
        match reader.advance()? {
            Advance::Working => {}
            other => return Ok(other == Advance::Verified),
        }
    }
}
