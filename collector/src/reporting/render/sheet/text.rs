//! Texts from outside made fit for a page: no control characters, no long word without places to
//! break, no more than there is room for.

use crate::domain::text::is_unsafe;

/// A word longer than this may break within (a fingerprint of 16 stays whole) ...
const WORD_CHARS_MAX: usize = 16;
/// ... after so many letters: what fits the narrowest column even in capitals.
const PART_CHARS: usize = 8;
/// ZERO WIDTH SPACE.
const BREAK: char = '\u{200b}';

/// One line: white space of any kind becomes one space, and what is beyond `chars_max` is cut.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || is_unsafe(c)).filter(|w| !w.is_empty()).collect();
    breakable(&cut(&words.join(" "), chars_max))
}

/// A name of parts (`database.unique_violation`) that may break between them.
pub(super) fn dotted(name: &str, chars_max: usize) -> String {
    let mut out = String::new();
    for c in line(name, chars_max).chars() {
        out.push(c);
        if matches!(c, '.' | '_' | '/') {
            out.push(BREAK);
        }
    }
    out
}

/// Lines as they are, each fit for the page; together at most `chars_max`, and at most `lines_max`.
pub(super) fn lines(text: &str, chars_max: usize, lines_max: usize) -> Vec<String> {
    let short = cut(text.trim_end(), chars_max);
    let mut lines: Vec<String> = short.lines().take(lines_max).map(plain).collect();
    if short.lines().count() > lines_max {
        lines.push("…".to_owned());
    }
    lines
}

/// One line of a longer text: tabs are spaces, other control characters go.
pub(super) fn plain(line: &str) -> String {
    let spaced = line.replace('\t', "    ");
    breakable(&spaced.chars().filter(|c| !is_unsafe(*c)).collect::<String>())
}

/// What fits, and an ellipsis where something was cut.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
    }
}

fn breakable(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    words.map(breakable_word).collect()
}

fn breakable_word(word: &str) -> String {
    if word.chars().count() <= WORD_CHARS_MAX + 1 {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len() * 3 / 2);
    for (index, c) in word.chars().enumerate() {
        if index > 0 && index.is_multiple_of(PART_CHARS) {
            out.push(BREAK);
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_no_control_characters_and_says_where_it_was_cut() {
        assert_eq!(line("satu\n\tdua\u{0}  tiga", 40), "satu dua tiga");
        assert_eq!(line("satu dua", 5), "satu…");
        assert_eq!(lines("a\nb\nc", 100, 2), ["a", "b", "…"]);
    }

    proptest! {
        #[test]
        fn no_word_is_too_long_for_a_narrow_column(text in any::<String>(), max in 0usize..300) {
            let line = line(&text, max);
            let longest = line.split(|c: char| c.is_whitespace() || c == BREAK)
                .map(|run| run.chars().count()).max().unwrap_or(0);
            prop_assert!(longest <= WORD_CHARS_MAX + 1);
            prop_assert!(line.chars().filter(|c| *c != BREAK).count() <= max + 1);
        }
    }
}
