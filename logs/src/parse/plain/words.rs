//! The table of words by which a line of any text is a failure. The first word that is one decides, unless
//! what stands around it says that there was none.

use crate::entry::Severity;

/// So much of a line is looked at: a sign stands near the beginning.
const LOOKED_AT_BYTES_MAX: usize = 1_024;

/// What a word says of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Bad(Severity),
    /// A level of no interest: what follows is not searched. Only in upper case.
    Calm,
}

use Sign::{Bad, Calm};

/// Whole words, lower case.
#[rustfmt::skip]
const WORDS: &[(&[u8], Sign)] = &[
    (b"error", Bad(Severity::Error)),
    (b"errors", Bad(Severity::Error)),
    (b"err", Bad(Severity::Error)),
    (b"severe", Bad(Severity::Error)),
    (b"exception", Bad(Severity::Error)),
    (b"failed", Bad(Severity::Error)),
    (b"failure", Bad(Severity::Error)),
    (b"fatal", Bad(Severity::Fatal)),
    (b"critical", Bad(Severity::Fatal)),
    (b"panic", Bad(Severity::Panic)),
    (b"warn", Bad(Severity::Warning)),
    (b"warning", Bad(Severity::Warning)),
    (b"galat", Bad(Severity::Error)),
    (b"kesalahan", Bad(Severity::Error)),
    (b"gagal", Bad(Severity::Error)),
    (b"kegagalan", Bad(Severity::Error)),
    (b"kritis", Bad(Severity::Fatal)),
    (b"panik", Bad(Severity::Panic)),
    (b"peringatan", Bad(Severity::Warning)),
    (b"info", Calm),
    (b"debug", Calm),
    (b"trace", Calm),
    (b"notice", Calm),
    (b"fine", Calm),
    (b"finer", Calm),
    (b"finest", Calm),
    (b"config", Calm),
    (b"catatan", Calm),
];

/// Ends of names of Java classes that are thrown.
const THROWN: &[&[u8]] = &[b"Exception", b"Error"];

/// Words before a sign that say there was none; `no` and `tidak ada` with up to one word between.
const NONE_BEFORE: &[&[u8]] = &[
    b"no", b"zero", b"without", b"not", b"tanpa", b"nol", b"nihil", b"bukan", b"tidak", b"if",
    b"bila", b"jika",
];

/// What a value after `=` or `:` may be where there was none.
const NONE_AFTER: &[&[u8]] =
    &[b"0", b"none", b"null", b"nil", b"false", b"no", b"tidak", b"nihil", b"-"];

/// How bad a line is, if it says so.
pub(in super::super) fn severity(line: &[u8]) -> Option<Severity> {
    let line = line.get(..LOOKED_AT_BYTES_MAX).unwrap_or(line);
    let mut at = 0;
    loop {
        at += line.get(at..)?.iter().position(u8::is_ascii_alphabetic)?;
        let rest = line.get(at..)?;
        let length = rest.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(length)?;
        match sign(word) {
            Some(Bad(severity)) if counts(line.get(..at)?, after) => return Some(severity),
            Some(Calm) if is_alone(line.get(..at)?, after) => return None,
            _ => at += length,
        }
    }
}

fn sign(word: &[u8]) -> Option<Sign> {
    let first = word.first()?.to_ascii_lowercase();
    let is = |known: &[u8]| known.first() == Some(&first) && known.eq_ignore_ascii_case(word);
    // Most words are told by their first letter.
    if matches!(
        first,
        b'e' | b's' | b'f' | b'c' | b'p' | b'w' | b'g' | b'k' | b'i' | b'd' | b't' | b'n'
    ) && let Some((_, sign)) = WORDS.iter().find(|(known, _)| is(known))
    {
        let is_upper = word.iter().all(u8::is_ascii_uppercase);
        return (*sign != Calm || is_upper).then_some(*sign);
    }
    let thrown = |end: &&[u8]| word.len() > end.len() && word.ends_with(end);
    THROWN.iter().any(thrown).then_some(Bad(Severity::Error))
}

/// Whether the word tells of a failure: it is no part of a name or a path, no count of none, and nothing
/// before it denies it.
fn counts(before: &[u8], after: &[u8]) -> bool {
    is_alone(before, after) && !is_denied(before) && !is_none(after)
}

/// A word of prose or a class with its package; neither `error_log` nor `/error/` nor `error.html`.
fn is_alone(before: &[u8], after: &[u8]) -> bool {
    let glued = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
    let in_name = matches!(before.last(), Some(b'_' | b'/' | b'-' | b'$' | b'@' | b'?' | b'&'))
        || before.last().is_some_and(u8::is_ascii_digit);
    let continued = match after.first() {
        Some(b'.' | b'-') => glued(after.get(1)),
        Some(b'_' | b'/' | b'@') => true,
        byte => glued(byte),
    };
    !in_name && !continued
}

/// `no error`, `0 errors`, `tidak ada kesalahan`, `tanpa ada kesalahan`.
fn is_denied(before: &[u8]) -> bool {
    let mut words = before
        .rsplit(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(2)
        .map(<[u8]>::to_ascii_lowercase);
    let Some(last) = words.next() else { return false };
    // `0 errors` counts, the time before `ERROR` does not.
    let is_count = last == b"0" && before.ends_with(b" ") && !before.ends_with(b":0 ");
    let of = |word: &[u8]| NONE_BEFORE.contains(&word);
    let between = matches!(last.as_slice(), b"ada" | b"any" | b"an" | b"a" | b"satupun");
    is_count || of(&last) || between && words.next().is_some_and(|word| of(&word))
}

/// `error=0`, `errors: 0`, `error: none`, `failed (0)`.
fn is_none(after: &[u8]) -> bool {
    let marks = |byte: &u8| matches!(byte, b'=' | b':' | b'"' | b'\'' | b' ' | b'(' | b'[' | b's');
    let skipped = after.iter().take_while(|byte| marks(byte)).count();
    let Some((between, value)) = after.split_at_checked(skipped) else { return false };
    let tells = between.iter().any(|byte| matches!(byte, b'=' | b':' | b'(' | b'['));
    let length = value
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-')
        .unwrap_or(value.len());
    let Some((value, rest)) = value.split_at_checked(length) else { return false };
    // `error: no such file` goes on, `error: none` does not.
    let ends = value == b"0" || between.contains(&b'=') || rest.first() != Some(&b' ');
    tells && ends && NONE_AFTER.iter().any(|none| none.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_and_their_first_letters_are_looked_for() {
        for (word, sign_of) in WORDS {
            assert_eq!(word.to_ascii_lowercase(), *word);
            assert_eq!(sign(&word.to_ascii_uppercase()), Some(*sign_of));
        }
    }

    #[test]
    fn the_first_word_that_is_a_sign_decides() {
        use Severity::{Error, Fatal, Panic, Warning};
        for (line, expected) in [
            ("ERROR koneksi putus", Some(Error)),
            ("[error] x", Some(Error)),
            ("Error: x", Some(Error)),
            ("SEVERE: Servlet.service() threw", Some(Error)),
            ("FATAL: tidak dapat mulai", Some(Fatal)),
            ("panic: runtime error", Some(Panic)),
            ("WARN lambat, 3 error", Some(Warning)),
            ("PERINGATAN: disk 90%", Some(Warning)),
            ("GALAT:  relasi tidak ada", Some(Error)),
            ("terjadi kesalahan saat menyimpan", Some(Error)),
            ("Gagal mengirim surel", Some(Error)),
            ("KESALAHAN", Some(Error)),
            ("java.lang.NullPointerException", Some(Error)),
            ("java.lang.OutOfMemoryError: Java heap space", Some(Error)),
            ("Unhandled exception", Some(Error)),
            ("backup failed", Some(Error)),
            ("pg_dump: error: connection to server failed", Some(Error)),
            ("level=error msg=x", Some(Error)),
            ("error: no such file", Some(Error)),
            ("error code 0", Some(Error)),
            ("3 errors", Some(Error)),
            ("10 errors", Some(Error)),
            ("14:03:00 ERROR x", Some(Error)),
            ("error.", Some(Error)),
            // None.
            ("selesai", None),
            ("0 errors", None),
            ("selesai, 0 error", None),
            ("error=0", None),
            ("errors: 0", None),
            ("failed=0 ok=3", None),
            ("failures (0)", None),
            ("\"error\":null", None),
            ("error: none", None),
            ("no error", None),
            ("completed without any errors", None),
            ("tanpa kesalahan", None),
            ("tidak ada kesalahan", None),
            ("tidak ada galat", None),
            ("not an error", None),
            ("INFO proses selesai, 3 error", None),
            ("[DEBUG] exception handler set", None),
            ("GET /error/404.html", None),
            ("menulis ke error.log", None),
            ("error_log = /var/log/x", None),
            ("terror informasi", None),
            ("", None),
        ] {
            assert_eq!(severity(line.as_bytes()), expected, "{line}");
        }
    }
}
