//! Decides which file of a log is read next, and from where.
//!
//! A look at the folder judges each file against what is known: grown, written anew, a copy of one already
//! read, older than all of that, or new. Of the files with something unread the one written to first is
//! read first, rolled ones before the current one.

use std::{fs::File, io, path::Path};

use super::{
    discover::{self, Found},
    follow::{Event, Follower},
    identity,
    judge::{self, OriginalFate, Seen, fate_of, is_at, resume},
    open::Open,
    probe,
    reader::Reader,
};
use crate::{
    config::Start,
    domain::{FileIdentity, SourcePosition, SourceProgress},
};

/// Between two looks at the folder.
const LOOK_INTERVAL_MS: i64 = 1_000;
/// A path that names no file for this long is trouble; less is a rotation under way.
const MISSING_AFTER_MS: i64 = 5_000;

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
    pub(super) fn look_is_due(&self, now_ms: i64) -> bool {
        // A clock set back makes a look due, not impossible.
        let waited =
            |at_ms: i64| !(at_ms..at_ms.saturating_add(LOOK_INTERVAL_MS)).contains(&now_ms);
        // At the end of a file of a backlog the next one is not waited for.
        let is_free = self.probe.is_none()
            && self.lanes.iter().all(|open| open.is_quiet(now_ms) || open.ending);
        is_free || self.looked_ms.is_none_or(waited)
    }

    pub(super) fn look(&mut self, now_ms: i64) {
        self.looked_ms = Some(now_ms);
        let mut found = match discover::discover_all(&self.path) {
            Ok(found) => found,
            Err(error) => return self.trouble_with(Some(folder_trouble(&self.path, &error))),
        };
        self.note_what_is_open();
        self.dismissed.retain(|known| found.iter().any(|file| Seen::of(file) == *known));
        self.news.retain(|at| found.iter().any(|file| file.packing.is_some() && file.at() == *at));
        if let Some(start) = self.start.take() {
            self.settle_at_start(start, &found);
        }
        if std::mem::take(&mut self.returned) {
            self.look_after_return(&mut found, now_ms);
        }
        let mut trouble = self.missing(&found, now_ms).or_else(|| self.lane_trouble());
        self.unread_bytes = found.iter().map(|file| self.unread_of(file)).sum();
        self.go_on(&found, &mut trouble, now_ms);
        self.trouble_with(trouble);
    }

    /// What is known of a file being read is how far it was read by now.
    fn note_what_is_open(&mut self) {
        for open in &self.lanes {
            if let Some(known) = self.progress.files.iter_mut().find(|known| open.is_of(known)) {
                *known = open.place();
            }
        }
    }

    /// Opens files with something unread while there is room for them; without room, leaves what is quiet.
    fn go_on(&mut self, found: &[Found], trouble: &mut Option<String>, now_ms: i64) {
        for file in found {
            if self.probe.is_some() {
                // One at a time: what it is decides whether the next file may be read.
                break;
            }
            if self.is_of_no_concern(file) {
                continue;
            }
            if probe::is_in_the_making(file, now_ms) {
                // Read later, it would be behind what is newer, and taken for old after a restart.
                self.meet_packed(file, found);
                break;
            }
            if file.packing.is_some() {
                self.judge_packed(file, found, trouble, now_ms);
                continue;
            }
            match self.judge(file, found) {
                Ok((_, Verdict::Read(_))) if !self.has_room() => {
                    return self.leave_what_is_quiet(now_ms);
                }
                Ok((open, Verdict::Read(position))) => {
                    let reader = Reader::new(open, position.identity, position.offset);
                    self.enter(Open::new(reader, position, file.at(), file.modified_ns));
                }
                Ok((_, Verdict::Dismiss)) if judge::is_settled(file, now_ms) => {
                    self.dismissed.insert(Seen::of(file));
                }
                Ok((_, Verdict::Dismiss | Verdict::Wait)) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => *trouble = Some(file_trouble(file, &error)),
            }
        }
        if self.probe.as_ref().is_some_and(|probe| probe.is_ready)
            || self.lanes.iter().any(|open| open.reader.source().is_unlinked())
        {
            self.leave_what_is_quiet(now_ms);
        }
    }

    /// Told without opening the file, which was judged as it is now. A known file with something unread, or
    /// emptied, is always of concern: it cannot grow to its old size unnoticed.
    fn is_of_no_concern(&self, file: &Found) -> bool {
        let is_judged = self.dismissed.contains(&Seen::of(file));
        let nothing_unread = match self.known(file) {
            Some(known) if file.packing.is_none() => is_judged && known.offset == file.bytes,
            Some(_) => is_judged,
            None => is_judged || file.bytes == 0,
        };
        nothing_unread || self.is_open(file)
    }

    fn is_open(&self, file: &Found) -> bool {
        self.lanes.iter().any(|open| open.at == file.at())
    }

    fn unread_of(&self, file: &Found) -> u64 {
        if let Some(open) = self.lanes.iter().find(|open| open.at == file.at()) {
            return file.bytes.saturating_sub(open.reader.end());
        }
        match self.known(file) {
            _ if self.is_of_no_concern(file) => 0,
            Some(known) => file.bytes.saturating_sub(known.offset),
            None => file.bytes,
        }
    }

    fn judge(&self, candidate: &Found, found: &[Found]) -> io::Result<(File, Verdict)> {
        let file = File::open(&candidate.path)?;
        let identity = identity::of(&file)?;
        if !is_at(&identity, candidate) {
            return Ok((file, Verdict::Wait));
        }
        let verdict = match self.known(candidate) {
            Some(known) => match resume(known, identity, candidate, &file)? {
                position
                    if position.offset == candidate.bytes
                        && position.generation == known.generation =>
                {
                    Verdict::Dismiss
                }
                position => Verdict::Read(position),
            },
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
        let whole = self.position(candidate, identity, 0);
        if candidate.current {
            return Ok(Verdict::Read(whole));
        }
        for original in self.progress.files.iter().rev() {
            if !judge::begins_like(candidate, original) {
                continue;
            }
            let holds = identity::holds(file, original)?;
            match self.fate(original, found)? {
                // It is being made, or the original will be truncated any moment.
                OriginalFate::StillCurrent if holds || candidate.bytes < original.offset => {
                    return Ok(Verdict::Wait);
                }
                OriginalFate::Gone | OriginalFate::Rewritten if holds => {
                    return Ok(judge_copy(candidate, identity, original));
                }
                _ => {}
            }
        }
        Ok(match candidate.modified_ns < self.read_until_ns(found) {
            true => Verdict::Dismiss,
            false => Verdict::Read(whole),
        })
    }

    /// What became of a known file: what its inode held before it was written anew is not there any more.
    pub(super) fn fate(&self, known: &SourcePosition, found: &[Found]) -> io::Result<OriginalFate> {
        let is_newer = |other: &SourcePosition| {
            other.identity.is_same_inode(&known.identity) && other.generation > known.generation
        };
        match self.progress.files.iter().any(is_newer) {
            true => Ok(OriginalFate::Rewritten),
            false => fate_of(known, found),
        }
    }

    pub(super) fn known(&self, file: &Found) -> Option<&SourcePosition> {
        let here = self.progress.files.iter().filter(|known| is_at(&known.identity, file));
        here.max_by_key(|known| known.generation)
    }

    /// What was last written to before this was read, or was not to be: the newest file that holds what
    /// was counted of it, or is a whole copy of one; without one, the newest entry that was counted. A file
    /// of which nothing was counted tells nothing: any other may have its inode by now.
    pub(super) fn read_until_ns(&self, found: &[Found]) -> i128 {
        let is_as_known = |file: &&Found| match self.known(file) {
            Some(known) if known.offset == 0 => false,
            Some(known) => !matches!(fate_of(known, found), Ok(OriginalFate::Rewritten)),
            None => self.progress.files.iter().any(|known| judge::is_copy(file, known)),
        };
        let modified = |file: &Found| file.modified_ns;
        if discover::is_pattern(&self.path) {
            // Written to beside each other, so that none tells of another: what is unknown is news, unless
            // it may have been forgotten, which befalls the oldest.
            let is_all_known = self.progress.files.len() < SourceProgress::FILES_MAX;
            let as_known = found.iter().filter(is_as_known).filter(|_| !is_all_known);
            return as_known.map(modified).min().unwrap_or(i128::MIN);
        }
        let unchanged = found.iter().filter(is_as_known).map(modified).max();
        let newest_event_ms = self.progress.files.iter().map(|known| known.last_event_ms).max();
        let counted = newest_event_ms
            .filter(|ms| (1..=self.looked_ms.unwrap_or(0)).contains(ms))
            .map(|ms| i128::from(ms) * 1_000_000);
        // Of files that begin like a known one the oldest is that one.
        let alike = || {
            let is_alike = |file: &&Found| {
                self.known(file).is_none()
                    && self.progress.files.iter().any(|known| judge::begins_like(file, known))
            };
            found.iter().filter(is_alike).map(modified).min()
        };
        // Without one nothing tells what was read before: the whole of it is taken for read.
        let is_known = |file: &&Found| self.known(file).is_some_and(|known| known.offset > 0);
        let known = || found.iter().filter(is_known).map(modified).max();
        unchanged.or(counted).or_else(alike).or_else(known).unwrap_or(i128::MIN)
    }

    pub(super) fn position(
        &self,
        file: &Found,
        identity: FileIdentity,
        offset: u64,
    ) -> SourcePosition {
        SourcePosition {
            source: self.progress.source.to_string(),
            path: file.path.display().to_string(),
            identity,
            offset,
            ..SourcePosition::default()
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
            let opened = settled.then(|| File::open(&file.path)).and_then(Result::ok);
            // A file that cannot be opened now is told of, and judged when it can.
            let Some(opened) = opened else { continue };
            if let Ok(identity) = identity::of(&opened) {
                let mut position = self.position(file, identity, file.bytes);
                position.tail_hash = identity::tail_hash_at(&opened, file.bytes).unwrap_or(0);
                self.progress.note(position.clone());
                self.tell(Event::Settled(position));
            }
        }
    }

    /// After a restart: the file that was being read may bear any name now, or be gone.
    fn look_after_return(&mut self, found: &mut Vec<Found>, now_ms: i64) {
        let Some(last) = self.progress.files.last().cloned() else { return };
        if !found.iter().any(|file| is_at(&last.identity, file)) {
            let renamed = discover::find_renamed(&self.path, &last.identity).ok().flatten();
            let holds =
                |file: &Found| File::open(&file.path).and_then(|f| identity::holds(&f, &last));
            if let Some(file) = renamed.filter(|file| holds(file).unwrap_or(false)) {
                found.insert(0, file);
            }
        }
        let fate = self.fate(&last, found).unwrap_or(OriginalFate::StillThere);
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
            .any(|file| judge::begins_like(file, original))
    }

    fn missing(&mut self, found: &[Found], now_ms: i64) -> Option<String> {
        let is_there = match discover::is_pattern(&self.path) {
            true => found.iter().any(|file| file.packing.is_none()),
            false => found.iter().any(|file| file.current),
        };
        if is_there {
            self.missing_since_ms = None;
            return None;
        }
        let since_ms = *self.missing_since_ms.get_or_insert(now_ms);
        (self.lanes.is_empty() || now_ms - since_ms >= MISSING_AFTER_MS).then(|| {
            format!(
                "no file at {}; correct `path`, or wait until it is written: it is looked for each second",
                self.path.display()
            )
        })
    }
}

/// A copy is read from where its original was read to.
fn judge_copy(candidate: &Found, identity: FileIdentity, original: &SourcePosition) -> Verdict {
    match candidate.bytes > original.offset {
        true => Verdict::Read(SourcePosition {
            path: candidate.path.display().to_string(),
            identity,
            ..original.clone()
        }),
        false => Verdict::Dismiss,
    }
}

fn folder_trouble(path: &Path, error: &io::Error) -> String {
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

pub(super) fn file_trouble(file: &Found, error: &io::Error) -> String {
    format!(
        "{} cannot be opened ({error}); let the agent's user read it, e.g. by its group: it is tried again each second",
        file.path.display()
    )
}
