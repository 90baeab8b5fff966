//! From the file into the buffer, and whether it is still the file that was read.

use std::io;

use super::{Advance, BUFFER_BYTES, PASSED_BYTES_MAX, Reader};
use crate::tail::{
    identity::{self, TAIL_BYTES},
    source::Look,
};

impl Reader {
    /// Reads on; `Some` when there is nothing to read.
    pub(super) fn refill(&mut self) -> io::Result<Option<Advance>> {
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

    /// Passes over what was counted of a compressed file, in pieces.
    pub(super) fn pass_counted(&mut self) -> io::Result<Advance> {
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
