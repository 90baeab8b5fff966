//! Texts between quotes in messages. They are user input unless the word before says that they name
//! something of the schema, which also names the error: `relation "lelang"`.

use std::{borrow::Cow, sync::LazyLock};

use memchr::{memchr2, memchr3};
use regex::Regex;

use super::{is_name, pattern};

/// Words before a quoted identifier, English and Indonesian, lower case.
#[rustfmt::skip]
const NAMING_WORDS: &[&str] = &[
    "attribute", "batasan", "column", "columns", "constraint", "database", "encoding", "extension",
    "field", "function", "fungsi", "indeks", "index", "invoke", "kolom", "language", "operator",
    "parameter", "relasi", "relation", "schema", "sequence", "skema", "tabel", "table",
    "tablespace", "trigger", "type", "view",
];

/// Opening quotes and what closes them.
const QUOTES: &[(char, char)] =
    &[('"', '"'), ('\'', '\''), ('“', '”'), ('«', '»'), ('»', '«'), ('‘', '’'), ('`', '`')];

/// How the line of a request begins (RFC 9110, section 9, and RFC 5789).
const METHODS: &[&str] = &["GET ", "POST ", "PUT ", "HEAD ", "PATCH ", "DELETE ", "OPTIONS "];

/// What a quoted text becomes.
const PLACEHOLDER: &str = "<text>";

/// A Java frame ends a quotation that lacks its end.
static FRAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"\n\s*(?:at [\w$.]|Caused by: )"));

/// The text with its quotations replaced, and how many they were.
pub fn mask(text: &str) -> (Cow<'_, str>, u64) {
    let bytes = text.as_bytes();
    if memchr3(b'"', b'\'', b'`', bytes).is_none() && memchr2(0xc2, 0xe2, bytes).is_none() {
        return (Cow::Borrowed(text), 0);
    }
    let mut out = String::with_capacity(text.len());
    let (mut from, mut replaced, mut limit) = (0, 0, 0);
    while let Some((open, quote, closing)) = next_opening(text, from) {
        let body = open + quote.len_utf8();
        if limit < body {
            limit = FRAME.find_at(text, body).map_or(text.len(), |found| found.start());
        }
        let end = end_of_quotation(text, open, body..limit, closing);
        let content = text.get(body..end).unwrap_or_default();
        out.push_str(text.get(from..body).unwrap_or_default());
        if content.is_empty() || (is_name(content) && names_something(text, open)) {
            out.push_str(content);
        } else {
            let method = method_of(content);
            out.push_str(method);
            out.push_str(PLACEHOLDER);
            replaced += u64::from(content.get(method.len()..) != Some(PLACEHOLDER));
        }
        if end < limit {
            out.push(closing);
        }
        from = if end < limit { end + closing.len_utf8() } else { end };
    }
    out.push_str(text.get(from..).unwrap_or_default());
    (Cow::Owned(out), replaced)
}

/// `GET ` of a line of a request, which says what was done and nothing of by whom.
fn method_of(content: &str) -> &'static str {
    let begins = |method: &&&str| content.starts_with(**method);
    METHODS.iter().find(begins).copied().unwrap_or_default()
}

/// The next opening quote from `from` on. An apostrophe within a word opens nothing.
fn next_opening(text: &str, mut from: usize) -> Option<(usize, char, char)> {
    loop {
        let at = from + text.as_bytes().get(from..)?.iter().position(|byte| may_open(*byte))?;
        let (before, after) = text.split_at_checked(at)?;
        let c = after.chars().next()?;
        let quote = QUOTES.iter().find(|(opening, _)| *opening == c);
        let apostrophe = matches!(c, '\'' | '’')
            && before.chars().next_back().is_some_and(char::is_alphanumeric);
        if let (Some((opening, closing)), false) = (quote, apostrophe) {
            return Some((at, *opening, *closing));
        }
        from = at + c.len_utf8();
    }
}

/// Whether one of [`QUOTES`] begins with this byte.
fn may_open(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | 0xc2 | 0xe2)
}

/// Where the quotation ends: at its limit where no quote closes it. PostgreSQL does not escape quotes
/// within a value, so a value after a colon reaches to the last quote before the limit of its line or, if
/// it has none there, of the message.
fn end_of_quotation(text: &str, open: usize, body: std::ops::Range<usize>, closing: char) -> usize {
    let content = text.get(body.clone()).unwrap_or_default();
    let found = if text.get(..open).is_some_and(|before| before.ends_with(": ")) {
        let line = content.find('\n').and_then(|end| content.get(..end)).unwrap_or(content);
        line.rfind(closing).or_else(|| content.rfind(closing))
    } else {
        first_closing(content, closing)
    };
    found.map_or(body.end, |at| body.start + at)
}

/// The first closing quote that no letter follows (`'O'Brien'`) and that is not doubled.
fn first_closing(content: &str, closing: char) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = content.get(from..)?.find(closing).map(|at| from + at) {
        let after = at + closing.len_utf8();
        match content.get(after..)?.chars().next() {
            Some(next) if next == closing && at > 0 => from = after + next.len_utf8(),
            Some(next) if next.is_alphanumeric() => from = after,
            _ => return Some(at),
        }
    }
    None
}

fn names_something(text: &str, open: usize) -> bool {
    let before = text.get(..open).unwrap_or_default().trim_end();
    let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    NAMING_WORDS.binary_search(&word.to_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_naming_words_are_sorted_for_the_search() {
        assert!(NAMING_WORDS.is_sorted());
    }

    #[test]
    fn every_quote_is_found_by_its_first_byte() {
        for (opening, _) in QUOTES {
            assert!(may_open(opening.to_string().as_bytes()[0]));
        }
    }

    #[test]
    fn names_of_the_schema_stay_and_everything_else_goes() {
        for (text, expected) in [
            ("relation \"lelang\" does not exist", "relation \"lelang\" does not exist"),
            ("unique constraint \"peserta_pkey\"", "unique constraint \"peserta_pkey\""),
            ("relasi »lelang« tidak ada", "relasi »lelang« tidak ada"),
            ("column \"Budi Santoso\" does not exist", "column \"<text>\" does not exist"),
            ("relation \"3201234567890123\"", "relation \"<text>\""),
            (
                "invalid input syntax for type integer: \"a\"b\"c\"",
                "invalid input syntax for type integer: \"<text>\"",
            ),
            ("for input string: \"a\nb\"", "for input string: \"<text>\""),
            ("for user \"budi\"", "for user \"<text>\""),
            ("nama 'O'Brien' tidak ada", "nama '<text>' tidak ada"),
            ("nilai 'it''s' salah", "nilai '<text>' salah"),
            ("it can't and won't", "it can't and won't"),
            ("cut off 'rahasia", "cut off '<text>"),
            ("cut \"rahasia\n\tat a.B.c(D.java:1)", "cut \"<text>\n\tat a.B.c(D.java:1)"),
            ("empty \"\" stays", "empty \"\" stays"),
            ("\"GET /cari?q=budi HTTP/1.1\" 200", "\"GET <text>\" 200"),
            ("nama “Budi” salah", "nama “<text>” salah"),
        ] {
            assert_eq!(mask(text).0, expected);
        }
    }

    #[test]
    fn masked_text_is_not_counted_again() {
        assert_eq!(mask("for user \"budi\"").1, 1);
        assert_eq!(mask("for user \"<text>\"").1, 0);
    }
}
