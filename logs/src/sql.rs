//! Splits SQL text into tokens. The language alone: what is secret in it is `redact`'s matter, what makes
//! two statements the same is `group`'s. Never fails: a literal or comment without an end (the log cut
//! it, or the statement was broken) reaches to the end of the text.
//!
//! Follows PostgreSQL 15, "Lexical Structure", with `standard_conforming_strings = on` (the default since
//! 9.1): a backslash escapes in `E'…'` only.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// White space.
    Space,
    /// `-- …` or `/* … */` (nested).
    Comment,
    /// A keyword or an identifier without quotes.
    Word,
    /// `"…"` or `U&"…"`.
    QuotedIdentifier,
    /// `'…'`, `E'…'`, `U&'…'`, `B'…'`, `X'…'`, `N'…'`, `$tag$…$tag$`.
    Text,
    /// `1`, `1.5e-3`, `.5`, `0xff`, `1_000`.
    Number,
    /// `$1` or `?`.
    Parameter,
    /// A run of operator characters, `::` included.
    Operator,
    /// One character of `()[],;.:` or one that no rule knows.
    Symbol,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As it stands in the text; the tokens of a text, joined, are the text.
    pub text: &'a str,
}

/// The tokens of `sql`, in order and without a gap.
pub fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let (kind, length) = next(rest.as_bytes())?;
        // A token ends within a character only where a backslash stands before one.
        let (text, after) = match rest.split_at_checked(length) {
            Some(split) => split,
            None => rest.split_at(rest.ceil_char_boundary(length.min(rest.len()))),
        };
        rest = after;
        Some(Token { kind, text })
    })
}

/// Kind and length of the first token.
fn next(bytes: &[u8]) -> Option<(Kind, usize)> {
    let first = *bytes.first()?;
    let second = bytes.get(1).copied().unwrap_or(0);
    Some(match class(first) {
        SPACE => (Kind::Space, run(bytes, 1, SPACE)),
        LETTER => prefixed_literal(bytes).unwrap_or((Kind::Word, run(bytes, 1, WORD))),
        DIGIT => (Kind::Number, number(bytes)),
        OPERATOR if first == b'-' && second == b'-' => {
            (Kind::Comment, memchr::memchr(b'\n', bytes).unwrap_or(bytes.len()))
        }
        OPERATOR if first == b'/' && second == b'*' => (Kind::Comment, block_comment(bytes)),
        OPERATOR => (Kind::Operator, operator(bytes)),
        _ => other(bytes, first, second),
    })
}

/// What begins with a mark that has a meaning of its own.
fn other(bytes: &[u8], first: u8, second: u8) -> (Kind, usize) {
    match (first, second) {
        (b'\'', _) => (Kind::Text, quoted(bytes, 1, b'\'', false)),
        (b'"', _) => (Kind::QuotedIdentifier, quoted(bytes, 1, b'"', false)),
        (b'$', b'0'..=b'9') => (Kind::Parameter, run(bytes, 1, DIGIT)),
        (b'$', _) => dollar_quoted(bytes).map_or((Kind::Symbol, 1), |length| (Kind::Text, length)),
        (b'?', _) => (Kind::Parameter, 1),
        (b'.', b'0'..=b'9') => (Kind::Number, number(bytes)),
        (b':', b':') => (Kind::Operator, 2),
        _ => (Kind::Symbol, 1),
    }
}

const SPACE: u8 = 1;
const LETTER: u8 = 1 << 1;
const DIGIT: u8 = 1 << 2;
/// `$` goes on a word and begins none.
const DOLLAR: u8 = 1 << 3;
const OPERATOR: u8 = 1 << 4;
/// What a word may go on with.
const WORD: u8 = LETTER | DIGIT | DOLLAR;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => LETTER,
            b'0'..=b'9' => DIGIT,
            b'$' => DOLLAR,
            b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' | b'~' | b'!' | b'@' | b'#' | b'%'
            | b'^' | b'&' | b'|' | b'`' => OPERATOR,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Where the run of bytes of these classes ends that has begun before `from`.
fn run(bytes: &[u8], from: usize, of: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| class(**byte) & of != 0).count()
}

/// Length of a literal whose body begins at `start`; a doubled quote stands for one.
fn quoted(bytes: &[u8], start: usize, quote: u8, backslash_escapes: bool) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'\\' && backslash_escapes {
            at += 2;
        } else if *byte != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    bytes.len()
}

/// `E'…'`, `B'…'`, `X'…'`, `N'…'`, `U&'…'` and `U&"…"`.
fn prefixed_literal(bytes: &[u8]) -> Option<(Kind, usize)> {
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    match (at(0).to_ascii_uppercase(), at(1), at(2)) {
        (b'E', b'\'', _) => Some((Kind::Text, quoted(bytes, 2, b'\'', true))),
        (b'B' | b'X' | b'N', b'\'', _) => Some((Kind::Text, quoted(bytes, 2, b'\'', false))),
        (b'U', b'&', b'\'') => Some((Kind::Text, quoted(bytes, 3, b'\'', false))),
        (b'U', b'&', b'"') => Some((Kind::QuotedIdentifier, quoted(bytes, 3, b'"', false))),
        _ => None,
    }
}

/// `$tag$…$tag$`; the tag may be empty.
fn dollar_quoted(bytes: &[u8]) -> Option<usize> {
    let tag = run(bytes, 1, LETTER | DIGIT) + 1;
    let opening = bytes.get(..tag).filter(|opening| opening.ends_with(b"$"))?;
    let body = bytes.get(tag..)?;
    Some(memchr::memmem::find(body, opening).map_or(bytes.len(), |end| tag + end + tag))
}

fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn number(bytes: &[u8]) -> usize {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count()
    };
    if matches!(bytes.get(..2), Some(b"0x" | b"0X" | b"0o" | b"0O" | b"0b" | b"0B")) {
        let rest = bytes.get(2..).unwrap_or_default();
        return 2 + rest.iter().take_while(|b| b.is_ascii_hexdigit() || **b == b'_').count();
    }
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length = digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let end = run(bytes, length + 1 + sign, DIGIT);
        if end > length + 1 + sign {
            length = end;
        }
    }
    // What a statement that lost its quotes makes of `7f3a…`; refused by PostgreSQL, but a value.
    run(bytes, length, WORD)
}

/// A run of operator characters: ends before a comment, and (PostgreSQL's own rule) not in `+` or `-`
/// unless it holds one of `~!@#%^&|` and the back quote, so that `=-1` is `=` and `-1`.
fn operator(bytes: &[u8]) -> usize {
    let mut length = run(bytes, 1, OPERATOR);
    if length == 1 {
        return 1;
    }
    let of_run = bytes.get(..length).unwrap_or(bytes);
    let comment = of_run.windows(2).position(|pair| matches!(pair, b"--" | b"/*"));
    length = comment.unwrap_or(length).max(1);
    let of_run = bytes.get(..length).unwrap_or(bytes);
    if !of_run.iter().any(|byte| b"~!@#%^&|`".contains(byte)) {
        while length > 1 && matches!(bytes.get(length - 1), Some(b'+' | b'-')) {
            length -= 1;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(sql: &str) -> Vec<(Kind, &str)> {
        tokens(sql).filter(|t| t.kind != Kind::Space).map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn every_form_of_literal_is_one_token() {
        for literal in [
            "'it''s'",
            r"E'it\'s'",
            "U&'d\\0061t'",
            "B'101'",
            "x'1F'",
            "N'a'",
            "$$it's$$",
            "$isi$ a $$ b $isi$",
        ] {
            assert_eq!(kinds(literal), [(Kind::Text, literal)]);
        }
        for number in ["1", "1.5", ".5", "1e5", "1.5E-3", "0xff", "1_000"] {
            assert_eq!(kinds(number), [(Kind::Number, number)]);
        }
    }

    #[test]
    fn a_backslash_escapes_in_e_strings_only() {
        assert_eq!(kinds(r"'C:\' x")[0], (Kind::Text, r"'C:\'"));
    }

    #[test]
    fn a_literal_without_an_end_reaches_to_the_end() {
        assert_eq!(
            kinds("a = 'Bud"),
            [(Kind::Word, "a"), (Kind::Operator, "="), (Kind::Text, "'Bud"),]
        );
        assert_eq!(kinds("$x$ abc")[0].0, Kind::Text);
        assert_eq!(kinds("/* abc")[0].0, Kind::Comment);
    }

    #[test]
    fn operators_end_before_a_sign_and_before_a_comment() {
        assert_eq!(
            kinds("a=-1"),
            [(Kind::Word, "a"), (Kind::Operator, "="), (Kind::Operator, "-"), (Kind::Number, "1"),]
        );
        assert_eq!(kinds("a<=--c")[2], (Kind::Comment, "--c"));
        assert_eq!(kinds("a::int ->> $1")[1], (Kind::Operator, "::"));
    }

    #[test]
    fn comments_nest() {
        assert_eq!(
            kinds("/* a /* b */ c */ x"),
            [(Kind::Comment, "/* a /* b */ c */"), (Kind::Word, "x")]
        );
    }

    proptest! {
        #[test]
        fn the_tokens_of_a_text_joined_are_the_text(sql in "[-a-zE0-9'\"$./*+:?é \n()]{0,60}") {
            prop_assert_eq!(tokens(&sql).map(|t| t.text).collect::<String>(), sql);
        }

        #[test]
        fn no_text_stops_the_lexer(sql in any::<String>()) {
            prop_assert_eq!(tokens(&sql).map(|t| t.text.len()).sum::<usize>(), sql.len());
        }
    }
}
