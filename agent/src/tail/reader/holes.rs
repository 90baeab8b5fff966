//! Holes: runs of NUL bytes that are no part of a line.

use std::io;

use super::{Advance, Found, Hole, NUL_RUN_MIN, PASSED_BYTES_MAX, Reader};

impl Reader {
    /// A NUL byte stands at `at`: part of the line, or a hole. True when the hole tears a line off.
    pub(super) fn meets_nul(&mut self, at: usize) -> bool {
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
    pub(super) fn pass_hole(&mut self) -> io::Result<Option<Advance>> {
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
}
