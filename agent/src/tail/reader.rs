//! Lines of one open file with the offset after each, borrowed from a buffer wherever they fit in it.
//!
//! What is held back, and what is passed over:
//! - A last line without its newline is held back: whoever writes it has not finished it. Asked to
//!   ([`Reader::take_partial`], [`Reader::end_of_file`]), the reader hands on what is there as the whole
//!   line. The position then stands within a line, and what comes up to the next newline is the rest of a
//!   line that is counted already: it is passed over, also after a restart.
//! - A run of [`NUL_RUN_MIN`] NUL bytes is a hole: blocks that a power cut left empty, or what a writer
//!   without `O_APPEND` leaves before itself after a truncation. It is never part of a line. A hole at the
//!   end of the file is not passed over before something stands behind it, for it may still be filled.
//! - Of a line longer than [`LINE_BYTES_MAX`] the rest is passed over and counted.

use std::{fs::File, io, io::Read, ops::Range};

use memchr::memchr2;

use super::{
    identity::{self, TAIL_BYTES},
    source::{Look, Source},
};
use crate::domain::FileIdentity;

/// Bytes of one line that are handed on; the rest of a longer line is passed over, so that no writer
/// can make the agent's memory grow.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes asked of the file at once. A line that does not fit is gathered apart.
const BUFFER_BYTES: usize = 256 * 1024;
/// Fewer NUL bytes than this are part of their line.
const NUL_RUN_MIN: u64 = 16;
/// Of a compressed file, or of a hole, passed over in one call.
const PASSED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a look at the file gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advance {
    /// A whole line: see [`Reader::line`].
    Line,
    /// Nothing more now.
    End,
    /// Nothing to hand on yet; there is more to pass over.
    Working,
    /// A compressed file holds what was counted: its lines come from now on.
    Verified,
    /// A compressed file does not hold what was counted.
    Stranger,
    /// The file is shorter than what was read of it, or holds something else: it was written anew.
    Rewritten {
        /// Bytes that were seen in it and not read.
        lost_bytes: u64,
    },
}

/// What is not handed on as it stands in the file, since it was last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// Of lines longer than is handed on.
    pub(super) cut_bytes: u64,
    /// Of holes behind which something stands.
    pub(super) hole_bytes: u64,
}

/// What of a compressed file was counted before.
struct Counted {
    until: u64,
    tail_hash: u32,
}

/// A run of NUL bytes that reaches to the end of what was read.
#[derive(Clone, Copy)]
struct Hole {
    from: u64,
    to: u64,
}

enum Found {
    /// In the buffer.
    Here(Range<usize>),
    /// In what was gathered apart.
    Apart,
}

pub(super) struct Reader {
    source: Source,
    identity: FileIdentity,
    buffer: Box<[u8]>,
    /// Offset in the file of the buffer's first byte.
    base: u64,
    filled: usize,
    /// Where the line that is not whole yet begins, or goes on when its beginning is kept apart.
    start: usize,
    /// No newline stands before this.
    scanned: usize,
    /// The beginning of a line that does not fit in the buffer.
    apart: Vec<u8>,
    line: Found,
    /// Offset after the last line handed on.
    end: u64,
    /// The rest of a line that was handed on is passed over.
    passing: bool,
    /// The bytes before the first are read too: they tell whether it is within a line.
    primed: bool,
    counted: Option<Counted>,
    hole: Option<Hole>,
    passed: Passed,
    /// Largest size seen.
    seen_bytes: u64,
}

impl Reader {
    /// Reads `file` from `offset` on.
    pub(super) fn new(file: File, identity: FileIdentity, offset: u64) -> Reader {
        Reader::over(Source::Plain(file), identity, offset, None)
    }

    /// Reads the unpacked `stream` of `file` from `until` on, once it has shown that it holds what was
    /// counted before.
    pub(super) fn packed(
        file: File,
        stream: Box<dyn Read + Send>,
        identity: FileIdentity,
        until: u64,
        tail_hash: u32,
    ) -> Reader {
        let counted = Some(Counted { until, tail_hash });
        Reader::over(Source::Packed { file, stream }, identity, until, counted)
    }

    fn over(
        source: Source,
        identity: FileIdentity,
        offset: u64,
        counted: Option<Counted>,
    ) -> Reader {
        let history = if counted.is_some() { offset } else { offset.min(TAIL_BYTES as u64) };
        let start = if counted.is_some() { 0 } else { history as usize };
        Reader {
            source,
            identity,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            base: offset - history,
            filled: 0,
            start,
            scanned: start,
            apart: Vec::new(),
            line: Found::Here(0..0),
            end: offset,
            passing: false,
            primed: false,
            counted,
            hole: None,
            passed: Passed::default(),
            seen_bytes: offset,
        }
    }

    /// Moves on to the next whole line, if there is one.
    pub(super) fn advance(&mut self) -> io::Result<Advance> {
        self.forget_line();
        if self.counted.is_some() {
            return self.pass_counted();
        }
        loop {
            if self.hole.is_some()
                && let Some(stop) = self.pass_hole()?
            {
                return Ok(stop);
            }
            if self.take_line() {
                return Ok(Advance::Line);
            }
            if self.hole.is_none()
                && let Some(stop) = self.refill()?
            {
                return Ok(stop);
            }
        }
    }

    /// The line that was found last, without its line end, and the offset after it.
    pub(super) fn line(&self) -> (&[u8], u64) {
        let line = match &self.line {
            Found::Here(range) => self.buffer.get(range.clone()).unwrap_or_default(),
            Found::Apart => &self.apart,
        };
        (line.strip_suffix(b"\r").unwrap_or(line), self.end)
    }

    /// What stands after the last newline is taken for a whole line, if anything does.
    pub(super) fn take_partial(&mut self) -> bool {
        self.forget_line();
        let is_there = !self.passing && (self.start < self.filled || !self.apart.is_empty());
        if is_there {
            self.hand_on(self.filled);
            (self.start, self.scanned) = (self.filled, self.filled);
            self.end = self.hole.map_or(self.base + self.filled as u64, |hole| hole.from);
            self.passing = self.hole.is_none();
        }
        is_there
    }

    /// The file ends for good: what stands after its last newline becomes its last line.
    pub(super) fn end_of_file(&mut self) -> Advance {
        if self.take_partial() {
            return Advance::Line;
        }
        if let Some(hole) = self.hole.take() {
            self.passed.hole_bytes += hole.to - hole.from;
        }
        self.end = self.end.max(self.consumed());
        Advance::End
    }

    /// Offset after the last line handed on.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Offset after the last byte taken, an unfinished line included.
    pub(super) fn consumed(&self) -> u64 {
        match self.counted {
            Some(_) => self.end,
            None => (self.base + self.filled as u64).max(self.end),
        }
    }

    pub(super) fn identity(&self) -> FileIdentity {
        self.identity
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Hash of the bytes before `offset`, which is one that was read up to.
    pub(super) fn tail_hash_at(&self, offset: u64) -> u32 {
        let from = offset.saturating_sub(TAIL_BYTES as u64).checked_sub(self.base);
        let to = offset.checked_sub(self.base).filter(|to| *to <= self.filled as u64);
        let here = from.zip(to).and_then(|(from, to)| self.buffer.get(from as usize..to as usize));
        match here {
            Some(before) if self.counted.is_none() => identity::tail_hash(before),
            _ => self.source.tail_hash_at(offset),
        }
    }

    /// Whether a compressed file that was verified holds nothing more.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.start == self.filled && self.refill()?.is_some())
    }

    /// See [`Passed`].
    pub(super) fn take_passed(&mut self) -> Passed {
        std::mem::take(&mut self.passed)
    }

    /// A line was handed on: its place in the buffer may be used again.
    fn forget_line(&mut self) {
        if matches!(self.line, Found::Apart) {
            self.apart = Vec::new();
        }
        self.line = Found::Here(0..0);
    }

    /// Takes the next line from the buffer, if its end stands there.
    fn take_line(&mut self) -> bool {
        loop {
            let fresh = self.buffer.get(self.scanned..self.filled).unwrap_or_default();
            let Some(found) = memchr2(b'\n', 0, fresh) else {
                self.scanned = self.filled;
                return false;
            };
            let at = self.scanned + found;
            if self.buffer.get(at) == Some(&0) {
                if self.meets_nul(at) {
                    return true;
                }
                if self.hole.is_some() {
                    return false;
                }
                continue;
            }
            self.end = self.base + at as u64 + 1;
            let is_line = !std::mem::take(&mut self.passing);
            if is_line {
                self.hand_on(at);
            }
            (self.start, self.scanned) = (at + 1, at + 1);
            if is_line {
                return true;
            }
        }
    }

    /// A NUL byte stands at `at`: part of the line, or a hole. True when the hole tears a line off.
    fn meets_nul(&mut self, at: usize) -> bool {
        let rest = self.buffer.get(at..self.filled).unwrap_or_default();
        let run = rest.iter().position(|b| *b != 0);
        let from = self.base + at as u64;
        let Some(run) = run else {
            self.open_hole(at);
            return false;
        };
        if (run as u64) < NUL_RUN_MIN {
            self.scanned = at + run;
            return false;
        }
        let is_torn = !self.passing && (self.start < at || !self.apart.is_empty());
        if is_torn {
            self.hand_on(at);
            self.end = from;
        }
        self.passing = false;
        self.passed.hole_bytes += run as u64;
        (self.start, self.scanned) = (at + run, at + run);
        is_torn
    }

    /// NUL bytes from `at` on reach to the end of the buffer: what lies behind them is looked for.
    fn open_hole(&mut self, at: usize) {
        let hole = Hole { from: self.base + at as u64, to: self.base + self.filled as u64 };
        self.gather(at);
        self.hole = Some(hole);
        self.restart_at(hole.to);
    }

    /// Looks for the end of the hole; `Some` when there is none yet, or when it tears a line off.
    fn pass_hole(&mut self) -> io::Result<Option<Advance>> {
        let Some(hole) = self.hole else { return Ok(None) };
        if self.is_filled_in(hole)? {
            self.hole = None;
            self.restart_at(hole.from);
            return Ok(None);
        }
        loop {
            let to = self.base + self.filled as u64;
            let data = self.buffer.get(..self.filled).unwrap_or_default();
            if let Some(at) = data.iter().position(|b| *b != 0) {
                return Ok(self.close_hole(hole, at));
            }
            self.hole = Some(Hole { to, ..hole });
            self.restart_at(to);
            if to - hole.to >= PASSED_BYTES_MAX {
                return Ok(Some(Advance::Working));
            }
            if let Some(stop) = self.refill()? {
                return Ok(Some(stop));
            }
        }
    }

    /// Something stands at `at` in the buffer, behind the hole.
    fn close_hole(&mut self, hole: Hole, at: usize) -> Option<Advance> {
        let after = self.base + at as u64;
        self.hole = None;
        if after - hole.from < NUL_RUN_MIN {
            // Part of its line after all.
            if !self.passing {
                self.apart.resize(self.apart.len() + (after - hole.from) as usize, 0);
            }
            (self.start, self.scanned) = (at, at);
            return None;
        }
        self.passed.hole_bytes += after - hole.from;
        (self.start, self.scanned) = (at, at);
        let is_torn = !std::mem::take(&mut self.passing) && !self.apart.is_empty();
        if !is_torn {
            return None;
        }
        self.line = Found::Apart;
        self.end = hole.from;
        Some(Advance::Line)
    }

    /// Whether what was a hole when it was read holds something now.
    fn is_filled_in(&mut self, hole: Hole) -> io::Result<bool> {
        if self.source.is_packed() {
            return Ok(false);
        }
        let mut block = [0; 4096];
        let bytes = (hole.to - hole.from).min(block.len() as u64) as usize;
        let block = block.get_mut(..bytes).unwrap_or_default();
        let read = self.source.read(block, hole.from)?;
        Ok(block.iter().take(read).any(|b| *b != 0))
    }

    /// Empties the buffer; what is read next stands at `offset` in the file.
    fn restart_at(&mut self, offset: u64) {
        self.base = offset;
        (self.filled, self.start, self.scanned) = (0, 0, 0);
    }

    /// The line ends before `at` in the buffer.
    fn hand_on(&mut self, at: usize) {
        if self.apart.is_empty() {
            self.line = Found::Here(self.start..at);
            return;
        }
        self.gather(at);
        self.line = Found::Apart;
    }

    /// Keeps apart what stands of the line before `at`, as far as it is handed on.
    fn gather(&mut self, at: usize) {
        let part = self.buffer.get(self.start..at).unwrap_or_default();
        if !self.passing {
            let room = LINE_BYTES_MAX.saturating_sub(self.apart.len()).min(part.len());
            self.apart.extend_from_slice(part.get(..room).unwrap_or_default());
            self.passed.cut_bytes += (part.len() - room) as u64;
        }
        (self.start, self.scanned) = (at, at);
    }

    /// Makes room behind what is not taken yet and the bytes whose hash tells that the file is the same.
    fn make_room(&mut self) {
        if self.passing || self.filled - self.start >= BUFFER_BYTES / 2 || !self.apart.is_empty() {
            self.gather(self.filled);
        }
        let keep = self.start.min(self.filled).saturating_sub(TAIL_BYTES);
        if keep > 0 {
            self.buffer.copy_within(keep..self.filled, 0);
            self.base += keep as u64;
            self.filled -= keep;
            self.start -= keep;
            self.scanned -= keep;
        }
    }

    /// Reads on; `Some` when there is nothing to read.
    fn refill(&mut self) -> io::Result<Option<Advance>> {
        let from = self.base + self.filled as u64;
        let bytes = match self.source.look(from.max(self.end), &mut self.identity)? {
            Look::Rewritten => return Ok(Some(self.rewritten())),
            Look::Same if self.primed => return self.stay().map(Some),
            // A first read brings the bytes before the position, even where there is nothing behind it.
            Look::Same if from == self.end => return Ok(Some(Advance::End)),
            Look::Same => from,
            Look::Grown(bytes) => bytes,
        };
        if !self.primed && !self.source.is_packed() {
            self.seen_bytes = self.seen_bytes.max(bytes);
            return self.prime();
        }
        self.make_room();
        let Some(read) = self.read_on()? else { return Ok(Some(self.rewritten())) };
        self.seen_bytes = self.seen_bytes.max(bytes);
        Ok((read == 0).then_some(Advance::End))
    }

    /// The first read begins before the position: the byte there tells whether it is within a line.
    fn prime(&mut self) -> io::Result<Option<Advance>> {
        let read = self.source.read(&mut self.buffer, self.base)?;
        if read < self.start {
            return Ok(Some(self.rewritten()));
        }
        self.primed = true;
        (self.filled, self.scanned) = (read, self.start);
        let before = self.start.checked_sub(1).and_then(|at| self.buffer.get(at));
        self.passing = before.is_some_and(|b| !matches!(b, b'\n' | 0));
        Ok((read == self.start).then_some(Advance::End))
    }

    /// Nothing was added: the last bytes tell whether something else was written in their place.
    fn stay(&mut self) -> io::Result<Advance> {
        let (from, before, again) = self.last_bytes();
        let mut now = [0; TAIL_BYTES];
        let now = now.get_mut(..again).unwrap_or_default();
        let read = self.source.read(now, self.base + from as u64)?;
        let is_same = read == again && before.get(..again).is_some_and(|before| before == now);
        Ok(if is_same { Advance::End } else { self.rewritten() })
    }

    /// Place in the buffer of the last bytes read, those bytes, and how many they are.
    fn last_bytes(&self) -> (usize, [u8; TAIL_BYTES], usize) {
        let again = if self.source.is_packed() { 0 } else { self.filled.min(TAIL_BYTES) };
        let from = self.filled - again;
        let mut last = [0; TAIL_BYTES];
        let here = self.buffer.get(from..self.filled).unwrap_or_default();
        last.iter_mut().zip(here).for_each(|(to, from)| *to = *from);
        (from, last, again)
    }

    /// Reads behind what is in the buffer, and its last bytes again: `None` when those changed meanwhile.
    fn read_on(&mut self) -> io::Result<Option<usize>> {
        let (from, before, again) = self.last_bytes();
        let before = before.get(..again).unwrap_or_default();
        let room = self.buffer.get_mut(from..).unwrap_or_default();
        let read = self.source.read(room, self.base + from as u64);
        let is_same = room.get(..again).is_some_and(|now| now == before);
        if let Some(kept) = room.get_mut(..again) {
            kept.copy_from_slice(before);
        }
        let read = read?;
        if read < again || !is_same {
            return Ok(None);
        }
        self.filled = from + read;
        Ok(Some(read - again))
    }

    /// Passes over what was counted of a compressed file, in pieces.
    fn pass_counted(&mut self) -> io::Result<Advance> {
        let Some(counted) = &self.counted else { return Ok(Advance::Working) };
        let (until, tail_hash) = (counted.until, counted.tail_hash);
        let mut passed = 0;
        while passed < PASSED_BYTES_MAX {
            let at = self.base + self.filled as u64;
            if at == until {
                return Ok(self.verify(tail_hash));
            }
            let keep = self.filled.saturating_sub(TAIL_BYTES);
            self.buffer.copy_within(keep..self.filled, 0);
            self.base += keep as u64;
            self.filled -= keep;
            let most = usize::try_from(until - at).unwrap_or(usize::MAX);
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            let most = most.min(room.len());
            let read = self.source.read(room.get_mut(..most).unwrap_or_default(), at)?;
            if read == 0 {
                return Ok(Advance::Stranger);
            }
            self.filled += read;
            passed += read as u64;
        }
        Ok(Advance::Working)
    }

    fn verify(&mut self, tail_hash: u32) -> Advance {
        let here = self.buffer.get(..self.filled).unwrap_or_default();
        if tail_hash != 0 && identity::tail_hash(here) != tail_hash {
            return Advance::Stranger;
        }
        self.passing = here.last().is_some_and(|b| !matches!(b, b'\n' | 0));
        (self.start, self.scanned) = (self.filled, self.filled);
        self.counted = None;
        self.primed = true;
        Advance::Verified
    }

    fn rewritten(&self) -> Advance {
        Advance::Rewritten { lost_bytes: self.seen_bytes.saturating_sub(self.consumed()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn reader_over(text: &[u8], offset: u64) -> (tempfile::NamedTempFile, Reader) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let open = file.reopen().unwrap();
        let identity = identity::of(&open).unwrap();
        (file, Reader::new(open, identity, offset))
    }

    fn all(reader: &mut Reader) -> Vec<(String, u64)> {
        let mut lines = Vec::new();
        while reader.advance().unwrap() == Advance::Line {
            let (line, end) = reader.line();
            lines.push((String::from_utf8_lossy(line).into_owned(), end));
        }
        lines
    }

    #[test]
    fn lines_come_with_the_offset_after_them() {
        let (_file, mut reader) = reader_over(b"one\r\n\nthree\n", 0);
        let expected = [("one", 5), ("", 6), ("three", 12)].map(|(l, e)| (l.to_owned(), e));
        assert_eq!(all(&mut reader), expected);
    }

    #[test]
    fn a_last_line_without_newline_is_held_back_until_it_is_whole() {
        let (mut file, mut reader) = reader_over(b"one\ntw", 0);
        assert_eq!(all(&mut reader), [("one".to_owned(), 4)]);
        assert_eq!(reader.end(), 4);
        file.write_all(b"o\n").unwrap();
        assert_eq!(all(&mut reader), [("two".to_owned(), 8)]);
    }

    #[test]
    fn a_last_line_without_newline_counts_when_the_file_ends_for_good() {
        let (_file, mut reader) = reader_over(b"one\ntw", 0);
        all(&mut reader);
        assert_eq!(reader.end_of_file(), Advance::Line);
        assert_eq!(reader.line(), (&b"tw"[..], 6));
        assert_eq!(reader.end_of_file(), Advance::End);
    }

    #[test]
    fn an_endless_line_is_cut_and_is_still_one_line() {
        let mut text = vec![b'x'; 3 * LINE_BYTES_MAX];
        text.extend_from_slice(b"\nnext\n");
        let (_file, mut reader) = reader_over(&text, 0);
        assert_eq!(reader.advance().unwrap(), Advance::Line);
        assert_eq!(reader.line().0.len(), LINE_BYTES_MAX);
        assert_eq!(reader.line().1, 3 * LINE_BYTES_MAX as u64 + 1);
        assert_eq!(all(&mut reader).len(), 1);
    }

    #[test]
    fn a_line_longer_than_the_buffer_is_whole() {
        let mut text = vec![b'x'; BUFFER_BYTES + 10];
        text.extend_from_slice(b"\nnext\n");
        let (_file, mut reader) = reader_over(&text, 0);
        assert_eq!(reader.advance().unwrap(), Advance::Line);
        assert_eq!(reader.line().0.len(), BUFFER_BYTES + 10);
        assert_eq!(all(&mut reader), [("next".to_owned(), text.len() as u64)]);
        assert_eq!(reader.take_passed(), Passed::default());
    }

    #[test]
    fn what_completes_a_partial_line_is_not_a_line_of_its_own() {
        let (mut file, mut reader) = reader_over(b"one\ntw", 0);
        all(&mut reader);
        assert!(reader.take_partial());
        assert_eq!(reader.line(), (&b"tw"[..], 6));
        file.write_all(b"o\nthree\n").unwrap();
        assert_eq!(all(&mut reader), [("three".to_owned(), 14)]);
    }

    #[test]
    fn a_reader_that_begins_within_a_line_passes_over_its_rest() {
        let (_file, mut reader) = reader_over(b"one\ntwo\nthree\n", 6);
        assert_eq!(all(&mut reader), [("three".to_owned(), 14)]);
    }

    #[test]
    fn a_hole_is_no_line_and_tears_the_one_before_it() {
        let mut text = b"one\ntw".to_vec();
        text.resize(600_000, 0);
        text.extend_from_slice(b"three\nfo\0ur\n");
        let (_file, mut reader) = reader_over(&text, 0);
        let lines = all(&mut reader);
        let expected = [("one", 4), ("tw", 6), ("three", 600_006), ("fo\0ur", 600_012)];
        assert_eq!(lines, expected.map(|(line, end)| (line.to_owned(), end)));
        assert_eq!(reader.take_passed().hole_bytes, 600_000 - 6);
    }

    #[test]
    fn a_hole_at_the_end_waits_and_is_read_when_it_is_filled_in() {
        let mut text = b"one\n".to_vec();
        text.resize(40_000, 0);
        let (file, mut reader) = reader_over(&text, 0);
        assert_eq!(all(&mut reader).len(), 1);
        assert_eq!(reader.end(), 4);
        std::os::unix::fs::FileExt::write_all_at(file.as_file(), b"two\nthree\n", 4).unwrap();
        let lines: Vec<String> = all(&mut reader).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, ["two", "three"]);
        assert_eq!(reader.take_passed().hole_bytes, 0);
    }

    #[test]
    fn the_tail_hash_is_that_of_the_file_wherever_it_is_asked_for() {
        let text = "a line of some length, with its number\n".repeat(20_000);
        let (file, mut reader) = reader_over(text.as_bytes(), 0);
        let mut ends = Vec::new();
        for (_, end) in all(&mut reader).into_iter().step_by(1_000) {
            ends.push((reader.tail_hash_at(end), end));
        }
        for (hash, end) in ends {
            assert_eq!(hash, identity::tail_hash_at(file.as_file(), end).unwrap());
            assert_ne!(hash, 0);
        }
    }

    #[test]
    fn a_file_rewritten_with_the_same_head_is_noticed_by_its_tail() {
        let head = "x".repeat(300) + "\n";
        let (file, mut reader) = reader_over((head.clone() + "one\n").as_bytes(), 0);
        all(&mut reader);
        std::fs::write(file.path(), head + "two and more than was there\n").unwrap();
        assert_eq!(reader.advance().unwrap(), Advance::Rewritten { lost_bytes: 0 });
    }

    #[test]
    fn a_file_rewritten_in_place_to_the_very_size_that_was_read_is_noticed() {
        let header = "x".repeat(300) + "\n";
        for (before, after) in [
            ("one\n".to_owned(), "two\n".to_owned()),
            (header.clone() + "one\n", header.clone() + "two\n"),
            (header.clone() + "tw", header.clone() + "fo"),
            ("one\n".to_owned() + &header, "two\n".to_owned() + &header),
        ] {
            let (file, mut reader) = reader_over(before.as_bytes(), 0);
            all(&mut reader);
            assert_eq!(reader.advance().unwrap(), Advance::End);
            std::fs::write(file.path(), after).unwrap();
            assert_eq!(reader.advance().unwrap(), Advance::Rewritten { lost_bytes: 0 });
        }
    }

    proptest::proptest! {
        /// Whatever is in the file and however it comes: as many lines as newlines, none twice.
        #[test]
        fn lines_do_not_depend_on_how_the_file_grew(
            parts in proptest::collection::vec(
                proptest::collection::vec(proptest::sample::select(b"ab\r\n\n\0".to_vec()), 0..60), 1..12),
        ) {
            let (mut file, mut reader) = reader_over(b"", 0);
            let mut read = Vec::new();
            for part in &parts {
                file.write_all(part).unwrap();
                read.extend(all(&mut reader));
            }
            let (_file, mut at_once) = reader_over(&parts.concat(), 0);
            proptest::prop_assert_eq!(read, all(&mut at_once));
        }
    }

    #[test]
    fn truncation_in_place_is_noticed() {
        let (file, mut reader) = reader_over(b"one\ntwo\n", 0);
        all(&mut reader);
        file.as_file().set_len(0).unwrap();
        assert_eq!(reader.advance().unwrap(), Advance::Rewritten { lost_bytes: 0 });
    }

    #[test]
    fn a_file_rewritten_to_more_than_its_old_size_is_noticed_by_its_head() {
        let (file, mut reader) = reader_over(b"one\ntwo\n", 0);
        all(&mut reader);
        std::fs::write(file.path(), b"other lines, and more of them\n").unwrap();
        assert_eq!(reader.advance().unwrap(), Advance::Rewritten { lost_bytes: 0 });
    }
}
