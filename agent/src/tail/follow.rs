//! Decides which file of a log is read next, and from where.
//!
//! Every file ever read is known by its identity and the offset up to which it was read. A look at the
//! folder judges each file against that memory: grown, written anew, a copy of one already read, older
//! than all of that, or new. Of the files with something unread the one written to first is read first,
//! and left only when it is at its end and quiet.

use std::{
    collections::{HashSet, VecDeque},
    fs::File,
    io,
    path::PathBuf,
};

use super::{
    discover::{self, Found},
    identity,
    judge::{COPY_HEAD_BYTES_MIN, OriginalFate, Seen, begins_like, fate_of, is_at, resume},
    open::Open,
    reader::{Advance, Reader},
};
use crate::{
    config::Start,
    domain::{FileIdentity, Gap, GapReason, SourcePosition, SourceProgress},
};

/// Between two looks at the folder.
const LOOK_INTERVAL_MS: i64 = 1_000;
/// A path that names no file for this long is trouble; less is a rotation under way.
const MISSING_AFTER_MS: i64 = 5_000;

/// What happened besides lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Lines from now on are of this file, from this offset on: what was unfinished before is complete.
    Opened(SourcePosition),
    /// This file is not to be read up to this offset: it was there before counting began.
    Settled(SourcePosition),
    /// Something is lost for real.
    Gap(Gap),
    /// What keeps the log from being read, in words for a person; `None` when all is well again.
    Trouble(Option<String>),
}

/// One step of following.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A line without its end, and the offset after it in the file opened last.
    Line {
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
    path: PathBuf,
    progress: SourceProgress,
    /// Set until the first look at a log never seen before.
    start: Option<Start>,
    /// The next look is the first after a restart: what vanished since was lost unseen.
    returned: bool,
    open: Option<Open>,
    queue: VecDeque<Event>,
    trouble: Option<String>,
    missing_since_ms: Option<i64>,
    looked_ms: Option<i64>,
    /// Unknown files that are of no concern, as they were when judged.
    dismissed: HashSet<Seen>,
}

enum Turn {
    Line,
    Event(Event),
    Idle,
}

/// What a file in the folder means.
enum Verdict {
    /// Nothing to read in it, now or ever.
    Dismiss,
    /// Nothing to say yet.
    Wait,
    /// To be read from this position.
    Read(SourcePosition),
}

impl Follower {
    /// Follows the log at `path` from `progress` on; `start` is `Some` for a log never seen before.
    pub fn new(path: PathBuf, progress: SourceProgress, start: Option<Start>) -> Follower {
        Follower {
            path,
            returned: !progress.files.is_empty(),
            progress,
            start,
            open: None,
            queue: VecDeque::new(),
            trouble: None,
            missing_since_ms: None,
            looked_ms: None,
            dismissed: HashSet::new(),
        }
    }

    /// The next line, event, or nothing for now. `now_ms` is the wall clock.
    pub fn step(&mut self, now_ms: i64) -> Step<'_> {
        match self.turn(now_ms) {
            Turn::Event(event) => Step::Event(event),
            Turn::Line => match &self.open {
                Some(open) => {
                    let (bytes, end) = open.reader.line();
                    Step::Line { bytes, end }
                }
                None => Step::Idle,
            },
            Turn::Idle => Step::Idle,
        }
    }

    /// The file being read, its identity as it is known now, and the offset after the last whole line.
    pub fn place(&self) -> Option<SourcePosition> {
        self.open.as_ref().map(Open::place)
    }

    fn turn(&mut self, now_ms: i64) -> Turn {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Turn::Event(event);
            }
            if self.read(now_ms) {
                return Turn::Line;
            }
            if !self.look_is_due(now_ms) {
                return Turn::Idle;
            }
            self.look(now_ms);
            let is_leaving = self.open.as_ref().is_some_and(|open| open.ending);
            if self.queue.is_empty() && !is_leaving {
                return Turn::Idle;
            }
        }
    }

    /// Moves the open file to its next line; false when it has none.
    fn read(&mut self, now_ms: i64) -> bool {
        let Some(open) = &mut self.open else { return false };
        if !open.ending {
            match open.reader.advance() {
                Ok(Advance::Line) => {
                    open.grew(now_ms);
                    return true;
                }
                Ok(Advance::End) => {
                    open.reached_end(now_ms);
                    return false;
                }
                Ok(Advance::Rewritten { lost_bytes }) => self.rewritten(lost_bytes, now_ms),
                Err(error) => {
                    let trouble = format!(
                        "{} cannot be read ({error}); look at its disk, it is tried again each second",
                        open.position.path
                    );
                    self.trouble_with(Some(trouble));
                    self.close();
                    return false;
                }
            }
        }
        self.read_last_line()
    }

    /// The last line of a file that is left may lack its newline.
    fn read_last_line(&mut self) -> bool {
        let last = self.open.as_mut().map(|open| open.reader.end_of_file());
        if last == Some(Advance::Line) {
            return true;
        }
        self.close();
        false
    }

    fn rewritten(&mut self, lost_bytes: u64, now_ms: i64) {
        let Some(open) = &mut self.open else { return };
        open.ending = true;
        if lost_bytes > 0 {
            let place = open.place();
            self.lost(&place, now_ms, lost_bytes, "was overwritten before it was read to its end");
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.progress.note(open.place());
        }
    }

    fn look_is_due(&self, now_ms: i64) -> bool {
        // A clock set back makes a look due, not impossible.
        let waited =
            |at_ms: i64| !(at_ms..at_ms.saturating_add(LOOK_INTERVAL_MS)).contains(&now_ms);
        // At the end of a file of a backlog the next one is not waited for.
        self.open.as_ref().is_none_or(|open| open.is_quiet(now_ms) || open.ending)
            || self.looked_ms.is_none_or(waited)
    }

    fn look(&mut self, now_ms: i64) {
        self.looked_ms = Some(now_ms);
        let mut found = match discover::discover(&self.path) {
            Ok(found) => found,
            Err(error) => return self.trouble_with(Some(folder_trouble(&self.path, &error))),
        };
        self.dismissed.retain(|known| found.iter().any(|file| Seen::of(file) == *known));
        if let Some(start) = self.start.take() {
            self.settle_at_start(start, &found);
        }
        if std::mem::take(&mut self.returned) {
            self.look_after_return(&mut found, now_ms);
        }
        let mut trouble = self.missing(&found, now_ms);
        if let Some(next) = self.next(&found, &mut trouble) {
            self.go_to(next, now_ms);
        } else if self.open.as_ref().is_some_and(|o| o.reader.is_unlinked()) {
            self.leave_when_quiet(now_ms);
        }
        self.trouble_with(trouble);
    }

    /// Opens `next`, or, while another file is open, leaves that one as soon as it is quiet.
    fn go_to(&mut self, (file, position, modified_ns): (File, SourcePosition, i128), now_ms: i64) {
        if self.open.is_some() {
            return self.leave_when_quiet(now_ms);
        }
        self.queue.push_back(Event::Opened(position.clone()));
        self.progress.note(position.clone());
        let reader = Reader::new(file, position.identity, position.offset);
        self.open = Some(Open::new(reader, position, modified_ns));
    }

    fn leave_when_quiet(&mut self, now_ms: i64) {
        if let Some(open) = &mut self.open {
            open.ending |= open.is_quiet(now_ms);
        }
    }

    /// The oldest file with something unread, opened; files that cannot be opened are trouble.
    fn next(
        &mut self,
        found: &[Found],
        trouble: &mut Option<String>,
    ) -> Option<(File, SourcePosition, i128)> {
        for candidate in found {
            if self.is_of_no_concern(candidate) {
                continue;
            }
            match self.judge(candidate, found) {
                Ok((file, Verdict::Read(position))) => {
                    return Some((file, position, candidate.modified_ns));
                }
                Ok((_, Verdict::Dismiss)) => {
                    self.dismissed.insert(Seen::of(candidate));
                }
                Ok((_, Verdict::Wait)) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => *trouble = Some(file_trouble(candidate, &error)),
            }
        }
        None
    }

    /// Told without opening the file. A known file that was emptied is of concern: noted at once, it
    /// cannot grow to its old size unnoticed.
    fn is_of_no_concern(&self, file: &Found) -> bool {
        let is_open = self.open.as_ref().is_some_and(|open| is_at(&open.position.identity, file));
        let nothing_unread = match self.known(file) {
            Some(known) => known.offset == file.bytes,
            None => file.bytes == 0 || self.dismissed.contains(&Seen::of(file)),
        };
        is_open || nothing_unread
    }

    fn judge(&self, candidate: &Found, found: &[Found]) -> io::Result<(File, Verdict)> {
        let file = File::open(&candidate.path)?;
        let identity = identity::of(&file)?;
        if !is_at(&identity, candidate) {
            return Ok((file, Verdict::Wait));
        }
        let verdict = match self.known(candidate) {
            Some(known) => Verdict::Read(resume(known, identity, candidate, &file)?),
            None => self.judge_unknown(candidate, identity, &file, found)?,
        };
        Ok((file, verdict))
    }

    fn judge_unknown(
        &self,
        candidate: &Found,
        identity: FileIdentity,
        file: &File,
        found: &[Found],
    ) -> io::Result<Verdict> {
        let whole = self.position(candidate, identity, 0, 0);
        if candidate.current {
            return Ok(Verdict::Read(whole));
        }
        if let Some(original) = self.original_of(file)? {
            match fate_of(original, found)? {
                OriginalFate::Gone | OriginalFate::Rewritten => {
                    return Ok(self.judge_copy(candidate, identity, original));
                }
                OriginalFate::StillCurrent => return Ok(Verdict::Wait),
                OriginalFate::StillThere => {}
            }
        }
        Ok(match candidate.modified_ns < self.read_until_ns(found) {
            true => Verdict::Dismiss,
            false => Verdict::Read(whole),
        })
    }

    /// A copy is read from where its original was read to.
    fn judge_copy(
        &self,
        candidate: &Found,
        identity: FileIdentity,
        original: &SourcePosition,
    ) -> Verdict {
        match candidate.bytes > original.offset {
            true => Verdict::Read(self.position(
                candidate,
                identity,
                original.generation,
                original.offset,
            )),
            false => Verdict::Dismiss,
        }
    }

    /// The known file that this one begins like.
    fn original_of(&self, file: &File) -> io::Result<Option<&SourcePosition>> {
        for known in self.progress.files.iter().rev() {
            if known.identity.head_bytes >= COPY_HEAD_BYTES_MIN
                && identity::head_matches(file, &known.identity)?
            {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    fn known(&self, file: &Found) -> Option<&SourcePosition> {
        self.progress.files.iter().find(|known| is_at(&known.identity, file))
    }

    /// What was last written to before this was read, or was not to be. A known file that was written
    /// anew says nothing of when its old content ended; a copy of that content does.
    fn read_until_ns(&self, found: &[Found]) -> i128 {
        let is_as_known = |file: &&Found| match self.known(file) {
            Some(known) => !matches!(fate_of(known, found), Ok(OriginalFate::Rewritten)),
            None => self.progress.files.iter().any(|known| begins_like(file, known)),
        };
        let newest = |file: &Found| file.modified_ns;
        let unchanged = found.iter().filter(is_as_known).map(newest).max();
        // Without one nothing tells what was read before: the whole of it is taken for read.
        let known = || found.iter().filter(|file| self.known(file).is_some()).map(newest).max();
        unchanged.or_else(known).unwrap_or(i128::MIN)
    }

    fn position(
        &self,
        file: &Found,
        identity: FileIdentity,
        generation: u32,
        offset: u64,
    ) -> SourcePosition {
        SourcePosition {
            source: self.progress.source.to_string(),
            path: file.path.display().to_string(),
            identity,
            generation,
            offset,
            tail_hash: 0,
            last_event_ms: 0,
        }
    }

    /// At the first start ever: what is there and shall not be counted is settled.
    fn settle_at_start(&mut self, start: Start, found: &[Found]) {
        let month_ns = self.progress.not_before_ms.map(|ms| i128::from(ms) * 1_000_000);
        for file in found {
            let settled = match start {
                Start::End => true,
                Start::Beginning => false,
                Start::Month => month_ns.is_some_and(|from| file.modified_ns < from),
            };
            let identity = || File::open(&file.path).and_then(|open| identity::of(&open));
            // A file that cannot be opened now is told of, and judged when it can.
            if let Some(identity) = settled.then(identity).and_then(Result::ok) {
                let position = self.position(file, identity, 0, file.bytes);
                self.progress.note(position.clone());
                self.queue.push_back(Event::Settled(position));
            }
        }
    }

    /// After a restart: the file that was being read may bear any name now, or be gone.
    fn look_after_return(&mut self, found: &mut Vec<Found>, now_ms: i64) {
        let Some(last) = self.progress.files.last().cloned() else { return };
        if !found.iter().any(|file| is_at(&last.identity, file)) {
            let FileIdentity { device, inode, .. } = last.identity;
            let renamed = discover::find_renamed(&self.path, device, inode).ok().flatten();
            let is_same = |file: &Found| {
                File::open(&file.path).and_then(|f| identity::head_matches(&f, &last.identity))
            };
            if let Some(file) = renamed.filter(|file| is_same(file).unwrap_or(false)) {
                found.insert(0, file);
            }
        }
        let fate = fate_of(&last, found).unwrap_or(OriginalFate::StillThere);
        let is_lost = matches!(fate, OriginalFate::Gone | OriginalFate::Rewritten);
        if is_lost && !self.has_copy(&last, found) {
            let what = match fate {
                OriginalFate::Rewritten => "was overwritten while the agent was off",
                _ => "vanished while the agent was off",
            };
            self.lost(&last, now_ms, 0, what);
        }
    }

    fn has_copy(&self, original: &SourcePosition, found: &[Found]) -> bool {
        found
            .iter()
            .filter(|file| !file.current && self.known(file).is_none())
            .any(|file| begins_like(file, original))
    }

    fn lost(&mut self, place: &SourcePosition, now_ms: i64, bytes: u64, what: &str) {
        let from_ms = if place.last_event_ms == 0 { now_ms } else { place.last_event_ms };
        self.queue.push_back(Event::Gap(Gap {
            source: place.source.clone(),
            from_ms: from_ms.min(now_ms),
            to_ms: now_ms,
            reason: GapReason::FileLost,
            detail: format!("{} {what}", place.path),
            amount: bytes,
        }));
    }

    fn missing(&mut self, found: &[Found], now_ms: i64) -> Option<String> {
        let is_there = match discover::is_pattern(&self.path) {
            true => !found.is_empty(),
            false => found.iter().any(|file| file.current),
        };
        if is_there {
            self.missing_since_ms = None;
            return None;
        }
        let since_ms = *self.missing_since_ms.get_or_insert(now_ms);
        (self.open.is_none() || now_ms - since_ms >= MISSING_AFTER_MS).then(|| {
            format!(
                "no file at {}; correct `path`, or wait until it is written: it is looked for each second",
                self.path.display()
            )
        })
    }

    fn trouble_with(&mut self, trouble: Option<String>) {
        if trouble != self.trouble {
            self.trouble.clone_from(&trouble);
            self.queue.push_back(Event::Trouble(trouble));
        }
    }
}

fn folder_trouble(path: &std::path::Path, error: &io::Error) -> String {
    let folder = discover::folder_of(path).display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("folder {folder} does not exist; correct `path`: it is looked for each second")
        }
        _ => format!(
            "folder {folder} cannot be listed ({error}); let the agent's user read it: it is tried again each second"
        ),
    }
}

fn file_trouble(file: &Found, error: &io::Error) -> String {
    format!(
        "{} cannot be opened ({error}); let the agent's user read it, e.g. by its group: it is tried again each second",
        file.path.display()
    )
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
