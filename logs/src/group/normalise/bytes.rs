//! What each byte may be part of. One look per byte tells where a piece ends and what it is made of.

/// White space.
pub const SPACE: u16 = 1;
/// `a` to `z`, `_`, `$` and every byte beyond ASCII.
pub const LETTER: u16 = 1 << 1;
/// `0` to `9`.
pub const DIGIT: u16 = 1 << 2;
/// `.`
pub const DOT: u16 = 1 << 3;
/// `:`
pub const COLON: u16 = 1 << 4;
/// `/`
pub const SLASH: u16 = 1 << 5;
/// `\`
pub const BACKSLASH: u16 = 1 << 6;
/// `@`
pub const AT: u16 = 1 << 7;
/// `-`, `+`, `#`, `%`, `~`: joins words and numbers.
pub const JOIN: u16 = 1 << 8;
/// A placeholder of ours, not a byte's class.
pub const PLACEHOLDER: u16 = 1 << 9;
/// Begins a character that may be a quote or a dash: white space and punctuation beyond ASCII.
pub const RARE: u16 = 1 << 10;
/// A hexadecimal digit.
pub const HEX: u16 = 1 << 11;

/// Belongs to a piece without a second look.
pub const PLAIN: u16 = 1 << 12;

/// What a piece is made of.
pub const IN_PIECE: u16 = LETTER | DIGIT | DOT | COLON | SLASH | BACKSLASH | AT | JOIN;

static CLASSES: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let class = class_of(byte as u8);
        let is_plain = class & IN_PIECE != 0 && class & (RARE | BACKSLASH) == 0;
        table[byte] = if is_plain { class | PLAIN } else { class };
        byte += 1;
    }
    table
}

const fn class_of(byte: u8) -> u16 {
    match byte {
        b'0'..=b'9' => DIGIT | HEX,
        b'a'..=b'f' | b'A'..=b'F' => LETTER | HEX,
        b'g'..=b'z' | b'G'..=b'Z' | b'_' | b'$' => LETTER,
        0xc2 | 0xe2 | 0xe3 => LETTER | RARE,
        0x80.. => LETTER,
        b'.' => DOT,
        b':' => COLON,
        b'/' => SLASH,
        b'\\' => BACKSLASH,
        b'@' => AT,
        b'-' | b'+' | b'#' | b'%' | b'~' => JOIN,
        b' ' | b'\t'..=b'\r' => SPACE,
        _ => 0,
    }
}

/// The classes of a byte.
pub fn class(byte: u8) -> u16 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Whether a byte belongs to one of the classes.
pub fn is(byte: u8, classes: u16) -> bool {
    class(byte) & classes != 0
}

/// Whether every byte of a text belongs to one of the classes.
pub fn all(text: &str, classes: u16) -> bool {
    text.bytes().all(|byte| is(byte, classes))
}

/// Whether a byte of a text belongs to one of the classes.
pub fn any(text: &str, classes: u16) -> bool {
    text.bytes().any(|byte| is(byte, classes))
}
