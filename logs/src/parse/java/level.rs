//! Levels of Java's loggers.

use crate::entry::Severity;

/// What an entry of a level is: a failure so bad, or ignored by the named rule.
pub type Level = Result<Severity, &'static str>;

/// Levels of log4j and logback; the most frequent first.
pub const LOG4J: &[(&str, Level)] = &[
    ("INFO", Err("info")),
    ("DEBUG", Err("debug")),
    ("ERROR", Ok(Severity::Error)),
    ("WARN", Ok(Severity::Warning)),
    ("FATAL", Ok(Severity::Fatal)),
    ("TRACE", Err("trace")),
];

/// Levels of java.util.logging, which are written in the JVM's language; the Indonesian ones as servers set
/// to it have them.
pub const JUL: &[(&str, Level)] = &[
    ("INFO", Err("info")),
    ("WARNING", Ok(Severity::Warning)),
    ("SEVERE", Ok(Severity::Error)),
    ("CONFIG", Err("config")),
    ("FINE", Err("debug")),
    ("FINER", Err("debug")),
    ("FINEST", Err("trace")),
    ("INFORMASI", Err("info")),
    ("PERINGATAN", Ok(Severity::Warning)),
    ("PARAH", Ok(Severity::Error)),
    ("GAWAT", Ok(Severity::Error)),
    ("KONFIGURASI", Err("config")),
];

/// The level of a whole word.
pub fn named(levels: &[(&str, Level)], word: &[u8]) -> Option<Level> {
    levels.iter().find(|(name, _)| name.as_bytes() == word).map(|(_, level)| *level)
}
