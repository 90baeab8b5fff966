//! The few fields that matter of a line of JSON. Not a checker: what is no JSON gives nothing or what could
//! be found.

use memchr::{memchr, memchr2};

use super::super::label::Label;

/// Envelopes within each other are looked into so deep.
const DEPTH_MAX: usize = 3;

/// A string as written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text<'a> {
    /// Between its quotes, with its escapes.
    pub raw: &'a [u8],
    is_escaped: bool,
}

impl Text<'_> {
    /// Hands on its bytes without escapes, piece by piece.
    pub fn write(self, mut put: impl FnMut(&[u8])) {
        if !self.is_escaped {
            return put(self.raw);
        }
        let mut rest = self.raw;
        while let Some(at) = memchr(b'\\', rest) {
            put(rest.get(..at).unwrap_or_default());
            rest = escape(rest.get(at + 1..).unwrap_or_default(), &mut put);
        }
        put(rest);
    }
}

/// Hands on what the escape after a backslash stands for; gives what follows it.
fn escape<'a>(text: &'a [u8], put: &mut impl FnMut(&[u8])) -> &'a [u8] {
    let Some((code, rest)) = text.split_first() else { return &[] };
    let byte = match code {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        b'u' => return code_point(rest, put),
        byte => *byte,
    };
    put(&[byte]);
    rest
}

/// Four digits; a high surrogate with the low one after it. One that stands alone becomes U+FFFD.
fn code_point<'a>(text: &'a [u8], put: &mut impl FnMut(&[u8])) -> &'a [u8] {
    let Some((high, rest)) = hex(text) else {
        put("\u{fffd}".as_bytes());
        return text;
    };
    let low = rest.strip_prefix(b"\\u").and_then(hex).filter(|_| matches!(high, 0xd800..=0xdbff));
    let (code, rest) = match low {
        Some((low @ 0xdc00..=0xdfff, rest)) => {
            (0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), rest)
        }
        _ => (high, rest),
    };
    let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    put(char.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn hex(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let code = digits.iter().try_fold(0, |sum, byte| Some(sum * 16 + digit(byte)?))?;
    Some((code, rest))
}

/// What was found of a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found<'a> {
    /// When.
    pub time: Text<'a>,
    /// SQLSTATE.
    pub sqlstate: Text<'a>,
    /// Database.
    pub database: Text<'a>,
    /// `application_name`.
    pub application: Text<'a>,
    /// The message.
    pub message: Text<'a>,
    severity: Text<'a>,
    detail: Text<'a>,
    hint: Text<'a>,
    query: Text<'a>,
    context: Text<'a>,
    statement: Text<'a>,
    payload: Text<'a>,
    logger: Text<'a>,
}

impl<'a> Found<'a> {
    /// What the line is; `None` where it is no record of the server.
    pub fn label(&self) -> Option<Label> {
        Label::of(self.severity.raw).filter(|label| label.begins_entry())
    }

    /// Whether it is a record of the server.
    pub fn is_record(&self) -> bool {
        self.label().is_some() && !self.time.raw.is_empty() && !self.message.raw.is_empty()
    }

    /// Whether a program beside the server wrote it.
    pub fn is_operator(&self) -> bool {
        !self.logger.raw.is_empty()
    }

    /// A line of stderr. Of an object in an envelope it is its message.
    pub fn payload(&self) -> Option<Text<'a>> {
        Some(self.payload).filter(|text| !text.raw.is_empty())
    }

    /// Further parts, as csvlog orders them.
    pub fn parts(&self) -> [(Label, Text<'a>); 5] {
        [
            (Label::Detail, self.detail),
            (Label::Hint, self.hint),
            (Label::Query, self.query),
            (Label::Context, self.context),
            (Label::Statement, self.statement),
        ]
    }

    /// Where the string of a key goes: jsonlog's own keys, csvlog's columns, and those of envelopes.
    fn place(&mut self, key: &[u8], in_payload: bool) -> Option<&mut Text<'a>> {
        Some(match key {
            b"timestamp" | b"log_time" => &mut self.time,
            b"dbname" | b"database_name" => &mut self.database,
            b"error_severity" => &mut self.severity,
            b"state_code" | b"sql_state_code" => &mut self.sqlstate,
            b"message" if in_payload => &mut self.payload,
            b"message" => &mut self.message,
            b"detail" => &mut self.detail,
            b"hint" => &mut self.hint,
            b"internal_query" => &mut self.query,
            b"context" => &mut self.context,
            b"statement" | b"query" => &mut self.statement,
            b"application_name" => &mut self.application,
            b"textPayload" | b"log" => &mut self.payload,
            b"logger" => &mut self.logger,
            _ => return None,
        })
    }
}

/// Reads a line.
pub fn read(line: &[u8]) -> Found<'_> {
    let mut found = Found::default();
    if let Some(rest) = line.trim_ascii_start().strip_prefix(b"{") {
        let _ = members(rest, &mut found, false, DEPTH_MAX);
    }
    if found.label().is_some() && found.message.raw.is_empty() {
        found.message = found.payload;
    }
    found
}

/// Reads the members of an object after its brace; gives what follows it.
fn members<'a>(
    mut rest: &'a [u8],
    found: &mut Found<'a>,
    in_payload: bool,
    depth: usize,
) -> Option<&'a [u8]> {
    loop {
        rest = skip(rest);
        if let Some(rest) = rest.strip_prefix(b"}") {
            return Some(rest);
        }
        let (key, after) = string(rest)?;
        rest = skip(skip(after).strip_prefix(b":")?);
        let enters = depth > 0 && matches!(key.raw, b"record" | b"jsonPayload");
        rest = match rest.first()? {
            b'"' => {
                let (text, after) = string(rest)?;
                if let Some(place) = found.place(key.raw, in_payload) {
                    *place = text;
                }
                after
            }
            b'{' if enters => members(rest.get(1..)?, found, key.raw == b"jsonPayload", depth - 1)?,
            b'{' | b'[' => nested(rest)?,
            _ => rest.get(rest.iter().position(|byte| matches!(byte, b',' | b'}'))?..)?,
        };
    }
}

/// What follows an object or array.
fn nested(mut rest: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    loop {
        rest = match rest.split_first()? {
            (b'"', _) => string(rest)?.1,
            (b'{' | b'[', after) => {
                depth += 1;
                after
            }
            (b'}' | b']', after) => {
                depth -= 1;
                after
            }
            (_, after) => after,
        };
        if depth == 0 {
            return Some(rest);
        }
    }
}

/// A string that begins here, and what follows it.
fn string(text: &[u8]) -> Option<(Text<'_>, &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let (mut from, mut is_escaped) = (0, false);
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some((Text { raw: text.get(..at)?, is_escaped }, text.get(at + 1..)?));
        }
        is_escaped = true;
        from = at + 2;
    }
}

/// What follows spaces and commas.
fn skip(mut text: &[u8]) -> &[u8] {
    while let Some((b' ' | b',' | b'\t' | b'\r' | b'\n', after)) = text.split_first() {
        text = after;
    }
    text
}
