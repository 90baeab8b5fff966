//! The header of a line whose pattern nobody told: a time at the beginning or in brackets, soon after it (or
//! before it) a level, then the message. Only the line itself is looked at.

use super::{
    super::time::Cursor,
    entries::{Header, Stamp},
    level::{JUL, LOG4J, Level, named},
    stamp, trace,
};

/// A level stands in so many bytes after the time: threads and classes may come before it.
const LEVEL_BYTES_MAX: usize = 160;

/// Parts of a header between level and message: process, thread, class, and what Spring Boot adds.
const PARTS_MAX: usize = 8;

/// Digits of `%r`, milliseconds since start.
const RELATIVE_DIGITS_MAX: usize = 12;

/// Time, level and message of a header line.
pub fn header(line: &[u8]) -> Option<Header<'_>> {
    let text = without_colour(line);
    match text.first()? {
        b'0'..=b'9' => after_time(text).or_else(|| after_relative(text)),
        b'A'..=b'Z' => after_level(text).or_else(|| after_time(text)),
        b'[' => {
            let inner = text.get(1..)?;
            after_time(inner).or_else(|| after_level(text)).or_else(|| after_thread(text))
        }
        _ => None,
    }
}

/// `2026-11-21 14:03:05,123 … ERROR …`.
fn after_time(text: &[u8]) -> Option<Header<'_>> {
    let mut cursor = Cursor::new(text);
    let stamp = stamp::any(&mut cursor)?;
    let rest = cursor.rest();
    if rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let (level, at) = find_level(rest)?;
    Some(levelled(stamp, level, rest.get(at..)?))
}

/// `ERROR 2026-11-21 14:03:05,123 …`, `[ERROR] …`, `ERROR [main] …`. `ERROR: …` is what databases and
/// shells say inside the entries of others.
fn after_level(text: &[u8]) -> Option<Header<'_>> {
    let bare = text.strip_prefix(b"[").unwrap_or(text);
    let (level, at) = level_at(bare)?;
    let rest = bare.get(at..)?;
    if !rest.first().is_some_and(|next| matches!(next, b' ' | b']' | b'|')) {
        return None;
    }
    let body = rest.trim_ascii_start();
    let body = body.strip_prefix(b"]").unwrap_or(body).trim_ascii_start();
    let mut cursor = Cursor::new(body.strip_prefix(b"[").unwrap_or(body));
    match stamp::any(&mut cursor) {
        Some(stamp) => Some(levelled(stamp, level, cursor.rest())),
        None => Some(levelled(Stamp::None, level, rest)),
    }
}

/// `[main] INFO a.b.C - …` (slf4j's simple logger).
fn after_thread(text: &[u8]) -> Option<Header<'_>> {
    let rest = skip_group(text)?.strip_prefix(b" ")?;
    let (level, at) = level_at(rest)?;
    let rest = rest.get(at..).filter(|rest| rest.starts_with(b" "))?;
    Some(levelled(Stamp::None, level, rest))
}

/// `812 [main] INFO  a.b.C  - …` (log4j's TTCC layout).
fn after_relative(text: &[u8]) -> Option<Header<'_>> {
    let digits = text.iter().take(RELATIVE_DIGITS_MAX).take_while(|b| b.is_ascii_digit()).count();
    let rest = text.get(digits..)?.strip_prefix(b" ").filter(|rest| rest.starts_with(b"["))?;
    after_thread(rest)
}

fn levelled(stamp: Stamp, level: Level, rest: &[u8]) -> Header<'_> {
    // What nobody reads need not be found.
    let message = if level.is_ok() { message(rest) } else { rest };
    Header { stamp, level: Some(level), message }
}

/// The first level in a text, and where it ends.
fn find_level(text: &[u8]) -> Option<(Level, usize)> {
    let text = text.get(..LEVEL_BYTES_MAX).unwrap_or(text);
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let rest = text.get(at..)?;
        if !is_word(byte) {
            let colour = if *byte == 0x1b { rest.len() - without_colour(rest).len() } else { 0 };
            at += colour.max(1);
            continue;
        }
        if byte.is_ascii_uppercase()
            && let Some((level, length)) = level_at(rest)
        {
            return Some((level, at + length));
        }
        at += rest.iter().take_while(|byte| is_word(byte)).count();
    }
    None
}

/// A level at the beginning of a text, and its length.
fn level_at(text: &[u8]) -> Option<(Level, usize)> {
    let length = text.iter().take_while(|byte| is_word(byte)).count();
    let word = text.get(..length)?;
    let level = named(LOG4J, word).or_else(|| named(JUL, word))?;
    Some((level, length))
}

/// What a level is not a part of.
fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'$' | b'/')
}

/// What follows thread, class and the marks between them.
fn message(text: &[u8]) -> &[u8] {
    let mut rest = text;
    for _ in 0..PARTS_MAX {
        let next = plain(rest);
        let next = plain(next.strip_prefix(b"]").unwrap_or(next));
        match skip_part(next) {
            Part::Further(after) => rest = after,
            Part::Last(after) => return whole(plain(after)),
            Part::None => return whole(next),
        }
    }
    whole(rest.trim_ascii_start())
}

/// What stands before a message.
enum Part<'a> {
    /// More of it may follow.
    Further(&'a [u8]),
    /// The message follows.
    Last(&'a [u8]),
    None,
}

/// Takes one part away: a mark, a group in brackets, a process and Spring Boot's `---`, a class.
fn skip_part(text: &[u8]) -> Part<'_> {
    const COLUMNS: &[&[u8]] = &[b"---", b"|"];
    const MARKS: &[&[u8]] = &[b"-", b"--", b":", b"~", b">"];
    if let Some(rest) = skip_mark(text, COLUMNS).or_else(|| skip_group(text)) {
        return Part::Further(rest);
    }
    match (skip_process(text), skip_mark(text, MARKS)) {
        (Some(rest), _) => Part::Further(rest),
        (None, Some(rest)) => Part::Last(rest),
        (None, None) => skip_class(text),
    }
}

/// Takes a mark away that stands by itself.
fn skip_mark<'a>(text: &'a [u8], marks: &[&[u8]]) -> Option<&'a [u8]> {
    let mut after = marks.iter().filter_map(|mark| text.strip_prefix(*mark));
    after.find(|rest| rest.starts_with(b" ") || rest.starts_with(b"\x1b"))
}

/// `[…]` or `(…)` that more follows.
fn skip_group(text: &[u8]) -> Option<&[u8]> {
    let within = text.get(..LEVEL_BYTES_MAX).unwrap_or(text);
    let close = match text.first()? {
        b'[' => b']',
        b'(' => b')',
        _ => return None,
    };
    let end = memchr::memchr(close, within)?;
    let rest = text.get(end + 1..)?;
    rest.first()
        .is_some_and(|next| matches!(next, b' ' | b':' | b'[' | b'-' | 0x1b))
        .then_some(rest)
}

/// `812 --- `.
fn skip_process(text: &[u8]) -> Option<&[u8]> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = plain(text.get(digits..).filter(|_| digits > 0)?);
    rest.starts_with(b"--- ")
        .then_some(rest)
        .or_else(|| rest.strip_prefix(b"---\x1b").map(|_| rest))
}

/// `a.b.C - `, `a.b.C: `, `C:12 - `, where a mark says that it is no word of the message. An exception is.
fn skip_class(text: &[u8]) -> Part<'_> {
    let within = text.get(..LEVEL_BYTES_MAX).unwrap_or(text);
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"_.$/-?[]".contains(b);
    let length = within.iter().take_while(|byte| is_part(byte)).count();
    let (class, rest) = text.split_at_checked(length).unwrap_or_default();
    if class.is_empty() || trace::begins(text) {
        return Part::None;
    }
    let number = rest.strip_prefix(b":").unwrap_or_default();
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = number.get(digits..).filter(|_| digits > 0).unwrap_or(rest);
    let bare = plain(rest);
    let apart = class.contains(&b'.') || digits > 0 || bare.len() < rest.len();
    if !apart {
        return Part::None;
    }
    // Between columns any word stands by itself.
    match (skip_mark(bare, &[b"|"]), skip_mark(bare, &[b"-", b":", b"~"])) {
        (Some(rest), _) => Part::Further(rest),
        (None, Some(rest)) if is_class(class) => Part::Last(rest),
        _ => Part::None,
    }
}

fn is_class(text: &[u8]) -> bool {
    let name = text.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    text.contains(&b'.') || name.first().is_some_and(u8::is_ascii_uppercase)
}

/// A message without the colour's end.
fn whole(text: &[u8]) -> &[u8] {
    let plain = text.strip_suffix(b"\x1b[0;39m").or_else(|| text.strip_suffix(b"\x1b[0m"));
    plain.or_else(|| text.strip_suffix(b"\x1b[m")).unwrap_or(text)
}

/// A text after the spaces and colours at its beginning.
fn plain(text: &[u8]) -> &[u8] {
    let mut rest = text;
    loop {
        let next = without_colour(rest.trim_ascii_start());
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

/// A text after the colours (`ESC [ … m`) at its beginning.
pub fn without_colour(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(code) = rest.strip_prefix(b"\x1b[") {
        let length = code.iter().take_while(|b| b.is_ascii_digit() || **b == b';').count();
        match code.get(length..).and_then(|code| code.strip_prefix(b"m")) {
            Some(after) => rest = after,
            None => return rest,
        }
    }
    rest
}
