//! The head of a line whose `log_line_prefix` nobody told: what stands in it is known by its shape. Reads
//! the same from the prefixes met in the field as a prefix that is known does.

use std::{ops::Range, sync::LazyLock};

use memchr::{memchr, memchr2_iter, memmem::Finder};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    label::{Label, label_before},
    prefix::{HEAD_BYTES_MAX, time_length},
    record::{Head, is_sqlstate},
};

static AFTER_LABEL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b":  "));
static DATABASE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"db="));
static APPLICATION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"app="));

/// Head, label and message of a line.
pub fn head(line: &[u8]) -> Option<(Head<'_>, Label, &[u8])> {
    head_by(line, fields)
}

fn head_by<'a>(
    line: &'a [u8],
    fields: impl FnOnce(&'a [u8]) -> Fields<'a>,
) -> Option<(Head<'a>, Label, &'a [u8])> {
    let within = line.get(..HEAD_BYTES_MAX).unwrap_or(line);
    let (at, label, message) = label(within)?;
    let before = line.get(..at)?;
    let head = if before.is_empty() { Head::default() } else { read(before, fields)? };
    Some((head, label, line.get(message..)?))
}

/// What stands after the time of a head comes again with each line of a session: where its fields are is
/// kept.
#[derive(Debug, Default)]
pub struct Heads {
    kept: Vec<Option<Known>>,
}

/// A text after a time, and where its fields are.
type Known = (Box<[u8]>, [Range<usize>; 4]);

/// Heads kept; one that falls on the place of another takes it.
const HEADS_KEPT_MAX: usize = 256;

impl Heads {
    /// As [`head`].
    pub fn head<'a>(&mut self, line: &'a [u8]) -> Option<(Head<'a>, Label, &'a [u8])> {
        head_by(line, |after| self.fields(after))
    }

    fn fields<'a>(&mut self, after: &'a [u8]) -> Fields<'a> {
        self.kept.resize(HEADS_KEPT_MAX, None);
        let place = xxh3_64(after) as usize % HEADS_KEPT_MAX;
        let Some(slot) = self.kept.get_mut(place) else { return fields(after) };
        match slot {
            Some((text, ranges)) if **text == *after => {
                let of = |range: &Range<usize>| after.get(range.clone()).unwrap_or_default();
                let [session, database, application, sqlstate] = ranges;
                [of(session), of(database), of(application), of(sqlstate)]
            }
            _ => {
                let found = fields(after);
                *slot = Some((after.into(), found.map(|field| range_in(after, field))));
                found
            }
        }
    }
}

/// Session, database, application, SQLSTATE.
type Fields<'a> = [&'a [u8]; 4];

fn fields(after: &[u8]) -> Fields<'_> {
    let (database, application) = names(after);
    [session(after), database, application, sqlstate(after)]
}

/// Where a part of a text stands in it.
fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let begin = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    if part.is_empty() { 0..0 } else { begin..begin + part.len() }
}

/// Between label and message stand two spaces in every version and language; other programs' `ERROR: ` has
/// one.
fn label(line: &[u8]) -> Option<(usize, Label, usize)> {
    let mut from = 0;
    while let Some(at) = AFTER_LABEL.find(line.get(from..)?).map(|at| from + at) {
        if let Some((begin, label)) = label_before(line, at) {
            return Some((begin, label, at + 3));
        }
        from = at + 3;
    }
    None
}

/// A head begins with a time, a process id, or a mark before one of them; else it is the output of some
/// other program.
fn read<'a>(head: &'a [u8], fields: impl FnOnce(&'a [u8]) -> Fields<'a>) -> Option<Head<'a>> {
    let begin = head.iter().position(|byte| !matches!(byte, b'<' | b'[' | b'(' | b' '))?;
    let rest = head.get(begin..)?;
    let time = rest.get(..time_length(rest)).filter(|time| !time.is_empty());
    let epoch = rest.get(..rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count());
    let time = time.or(epoch.filter(|digits| digits.len() >= 10)).unwrap_or_default();
    let after = rest.get(time.len()..)?;
    let [session, database, application, sqlstate] =
        fields(if time.is_empty() { head } else { after });
    if time.is_empty() && session.is_empty() {
        return None;
    }
    Some(Head { time, session, database, application, sqlstate })
}

/// Digits between brackets, before a line number if there is one: `[812]`, `[812-1]`.
fn session(head: &[u8]) -> &[u8] {
    let mut rest = head;
    while let Some(at) = memchr(b'[', rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 && matches!(rest.get(digits), Some(b']' | b'-')) {
            return rest.get(..digits).unwrap_or_default();
        }
    }
    &[]
}

/// Database and application: `db=…,app=…`, or `user@database/application`.
fn names(head: &[u8]) -> (&[u8], &[u8]) {
    if let Some(at) = DATABASE.find(head) {
        let rest = head.get(at + 3..).unwrap_or_default();
        let database = until(rest, b", ]:");
        let application = APPLICATION
            .find(rest)
            .and_then(|at| rest.get(at + 4..))
            .map(|rest| before_any(rest, &[b",client=", b",host=", b",user="]).trim_ascii_end());
        return (database, application.unwrap_or_default());
    }
    let Some(at) = memchr(b'@', head) else { return (&[], &[]) };
    let rest = head.get(at + 1..).unwrap_or_default();
    let database = match rest.strip_prefix(b"[unknown]") {
        Some(_) => rest.get(..9).unwrap_or_default(),
        None => until(rest, b"/, :])"),
    };
    let application = rest.get(database.len()..).and_then(|rest| rest.strip_prefix(b"/"));
    let application = application.map(|rest| before_any(rest, &[b" from ", b" ["]));
    (database, application.map(without_sqlstate).unwrap_or_default())
}

fn until<'a>(text: &'a [u8], ends: &[u8]) -> &'a [u8] {
    let length = text.iter().take_while(|byte| !ends.contains(byte)).count();
    text.get(..length).unwrap_or(text)
}

/// `ends` begin with a space or a comma.
fn before_any<'a>(text: &'a [u8], ends: &[&[u8]]) -> &'a [u8] {
    let ends_at = |at: &usize| {
        let rest = text.get(*at..).unwrap_or_default();
        ends.iter().any(|end| rest.starts_with(end))
    };
    let end = memchr2_iter(b' ', b',', text).find(ends_at);
    text.get(..end.unwrap_or(text.len())).unwrap_or(text)
}

fn without_sqlstate(text: &[u8]) -> &[u8] {
    let state = sqlstate(text);
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b":").unwrap_or(text);
    text.strip_suffix(state).unwrap_or(text).trim_ascii_end()
}

/// The last word of the head, with or without a colon.
fn sqlstate(head: &[u8]) -> &[u8] {
    let head = head.trim_ascii_end();
    let head = head.strip_suffix(b":").unwrap_or(head);
    let begin = head.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    let word = head.get(begin..).unwrap_or_default();
    if is_sqlstate(word) && begin > 0 { word } else { &[] }
}
