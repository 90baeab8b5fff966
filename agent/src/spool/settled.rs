//! Which batch numbers need not be sent: the collector has stored them, or refused them for good.
//!
//! The file `settled`, a [`sheet`](super::sheet): stored ranges and ranges set aside (each a count and
//! pairs of 8 bytes). Losing it is harmless: batches are sent again and acknowledged again.

use std::io;

use super::{
    codec::{self, Reader},
    disk::Disk,
    ranges::Ranges,
    sheet::{self, Sheet},
};

const NAME: &str = "settled";
const KIND: [u8; 4] = *b"PSET";
/// More numbers than a segment can hold are not looked at one by one.
const LOOKED_AT_MAX: u64 = 100_000;

#[derive(Default)]
pub(super) struct Settled {
    stored: Ranges,
    aside: Ranges,
}

impl Settled {
    /// What is written down for this epoch; nothing when the file is missing, damaged or another's.
    pub(super) fn read(disk: &dyn Disk, epoch: [u8; 16]) -> Settled {
        match sheet::read(disk, NAME, KIND, epoch) {
            Ok(Sheet::Whole(content)) => decode(&content).unwrap_or_default(),
            _ => Settled::default(),
        }
    }

    pub(super) fn write(&self, disk: &dyn Disk, epoch: [u8; 16]) -> io::Result<()> {
        let mut content = Vec::new();
        codec::put_ranges(&mut content, &self.stored);
        codec::put_ranges(&mut content, &self.aside);
        // Not synced: see above. Renamed, so that it is never half there.
        let unfinished = "settled.new";
        disk.create(unfinished)?;
        disk.write_at(unfinished, 0, &sheet::seal(KIND, epoch, &content))?;
        disk.rename(unfinished, NAME)
    }

    pub(super) fn contains(&self, seq: u64) -> bool {
        self.stored.contains(seq) || self.aside.contains(seq)
    }

    /// Whether every number from `first` to `last` is settled.
    pub(super) fn covers(&self, first: u64, last: u64) -> bool {
        last.saturating_sub(first) < LOOKED_AT_MAX && (first..=last).all(|seq| self.contains(seq))
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

fn decode(content: &[u8]) -> Option<Settled> {
    let mut reader = Reader(content);
    Some(Settled { stored: codec::ranges(&mut reader)?, aside: codec::ranges(&mut reader)? })
}
