//! Appending, and beginning anew.

use std::io;

use super::{
    ACTIVE_BYTES_MAX, SEQ_MAX, Spool,
    names::Names,
    new_epoch, owner,
    record::{
        self, Draft, Encoded, LEAN_BYTES_MAX, Lean, Payload, RESUME_BYTES_MAX, Resume, Stored, Tail,
    },
    runs::Run,
    segment::{self, Contents, Segment},
};
use crate::domain::{Gap, GapReason};

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

impl Spool {
    /// Writes a batch and what it accounts for; returns its number. `encode` makes its payload with the
    /// ids that `Names` gives. On disk and synced when this returns.
    ///
    /// Errors: see [`AppendError`]; nothing is lost, and the same batch may be tried again.
    pub fn append(
        &mut self,
        draft: &Draft,
        encode: impl FnOnce(&mut Names) -> io::Result<Payload>,
        now_ms: i64,
    ) -> Result<u64, AppendError> {
        if self.is_gone() {
            self.begin_after_loss(now_ms).map_err(|error| self.append_error(error))?;
        }
        let appended = encode(&mut self.names)
            .map_err(AppendError::Encode)
            .and_then(|payload| self.put(draft, payload));
        match appended {
            Ok(_) => self.names.keep(),
            Err(_) => self.names.forget(),
        }
        appended
    }

    fn put(&mut self, draft: &Draft, payload: Payload) -> Result<u64, AppendError> {
        if self.names.is_used_up() {
            let text = "all ids of this spool are given: deliver what it holds, then move it away";
            return Err(AppendError::Encode(io::Error::other(text)));
        }
        let (seq, declared_to) = (self.next, self.pending.handed_to());
        if seq > SEQ_MAX {
            let text = "all numbers of this spool are used, or the collector says so: deliver what it \
                        holds, then move it away";
            return Err(AppendError::Encode(io::Error::other(text)));
        }
        let lean = Lean { stored: stored(seq, draft, payload), last_id: self.names.last() };
        let tail = Tail { runs: self.runs.clone(), declared_to, resume: draft.resume.clone() };
        let encoded = record::encode(self.epoch, &lean, Some(&tail));
        let is_too_large = encoded.header.lean_bytes > LEAN_BYTES_MAX
            || encoded.header.resume_bytes > RESUME_BYTES_MAX;
        if is_too_large {
            let text = "it is larger than a record may be";
            return Err(AppendError::Encode(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        self.make_room((encoded.bytes.len() + self.names.fresh_bytes()) as u64)?;
        self.names
            .write(self.disk.as_ref(), self.epoch, seq)
            .and_then(|()| self.write(&encoded, &lean))
            .map_err(|error| self.append_error(error))?;
        (self.highest, self.next, self.resume) = (seq, seq + 1, tail.resume);
        self.pending.declared(declared_to);
        self.keep_pending();
        Ok(seq)
    }

    fn write(&mut self, encoded: &Encoded, lean: &Lean) -> io::Result<()> {
        let most = ACTIVE_BYTES_MAX.min(self.bytes_max / 4);
        let bytes = encoded.bytes.len() as u64;
        let must_begin = self.must_begin_segment;
        let fits =
            |s: &&mut Segment| !must_begin && (s.last().is_none() || s.bytes + bytes <= most);
        match self.segments.back_mut().filter(fits) {
            Some(segment) => segment.append(self.disk.as_ref(), self.epoch, encoded, lean),
            None => self.begin_segment(encoded),
        }
    }

    /// The record is the first of a new segment; those before it are made lean.
    fn begin_segment(&mut self, encoded: &Encoded) -> io::Result<()> {
        let mut contents = Contents::default();
        if !contents.push(self.epoch, &encoded.bytes) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let number = self.next_number();
        let made = Segment::create(self.disk.as_ref(), number, self.epoch, contents);
        if made.is_err() {
            // Renamed and perhaps not synced: it must not stand beside another record of its number.
            self.must_begin_segment = self.disk.remove(&segment::name_of(number)).is_err();
        }
        let segment = made?;
        segment.seal_last(self.disk.as_ref(), self.epoch, encoded);
        self.must_begin_segment = false;
        self.segments.push_back(segment);
        if let Err(error) = self.seal_older() {
            // It is as good as before, only larger.
            tracing::debug!(%error, "a segment could not be made lean");
        }
        Ok(())
    }

    pub(super) fn next_number(&self) -> u32 {
        self.segments.iter().map(|segment| segment.number + 1).max().unwrap_or(1)
    }

    /// Whether the file that is written to was deleted, or is not the one it was.
    fn is_gone(&self) -> bool {
        let Some(segment) = self.segments.back() else { return true };
        match self.disk.inode(&segment.name()) {
            Ok(inode) => segment.inode.is_some_and(|known| known != inode),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    fn begin_after_loss(&mut self, now_ms: i64) -> io::Result<()> {
        self.disk.renew()?;
        owner::write(self.disk.as_ref(), self.machine)?;
        let open = self.entries_after(0).filter(|entry| !self.settled.contains(entry.seq));
        let open: Vec<i64> = open.map(|entry| entry.closed_ms).collect();
        let gap = Gap {
            source: "spool".to_owned(),
            from_ms: open.first().copied().unwrap_or(now_ms),
            to_ms: now_ms,
            reason: GapReason::SpoolLost,
            detail: "the folder of the spool was deleted while the agent ran".to_owned(),
            amount: open.len() as u64,
        };
        self.begin_epoch(self.resume.clone(), now_ms)?;
        self.begun_anew = true;
        if !open.is_empty() {
            self.declare(gap);
        }
        Ok(())
    }

    /// Ends the epoch: all it held is settled or lost, numbers begin anew, work goes on at `resume`.
    pub fn begin_epoch(&mut self, resume: Resume, now_ms: i64) -> io::Result<()> {
        let epoch = new_epoch();
        // Positions that no Welcome has confirmed are no better in another epoch.
        let runs = if self.is_new() { vec![Run::OF_NEW_SPOOL] } else { Vec::new() };
        let tail = Tail { declared_to: 0, runs, resume };
        // One rename makes it: before it the old epoch holds, after it the new one.
        let contents = checkpoint(epoch, &tail, 0, now_ms);
        let number = self.next_number();
        let segment = Segment::create(self.disk.as_ref(), number, epoch, contents)?;
        for old in self.segments.drain(..) {
            // What stays behind is removed at the next open: it names another epoch.
            let _ = self.disk.remove(&old.name());
        }
        self.segments.push_back(segment);
        (self.epoch, self.highest, self.next, self.confirmed_to) = (epoch, 0, 1, 0);
        (self.settled, self.marks, self.names) = Default::default();
        (self.hit, self.must_begin_segment) = (None, false);
        (self.runs, self.resume) = (tail.runs, tail.resume);
        self.pending.move_to_new_epoch();
        self.keep_pending();
        Ok(())
    }

    fn append_error(&self, error: io::Error) -> AppendError {
        let dir = self.dir.clone();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                AppendError::NoSpace { dir }
            }
            _ => AppendError::Io { dir, error },
        }
    }
}

/// A record that holds no batch, only where work goes on.
pub(super) fn checkpoint(epoch: [u8; 16], tail: &Tail, last_id: u32, now_ms: i64) -> Contents {
    let stored = Stored { closed_ms: now_ms, ..Stored::default() };
    let encoded = record::encode(epoch, &Lean { stored, last_id }, Some(tail));
    let mut contents = Contents::default();
    let _is_whole = contents.push(epoch, &encoded.bytes);
    contents
}

fn stored(seq: u64, draft: &Draft, payload: Payload) -> Stored {
    let Payload { data, exemplars, exemplars_count } = payload;
    let &Draft { first_minute, last_minute, closed_ms, .. } = draft;
    Stored {
        seq,
        merged: 0,
        first_minute,
        last_minute,
        closed_ms,
        data,
        exemplars,
        exemplars_count,
        exemplars_shed: 0,
    }
}
