//! LOG messages about statements: which of them is one call with its duration.

/// What a LOG message says about a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed<'a> {
    /// One call.
    Call {
        /// How long it took.
        duration_us: u64,
        /// The statement.
        statement: &'a str,
    },
    /// Nothing to count, by the named rule.
    Ignored(&'static str),
}

/// Reads a LOG message. The extended protocol logs three durations for one call; only `execute` is
/// counted, as `pg_stat_statements` does.
pub fn read(message: &str) -> Timed<'_> {
    let Some((duration_us, rest)) = duration(message) else {
        return Timed::Ignored(match first_word(message) {
            "statement" | "execute" | "pernyataan" => "statement without duration",
            _ => "log message",
        });
    };
    match (first_word(rest), rest.split_once(": ")) {
        ("", _) => Timed::Ignored("duration without statement"),
        ("statement" | "execute" | "pernyataan", Some((_, statement))) => {
            Timed::Call { duration_us, statement }
        }
        ("parse" | "bind", _) => Timed::Ignored("parse and bind"),
        // auto_explain tells of the same call once more.
        ("plan", _) => Timed::Ignored("plan"),
        _ => Timed::Ignored("duration of no statement"),
    }
}

/// `duration: 1.234 ms`, and what follows.
fn duration(message: &str) -> Option<(u64, &str)> {
    let rest = message.strip_prefix("duration").or_else(|| message.strip_prefix("durasi"))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let (number, rest) = rest.split_once(' ')?;
    let rest = rest.strip_prefix("ms")?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let us = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    let us = whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(us)?;
    Some((us, rest.trim_start()))
}

fn first_word(text: &str) -> &str {
    text.split([' ', ':', '\n']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Timed::*, read};

    #[test]
    fn one_call_is_counted_once_however_the_protocol_logs_it() {
        for (message, expected) in [
            (
                "duration: 1.234 ms  statement: SELECT 1",
                Call { duration_us: 1_234, statement: "SELECT 1" },
            ),
            (
                "duration: 12.5 ms  execute <unnamed>: SELECT 1",
                Call { duration_us: 12_500, statement: "SELECT 1" },
            ),
            (
                "duration: 3 ms  execute S_1/C_2: SELECT ': '",
                Call { duration_us: 3_000, statement: "SELECT ': '" },
            ),
            (
                "duration: 0.034 ms  execute fetch from S_1/C_2: SELECT 1",
                Call { duration_us: 34, statement: "SELECT 1" },
            ),
            ("duration: 0.1 ms  parse <unnamed>: SELECT 1", Ignored("parse and bind")),
            ("duration: 0.1 ms  bind S_1: SELECT 1", Ignored("parse and bind")),
            ("duration: 0.1 ms", Ignored("duration without statement")),
            ("duration: 0.1 ms  plan:\nQuery Text: SELECT 1", Ignored("plan")),
            (
                "duration: 0.1 ms  fastpath function call: \"x\" (OID 1)",
                Ignored("duration of no statement"),
            ),
            ("statement: SELECT 1", Ignored("statement without duration")),
            ("checkpoint starting: time", Ignored("log message")),
            ("duration: 99999999999999999999 ms  statement: x", Ignored("log message")),
            ("duration: é ms", Ignored("log message")),
        ] {
            assert_eq!(read(message), expected, "{message}");
        }
    }
}
