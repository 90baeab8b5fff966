//! The file being read, and whether it is quiet enough to be left.

use super::reader::Reader;
use crate::domain::SourcePosition;

/// A file is left for the next one only when nothing was written to it for this long: who rotates by
/// renaming writes to the old file until the application is told.
const SETTLE_MS: i64 = 2_000;

/// See the module.
pub(super) struct Open {
    pub(super) reader: Reader,
    pub(super) position: SourcePosition,
    /// When it was last written to, as far as seen.
    last_growth_ms: i64,
    at_end: bool,
    /// Bytes taken when its end was last reached.
    seen_bytes: u64,
    /// Being left: its unfinished last line counts as a line.
    pub(super) ending: bool,
}

impl Open {
    /// Begins to read at `position`; the file was last written to at `modified_ns`.
    pub(super) fn new(reader: Reader, position: SourcePosition, modified_ns: i128) -> Open {
        Open {
            reader,
            position,
            last_growth_ms: (modified_ns / 1_000_000) as i64,
            at_end: false,
            seen_bytes: 0,
            ending: false,
        }
    }

    pub(super) fn grew(&mut self, now_ms: i64) {
        if self.at_end {
            self.last_growth_ms = now_ms;
        }
        self.at_end = false;
    }

    pub(super) fn reached_end(&mut self, now_ms: i64) {
        // Part of a line is growth as well.
        if self.at_end && self.reader.consumed() != self.seen_bytes {
            self.last_growth_ms = now_ms;
        }
        self.at_end = true;
        self.seen_bytes = self.reader.consumed();
    }

    /// At its end, and not written to for a while.
    pub(super) fn is_quiet(&self, now_ms: i64) -> bool {
        self.at_end && now_ms.saturating_sub(self.last_growth_ms) >= SETTLE_MS
    }

    pub(super) fn place(&self) -> SourcePosition {
        SourcePosition {
            identity: self.reader.identity(),
            offset: self.reader.end(),
            ..self.position.clone()
        }
    }
}
