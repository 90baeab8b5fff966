//! What stands before a message: priority, time, host, program.

mod calendar;

pub(in super::super) use calendar::Calendar;

/// Longest name of a program.
const PROGRAM_BYTES_MAX: usize = 64;

/// Highest priority: facility 23, severity 7 (RFC 5424, 6.2.1).
const PRIORITY_MAX: u32 = 191;

/// Messages of the daemon itself, which bear no program.
const WITHOUT_PROGRAM: &[&[u8]] = &[
    b"last message repeated",
    b"message repeated",
    b"-- MARK --",
    b"--MARK--",
    b"--- last",
    b"syslogd ",
];

/// UTF-8's byte order mark before a message (RFC 5424, 6.4).
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What stands before a message, and the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    /// Severity, where the line tells.
    pub(super) priority: Option<u8>,
    /// Empty where the line has none.
    pub(super) time: &'a [u8],
    /// `Nov 21 14:03:05`, not `2026-11-21T14:03:05+07:00`.
    pub(super) has_named_month: bool,
    pub(super) program: &'a [u8],
    pub(super) message: &'a [u8],
}

/// The header of a line that has one.
pub(super) fn header(line: &[u8]) -> Option<Header<'_>> {
    let (priority, rest) = match line.strip_prefix(b"<") {
        Some(marked) => priority(marked).map(|(priority, rest)| (Some(priority), rest))?,
        None => (None, line),
    };
    if priority.is_some()
        && let Some(rest) = rest.strip_prefix(b"1 ")
    {
        return structured(priority, rest);
    }
    let named = calendar::length(rest);
    let (time, rest) = rest.split_at_checked(named.or_else(|| iso_length(rest))?)?;
    let (_host, rest) = word(rest.strip_prefix(b" ")?)?;
    let has_named_month = named.is_some();
    let bare = || has_named_month && WITHOUT_PROGRAM.iter().any(|known| rest.starts_with(known));
    let (program, message) = tag(rest).or_else(|| bare().then_some((b"".as_slice(), rest)))?;
    Some(Header { priority, time, has_named_month, program, message })
}

/// Severity of `134>`.
fn priority(text: &[u8]) -> Option<(u8, &[u8])> {
    let length = text.iter().take(4).position(|byte| *byte == b'>')?;
    let (digits, rest) = text.split_at_checked(length)?;
    let number: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let severity = u8::try_from(number % 8).ok().filter(|_| number <= PRIORITY_MAX)?;
    Some((severity, rest.get(1..)?))
}

/// After `<134>1 `.
fn structured(priority: Option<u8>, rest: &[u8]) -> Option<Header<'_>> {
    let (time, rest) = word(rest)?;
    let is_time = time == b"-" || iso_length(time) == Some(time.len());
    let (_host, rest) = word(rest)?;
    let (program, rest) = word(rest).filter(|_| is_time)?;
    let (_process, rest) = word(rest)?;
    let length = rest.iter().position(|byte| *byte == b' ')?;
    let (_id, rest) = rest.split_at_checked(length)?;
    let rest = without_data(rest.get(1..)?)?;
    let message = rest.strip_prefix(b" ").unwrap_or(rest);
    let message = message.strip_prefix(BOM).unwrap_or(message);
    let time = if time == b"-" { b"" } else { time };
    let program = if program == b"-" { b"" } else { program };
    Some(Header { priority, time, has_named_month: false, program, message })
}

/// What follows `-` or `[id name="value"]…`; in a value `\` escapes `"`, `\` and `]`.
fn without_data(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"-") {
        return Some(rest);
    }
    let mut rest = text.starts_with(b"[").then_some(text)?;
    while let Some(element) = rest.strip_prefix(b"[") {
        rest = element.get(element_length(element)? + 1..)?;
    }
    Some(rest)
}

/// Bytes before the bracket that closes the element.
fn element_length(element: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    element.iter().position(|byte| {
        let (is_quoted, is_escaped) = (quoted, escaped);
        quoted ^= *byte == b'"' && !is_escaped;
        escaped = is_quoted && !is_escaped && *byte == b'\\';
        *byte == b']' && !is_quoted
    })
}

/// A word and what follows the blank after it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = memchr::memchr(b' ', text).filter(|length| *length > 0)?;
    let (word, rest) = text.split_at_checked(length)?;
    Some((word, rest.get(1..)?))
}

/// `program[812]: message`.
fn tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let ends = |byte: &u8| matches!(byte, b'[' | b':' | b' ');
    let length = text.iter().take(PROGRAM_BYTES_MAX).position(ends).filter(|length| *length > 0)?;
    let (program, mut rest) = text.split_at_checked(length)?;
    if let Some(process) = rest.strip_prefix(b"[") {
        let length = process.iter().take(PROGRAM_BYTES_MAX).position(|byte| *byte == b']')?;
        rest = process.get(length + 1..)?;
    }
    let message = rest.strip_prefix(b":")?;
    Some((program, message.strip_prefix(b" ").unwrap_or(message)))
}

/// Length of `2026-11-21T14:03:05.123456+07:00`; a zone must be there.
fn iso_length(text: &[u8]) -> Option<usize> {
    let shape = b"0000-00-00T00:00:00";
    let begin = text.get(..shape.len())?;
    let fits = |(byte, wanted): (&u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    };
    if !begin.iter().zip(shape).all(fits) {
        return None;
    }
    let rest = text.get(shape.len()..)?;
    let fraction = match rest.strip_prefix(b".") {
        Some(digits) => 1 + digits.iter().take(9).take_while(|b| b.is_ascii_digit()).count(),
        None => 0,
    };
    let zone = match rest.get(fraction..)? {
        [b'Z', ..] => 1,
        [b'+' | b'-', _, _, b':', _, _, ..] => 6,
        [b'+' | b'-', _, _, _, _, ..] => 5,
        _ => return None,
    };
    let digits = rest.get(fraction + 1..fraction + zone)?;
    let is_offset = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
    is_offset.then_some(shape.len() + fraction + zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_header_is_read() {
        let iso = "2026-11-21T14:03:05.123456+07:00";
        for (line, priority, time, program, message) in [
            ("Nov 21 14:03:05 app sshd[812]: x y", None, "Nov 21 14:03:05", "sshd", "x y"),
            ("Nov  1 14:03:05 app kernel: [1.2] x", None, "Nov  1 14:03:05", "kernel", "[1.2] x"),
            ("Nov 21 2026 14:03:05 app a: x", None, "Nov 21 2026 14:03:05", "a", "x"),
            (
                "<134>Nov 21 14:03:05 app postfix/smtp[1]:x",
                Some(6),
                "Nov 21 14:03:05",
                "postfix/smtp",
                "x",
            ),
            (
                "Nov 21 14:03:05 app last message repeated 3 times",
                None,
                "Nov 21 14:03:05",
                "",
                "last message repeated 3 times",
            ),
            ("2026-11-21T14:03:05.123456+07:00 app CRON[1]: x", None, iso, "CRON", "x"),
            (
                "<11>1 2026-11-21T14:03:05.123456+07:00 app spse 812 ID47 - x",
                Some(3),
                iso,
                "spse",
                "x",
            ),
            ("<11>1 - app - - - -", Some(3), "", "", ""),
            ("<11>1 - - - - - [a b=\"]\\\"\"][c] \u{feff}x", Some(3), "", "", "x"),
        ] {
            let header = header(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            let text = |bytes| std::str::from_utf8(bytes).unwrap();
            assert_eq!(
                (header.priority, text(header.time), text(header.program), text(header.message)),
                (priority, time, program, message),
                "{line}"
            );
        }
    }

    #[test]
    fn what_has_no_header_is_told_apart() {
        for line in [
            "",
            "<192>Nov 21 14:03:05 a b: x",
            "<x>Nov 21 14:03:05 a b: x",
            "Nov 21 14:03:05",
            "Nov 21 14:03:05 ERROR ~ x",
            "Foo 21 14:03:05 app a: x",
            "Nov 21, 2026 2:03:05 PM org.apache.catalina.core.StandardService start",
            "2026-11-21T14:03:05 app a: x",
            "2026-11-21 14:03:05+07:00 app a: x",
            "2026-11-21 14:03:05,123 ERROR ~ x",
            "<11>1 2026-11-21 app a - - - x",
            "<11>1 - - - - - [a",
        ] {
            assert_eq!(header(line.as_bytes()), None, "{line}");
        }
    }
}
