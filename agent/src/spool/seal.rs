//! Rewrites segments: a new file takes the place of the old one, so that each is there as a whole.

use std::io;

use super::{
    record::{self, Condense, Lean, Stored},
    segment::{Contents, Entry, Segment},
};
use crate::spool::disk::Disk;

/// What becomes of a record when its segment is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is.
    Whole,
    /// It loses its resume part.
    Lean,
    /// It loses its resume part and its exemplars.
    Shed,
    Drop,
}

/// Exemplars lost, and the time they are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) amount: u64,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

impl Loss {
    fn add(&mut self, amount: u64, at_ms: i64) {
        if amount > 0 {
            self.from_ms = if self.amount == 0 { at_ms } else { self.from_ms.min(at_ms) };
            self.to_ms = self.to_ms.max(at_ms);
            self.amount += amount;
        }
    }
}

/// The records of `segment` by their fate. Errors: a record is not whole any more; nothing is decided
/// on it here.
pub(super) fn sift(
    disk: &dyn Disk,
    epoch: [u8; 16],
    segment: &Segment,
    fate: impl Fn(&Entry) -> Fate,
    into: &mut Contents,
) -> io::Result<Loss> {
    let bytes = disk.read(&segment.name())?;
    let mut loss = Loss::default();
    for entry in segment.checkpoint.iter().chain(&segment.entries) {
        let record = record_in(&bytes, entry)?;
        let kept = match fate(entry) {
            Fate::Drop => continue,
            Fate::Whole => into.push(epoch, record),
            Fate::Lean => record::strip(epoch, record).is_some_and(|lean| into.push(epoch, &lean)),
            Fate::Shed => {
                shed(epoch, record, &mut loss).is_some_and(|shed| into.push(epoch, &shed))
            }
        };
        if !kept {
            return Err(damaged());
        }
    }
    Ok(loss)
}

fn shed(epoch: [u8; 16], record: &[u8], loss: &mut Loss) -> Option<Vec<u8>> {
    let mut lean = record::lean(&record::header(epoch, record)?, record)?;
    let stored = &mut lean.stored;
    loss.add(u64::from(stored.exemplars_count), stored.closed_ms);
    stored.exemplars_shed = stored.exemplars_shed.saturating_add(stored.exemplars_count);
    stored.exemplars_count = 0;
    stored.exemplars.clear();
    Some(record::encode(epoch, &lean, None).bytes)
}

/// Merges each of `groups` (ranges of `segment.entries`, ascending) into one record where that is
/// smaller; the rest stays. Gives what was merged: batches, and the time they are of.
pub(super) fn merge(
    disk: &dyn Disk,
    epoch: [u8; 16],
    segment: &Segment,
    groups: &[std::ops::Range<usize>],
    condense: Condense,
    into: &mut Contents,
) -> io::Result<Loss> {
    let bytes = disk.read(&segment.name())?;
    let mut loss = Loss::default();
    let mut at = 0;
    let keep = |into: &mut Contents, range: std::ops::Range<usize>| {
        let entries = segment.entries.get(range).unwrap_or_default();
        entries.iter().try_for_each(|entry| {
            let is_kept = into.push(epoch, record_in(&bytes, entry)?);
            is_kept.then_some(()).ok_or_else(damaged)
        })
    };
    for group in groups {
        keep(into, at..group.start)?;
        at = group.end;
        let entries = segment.entries.get(group.clone()).unwrap_or_default();
        let before: usize = entries.iter().map(Entry::bytes).sum();
        match merged(epoch, &bytes, entries, condense)?.filter(|new| new.len() < before) {
            Some(record) if into.push(epoch, &record) => {
                entries.iter().for_each(|entry| loss.add(1, entry.closed_ms));
            }
            _ => keep(into, group.clone())?,
        }
    }
    keep(into, at..segment.entries.len())?;
    Ok(loss)
}

fn merged(
    epoch: [u8; 16],
    bytes: &[u8],
    entries: &[Entry],
    condense: Condense,
) -> io::Result<Option<Vec<u8>>> {
    let lean = |entry: &Entry| {
        let record = record_in(bytes, entry)?;
        let lean = record::header(epoch, record).and_then(|h| record::lean(&h, record));
        lean.ok_or_else(damaged)
    };
    let leans = entries.iter().map(lean).collect::<io::Result<Vec<Lean>>>()?;
    let last_id = leans.iter().map(|lean| lean.last_id).max().unwrap_or_default();
    let batches: Vec<Stored> = leans.into_iter().map(|lean| lean.stored).collect();
    let (Some(first), Some(last)) = (entries.first(), batches.last()) else { return Ok(None) };
    let payload = condense(&batches)?;
    let merged = last.seq.saturating_sub(first.first());
    let shed = batches.iter().map(|b| b.exemplars_shed + b.exemplars_count).sum::<u32>();
    let stored = Stored {
        seq: last.seq,
        merged: u32::try_from(merged).map_err(|_| damaged())?,
        first_minute: batches.iter().map(|b| b.first_minute).min().unwrap_or_default(),
        last_minute: batches.iter().map(|b| b.last_minute).max().unwrap_or_default(),
        closed_ms: batches.iter().map(|b| b.closed_ms).max().unwrap_or_default(),
        exemplars_shed: shed.saturating_sub(payload.exemplars_count),
        exemplars_count: payload.exemplars_count,
        data: payload.data,
        exemplars: payload.exemplars,
    };
    Ok(Some(record::encode(epoch, &Lean { stored, last_id }, None).bytes))
}

fn record_in<'a>(bytes: &'a [u8], entry: &Entry) -> io::Result<&'a [u8]> {
    let from = entry.offset as usize;
    bytes.get(from..from + entry.bytes()).ok_or_else(damaged)
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a record is damaged")
}
