//! From one message to the template of all messages of its kind: what varies becomes a placeholder.
//! Identifiers (relations, constraints, classes) stay: they name the error.

/// Placeholders of `redact` that stand for digits. Whether a number looked like an identity number or not
/// must not split a group.
const NUMERIC_PLACEHOLDERS: &[&str] = &["<nik>", "<npwp>", "<phone>", "<number>", "<money>", "<n>"];

/// A word with this many digits among its letters is an identifier made by a machine, not a name.
const ID_DIGITS_MIN: usize = 4;

/// The template of a redacted message. Pure; applying it twice changes nothing.
pub fn template(redacted: &str) -> String {
    let mut out = String::with_capacity(redacted.len());
    let mut rest = redacted.trim();
    while let Some(first) = rest.chars().next() {
        let (length, written) = piece(rest, first);
        let (taken, after) = rest.split_at(length);
        match written {
            Written::AsItIs => out.push_str(taken),
            Written::Space => out.push(' '),
            Written::Number => push_number(&mut out),
            Written::Text(text) => push_placeholder(&mut out, text),
        }
        rest = after;
    }
    out.truncate(out.trim_end().len());
    out
}

enum Written {
    AsItIs,
    Space,
    Number,
    Text(&'static str),
}

/// Length of the next piece and what is written for it.
fn piece(rest: &str, first: char) -> (usize, Written) {
    if first.is_whitespace() {
        let length = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        return (length, Written::Space);
    }
    if let Some(placeholder) = NUMERIC_PLACEHOLDERS.iter().find(|p| rest.starts_with(**p)) {
        return (placeholder.len(), Written::Number);
    }
    if first.is_ascii_alphanumeric() || first == '_' {
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        return word(rest.split_at(length).0);
    }
    (first.len_utf8(), Written::AsItIs)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn word(word: &str) -> (usize, Written) {
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
