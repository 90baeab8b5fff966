//! Cuts what is read into pieces that can be understood by themselves: each begins where an entry begins.

use std::io::{self, Read};

use memchr::memrchr;

/// Bytes of a piece: large enough that what is counted of it costs little to add up, small enough to stay
/// in the caches of a processor.
const PIECE_BYTES: usize = 2 * 1024 * 1024;
/// A piece grows up to this where no entry begins in it.
const PIECE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Lines from the end of a piece in which the beginning of an entry is looked for before it grows.
const LINES_LOOKED_AT_MAX: usize = 20_000;

/// See the module.
pub struct Cutter<R> {
    reader: R,
    /// Read and not handed out.
    rest: Vec<u8>,
    offset: u64,
    is_at_end: bool,
    /// Why it is at its end, told when all before it has been handed out.
    fault: Option<io::Error>,
}

impl<R: Read> Cutter<R> {
    /// Of a log from its beginning.
    pub fn new(reader: R) -> Cutter<R> {
        Cutter { reader, rest: Vec::new(), offset: 0, is_at_end: false, fault: None }
    }

    /// Fills `piece` with the next piece and gives its offset; `None` at the end. `begins`: whether an
    /// entry begins with a line. What was read before an error has been handed out.
    pub fn next(
        &mut self,
        piece: &mut Vec<u8>,
        begins: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Option<u64>> {
        piece.clear();
        piece.append(&mut self.rest);
        let mut wanted = PIECE_BYTES;
        loop {
            self.fill(piece, wanted);
            if piece.is_empty() {
                return self.fault.take().map_or(Ok(None), Err);
            }
            let full = piece.len() >= PIECE_BYTES_MAX;
            let cut = if self.is_at_end { Some(piece.len()) } else { cut(piece, full, &begins) };
            if let Some(cut) = cut {
                self.rest.extend_from_slice(piece.get(cut..).unwrap_or_default());
                piece.truncate(cut);
                let offset = self.offset;
                self.offset += cut as u64;
                return Ok(Some(offset));
            }
            wanted = (2 * piece.len()).min(PIECE_BYTES_MAX);
        }
    }

    fn fill(&mut self, piece: &mut Vec<u8>, wanted: usize) {
        if self.is_at_end {
            return;
        }
        let missing = wanted.saturating_sub(piece.len()) as u64;
        piece.reserve(missing as usize);
        match self.reader.by_ref().take(missing).read_to_end(piece) {
            Ok(read) => self.is_at_end = (read as u64) < missing,
            Err(error) => {
                self.is_at_end = true;
                self.fault = Some(error);
            }
        }
    }
}

/// Where the last entry of a piece begins. A piece that must not grow is cut after its last line, and one
/// that is a single line of more than that in the midst of it.
fn cut(piece: &[u8], full: bool, begins: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let last_line = memrchr(b'\n', piece).map(|at| at + 1);
    let mut end = last_line.unwrap_or(0);
    for _ in 0..LINES_LOOKED_AT_MAX {
        // The line before `end`, without its line end.
        let Some(lines) = piece.get(..end.saturating_sub(1)) else { break };
        let begin = memrchr(b'\n', lines).map_or(0, |at| at + 1);
        if begin == 0 {
            break;
        }
        if begins(lines.get(begin..).unwrap_or_default()) {
            return Some(begin);
        }
        end = begin;
    }
    full.then(|| last_line.unwrap_or(piece.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(text: &[u8], begins: impl Fn(&[u8]) -> bool + Copy) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::new(text);
        let mut all = Vec::new();
        let mut piece = Vec::new();
        let mut at = 0;
        while let Some(offset) = cutter.next(&mut piece, begins).unwrap() {
            assert_eq!(offset, at);
            at += piece.len() as u64;
            all.push(piece.clone());
        }
        all
    }

    #[test]
    fn every_piece_begins_with_an_entry() {
        let text = "= an entry\n  that goes on\n".repeat(200_000);
        let all = pieces(text.as_bytes(), |line| line.starts_with(b"="));
        assert!(all.len() > 1);
        assert!(all.iter().all(|piece| piece.starts_with(b"=")));
        assert!(all.concat() == text.as_bytes());
    }

    #[test]
    fn what_came_before_a_fault_is_handed_out_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut cutter = Cutter::new(b"a line\n".chain(Broken));
        let mut piece = Vec::new();
        assert_eq!(cutter.next(&mut piece, |_| true).unwrap(), Some(0));
        assert_eq!(piece, b"a line\n");
        assert!(cutter.next(&mut piece, |_| true).is_err());
        assert_eq!(cutter.next(&mut piece, |_| true).unwrap(), None);
    }

    #[test]
    fn what_has_no_entry_is_cut_all_the_same() {
        for text in ["no entry\n".repeat(3_000_000), "x".repeat(40_000_000)] {
            let all = pieces(text.as_bytes(), |_| false);
            assert!(all.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX) && all.len() > 1);
            assert!(all.concat() == text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_pieces(text in "[=x\n]{0,200}", full in any::<bool>()) {
            if let Some(at) = cut(text.as_bytes(), full, |line| line.starts_with(b"=")) {
                prop_assert!(at <= text.len());
                prop_assert!(full || text.as_bytes()[at] == b'=');
            }
        }
    }
}
