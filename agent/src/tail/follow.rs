//! Reads the files of a log in turn and hands on their lines.
//!
//! Every file ever read is known by its identity and the offset up to which it was read. `look` decides
//! which file is read next and from where; this reads it, leaves it when it is at its end and quiet, and
//! tells what happened. The files of a pattern are read beside each other, each in a lane of its own, for
//! several of them may be written at the same time; a plain log has one lane, for its files are one
//! sequence.

use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
};

use super::{discover, judge::Seen, open::Open, packed, probe::Probe, reader::Advance};
use crate::{
    config::Start,
    domain::{Gap, GapReason, SourcePosition, SourceProgress},
};

/// Files of a pattern that are read at the same time; of more, the others wait until one is quiet.
const LANES_MAX: usize = 8;
/// Bytes that a lane hands on before the next has its turn.
const TURN_BYTES: u64 = 1024 * 1024;

/// What happened besides lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Lines of this lane from now on are of this file, from this offset on.
    Opened(SourcePosition),
    /// The file of this lane is left, read up to this position: what is unfinished of it is complete.
    Left(SourcePosition),
    /// This file is not to be read up to this offset: it was there before counting began, or is a copy.
    Settled(SourcePosition),
    /// Something is lost for real.
    Gap(Gap),
    /// What keeps the log from being read, in words for a person; `None` when all is well again.
    Trouble(Option<String>),
    /// What was counted before is passed over, piece by piece: there is more to do at once.
    Passing,
}

/// One step of following.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A line without its end, and the offset after it in the file opened last in this lane.
    Line {
        /// Number of the file's lane: what several lines make together is of one lane. See
        /// [`Follower::lane`].
        lane: usize,
        /// At most [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX) bytes.
        bytes: &'a [u8],
        /// Where the next line begins.
        end: u64,
    },
    /// See [`Event`].
    Event(Event),
    /// Nothing to read now.
    Idle,
}

/// Follows one log through rotation and truncation.
pub struct Follower {
    pub(super) path: PathBuf,
    pub(super) progress: SourceProgress,
    /// Set until the first look at a log never seen before.
    pub(super) start: Option<Start>,
    /// The next look is the first after a restart: what vanished since was lost unseen.
    pub(super) returned: bool,
    pub(super) lanes: Vec<Open>,
    /// Index of the lane whose turn it is, and its offset when that began.
    turn: (usize, u64),
    /// Number of the lane that the last step was about.
    told_lane: usize,
    queue: VecDeque<(usize, Event)>,
    /// A compressed file that has yet to show what of it is counted.
    pub(super) probe: Option<Probe>,
    /// Told before the next file is opened, so that the file being read is the last one told of.
    pub(super) settled: Vec<SourcePosition>,
    trouble: Option<String>,
    pub(super) missing_since_ms: Option<i64>,
    pub(super) looked_ms: Option<i64>,
    /// Unknown files that are of no concern, as they were when judged.
    pub(super) dismissed: HashSet<Seen>,
    /// Device and inode of compressed files that were newer than all that was read when they were met.
    pub(super) news: HashSet<(u64, u64)>,
    /// Bytes that the last look found unread.
    pub(super) unread_bytes: u64,
}

enum Turn {
    Line,
    Event(Event),
    Idle,
}

impl Follower {
    /// Follows the log at `path` from `progress` on; `start` is `Some` for a log never seen before.
    pub fn new(path: PathBuf, progress: SourceProgress, start: Option<Start>) -> Follower {
        Follower {
            path,
            returned: !progress.files.is_empty(),
            progress,
            start,
            lanes: Vec::new(),
            turn: (0, 0),
            told_lane: 0,
            queue: VecDeque::new(),
            probe: None,
            settled: Vec::new(),
            trouble: None,
            missing_since_ms: None,
            looked_ms: None,
            dismissed: HashSet::new(),
            news: HashSet::new(),
            unread_bytes: 0,
        }
    }

    /// The next line, event, or nothing for now. `now_ms` is the wall clock.
    pub fn step(&mut self, now_ms: i64) -> Step<'_> {
        match self.turn(now_ms) {
            Turn::Event(event) => Step::Event(event),
            Turn::Line => match self.lanes.get(self.turn.0) {
                Some(open) => {
                    let (bytes, end) = open.reader.line();
                    Step::Line { lane: open.lane, bytes, end }
                }
                None => Step::Idle,
            },
            Turn::Idle => Step::Idle,
        }
    }

    /// Number of the lane that the last step was about, below the number of files read at once.
    pub fn lane(&self) -> usize {
        self.told_lane
    }

    /// The file being read in that lane, at an offset that was handed on, with the hash of what stands
    /// before it.
    pub fn place_at(&self, lane: usize, offset: u64) -> Option<SourcePosition> {
        self.lane_of(lane).map(|open| open.place_at(offset))
    }

    /// Bytes that are known to wait, as of the last look: compressed ones as they lie there.
    pub fn unread_bytes(&self) -> u64 {
        self.unread_bytes
    }

    fn lane_of(&self, lane: usize) -> Option<&Open> {
        self.lanes.iter().find(|open| open.lane == lane)
    }

    fn turn(&mut self, now_ms: i64) -> Turn {
        loop {
            if let Some((lane, event)) = self.queue.pop_front() {
                self.told_lane = lane;
                return Turn::Event(event);
            }
            if self.read(now_ms) {
                return Turn::Line;
            }
            let is_busy = self.probe(now_ms);
            if !self.queue.is_empty() {
                continue;
            }
            let is_due = self.look_is_due(now_ms);
            if is_due {
                self.look(now_ms);
            }
            let is_leaving = is_due && self.lanes.iter().any(|open| open.ending);
            if self.queue.is_empty() && !is_leaving {
                return if is_busy { Turn::Event(Event::Passing) } else { Turn::Idle };
            }
        }
    }

    /// Moves a lane to its next line; false when none has one, or when there is something to tell first.
    fn read(&mut self, now_ms: i64) -> bool {
        if self.lanes.len() > 1 && self.taken() >= TURN_BYTES {
            self.next_lane();
        }
        for _ in 0..self.lanes.len() {
            if self.read_lane(now_ms) {
                self.told_lane = self.lanes.get(self.turn.0).map_or(0, |open| open.lane);
                return true;
            }
            if !self.queue.is_empty() {
                return false;
            }
            self.next_lane();
        }
        false
    }

    /// Bytes that the lane whose turn it is has handed on in it.
    fn taken(&self) -> u64 {
        let end = self.lanes.get(self.turn.0).map_or(0, |open| open.reader.end());
        end.saturating_sub(self.turn.1)
    }

    fn next_lane(&mut self) {
        let next = (self.turn.0 + 1) % self.lanes.len().max(1);
        self.turn = (next, self.lanes.get(next).map_or(0, |open| open.reader.end()));
    }

    fn read_lane(&mut self, now_ms: i64) -> bool {
        let Some(open) = self.lanes.get_mut(self.turn.0) else { return false };
        if open.left {
            self.close();
            return false;
        }
        if open.is_waiting(now_ms) {
            return false;
        }
        if open.ending {
            return self.read_last_line(now_ms);
        }
        match open.reader.advance() {
            Ok(Advance::Line) => {
                open.grew(now_ms);
                true
            }
            Ok(Advance::Rewritten { lost_bytes }) => {
                self.rewritten(lost_bytes, now_ms);
                self.read_last_line(now_ms)
            }
            Ok(Advance::Working) => {
                self.tell(Event::Passing);
                false
            }
            Ok(_) => self.reached_end(now_ms),
            Err(error) if open.settles.is_some() && packed::is_damage(&error) => {
                self.damaged(&error, now_ms);
                self.read_last_line(now_ms)
            }
            Err(error) => {
                self.failed(&error, now_ms);
                false
            }
        }
    }

    fn reached_end(&mut self, now_ms: i64) -> bool {
        let Some(open) = self.lanes.get_mut(self.turn.0) else { return false };
        open.reached_end(now_ms);
        open.ending = open.settles.is_some();
        if open.ending {
            return self.read_last_line(now_ms);
        }
        let is_partial = open.is_abandoned(now_ms) && open.reader.take_partial();
        self.tell_passed(now_ms);
        is_partial
    }

    /// The last line of a file that is left may lack its newline.
    fn read_last_line(&mut self, now_ms: i64) -> bool {
        let Some(open) = self.lanes.get_mut(self.turn.0) else { return false };
        if open.reader.end_of_file() == Advance::Line {
            return true;
        }
        open.left = true;
        let left = (open.lane, Event::Left(open.place()));
        self.tell_passed(now_ms);
        self.queue.push_back(left);
        false
    }

    fn rewritten(&mut self, lost_bytes: u64, now_ms: i64) {
        let Some(open) = self.lanes.get_mut(self.turn.0) else { return };
        open.ending = true;
        if lost_bytes > 0 {
            let place = open.place();
            self.lost(&place, now_ms, lost_bytes, "was overwritten before it was read to its end");
        }
    }

    fn damaged(&mut self, error: &std::io::Error, now_ms: i64) {
        let Some(open) = self.lanes.get_mut(self.turn.0) else { return };
        open.ending = true;
        let place = open.place();
        self.lost(&place, now_ms, 0, &damage(error));
    }

    fn failed(&mut self, error: &std::io::Error, now_ms: i64) {
        let Some(open) = self.lanes.get_mut(self.turn.0) else { return };
        open.failed(error, now_ms);
        // What was opened is no more, on a network file system: it is opened again.
        if error.raw_os_error() == Some(rustix::io::Errno::STALE.raw_os_error()) {
            open.left = true;
            let left = (open.lane, Event::Left(open.place()));
            self.queue.push_back(left);
        }
        let trouble = self.lane_trouble();
        self.trouble_with(trouble);
    }

    pub(super) fn lane_trouble(&self) -> Option<String> {
        self.lanes.iter().find_map(Open::trouble)
    }

    fn close(&mut self) {
        if self.turn.0 >= self.lanes.len() {
            return;
        }
        let open = self.lanes.remove(self.turn.0);
        self.progress.note(open.place());
        open.settles.into_iter().for_each(|settled| self.settle(settled));
        self.turn = (0, self.lanes.first().map_or(0, |open| open.reader.end()));
    }

    /// Reads `open` in a lane of its own.
    pub(super) fn enter(&mut self, mut open: Open) {
        let is_taken = |lane: &usize| self.lanes.iter().any(|other| other.lane == *lane);
        open.lane = (0..LANES_MAX).find(|lane| !is_taken(lane)).unwrap_or(0);
        for settled in std::mem::take(&mut self.settled) {
            self.tell(Event::Settled(settled));
        }
        self.progress.note(open.position.clone());
        self.queue.push_back((open.lane, Event::Opened(open.position.clone())));
        self.lanes.push(open);
    }

    /// There is nothing more to read in this compressed file.
    pub(super) fn settle(&mut self, settled: SourcePosition) {
        self.progress.note(settled.clone());
        self.settled.push(settled);
    }

    /// Whether one more file may be read now.
    pub(super) fn has_room(&self) -> bool {
        let lanes = if discover::is_pattern(&self.path) { LANES_MAX } else { 1 };
        self.lanes.len() < lanes
    }

    pub(super) fn leave_what_is_quiet(&mut self, now_ms: i64) {
        for open in &mut self.lanes {
            open.ending |= open.is_quiet(now_ms);
        }
    }

    fn tell_passed(&mut self, now_ms: i64) {
        let Some(open) = self.lanes.get_mut(self.turn.0) else { return };
        let passed = open.take_passed();
        if passed.is_empty() {
            return;
        }
        let place = open.place();
        for (reason, what, bytes) in passed {
            self.declare(&place, now_ms, bytes, reason, what);
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.queue.push_back((self.told_lane, event));
    }

    pub(super) fn lost(&mut self, place: &SourcePosition, now_ms: i64, bytes: u64, what: &str) {
        self.declare(place, now_ms, bytes, GapReason::FileLost, what);
    }

    fn declare(
        &mut self,
        place: &SourcePosition,
        now_ms: i64,
        bytes: u64,
        reason: GapReason,
        what: &str,
    ) {
        let from_ms = if place.last_event_ms == 0 { now_ms } else { place.last_event_ms };
        self.tell(Event::Gap(Gap {
            source: place.source.clone(),
            from_ms: from_ms.min(now_ms),
            to_ms: now_ms,
            reason,
            detail: format!("{} {what}", place.path),
            amount: bytes,
        }));
    }

    pub(super) fn trouble_with(&mut self, trouble: Option<String>) {
        if trouble != self.trouble {
            self.trouble.clone_from(&trouble);
            self.tell(Event::Trouble(trouble));
        }
    }
}

/// What is wrong with a compressed file, for a gap.
pub(super) fn damage(error: &std::io::Error) -> String {
    format!("cannot be unpacked to its end ({error}): what follows in it is lost")
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
