//! The spool seen from beside it, while an agent may be running: for export. Nothing of the agent's is
//! written but `exported`, and no lock of the agent's is needed.
//!
//! A sealed segment never changes: it is replaced by rename or removed. The newest one only grows, and its
//! last record counts when its seal says that it was synced: one that is not could be gone after a power
//! cut, and its lines would be counted under another number. A file that is gone when it is to be read was
//! merged into another or set aside, so that the folder is walked again; each number is taken once.

use std::{collections::BTreeSet, io, path::Path, time::Duration};

use anyhow::{Context, bail};

use super::{
    Ranges,
    disk::{Disk, Folder},
    lock::ExportLock,
    marks, names,
    record::{self, Stored},
    scan,
    segment::{self, Entry},
};

/// How often the lock is tried, ten times a second: an agent that merges has it for a moment.
const LOCK_TRIES: u32 = 100;
/// How often the folder is walked again when files go while it is read.
const WALKS_MAX: u32 = 50;
/// Between two of them.
const WALK_PAUSE: Duration = Duration::from_millis(20);

/// See the module. While it lives, no batch is merged.
pub struct Look {
    disk: Box<dyn Disk>,
    epoch: [u8; 16],
    _exports: ExportLock,
}

/// A batch that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Held {
    pub first: u64,
    pub seq: u64,
    pub closed_ms: i64,
}

impl Look {
    /// Errors: there is no spool, or somebody else exports from it.
    pub fn open(dir: &Path) -> anyhow::Result<Look> {
        let folder = Folder::beside(dir).with_context(|| {
            format!("the spool {} cannot be read; did the agent run here?", dir.display())
        })?;
        let exports = match folder.lock_exports(LOCK_TRIES) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                bail!("another export from {} is under way; wait for its end", dir.display())
            }
            taken => taken.with_context(|| format!("{} cannot be locked", dir.display()))?,
        };
        Look::on(Box::new(folder), exports)
            .with_context(|| format!("the spool {} cannot be read", dir.display()))
    }

    fn on(disk: Box<dyn Disk>, exports: ExportLock) -> anyhow::Result<Look> {
        let newest = walked(|| {
            let epochs = numbers(disk.as_ref())?.into_iter().rev().map(|number| {
                let bytes = disk.read(&segment::name_of(number))?;
                Ok(segment::epoch_of(&bytes))
            });
            epochs.collect::<io::Result<Vec<_>>>()
        })?;
        let epoch = newest.into_iter().flatten().next().context("no batch was ever written")?;
        Ok(Look { disk, epoch, _exports: exports })
    }

    /// Names the spool.
    pub fn epoch(&self) -> [u8; 16] {
        self.epoch
    }

    /// Batches on disk that are synced, ascending.
    pub fn held(&self) -> io::Result<Vec<Held>> {
        let mut held = Vec::new();
        self.walk(|entry, _| {
            held.push(Held { first: entry.first(), seq: entry.seq, closed_ms: entry.closed_ms });
            Ok(())
        })?;
        held.sort_unstable_by_key(|held| held.seq);
        Ok(held)
    }

    /// These leave in a bundle: from then on they are never merged. Synced when this returns.
    pub fn mark(&self, leaving: &[Held]) -> io::Result<()> {
        let highest = leaving.iter().map(|held| held.seq).max().unwrap_or(0);
        let ranges = Ranges::from_pairs(leaving.iter().map(|held| (held.first, held.seq)));
        marks::export(self.disk.as_ref(), self.epoch, highest, &ranges)
    }

    /// Reads those of `wanted` that are still there: what the collector has may have gone meanwhile.
    pub fn read(
        &self,
        wanted: &[Held],
        mut take: impl FnMut(Stored) -> io::Result<()>,
    ) -> io::Result<()> {
        let wanted: BTreeSet<u64> = wanted.iter().map(|held| held.seq).collect();
        self.walk(|entry, bytes| {
            let from = entry.offset as usize;
            let record = bytes.get(from..from + entry.bytes()).unwrap_or_default();
            let lean = record::header(self.epoch, record).and_then(|h| record::lean(&h, record));
            match lean.filter(|_| wanted.contains(&entry.seq)) {
                Some(lean) => take(lean.stored),
                None => Ok(()),
            }
        })
    }

    /// All definitions of the epoch, ascending by id.
    pub fn definitions(&self) -> io::Result<Vec<(u32, Vec<u8>)>> {
        walked(|| {
            let before = names::inode(self.disk.as_ref())?;
            let found = names::definitions(self.disk.as_ref(), self.epoch)?;
            // Begun anew meanwhile: what moved from one file to the other may have been missed.
            let is_same = names::inode(self.disk.as_ref())? == before;
            is_same.then_some(found).ok_or(io::ErrorKind::NotFound.into())
        })
    }

    /// Each synced batch once, with the bytes of its segment.
    fn walk(&self, mut each: impl FnMut(&Entry, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut seen = BTreeSet::new();
        let mut failed = None;
        let walk = || {
            let numbers = numbers(self.disk.as_ref())?;
            let newest = numbers.last().copied();
            for number in numbers {
                let bytes = self.disk.read(&segment::name_of(number))?;
                for entry in self.whole(number, &bytes, Some(number) == newest) {
                    if !seen.insert(entry.seq) {
                        continue;
                    }
                    if let Err(error) = each(&entry, &bytes) {
                        // Whatever its kind, it is not about a file that has gone.
                        failed = Some(error);
                        return Ok(());
                    }
                }
            }
            Ok(())
        };
        walked(walk)?;
        failed.map_or(Ok(()), Err)
    }

    /// Whole records of this epoch but the checkpoint; the last one of the newest segment when its seal is
    /// there.
    fn whole(&self, number: u32, bytes: &[u8], is_newest: bool) -> Vec<Entry> {
        let mut entries = scan::scan(number, bytes, self.epoch, true).entries;
        if is_newest && entries.last().is_some_and(|last| !self.is_sealed(last, bytes)) {
            entries.pop();
        }
        entries.retain(|entry| entry.seq > 0);
        entries
    }

    /// One without a resume part came by a file that was synced before it got its name.
    fn is_sealed(&self, entry: &Entry, bytes: &[u8]) -> bool {
        let record = bytes.get(entry.offset as usize..).unwrap_or_default();
        entry.resume_bytes == 0
            || record::header(self.epoch, record).is_some_and(|h| h.is_sealed(record, self.epoch))
    }
}

fn numbers(disk: &dyn Disk) -> io::Result<Vec<u32>> {
    let names = disk.list()?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| segment::number_of(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Tries again while files go.
fn walked<T>(mut walk: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..WALKS_MAX {
        match walk() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::thread::sleep(WALK_PAUSE);
            }
            done => return done,
        }
    }
    walk()
}
