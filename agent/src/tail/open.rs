//! A file being read, and whether it is quiet enough to be left.

use std::io;

use super::reader::{Passed, Reader};
use crate::domain::{GapReason, SourcePosition};

/// A file is left for the next one only when nothing was written to it for this long: who rotates by
/// renaming writes to the old file until the application is told.
const SETTLE_MS: i64 = 2_000;
/// A last line without its newline to which nothing was added for this long is handed on as it is.
pub(super) const PARTIAL_AFTER_MS: i64 = 60_000;
/// Between two tries of a file that cannot be read: doubled each time, from the first to the last.
const RETRY_FIRST_MS: i64 = 1_000;
const RETRY_LAST_MS: i64 = 60_000;

/// See the module.
pub(super) struct Open {
    pub(super) reader: Reader,
    pub(super) position: SourcePosition,
    /// Device and inode of the file itself; of a compressed one the position has those of the original.
    pub(super) at: (u64, u64),
    /// The compressed file as one that is read to its end: noted when it was.
    pub(super) settles: Option<SourcePosition>,
    /// Number of the lane that it is read in.
    pub(super) lane: usize,
    /// When it was last written to, as far as seen.
    last_growth_ms: i64,
    at_end: bool,
    /// Bytes taken when its end was last reached.
    seen_bytes: u64,
    /// Being left: its unfinished last line counts as a line.
    pub(super) ending: bool,
    /// It was told that it is left.
    pub(super) left: bool,
    /// What keeps it from being read, and when that is tried again.
    failed: Option<Failed>,
}

struct Failed {
    trouble: String,
    wait_ms: i64,
    since_ms: i64,
}

impl Open {
    /// Begins to read at `position`; the file was last written to at `modified_ns`.
    pub(super) fn new(
        reader: Reader,
        position: SourcePosition,
        at: (u64, u64),
        modified_ns: i128,
    ) -> Open {
        Open {
            reader,
            position,
            at,
            settles: None,
            lane: 0,
            last_growth_ms: (modified_ns / 1_000_000) as i64,
            at_end: false,
            seen_bytes: 0,
            ending: false,
            left: false,
            failed: None,
        }
    }

    pub(super) fn grew(&mut self, now_ms: i64) {
        if self.at_end {
            self.last_growth_ms = now_ms;
        }
        self.at_end = false;
        self.failed = None;
    }

    pub(super) fn reached_end(&mut self, now_ms: i64) {
        // Part of a line is growth as well.
        if self.at_end && self.reader.consumed() != self.seen_bytes {
            self.last_growth_ms = now_ms;
        }
        self.at_end = true;
        self.seen_bytes = self.reader.consumed();
        self.failed = None;
    }

    /// It cannot be read: it is tried again, each time later.
    pub(super) fn failed(&mut self, error: &io::Error, now_ms: i64) {
        let before = self.failed.as_ref().map(|failed| failed.wait_ms);
        let wait_ms = before.map_or(RETRY_FIRST_MS, |ms| (ms * 2).min(RETRY_LAST_MS));
        let trouble = format!(
            "{} cannot be read ({error}); look at its disk: it is tried again within a minute, from where \
             it was",
            self.position.path
        );
        self.failed = Some(Failed { trouble, wait_ms, since_ms: now_ms });
    }

    /// It failed and it is not yet time to try again. A clock set back makes it time.
    pub(super) fn is_waiting(&self, now_ms: i64) -> bool {
        let wait =
            |f: &Failed| (f.since_ms..f.since_ms.saturating_add(f.wait_ms)).contains(&now_ms);
        self.failed.as_ref().is_some_and(wait)
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.failed.as_ref().map(|failed| failed.trouble.clone())
    }

    /// At its end, and not written to for a while.
    pub(super) fn is_quiet(&self, now_ms: i64) -> bool {
        self.is_quiet_for(SETTLE_MS, now_ms)
    }

    /// Nobody seems to finish its last line.
    pub(super) fn is_abandoned(&self, now_ms: i64) -> bool {
        self.is_quiet_for(PARTIAL_AFTER_MS, now_ms)
    }

    fn is_quiet_for(&self, ms: i64, now_ms: i64) -> bool {
        self.at_end && now_ms.saturating_sub(self.last_growth_ms) >= ms
    }

    /// Whether this is the file of that position, which is an older one of it.
    pub(super) fn is_of(&self, known: &SourcePosition) -> bool {
        self.position.generation == known.generation
            && self.position.identity.is_same_inode(&known.identity)
    }

    /// After the last line handed on.
    pub(super) fn place(&self) -> SourcePosition {
        self.place_at(self.reader.end())
    }

    /// At an offset that was read up to.
    pub(super) fn place_at(&self, offset: u64) -> SourcePosition {
        SourcePosition {
            identity: self.reader.identity(),
            offset,
            tail_hash: self.reader.tail_hash_at(offset),
            ..self.position.clone()
        }
    }

    /// What was passed over: a gap's reason and words, and its bytes.
    pub(super) fn take_passed(&mut self) -> Vec<(GapReason, &'static str, u64)> {
        let Passed { cut_bytes, hole_bytes } = self.reader.take_passed();
        let parts = [
            (
                GapReason::LinesCut,
                "holds lines too long to be read whole: their ends are cut",
                cut_bytes,
            ),
            (
                GapReason::FileLost,
                "holds NUL bytes where lines may have been, as a power cut leaves them",
                hole_bytes,
            ),
        ];
        parts.into_iter().filter(|(.., bytes)| *bytes > 0).collect()
    }
}
