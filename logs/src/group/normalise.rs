//! From one message to the template of all messages of its kind: what varies becomes a placeholder.
//! Identifiers (relations, constraints, classes) stay: they name the error.

/// Placeholders of `redact` that stand for digits. Whether a number looked like an identity number or not
/// must not split a group.
const NUMERIC_PLACEHOLDERS: &[&str] = &["<nik>", "<npwp>", "<phone>", "<number>", "<money>", "<n>"];

/// A word with this many digits among its letters is an identifier made by a machine, not a name.
const ID_DIGITS_MIN: usize = 4;

/// Names whose number is a part of them: they name a method or a format, not one thing of many.
const NAMES_WITH_NUMBER: &[&str] = &[
    "aes128", "aes256", "base32", "base64", "float4", "float8", "gb18030", "http1", "http2",
    "http3", "int2", "int4", "int8", "ipv4", "ipv6", "latin1", "latin9", "log4j2", "md5", "sha1",
    "sha256", "sha384", "sha512", "sslv3", "tlsv1", "utf16", "utf32", "utf8", "win1252", "x509",
];

/// The template of a redacted message. Pure; applying it twice changes nothing.
pub fn template(redacted: &str) -> String {
    let mut out = String::with_capacity(redacted.len());
    let mut rest = redacted.trim();
    while let Some(first) = rest.chars().next() {
        let (length, written) = piece(rest, first, out.chars().next_back());
        let (taken, after) = rest.split_at(length);
        match written {
            Written::AsItIs => out.push_str(taken),
            Written::Space => out.push(' '),
            Written::Number => push_number(&mut out),
            Written::Numbered(name) => {
                out.push_str(name);
                push_number(&mut out);
            }
            Written::Text(text) => push_placeholder(&mut out, text),
        }
        rest = after;
    }
    out.truncate(out.trim_end().len());
    out
}

enum Written<'a> {
    AsItIs,
    Space,
    Number,
    /// A name that a number counts up, as in `paket12`.
    Numbered(&'a str),
    Text(&'static str),
}

/// Length of the next piece and what is written for it.
fn piece(rest: &str, first: char, before: Option<char>) -> (usize, Written<'_>) {
    if first.is_whitespace() {
        let length = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        return (length, Written::Space);
    }
    if let Some(placeholder) = NUMERIC_PLACEHOLDERS.iter().find(|p| rest.starts_with(**p)) {
        return (placeholder.len(), Written::Number);
    }
    if first.is_ascii_alphanumeric() || first == '_' {
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let in_prose = !before.is_some_and(is_part_of_name) && !goes_on(after);
        return match numbered(word).filter(|_| in_prose) {
            Some(name) => (length, Written::Numbered(name)),
            None => self::word(word),
        };
    }
    (first.len_utf8(), Written::AsItIs)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Beside these a word is a quoted identifier or a part of a longer name, which names the error.
fn is_part_of_name(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '.' | '(' | '@' | '-')
}

/// Whether the name does not end here; a full stop ends the sentence and the name.
fn goes_on(after: &str) -> bool {
    let mut chars = after.chars();
    match chars.next() {
        Some('.') => chars.next().is_some_and(is_word),
        next => next.is_some_and(is_part_of_name),
    }
}

/// The name in `paket12`, unless its number belongs to it.
fn numbered(word: &str) -> Option<&str> {
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let counted = name.len() < word.len()
        && name.len() >= 3
        && name.chars().all(char::is_alphabetic)
        && !NAMES_WITH_NUMBER.iter().any(|known| known.eq_ignore_ascii_case(word));
    counted.then_some(name)
}

fn word(word: &str) -> (usize, Written<'static>) {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let leading = word.bytes().take_while(u8::is_ascii_digit).count();
    let written = if leading == word.len() {
        Written::Number
    } else if word.starts_with("0x") {
        Written::Text("<hex>")
    } else if digits >= ID_DIGITS_MIN || (leading > 0 && digits > leading) {
        Written::Text("<id>")
    } else if leading > 0 {
        // A quantity with its unit, as in `300ms`.
        return (leading, Written::Number);
    } else {
        Written::AsItIs
    };
    (word.len(), written)
}

/// A number joined to the one before by `. , : / -` is one number: dates, times, addresses, decimals.
fn push_number(out: &mut String) {
    let joined = out.strip_suffix(['.', ',', ':', '/', '-']).is_some_and(|o| o.ends_with("<n>"));
    if joined {
        out.pop();
    } else if !out.ends_with("<n>") {
        out.push_str("<n>");
    }
}

/// A row of equal placeholders (`0xe2 0x80 0x99`) is one.
fn push_placeholder(out: &mut String, placeholder: &str) {
    let trimmed = out.trim_end().len();
    if out.get(..trimmed).is_some_and(|o| o.ends_with(placeholder)) {
        out.truncate(trimmed);
    } else {
        out.push_str(placeholder);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::template;

    #[test]
    fn what_varies_becomes_a_placeholder_and_names_stay() {
        for (message, expected) in [
            (
                "duplicate key value violates unique constraint \"peserta_pkey\"",
                "duplicate key value violates unique constraint \"peserta_pkey\"",
            ),
            ("lelang 1234567 tidak ditemukan", "lelang <n> tidak ditemukan"),
            ("lelang <nik> tidak  ditemukan", "lelang <n> tidak ditemukan"),
            (
                "canceling after 300ms at 2026-11-21 14:03:05.123",
                "canceling after <n>ms at <n> <n>",
            ),
            ("host 10.1.2.0/24 port 5432", "host <n> port <n>"),
            (
                "invalid byte sequence for encoding \"UTF8\": 0xe2 0x80 0x99",
                "invalid byte sequence for encoding \"UTF8\": <hex>",
            ),
            ("relation \"tmp_20261121\" does not exist", "relation \"<id>\" does not exist"),
            ("session models.Peserta@6f02fa9 lost", "session models.Peserta@<id> lost"),
            ("GET /lelang/123/peserta", "GET /lelang/<n>/peserta"),
            ("sha256 and int4 stay", "sha256 and int4 stay"),
            ("berkas paket7 dan paket12. Selesai", "berkas paket<n> dan paket<n>. Selesai"),
            (
                "column \"alamat2\" of lelang.tahap3 is missing",
                "column \"alamat2\" of lelang.tahap3 is missing",
            ),
        ] {
            assert_eq!(template(message), expected);
        }
    }

    proptest! {
        #[test]
        fn a_template_is_its_own_template(message in "[a-z0-9<>n.:/\" ,é@x-]{0,60}") {
            let once = template(&message);
            prop_assert_eq!(template(&once), once);
        }

        #[test]
        fn only_the_number_differs_only_the_number_is_lost(a in any::<u32>(), b in any::<u64>()) {
            prop_assert_eq!(template(&format!("nomor {a} gagal")), template(&format!("nomor {b} gagal")));
        }
    }
}
