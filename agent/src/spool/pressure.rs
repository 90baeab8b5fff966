//! What goes when room is short, least valuable first; counts never.

use std::{io, ops::Range};

use super::{
    AppendError, Spool,
    seal::{self, Fate, Loss},
    segment::{Contents, Entry, Segment},
};
use crate::domain::{Gap, GapReason};

/// The grace period counts the time between two batches, at most this much of it: a clock that jumps
/// ahead, or a machine that was off, does not use it up; one that jumps back adds nothing.
const STEP_MS_MAX: i64 = 3_600_000;
const HOUR_MS: i64 = 3_600_000;
/// Bytes merged into one record at most, before they are merged.
const MERGE_BYTES_MAX: usize = 2 << 20;
/// The newest segment is rewritten without resume parts when these take this part of all the room.
const SPARE_SHARE: u64 = 16;
/// Two sealed segments become one when it is no larger than this, or this part of all the room.
const SEALED_BYTES: u64 = 1 << 20;
const SEALED_SHARE: u64 = 32;

/// What is given up, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Resume parts that are not needed any more.
    Spare,
    /// Settled batches within their grace period.
    Settled,
    /// Exemplars of batches that are not settled.
    Exemplars,
    /// Minutes, where their hour can stand for them.
    Minutes,
}

const LEVELS: [Level; 4] = [Level::Spare, Level::Settled, Level::Exemplars, Level::Minutes];

impl Spool {
    /// Makes room for so many bytes more.
    pub(super) fn make_room(&mut self, wanted: u64) -> Result<(), AppendError> {
        self.expire();
        let bytes_max = self.bytes_max;
        for level in LEVELS {
            while self.bytes() + wanted > bytes_max && self.relieve(level) {}
        }
        if self.bytes() + wanted > bytes_max {
            return Err(AppendError::Full { bytes_max });
        }
        Ok(())
    }

    /// Deletes segments whose batches are settled and older than the grace period.
    pub(super) fn expire(&mut self) {
        while self.oldest_age_ms().is_some_and(|age_ms| age_ms > self.grace_ms) {
            if !self.delete_if_settled(0) {
                return;
            }
        }
    }

    /// Age of the newest record in the oldest segment; `None` while there is one segment only.
    fn oldest_age_ms(&self) -> Option<i64> {
        let mut before = self.segments.front()?.entries.last().map(|entry| entry.closed_ms);
        (self.segments.len() > 1).then(|| {
            let later = self.segments.iter().skip(1).flat_map(|segment| &segment.entries);
            later.fold(0i64, |age_ms, entry| {
                let step = before.map_or(0, |before| entry.closed_ms.saturating_sub(before));
                before = Some(entry.closed_ms);
                age_ms.saturating_add(step.clamp(0, STEP_MS_MAX))
            })
        })
    }

    /// Gives up a little at this level, from the oldest segment that has it; false when there is none.
    fn relieve(&mut self, level: Level) -> bool {
        let newest = self.segments.len() - 1;
        let done = (0..=newest).find_map(|at| match level {
            Level::Spare => self.relieve_spare(at),
            Level::Settled => self.relieve_settled(at),
            Level::Exemplars => (at < newest).then(|| self.relieve_exemplars(at))?,
            Level::Minutes => (at < newest).then(|| self.relieve_minutes(at))?,
        });
        done.is_some()
    }

    fn relieve_spare(&mut self, at: usize) -> Option<()> {
        let (segment, is_newest) = (self.segments.get(at)?, at + 1 == self.segments.len());
        let spare: usize = segment
            .entries
            .iter()
            .filter(|entry| self.fate(at, entry) == Fate::Lean)
            .map(Entry::spare_bytes)
            .sum();
        let least = if is_newest { self.bytes_max / SPARE_SHARE } else { 0 };
        (spare as u64 > least).then_some(())?;
        self.rewrite(at, |spool, entry| spool.fate(at, entry)).ok().map(|_| ())
    }

    fn relieve_settled(&mut self, at: usize) -> Option<()> {
        if self.delete_if_settled(at) {
            return Some(());
        }
        let may_go = |spool: &Spool, entry: &Entry| {
            spool.settled.contains(entry.seq) && !spool.is_needed(entry.seq)
        };
        let segment = self.segments.get(at)?;
        segment.entries.iter().any(|entry| may_go(self, entry)).then_some(())?;
        let fate = |spool: &Spool, entry: &Entry| match may_go(spool, entry) {
            true => Fate::Drop,
            false => spool.fate(at, entry),
        };
        self.rewrite(at, fate).ok().map(|_| ())
    }

    fn relieve_exemplars(&mut self, at: usize) -> Option<()> {
        let has_some = |entry: &Entry| entry.exemplars_bytes > 0;
        let may_go = |spool: &Spool, entry: &Entry| {
            has_some(entry) && !spool.is_needed(entry.seq) && spool.fate(at, entry) == Fate::Lean
        };
        let segment = self.segments.get(at)?;
        segment.entries.iter().any(|entry| may_go(self, entry)).then_some(())?;
        let fate = |spool: &Spool, entry: &Entry| match may_go(spool, entry) {
            true => Fate::Shed,
            false => spool.fate(at, entry),
        };
        let loss = self.rewrite(at, fate).ok()?;
        let detail = "exemplars were shed because the spool ran short of room";
        self.declare_loss(GapReason::ExemplarsShed, detail, loss);
        Some(())
    }

    fn relieve_minutes(&mut self, at: usize) -> Option<()> {
        self.segments.get(at).filter(|segment| !segment.is_condensed)?;
        // While somebody exports, logs wait rather than that a batch leaves twice, alone and merged.
        let _exports = self.disk.lock_exports(1).ok()?;
        self.marks.look_again(self.disk.as_ref(), self.epoch, self.highest);
        let segment = self.segments.get(at)?;
        let may_merge = |entry: &Entry| {
            !self.is_needed(entry.seq)
                && !self.settled.contains(entry.seq)
                && !(entry.first()..=entry.seq).any(|seq| self.marks.contains(seq))
        };
        let groups = groups(&segment.entries, may_merge);
        let merged = self.merge(at, &groups);
        if let Some(segment) = self.segments.get_mut(at) {
            segment.is_condensed = true;
        }
        let loss = merged.ok().filter(|loss| loss.amount > 0)?;
        let detail = "minutes were merged to hours because the spool ran short of room";
        self.declare_loss(GapReason::Merged, detail, loss);
        Some(())
    }

    fn merge(&mut self, at: usize, groups: &[Range<usize>]) -> io::Result<Loss> {
        let segment = self.segments.get(at).filter(|_| !groups.is_empty());
        let Some(segment) = segment else { return Ok(Loss::default()) };
        let mut contents = Contents::default();
        let (disk, epoch) = (self.disk.as_ref(), self.epoch);
        let loss = seal::merge(disk, epoch, segment, groups, self.condense, &mut contents)?;
        if loss.amount > 0 {
            self.replace(at, contents)?;
        }
        Ok(loss)
    }

    fn declare_loss(&mut self, reason: GapReason, detail: &str, loss: Loss) {
        if loss.amount > 0 {
            self.declare(Gap {
                source: "spool".to_owned(),
                from_ms: loss.from_ms,
                to_ms: loss.to_ms,
                reason,
                detail: detail.to_owned(),
                amount: loss.amount,
            });
        }
    }

    /// Deletes a segment when all it holds is settled; false when it may not be deleted.
    fn delete_if_settled(&mut self, at: usize) -> bool {
        let is_newest = at + 1 == self.segments.len();
        let Some(segment) = self.segments.get(at).filter(|_| !is_newest) else { return false };
        let is_kept =
            |entry: &Entry| self.is_needed(entry.seq) || !self.settled.contains(entry.seq);
        !segment.entries.iter().any(is_kept) && self.delete(at).is_ok()
    }

    pub(super) fn delete(&mut self, at: usize) -> io::Result<()> {
        if let Some(segment) = self.segments.get(at) {
            self.disk.remove(&segment.name())?;
            self.segments.remove(at);
        }
        Ok(())
    }

    /// Whether the record says where work goes on, or may have to say so.
    fn is_needed(&self, seq: u64) -> bool {
        let newest = self.segments.back().and_then(Segment::last);
        newest.is_some_and(|newest| newest.seq == seq)
            || self.runs.iter().any(|run| run.before == seq)
    }

    /// What becomes of a record when its segment is rewritten for whatever reason.
    pub(super) fn fate(&self, at: usize, entry: &Entry) -> Fate {
        let is_last = self.segments.get(at).and_then(Segment::last) == Some(entry);
        // The last record of the segment before the newest: should the newest be lost.
        let stands_by = is_last && at + 2 >= self.segments.len();
        match entry.seq {
            0 if !is_last => Fate::Drop,
            seq if stands_by || self.is_needed(seq) => Fate::Whole,
            _ => Fate::Lean,
        }
    }

    /// Rewrites a segment by the fate of each record.
    pub(super) fn rewrite(
        &mut self,
        at: usize,
        fate: impl Fn(&Spool, &Entry) -> Fate,
    ) -> io::Result<Loss> {
        let Some(segment) = self.segments.get(at) else { return Ok(Loss::default()) };
        let mut contents = Contents::default();
        let fate = |entry: &Entry| fate(self, entry);
        let loss = seal::sift(self.disk.as_ref(), self.epoch, segment, fate, &mut contents)?;
        self.replace(at, contents)?;
        Ok(loss)
    }

    fn replace(&mut self, at: usize, contents: Contents) -> io::Result<()> {
        let is_newest = at + 1 == self.segments.len();
        if contents.is_empty() && !is_newest {
            return self.delete(at);
        }
        let Some(old) = self.segments.get_mut(at) else { return Ok(()) };
        *old = Segment::create(self.disk.as_ref(), old.number, self.epoch, contents)?;
        Ok(())
    }

    /// After the newest segment was begun: the one before it loses the resume parts that are not needed,
    /// and takes in the one before that when both are small.
    pub(super) fn seal_older(&mut self) -> io::Result<()> {
        let Some(at) = self.segments.len().checked_sub(2) else { return Ok(()) };
        let (disk, epoch) = (self.disk.as_ref(), self.epoch);
        let small = at.checked_sub(1).filter(|before| self.is_small(*before, at));
        let mut contents = Contents::default();
        for source in small.into_iter().chain([at]) {
            let Some(segment) = self.segments.get(source) else { continue };
            seal::sift(disk, epoch, segment, |e| self.fate(source, e), &mut contents)?;
        }
        self.replace(at, contents)?;
        // Should this fail, the next open finds every record twice and takes the newer.
        small.map_or(Ok(()), |before| self.delete(before))
    }

    fn is_small(&self, before: usize, at: usize) -> bool {
        let lean = |at: usize| {
            let entries = self.segments.get(at).map(|segment| segment.entries.iter());
            entries.into_iter().flatten().map(|e| (e.bytes() - e.spare_bytes()) as u64).sum::<u64>()
        };
        lean(before) + lean(at) <= SEALED_BYTES.min(self.bytes_max / SEALED_SHARE)
    }
}

/// Runs of records in sequence that may be merged, each within one hour; of one record there is none.
fn groups(entries: &[Entry], may_merge: impl Fn(&Entry) -> bool) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let (mut open, mut bytes): (Option<Range<usize>>, usize) = (None, 0);
    for (at, entry) in entries.iter().enumerate() {
        let follows = at.checked_sub(1).and_then(|before| entries.get(before)).is_some_and(|b| {
            b.seq + 1 == entry.first()
                && b.closed_ms.div_euclid(HOUR_MS) == entry.closed_ms.div_euclid(HOUR_MS)
        });
        let may_merge = may_merge(entry);
        let fits = bytes + entry.bytes() <= MERGE_BYTES_MAX;
        match open.as_mut().filter(|_| may_merge && follows && fits) {
            Some(group) => {
                group.end = at + 1;
                bytes += entry.bytes();
            }
            None => {
                groups.extend(open.take());
                open = may_merge.then_some(at..at + 1);
                bytes = entry.bytes();
            }
        }
    }
    groups.extend(open);
    groups.retain(|group| group.len() > 1);
    groups
}
