//! Machine words for why a state is so, as people read them. A word that is not in the table is shown
//! as it is: a newer agent may know more.

use super::Labels;

/// The reason in words; empty for the empty reason of a state that is up.
pub fn text(word: &str, l: &Labels) -> String {
    if let Some(status) = word.strip_prefix("http_") {
        return format!("{} {status}", l.reason_http_status);
    }
    if let Some(code) = word.strip_prefix("sqlstate_") {
        return format!("{} {}", l.reason_sqlstate, code.to_ascii_uppercase());
    }
    l.reasons
        .iter()
        .find(|(known, _)| *known == word)
        .map_or_else(|| word.to_owned(), |(_, text)| (*text).to_owned())
}
