//! Compressed rolled files: which known file one was, and whether anything of it is not counted yet.
//!
//! A compressed file is known by what is inside. If that begins like a known file that lies no more where
//! it lay, it is unpacked up to the offset counted of that file, and the bytes before it must be those that
//! were counted last (`tail_hash`). What follows is read under the identity of the original, with offsets
//! of the unpacked text, so that the position means the same wherever it is resumed. A compressed file that
//! was no known file is read whole when it was written after everything that is known, and else passed over.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read},
};

use super::{
    discover::Found,
    follow::{Follower, damage},
    identity,
    judge::{COPY_HEAD_BYTES_MIN, OriginalFate, Seen, is_at},
    look::file_trouble,
    open::Open,
    packed::{self, Packing},
    reader::{Advance, Reader},
};
use crate::domain::{FileIdentity, SourcePosition};

/// Nothing is taken from a compressed file written to less than this ago: it may not be finished.
const FINISHED_AFTER_MS: i64 = 10_000;

/// See the module.
pub(super) struct Probe {
    file: Found,
    packing: Packing,
    open: Open,
    /// Known files that it may be besides the one that is tried.
    originals: VecDeque<SourcePosition>,
    /// Holds what was counted, and more: waits for its turn.
    pub(super) is_ready: bool,
}

/// What a compressed file means beside the known files.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// Nothing can be said while its original is there.
    Wait,
    /// Everything in it is known, or older than counting.
    Dismiss,
    /// One of these, the likeliest first, or else news.
    Was { originals: VecDeque<SourcePosition>, is_news: bool },
}

/// What a known file with the same beginning is now.
struct Alike {
    original: SourcePosition,
    fate: OriginalFate,
    /// Nothing of the original is unread.
    is_read: bool,
    /// The compressed file itself, met before.
    is_itself: bool,
}

fn meaning(alike: Vec<Alike>, is_newest: bool) -> Meaning {
    let is_left =
        |a: &Alike| a.is_itself || matches!(a.fate, OriginalFate::Gone | OriginalFate::Rewritten);
    let there = alike.iter().find(|a| !is_left(a));
    let is_there = there.map(|a| a.is_read);
    let originals: VecDeque<_> = alike.into_iter().filter(is_left).map(|a| a.original).collect();
    match (originals.is_empty(), is_there) {
        (true, Some(true)) => Meaning::Dismiss,
        (true, Some(false)) => Meaning::Wait,
        (true, None) if !is_newest => Meaning::Dismiss,
        _ => Meaning::Was { originals, is_news: is_newest },
    }
}

/// Whether a compressed file may not be finished: nothing is taken from it yet, and nothing newer is begun.
pub(super) fn is_in_the_making(file: &Found, now_ms: i64) -> bool {
    let modified_ms = (file.modified_ns / 1_000_000) as i64;
    file.packing.is_some() && (now_ms - FINISHED_AFTER_MS..=now_ms).contains(&modified_ms)
}

impl Follower {
    /// Judges a compressed file, and begins to unpack it where that is needed to know more.
    pub(super) fn judge_packed(
        &mut self,
        file: &Found,
        found: &[Found],
        trouble: &mut Option<String>,
        now_ms: i64,
    ) {
        self.meet_packed(file, found);
        match self.begin_probe(file, found) {
            Ok(Some(probe)) => self.probe = Some(probe),
            Ok(None) => {}
            Err(error) if packed::is_damage(&error) => self.set_aside(file, &error, now_ms),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => *trouble = Some(file_trouble(file, &error)),
        }
    }

    /// Notes whether it holds what is newer than all that was read: by the time that it is finished, newer
    /// files may have been read on.
    pub(super) fn meet_packed(&mut self, file: &Found, found: &[Found]) {
        if file.modified_ns >= self.read_until_ns(found) {
            self.news.insert(file.at());
        }
    }

    fn begin_probe(&mut self, file: &Found, found: &[Found]) -> io::Result<Option<Probe>> {
        let Some(packing) = file.packing else { return Ok(None) };
        let open = File::open(&file.path)?;
        if !is_at(&identity::of(&open)?, file) {
            return Ok(None);
        }
        if self.is_settled(file, &open)? {
            self.dismissed.insert(Seen::of(file));
            return Ok(None);
        }
        let head = head_of(open.try_clone()?, packing)?;
        let alike = self.alike(file, &head, found)?;
        match meaning(alike, self.news.contains(&file.at())) {
            Meaning::Wait => Ok(None),
            Meaning::Dismiss => {
                self.dismissed.insert(Seen::of(file));
                Ok(None)
            }
            Meaning::Was { mut originals, is_news } => {
                let mut whole = self.position(file, identity::with_head(&open, &head)?, 0);
                whole.generation = self.next_generation(file);
                let first = originals.pop_front();
                if is_news {
                    originals.push_back(whole.clone());
                }
                let open = self.unpack(file, packing, first.unwrap_or(whole))?;
                let file = file.clone();
                Ok(Some(Probe { file, packing, open, originals, is_ready: false }))
            }
        }
    }

    /// Its inode may have been that of a known file, which stays known.
    fn next_generation(&self, file: &Found) -> u32 {
        self.known(file).map_or(0, |known| known.generation.wrapping_add(1))
    }

    /// Noted as read to its end.
    fn is_settled(&self, file: &Found, open: &File) -> io::Result<bool> {
        match self.known(file).filter(|known| known.offset == file.bytes) {
            Some(known) => identity::head_matches(open, &known.identity),
            None => Ok(false),
        }
    }

    fn alike(&self, file: &Found, head: &[u8], found: &[Found]) -> io::Result<Vec<Alike>> {
        let mut alike = Vec::new();
        for original in self.progress.files.iter().rev() {
            if original.identity.head_bytes < COPY_HEAD_BYTES_MIN
                || !identity::begins_with(head, &original.identity)
            {
                continue;
            }
            let there = found.iter().find(|other| is_at(&original.identity, other));
            // What is open is read to its end first.
            let is_open = self.lanes.iter().any(|open| open.is_of(original));
            let fate = if is_open { OriginalFate::StillThere } else { self.fate(original, found)? };
            alike.push(Alike {
                original: original.clone(),
                fate,
                is_read: !is_open && there.is_some_and(|there| there.bytes == original.offset),
                is_itself: is_at(&original.identity, file),
            });
        }
        Ok(alike)
    }

    fn unpack(&self, file: &Found, packing: Packing, from: SourcePosition) -> io::Result<Open> {
        let packed = File::open(&file.path)?;
        let mut settles = self.position(file, identity::of(&packed)?, file.bytes);
        settles.generation = match is_at(&from.identity, file) {
            true => from.generation,
            false => self.next_generation(file),
        };
        let position = SourcePosition { path: file.path.display().to_string(), ..from };
        let stream = packed::unpack(packed.try_clone()?, packing)?;
        let SourcePosition { identity, offset, tail_hash, .. } = position;
        let reader = Reader::packed(packed, stream, identity, offset, tail_hash);
        let mut open = Open::new(reader, position, file.at(), file.modified_ns);
        open.settles = Some(settles);
        Ok(open)
    }

    /// Goes on with what is being unpacked; false when there is nothing to do now.
    pub(super) fn probe(&mut self, now_ms: i64) -> bool {
        let Some(mut probe) = self.probe.take() else { return false };
        if probe.is_ready {
            return match self.has_room() {
                true => {
                    self.enter(probe.open);
                    true
                }
                false => {
                    self.probe = Some(probe);
                    false
                }
            };
        }
        match probe.advance() {
            Ok(Advance::Working) => self.probe = Some(probe),
            Ok(Advance::Verified) => {
                probe.is_ready = true;
                self.probe = Some(probe);
            }
            Ok(Advance::Stranger) => self.try_next(probe, now_ms),
            Ok(_) => {
                self.dismissed.insert(Seen::of(&probe.file));
                probe.open.settles.into_iter().for_each(|settled| self.settle(settled));
            }
            Err(error) => self.probe_failed(&probe, &error, now_ms),
        }
        true
    }

    /// It was not the file that it was taken for.
    fn try_next(&mut self, mut probe: Probe, now_ms: i64) {
        let Some(next) = probe.originals.pop_front() else {
            self.dismissed.insert(Seen::of(&probe.file));
            return;
        };
        match self.unpack(&probe.file, probe.packing, next) {
            Ok(open) => self.probe = Some(Probe { open, ..probe }),
            Err(error) => self.probe_failed(&probe, &error, now_ms),
        }
    }

    fn probe_failed(&mut self, probe: &Probe, error: &io::Error, now_ms: i64) {
        if packed::is_damage(error) {
            self.set_aside(&probe.file, error, now_ms);
        } else {
            self.trouble_with(Some(file_trouble(&probe.file, error)));
        }
    }

    /// What is damaged is told once, and is not tried again unless it changes.
    fn set_aside(&mut self, file: &Found, error: &io::Error, now_ms: i64) {
        let open = File::open(&file.path).and_then(|open| identity::of(&open));
        let mut place = self.position(file, open.unwrap_or_default(), file.bytes);
        place.generation = self.next_generation(file);
        self.lost(&place, now_ms, 0, &damage(error));
        self.dismissed.insert(Seen::of(file));
        if place.identity != FileIdentity::default() {
            self.settle(place);
        }
    }
}

impl Probe {
    /// As [`Reader::advance`], but what holds nothing more than was counted is at its end.
    fn advance(&mut self) -> io::Result<Advance> {
        match self.open.reader.advance()? {
            Advance::Verified if self.open.reader.is_at_end()? => Ok(Advance::End),
            other => Ok(other),
        }
    }
}

/// The first bytes of what is inside.
pub(super) fn head_of(file: File, packing: Packing) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let most = u64::from(identity::HEAD_BYTES_MAX);
    packed::unpack(file, packing)?.take(most).read_to_end(&mut head)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(offset: u64, fate: OriginalFate, is_read: bool) -> Alike {
        let original = SourcePosition { offset, ..SourcePosition::default() };
        Alike { original, fate, is_read, is_itself: false }
    }

    #[test]
    fn what_a_compressed_file_means_depends_on_what_became_of_the_files_that_begin_like_it() {
        use OriginalFate::{Gone, Rewritten, StillCurrent, StillThere};
        assert_eq!(meaning(Vec::new(), false), Meaning::Dismiss);
        let news = Meaning::Was { originals: VecDeque::new(), is_news: true };
        assert_eq!(meaning(Vec::new(), true), news);
        assert_eq!(meaning(vec![alike(5, StillThere, true)], true), Meaning::Dismiss);
        assert_eq!(meaning(vec![alike(5, StillCurrent, false)], true), Meaning::Wait);
        let was = meaning(
            vec![alike(5, StillThere, true), alike(7, Gone, false), alike(3, Rewritten, false)],
            false,
        );
        let Meaning::Was { originals, is_news: false } = was else { panic!("{was:?}") };
        assert_eq!(originals.iter().map(|o| o.offset).collect::<Vec<_>>(), [7, 3]);
    }
}
