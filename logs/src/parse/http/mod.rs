//! Logs of the web server before the application: nginx, Apache httpd, mod_security.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};

use crate::entry::Severity;

pub mod access;
pub mod apache_error;
mod error_log;
pub mod modsecurity;
pub mod nginx_error;
pub mod pattern;

/// What a line of a level is: a failure so bad, or ignored by the named rule.
type Level = Result<Severity, &'static str>;

/// Levels of the error logs of nginx (`error_log`) and Apache (`LogLevel`).
const LEVELS: &[(&[u8], Level)] = &[
    (b"error", Ok(Severity::Error)),
    (b"warn", Ok(Severity::Warning)),
    (b"crit", Ok(Severity::Fatal)),
    (b"alert", Ok(Severity::Fatal)),
    (b"emerg", Ok(Severity::Fatal)),
    (b"notice", Err("notice")),
    (b"info", Err("info")),
    (b"debug", Err("debug")),
    (b"trace", Err("trace")),
];

/// Apache counts its levels of tracing: `trace1` to `trace8`.
fn level(word: &[u8]) -> Option<Level> {
    let word = match word {
        [traced @ .., b'1'..=b'8'] if traced == b"trace" => traced,
        word => word,
    };
    LEVELS.iter().find(|(known, _)| *known == word).map(|(_, level)| *level)
}

/// Methods of HTTP and WebDAV that a request without protocol (HTTP/0.9) is recognised by, and that a route
/// is named by.
pub const METHODS: &[&str] = &[
    "GET",
    "POST",
    "HEAD",
    "OPTIONS",
    "PUT",
    "DELETE",
    "PATCH",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
];

/// A longer word is no method.
const METHOD_BYTES_MAX: usize = 20;

/// Method and target of a request line. `None` where the request was none: bytes of TLS, `-`, nothing. The
/// target may hold spaces, as clients send that do not know better.
pub fn request_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (method, rest) =
        line.split_at_checked(memchr(b' ', line.get(..METHOD_BYTES_MAX + 1).unwrap_or(line))?)?;
    let is_word = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
    if method.is_empty() || !method.iter().all(is_word) {
        return None;
    }
    let rest = rest.trim_ascii();
    let target = match memrchr(b' ', rest).and_then(|at| rest.split_at_checked(at)) {
        Some((target, protocol)) if protocol.starts_with(b" HTTP/") => target.trim_ascii_end(),
        _ if is_known(method) && rest.starts_with(b"/") => rest,
        _ => return None,
    };
    (!target.is_empty()).then_some((method, target))
}

fn is_known(method: &[u8]) -> bool {
    METHODS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(method))
}

/// What a server wrote as `\x22`, `\"`, `\\`, `\n` is one byte again. Anything else stays.
fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = memchr(b'\\', rest).and_then(|at| rest.split_at_checked(at))
    {
        out.extend_from_slice(plain);
        let (byte, length) = escape(escaped);
        out.push(byte);
        rest = escaped.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// The byte that an escape stands for, and the escape's length.
fn escape(escaped: &[u8]) -> (u8, usize) {
    match escaped {
        [_, b'x' | b'X', high, low, ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, 4),
            _ => (b'\\', 1),
        },
        [_, b'n' | b'r' | b't' | b'v' | b'b' | b'f', ..] => (b' ', 2),
        [_, byte @ (b'"' | b'\\' | b'/'), ..] => (*byte, 2),
        _ => (b'\\', 1),
    }
}

/// Value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Where the quoted text ends: the first quote that no backslash escapes.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        match text.get(at) {
            Some(b'"') => return Some(at),
            _ => from = at + 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_line_gives_method_and_target_or_is_none() {
        for (line, expected) in [
            ("GET /a HTTP/1.1", Some(("GET", "/a"))),
            ("get /a HTTP/2.0", Some(("get", "/a"))),
            ("POST /a b c HTTP/1.1", Some(("POST", "/a b c"))),
            ("GET /a", Some(("GET", "/a"))),
            ("OPTIONS * HTTP/1.0", Some(("OPTIONS", "*"))),
            ("CONNECT contoh.go.id:443 HTTP/1.1", Some(("CONNECT", "contoh.go.id:443"))),
            ("M-SEARCH * HTTP/1.1", Some(("M-SEARCH", "*"))),
            ("GET  HTTP/1.1", None),
            ("MGLNDD_10.1.2.3_443", None),
            ("SSH-2.0-Go x", None),
            ("t3 12.1.2", None),
            ("-", None),
            ("", None),
            ("\\x16\\x03\\x01", None),
        ] {
            let expected = expected.map(|(method, path)| (method.as_bytes(), path.as_bytes()));
            assert_eq!(request_line(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn escapes_of_both_servers_are_undone_and_broken_ones_stay() {
        for (written, meant) in [
            (r"a\x22b\x5Cc", r#"a"b\c"#),
            (r#"a\"b\\c"#, r#"a"b\c"#),
            (r"a\tb", "a b"),
            (r"a\x2", r"a\x2"),
            (r"a\", r"a\"),
            (r"a\qb", r"a\qb"),
        ] {
            assert_eq!(&*unescape(written.as_bytes()), meant.as_bytes(), "{written}");
        }
    }

    #[test]
    fn levels_of_both_servers_are_known() {
        assert_eq!(level(b"crit"), Some(Ok(Severity::Fatal)));
        assert_eq!(level(b"trace7"), Some(Err("trace")));
        assert_eq!(level(b"trace9"), None);
        assert_eq!(level(b"err"), None);
    }
}
