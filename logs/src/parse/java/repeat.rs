//! Tells an entry that repeats the one before it: the same error id, or, without one, the same exception
//! with the same frame at the same time, as programs log it again where they catch it.

use memchr::{memchr, memchr_iter, memmem};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::trace;

/// Error ids kept of one entry; an entry has one, nested causes rarely a second.
const ERROR_IDS_MAX: usize = 16;

/// What is logged again is logged within this time; a second failure of the same kind takes another
/// request.
pub const APART_MS_MAX: u64 = 1_000;

/// Lines that are `@` and nine digits of base 26 (Play's own numbering of errors).
pub fn error_ids(block: &[u8]) -> Vec<String> {
    let mut ids = Vec::new();
    for at in memchr_iter(b'@', block) {
        let (before, line) = block.split_at(at);
        let line = line.get(..memchr(b'\n', line).unwrap_or(line.len())).unwrap_or(line);
        if let Some(id) = error_id(line.trim_ascii_end())
            && begins_line(before)
            && ids.len() < ERROR_IDS_MAX
        {
            ids.push(id.to_owned());
        }
    }
    ids
}

fn error_id(line: &[u8]) -> Option<&str> {
    let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'p');
    let digits = line.strip_prefix(b"@")?;
    let valid = digits.len() == 9 && digits.iter().all(is_digit);
    std::str::from_utf8(line).ok().filter(|_| valid)
}

fn begins_line(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte != b'\n').all(u8::is_ascii_whitespace)
}

/// What names the innermost cause of a block's trace: its line and the first frame after it.
pub fn root(block: &[u8]) -> Option<u64> {
    const CAUSE: &[u8] = b"Caused by: ";
    let from = match memmem::rfind(block, CAUSE) {
        Some(at) => block.get(at + CAUSE.len()..)?,
        None => first_exception(block)?,
    };
    let (exception, after) = split_line(from);
    let frame = lines(after).find(|line| trace::is_frame(line))?;
    Some(xxh3_64_with_seed(frame.trim_ascii(), xxh3_64(exception.trim_ascii())))
}

/// The block from its first line on that is an exception.
fn first_exception(block: &[u8]) -> Option<&[u8]> {
    let mut rest = block;
    while !rest.is_empty() {
        if trace::begins(rest.get(..memchr(b'\n', rest).unwrap_or(rest.len()))?) {
            return Some(rest);
        }
        rest = split_line(rest).1;
    }
    None
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b'\n', text).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default())
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_id_is_a_line_of_its_own() {
        for (block, ids) in [
            ("\n\n@6f02fa9dd\nInternal Server Error (500)\n", &["@6f02fa9dd"][..]),
            ("@6f02fa9dd \r\n  @6f02fa9de", &["@6f02fa9dd", "@6f02fa9de"]),
            ("kirim ke a@6f02fa9dd\n", &[]),
            ("@6f02fa9dz\n@6f02fa9d\n", &[]),
        ] {
            assert_eq!(error_ids(block.as_bytes()), ids, "{block}");
        }
    }

    #[test]
    fn the_root_of_a_trace_is_the_same_with_and_without_what_wraps_it() {
        let bare = b"gagal\njava.io.IOException: x\n\tat a.B.c(B.java:1)\n\tat a.D.e(D.java:2)\n";
        let wrapped = b"play.X: x\n\tat play.Y.z(Y.java:1)\nCaused by: java.io.IOException: x\n\tat a.B.c(B.java:1)\n\t... 3 more\n";
        let other = b"java.io.IOException: x\n\tat a.B.c(B.java:9)\n";
        assert_eq!(root(bare), root(wrapped));
        assert!(root(bare).is_some() && root(bare) != root(other));
        assert_eq!(root(b"gagal"), None);
    }
}
