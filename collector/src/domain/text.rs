//! Texts that came from outside: what may be shown on a terminal, a page or paper as it is.

/// Whether `c` may move the cursor, colour a terminal or turn the reading direction of what stands
/// beside it: control characters, and the Unicode characters of direction (UAX #9, section 2).
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What stands where an unsafe character stood.
pub const REPLACEMENT: char = '\u{fffd}';

/// One line for a terminal: line breaks and tabs become spaces, other unsafe characters
/// [`REPLACEMENT`].
pub fn one_line(text: &str) -> String {
    let neutral = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_unsafe(c) => REPLACEMENT,
        c => c,
    };
    text.chars().map(neutral).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_is_shown_and_not_obeyed() {
        assert_eq!(one_line("\u{1b}[31mgagal\u{7}\r\nlagi"), "\u{fffd}[31mgagal\u{fffd}  lagi");
    }

    #[test]
    fn letters_of_every_script_stay() {
        let text = "Pengadaan – ꦥꦱꦫ 電 é";
        assert_eq!(one_line(text), text);
    }

    #[test]
    fn a_turned_reading_direction_is_undone() {
        assert_eq!(one_line("exe.\u{202e}fdp"), "exe.\u{fffd}fdp");
    }
}
