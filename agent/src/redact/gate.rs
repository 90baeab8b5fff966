//! Which rules can find something in a text. Two passes over its bytes answer that for all rules; a pattern
//! is tried only where its gate is open. A gate may be open in vain, never closed in vain.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::{memchr_iter, memmem};

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
    words: &'static [&'static str],
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

/// Finds the words of all gates at once.
pub struct Gates {
    words: AhoCorasick,
    /// Per gate: its words as bits, and its shape.
    needs: Vec<(u64, u16)>,
}

/// What a text holds.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    words: u64,
    shape: u16,
}

impl Gates {
    /// For these gates, named by their index. All together have at most 64 words.
    #[expect(clippy::expect_used, reason = "constant words; every test of the rules builds them")]
    pub fn new(gates: impl Iterator<Item = Gate>) -> Gates {
        let mut all: Vec<&'static str> = Vec::new();
        let mut needs = Vec::new();
        for gate in gates {
            let mut bits = 0;
            for word in gate.words {
                let known = all.iter().position(|known| known == word);
                let index = known.unwrap_or(all.len());
                if known.is_none() {
                    all.push(word);
                }
                bits |= 1_u64.checked_shl(index as u32).expect("at most 64 words");
            }
            needs.push((bits, gate.shape));
        }
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&all)
            .expect("a few short words");
        Gates { words, needs }
    }

    /// Looks at a text.
    pub fn look(&self, text: &str) -> Held {
        Held { words: self.words_in(text), shape: shape_of(text.as_bytes()) }
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
        let found = self.words.find_overlapping_iter(text);
        found.fold(0, |bits, word| bits | 1 << word.pattern().as_u32())
    }
}

/// The two letters beyond ASCII that a pattern takes for one of ASCII when case does not count.
fn folds_to_ascii(text: &str) -> bool {
    ["\u{17f}", "\u{212a}"].iter().any(|c| memmem::find(text.as_bytes(), c.as_bytes()).is_some())
}

const IS_DIGIT: u8 = 1;
const IS_HEX: u8 = 1 << 1;
const IS_TOKEN: u8 = 1 << 2;
/// Stands within numbers.
const IS_IN_NUMBER: u8 = 1 << 3;
const IS_POINT: u8 = 1 << 4;
const IS_COLON: u8 = 1 << 5;
const IS_EQUALS: u8 = 1 << 6;
const IS_QUERY: u8 = 1 << 7;

static CLASSES: LazyLock<[u8; 256]> = LazyLock::new(|| std::array::from_fn(|at| class_of(at as u8)));

fn class_of(byte: u8) -> u8 {
    let flag = |holds: bool, flag: u8| if holds { flag } else { 0 };
    flag(byte.is_ascii_digit(), IS_DIGIT)
        | flag(byte.is_ascii_hexdigit(), IS_HEX)
        | flag(byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte), IS_TOKEN)
        | flag(byte.is_ascii_digit() || b" .()+-".contains(&byte), IS_IN_NUMBER)
        | flag(byte == b'.', IS_POINT)
        | flag(byte == b':', IS_COLON)
        | flag(byte == b'=', IS_EQUALS)
        | flag(byte == b'?' || byte == b'&', IS_QUERY)
}

fn shape_of(bytes: &[u8]) -> u16 {
    let classes = &*CLASSES;
    let (mut seen, mut points_max, mut colons_max) = (0, 0_u32, 0_u32);
    let (mut digits_max, mut hex_max, mut token_max) = (0_u32, 0_u32, 0_u32);
    let (mut digits, mut hex, mut token, mut points, mut colons) = (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
    for byte in bytes {
        let class = classes.get(usize::from(*byte)).copied().unwrap_or(0);
        let is = |flag: u8| u32::from(class & flag != 0);
        seen |= class;
        token = (token + 1) * is(IS_TOKEN);
        hex = (hex + 1) * is(IS_HEX);
        digits = (digits + is(IS_DIGIT)) * is(IS_IN_NUMBER);
        points = (points + is(IS_POINT)) * is(IS_POINT | IS_DIGIT);
        colons = (colons + is(IS_COLON)) * is(IS_COLON | IS_HEX);
        token_max = token_max.max(token);
        hex_max = hex_max.max(hex);
        digits_max = digits_max.max(digits);
        points_max = points_max.max(points);
        colons_max = colons_max.max(colons);
    }
    let flag = |holds: bool, flag: u16| if holds { flag } else { 0 };
    flag(seen & IS_EQUALS != 0, EQUALS)
        | flag(seen & (IS_EQUALS | IS_COLON) != 0, ASSIGNMENT)
        | flag(seen & IS_QUERY != 0, QUERY)
        | flag(seen & IS_DIGIT != 0, DIGIT)
        | flag(holds_address(bytes), AT)
        | flag(points_max >= 3, DOTS)
        | flag(colons_max >= 3, COLONS)
        | flag(hex_max >= 12, HEX_12)
        | flag(hex_max >= 20, HEX_20)
        | flag(token_max >= 32, TOKEN_32)
        | flag(digits_max >= 8, DIGITS_8)
        | flag(digits_max >= 9, DIGITS_9)
        | flag(digits_max >= 15, DIGITS_15)
        | flag(digits_max >= 16, DIGITS_16)
        | flag(digits_max >= 17, DIGITS_17)
}

fn holds_address(bytes: &[u8]) -> bool {
    let is = |at: Option<usize>, more: &[u8]| {
        let byte = at.and_then(|at| bytes.get(at));
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || more.contains(byte))
    };
    memchr_iter(b'@', bytes).any(|at| is(at.checked_sub(1), b"._%+-") && is(Some(at + 1), b"-"))
}
