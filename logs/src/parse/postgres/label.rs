//! The word between prefix and message of a PostgreSQL log line, English and Indonesian.

/// What a line is, by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The server goes down.
    Panic,
    /// The session ends.
    Fatal,
    /// The transaction ends.
    Error,
    /// Something a person should look at.
    Warning,
    /// For the administrator; durations of statements too.
    Log,
    /// For the client.
    Notice,
    /// Asked for by the client.
    Info,
    /// For developers of the server.
    Debug,
    /// A further part of the entry before: what values it was about.
    Detail,
    /// A further part: what to do.
    Hint,
    /// A further part: what the server was doing.
    Context,
    /// A further part: the statement.
    Statement,
    /// A further part: an inner statement.
    Query,
    /// A further part: the place in the server's source.
    Location,
}

/// Labels and their words. Indonesian ones as the translation of the server and LPSE's logs have them.
#[rustfmt::skip]
pub const LABELS: &[(&str, Label)] = &[
    ("LOG", Label::Log), ("ERROR", Label::Error), ("DETAIL", Label::Detail), ("STATEMENT", Label::Statement),
    ("HINT", Label::Hint), ("CONTEXT", Label::Context), ("QUERY", Label::Query), ("LOCATION", Label::Location),
    ("FATAL", Label::Fatal), ("PANIC", Label::Panic), ("WARNING", Label::Warning), ("NOTICE", Label::Notice),
    ("INFO", Label::Info), ("DEBUG", Label::Debug), ("BACKTRACE", Label::Location),
    ("GALAT", Label::Error), ("KESALAHAN", Label::Error), ("PANIK", Label::Panic), ("PERINGATAN", Label::Warning),
    ("CATATAN", Label::Log), ("PEMBERITAHUAN", Label::Notice), ("INFORMASI", Label::Info), ("RINCIAN", Label::Detail), ("DETIL", Label::Detail),
    ("PETUNJUK", Label::Hint), ("KONTEKS", Label::Context), ("PERNYATAAN", Label::Statement), ("KUERI", Label::Query),
    ("LOKASI", Label::Location),
];

/// The translation of `HINT:  ` has a space before its colon.
const SPACED: &[u8] = b"PETUNJUK ";

impl Label {
    /// The label a word stands for. `DEBUG` may bear its level.
    pub fn of(word: &[u8]) -> Option<Label> {
        let word = match word {
            // Most lines by far.
            b"LOG" => return Some(Label::Log),
            b"DETAIL" => return Some(Label::Detail),
            b"ERROR" => return Some(Label::Error),
            b"STATEMENT" => return Some(Label::Statement),
            [debug @ .., b'1'..=b'5'] => debug,
            word => word,
        };
        LABELS.iter().find(|(known, _)| known.as_bytes() == word).map(|(_, label)| *label)
    }

    /// Whether it begins an entry, and is not a further part of the one before.
    pub fn begins_entry(self) -> bool {
        use Label::{Debug, Error, Fatal, Info, Log, Notice, Panic, Warning};
        matches!(self, Panic | Fatal | Error | Warning | Log | Notice | Info | Debug)
    }
}

/// The label that ends at `end`, and where it begins; nothing else may be joined to it.
pub fn label_before(line: &[u8], end: usize) -> Option<(usize, Label)> {
    let before = line.get(..end)?;
    let before = if before.ends_with(SPACED) { before.trim_ascii_end() } else { before };
    let is_word = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let begin = before.iter().rposition(|byte| !is_word(byte)).map_or(0, |at| at + 1);
    let joined =
        begin > 0 && matches!(before.get(begin - 1), Some(b'a'..=b'z' | b'_' | b'0'..=b'9'));
    let label = Label::of(before.get(begin..)?).filter(|_| !joined)?;
    Some((begin, label))
}

/// The label that begins at `at`, and where the message after it begins.
pub fn label_at(line: &[u8], at: usize) -> Option<(Label, usize)> {
    let rest = line.get(at..)?;
    let word = rest.iter().take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count();
    let end = word + usize::from(rest.starts_with(SPACED));
    rest.get(end..)?.starts_with(b":  ").then_some(())?;
    Some((Label::of(rest.get(..word)?)?, at + end + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_again() {
        for (word, label) in LABELS {
            assert_eq!(Label::of(word.as_bytes()), Some(*label));
        }
        assert_eq!(Label::of(b"DEBUG3"), Some(Label::Debug));
    }

    #[test]
    fn a_translated_hint_is_read_with_its_space() {
        let line = b"[812] PETUNJUK :  x";
        assert_eq!(label_before(line, 15), Some((6, Label::Hint)));
        assert_eq!(label_at(line, 6), Some((Label::Hint, 18)));
        assert_eq!(label_before(b"[812] LOG :  x", 10), None);
    }
}
