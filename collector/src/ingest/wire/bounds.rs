//! What any field from outside is brought within: lengths, quantities, times. Nothing here fails; what
//! cannot be repaired without changing its meaning is refused by the message that holds it.

use crate::domain::text::{REPLACEMENT, is_unsafe};

/// Words of machines: classes, reasons, versions. In bytes.
pub const WORD_BYTES_MAX: usize = 64;
/// Names of things: hosts, mounts, sources, databases. In bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Paths and sentences for a person. In bytes.
pub const SENTENCE_BYTES_MAX: usize = 1_024;
/// Disks, interfaces, databases, targets or problems of one server at one moment.
pub const PARTS_MAX: usize = 256;
/// Any count or number of bytes: 2^53. Beyond what a server can reach (9 PB since boot), and a
/// thousand of them still add up within 64 bits.
pub const QUANTITY_MAX: u64 = 1 << 53;
/// 2000-01-01T00:00Z, in minutes: nothing that is watched is older.
pub const MINUTE_MIN: i64 = 15_778_080;
/// 2100-01-01T00:00Z, in minutes.
pub const MINUTE_MAX: i64 = 68_374_080;

/// One line: control characters become [`REPLACEMENT`], NUL vanishes (no database takes it).
pub fn text(text: String, bytes_max: usize) -> String {
    bounded(text, bytes_max, |_| false)
}

/// As [`text()`], but line breaks and tabs stay: stack traces and statements are read with them.
pub fn lines(text: String, bytes_max: usize) -> String {
    bounded(text, bytes_max, |c| c == '\n' || c == '\t')
}

/// At most [`QUANTITY_MAX`].
pub fn quantity(n: u64) -> u64 {
    n.min(QUANTITY_MAX)
}

/// A time for people, brought between [`MINUTE_MIN`] and [`MINUTE_MAX`]; 0 stays 0 ("none").
pub fn time_ms(ms: i64) -> i64 {
    if ms == 0 { 0 } else { ms.clamp(MINUTE_MIN * 60_000, MINUTE_MAX * 60_000) }
}

/// Whether counts may be kept under this minute.
pub fn is_minute(minute: i64) -> bool {
    (MINUTE_MIN..MINUTE_MAX).contains(&minute)
}

fn bounded(text: String, bytes_max: usize, keep: impl Fn(char) -> bool) -> String {
    if text.len() <= bytes_max && !text.chars().any(|c| is_unsafe(c) && !keep(c)) {
        return text;
    }
    let mut clean = String::with_capacity(text.len().min(bytes_max));
    for c in text.chars().filter(|c| *c != '\0') {
        let c = if is_unsafe(c) && !keep(c) { REPLACEMENT } else { c };
        if clean.len() + c.len_utf8() > bytes_max {
            break;
        }
        clean.push(c);
    }
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nul_vanishes_and_control_characters_are_neutralised() {
        assert_eq!(text("a\0b\u{1b}[2Jc\nd".into(), 64), "ab\u{fffd}[2Jc\u{fffd}d");
        assert_eq!(lines("a\0b\n\tc\r".into(), 64), "ab\n\tc\u{fffd}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(text("ééé".into(), 5), "éé");
    }

    #[test]
    fn a_time_of_zero_stays_none() {
        assert_eq!(time_ms(0), 0);
        assert_eq!(time_ms(i64::MIN), MINUTE_MIN * 60_000);
        assert_eq!(time_ms(i64::MAX), MINUTE_MAX * 60_000);
    }

    proptest! {
        #[test]
        fn every_text_comes_out_bounded_and_harmless(given in any::<String>(), max in 0usize..40) {
            let clean = lines(given, max);
            prop_assert!(clean.len() <= max);
            prop_assert!(!clean.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'));
        }
    }
}
