//! PgBouncer's log: a line is an entry. `2026-11-21 14:03:05.123 WIB [812] LOG C-0x55d0c8: epns_prod/epns@…
//! closing because: … (age=12s)`; `C-` is a client's connection, `S-` one to the server. Before 1.13 the
//! process id stands without brackets.

use super::{
    Activity, DatabaseFailure, Extent, Fit, Line, Out, Parser, Said, clean, estimate,
    postgres::time_length, time::Clock,
};
use crate::{
    entry::{ActivityKind, EventTime, Severity},
    format::{Format, Layout},
};

/// See the module.
pub const FORMAT: Format = Format {
    name: "pgbouncer",
    about: "PgBouncer, the pool before PostgreSQL",
    layout: None,
    check_layout: None,
    of_cluster: false,
    in_pieces: true,
    specificity: 80,
    open: |layout| Box::new(PgBouncer::new(layout)),
};

/// Levels of PgBouncer.
const LEVELS: &[(&str, Level)] = &[
    ("FATAL", Level::Failure(Severity::Fatal)),
    ("ERROR", Level::Failure(Severity::Error)),
    ("WARNING", Level::Failure(Severity::Warning)),
    ("LOG", Level::Log),
    ("INFO", Level::Log),
    ("DEBUG", Level::Debug),
    ("NOISE", Level::Debug),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Failure(Severity),
    Log,
    Debug,
}

/// Whose connection a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Client,
    Server,
    Nobody,
}

/// What a message means that begins so.
struct Row {
    begins: &'static str,
    peer: Option<Peer>,
    means: Means,
    /// Whole lines after the level, and what they mean.
    #[cfg(test)]
    samples: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
enum Means {
    Failure(Severity),
    Connected,
    Disconnected,
    Ignored(&'static str),
}

macro_rules! row {
    ($begins:literal, $peer:expr, $means:expr, $samples:expr) => {
        Row {
            begins: $begins,
            peer: $peer,
            means: $means,
            #[cfg(test)]
            samples: &$samples,
        }
    };
}

/// Messages of level LOG. A login is told of when it is tried; one that is refused is a warning beside it.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row!("login attempt:", Some(Peer::Client), Means::Connected, [
        ("LOG C-0x55d0c8: epns_prod/epns@10.1.2.3:40112 login attempt: db=epns_prod user=epns tls=no", "Connected 1"),
    ]),
    row!("closing because:", Some(Peer::Client), Means::Disconnected, [
        ("LOG C-0x55d0c8: epns_prod/epns@10.1.2.3:40112 closing because: client close request (age=12s)", "Disconnected 12000000"),
        ("LOG C-0x55d0c8: epns_prod/epns@unix(4711):6432 closing because: client unexpected eof (age=3)", "Disconnected 3000000"),
        ("LOG C-0x55d0c8: epns_prod/epns@10.1.2.3:40112 closing because: query_wait_timeout (age=120s)", "Disconnected 120000000"),
    ]),
    row!("closing because: server conn crashed?", Some(Peer::Server), Means::Failure(Severity::Warning), [
        ("LOG S-0x55d0c8: epns_prod/epns@10.1.2.9:5432 closing because: server conn crashed? (age=812s)", "Warning server conn crashed?"),
    ]),
    row!("closing because: connect failed", Some(Peer::Server), Means::Failure(Severity::Warning), [
        ("LOG S-0x55d0c8: epns_prod/epns@10.1.2.9:5432 closing because: connect failed (age=0s)", "Warning connect failed"),
    ]),
    row!("closing because: server login failed", Some(Peer::Server), Means::Ignored("told as a warning"), [
        ("LOG S-0x55d0c8: epns_prod/epns@10.1.2.9:5432 closing because: server login failed (age=0s)", "told as a warning"),
    ]),
    row!("closing because: login failed", Some(Peer::Server), Means::Ignored("told as a warning"), [
        ("LOG S-0x55d0c8: epns_prod/epns@10.1.2.9:5432 closing because: login failed (age=0s)", "told as a warning"),
    ]),
    row!("closing because:", Some(Peer::Server), Means::Ignored("server connection"), [
        ("LOG S-0x55d0c8: epns_prod/epns@10.1.2.9:5432 closing because: server idle timeout (age=601s)", "server connection"),
    ]),
    row!("new connection to server", Some(Peer::Server), Means::Ignored("server connection"), [
        ("LOG S-0x55d0c8: epns_prod/epns@10.1.2.9:5432 new connection to server (from 10.1.2.3:40800)", "server connection"),
    ]),
    row!("stats:", None, Means::Ignored("statistics"), [
        ("LOG stats: 12 xacts/s, 40 queries/s, 0 client parses/s, in 4711 B/s, out 81234 B/s, xact 812 us, query 201 us, wait 7 us", "statistics"),
    ]),
    row!("Stats:", None, Means::Ignored("statistics"), [
        ("LOG Stats: 12 req/s, in 4711 b/s, out 81234 b/s,query 201 us", "statistics"),
    ]),
];

/// The reader of one log.
#[derive(Debug)]
struct PgBouncer {
    clock: Clock,
    neighbour: Option<EventTime>,
}

/// A line.
struct Entry<'a> {
    time: &'a [u8],
    level: Level,
    peer: Peer,
    message: &'a [u8],
}

impl PgBouncer {
    fn new(layout: &Layout) -> PgBouncer {
        PgBouncer { clock: Clock::new(layout.zone.clone()), neighbour: None }
    }
}

impl Parser for PgBouncer {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let Some(entry) = entry(line.bytes) else {
            return out(Extent::new(line.end, None).parsed(Said::Unparsed));
        };
        let at = self.clock.read(entry.time);
        let at = at.unwrap_or_else(|| estimate(self.neighbour, line.now_ms));
        self.neighbour = Some(at);
        let message = clean(entry.message.get(..super::ENTRY_BYTES_MAX).unwrap_or(entry.message));
        out(Extent::new(line.end, Some(at)).parsed(said(entry.level, entry.peer, &message)));
    }

    fn finish(&mut self, _: &mut Out<'_>) {}

    fn fit(&self, bytes: &[u8]) -> Fit {
        if entry(bytes).is_some() { Fit::Begins } else { Fit::Foreign }
    }
}

fn said(level: Level, peer: Peer, message: &str) -> Said<'_> {
    let severity = match level {
        Level::Failure(severity) => severity,
        Level::Debug => return Said::Ignored("debug"),
        Level::Log => match row(peer, message) {
            Some(Means::Failure(severity)) => severity,
            Some(Means::Ignored(rule)) => return Said::Ignored(rule),
            Some(Means::Connected) => return active(ActivityKind::Connected, 1),
            Some(Means::Disconnected) => {
                return active(ActivityKind::Disconnected, age_us(message).unwrap_or(0));
            }
            None => return Said::Ignored("log message"),
        },
    };
    let message = message.strip_prefix("closing because: ").unwrap_or(message);
    let message = message.rsplit_once(" (age=").map_or(message, |(message, _)| message);
    Said::Database(DatabaseFailure {
        severity,
        sqlstate: "".into(),
        message: message.into(),
        parts: Vec::new(),
    })
}

fn row(peer: Peer, message: &str) -> Option<Means> {
    let fits = |row: &&Row| message.starts_with(row.begins) && row.peer.is_none_or(|of| of == peer);
    ROWS.iter().find(fits).map(|row| row.means)
}

fn active(kind: ActivityKind, amount: u64) -> Said<'static> {
    Said::Active(Activity { kind, amount, subject: "".into() })
}

/// `(age=12s)` in microseconds.
fn age_us(message: &str) -> Option<u64> {
    let (_, age) = message.rsplit_once("(age=")?;
    age.trim_end_matches([')', 's']).parse::<u64>().ok()?.checked_mul(1_000_000)
}

/// Reads a line.
fn entry(line: &[u8]) -> Option<Entry<'_>> {
    let (time, rest) =
        line.split_at_checked(time_length(line)).filter(|(time, _)| !time.is_empty())?;
    let rest = process(rest.strip_prefix(b" ")?)?;
    let (level, rest) = word(rest);
    let (_, level) = LEVELS.iter().find(|(known, _)| known.as_bytes() == level)?;
    let (peer, message) = peer(rest);
    Some(Entry { time, level: *level, peer, message })
}

/// What follows `[812] ` or `812 `.
fn process(text: &[u8]) -> Option<&[u8]> {
    let (word, rest) = word(text);
    let digits = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")).unwrap_or(word);
    let is_id = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_id.then_some(rest)
}

/// `C-0x55d0c8: epns_prod/epns@10.1.2.3:40112 ` before the message names whose connection it is.
fn peer(text: &[u8]) -> (Peer, &[u8]) {
    let peer = match text.get(..4) {
        Some(b"C-0x") => Peer::Client,
        Some(b"S-0x") => Peer::Server,
        _ => return (Peer::Nobody, text),
    };
    let (_connection, rest) = word(text);
    (peer, word(rest).1)
}

/// Up to the next space, and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::{laws, samples::read_all};

    fn told(line: &str) -> String {
        let log = format!("{line}\n");
        let mut parsed = read_all(&FORMAT, None, &log, 0);
        match parsed.remove(0).said {
            Said::Database(failure) => format!("{:?} {}", failure.severity, failure.message),
            Said::Active(activity) => format!("{:?} {}", activity.kind, activity.amount),
            Said::Ignored(rule) => rule.to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn every_sample_means_what_the_table_says() {
        for (line, expected) in ROWS.iter().flat_map(|row| row.samples) {
            assert_eq!(told(&format!("2026-11-21 14:03:05.123 WIB [812] {line}")), *expected);
            assert_eq!(told(&format!("2026-11-21 14:03:05.123 812 {line}")), *expected);
        }
    }

    #[test]
    fn what_is_no_log_level_is_as_bad_as_it_says() {
        for (line, expected) in [
            (
                "WARNING C-0x55d0c8: (nodb)/(nouser)@10.1.2.3:40112 pooler error: no such user: siapa",
                "Warning pooler error: no such user: siapa",
            ),
            (
                "WARNING C-0x55d0c8: epns_prod/epns@10.1.2.3:40112 pooler error: query_wait_timeout",
                "Warning pooler error: query_wait_timeout",
            ),
            (
                "WARNING C-0x55d0c8: epns_prod/epns@10.1.2.3:40112 pooler error: no more connections allowed (max_client_conn)",
                "Warning pooler error: no more connections allowed (max_client_conn)",
            ),
            (
                "WARNING server login failed: FATAL database \"epns_lama\" does not exist",
                "Warning server login failed: FATAL database \"epns_lama\" does not exist",
            ),
            (
                "ERROR accept() failed: Too many open files",
                "Error accept() failed: Too many open files",
            ),
            (
                "FATAL @src/main.c:385 in function write_pidfile(): pidfile exists, another instance running?",
                "Fatal @src/main.c:385 in function write_pidfile(): pidfile exists, another instance running?",
            ),
            ("LOG process up: PgBouncer 1.23.1, libevent 2.1.12-stable (epoll)", "log message"),
            ("DEBUG sbuf_connect failed", "debug"),
        ] {
            assert_eq!(told(&format!("2026-11-21 14:03:05.123 WIB [812] {line}")), expected);
        }
    }

    #[test]
    fn postgresql_and_other_programs_write_other_lines() {
        for line in ["2026-11-21 14:03:05.123 WIB [812] LOG:  a", "no head", ""] {
            assert_eq!(told(line), "Unparsed", "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_holds_of_every_format_holds(log in laws::log(&[
            "2026-11-21 14:03:05 WIB [1] LOG stats: 1",
            "2026-11-21 14:03:05 1 LOG C-0x1: a/b@c:1 closing because: x (age=99999999999999)",
            "2026-11-21 14:03:05 WIB [1] WARNING C-0x1: a/b@c:1 pooler error: x",
            "no head",
        ])) {
            laws::hold(&FORMAT, &log);
        }
    }
}
