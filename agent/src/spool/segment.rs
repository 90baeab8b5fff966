//! One file of records.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `PANTAUSP` |
//! | 4 | version, 2 |
//! | 16 | epoch |
//! | 4 | CRC-32 of the 28 bytes before |
//! | ... | records ([`super::record`]) one after the other |
//!
//! A record of number 0 stands at the front of its segment only.

use std::io;

use super::{
    codec::{self, Reader},
    disk::{self, Disk, Inode},
    record::{self, Encoded, HEADER_BYTES, Header, Lean, SEAL_BYTES},
};

const MAGIC: [u8; 8] = *b"PANTAUSP";
const VERSION: u32 = 2;
pub(super) const SEGMENT_HEADER_BYTES: usize = 32;

/// Where a record lies and what decides on its fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) merged: u32,
    pub(super) offset: u32,
    pub(super) lean_bytes: u32,
    /// 0 when it has no resume part.
    pub(super) resume_bytes: u32,
    pub(super) exemplars_bytes: u32,
    pub(super) closed_ms: i64,
}

impl Entry {
    pub(super) fn of(header: &Header, lean: &Lean, offset: usize) -> Option<Entry> {
        Some(Entry {
            seq: header.seq,
            merged: lean.stored.merged,
            offset: u32::try_from(offset).ok()?,
            lean_bytes: header.lean_bytes,
            resume_bytes: header.resume_bytes,
            exemplars_bytes: lean.stored.exemplars.len() as u32,
            closed_ms: lean.stored.closed_ms,
        })
    }

    /// Lowest number it stands for.
    pub(super) fn first(&self) -> u64 {
        self.seq.saturating_sub(u64::from(self.merged))
    }

    /// Bytes of the whole record.
    pub(super) fn bytes(&self) -> usize {
        HEADER_BYTES + self.lean_bytes as usize + self.spare_bytes()
    }

    /// Bytes that go when the resume part is not needed.
    pub(super) fn spare_bytes(&self) -> usize {
        if self.resume_bytes == 0 { 0 } else { self.resume_bytes as usize + SEAL_BYTES }
    }
}

/// A segment in use.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    /// Ascending by number, without the checkpoint.
    pub(super) entries: Vec<Entry>,
    /// A record of number 0, at the front.
    pub(super) checkpoint: Option<Entry>,
    /// Up to the end of the last whole record.
    pub(super) bytes: u64,
    /// Merging has been tried and gains nothing more.
    pub(super) is_condensed: bool,
    pub(super) inode: Option<Inode>,
}

impl Segment {
    /// Makes a segment of whole records; it is there as a whole or not at all. One of the same number is
    /// replaced.
    pub(super) fn create(
        disk: &dyn Disk,
        number: u32,
        epoch: [u8; 16],
        contents: Contents,
    ) -> io::Result<Segment> {
        let mut bytes = header(epoch);
        bytes.extend_from_slice(&contents.bytes);
        let name = name_of(number);
        disk::write_whole(disk, &name, &bytes)?;
        Ok(Segment {
            number,
            entries: contents.entries,
            checkpoint: contents.checkpoint,
            bytes: bytes.len() as u64,
            is_condensed: false,
            inode: disk.inode(&name).ok(),
        })
    }

    /// Appends a record and syncs it. On an error the segment is as before.
    pub(super) fn append(
        &mut self,
        disk: &dyn Disk,
        epoch: [u8; 16],
        encoded: &Encoded,
        lean: &Lean,
    ) -> io::Result<()> {
        let name = self.name();
        let entry = Entry::of(&encoded.header, lean, self.bytes as usize)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let written =
            disk.write_at(&name, self.bytes, &encoded.bytes).and_then(|()| disk.sync(&name));
        if let Err(error) = written {
            // What this leaves, if it fails as well, lies where the next record is written.
            let _ = disk.cut(&name, self.bytes);
            return Err(error);
        }
        self.entries.push(entry);
        self.bytes += encoded.bytes.len() as u64;
        self.seal_last(disk, epoch, encoded);
        Ok(())
    }

    /// Tells later that the record at the end was synced. Nothing depends on its being there.
    pub(super) fn seal_last(&self, disk: &dyn Disk, epoch: [u8; 16], encoded: &Encoded) {
        if encoded.header.resume_bytes > 0 {
            let at = self.bytes - SEAL_BYTES as u64;
            let _ = disk.write_at(&self.name(), at, &encoded.header.seal(epoch));
        }
    }

    pub(super) fn read(&self, disk: &dyn Disk, entry: &Entry) -> io::Result<Vec<u8>> {
        disk.read_at(&self.name(), u64::from(entry.offset), entry.bytes())
    }

    pub(super) fn name(&self) -> String {
        name_of(self.number)
    }

    /// The record written last.
    pub(super) fn last(&self) -> Option<&Entry> {
        self.entries.last().or(self.checkpoint.as_ref())
    }

    pub(super) fn find(&self, seq: u64) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()?;
        self.entries.get(at)
    }
}

/// Records on their way into a new segment.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    pub(super) checkpoint: Option<Entry>,
}

impl Contents {
    /// Adds a record; false when it is not whole, and then nothing is added.
    #[must_use]
    pub(super) fn push(&mut self, epoch: [u8; 16], record: &[u8]) -> bool {
        let at = SEGMENT_HEADER_BYTES + self.bytes.len();
        let entry = record::header(epoch, record)
            .and_then(|header| Entry::of(&header, &record::lean(&header, record)?, at));
        let Some(entry) = entry else { return false };
        self.bytes.extend_from_slice(record);
        if entry.seq == 0 {
            self.checkpoint = Some(entry);
        } else {
            self.entries.push(entry);
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

pub(super) fn name_of(number: u32) -> String {
    format!("{number:08}.seg")
}

/// Number of a segment's file; `None` for any other file, and for the last number, which none follows.
pub(super) fn number_of(name: &str) -> Option<u32> {
    let number = name.strip_suffix(".seg")?.parse().ok()?;
    (number < u32::MAX && name_of(number) == name).then_some(number)
}

pub(super) fn header(epoch: [u8; 16]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    codec::put_u32(&mut bytes, VERSION);
    bytes.extend_from_slice(&epoch);
    let crc = crc32fast::hash(&bytes);
    codec::put_u32(&mut bytes, crc);
    bytes
}

/// The epoch a segment says it belongs to; `None` when its header cannot be read.
pub(super) fn epoch_of(bytes: &[u8]) -> Option<[u8; 16]> {
    let covered = bytes.get(..SEGMENT_HEADER_BYTES - 4)?;
    let mut reader = Reader(bytes);
    let (magic, version): ([u8; 8], u32) = (reader.array()?, reader.u32()?);
    let epoch = reader.array()?;
    let crc = reader.u32()?;
    (magic == MAGIC && version == VERSION && crc == crc32fast::hash(covered)).then_some(epoch)
}
