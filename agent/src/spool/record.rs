//! One record: a batch as it travels, and what an agent needs to resume behind it.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `PREC` |
//! | 4 | bytes of the lean part, at most [`LEAN_BYTES_MAX`] |
//! | 4 | bytes of the resume part, at most [`RESUME_BYTES_MAX`]; 0 where there is none |
//! | 8 | batch number; 0: a resume part alone, never sent |
//! | 4 | CRC-32 of the lean part |
//! | 4 | CRC-32 of the resume part |
//! | 4 | CRC-32 of the epoch and the 28 bytes before |
//! | ... | lean part: first minute, time of closing (8 each); further minutes, batches merged into this one, highest id given, exemplars, exemplars shed (4 each); data, exemplars (each with its length) |
//! | ... | resume part: runs not confirmed; gaps declared up to (8); positions; what the window keeps of the open quarter of an hour; and, when there is any, at its end |
//! | 8 | seal: written after the rest was synced, and not synced itself: `PEND`, CRC-32 of epoch, batch number and both checksums |
//!
//! All numbers are little-endian. The header has a checksum of its own: a damaged length would else
//! look like a torn end and take whole records behind it along. The epoch in it keeps bytes of a log
//! that look like a record from being taken for one.

use super::{
    codec::{self, Reader},
    runs::{self, Run},
};
use crate::domain::SourceProgress;

/// Largest lean part: a message of the wire.
pub const LEAN_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Largest resume part: positions of all logs, and the sketches of a quarter of an hour.
pub const RESUME_BYTES_MAX: u32 = 16 * 1024 * 1024;
pub(super) const MARK: [u8; 4] = *b"PREC";
pub(super) const HEADER_BYTES: usize = 32;
/// Of the seal behind a resume part.
pub(super) const SEAL_BYTES: usize = 8;
const SEAL_MARK: [u8; 4] = *b"PEND";

/// What an agent needs to go on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// From where logs are read on.
    pub progress: Vec<SourceProgress>,
    /// What the window holds of the quarter of an hour that is still open, in the window's own coding.
    pub open: Vec<u8>,
}

/// What is appended, but for its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Draft {
    pub first_minute: i64,
    pub last_minute: i64,
    pub closed_ms: i64,
    /// Accounts for exactly what this batch and those before it have counted.
    pub resume: Resume,
}

/// What travels of a batch, coded as it travels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Counts, values and definitions.
    pub data: Vec<u8>,
    /// May be shed; empty when there are none.
    pub exemplars: Vec<u8>,
    /// How many there are in it.
    pub exemplars_count: u32,
}

/// What is read back for sending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Stored {
    pub seq: u64,
    /// How many batches before `seq` are merged into this one: it stands for `seq - merged ..= seq`.
    pub merged: u32,
    pub first_minute: i64,
    pub last_minute: i64,
    pub closed_ms: i64,
    /// The batch as it travels.
    pub data: Vec<u8>,
    /// As they travel; empty when there are none or they were shed.
    pub exemplars: Vec<u8>,
    /// How many are in `exemplars`.
    pub exemplars_count: u32,
    /// How many were shed under pressure.
    pub exemplars_shed: u32,
}

/// Merges batches of minutes, oldest first, into one of hours.
pub type Condense = fn(&[Stored]) -> std::io::Result<Payload>;

/// A header whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) lean_bytes: u32,
    pub(super) resume_bytes: u32,
    pub(super) seq: u64,
    lean_crc: u32,
    resume_crc: u32,
}

/// What a lean part says besides what travels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lean {
    /// `seq` stands in the header.
    pub(super) stored: Stored,
    /// Highest id that was given when the batch was closed.
    pub(super) last_id: u32,
}

/// What a resume part says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) runs: Vec<Run>,
    pub(super) declared_to: u64,
    pub(super) resume: Resume,
}

impl Header {
    /// Bytes of the whole record.
    pub(super) fn bytes(&self) -> usize {
        HEADER_BYTES + self.lean_bytes as usize + self.tail_bytes()
    }

    fn tail_bytes(&self) -> usize {
        if self.resume_bytes == 0 { 0 } else { self.resume_bytes as usize + SEAL_BYTES }
    }

    fn put(&self, out: &mut Vec<u8>, epoch: [u8; 16]) {
        let from = out.len();
        out.extend_from_slice(&MARK);
        codec::put_u32(out, self.lean_bytes);
        codec::put_u32(out, self.resume_bytes);
        codec::put_u64(out, self.seq);
        codec::put_u32(out, self.lean_crc);
        codec::put_u32(out, self.resume_crc);
        let crc = codec::crc(epoch, out.get(from..).unwrap_or_default());
        codec::put_u32(out, crc);
    }

    /// What stands behind a record once it is synced.
    pub(super) fn seal(&self, epoch: [u8; 16]) -> [u8; SEAL_BYTES] {
        let mut covered = Vec::with_capacity(16);
        codec::put_u64(&mut covered, self.seq);
        codec::put_u32(&mut covered, self.lean_crc);
        codec::put_u32(&mut covered, self.resume_crc);
        let [m0, m1, m2, m3] = SEAL_MARK;
        let [c0, c1, c2, c3] = codec::crc(epoch, &covered).to_le_bytes();
        [m0, m1, m2, m3, c0, c1, c2, c3]
    }

    /// Whether the record at the front of `bytes` was sealed: it was synced as a whole once.
    pub(super) fn is_sealed(&self, bytes: &[u8], epoch: [u8; 16]) -> bool {
        let end = self.bytes();
        self.resume_bytes > 0 && bytes.get(end - SEAL_BYTES..end) == Some(&self.seal(epoch)[..])
    }
}

/// A whole record, and the seal that belongs behind it when it is synced.
pub(super) struct Encoded {
    /// With zeros where the seal will be.
    pub(super) bytes: Vec<u8>,
    pub(super) header: Header,
}

pub(super) fn encode(epoch: [u8; 16], lean: &Lean, tail: Option<&Tail>) -> Encoded {
    let (lean_part, tail_part) = (lean.encode(), tail.map(Tail::encode).unwrap_or_default());
    let header = Header {
        lean_bytes: lean_part.len() as u32,
        resume_bytes: tail_part.len() as u32,
        seq: lean.stored.seq,
        lean_crc: crc32fast::hash(&lean_part),
        resume_crc: crc32fast::hash(&tail_part),
    };
    let mut bytes = Vec::with_capacity(header.bytes());
    header.put(&mut bytes, epoch);
    bytes.extend_from_slice(&lean_part);
    bytes.extend_from_slice(&tail_part);
    bytes.resize(header.bytes(), 0);
    Encoded { bytes, header }
}

/// The record at the front of `bytes` without its resume part; `None` when it is not whole.
pub(super) fn strip(epoch: [u8; 16], bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = header(epoch, bytes)?;
    let lean = lean_part(&whole, bytes)?;
    let header = Header { resume_bytes: 0, resume_crc: crc32fast::hash(&[]), ..whole };
    let mut out = Vec::with_capacity(header.bytes());
    header.put(&mut out, epoch);
    out.extend_from_slice(lean);
    Some(out)
}

impl Lean {
    fn encode(&self) -> Vec<u8> {
        let stored = &self.stored;
        let further = stored.last_minute.saturating_sub(stored.first_minute);
        let mut out = Vec::with_capacity(stored.data.len() + stored.exemplars.len() + 64);
        codec::put_i64(&mut out, stored.first_minute);
        codec::put_i64(&mut out, stored.closed_ms);
        codec::put_u32(&mut out, u32::try_from(further).unwrap_or_default());
        codec::put_u32(&mut out, stored.merged);
        codec::put_u32(&mut out, self.last_id);
        codec::put_u32(&mut out, stored.exemplars_count);
        codec::put_u32(&mut out, stored.exemplars_shed);
        codec::put_bytes(&mut out, &stored.data);
        codec::put_bytes(&mut out, &stored.exemplars);
        out
    }
}

impl Tail {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        runs::put(&mut out, &self.runs);
        codec::put_u64(&mut out, self.declared_to);
        codec::put_progress(&mut out, &self.resume.progress);
        codec::put_bytes(&mut out, &self.resume.open);
        out
    }
}

/// The header at the front of `bytes`, if it is whole and right.
pub(super) fn header(epoch: [u8; 16], bytes: &[u8]) -> Option<Header> {
    let covered = bytes.get(..HEADER_BYTES - 4)?;
    let mut reader = Reader(bytes);
    let mark: [u8; 4] = reader.array()?;
    let (lean_bytes, resume_bytes, seq) = (reader.u32()?, reader.u32()?, reader.u64()?);
    let (lean_crc, resume_crc, header_crc) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let is_right = mark == MARK
        && lean_bytes <= LEAN_BYTES_MAX
        && resume_bytes <= RESUME_BYTES_MAX
        && codec::crc(epoch, covered) == header_crc;
    is_right.then_some(Header { lean_bytes, resume_bytes, seq, lean_crc, resume_crc })
}

fn lean_part<'a>(header: &Header, record: &'a [u8]) -> Option<&'a [u8]> {
    let bytes = record.get(HEADER_BYTES..)?.get(..header.lean_bytes as usize)?;
    (crc32fast::hash(bytes) == header.lean_crc).then_some(bytes)
}

/// The lean part that `header` announces, if it is whole and right.
pub(super) fn lean(header: &Header, record: &[u8]) -> Option<Lean> {
    let mut reader = Reader(lean_part(header, record)?);
    let (first_minute, closed_ms) = (reader.i64()?, reader.i64()?);
    let last_minute = first_minute.saturating_add(i64::from(reader.u32()?));
    let (merged, last_id) = (reader.u32()?, reader.u32()?);
    let (exemplars_count, exemplars_shed) = (reader.u32()?, reader.u32()?);
    let stored = Stored {
        seq: header.seq,
        merged,
        first_minute,
        last_minute,
        closed_ms,
        data: reader.bytes()?.to_vec(),
        exemplars: reader.bytes()?.to_vec(),
        exemplars_count,
        exemplars_shed,
    };
    Some(Lean { stored, last_id })
}

/// The resume part that `header` announces, if there is one and it is whole and right.
pub(super) fn tail(header: &Header, record: &[u8]) -> Option<Tail> {
    let behind = record.get(HEADER_BYTES + header.lean_bytes as usize..)?;
    let bytes = behind.get(..header.resume_bytes as usize).filter(|bytes| !bytes.is_empty())?;
    if crc32fast::hash(bytes) != header.resume_crc {
        return None;
    }
    let mut reader = Reader(bytes);
    Some(Tail {
        runs: runs::get(&mut reader)?,
        declared_to: reader.u64()?,
        resume: Resume { progress: codec::progress(&mut reader)?, open: reader.bytes()?.to_vec() },
    })
}
