//! Which batches may be with somebody: these are never merged with others, since each is stored under
//! its own number or not at all.
//!
//! # Files
//! - `sent`: two places of [`SLOT_BYTES`], written in turn and in place, so that a full disk does not keep
//!   batches from being sent: a [`sheet`](super::sheet) of a counter (8 bytes) and the number up to
//!   which batches may have been sent since the last Welcome (8 bytes). Synced before a batch is sent;
//!   written for [`SENT_AHEAD`] numbers at once.
//! - `exported`: a sheet of the ranges that left in bundles, synced before a bundle is handed out. Written
//!   by who exports, beside a running agent, which reads it anew before it merges or drops batches; both
//!   under the lock `export.lock`. A bundle may be imported at any time, so that a Welcome does not settle
//!   these; being stored does.
//!
//! A file that cannot be understood means: all that is held may be with somebody.

use std::io;

use super::{
    codec::{self, Reader},
    disk::{self, Disk},
    ranges::Ranges,
    sheet::{self, Sheet},
};

const SENT: &str = "sent";
const SENT_KIND: [u8; 4] = *b"PSNT";
const SLOT_BYTES: usize = 512;
/// Numbers marked before they are sent: one sync for as many batches.
const SENT_AHEAD: u64 = 255;
const EXPORTED: &str = "exported";
const EXPORTED_KIND: [u8; 4] = *b"PEXP";

#[derive(Default)]
pub(super) struct Marks {
    sent_to: u64,
    /// What stands in the file `sent`; at least `sent_to`.
    sent_to_kept: u64,
    counter: u64,
    exported: Ranges,
}

impl Marks {
    /// `highest`: all up to it is marked where a file does not tell.
    pub(super) fn read(disk: &dyn Disk, epoch: [u8; 16], highest: u64) -> Marks {
        let (counter, sent_to) = read_sent(disk, epoch).unwrap_or((0, highest));
        let exported = exported(disk, epoch, highest);
        Marks { sent_to, sent_to_kept: sent_to, counter, exported }
    }

    /// Reads again what left in bundles; `highest` as in [`Marks::read`].
    pub(super) fn look_again(&mut self, disk: &dyn Disk, epoch: [u8; 16], highest: u64) {
        self.exported = exported(disk, epoch, highest);
    }

    /// Whether a batch may be with somebody.
    pub(super) fn contains(&self, seq: u64) -> bool {
        seq <= self.sent_to || self.exported.contains(seq)
    }

    pub(super) fn is_exported(&self, seq: u64) -> bool {
        self.exported.contains(seq)
    }

    pub(super) fn sent_to(&self) -> u64 {
        self.sent_to
    }

    /// A Welcome has said what of the batches sent is stored; none is under way.
    pub(super) fn settle_sent(&mut self) {
        // What the file says stays true: it says more.
        self.sent_to = 0;
    }

    /// `seq` is about to be sent; written down and synced when this returns.
    pub(super) fn send(&mut self, disk: &dyn Disk, epoch: [u8; 16], seq: u64) -> io::Result<()> {
        if seq > self.sent_to_kept {
            self.keep_sent(disk, epoch, seq.saturating_add(SENT_AHEAD))?;
        }
        self.sent_to = self.sent_to.max(seq);
        Ok(())
    }

    fn keep_sent(&mut self, disk: &dyn Disk, epoch: [u8; 16], sent_to: u64) -> io::Result<()> {
        if disk.inode(SENT).is_err() {
            disk::write_whole(disk, SENT, &[0; 2 * SLOT_BYTES])?;
        }
        let counter = self.counter + 1;
        let mut content = Vec::new();
        codec::put_u64(&mut content, counter);
        codec::put_u64(&mut content, sent_to);
        let slot = sheet::seal(SENT_KIND, epoch, &content);
        disk.write_at(SENT, counter % 2 * SLOT_BYTES as u64, &slot)?;
        disk.sync(SENT)?;
        (self.counter, self.sent_to_kept) = (counter, sent_to);
        Ok(())
    }
}

/// These leave in a bundle; written down and synced when this returns. `highest`: all up to it has left
/// where the file does not tell.
pub(super) fn export(
    disk: &dyn Disk,
    epoch: [u8; 16],
    highest: u64,
    leaving: &Ranges,
) -> io::Result<()> {
    let mut exported = exported(disk, epoch, highest);
    leaving.pairs().iter().for_each(|(first, last)| exported.add(*first, *last));
    let mut content = Vec::new();
    codec::put_ranges(&mut content, &exported);
    sheet::write(disk, EXPORTED, EXPORTED_KIND, epoch, &content)
}

fn exported(disk: &dyn Disk, epoch: [u8; 16], highest: u64) -> Ranges {
    let told = match sheet::read(disk, EXPORTED, EXPORTED_KIND, epoch) {
        Ok(Sheet::Missing) => Some(Ranges::default()),
        Ok(Sheet::Whole(content)) => codec::ranges(&mut Reader(&content)),
        Ok(Sheet::Damaged) | Err(_) => None,
    };
    told.unwrap_or_else(|| Ranges::from_pairs([(1, highest)]))
}

/// Counter and number of the newer place. `None`: the file does not tell.
fn read_sent(disk: &dyn Disk, epoch: [u8; 16]) -> Option<(u64, u64)> {
    let Some(bytes) = disk::read_if_there(disk, SENT).ok()? else { return Some((0, 0)) };
    let slots = [bytes.get(..SLOT_BYTES)?, bytes.get(SLOT_BYTES..2 * SLOT_BYTES)?];
    let slots = slots.map(|slot| slot_of(slot, epoch));
    let newest = slots.iter().flatten().flatten().max().copied();
    // The place that was being written may be torn; what it was to say had not been acted upon.
    newest.or_else(|| slots.contains(&Some(None)).then_some((0, 0)))
}

/// `None`: damaged. `Some(None)`: not used in this epoch.
fn slot_of(slot: &[u8], epoch: [u8; 16]) -> Option<Option<(u64, u64)>> {
    const BYTES: usize = 4 + 4 + 16 + 16 + 4;
    if slot.iter().all(|byte| *byte == 0) {
        return Some(None);
    }
    match sheet::unseal(SENT_KIND, epoch, slot.get(..BYTES)?) {
        Sheet::Whole(content) => {
            let mut reader = Reader(&content);
            Some(Some((reader.u64()?, reader.u64()?)))
        }
        Sheet::Missing => Some(None),
        Sheet::Damaged => None,
    }
}
