//! Numbers, and names with numbers in them.

use super::{
    Scan,
    bytes::{self, DIGIT, DOT, HEX, JOIN, LETTER},
    placeholder,
    words::{self, Meaning},
};

/// So many digits in a word are an identifier made by a machine, not part of a name.
const ID_DIGITS_MIN: usize = 4;
/// So many digits of base 16 with a letter among them are one, too.
const HEX_BYTES_MIN: usize = 6;
/// A name that a number counts up has so many letters.
const NAME_LETTERS_MIN: usize = 2;

/// Names whose number is a part of them: they name a method or a format, not one thing of many.
const NAMES_WITH_NUMBER: &[&str] = &[
    "aes128", "aes256", "amd64", "base32", "base64", "float4", "float8", "gb18030", "http1",
    "http2", "http3", "i386", "i686", "int2", "int4", "int8", "ipv4", "ipv6", "latin1", "latin9",
    "log4j2", "md5", "sha1", "sha256", "sha384", "sha512", "sslv3", "tlsv1", "utf16", "utf32",
    "utf8", "win1252", "x509", "x86_64",
];

/// Between the digits of one number: dates, times, decimals, versions, fractions.
const NUMBER_JOINS: &[char] = &['.', ',', ':', '/', '-', '+', '#'];

impl Scan<'_, '_> {
    /// A number with what follows it: a unit, a suffix, or the rest of an identifier.
    pub(super) fn quantity(&mut self, part: &str) {
        let (_, rest) = part.split_at(number_length(part));
        self.number();
        let is_identifier = is_hash(part) || part.starts_with("0x");
        match rest.bytes().next() {
            _ if is_identifier => {}
            Some(byte) if bytes::is(byte, JOIN | DOT) => {
                self.out.push(char::from(byte));
                self.part(rest.get(1..).unwrap_or_default(), false);
            }
            _ if bytes::any(rest, DIGIT) || rest.contains('<') => {}
            _ => match words::meaning(rest) {
                Meaning::TimeUnit => self.attached("<duration>"),
                Meaning::SizeUnit => self.attached("<size>"),
                _ => self.out.push_str(rest),
            },
        }
    }

    fn attached(&mut self, quantity: &str) {
        if let Some(before) = self.out.strip_suffix("<n>") {
            let length = before.len();
            self.out.truncate(length);
            self.out.push_str(quantity);
        }
    }

    /// A name with a number in it: it stays where the number belongs to it, else the number goes with all that
    /// follows.
    pub(super) fn name(&mut self, part: &str) {
        let first = part
            .bytes()
            .position(|byte| byte.is_ascii_digit() || byte == b'<')
            .unwrap_or(part.len());
        let (prefix, rest) = part.split_at(first);
        let letters = prefix.chars().filter(|c| c.is_alphabetic()).count();
        if NAMES_WITH_NUMBER.iter().any(|known| known.eq_ignore_ascii_case(part)) {
            return self.out.push_str(part);
        }
        let is_hex = is_hash(part);
        if is_hex || !self.is_counted(prefix, rest, letters) {
            return if is_hex { self.number() } else { self.out.push_str(part) };
        }
        if letters >= NAME_LETTERS_MIN {
            let name = prefix.trim_end_matches(is_separator);
            self.out.push_str(name);
            self.out.extend(prefix.get(name.len()..).and_then(|joins| joins.chars().next()));
        }
        self.number();
    }

    /// Whether the number in a name counts things of one kind.
    fn is_counted(&self, prefix: &str, rest: &str, letters: usize) -> bool {
        let (digits, groups) = digits_and_groups(rest);
        let is_at_end = rest.ends_with(|c: char| c.is_ascii_digit() || c == '>') && groups == 1;
        let is_long = letters >= NAME_LETTERS_MIN;
        if prefix.ends_with(is_separator) || digits >= ID_DIGITS_MIN {
            true
        } else if is_at_end {
            let in_prose = is_long && prefix.chars().all(char::is_alphabetic) && self.is_prose();
            in_prose || (!is_long && digits + 1 >= ID_DIGITS_MIN)
        } else {
            groups > 1 && (!is_long || rest.contains(is_separator))
        }
    }

    /// Beside these a word is a quoted identifier or a part of a longer name, which names the error.
    fn is_prose(&self) -> bool {
        let beside = |byte: u8| b"\"'`.(@-".contains(&byte);
        let before = self.out.bytes().next_back();
        let after = self.rest(self.at).bytes().next();
        // A full stop ends the sentence and the name.
        let goes_on = after.is_some_and(|byte| beside(byte) && byte != b'.');
        !self.in_name && !goes_on && !before.is_some_and(beside)
    }

    /// Writes a number; joined to the one before it is one with it.
    pub(super) fn number(&mut self) {
        let kept = self.out.trim_end_matches(NUMBER_JOINS).len();
        let before = self.out.get(..kept).and_then(|out| out.strip_suffix("<n>"));
        // One that counts up a name is its own.
        let follows = before.is_some_and(|before| {
            !before.bytes().next_back().is_some_and(|byte| bytes::is(byte, LETTER))
        });
        if follows {
            self.out.truncate(kept);
        } else {
            self.push_number();
        }
    }

    /// A piece of numbers alone is one.
    pub(super) fn join(&mut self, start: usize) {
        let is_row =
            |made: &str| made.len() > "<n>".len() && made.ends_with("<n>") && is_numeric(made);
        if self.out.get(start..).is_some_and(is_row) {
            self.out.truncate(start);
            self.number();
        }
    }

    fn push_number(&mut self) {
        if !self.out.ends_with("<n>") {
            self.out.push_str("<n>");
        }
    }
}

/// Digits of base 16, too many to be a word.
pub fn is_hash(text: &str) -> bool {
    text.len() >= HEX_BYTES_MIN && bytes::all(text, HEX)
}

pub fn is_separator_of_words(c: char) -> bool {
    c != '_' && is_separator(c)
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | '#' | '~' | '+' | '%')
}

/// Digits of a text and the runs they stand in; a placeholder stands for many.
fn digits_and_groups(text: &str) -> (usize, usize) {
    let (mut digits, mut groups, mut in_group) = (0, 0, false);
    for byte in text.bytes() {
        let is_digit = byte.is_ascii_digit() || byte == b'<';
        digits += if byte == b'<' { ID_DIGITS_MIN } else { usize::from(is_digit) };
        groups += usize::from(is_digit && !in_group);
        in_group = is_digit;
    }
    (digits, groups)
}

/// Whether a text is digits and what joins them: numbers, dates and times in all their forms.
pub fn is_numeric(text: &str) -> bool {
    let sign = usize::from(is_signed(text));
    let (mut at, mut digits) = (sign, false);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let byte = rest.bytes().next().unwrap_or(0);
        if byte.is_ascii_digit() {
            digits = true;
            at += 1;
        } else if digits && b".:/-+#".contains(&byte) {
            at += 1;
        } else if let Some(length) = placeholder::numeric_length(rest) {
            digits = true;
            at += length;
        } else {
            match letters_of_number(text.get(..at).unwrap_or_default(), rest) {
                0 => return false,
                length => at += length,
            }
        }
    }
    digits && !text.ends_with(NUMBER_JOINS)
}

/// Whether a sign belongs to the number behind it; a placeholder of ours has its own in it.
pub fn is_signed(text: &str) -> bool {
    let number = text.strip_prefix(['-', '+']);
    number.is_some_and(|number| !number.starts_with("<n>") && number_length(number) > 0)
}

/// Length of the letters that a number may hold: `T` and `Z` of ISO 8601, the exponent, the month.
fn letters_of_number(before: &str, rest: &str) -> usize {
    let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, after) = rest.split_at(length);
    let follows_digit = before.ends_with(|c: char| c.is_ascii_digit() || c == '>');
    let digit_follows =
        after.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit());
    let belongs = match word {
        "T" | "e" | "E" => follows_digit && digit_follows,
        "Z" => follows_digit && after.is_empty(),
        _ => !before.is_empty() && digit_follows_month(word, after),
    };
    if belongs { length } else { 0 }
}

fn digit_follows_month(word: &str, after: &str) -> bool {
    after.starts_with(['-', '/']) && words::meaning(word) == Meaning::Calendar
}

/// Length of the number at the beginning: digits, and placeholders of them, with what joins them.
pub fn number_length(text: &str) -> usize {
    let (mut at, mut end) = (0, 0);
    while let Some(rest) = text.get(at..) {
        match rest.bytes().next() {
            Some(byte) if byte.is_ascii_digit() => at += 1,
            Some(b'.' | b'-' | b'+' | b'_' | b'#') if end > 0 => {
                at += 1;
                continue;
            }
            Some(b'<') => match placeholder::numeric_length(rest) {
                Some(length) => at += length,
                None => break,
            },
            _ => break,
        }
        end = at;
    }
    end
}
