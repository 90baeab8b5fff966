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

mod fill;
mod holes;

use std::{fs::File, io, io::Read, ops::Range};

use memchr::memchr2;

use super::{
    identity::{self, TAIL_BYTES},
    source::Source,
};
use crate::domain::FileIdentity;

/// Bytes of one line that are handed on; the rest of a longer line is passed over, so that no writer
/// can make the agent's memory grow.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes asked of the file at once. A line that does not fit is gathered apart.
const BUFFER_BYTES: usize = 256 * 1024;
/// Fewer NUL bytes than this are part of their line.
const NUL_RUN_MIN: u64 = 16;
/// Of a compressed file, a hole or a line, gone through in one call: who stops the agent waits for no more.
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
        let begun_at = self.consumed();
        loop {
            if self.hole.is_some()
                && let Some(stop) = self.pass_hole()?
            {
                return Ok(stop);
            }
            if self.take_line() {
                return Ok(Advance::Line);
            }
            if self.consumed().saturating_sub(begun_at) >= PASSED_BYTES_MAX {
                return Ok(Advance::Working);
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
}

#[cfg(test)]
mod tests;
