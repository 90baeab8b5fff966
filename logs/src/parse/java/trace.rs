//! Lines of Java traces, told by themselves.

/// How lines begin that belong to an entry: blank ones, those of a trace, Play's error ids.
const BEGINNINGS: &[&[u8]] =
    &[b"\t", b" ", b"at ", b"Caused by", b"Suppressed:", b"Wrapped by", b"...", b"@"];

/// How an uncaught exception is told by the JVM itself.
const UNCAUGHT: &[u8] = b"Exception in thread \"";

/// How names of throwables end.
const THROWABLES: &[&[u8]] = &[b"Exception", b"Error", b"Throwable", b"Failure"];

/// A line whose class name is longer is prose.
const CLASS_BYTES_MAX: usize = 200;

/// Whether a line looks like the rest of an entry.
pub fn is_rest(line: &[u8]) -> bool {
    line.is_empty() || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
}

/// Whether a line is `at a.B.c(D.java:1)`.
pub fn is_frame(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"at ")
}

/// Whether a trace begins here: `java.io.IOException: message`, the class fully qualified and at the
/// beginning of the line, or the JVM's words for an exception that nobody caught.
pub fn begins(line: &[u8]) -> bool {
    if !line.first().is_some_and(u8::is_ascii_lowercase) {
        return line.starts_with(UNCAUGHT);
    }
    let within = line.get(..CLASS_BYTES_MAX).unwrap_or(line);
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_$.".contains(b);
    let length = within.iter().take_while(|byte| is_name(byte)).count();
    let (class, after) = within.split_at_checked(length).unwrap_or_default();
    let name = class.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    name.len() < class.len()
        && name.first().is_some_and(u8::is_ascii_uppercase)
        && THROWABLES.iter().any(|end| name.ends_with(end))
        && (after.is_empty() || after.starts_with(b":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_begins_with_a_qualified_throwable() {
        for line in [
            "java.lang.NullPointerException",
            "org.postgresql.util.PSQLException: ERROR: x",
            "Exception in thread \"main\" java.lang.Error: x",
            "models.Paket$GagalException: x",
        ] {
            assert!(begins(line.as_bytes()), "{line}");
        }
        for line in [
            "NullPointerException occured : null",
            "java.lang.NullPointerException terjadi",
            "java.util.List: x",
            "\tat a.B.c(D.java:1)",
            "Caused by: java.lang.Error",
            "paket dibuka",
            "",
        ] {
            assert!(!begins(line.as_bytes()), "{line}");
        }
    }
}
