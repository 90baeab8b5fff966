//! Lines of one open file with the offset after each. A last line without its newline is held back:
//! whoever writes it has not finished it.

use std::{fs::File, io, os::unix::fs::FileExt, os::unix::fs::MetadataExt};

use memchr::memchr;

use super::identity;
use crate::domain::FileIdentity;

/// Bytes of one line that are handed on; the rest of a longer line is passed over, so that no writer
/// can make the agent's memory grow.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes asked of the file at once.
const CHUNK_BYTES: usize = 32 * 1024;
/// A line buffer larger than this is given back after its line.
const LINE_BYTES_KEPT: usize = 64 * 1024;

/// What a look at the file gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advance {
    /// A whole line: see [`Reader::line`].
    Line,
    /// Nothing more now.
    End,
    /// The file is shorter than what was read of it, or begins otherwise: it was written anew.
    Rewritten {
        /// Bytes that were seen in it and not read.
        lost_bytes: u64,
    },
}

pub(super) struct Reader {
    file: File,
    identity: FileIdentity,
    chunk: Box<[u8]>,
    chunk_at: usize,
    chunk_filled: usize,
    /// Offset in the file after the chunk.
    chunk_end: u64,
    line: Vec<u8>,
    line_is_whole: bool,
    /// Offset after the last whole line.
    end: u64,
    /// Largest size seen.
    seen_bytes: u64,
}

impl Reader {
    /// Reads `file` from `offset` on, which must stand at the beginning of a line.
    pub(super) fn new(file: File, identity: FileIdentity, offset: u64) -> Reader {
        Reader {
            file,
            identity,
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
            chunk_at: 0,
            chunk_filled: 0,
            chunk_end: offset,
            line: Vec::new(),
            line_is_whole: false,
            end: offset,
            seen_bytes: offset,
        }
    }

    /// Moves on to the next whole line, if there is one.
    pub(super) fn advance(&mut self) -> io::Result<Advance> {
        self.forget_whole_line();
        loop {
            if self.chunk_at == self.chunk_filled {
                match self.refill()? {
                    Some(stop) => return Ok(stop),
                    None => continue,
                }
            }
            if self.take_from_chunk() {
                return Ok(Advance::Line);
            }
        }
    }

    /// The line that [`Reader::advance`] found, without its line end, and the offset after it.
    pub(super) fn line(&self) -> (&[u8], u64) {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        (line, self.end)
    }

    /// The file ends for good: what stands after its last newline becomes its last line.
    pub(super) fn end_of_file(&mut self) -> Advance {
        self.forget_whole_line();
        if self.consumed() == self.end {
            return Advance::End;
        }
        self.end = self.consumed();
        self.line_is_whole = true;
        Advance::Line
    }

    /// Offset after the last whole line.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Offset after the last byte taken, an unfinished line included.
    pub(super) fn consumed(&self) -> u64 {
        self.chunk_end - (self.chunk_filled - self.chunk_at) as u64
    }

    pub(super) fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// No name leads to the file any more.
    pub(super) fn is_unlinked(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    fn forget_whole_line(&mut self) {
        if !self.line_is_whole {
            return;
        }
        self.line_is_whole = false;
        self.line.clear();
        self.line.shrink_to(LINE_BYTES_KEPT);
    }

    /// Takes from the chunk what belongs to the line; true when the line is whole.
    fn take_from_chunk(&mut self) -> bool {
        let fresh = self.chunk.get(self.chunk_at..self.chunk_filled).unwrap_or_default();
        let newline = memchr(b'\n', fresh);
        let part = fresh.get(..newline.unwrap_or(fresh.len())).unwrap_or_default();
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
        self.line.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
        self.chunk_at += part.len() + usize::from(newline.is_some());
        if newline.is_some() {
            self.end = self.consumed();
            self.line_is_whole = true;
        }
        newline.is_some()
    }

    /// Reads the next chunk; `Some` when there is none to read.
    fn refill(&mut self) -> io::Result<Option<Advance>> {
        let bytes = self.file.metadata()?.len();
        if bytes < self.chunk_end {
            return Ok(Some(self.rewritten()));
        }
        if bytes == self.chunk_end {
            return Ok(Some(Advance::End));
        }
        if !identity::head_matches(&self.file, &self.identity)? {
            return Ok(Some(self.rewritten()));
        }
        self.seen_bytes = self.seen_bytes.max(bytes);
        if self.identity.head_bytes < identity::HEAD_BYTES_MAX {
            self.identity = identity::of(&self.file)?;
        }
        let read = match self.file.read_at(&mut self.chunk, self.chunk_end) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            read => read?,
        };
        if read == 0 {
            return Ok(Some(Advance::End));
        }
        (self.chunk_at, self.chunk_filled) = (0, read);
        self.chunk_end += read as u64;
        Ok(None)
    }

    fn rewritten(&self) -> Advance {
        Advance::Rewritten { lost_bytes: self.seen_bytes.saturating_sub(self.chunk_end) }
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
