//! Which batch numbers need not be sent: the collector has stored them, or refused them for good.
//!
//! The file `settled`: `PANTAUAK`, version (4 bytes), epoch (16), stored ranges and ranges set aside
//! (each a count and pairs of 8 bytes), CRC-32. Replaced as a whole. Losing it is harmless: batches are
//! sent again and acknowledged again.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{
    codec::{self, Reader},
    ranges::Ranges,
};

const MAGIC: [u8; 8] = *b"PANTAUAK";
const VERSION: u32 = 1;
/// Ranges read at most: more is damage.
const RANGES_MAX: u32 = 100_000;

#[derive(Default)]
pub(super) struct Settled {
    stored: Ranges,
    aside: Ranges,
}

impl Settled {
    /// What is written down for this epoch; nothing when the file is missing, damaged or another's.
    pub(super) fn read(dir: &Path, epoch: [u8; 16]) -> Settled {
        let bytes = fs::read(dir.join("settled")).unwrap_or_default();
        decode(&bytes, epoch).unwrap_or_default()
    }

    pub(super) fn write(&self, dir: &Path, epoch: [u8; 16]) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        codec::put_u32(&mut bytes, VERSION);
        bytes.extend_from_slice(&epoch);
        for ranges in [&self.stored, &self.aside] {
            codec::put_u32(&mut bytes, ranges.pairs().len() as u32);
            for (first, last) in ranges.pairs() {
                codec::put_u64(&mut bytes, *first);
                codec::put_u64(&mut bytes, *last);
            }
        }
        let crc = crc32fast::hash(&bytes);
        codec::put_u32(&mut bytes, crc);
        let unfinished = dir.join("settled.new");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&unfinished)?;
        // Not synced: see above.
        file.write_all(&bytes)?;
        fs::rename(&unfinished, dir.join("settled"))
    }

    pub(super) fn contains(&self, seq: u64) -> bool {
        self.stored.contains(seq) || self.aside.contains(seq)
    }

    pub(super) fn set_stored(&mut self, stored: Ranges) {
        self.stored = stored;
    }

    pub(super) fn add_stored(&mut self, first: u64, last: u64) {
        self.stored.add(first, last);
    }

    pub(super) fn set_aside(&mut self, seq: u64) {
        self.aside.add(seq, seq);
    }
}

fn decode(bytes: &[u8], epoch: [u8; 16]) -> Option<Settled> {
    let (covered, crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let mut reader = Reader(covered);
    let (magic, version): ([u8; 8], u32) = (reader.array()?, reader.u32()?);
    let whose: [u8; 16] = reader.array()?;
    let is_right = Reader(crc).u32()? == crc32fast::hash(covered)
        && (magic, version, whose) == (MAGIC, VERSION, epoch);
    if !is_right {
        return None;
    }
    Some(Settled { stored: ranges(&mut reader)?, aside: ranges(&mut reader)? })
}

fn ranges(reader: &mut Reader<'_>) -> Option<Ranges> {
    let count = reader.u32().filter(|count| *count <= RANGES_MAX)?;
    let pairs = (0..count).map(|_| Some((reader.u64()?, reader.u64()?)));
    Some(Ranges::from_pairs(pairs.collect::<Option<Vec<_>>>()?))
}
