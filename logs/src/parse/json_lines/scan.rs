//! Finds fields in a line of JSON (RFC 8259) without building it: values are told as they stand in the
//! line. Objects inside the object are entered once, whatever lies deeper is stepped over by counting
//! brackets, so that no depth costs more than its bytes. A line that was cut tells what stands before the
//! cut.

use memchr::{memchr, memchr2};

use super::super::ENTRY_BYTES_MAX;

/// A value as it stands in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// What is between the quotes, with its escapes.
    Text(&'a [u8]),
    /// A number, `true`, `false` or `null`.
    Bare(&'a [u8]),
    /// What is between the brackets.
    List(&'a [u8]),
}

/// Takes the name of the object that a field stands in (empty: the outermost), the field's name, its value.
pub(crate) type Take<'t, 'a> = dyn FnMut(&'a [u8], &'a [u8], Value<'a>) + 't;

/// Tells the fields of the object that `line` is; those of an object in it only where `enter` holds for its
/// name. Says whether the line is one object to its end.
pub(crate) fn fields<'a>(
    line: &'a [u8],
    enter: fn(&[u8]) -> bool,
    take: &mut Take<'_, 'a>,
) -> bool {
    let Some(rest) = line.trim_ascii().strip_prefix(b"{") else { return false };
    let mut scan = Scan { rest };
    scan.object(b"", Some(enter), take).is_some() && scan.rest.is_empty()
}

/// Appends a text without its escapes. What is no escape, or half of one, is as it stands.
pub(crate) fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest)
        && out.len() < ENTRY_BYTES_MAX
    {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = escaped(escape, out);
    }
    out.extend_from_slice(rest.get(..ENTRY_BYTES_MAX).unwrap_or(rest));
}

/// Appends what the escape at the beginning of `text` stands for; the rest after it.
fn escaped<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let byte = match text.get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b' | b'f') => b' ',
        Some(b'u') => return escaped_char(text, out),
        Some(other) => *other,
        None => return &[],
    };
    out.push(byte);
    text.get(2..).unwrap_or_default()
}

/// `\u00e9`, or a pair of surrogates (RFC 8259, 7).
fn escaped_char<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let (mut code, mut length) = (unit(text).unwrap_or(0xfffd), 6);
    if let (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) = (code, text.get(6..).and_then(unit)) {
        (code, length) = (0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), 12);
    }
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    text.get(length..).unwrap_or_default()
}

fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    digits.iter().try_fold(0, |sum, byte| Some(sum * 16 + digit(byte)?))
}

struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    /// After its opening bracket.
    fn object(
        &mut self,
        parent: &'a [u8],
        enter: Option<fn(&[u8]) -> bool>,
        take: &mut Take<'_, 'a>,
    ) -> Option<()> {
        loop {
            match self.next()? {
                b'}' => return Some(()),
                b',' => continue,
                b'"' => {}
                _ => return None,
            }
            let key = self.string();
            if self.next()? != b':' {
                return None;
            }
            let value = match self.next()? {
                b'"' => Value::Text(self.string()),
                b'[' => Value::List(self.nested()),
                b'{' if enter.is_some_and(|enter| enter(key)) => {
                    // Not deeper than this.
                    self.object(key, None, take)?;
                    continue;
                }
                b'{' => {
                    self.nested();
                    continue;
                }
                _ => Value::Bare(self.bare()),
            };
            take(parent, key, value);
        }
    }

    /// Takes away the next byte that is no space; a bare value's first byte stays for [`Scan::bare`].
    fn next(&mut self) -> Option<u8> {
        let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let blank = self.rest.iter().take_while(|byte| space(byte)).count();
        let rest = self.rest.get(blank..)?;
        let (first, after) = rest.split_first()?;
        let is_mark = matches!(first, b'"' | b'{' | b'}' | b'[' | b']' | b':' | b',');
        self.rest = if is_mark { after } else { rest };
        Some(*first)
    }

    /// After its opening quote; what there is of it where the line was cut.
    fn string(&mut self) -> &'a [u8] {
        let mut at = 0;
        while let Some(found) = self.rest.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            at += found;
            if self.rest.get(at) == Some(&b'"') {
                let (text, rest) = self.rest.split_at(at);
                self.rest = rest.get(1..).unwrap_or_default();
                return text;
            }
            at += 2;
        }
        std::mem::take(&mut self.rest)
    }

    fn bare(&mut self) -> &'a [u8] {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t');
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(length);
        self.rest = rest;
        value
    }

    /// What is inside the brackets of which the first was taken.
    fn nested(&mut self) -> &'a [u8] {
        let (all, mut depth) = (self.rest, 1_usize);
        while let Some((byte, after)) = self.rest.split_first() {
            self.rest = after;
            match byte {
                b'"' => {
                    self.string();
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let length = all.len() - self.rest.len() - 1;
                return all.get(..length).unwrap_or_default();
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(line: &str) -> (bool, Vec<String>) {
        let mut all = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let whole = fields(line.as_bytes(), |name| name == b"log", &mut |parent, key, value| {
            all.push(match value {
                Value::Text(value) => format!("{}/{}={}", text(parent), text(key), text(value)),
                Value::Bare(value) => format!("{}/{}:{}", text(parent), text(key), text(value)),
                Value::List(value) => format!("{}/{}[{}", text(parent), text(key), text(value)),
            });
        });
        (whole, all)
    }

    #[test]
    fn fields_are_told_as_they_stand_and_nested_ones_only_where_asked() {
        for (line, whole, expected) in [
            (r#"{"a":"x","b":1}"#, true, &["/a=x", "/b:1"][..]),
            (r#" { "a" : "x" , "b" : null } "#, true, &["/a=x", "/b:null"]),
            (r#"{"a":"x\"}","b":true}"#, true, &[r#"/a=x\"}"#, "/b:true"]),
            (r#"{"a":{"b":[1,{"c":"}"}]},"d":2}"#, true, &["/d:2"]),
            (r#"{"log":{"level":"ERROR","o":{"x":1}},"d":2}"#, true, &["log/level=ERROR", "/d:2"]),
            (r#"{"m":[104,[1],"]"],"d":2}"#, true, &[r#"/m[104,[1],"]""#, "/d:2"]),
            (r#"{"a":"x","b":"cut"#, false, &["/a=x", "/b=cut"]),
            (r#"{"a":"x\"#, false, &[r"/a=x\"]),
            (r#"{"a":1} {"b":2}"#, false, &["/a:1"]),
            ("{}", true, &[]),
            ("[1]", false, &[]),
            ("", false, &[]),
        ] {
            let (is_whole, fields) = told(line);
            assert_eq!(
                (is_whole, fields.as_slice()),
                (whole, &expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
                "{line}"
            );
        }
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        for (text, expected) in [
            (r"a\nb\tc\/d", "a\nb\tc/d"),
            (r#"\"x\" \\ y"#, "\"x\" \\ y"),
            (r"caf\u00e9 \ud83d\ude00", "café 😀"),
            (r"\ud83d x", "\u{fffd} x"),
            (r"\uzzzz", "\u{fffd}"),
            (r"half \u00", "half \u{fffd}"),
            (r"half \", "half "),
        ] {
            let mut out = Vec::new();
            unescape(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{text}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{{\"a\":{}", "[{\"b\":".repeat(200_000));
        assert!(!told(&deep).0);
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(line in prop::collection::vec(any::<u8>(), 0..200)) {
            fields(&[b"{\"a\":", line.as_slice()].concat(), |_| true, &mut |_, _, value| {
                if let Value::Text(text) = value {
                    unescape(text, &mut Vec::new());
                }
            });
        }

        #[test]
        fn a_text_that_was_escaped_is_read_as_it_was(text in any::<String>()) {
            let mut line = String::from("{\"m\":\"");
            for c in text.chars().filter(|c| !matches!(c, '\u{8}' | '\u{c}')) {
                match c {
                    '"' | '\\' => line.extend(['\\', c]),
                    c if c.is_ascii() && c.is_control() => line.push_str(&format!("\\u{:04x}", c as u32)),
                    c => line.push(c),
                }
            }
            line.push_str("\"}");
            let mut seen = Vec::new();
            let whole = fields(line.as_bytes(), |_| false, &mut |_, _, value| {
                if let Value::Text(value) = value {
                    unescape(value, &mut seen);
                }
            });
            let expected: String = text.chars().filter(|c| !matches!(c, '\u{8}' | '\u{c}')).collect();
            prop_assert!(whole);
            prop_assert_eq!(String::from_utf8_lossy(&seen), expected);
        }
    }
}
