//! Finds `log_line_prefix` from lines: each piece of what stands before a severity is named by its shape
//! (PostgreSQL, "Error Reporting and Logging"). What most lines agree on is told.

use memchr::memmem;

use crate::parse::{postgres::prefix::Prefix, time::Cursor};

/// So many lines are asked.
const LINES_MAX: usize = 500;
/// A prefix fits so many of the lines that have a severity.
const FITTING_MIN_PERCENT: usize = 95;
/// Longest prefix.
const PREFIX_BYTES_MAX: usize = 300;

/// Severities, English and Indonesian, that a prefix ends before.
const LABELS: &[&str] = &[
    "LOG:  ",
    "ERROR:  ",
    "STATEMENT:  ",
    "DETAIL:  ",
    "WARNING:  ",
    "FATAL:  ",
    "HINT:  ",
    "CONTEXT:  ",
    "NOTICE:  ",
    "PANIC:  ",
    "CATATAN:  ",
    "GALAT:  ",
    "KESALAHAN:  ",
    "PERNYATAAN:  ",
    "PERINGATAN:  ",
];

/// Names that people write before a value, and the escape for the value.
#[rustfmt::skip]
const KEYS: &[(&str, &str)] = &[
    ("user=", "user=%u"), ("db=", "db=%d"), ("database=", "database=%d"), ("app=", "app=%a"),
    ("application=", "application=%a"), ("client=", "client=%h"), ("host=", "host=%h"),
    ("remote=", "remote=%r"), ("pid=", "pid=%p"), ("session=", "session=%c"), ("xid=", "xid=%x"),
    ("vxid=", "vxid=%v"), ("sqlstate=", "sqlstate=%e"), ("line=", "line=%l"),
];

/// The prefix that the lines have, if it fits nearly all of them: one that fits some is worse than none,
/// for lines are read by their shape then.
pub(super) fn found<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let lines: Vec<_> = lines.filter(|line| before_label(line).is_some()).take(LINES_MAX).collect();
    let guess = likely(&lines)?;
    let prefix = Prefix::compile(&guess)?;
    let fitting = lines.iter().filter(|line| prefix.head(line).is_some()).count();
    (fitting * 100 >= lines.len() * FITTING_MIN_PERCENT).then_some(guess)
}

/// What most lines agree on.
fn likely(lines: &[&[u8]]) -> Option<String> {
    let mut guesses: Vec<(String, usize)> = Vec::new();
    for guess in lines.iter().copied().filter_map(before_label).filter_map(of_line) {
        match guesses.iter_mut().find(|(known, _)| *known == guess) {
            Some((_, count)) => *count += 1,
            None => guesses.push((guess, 1)),
        }
    }
    // Processes of the server itself leave out what follows %q: the longer one tells more.
    let said: usize = guesses.iter().map(|(_, count)| count).sum();
    let often = guesses.into_iter().filter(|(_, count)| count * 5 >= said);
    often.max_by_key(|(guess, _)| guess.len()).map(|(guess, _)| guess)
}

fn before_label(line: &[u8]) -> Option<&[u8]> {
    let near = line.get(..PREFIX_BYTES_MAX).unwrap_or(line);
    let ends = LABELS.iter().filter_map(|label| memmem::find(near, label.as_bytes()));
    near.get(..ends.min()?)
}

/// The prefix of one line; `None` where a piece has no known shape.
fn of_line(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let (length, written) = piece(rest, first)?;
        out.push_str(written);
        if written.is_empty() {
            out.push_str(rest.get(..length)?);
        }
        rest = rest.get(length..)?;
    }
    (!out.is_empty()).then_some(out)
}

/// Length of the next piece and its escape; no escape for what stands for itself.
fn piece(rest: &str, first: char) -> Option<(usize, &'static str)> {
    if let Some((length, written)) = key_and_value(rest) {
        return Some((length, written));
    }
    if first.is_ascii_alphanumeric() || first == '_' {
        return time(rest).or_else(|| number(rest)).or_else(|| user_and_database(rest));
    }
    (first.is_ascii_graphic() || first == ' ').then_some((1, if first == '%' { "%%" } else { "" }))
}

/// `user=epns`.
fn key_and_value(rest: &str) -> Option<(usize, &'static str)> {
    let (key, written) = KEYS.iter().find(|(key, _)| rest.starts_with(key))?;
    let value = rest.get(key.len()..)?;
    let ends = [',', ' ', ']', ')', ';', '|'];
    // What PostgreSQL writes for no name and no address stands in brackets.
    let bracketed = ["[unknown]", "[local]"].into_iter().find(|known| value.starts_with(known));
    let begin = bracketed.map_or(0, str::len);
    let length = value.get(begin..)?.find(ends).unwrap_or(value.len() - begin);
    Some((key.len() + begin + length, written))
}

/// `2026-11-21 14:03:05.123 WIB` or `1795244585.123`.
fn time(rest: &str) -> Option<(usize, &'static str)> {
    let mut cursor = Cursor::new(rest.as_bytes());
    let length = |cursor: &Cursor<'_>| rest.len() - cursor.rest().len();
    if cursor.iso_date().is_none() {
        let mut cursor = Cursor::new(rest.as_bytes());
        cursor.number(10, 10)?;
        cursor.any_of(b".")?;
        cursor.number(3, 3)?;
        return Some((length(&cursor), "%n"));
    }
    cursor.any_of(b" ")?;
    cursor.time_of_day(false)?;
    let written = if cursor.any_of(b".").is_some() { "%m" } else { "%t" };
    if written == "%m" {
        cursor.number(3, 3)?;
    }
    let before_zone = length(&cursor);
    let zone = rest.get(before_zone..)?.strip_prefix(' ').unwrap_or_default();
    let is_zone = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '+' | '-');
    let zone_bytes = zone.find(|c| !is_zone(c)).unwrap_or(zone.len());
    let blank = usize::from(zone_bytes > 0);
    Some((before_zone + blank + zone_bytes, written))
}

/// A process (`812`), the line of a session (`3` of `3-1`), or a session (`655b1c2d.32c`).
fn number(rest: &str) -> Option<(usize, &'static str)> {
    let of = |is: fn(&char) -> bool| rest.chars().take_while(is).count();
    let digits = of(char::is_ascii_digit);
    let hexadecimal = of(char::is_ascii_hexdigit);
    let after = |length: usize| rest.get(length..).unwrap_or_default();
    if let Some(process) = after(hexadecimal).strip_prefix('.')
        && hexadecimal == 8
    {
        let length = process.chars().take_while(char::is_ascii_hexdigit).count();
        return (length > 0).then_some((hexadecimal + 1 + length, "%c"));
    }
    if digits == 0 || after(digits).starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    if after(digits).starts_with("-1") { Some((digits + 2, "%l-1")) } else { Some((digits, "%p")) }
}

/// `epns@epns_prod`.
fn user_and_database(rest: &str) -> Option<(usize, &'static str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let user = rest.find(|c| !is_name(c))?;
    let database = rest.get(user..)?.strip_prefix('@')?;
    let length = database.find(|c| !is_name(c)).unwrap_or(database.len());
    (user > 0 && length > 0).then_some((user + 1 + length, "%q%u@%d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixes_of_servers_are_found() {
        for (lines, prefix) in [
            (&["2026-11-21 14:03:05.123 WIB [812] LOG:  a"][..], Some("%m [%p] ")),
            (&["< 2026-11-21 14:03:05.123 WITA >LOG:  a"], Some("< %m >")),
            (
                &[
                    "2026-11-21 14:03:05.123 +07 [812] LOG:  checkpoint",
                    "2026-11-21 14:03:05.123 +07 [813] epns@epns_prod ERROR:  a",
                ],
                Some("%m [%p] %q%u@%d "),
            ),
            (
                &[
                    "2026-11-21 14:03:05 WIB [812]: [3-1] user=epns,db=epns_prod,app=[unknown],client=[local] LOG:  a",
                ],
                Some("%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h "),
            ),
            (
                &[
                    "2026-11-21 14:03:05 WIB [812]: [3-1] user=epns,db=epns_prod,app=psql,client=10.7.1.2 LOG:  a",
                ],
                Some("%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h "),
            ),
            (&["1795244585.123 655b1c2d.32c GALAT:  a"], Some("%n %c ")),
            (&["ERROR:  a"], None),
            (&["apa pun LOG:  a"], None),
            (&["tanpa label"], None),
        ] {
            let found = found(lines.iter().map(|line| line.as_bytes()));
            assert_eq!(found.as_deref(), prefix, "{lines:?}");
        }
    }
}
