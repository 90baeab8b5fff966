//! LOG messages about statements: which of them is one call with its duration.
//!
//! With `log_statement` a statement is told of when it begins, and when it ends only how long it took
//! (PostgreSQL's `check_log_duration`: what was logged is not logged again). The two stand apart, with lines
//! of other sessions between. Joining them is not done: a beginning would have to be held until its end,
//! however long that takes, so nothing after it could be told, and reading could not resume between the two.
//! Counting those that happen to stand together would favour the quick ones. Both are seen under rules of
//! their own; `log_min_duration_statement` without `log_statement` tells of whole calls.

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

/// Which step of a call a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Statement,
    Execute,
    ParseOrBind,
    Plan,
    FunctionCall,
}

/// Steps and their words: `exec_simple_query` and its like of PostgreSQL, and its translation.
#[rustfmt::skip]
const STEPS: &[(&str, Step)] = &[
    ("statement", Step::Statement), ("perintah", Step::Statement), ("pernyataan", Step::Statement),
    ("execute", Step::Execute), ("menjalankan", Step::Execute),
    ("parse", Step::ParseOrBind), ("memilah", Step::ParseOrBind),
    ("bind", Step::ParseOrBind), ("ikat", Step::ParseOrBind), ("mengikat", Step::ParseOrBind),
    ("plan", Step::Plan),
    ("fastpath", Step::FunctionCall), ("pemanggilan", Step::FunctionCall),
];

/// Reads a LOG message; `None` when it is not about a statement. The extended protocol logs three durations
/// for one call; only `execute` is counted, as `pg_stat_statements` does.
pub fn read(message: &str) -> Option<Timed<'_>> {
    let Some((duration_us, rest)) = duration(message) else { return untimed(message) };
    if rest.is_empty() {
        return Some(Timed::Ignored("duration without statement"));
    }
    Some(match (step(rest), after_colon(rest)) {
        (Some(Step::Statement | Step::Execute), Some(statement)) => {
            Timed::Call { duration_us, statement }
        }
        (Some(Step::ParseOrBind), _) => Timed::Ignored("parse and bind"),
        // auto_explain tells of the same call once more.
        (Some(Step::Plan), _) => Timed::Ignored("plan"),
        _ => Timed::Ignored("duration of no statement"),
    })
}

fn untimed(message: &str) -> Option<Timed<'_>> {
    let step = step(message).filter(|_| message.contains(':'))?;
    (step != Step::Plan).then_some(Timed::Ignored("statement without duration"))
}

/// Whether a LOG message that begins so is about a statement and its time.
pub fn is_of_statement(message: &[u8]) -> bool {
    message.starts_with(b"duration:") || message.starts_with(b"durasi:")
}

/// Where a message that begins so has said all that [`read`] asks it: steps that are no call are told by
/// their first word, whatever statement follows.
pub fn end_of_what_tells(message: &[u8]) -> Option<usize> {
    let rest = message.strip_prefix(b"duration: ")?;
    let number = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let step = rest.get(number..)?.strip_prefix(b" ms  ")?;
    let is_step = step.starts_with(b"parse ") || step.starts_with(b"bind ");
    is_step.then(|| message.len() - step.len() + b"parse ".len())
}

/// `duration: 1.234 ms`, and what follows: after two spaces, or a comma where the message is translated.
fn duration(message: &str) -> Option<(u64, &str)> {
    let rest = message.strip_prefix("duration").or_else(|| message.strip_prefix("durasi"))?;
    let rest = rest.trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
    let end = rest.bytes().position(|byte| byte == b' ')?;
    let (number, rest) = rest.split_at_checked(end)?;
    let rest = rest.strip_prefix(" ms")?;
    Some((thousandths(number)?, rest.trim_start_matches([',', ' ', '\n', '\t'])))
}

/// `1.234` in thousandths; finer digits are cut.
pub fn thousandths(number: &str) -> Option<u64> {
    let (mut value, mut places) = (0_u64, None);
    for byte in number.bytes() {
        match byte {
            b'0'..=b'9' if places != Some(3) => {
                value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                places = places.map(|places| places + 1);
            }
            b'0'..=b'9' => {}
            b'.' if places.is_none() && number.len() > 1 => places = Some(0),
            _ => return None,
        }
    }
    let missing = 3 - places.unwrap_or(0);
    value.checked_mul(10_u64.pow(missing)).filter(|_| !number.is_empty())
}

/// What follows the first `: `.
fn after_colon(text: &str) -> Option<&str> {
    let mut colons = memchr::memchr_iter(b':', text.as_bytes());
    let colon = colons.find(|at| text.as_bytes().get(at + 1) == Some(&b' '))?;
    text.get(colon + 2..)
}

fn step(text: &str) -> Option<Step> {
    let end = text.bytes().position(|byte| matches!(byte, b' ' | b':' | b'\n'));
    let word = text.get(..end.unwrap_or(text.len()))?;
    STEPS.iter().find(|(known, _)| *known == word).map(|(_, step)| *step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn call(duration_us: u64, statement: &str) -> Option<Timed<'_>> {
        Some(Timed::Call { duration_us, statement })
    }

    const fn ignored(rule: &'static str) -> Option<Timed<'static>> {
        Some(Timed::Ignored(rule))
    }

    const SAMPLES: &[(&str, Option<Timed<'_>>)] = &[
        ("duration: 1.234 ms  statement: SELECT 1", call(1_234, "SELECT 1")),
        ("duration: 12.5 ms  execute <unnamed>: SELECT 1", call(12_500, "SELECT 1")),
        ("duration: 3 ms  execute S_1/C_2: SELECT ': '", call(3_000, "SELECT ': '")),
        ("duration: 0.034 ms  execute fetch from S_1/C_2: SELECT 1", call(34, "SELECT 1")),
        ("durasi: 5.250 ms, perintah: SELECT 1", call(5_250, "SELECT 1")),
        ("durasi: 5.250 ms  menjalankan S_1: SELECT 1", call(5_250, "SELECT 1")),
        ("durasi: 5.250 ms  menjalankan 'fetch' dari S_1/C_2: SELECT 1", call(5_250, "SELECT 1")),
        ("durasi: 5.250 ms, memilah S_1 : SELECT 1", ignored("parse and bind")),
        ("durasi: 5.250 ms, ikat S_1/C_2: SELECT 1", ignored("parse and bind")),
        ("duration: 0.1 ms  parse <unnamed>: SELECT 1", ignored("parse and bind")),
        ("duration: 0.1 ms  bind S_1: SELECT 1", ignored("parse and bind")),
        ("duration: 0.1 ms", ignored("duration without statement")),
        ("durasi: 0.1 ms", ignored("duration without statement")),
        ("duration: 0.1 ms  plan:\nQuery Text: SELECT 1", ignored("plan")),
        ("duration: 0.1 ms  plan:\n{\n  \"Query Text\": \"SELECT 1\"", ignored("plan")),
        (
            "duration: 0.1 ms  fastpath function call: \"x\" (OID 1)",
            ignored("duration of no statement"),
        ),
        ("duration: 0.1 ms  statement:", ignored("duration of no statement")),
        ("statement: SELECT 1", ignored("statement without duration")),
        ("perintah: SELECT 1", ignored("statement without duration")),
        ("execute <unnamed>: SELECT 1", ignored("statement without duration")),
        ("execute fetch from S_1/C_2: SELECT 1", ignored("statement without duration")),
        ("fastpath function call: \"x\" (OID 1)", ignored("statement without duration")),
        ("checkpoint starting: time", None),
        ("duration: 99999999999999999999 ms  statement: x", None),
        ("duration: 1.x ms  statement: x", None),
        ("duration: é ms", None),
    ];

    #[test]
    fn one_call_is_counted_once_however_the_protocol_logs_it() {
        for (message, expected) in SAMPLES {
            assert_eq!(read(message), *expected, "{message}");
        }
    }
}
