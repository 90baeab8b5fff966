//! From one message to the template of all messages of its kind: what varies becomes a placeholder.
//! Identifiers (relations, constraints, classes) stay: they name the error.
//!
//! One pass over the bytes, without a look at other messages. A message is taken apart at white space, brackets, quotes,
//! `=` and the like; each piece between them is judged by its form (`piece.rs`, `number.rs`, `place.rs`), by the word before it
//! (`words.rs`) and by being the value of a key.

use bytes::{AT, COLON, DIGIT, DOT, IN_PIECE, JOIN, LETTER, PLACEHOLDER, RARE, SPACE};
use words::Meaning;

mod bytes;
mod number;
mod piece;
mod place;
mod placeholder;
mod words;

/// Values of keys that end so stay, as far as they are words: they name the error, as in `error=timeout`.
const NAMING_KEYS: &[&str] = &[
    "code",
    "error",
    "errno",
    "reason",
    "cause",
    "exception",
    "state",
    "status",
    "stat",
    "result",
];

/// A bracket or quote is looked for so far: a text made of open ones must not cost the square of its length.
const LOOK_AHEAD_BYTES_MAX: usize = 1_000;
/// A piece that holds more than letters and is longer is a text that nobody reads.
const PIECE_BYTES_MAX: usize = 1_000;

/// The template of a redacted message. Pure.
pub fn template(redacted: &str) -> String {
    let mut out = String::with_capacity(redacted.len() + redacted.len() / 2);
    template_into(redacted, &mut out);
    out
}

/// As [`template`], into a string whose memory is used again.
pub fn template_into(redacted: &str, out: &mut String) {
    out.clear();
    Scan { text: redacted.trim(), at: 0, out, before: Meaning::None, in_name: false }.run();
    out.truncate(out.trim_end().len());
}

/// A message on its way to its template.
struct Scan<'t, 'o> {
    text: &'t str,
    /// Up to here it is read.
    at: usize,
    out: &'o mut String,
    /// What the word before says of the next one.
    before: Meaning,
    /// The piece is a part of a longer name.
    in_name: bool,
}

impl<'t> Scan<'t, '_> {
    fn run(mut self) {
        while let Some(byte) = self.byte(self.at) {
            let class = bytes::class(byte);
            if class & SPACE != 0 {
                self.at += 1;
                self.space();
            } else if class & RARE != 0 {
                self.rare();
            } else if class & IN_PIECE != 0 {
                self.piece();
            } else {
                self.delimiter(byte);
            }
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn rest(&self, from: usize) -> &'t str {
        self.text.get(from..).unwrap_or_default()
    }

    fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with(' ') {
            self.out.push(' ');
        }
    }

    /// A character beyond ASCII: a letter of a piece, white space or punctuation.
    fn rare(&mut self) {
        match self.rest(self.at).chars().next() {
            Some(c) if c.is_alphanumeric() => self.piece(),
            Some(c) => {
                self.at += c.len_utf8();
                if c.is_whitespace() { self.space() } else { self.out.push(c) }
            }
            None => self.at += 1,
        }
    }

    fn delimiter(&mut self, byte: u8) {
        match byte {
            b'<' if placeholder::length(self.rest(self.at)).is_some() => return self.piece(),
            b'<' if self.is_less_than_one() => self.at += 1,
            b'=' => self.equals(),
            b'{' => self.object(),
            b'(' | b'[' => self.bracket(byte),
            _ => self.push(byte),
        }
        self.before = Meaning::None;
    }

    fn push(&mut self, byte: u8) {
        self.out.push(char::from(byte));
        self.at += 1;
    }

    /// `<1 sec`: less than the smallest number is a number.
    fn is_less_than_one(&self) -> bool {
        let rest = self.rest(self.at + 1);
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let begins = self.out.is_empty() || self.out.ends_with(' ');
        begins
            && after.len() < rest.len()
            && after.starts_with(|c: char| c == ' ' || c.is_ascii_lowercase())
    }

    /// A key and its value: the key names, the value varies.
    fn equals(&mut self) {
        let before = self.out.bytes().next_back();
        self.push(b'=');
        let next = self.byte(self.at);
        let is_operator =
            before.is_none_or(|byte| b"=<>!~:+-*/".contains(&byte)) || next == Some(b'=');
        let spaces = self.spaces(self.at);
        let is_spaced = before == Some(b' ') && spaces > 0;
        if is_operator || (spaces > 0 && !is_spaced) || self.names() {
            return;
        }
        let from = self.at + spaces;
        let end = self.value_end(from);
        let after = end + self.spaces(end);
        if end == from || (is_spaced && self.byte(after) == Some(b'=')) {
            return;
        }
        if is_spaced {
            self.out.push(' ');
        }
        self.out.push_str("<value>");
        self.at = end;
    }

    fn spaces(&self, from: usize) -> usize {
        self.rest(from).bytes().take_while(|byte| bytes::is(*byte, SPACE)).count()
    }

    /// Whether the key just written is one of [`NAMING_KEYS`].
    fn names(&self) -> bool {
        let key = self.out.trim_end_matches('=').trim_end().as_bytes();
        NAMING_KEYS.iter().any(|known| {
            let end = key.len().checked_sub(known.len()).and_then(|from| key.get(from..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(known.as_bytes()))
        })
    }

    /// Where the value that begins here ends: with its quotes and brackets where these close.
    fn value_end(&self, from: usize) -> usize {
        let whole = balanced_end(self.rest(from));
        let length = whole.unwrap_or_else(|| piece_end(self.rest(from)));
        let value = self.text.get(from..from + length).unwrap_or_default();
        let trimmed = value.trim_end_matches(['.', ':']);
        from + if trimmed.is_empty() { length } else { trimmed.len() }
    }

    /// What an object says of itself: `Peserta{id=1, nama=x}`.
    fn object(&mut self) {
        let belongs =
            self.out.bytes().next_back().is_some_and(|byte| bytes::is(byte, LETTER | DIGIT));
        match self.closing(self.at).filter(|end| belongs && *end > self.at + 1) {
            Some(end) => {
                self.out.push_str("{<value>}");
                self.at = end + 1;
            }
            None => self.push(b'{'),
        }
    }

    /// A host told twice (`host (address)`, `host ()`) is one; what a `CMD (…)` runs is a text.
    fn bracket(&mut self, byte: u8) {
        let end = match self.before == Meaning::Command || self.out.trim_end().ends_with("<host>") {
            true => self.closing(self.at),
            false => None,
        };
        let Some(end) = end else { return self.push(byte) };
        let content = self.text.get(self.at + 1..end).unwrap_or_default();
        if self.before == Meaning::Command {
            self.out.push_str("(<text>)");
            self.at = end + 1;
        } else if content.is_empty() || place::host_length(content) == Some(content.len()) {
            self.out.truncate(self.out.trim_end().len());
            self.at = end + 1;
        } else {
            self.push(byte);
        }
    }

    /// Where the bracket that stands here is closed.
    fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        let at = self.rest(open).bytes().take(LOOK_AHEAD_BYTES_MAX).position(|byte| {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        });
        at.map(|at| open + at)
    }

    /// Takes the piece that begins here.
    fn piece(&mut self) {
        if self.byte(self.at) == Some(b'\\') && self.is_escape(self.at) {
            self.out.push_str(self.text.get(self.at..self.at + 4).unwrap_or_default());
            self.at += 4;
            return;
        }
        let (end, flags) = self.piece_end();
        let whole = self.text.get(self.at..end).unwrap_or_default();
        let core = match flags & (DOT | COLON | AT) {
            0 => whole,
            _ => whole.trim_end_matches(['.', ':', '@']),
        };
        let start = self.out.len();
        let before = std::mem::replace(&mut self.before, Meaning::None);
        if core.is_empty() {
            // `on ::` is every address of the machine.
            let is_host = whole == "::" && before == Meaning::Preposition;
            self.out.push_str(if is_host { "<host>" } else { whole });
            self.at = end;
            return;
        }
        self.at += core.len();
        if self.is_account(before, core) {
            self.out.push_str("<user>");
        } else if flags & !(LETTER | JOIN | RARE | bytes::HEX) == 0 {
            return self.word(core, before);
        } else if core.len() > PIECE_BYTES_MAX {
            self.out.push_str("<text>");
        } else {
            self.mixed(core, flags, before);
            self.join(start);
        }
        self.collapse(start);
    }

    /// Where the piece that begins here ends, and what it is made of.
    fn piece_end(&self) -> (usize, u16) {
        let (mut at, mut flags) = (self.at, 0);
        loop {
            for byte in self.text.as_bytes().get(at..).unwrap_or_default() {
                let class = bytes::class(*byte);
                if class & bytes::PLAIN == 0 {
                    break;
                }
                flags |= class;
                at += 1;
            }
            let length = match self.byte(at) {
                Some(b'<') => placeholder::length(self.rest(at)),
                Some(b'\\') if !self.is_escape(at) => Some(1),
                Some(0x80..) => {
                    self.rest(at).chars().next().filter(|c| c.is_alphanumeric()).map(char::len_utf8)
                }
                _ => None,
            };
            let Some(length) = length else { return (at, flags & !bytes::PLAIN) };
            flags |= match self.byte(at) {
                Some(b'<') => PLACEHOLDER,
                Some(byte) => bytes::class(byte),
                None => 0,
            };
            at += length;
        }
    }

    /// `\042`, as C writes a byte.
    fn is_escape(&self, at: usize) -> bool {
        let bytes = self.text.as_bytes().get(at..at + 4).unwrap_or_default();
        matches!(bytes, [b'\\', digits @ ..] if digits.iter().all(|byte| (b'0'..=b'7').contains(byte)))
    }

    /// A row of equal pieces that vary is one of them, however many they are.
    fn collapse(&mut self, start: usize) {
        // A number that joined the one before it left less than there was.
        let Some((before, token)) = self.out.split_at_checked(start) else { return };
        if !token.contains('<') || before.is_empty() {
            return;
        }
        let row = [" ", ", ", ",", ":"].iter().find_map(|separator| {
            let row = before.strip_suffix(separator)?;
            let head = row.strip_suffix(token)?;
            let begins = head
                .bytes()
                .next_back()
                .is_none_or(|byte| !bytes::is(byte, IN_PIECE) && byte != b'>');
            begins.then_some(row.len())
        });
        if let Some(length) = row {
            self.out.truncate(length);
        }
    }
}

/// Length of a value with its brackets and quotes; `None` where one of them is not closed.
fn balanced_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = text.bytes().next().filter(|byte| matches!(byte, b'"' | b'\''));
    for (at, byte) in
        text.bytes().enumerate().take(LOOK_AHEAD_BYTES_MAX).skip(usize::from(quote.is_some()))
    {
        match byte {
            _ if quote == Some(byte) => quote = None,
            _ if quote.is_some() => {}
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' | b']' | b'}' | b'>' if depth > 0 => depth -= 1,
            b')' | b']' | b'}' | b'>' => return Some(at),
            b' ' | b'\t'..=b'\r' | b',' | b';' | b'&' | b'|' | b'"' | b'\'' if depth == 0 => {
                return Some(at);
            }
            _ => {}
        }
    }
    (depth == 0 && quote.is_none() && text.len() <= LOOK_AHEAD_BYTES_MAX).then_some(text.len())
}

fn piece_end(text: &str) -> usize {
    let ends = |byte: u8| bytes::is(byte, SPACE) || b",;&|\"'()[]{}<>".contains(&byte);
    text.bytes().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
