//! Lines in the encoding that the settings declare, as UTF-8.

use crate::config::Encoding;

/// What bytes 0x80 to 0x9f mean in Windows-1252; the five that mean nothing stay what they are in Latin-1,
/// as browsers read them too (<https://encoding.spec.whatwg.org/index-windows-1252.txt>).
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// The line as UTF-8; `room` is used where it is not that already. A line declared to be UTF-8 is handed on
/// as it is: whoever reads it replaces what is broken.
pub fn decode<'a>(encoding: Encoding, line: &'a [u8], room: &'a mut String) -> &'a [u8] {
    if encoding == Encoding::Utf8 || line.is_ascii() {
        return line;
    }
    room.clear();
    room.extend(line.iter().map(|byte| char_of(encoding, *byte)));
    room.as_bytes()
}

fn char_of(encoding: Encoding, byte: u8) -> char {
    let special = byte.checked_sub(0x80).filter(|_| encoding == Encoding::Windows1252);
    special.and_then(|at| WINDOWS_1252.get(usize::from(at)).copied()).unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_decoded_as_declared() {
        let mut room = String::new();
        for (encoding, expected) in
            [(Encoding::Latin1, "caf\u{e9} \u{80}"), (Encoding::Windows1252, "caf\u{e9} \u{20ac}")]
        {
            assert_eq!(decode(encoding, b"caf\xe9 \x80", &mut room), expected.as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_kept_for_whoever_reads_the_line() {
        let mut room = String::new();
        assert_eq!(decode(Encoding::Utf8, b"caf\xe9", &mut room), b"caf\xe9");
    }
}
