//! The placeholders that `redact` and templates write.

/// Those that stand for digits or for what a machine made of digits and letters. Whether a number looked like an
/// identity number or not, and whether an identifier happened to hold a letter, must not split a group.
const NUMERIC: &[&str] = &["n", "number", "token", "nik", "npwp", "phone", "money"];

/// The others.
const OTHERS: &[&str] = &[
    "value", "text", "host", "path", "user", "secret", "email", "ipv6", "url", "name", "size",
    "duration",
];

/// The longest, with its brackets.
const BYTES_MAX: usize = 12;

/// Length of the placeholder at the beginning.
pub fn length(text: &str) -> Option<usize> {
    let head = text.as_bytes().get(1..text.len().min(BYTES_MAX))?;
    let end = memchr::memchr(b'>', head)?;
    let name = text.get(1..end + 1)?;
    (text.starts_with('<') && (NUMERIC.contains(&name) || OTHERS.contains(&name)))
        .then_some(end + 2)
}

/// Length of the placeholder of a number at the beginning.
pub fn numeric_length(text: &str) -> Option<usize> {
    let length = length(text)?;
    NUMERIC.contains(&text.get(1..length - 1)?).then_some(length)
}
