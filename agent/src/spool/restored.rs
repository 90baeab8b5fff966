//! What a Welcome says about this spool, and how batches of a restored copy are dropped.

use std::io;

use super::{
    Spool,
    ranges::Ranges,
    record::{self, Resume, Tail},
    runs::{self, Hit, Run},
    seal::Fate,
    segment::{Entry, Segment},
    write::checkpoint,
};
use crate::domain::{Gap, GapReason, SourceProgress};

/// How often it is tried to have batches dropped that somebody exports at this moment, ten times a second:
/// nobody else can use the spool meanwhile, and who asked may ask again.
const EXPORT_TRIES: u32 = 20;

/// What the numbers that a collector has stored say about a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of them are this spool's.
    Fine,
    /// Some were never used by this spool: it is a copy of an older state of itself. Or it began without
    /// anything, and the collector has counted logs of this agent before: it is the same machine's next
    /// spool, and what it counted was counted before, unless its logs are others.
    Restored,
}

/// What a Welcome says about this spool.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Numbers of this epoch that are stored.
    pub stored: Ranges,
    /// It says how far logs are counted.
    pub has_positions: bool,
    /// Highest id of this epoch that something was defined under.
    pub last_id: u32,
}

/// How this spool and its other life parted.
#[derive(Clone, Debug, Default)]
pub struct Parting {
    /// How far logs were counted then.
    pub progress: Vec<SourceProgress>,
    /// A running machine was copied: batches of both lives bear the same numbers, so that what was counted
    /// since cannot be sent, whatever became of the logs. It is dropped and read again.
    pub shares_numbers: bool,
}

/// What [`Spool::drop_run`] did.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// Batches dropped; their gap is among the news.
    pub batches: u64,
    /// Where work stood when the first of them began: for logs whose position at the collector does
    /// not hold.
    pub resume: Resume,
    /// It began without anything: those logs begin anew.
    pub is_new: bool,
}

impl Spool {
    /// What the collector knows of this spool shows; asked at each Welcome, before anything is sent.
    pub fn judge(&mut self, known: &Known) -> Verdict {
        let Known { stored, has_positions, .. } = known;
        let hit = runs::hit(&self.runs, self.next, stored, *has_positions);
        self.hit = hit.map(|hit| (hit, known.clone()));
        if hit.is_none() {
            return Verdict::Fine;
        }
        if stored.highest() >= self.next {
            // Numbers of another life must not be used again: they would count as delivered.
            self.next = runs::first_of_run(stored.highest(), rand::random());
        }
        Verdict::Restored
    }

    /// Whether this spool began without anything and no Welcome has confirmed it: another one may have been
    /// here before.
    pub fn is_new(&self) -> bool {
        self.runs.iter().any(Run::is_of_new_spool)
    }

    /// A Welcome found nothing amiss, or what it found was put right. The next append writes this down,
    /// together with the positions that were adopted: a crash before it leads to the same judgement again.
    pub fn confirm(&mut self) {
        self.runs.clear();
        (self.hit, self.confirmed_to) = (None, self.highest);
    }

    /// After [`Verdict::Restored`]: drops the batches that a restored copy has closed, since they count
    /// again what the collector has.
    ///
    /// Errors: the disk; it may be tried again.
    pub fn drop_run(&mut self, now_ms: i64) -> io::Result<Dropped> {
        let (hit, known) = self.hit.clone().ok_or(io::ErrorKind::InvalidInput)?;
        let is_new = matches!(hit, Hit::Run(run) if run.is_of_new_spool());
        let _exports = self.disk.lock_exports(EXPORT_TRIES)?;
        self.marks.look_again(self.disk.as_ref(), self.epoch, self.highest);
        let (before, resume) = self.origin(hit)?;
        self.names.begin_anew(self.disk.as_ref(), self.epoch, known.last_id)?;
        self.begin_behind(before, &resume, now_ms)?;
        let mut batches = 0;
        for at in (0..self.segments.len() - 1).rev() {
            batches += self.drop_in(at, before, now_ms)?;
        }
        if hit == Hit::Beyond {
            self.declare_doubtful(before, &known.stored, now_ms);
        }
        Ok(Dropped { batches, resume, is_new })
    }

    /// What is known of how this spool and its other life parted.
    ///
    /// Errors: the disk.
    pub fn parting(&self) -> io::Result<Parting> {
        let (hit, known) = self.hit.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        let (before, resume) = self.origin(*hit)?;
        let mut victims = self.entries_after(before).filter(|entry| self.is_victim(entry, before));
        let shares_numbers = victims.any(|entry| known.stored.contains(entry.seq));
        Ok(Parting { progress: resume.progress, shares_numbers })
    }

    /// The last number of before, and where work stood then.
    fn origin(&self, hit: Hit) -> io::Result<(u64, Resume)> {
        Ok(match hit {
            Hit::Run(run) if run.is_of_new_spool() => (run.before, Resume::default()),
            Hit::Run(run) => (run.before, self.resume_at(run.before)?),
            Hit::Beyond => {
                let before = self.confirmed_to.max(self.marks.sent_to());
                (before, self.resume_at(before)?)
            }
        })
    }

    /// What is stored stays, and what left in a bundle: whoever has it may import it.
    fn is_victim(&self, entry: &Entry, before: u64) -> bool {
        entry.seq > before
            && !self.settled.contains(entry.seq)
            && !self.marks.is_exported(entry.seq)
    }

    /// Drops those of one segment, and declares them: should the next one fail, they are not found again.
    fn drop_in(&mut self, at: usize, before: u64, now_ms: i64) -> io::Result<u64> {
        let entries = self.segments.get(at).into_iter().flat_map(|segment| &segment.entries);
        let victims: Vec<Entry> =
            entries.filter(|entry| self.is_victim(entry, before)).copied().collect();
        let Some(first) = victims.first() else { return Ok(0) };
        let fate = |spool: &Spool, entry: &Entry| match spool.is_victim(entry, before) {
            true => Fate::Drop,
            false => spool.fate(at, entry),
        };
        self.rewrite(at, fate)?;
        self.declare_dropped(first, victims.len() as u64, now_ms);
        Ok(victims.len() as u64)
    }

    /// What the record of that number says; what is known now where it is lost.
    fn resume_at(&self, seq: u64) -> io::Result<Resume> {
        let found = self.segments.iter().find_map(|segment| Some((segment, segment.find(seq)?)));
        let Some((segment, entry)) = found else { return Ok(self.resume.clone()) };
        let bytes = segment.read(self.disk.as_ref(), entry)?;
        let tail = record::header(self.epoch, &bytes).and_then(|h| record::tail(&h, &bytes));
        Ok(tail.map_or_else(|| self.resume.clone(), |tail| tail.resume))
    }

    /// A new segment that says to go on from `resume`, and that this is not confirmed yet.
    fn begin_behind(&mut self, before: u64, resume: &Resume, now_ms: i64) -> io::Result<()> {
        let mut unconfirmed = self.runs.clone();
        unconfirmed.retain(|run| run.before < before);
        unconfirmed.push(Run { before, first: self.next });
        let declared_to = self.pending.declared_to();
        let tail = Tail { runs: unconfirmed.clone(), declared_to, resume: resume.clone() };
        let contents = checkpoint(self.epoch, &tail, self.names.last(), now_ms);
        let number = self.next_number();
        let segment = Segment::create(self.disk.as_ref(), number, self.epoch, contents)?;
        self.segments.push_back(segment);
        self.must_begin_segment = false;
        self.runs = unconfirmed;
        self.resume.clone_from(resume);
        Ok(())
    }

    /// Batches that were sent and not acknowledged before the copy was noticed, and whose numbers are
    /// stored: by this life or by the other one.
    fn declare_doubtful(&mut self, before: u64, stored: &Ranges, now_ms: i64) {
        // What the Welcome before has confirmed is of both lives.
        let is_doubtful = |entry: &&Entry| {
            entry.seq <= before && stored.contains(entry.seq) && !self.settled.contains(entry.seq)
        };
        let doubtful: Vec<i64> = self
            .entries_after(self.confirmed_to)
            .filter(is_doubtful)
            .map(|entry| entry.closed_ms)
            .collect();
        let Some(first_ms) = doubtful.first().copied() else { return };
        self.declare(Gap {
            source: "spool".to_owned(),
            from_ms: first_ms.min(now_ms),
            to_ms: now_ms,
            reason: GapReason::Restored,
            detail: "this machine was copied while it ran; whether these batches or the copy's were counted is not known"
                .to_owned(),
            amount: doubtful.len() as u64,
        });
    }

    fn declare_dropped(&mut self, first: &Entry, batches: u64, now_ms: i64) {
        self.declare(Gap {
            source: "spool".to_owned(),
            from_ms: first.closed_ms.min(now_ms),
            to_ms: now_ms,
            reason: GapReason::Restored,
            detail: "this machine or its spool was restored from an older copy; what was sampled since is lost"
                .to_owned(),
            amount: batches,
        });
    }
}
