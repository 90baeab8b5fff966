//! Rules that most messages meet, without a pattern: each does to a text exactly what its pattern does, only
//! faster. A property test compares them.

use memchr::{memchr_iter, memchr2_iter};

use super::rules::{looks_random, names_an_account};

/// Writes the text with what the rule replaces, and gives how often it did; nothing is written where it
/// found nothing. `None` where the pattern itself has to look.
pub type ByHand = fn(&str, &mut String) -> Option<u64>;

/// What a value becomes.
const VALUE: &str = "<value>";
/// Of an IPv4 address so many octets stay.
const OCTETS_KEPT: usize = 3;
/// What a text may grow by while its memory does not: two addresses with their masks.
const ROOM_BYTES: usize = 16;
/// See the rule `random_token`.
const TOKEN_BYTES_MIN: usize = 32;

/// A text on its way to the text with its replacements.
struct Writing<'t, 'o> {
    text: &'t str,
    copied: usize,
    count: u64,
    out: &'o mut String,
}

impl<'t, 'o> Writing<'t, 'o> {
    fn new(text: &'t str, out: &'o mut String) -> Writing<'t, 'o> {
        Writing { text, copied: 0, count: 0, out }
    }

    fn replace(&mut self, start: usize, end: usize, replacement: &str) {
        if self.count == 0 {
            self.out.reserve(self.text.len() + ROOM_BYTES);
        }
        self.out.push_str(self.text.get(self.copied..start).unwrap_or_default());
        self.out.push_str(replacement);
        self.copied = end;
        self.count += 1;
    }

    fn end(self) -> Option<u64> {
        if self.count > 0 {
            self.out.push_str(self.text.get(self.copied..).unwrap_or_default());
        }
        Some(self.count)
    }
}

/// See the rule `ipv4`.
pub fn ipv4(text: &str, out: &mut String) -> Option<u64> {
    let bytes = text.as_bytes();
    let mut writing = Writing::new(text, out);
    let mut from = 0;
    for point in memchr_iter(b'.', bytes) {
        let first = digits_before(bytes, point);
        let start = point - first;
        if first == 0 || start < from || is_word(bytes, start.checked_sub(1)) {
            continue;
        }
        if let Some((kept, end)) = address(bytes, start) {
            writing.replace(kept, end, ".0/24");
            from = end;
        }
    }
    writing.end()
}

/// Where the third octet and the address end that begins here, its mask included.
fn address(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let (mut at, mut kept) = (start, start);
    for octet in 0..=OCTETS_KEPT {
        let length = digits(bytes, at);
        if !(1..=3).contains(&length) {
            return None;
        }
        at += length;
        if octet < OCTETS_KEPT {
            kept = at;
            at += usize::from(bytes.get(at) == Some(&b'.'));
            if at == kept {
                return None;
            }
        }
    }
    if is_word(bytes, Some(at)) {
        return None;
    }
    let mask = if bytes.get(at) == Some(&b'/') { digits(bytes, at + 1) } else { 0 };
    let is_mask = (1..=2).contains(&mask) && !is_word(bytes, Some(at + 1 + mask));
    Some((kept, if is_mask { at + 1 + mask } else { at }))
}

/// Digits in a row, `MIN` or more, each row replaced as a whole.
pub fn long_digits<const MIN: usize>(text: &str, out: &mut String) -> Option<u64> {
    let mut writing = Writing::new(text, out);
    for (start, end) in runs(text.as_bytes(), MIN, |byte| byte.is_ascii_digit()) {
        writing.replace(start, end, "<number>");
    }
    writing.end()
}

/// See the rule `random_token`.
pub fn random_token(text: &str, out: &mut String) -> Option<u64> {
    let bytes = text.as_bytes();
    let mut writing = Writing::new(text, out);
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte);
    for (start, end) in runs(bytes, TOKEN_BYTES_MIN, of_token) {
        let padding = bytes.iter().skip(end).take(2).take_while(|byte| **byte == b'=').count();
        if text.get(start..end + padding).is_some_and(looks_random) {
            writing.replace(start, end + padding, "<token>");
        }
    }
    writing.end()
}

/// See the rule `uuid`: without its hyphens there is none.
pub fn uuid(text: &str, _: &mut String) -> Option<u64> {
    let may_hold = memchr_iter(b'-', text.as_bytes()).nth(3).is_some();
    if may_hold { None } else { Some(0) }
}

/// See the rule `phone`: each begins with `08`, `628` or `(0`, where a word may begin.
pub fn phone(text: &str, _: &mut String) -> Option<u64> {
    let bytes = text.as_bytes();
    let begins = |at: usize| {
        let end = at - usize::from(at > 0 && matches!(bytes.get(at - 1), Some(b' ' | b'.' | b'-')));
        let starts = |prefix: &[u8]| {
            let start = end.checked_sub(prefix.len());
            start.is_some_and(|start| {
                bytes.get(start..end) == Some(prefix) && !is_word(bytes, start.checked_sub(1))
            })
        };
        starts(b"0") || starts(b"62")
    };
    let may_hold = memchr_iter(b'8', bytes).any(begins)
        || memchr_iter(b'(', bytes).any(|at| bytes.get(at + 1) == Some(&b'0'));
    if may_hold { None } else { Some(0) }
}

/// See the rule `nik`.
pub fn nik(text: &str, _: &mut String) -> Option<u64> {
    may_hold_digits(text, 16, b" .-")
}

/// See the rule `npwp`.
pub fn npwp(text: &str, _: &mut String) -> Option<u64> {
    may_hold_digits(text, 15, b".-")
}

/// Whether so many digits stand in a row but for what parts them.
fn may_hold_digits(text: &str, least: usize, between: &[u8]) -> Option<u64> {
    let bytes = text.as_bytes();
    let of_number = |byte: u8| byte.is_ascii_digit() || between.contains(&byte);
    let may_hold = runs(bytes, least, of_number).any(|(start, end)| {
        let run = bytes.get(start..end).unwrap_or_default();
        run.iter().filter(|byte| byte.is_ascii_digit()).count() >= least
    });
    if may_hold { None } else { Some(0) }
}

/// See the rule `person_field`. Beyond ASCII the pattern folds letters that nothing here does.
pub fn person_field(text: &str, out: &mut String) -> Option<u64> {
    if !text.is_ascii() {
        return None;
    }
    let bytes = text.as_bytes();
    let mut writing = Writing::new(text, out);
    let mut from = 0;
    for sign in memchr2_iter(b'=', b':', bytes) {
        let Some(key) = key_before(text, sign) else { continue };
        if key.0 < from || !text.get(key.0..key.1).is_some_and(is_of_person) {
            continue;
        }
        let value = sign + 1 + spaces(bytes, sign + 1);
        let length = value_length(bytes.get(value..).unwrap_or_default());
        if length > 0 {
            writing.replace(value, value + length, VALUE);
            from = value + length;
        }
    }
    writing.end()
}

/// The word before a sign, which a quote and spaces may part.
fn key_before(text: &str, sign: usize) -> Option<(usize, usize)> {
    let before = text.get(..sign)?.trim_end_matches(|c: char| u8::try_from(c).is_ok_and(is_space));
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
    let bytes = before.as_bytes();
    let word = bytes
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    (word > 0).then_some((bytes.len() - word, bytes.len()))
}

fn is_of_person(key: &str) -> bool {
    const KEYS: &[&str] = &[
        "user",
        "username",
        "user_name",
        "userid",
        "user_id",
        "login",
        "pengguna",
        "email",
        "nik",
        "npwp",
        "nip",
        "alamat",
        "telepon",
        "nohp",
        "no_hp",
        "rekening",
    ];
    let begins = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("nama"));
    begins || KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// Length of what a field may hold, 0 where there is nothing.
fn value_length(bytes: &[u8]) -> usize {
    let ends = |byte: u8| b",;&\n)]}\"'".contains(&byte);
    match bytes.first() {
        None => 0,
        Some(quote @ (b'"' | b'\'')) => {
            let body =
                bytes.iter().skip(1).take_while(|byte| *byte != quote && **byte != b'\n').count();
            1 + body + usize::from(bytes.get(1 + body) == Some(quote))
        }
        Some(byte) if b"<?$".contains(byte) || is_space(*byte) || ends(*byte) => 0,
        Some(_) => bytes.iter().take_while(|byte| !ends(**byte)).count(),
    }
}

/// See the rule `person_name`.
pub fn person_name(text: &str, out: &mut String) -> Option<u64> {
    const WORDS: &[&str] = &["user", "userid", "username", "login", "pengguna", "akun"];
    if !text.is_ascii() {
        return None;
    }
    let bytes = text.as_bytes();
    let mut writing = Writing::new(text, out);
    let mut from = 0;
    for space in memchr_iter(b' ', bytes) {
        let length = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let word = bytes.iter().take(space).rev().take_while(length).count();
        let is_it = |word: &str| WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
        let begins = bytes.get(space + 1).is_some_and(u8::is_ascii_alphanumeric);
        if !begins || space - word < from || !text.get(space - word..space).is_some_and(is_it) {
            continue;
        }
        let of_name = |byte: &&u8| length(byte) || matches!(byte, b'.' | b'-');
        from = space + 1 + bytes.iter().skip(space + 1).take_while(of_name).count();
        if text.get(space - word..from).is_some_and(names_an_account) {
            writing.replace(space + 1, from, VALUE);
        }
    }
    writing.end()
}

/// What begins a statement.
pub const STATEMENT_WORDS: &[&str] = &["select", "insert", "update", "delete", "values", "where"];

/// Whether one of [`STATEMENT_WORDS`] stands alone, and so may begin a statement: `updated` does not.
pub fn may_hold_statement(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_edge = |at: Option<usize>| !is_word(bytes, at);
    let begins = |at: usize, word: &&&str| {
        let here = bytes.get(at..at + word.len());
        here.is_some_and(|here| here.eq_ignore_ascii_case(word.as_bytes()))
            && is_edge(Some(at + word.len()))
    };
    let is_first = |byte: u8| matches!(byte | 0x20, b's' | b'i' | b'u' | b'd' | b'v' | b'w');
    let mut firsts = bytes.iter().enumerate().filter(|(_, byte)| is_first(**byte));
    // The pattern takes two letters beyond ASCII for ones of these words.
    !text.is_ascii()
        || firsts.any(|(at, _)| {
            is_edge(at.checked_sub(1)) && STATEMENT_WORDS.iter().any(|word| begins(at, &word))
        })
}

/// Every run of at least `least` bytes that belong, as long as it is. A run so long covers every `least`th byte.
fn runs(
    bytes: &[u8],
    least: usize,
    belongs: impl Fn(u8) -> bool,
) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + least - 1;
            let (before, after) = (bytes.get(from..at)?, bytes.get(at..)?);
            if !belongs(*after.first()?) {
                from = at + 1;
                continue;
            }
            let start = at - before.iter().rev().take_while(|byte| belongs(**byte)).count();
            let end = at + after.iter().take_while(|byte| belongs(**byte)).count();
            from = end;
            if end - start >= least {
                return Some((start, end));
            }
        }
    })
}

fn digits(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn digits_before(bytes: &[u8], end: usize) -> usize {
    let before = bytes.get(..end).unwrap_or_default();
    before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count()
}

fn spaces(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take_while(|byte| is_space(**byte)).count()
}

/// White space of a pattern, as far as it is ASCII.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn is_word(bytes: &[u8], at: Option<usize>) -> bool {
    let byte = at.and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}
