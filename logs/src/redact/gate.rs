//! Which rules can find something in a text: a look at its bytes answers that for all rules, and a pattern is
//! tried only where its gate is open. A gate may be open in vain, never closed in vain.

use memchr::{memchr_iter, memmem};

use super::words::Words;

/// `=`.
pub const EQUALS: u16 = 1;
/// `=` or `:`.
pub const ASSIGNMENT: u16 = 1 << 1;
/// `?` or `&`.
pub const QUERY: u16 = 1 << 2;
/// A digit.
pub const DIGIT: u16 = 1 << 3;
/// `@` between characters of an address.
pub const AT: u16 = 1 << 4;
/// Three points among digits.
pub const DOTS: u16 = 1 << 5;
/// Three colons among hexadecimal digits.
pub const COLONS: u16 = 1 << 6;
/// So many hexadecimal digits in a row.
pub const HEX_12: u16 = 1 << 7;
/// So many hexadecimal digits in a row.
pub const HEX_20: u16 = 1 << 8;
/// So many characters of base 64 in a row.
pub const TOKEN_32: u16 = 1 << 9;
/// So many digits with nothing between them but what people write within numbers.
pub const DIGITS_8: u16 = 1 << 10;
/// As [`DIGITS_8`].
pub const DIGITS_9: u16 = 1 << 11;
/// As [`DIGITS_8`].
pub const DIGITS_15: u16 = 1 << 12;
/// As [`DIGITS_8`].
pub const DIGITS_16: u16 = 1 << 13;
/// As [`DIGITS_8`].
pub const DIGITS_17: u16 = 1 << 14;

/// What a text must hold.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// One of these, lower case, found in any case; nothing where the list is empty.
    pub words: &'static [&'static str],
    /// All of these.
    shape: u16,
}

impl Gate {
    /// One of the words, and all of the shape.
    pub const fn words(words: &'static [&'static str], shape: u16) -> Gate {
        Gate { words, shape }
    }

    /// All of the shape.
    pub const fn shape(shape: u16) -> Gate {
        Gate { words: &[], shape }
    }
}

/// All gates.
pub struct Gates {
    words: Words,
    /// Per gate: its words as bits, and its shape.
    needs: Vec<(u64, u16)>,
}

/// What a text holds. Of two texts, a line end between them, it is what either holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    words: u64,
    shape: u16,
}

impl Held {
    /// What this or the other text holds.
    pub fn or(self, other: Held) -> Held {
        Held { words: self.words | other.words, shape: self.shape | other.shape }
    }
}

impl Gates {
    /// For these gates, named by their index.
    pub fn new(gates: impl Iterator<Item = Gate>) -> Gates {
        let mut words = Words::default();
        let needs = gates.map(|gate| {
            let bits = gate.words.iter().fold(0, |bits, word| bits | words.add(word));
            (bits, gate.shape)
        });
        let needs = needs.collect();
        Gates { words, needs }
    }

    /// Looks at a text.
    pub fn look(&self, text: &str) -> Held {
        Held { words: self.words_in(text), shape: shape_of(text.as_bytes()) }
    }

    /// The first open gate from `index` on.
    pub fn next_open(&self, index: usize, held: Held) -> Option<usize> {
        let is_open = |(words, shape): &(u64, u16)| {
            held.shape & shape == *shape && (*words == 0 || held.words & words != 0)
        };
        Some(index + self.needs.get(index..)?.iter().position(is_open)?)
    }

    /// Whether gate `index` is open for a text.
    pub fn open(&self, index: usize, held: Held) -> bool {
        self.needs.get(index).is_none_or(|(words, shape)| {
            held.shape & shape == *shape && (*words == 0 || held.words & words != 0)
        })
    }

    fn words_in(&self, text: &str) -> u64 {
        if !text.is_ascii() && folds_to_ascii(text) {
            return u64::MAX;
        }
        self.words.find(text.as_bytes())
    }
}

/// The two letters beyond ASCII that a pattern takes for one of ASCII when case does not count.
fn folds_to_ascii(text: &str) -> bool {
    ["\u{17f}", "\u{212a}"].iter().any(|c| memmem::find(text.as_bytes(), c.as_bytes()).is_some())
}

const IS_DIGIT: u16 = 1;
const IS_HEX: u16 = 1 << 1;
const IS_TOKEN: u16 = 1 << 2;
/// Stands within numbers.
const IS_IN_NUMBER: u16 = 1 << 3;
const IS_POINT: u16 = 1 << 4;
const IS_COLON: u16 = 1 << 5;
const IS_EQUALS: u16 = 1 << 6;
const IS_QUERY: u16 = 1 << 7;
const IS_AT: u16 = 1 << 8;

static CLASSES: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = class_of(byte as u8);
        byte += 1;
    }
    table
}

const fn class_of(byte: u8) -> u16 {
    match byte {
        b'0'..=b'9' => IS_DIGIT | IS_HEX | IS_TOKEN | IS_IN_NUMBER,
        b'a'..=b'f' | b'A'..=b'F' => IS_HEX | IS_TOKEN,
        b'g'..=b'z' | b'G'..=b'Z' | b'/' | b'_' => IS_TOKEN,
        b'+' | b'-' => IS_TOKEN | IS_IN_NUMBER,
        b' ' | b'(' | b')' => IS_IN_NUMBER,
        b'.' => IS_IN_NUMBER | IS_POINT,
        b':' => IS_COLON,
        b'=' => IS_EQUALS,
        b'?' | b'&' => IS_QUERY,
        b'@' => IS_AT,
        _ => 0,
    }
}

fn class(byte: u8) -> u16 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

fn shape_of(bytes: &[u8]) -> u16 {
    let count = |run: &[u8], byte: fn(&u8) -> bool| run.iter().filter(|b| byte(b)).count();
    let (mut present, mut digits) = (0, 0_usize);
    for byte in bytes {
        present |= class(*byte);
        digits += usize::from(class(*byte) & IS_DIGIT);
    }
    let when = |holds: bool| if holds { bytes } else { &[] };
    let holds_thrice = |byte: u8| memchr_iter(byte, bytes).nth(2).is_some();
    let digits = runs(when(digits >= 8), IS_IN_NUMBER, 8).map(|run| count(run, u8::is_ascii_digit));
    let digits = digits.max().unwrap_or(0);
    let hex = runs(bytes, IS_HEX, 12).map(<[u8]>::len).max().unwrap_or(0);
    // The shortest that the patterns know: `1.2.3.4` and `a:b::`.
    let mut addresses =
        runs(when(present & IS_POINT != 0 && holds_thrice(b'.')), IS_POINT | IS_DIGIT, 7);
    let mut long_addresses =
        runs(when(present & IS_COLON != 0 && holds_thrice(b':')), IS_COLON | IS_HEX, 5);
    let flag = |holds: bool, flag: u16| if holds { flag } else { 0 };
    flag(present & IS_EQUALS != 0, EQUALS)
        | flag(present & (IS_EQUALS | IS_COLON) != 0, ASSIGNMENT)
        | flag(present & IS_QUERY != 0, QUERY)
        | flag(present & IS_DIGIT != 0, DIGIT)
        | flag(present & IS_AT != 0 && holds_address(bytes), AT)
        | flag(addresses.any(|run| count(run, |b| *b == b'.') >= 3), DOTS)
        | flag(long_addresses.any(|run| count(run, |b| *b == b':') >= 3), COLONS)
        | flag(hex >= 12, HEX_12)
        | flag(hex >= 20, HEX_20)
        | flag(runs(bytes, IS_TOKEN, 32).next().is_some(), TOKEN_32)
        | flag(digits >= 8, DIGITS_8)
        | flag(digits >= 9, DIGITS_9)
        | flag(digits >= 15, DIGITS_15)
        | flag(digits >= 16, DIGITS_16)
        | flag(digits >= 17, DIGITS_17)
}

/// Every run of at least `least` bytes of a class, as long as it is. A run so long covers every `least`th
/// byte, so the bytes between are looked at only beside one that belongs.
fn runs(bytes: &[u8], of: u16, least: usize) -> impl Iterator<Item = &[u8]> {
    let belongs = move |byte: &u8| class(*byte) & of != 0;
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + least - 1;
            let (before, after) = (bytes.get(from..at)?, bytes.get(at..)?);
            if !belongs(after.first()?) {
                from = at + 1;
                continue;
            }
            let start = at - before.iter().rev().take_while(|byte| belongs(byte)).count();
            let end = at + after.iter().take_while(|byte| belongs(byte)).count();
            from = end;
            if end - start >= least {
                return bytes.get(start..end);
            }
        }
    })
}

fn holds_address(bytes: &[u8]) -> bool {
    let is = |at: Option<usize>, more: &[u8]| {
        let byte = at.and_then(|at| bytes.get(at));
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || more.contains(byte))
    };
    memchr_iter(b'@', bytes).any(|at| is(at.checked_sub(1), b"._%+-") && is(Some(at + 1), b"-"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_long_run_is_found_whole(text in "[0-9a ]{0,60}", least in 1..9_usize) {
            let found: Vec<_> = runs(text.as_bytes(), IS_DIGIT, least).collect();
            let runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= least);
            prop_assert_eq!(found, runs.map(str::as_bytes).collect::<Vec<_>>());
        }
    }
}
