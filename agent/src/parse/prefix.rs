//! `log_line_prefix` of PostgreSQL (documentation of version 18, "What to Log"): compiles it into a matcher
//! that finds the header of a line, and knows the usual ones for logs whose prefix nobody told.

use std::{ops::Range, sync::LazyLock};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::{
    label::{LABELS, Label},
    time::{Cursor, with_zone},
};
use crate::domain::EventTime;

/// A header is looked for in so many bytes from the beginning of a line; longer names are cut by
/// PostgreSQL itself (63 bytes each).
const HEADER_BYTES_MAX: usize = 1_024;

/// Memory that one prefix may use to search faster.
const DFA_BYTES_MAX: usize = 128 * 1024;

/// Prefixes met in the field, tried in this order. Two that fit the same line read the same from it.
const USUAL: &[&str] = &[
    "%m [%p] ",
    "%m [%p] %q%u@%d ",
    "< %m >",
    "< %m > ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p] %u@%d/%a %e: ",
    "%m [%p] %q%u@%d/%a ",
    "%m [%p] %e ",
    "%t ",
    "%m ",
    "%t [%p] ",
    "%t [%p]: ",
    "%t [%p]: [%l] ",
    "%t [%p]: [%l-1] ",
    "%t:%r:%u@%d:[%p]: ",
    "%m %u@%d %h [%p] ",
    "%m [%p] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p] %r %u %d ",
    "%n [%p] ",
    "",
];

const TIME: &str = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?: [A-Za-z]{1,8}| ?[+-][0-9:]{2,6})?";

static USUAL_PREFIXES: LazyLock<Vec<Prefix>> =
    LazyLock::new(|| USUAL.iter().filter_map(|prefix| Prefix::compile(prefix)).collect());

/// A compiled prefix, together with the severity or field word that follows it.
#[derive(Debug)]
pub struct Prefix {
    header: Regex,
}

/// What the head of a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Severity or field.
    pub label: Label,
    /// `None` where the prefix bears no time.
    pub at: Option<EventTime>,
    /// What tells one process from another: its id, else its session id; empty where neither is written.
    pub session: &'a [u8],
    /// Database the session is connected to, where it is written.
    pub database: Option<&'a str>,
    /// Five characters, or empty.
    pub sqlstate: &'a str,
    /// The message's first line.
    pub message: &'a [u8],
}

impl Prefix {
    /// Compiles a prefix as `postgresql.conf` writes it. `None` when it is too long to be one. Between label
    /// and message stand two spaces in every version and language; other programs' `ERROR: ` has one.
    pub fn compile(prefix: &str) -> Option<Prefix> {
        let mut pattern = String::from(r"(?s)\A");
        let optional = translate(prefix, &mut pattern);
        pattern.push_str(if optional { ")?" } else { "" });
        let labels: Vec<_> = LABELS.iter().map(|(word, _)| *word).collect();
        pattern.push_str(&format!("(?<label>{}):  ", labels.join("|")));
        let header = RegexBuilder::new(&pattern)
            .unicode(false)
            .dfa_size_limit(DFA_BYTES_MAX)
            .build()
            .ok()?;
        Some(Prefix { header })
    }

    /// The header of a line that begins with this prefix.
    pub fn header<'a>(&self, line: &'a [u8], zone: &TimeZone) -> Option<Header<'a>> {
        let found = self.header.captures(line.get(..HEADER_BYTES_MAX).unwrap_or(line))?;
        let range = |name: &str| found.name(name).map(|part| part.range());
        let bytes = |name: &str| range(name).and_then(|range| line.get(range)).unwrap_or_default();
        let text = |name: &str| std::str::from_utf8(bytes(name)).unwrap_or_default();
        Some(Header {
            label: Label::of(bytes("label"))?,
            at: time(text("time"), zone).or_else(|| epoch(text("epoch"))),
            session: session(&found, line),
            database: Some(text("database"))
                .filter(|name| !name.is_empty() && *name != "[unknown]"),
            sqlstate: Some(text("sqlstate")).filter(|state| *state != "00000").unwrap_or_default(),
            message: line.get(found.get(0)?.end()..)?,
        })
    }
}

/// Finds headers with the prefix that is known, or with a usual one.
#[derive(Debug)]
pub struct Finder {
    known: Option<Prefix>,
    /// The usual prefix that fitted last is tried first.
    latest: usize,
}

impl Finder {
    /// `prefix`: the server's, where it is known. Lines from before it was changed are still found.
    pub fn new(prefix: Option<&str>) -> Finder {
        Finder { known: prefix.and_then(Prefix::compile), latest: 0 }
    }

    /// The header of a line, if it has one.
    pub fn header<'a>(&mut self, line: &'a [u8], zone: &TimeZone) -> Option<Header<'a>> {
        let known = self.known.as_ref().and_then(|prefix| prefix.header(line, zone));
        known.or_else(|| self.usual(line, zone))
    }

    fn usual<'a>(&mut self, line: &'a [u8], zone: &TimeZone) -> Option<Header<'a>> {
        let order = std::iter::once(self.latest).chain(0..USUAL_PREFIXES.len());
        for index in order {
            if let Some(header) = USUAL_PREFIXES.get(index).and_then(|p| p.header(line, zone)) {
                self.latest = index;
                return Some(header);
            }
        }
        None
    }
}

/// Writes the pattern of `prefix`. True when a group is left open: after `%q`, which background processes
/// do not write past.
fn translate(prefix: &str, pattern: &mut String) -> bool {
    let mut named = Vec::new();
    let mut optional = false;
    let mut rest = prefix;
    while let Some(at) = rest.find('%') {
        let (literal, escape) = rest.split_at(at);
        pattern.push_str(&regex::escape(literal));
        let escape = escape.get(1..).unwrap_or_default();
        let code = escape.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
        let padding = escape.len() != code.len();
        let mut code = code.chars();
        match code.next() {
            Some('%') => pattern.push('%'),
            Some('q') if !optional => {
                pattern.push_str("(?:");
                optional = true;
            }
            Some(code) => field(code, padding, &mut named, pattern),
            None => {}
        }
        rest = code.as_str();
    }
    pattern.push_str(&regex::escape(rest));
    optional
}

/// What one escape may write. An unknown one writes nothing, as in PostgreSQL itself.
fn field(code: char, padding: bool, named: &mut Vec<&'static str>, pattern: &mut String) {
    let (mut name, form) = match code {
        't' | 'm' => ("time", TIME),
        'n' => ("epoch", r"[0-9]{9,11}(?:\.[0-9]{1,6})?"),
        'p' => ("pid", r"[0-9]+"),
        'c' => ("session", r"[0-9a-f]+\.[0-9a-f]+"),
        'd' => ("database", r"\S*?"),
        'e' => ("sqlstate", r"[0-9A-Z]{5}"),
        's' => ("", TIME),
        'l' | 'P' | 'x' => ("", r"[0-9]*"),
        'Q' => ("", r"-?[0-9]*"),
        'v' => ("", r"[0-9/]*"),
        'u' | 'r' | 'h' | 'L' => ("", r"\S*?"),
        'a' | 'b' | 'i' => ("", r".*?"),
        _ => return,
    };
    let space = if padding { " *" } else { "" };
    // A prefix may write the same thing twice; a group's name may stand once.
    if named.contains(&name) {
        name = "";
    }
    let group = if name.is_empty() { "?:".to_owned() } else { format!("?<{name}>") };
    pattern.push_str(&format!("{space}({group}{form}){space}"));
    named.push(name);
}

fn session<'a>(found: &Captures<'_>, line: &'a [u8]) -> &'a [u8] {
    let range: Option<Range<usize>> =
        found.name("pid").or_else(|| found.name("session")).map(|part| part.range());
    range.and_then(|range| line.get(range)).unwrap_or_default()
}

fn time(text: &str, zone: &TimeZone) -> Option<EventTime> {
    let mut cursor = Cursor::new(text.as_bytes());
    let date = cursor.iso_date()?;
    cursor.any_of(b" ")?;
    let local: DateTime = date.to_datetime(cursor.time_of_day(true)?);
    with_zone(local, std::str::from_utf8(cursor.rest()).ok()?.trim(), zone)
}

/// Seconds since 1970, with a fraction.
fn epoch(text: &str) -> Option<EventTime> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let ms = fraction.get(..3).unwrap_or_default().parse().unwrap_or(0);
    let ms = seconds.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(ms)?;
    Timestamp::from_millisecond(ms).ok().map(|_| EventTime { ms, estimated: false })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: &str = "2026-11-21T07:03:05Z";

    fn wib() -> TimeZone {
        TimeZone::get("Asia/Jakarta").unwrap()
    }

    /// Label, time, session, database, SQLSTATE and message of a header, as one line.
    fn read(prefix: &str, line: &str) -> String {
        let prefix = Prefix::compile(prefix).unwrap();
        let Some(header) = prefix.header(line.as_bytes(), &wib()) else {
            return "no header".to_owned();
        };
        let at = header.at.map(|at| Timestamp::from_millisecond(at.ms).unwrap().to_string());
        let at = at.unwrap_or_default();
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let database = header.database.unwrap_or("-");
        let (session, message) = (text(header.session), text(header.message));
        format!("{:?} {at} {session} {database} {} {message}", header.label, header.sqlstate)
    }

    #[test]
    fn the_usual_prefixes_compile() {
        assert_eq!(USUAL_PREFIXES.len(), USUAL.len());
    }

    #[test]
    fn every_escape_is_understood() {
        let prefix = "%a|%u|%d|%r|%h|%L|%b|%p|%P|%t|%s|%m|%n|%Q|%i|%e|%c|%l|%v|%x|%q%%";
        let line = "PostgreSQL JDBC Driver|epns|epns_prod|10.1.2.3(5432)|10.1.2.3|10.1.2.4|client backend|812||\
                    2026-11-21 14:03:05 WIB|2026-11-21 14:00:00 WIB|2026-11-21 14:03:05.123 WIB|1795244585.123|-77|SELECT|42P01|\
                    6560a1b2.32c|12|3/77|0|%ERROR:  relation \"x\" does not exist";
        assert_eq!(
            read(prefix, line),
            format!("Error {AT} 812 epns_prod 42P01 relation \"x\" does not exist")
        );
    }

    #[test]
    fn padding_is_skipped_and_background_processes_stop_at_q() {
        let prefix = "%m [%-7p] %q%10u@%-12d ";
        let client = "2026-11-21 14:03:05.000 WIB [812    ]       epns@epns_prod    ERROR:  a";
        let background = "2026-11-21 14:03:05.000 WIB [99     ] LOG:  b";
        assert_eq!(read(prefix, client), format!("Error {AT} 812 epns_prod  a"));
        assert_eq!(read(prefix, background), format!("Log {AT} 99 -  b"));
    }

    #[test]
    fn an_application_name_may_hold_what_separates_fields() {
        let line = "2026-11-21 14:03:05 WIB [812]: user=epns,db=epns_prod,app=psql, v 10: x,client=[local] ERROR:  a";
        let read = read("%t [%p]: user=%u,db=%d,app=%a,client=%h ", line);
        assert_eq!(read, format!("Error {AT} 812 epns_prod  a"));
    }

    #[test]
    fn a_prefix_nobody_told_is_found_from_the_line() {
        for (line, session, database) in [
            ("2026-11-21 14:03:05.000 WIB [812] ERROR:  a", "812", None),
            (
                "2026-11-21 14:03:05.000 WIB [812] epns@epns_prod ERROR:  a",
                "812",
                Some("epns_prod"),
            ),
            ("< 2026-11-21 14:03:05.000 WIB >ERROR:  a", "", None),
            (
                "2026-11-21 14:03:05 WIB [812]: [3-1] user=epns,db=epns_prod ERROR:  a",
                "812",
                Some("epns_prod"),
            ),
            (
                "2026-11-21 14:03:05 WIB [812]: user=epns,db=epns_prod,app=a b,client=10.1.1.1 ERROR:  a",
                "812",
                Some("epns_prod"),
            ),
            ("2026-11-21 14:03:05 WIB ERROR:  a", "", None),
            (
                "2026-11-21 07:03:05.000 UTC [812] epns@epns_prod/PostgreSQL JDBC Driver 42P01: ERROR:  a",
                "812",
                Some("epns_prod"),
            ),
            ("2026-11-21 14:03:05 [812] GALAT:  a", "812", None),
        ] {
            let header = Finder::new(None)
                .header(line.as_bytes(), &wib())
                .map(|h| (h.label, h.at.map(|at| at.ms), h.session, h.database));
            let at = AT.parse::<Timestamp>().unwrap().as_millisecond();
            assert_eq!(
                header,
                Some((Label::Error, Some(at), session.as_bytes(), database)),
                "{line}"
            );
        }
    }

    #[test]
    fn lines_from_before_the_prefix_was_changed_are_still_found() {
        let mut finder = Finder::new(Some("%p> "));
        assert!(finder.header(b"812> LOG:  a", &wib()).is_some());
        assert!(finder.header(b"2026-11-21 14:03:05 WIB [8] LOG:  a", &wib()).is_some());
        assert!(finder.header(b"no header", &wib()).is_none());
    }

    proptest! {
        #[test]
        fn any_prefix_compiles_and_no_line_stops_it(prefix in "([ -~]|%-?[0-9]{0,2}[a-zA-Z%]){0,12}", line in any::<Vec<u8>>()) {
            let compiled = Prefix::compile(&prefix);
            prop_assert!(compiled.is_some());
            compiled.unwrap().header(&line, &wib());
        }
    }
}
