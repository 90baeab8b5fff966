//! Batches on disk that are not acknowledged yet, each with the read positions it accounts for.
//!
//! # Limits
//! Bytes of all segments: a setting. One segment: [`SEGMENT_BYTES_MAX`], or a quarter of that setting.
//! One record: [`RECORD_BYTES_MAX`](record::RECORD_BYTES_MAX).
//!
//! # Files, in one folder (mode 0700, files 0600)
//! - `lock`: held with `flock` while an agent runs.
//! - `00000001.seg`, `00000002.seg`, ...: segments, written only at the end of the newest. Layout in
//!   [`segment`]; each names the epoch it belongs to. The newest segment's epoch is the spool's.
//! - `00000001.damaged`: a segment with a damaged record, set aside; its whole records were moved.
//! - `settled`: which batch numbers are stored by the collector or refused by it ([`settled`]).
//! - `*.new`: a file being made; removed at the next open.
//!
//! # Promises
//! - A batch is appended and synced (`fdatasync`) before [`Spool::append`] returns; before that nobody
//!   sends it. A new file is synced, renamed into place, and its folder synced.
//! - A torn last record (its end lies beyond the end of the file, or only zeros follow) was never
//!   synced: it is cut off. Any other bad record is damage: its segment is set aside and the numbers
//!   that are missing are declared as a gap.
//! - The newest record is never deleted, whatever was acknowledged: it holds the read positions.
//!
//! # Known limits
//! - A gap found at open is handed to the caller and stands in no file until the first batch is
//!   appended, some ten seconds later. An agent killed before that declares it never: the damaged
//!   segment is set aside by then and not looked at again.

mod codec;
mod lock;
mod names;
mod ranges;
mod record;
mod segment;
mod settled;

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::{
    config::SpoolSettings,
    domain::{Gap, GapReason},
};
pub use names::Names;
pub use ranges::Ranges;
pub use record::{Condense, Draft, Payload, Resume, Stored};
use segment::{Scan, Segment};
use settled::Settled;

/// A segment is closed when it would grow beyond this.
pub const SEGMENT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Least value of the spool's byte limit that leaves room to work.
pub const SPOOL_BYTES_MIN: u64 = 256 * 1024;

/// Why a batch was not written. Nothing is lost: whoever asked keeps it.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The setting's bytes are taken by batches that the collector has not acknowledged.
    #[error(
        "the spool holds its {bytes_max} bytes of unacknowledged batches; restore the link to the collector or raise `spool.bytes_max`: until then logs wait unread"
    )]
    Full {
        /// The setting.
        bytes_max: u64,
    },
    /// The disk has no room.
    #[error("no space left on the disk of the spool {dir}; free some: until then logs wait unread")]
    NoSpace {
        /// Folder of the spool.
        dir: String,
    },
    /// The batch could not be coded.
    #[error("a batch cannot be coded ({0}); until then logs wait unread")]
    Encode(io::Error),
    /// Anything else the disk said.
    #[error(
        "the spool {dir} cannot be written ({error}); look at its disk: until then logs wait unread"
    )]
    Io {
        /// Folder of the spool.
        dir: String,
        /// What the system said.
        error: io::Error,
    },
}

/// What [`Spool::open`] found.
pub struct Opened {
    /// The spool, ready.
    pub spool: Spool,
    /// Where work goes on: that of the newest record.
    pub resume: Resume,
    /// What was lost, to be declared in the next batch.
    pub gaps: Vec<Gap>,
    /// Batches were there, but no read positions survived: logs must go on from their ends, since
    /// reading them again would count twice.
    pub progress_lost: bool,
}

/// What the numbers that a collector has stored say about a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of them are this spool's.
    Fine,
    /// Some were never used by this spool: it is a copy of an older state of itself.
    Restored,
}

/// What [`Spool::drop_run`] did.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// What is lost, to be declared in the next batch.
    pub gap: Gap,
    /// Where work stood when the dropped batches began.
    pub resume: Resume,
}

/// What came up while the spool was used.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// What was lost, to be declared in the next batch.
    pub gaps: Vec<Gap>,
    /// The spool's folder was deleted: a new epoch has begun.
    pub begun_anew: bool,
}

/// See the module.
pub struct Spool {
    settings: SpoolSettings,
    epoch: [u8; 16],
    /// Oldest first; never empty. The last one is written to.
    segments: VecDeque<Segment>,
    /// Where each batch lies: number to segment and place in it.
    index: BTreeMap<u64, Place>,
    settled: Settled,
    highest_seq: u64,
    resume: Resume,
    names: Names,
    _lock: lock::Lock,
}

#[derive(Clone, Copy)]
struct Place {
    segment: u32,
    offset: u32,
    bytes: u32,
}

impl Spool {
    /// Opens the spool in its folder, made if missing; what is damaged is set aside. `now_ms` dates gaps.
    ///
    /// Errors: the folder cannot be used, or another agent uses it.
    pub fn open(
        settings: &SpoolSettings,
        condense: Condense,
        now_ms: i64,
    ) -> anyhow::Result<Opened> {
        let (dir, _) = (&settings.dir, condense);
        make_folder(dir).with_context(|| {
            format!("the spool {} cannot be used; let the agent's user write there", dir.display())
        })?;
        let lock = lock::Lock::take(dir)?;
        Spool::load(settings, lock, now_ms)
            .with_context(|| format!("the spool {} cannot be read", dir.display()))
    }

    fn load(settings: &SpoolSettings, lock: lock::Lock, now_ms: i64) -> anyhow::Result<Opened> {
        let dir = &settings.dir;
        remove_unfinished(dir)?;
        let mut scans = scan_segments(dir)?;
        let had_files = !scans.is_empty();
        let mut gaps = Vec::new();
        let epoch = scans.iter().rev().find_map(Scan::epoch);
        let mut spool = Spool {
            settings: settings.clone(),
            epoch: epoch.unwrap_or_else(new_epoch),
            segments: VecDeque::new(),
            index: BTreeMap::new(),
            settled: Settled::default(),
            highest_seq: 0,
            resume: Resume::default(),
            names: Names::default(),
            _lock: lock,
        };
        spool.settled = Settled::read(dir, spool.epoch);
        for scan in &mut scans {
            spool.take_scan(scan, now_ms, &mut gaps)?;
        }
        if spool.segments.is_empty() {
            let first = Segment::create(dir, 1, spool.epoch, None)?;
            spool.segments.push_back(first);
        }
        let progress_lost = had_files && spool.resume.progress.is_empty() && !gaps.is_empty();
        Ok(Opened { resume: spool.resume.clone(), spool, gaps, progress_lost })
    }

    /// Takes over one segment found on disk.
    fn take_scan(
        &mut self,
        scan: &mut Scan,
        now_ms: i64,
        gaps: &mut Vec<Gap>,
    ) -> anyhow::Result<()> {
        if scan.epoch().is_some_and(|epoch| epoch != self.epoch) {
            // An epoch that was ended: what it held was settled then.
            fs::remove_file(&scan.path)?;
            return Ok(());
        }
        if let Some(damage) = scan.damage.take() {
            gaps.push(self.damage_gap(scan, &damage, now_ms));
            self.register(segment::salvage(scan, self.epoch, &self.settings.dir)?);
        } else {
            let segment = Segment::resume(scan)?;
            self.register((segment, std::mem::take(&mut scan.records)));
        }
        Ok(())
    }

    fn register(&mut self, (segment, records): (Segment, Vec<segment::Found>)) {
        for found in records {
            if found.seq > 0 {
                let (offset, bytes) = (found.offset, found.bytes);
                self.index.insert(found.seq, Place { segment: segment.number, offset, bytes });
                self.highest_seq = self.highest_seq.max(found.seq);
            }
            self.resume = found.resume;
        }
        self.segments.push_back(segment);
    }

    fn damage_gap(&self, scan: &Scan, damage: &segment::Damage, now_ms: i64) -> Gap {
        Gap {
            source: "spool".to_owned(),
            from_ms: damage.after_closed_ms.unwrap_or(now_ms),
            to_ms: damage.before_closed_ms.unwrap_or(now_ms),
            reason: GapReason::SpoolLost,
            detail: format!("{} was damaged and is set aside", scan.path.display()),
            amount: damage.bytes,
        }
    }

    /// Writes a batch and what it accounts for; returns its number. `encode` makes its payload with the
    /// ids that `Names` gives. On disk and synced when this returns.
    ///
    /// Errors: see [`AppendError`]; the spool is as it was before.
    pub fn append(
        &mut self,
        draft: &Draft,
        encode: impl FnOnce(&mut Names) -> io::Result<Payload>,
        now_ms: i64,
    ) -> Result<u64, AppendError> {
        let appended = encode(&mut self.names)
            .map_err(AppendError::Encode)
            .and_then(|payload| self.put(draft, &payload, now_ms));
        match appended {
            Ok(_) => self.names.keep(),
            Err(_) => self.names.forget(),
        }
        appended
    }

    fn put(&mut self, draft: &Draft, payload: &Payload, now_ms: i64) -> Result<u64, AppendError> {
        let seq = self.highest_seq + 1;
        let bytes = record::encode(draft, payload, seq);
        self.make_room(bytes.len() as u64, now_ms)?;
        let place =
            self.write(&bytes, draft.closed_ms).map_err(|error| self.append_error(error))?;
        self.index.insert(seq, place);
        self.highest_seq = seq;
        self.resume.clone_from(&draft.resume);
        Ok(seq)
    }

    fn write(&mut self, bytes: &[u8], closed_ms: i64) -> io::Result<Place> {
        let room = SEGMENT_BYTES_MAX.min(self.bytes_max() / 4);
        let fits = |s: &Segment| !s.has_records() || s.bytes() + bytes.len() as u64 <= room;
        if !self.segments.back().is_some_and(fits) {
            let number = self.next_number();
            self.segments.push_back(Segment::create(&self.settings.dir, number, self.epoch, None)?);
        }
        let segment = self.segments.back_mut().ok_or(io::ErrorKind::NotFound)?;
        let offset = segment.append(bytes, closed_ms)?;
        Ok(Place { segment: segment.number, offset, bytes: bytes.len() as u32 })
    }

    fn next_number(&self) -> u32 {
        self.segments.iter().map(|segment| segment.number + 1).max().unwrap_or(1)
    }

    fn bytes_max(&self) -> u64 {
        self.settings.bytes_max.max(SPOOL_BYTES_MIN)
    }

    /// Deletes settled segments beyond their grace period, and further ones while room is short.
    fn make_room(&mut self, wanted: u64, now_ms: i64) -> Result<(), AppendError> {
        self.expire(now_ms);
        let bytes_max = self.bytes_max();
        while self.bytes() + wanted > bytes_max {
            if !self.delete_oldest() {
                return Err(AppendError::Full { bytes_max });
            }
        }
        Ok(())
    }

    /// Deletes segments whose batches are settled and older than the grace period.
    pub fn expire(&mut self, now_ms: i64) {
        let grace_ms = i64::try_from(self.settings.grace.as_millis()).unwrap_or(i64::MAX);
        let is_old = |s: &Segment| s.newest_closed_ms.saturating_add(grace_ms) < now_ms;
        while self.segments.front().is_some_and(is_old) && self.delete_oldest() {}
    }

    /// Deletes the oldest segment; false when it may not be deleted.
    fn delete_oldest(&mut self) -> bool {
        let Some(oldest) = self.segments.front().filter(|_| self.segments.len() > 1) else {
            return false;
        };
        let number = oldest.number;
        let held: Vec<u64> =
            self.index.iter().filter(|(_, p)| p.segment == number).map(|(seq, _)| *seq).collect();
        // The newest record holds the positions.
        let is_needed = |seq: &u64| *seq == self.highest_seq || !self.settled.contains(*seq);
        if held.iter().any(is_needed) || oldest.delete().is_err() {
            return false;
        }
        held.iter().for_each(|seq| {
            self.index.remove(seq);
        });
        self.segments.pop_front();
        true
    }

    /// Reads a batch back; `None` when the spool does not hold it.
    pub fn read(&self, seq: u64) -> anyhow::Result<Option<Stored>> {
        let Some(place) = self.index.get(&seq) else { return Ok(None) };
        let segment = self.segments.iter().find(|segment| segment.number == place.segment);
        let segment = segment.context("its segment is gone")?;
        let bytes = segment.read(place.offset, place.bytes)?;
        let stored = record::decode(&bytes).with_context(|| format!("batch {seq} is damaged"))?;
        Ok(Some(stored))
    }

    /// The collector has stored exactly these numbers of this epoch (and those set aside).
    pub fn set_stored(&mut self, stored: Ranges) {
        self.settled.set_stored(stored);
        self.keep_settled();
    }

    /// The collector has stored these numbers as well.
    pub fn add_stored(&mut self, first: u64, last: u64) {
        self.settled.add_stored(first, last);
        self.keep_settled();
    }

    /// The collector will never take this batch: it is not sent again. The gap that declares it, when
    /// the spool holds the batch.
    pub fn set_aside(&mut self, seq: u64, why: &str) -> Option<Gap> {
        let stored = self.read(seq).ok().flatten();
        self.settled.set_aside(seq);
        self.keep_settled();
        let (first, last) = stored.as_ref().map(|s| (s.first_minute, s.last_minute))?;
        Some(Gap {
            source: "spool".to_owned(),
            from_ms: first.saturating_mul(60_000),
            to_ms: last.saturating_add(1).saturating_mul(60_000),
            reason: GapReason::SpoolLost,
            detail: format!("batch {seq} was set aside: {why}"),
            amount: 1,
        })
    }

    /// Numbers that still have to be sent, oldest first, at most `limit` of those above `after`.
    pub fn unsettled(&self, after: u64, limit: usize) -> Vec<u64> {
        let above = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let open = self.index.range(above).map(|(seq, _)| *seq);
        open.filter(|seq| !self.settled.contains(*seq)).take(limit).collect()
    }

    /// Batches not settled yet, and their bytes.
    pub fn backlog(&self) -> (u64, u64) {
        let open = self.index.iter().filter(|(seq, _)| !self.settled.contains(**seq));
        open.fold((0, 0), |(n, bytes), (_, place)| (n + 1, bytes + u64::from(place.bytes)))
    }

    /// Ends the epoch: all it held is settled, numbers begin anew, work goes on at `resume`.
    pub fn begin_epoch(&mut self, resume: Resume, now_ms: i64) -> anyhow::Result<()> {
        let epoch = new_epoch();
        let checkpoint = Draft { closed_ms: now_ms, resume: resume.clone(), ..Draft::default() };
        let number = self.next_number();
        // One rename makes it: before it the old epoch holds, after it the new one.
        let first = record::encode(&checkpoint, &Payload::default(), 0);
        let segment = Segment::create(&self.settings.dir, number, epoch, Some((&first, now_ms)))?;
        for old in self.segments.drain(..) {
            // What stays behind is removed at the next open: it names another epoch.
            let _ = old.delete();
        }
        self.segments.push_back(segment);
        self.index.clear();
        self.settled = Settled::read(&self.settings.dir, epoch);
        (self.epoch, self.highest_seq, self.resume) = (epoch, 0, resume);
        self.names = Names::default();
        Ok(())
    }

    /// What the numbers stored by the collector say about this spool; asked at each Welcome, before
    /// anything is sent.
    pub fn judge(&self, stored: &Ranges) -> Verdict {
        if stored.highest() > self.highest_seq { Verdict::Restored } else { Verdict::Fine }
    }

    /// A Welcome found nothing amiss, or what it found was put right.
    pub fn confirm(&mut self) {}

    /// Drops the batches of a restored copy that were closed since the copy was restored: they counted
    /// again what the collector has.
    pub fn drop_run(&mut self, now_ms: i64) -> io::Result<Dropped> {
        let gap = Gap {
            source: "spool".to_owned(),
            from_ms: now_ms,
            to_ms: now_ms,
            reason: GapReason::Restored,
            detail: "this machine was restored from an older copy".to_owned(),
            amount: 0,
        };
        Ok(Dropped { gap, resume: self.resume.clone() })
    }

    /// The batch for sending; from then on it may be with the collector, also after a crash.
    pub fn to_send(&mut self, seq: u64) -> anyhow::Result<Option<Stored>> {
        self.read(seq)
    }

    /// What came up since this was last asked.
    pub fn take_news(&mut self) -> News {
        News::default()
    }

    /// Numbers held, settled or not, above `after` and closed at or after `since_ms`: at most `limit`.
    pub fn held(&self, after: u64, since_ms: i64, limit: usize) -> Vec<u64> {
        let _ = since_ms;
        let above = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        self.index.range(above).map(|(seq, _)| *seq).take(limit).collect()
    }

    /// These batches leave in a bundle: from then on they are never merged. Synced when this returns.
    pub fn mark_exported(&mut self, first: u64, last: u64) -> io::Result<()> {
        let _ = (first, last);
        Ok(())
    }

    /// Definitions of these ids; an id without one has been lost.
    pub fn definition(&self, ids: &[u32]) -> io::Result<Vec<(u32, Vec<u8>)>> {
        let _ = ids;
        Ok(Vec::new())
    }

    /// Definitions of all ids of this epoch, ascending.
    pub fn definitions(&self) -> io::Result<Vec<(u32, Vec<u8>)>> {
        Ok(Vec::new())
    }

    /// Names the spool: 16 random bytes.
    pub fn epoch(&self) -> [u8; 16] {
        self.epoch
    }

    /// Number of the newest batch; 0 when there is none.
    pub fn highest_seq(&self) -> u64 {
        self.highest_seq
    }

    /// When the newest record was closed: until then this machine was watched. `None` for a new spool.
    pub fn last_closed_ms(&self) -> Option<i64> {
        let newest = self.segments.iter().rev().find(|segment| segment.has_records());
        newest.map(|segment| segment.newest_closed_ms)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    fn keep_settled(&self) {
        if let Err(error) = self.settled.write(&self.settings.dir, self.epoch) {
            // Harmless: what is sent again is acknowledged again.
            tracing::debug!(%error, "acknowledgements could not be written down");
        }
    }

    fn append_error(&self, error: io::Error) -> AppendError {
        let dir = self.settings.dir.display().to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                AppendError::NoSpace { dir }
            }
            _ => AppendError::Io { dir, error },
        }
    }
}

fn new_epoch() -> [u8; 16] {
    uuid::Uuid::new_v4().into_bytes()
}

fn make_folder(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn scan_segments(dir: &Path) -> anyhow::Result<Vec<Scan>> {
    let mut numbered: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        numbered.extend(segment::number_of(&path).map(|number| (number, path)));
    }
    numbered.sort();
    let newest = numbered.last().map(|(number, _)| *number);
    numbered
        .into_iter()
        .map(|(number, path)| segment::scan(number, path, Some(number) == newest))
        .collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
