//! Batches on disk that are not acknowledged yet, each with what an agent needs to resume behind it.
//!
//! # Limits
//! Bytes of segments and names: a setting, at least [`SPOOL_BYTES_MIN`]. The segment that is written to:
//! [`ACTIVE_BYTES_MAX`], or a quarter of that setting. Parts of a record: [`LEAN_BYTES_MAX`] and
//! [`RESUME_BYTES_MAX`]. Damaged segments, at most four, are not counted.
//!
//! # Files, in one folder (mode 0700, files 0600)
//! - `lock`: held with `flock` while an agent runs.
//! - `export.lock`: held with `flock` by who exports ([`look`]), and while an agent merges batches.
//! - `owner`: which machine this spool belongs to ([`owner`]); a copy on another machine is refused.
//! - `00000001.seg`, `00000002.seg`, ...: segments ([`segment`], version 2), written only at the end of
//!   the newest. Each names its epoch; the newest segment's is the spool's. A record is a lean part, which
//!   travels, and a resume part: positions and the open quarter of an hour. Segments that are not the
//!   newest are rewritten lean, but for records that may still have to say where work goes on: the last
//!   before each run that no Welcome has confirmed, and the last of the segment before the newest.
//! - `00000001.damaged`: a segment with a damaged record, set aside; its whole records were moved.
//! - `names`, `names.old`: definitions behind the ids that batches mention ([`names`]).
//! - `settled`: which batch numbers are stored by the collector or refused by it ([`settled`]).
//! - `sent`, `exported`: which may be with somebody ([`marks`]).
//! - `gaps`: losses that no batch has declared yet ([`pending`]).
//! - `*.new`: a file being made; removed at the next open.
//!
//! # Promises
//! - A batch is appended and synced (`fdatasync`) before [`Spool::append`] returns, its names before it;
//!   until then nobody sends it. A new file is synced, renamed into place, and its folder synced.
//! - An append that failed leaves nothing in front of later records. Should the agent be killed before the
//!   next append, the record that failed may be found whole (the disk had it after all): it is then a batch
//!   like any other, and its positions are those work goes on from, so that nothing counts twice.
//! - A torn last record was never synced: it is cut off. One that is not right although it was sealed, or
//!   one with others behind it, is damage: its segment is set aside and a gap declared, unless the
//!   collector has all that is missing. A gap stands in `gaps` until a batch that declares it is on disk.
//! - The newest record is never deleted, whatever was acknowledged: it holds the read positions.
//! - When room is short ([`pressure`]): settled batches go, then exemplars, then minutes are merged to
//!   hours; counts never. Each loss is declared in the next batch. A batch that was sent and not settled
//!   by a Welcome since, or exported and not stored, is never merged; while somebody exports, none is.
//! - Settled batches are kept for the grace period, counted between records and at most an hour a step: a
//!   clock that jumps either way neither deletes them at once nor keeps them for ever.
//! - A folder deleted while the agent runs is noticed at the next append: a new epoch begins with the
//!   positions in memory, and the batches that were not settled are declared lost.
//! - A spool that began without anything says so in each record until a Welcome has confirmed it ([`runs`]):
//!   where the collector has counted logs of this agent before, its batches are never sent unseen.
//! - An older copy of this spool, restored, uses neither numbers ([`runs`]) nor ids ([`names`]) that its
//!   other life has used. A spool that is opened without a batch begins a new epoch for that reason.
//!
//! # Known limits
//! - A gap of merged minutes or shed exemplars is written down after the deed: an agent killed between the
//!   two declares it by the batch's own `merged` and `exemplars_shed` only.
//! - What a new spool exported before its first Welcome may count again what an older spool has delivered.
//! - A spool that only exports fills up: what left is neither merged nor dropped until the collector says
//!   that it is stored.
//! - A disk that is unmounted beneath a running agent looks like a deleted folder.
//! - A segment that cannot be read (not damaged: the disk gives an error) keeps the spool from opening.

mod codec;
mod disk;
mod lock;
mod look;
mod marks;
mod names;
mod open;
mod owner;
mod pending;
mod pressure;
mod ranges;
mod record;
mod restored;
mod runs;
mod scan;
mod seal;
mod segment;
mod settled;
mod sheet;
mod write;

use std::{collections::VecDeque, io};

use crate::{config::SpoolSettings, domain::Gap};
use disk::{Disk, Folder};
pub use look::{Held, Look};
use marks::Marks;
pub use names::Names;
pub use owner::machine_id;
use pending::Pending;
pub use ranges::Ranges;
pub use record::{Condense, Draft, LEAN_BYTES_MAX, Payload, RESUME_BYTES_MAX, Resume, Stored};
pub use restored::{Dropped, Known, Parting, Verdict};
use runs::{Hit, Run};
use segment::{Entry, Segment};
use settled::Settled;
pub use write::AppendError;

/// The segment that is written to is followed by another when it would grow beyond this.
pub const ACTIVE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Highest number of a batch: the collector keeps numbers as signed 64 bits.
const SEQ_MAX: u64 = i64::MAX as u64;
/// Least value of the spool's byte limit that leaves room to work.
pub const SPOOL_BYTES_MIN: u64 = 256 * 1024;

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

/// What came up while the spool was used.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// What was lost. The next batch must declare it: it is forgotten once that is appended.
    pub gaps: Vec<Gap>,
    /// The spool's folder was deleted: a new epoch has begun.
    pub begun_anew: bool,
}

/// Why a batch was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is lost.
    #[error("batch {0} is damaged")]
    Damaged(u64),
    /// It may be read later.
    #[error("the disk of the spool gives an error ({0})")]
    Io(#[from] io::Error),
}

/// See the module.
pub struct Spool {
    dir: String,
    bytes_max: u64,
    grace_ms: i64,
    condense: Condense,
    machine: owner::Machine,
    epoch: [u8; 16],
    /// Oldest first; never empty. The last one is written to.
    segments: VecDeque<Segment>,
    settled: Settled,
    marks: Marks,
    names: Names,
    pending: Pending,
    /// Those that no Welcome has confirmed.
    runs: Vec<Run>,
    confirmed_to: u64,
    /// What the last Welcome has shown, and what it said.
    hit: Option<(Hit, Known)>,
    /// Of the newest record.
    resume: Resume,
    highest: u64,
    /// Number of the next batch.
    next: u64,
    /// A new segment could not be begun, and may be there all the same: it is written again.
    must_begin_segment: bool,
    begun_anew: bool,
    disk: Box<dyn Disk>,
}

impl Spool {
    /// Opens the spool in its folder, made if missing; what is damaged is set aside. `now_ms` dates gaps.
    /// `condense` merges batches when room is short.
    ///
    /// Errors: the folder cannot be used, another agent uses it, or it was copied from another machine.
    pub fn open(
        settings: &SpoolSettings,
        condense: Condense,
        now_ms: i64,
    ) -> anyhow::Result<Opened> {
        use anyhow::Context;
        let (folder, machine) = (Folder::open(&settings.dir)?, owner::this_machine());
        owner::check(&folder, &settings.dir, machine)?;
        open::load(settings, condense, Box::new(folder), machine, now_ms)
            .with_context(|| format!("the spool {} cannot be read", settings.dir.display()))
    }

    /// The batch for sending, `None` when the spool does not hold it. From then on it counts as sent, also
    /// after a crash.
    pub fn to_send(&mut self, seq: u64) -> Result<Option<Stored>, ReadError> {
        self.marks.send(self.disk.as_ref(), self.epoch, seq)?;
        self.read(seq)
    }

    /// Reads a batch back; `None` when the spool does not hold it.
    pub fn read(&self, seq: u64) -> Result<Option<Stored>, ReadError> {
        let found = self.segments.iter().find_map(|segment| Some((segment, segment.find(seq)?)));
        let Some((segment, entry)) = found else { return Ok(None) };
        let bytes = segment.read(self.disk.as_ref(), entry)?;
        let lean = record::header(self.epoch, &bytes).and_then(|h| record::lean(&h, &bytes));
        let stored = lean.map(|lean| lean.stored).filter(|stored| stored.seq == seq);
        stored.map(Some).ok_or(ReadError::Damaged(seq))
    }

    /// The collector has stored exactly these numbers of this epoch (and those set aside).
    pub fn set_stored(&mut self, stored: Ranges) {
        self.settled.set_stored(stored);
        self.marks.settle_sent();
        // What was not merged because it might be stored may be merged now.
        self.segments.iter_mut().for_each(|segment| segment.is_condensed = false);
        self.keep_settled();
    }

    /// The collector has stored these numbers as well.
    pub fn add_stored(&mut self, first: u64, last: u64) {
        self.settled.add_stored(first, last);
        self.keep_settled();
    }

    /// The collector will never take this batch: it is not sent again, and what it held is declared lost
    /// ([`Spool::take_news`]).
    pub fn set_aside(&mut self, seq: u64, why: &str) {
        let stored = self.read(seq).ok().flatten();
        self.settled.set_aside(seq);
        self.keep_settled();
        if let Some((first, last)) = stored.map(|s| (s.first_minute, s.last_minute)) {
            self.declare(Gap {
                source: "spool".to_owned(),
                from_ms: first.saturating_mul(60_000),
                to_ms: last.saturating_add(1).saturating_mul(60_000),
                reason: crate::domain::GapReason::SpoolLost,
                detail: format!("batch {seq} was set aside: {why}"),
                amount: 1,
            });
        }
    }

    /// What came up since this was last asked. Whoever asks must close the batches as well: what is handed
    /// out here counts as declared by the next one.
    pub fn take_news(&mut self) -> News {
        let begun_anew = std::mem::take(&mut self.begun_anew);
        News { gaps: self.pending.take(), begun_anew }
    }

    /// Definitions of these ids, ascending; an id that is missing has been lost.
    pub fn definition(&self, ids: &[u32]) -> io::Result<Vec<(u32, Vec<u8>)>> {
        let mut found = self.definitions()?;
        found.retain(|(id, _)| ids.contains(id));
        Ok(found)
    }

    /// Definitions of all ids of this epoch, ascending.
    pub fn definitions(&self) -> io::Result<Vec<(u32, Vec<u8>)>> {
        names::definitions(self.disk.as_ref(), self.epoch)
    }

    /// Numbers that still have to be sent, oldest first, at most `limit` of those above `after`.
    pub fn unsettled(&self, after: u64, limit: usize) -> Vec<u64> {
        let open = self.entries_after(after).map(|entry| entry.seq);
        open.filter(|seq| !self.settled.contains(*seq)).take(limit).collect()
    }

    fn entries_after(&self, after: u64) -> impl Iterator<Item = &Entry> {
        let segments = self.segments.iter().skip_while(move |segment| {
            segment.entries.last().is_none_or(|entry| entry.seq <= after)
        });
        segments.flat_map(|segment| &segment.entries).filter(move |entry| entry.seq > after)
    }

    /// Batches not settled yet, and their bytes.
    pub fn backlog(&self) -> (u64, u64) {
        let open = self.entries_after(0).filter(|entry| !self.settled.contains(entry.seq));
        open.fold((0, 0), |(n, bytes), entry| {
            (n + 1, bytes + (entry.bytes() - entry.spare_bytes()) as u64)
        })
    }

    /// Names the spool: 16 random bytes.
    pub fn epoch(&self) -> [u8; 16] {
        self.epoch
    }

    /// Highest number used; 0 when there is none.
    pub fn highest_seq(&self) -> u64 {
        self.highest
    }

    /// When the newest record was closed: until then this machine was watched. `None` for a new spool.
    pub fn last_closed_ms(&self) -> Option<i64> {
        self.segments.iter().rev().find_map(Segment::last).map(|entry| entry.closed_ms)
    }

    /// Bytes of segments and names.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum::<u64>() + self.names.bytes()
    }

    fn declare(&mut self, gap: Gap) {
        self.pending.add(gap);
        self.keep_pending();
    }

    fn keep_pending(&mut self) {
        if let Err(error) = self.pending.keep(self.disk.as_ref(), self.epoch) {
            // It is tried again at the next append.
            tracing::debug!(%error, "gaps could not be written down");
        }
    }

    fn keep_settled(&self) {
        if let Err(error) = self.settled.write(self.disk.as_ref(), self.epoch) {
            // Harmless: what is sent again is acknowledged again.
            tracing::debug!(%error, "acknowledgements could not be written down");
        }
    }
}

fn new_epoch() -> [u8; 16] {
    uuid::Uuid::new_v4().into_bytes()
}

#[cfg(test)]
mod tests;
