//! What the conversions of log4j 1.2, log4j2, logback and Spring Boot write (their manuals, "Pattern Layout").

/// What a conversion writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// `%d`.
    Date,
    /// `%p`.
    Level,
    /// `%m`.
    Message,
    /// `%n`.
    LineEnd,
    /// Digits.
    Number,
    /// A class, a file, a method.
    Name,
    /// Anything, also nothing.
    Text,
    /// What the pattern in its parentheses or braces writes, perhaps in colours.
    Inner,
    /// Nothing on the first line.
    Nothing,
}

/// Conversions by name.
#[rustfmt::skip]
const NAMES: &[(&str, Conversion)] = &[
    ("d", Conversion::Date), ("date", Conversion::Date),
    ("p", Conversion::Level), ("level", Conversion::Level), ("le", Conversion::Level),
    ("m", Conversion::Message), ("msg", Conversion::Message), ("message", Conversion::Message),
    ("n", Conversion::LineEnd),
    ("r", Conversion::Number), ("relative", Conversion::Number), ("pid", Conversion::Number), ("processId", Conversion::Number),
    ("T", Conversion::Number), ("tid", Conversion::Number), ("threadId", Conversion::Number), ("tp", Conversion::Number),
    ("threadPriority", Conversion::Number), ("sn", Conversion::Number), ("sequenceNumber", Conversion::Number),
    ("N", Conversion::Number), ("nano", Conversion::Number),
    ("c", Conversion::Name), ("logger", Conversion::Name), ("lo", Conversion::Name),
    ("C", Conversion::Name), ("class", Conversion::Name), ("F", Conversion::Name), ("file", Conversion::Name),
    ("M", Conversion::Name), ("method", Conversion::Name), ("L", Conversion::Name), ("line", Conversion::Name),
    ("fqcn", Conversion::Name), ("u", Conversion::Name), ("uuid", Conversion::Name),
    ("l", Conversion::Text), ("location", Conversion::Text), ("caller", Conversion::Text),
    ("t", Conversion::Text), ("tn", Conversion::Text), ("thread", Conversion::Text), ("threadName", Conversion::Text),
    ("x", Conversion::Text), ("NDC", Conversion::Text), ("X", Conversion::Text), ("mdc", Conversion::Text), ("MDC", Conversion::Text),
    ("K", Conversion::Text), ("map", Conversion::Text), ("MAP", Conversion::Text), ("marker", Conversion::Text),
    ("markerSimpleName", Conversion::Text), ("contextName", Conversion::Text), ("cn", Conversion::Text), ("property", Conversion::Text),
    ("kvp", Conversion::Text), ("esb", Conversion::Text), ("applicationName", Conversion::Text), ("correlationId", Conversion::Text),
    ("endOfBatch", Conversion::Text), ("equals", Conversion::Text), ("equalsIgnoreCase", Conversion::Text),
    ("highlight", Conversion::Inner), ("style", Conversion::Inner), ("clr", Conversion::Inner), ("enc", Conversion::Inner),
    ("encode", Conversion::Inner), ("maxLen", Conversion::Inner), ("maxLength", Conversion::Inner), ("notEmpty", Conversion::Inner),
    ("varsNotEmpty", Conversion::Inner), ("variablesNotEmpty", Conversion::Inner), ("replace", Conversion::Inner), ("prefix", Conversion::Inner),
    ("black", Conversion::Inner), ("red", Conversion::Inner), ("green", Conversion::Inner), ("yellow", Conversion::Inner),
    ("blue", Conversion::Inner), ("magenta", Conversion::Inner), ("cyan", Conversion::Inner), ("white", Conversion::Inner),
    ("gray", Conversion::Inner), ("boldRed", Conversion::Inner), ("boldGreen", Conversion::Inner), ("boldYellow", Conversion::Inner),
    ("boldBlue", Conversion::Inner), ("boldMagenta", Conversion::Inner), ("boldCyan", Conversion::Inner), ("boldWhite", Conversion::Inner),
    ("ex", Conversion::Nothing), ("exception", Conversion::Nothing), ("throwable", Conversion::Nothing), ("rEx", Conversion::Nothing),
    ("rException", Conversion::Nothing), ("rThrowable", Conversion::Nothing), ("xEx", Conversion::Nothing), ("xException", Conversion::Nothing),
    ("xThrowable", Conversion::Nothing), ("wEx", Conversion::Nothing), ("wex", Conversion::Nothing), ("xwEx", Conversion::Nothing),
    ("xwex", Conversion::Nothing), ("nopex", Conversion::Nothing), ("nopexception", Conversion::Nothing),
];

/// The conversion with the longest name that a text begins with, and what follows the name. One that nobody
/// here knows may write anything.
pub fn named(text: &str) -> (Conversion, &str) {
    let known = NAMES.iter().filter(|(name, _)| text.starts_with(name));
    match known.max_by_key(|(name, _)| name.len()) {
        Some((name, conversion)) => (*conversion, text.get(name.len()..).unwrap_or_default()),
        None => (Conversion::Text, text.trim_start_matches(|c: char| c.is_ascii_alphabetic())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_goes() {
        for (text, expected) in [
            ("msg%n", (Conversion::Message, "%n")),
            ("m%n", (Conversion::Message, "%n")),
            ("logger{36}", (Conversion::Name, "{36}")),
            ("level ", (Conversion::Level, " ")),
            ("thread]", (Conversion::Text, "]")),
            ("quux{x}", (Conversion::Text, "{x}")),
        ] {
            assert_eq!(named(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_listed_once() {
        let mut names: Vec<_> = NAMES.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
    }
}
