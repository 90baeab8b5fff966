//! PostgreSQL, `log_destination = stderr`. An entry is a line with a severity, the tab-led lines after it,
//! and the DETAIL, HINT, CONTEXT, STATEMENT, QUERY and LOCATION lines of the same process that follow
//! without another line between.

use jiff::tz::TimeZone;

use super::{
    CONTINUATION, DatabaseFailure, Execution, Extent, Parsed, Part, PartKind, Said, clean,
    duration::{self, Timed},
    estimate, keep,
    label::Label,
    prefix::{Finder, Header},
};
use crate::domain::{EventTime, Severity};

/// The reader of one log.
#[derive(Debug)]
pub struct PostgresStderr {
    finder: Finder,
    zone: TimeZone,
    open: Option<Open>,
    neighbour: Option<EventTime>,
}

#[derive(Debug)]
struct Open {
    extent: Extent,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Entry(Box<Text>),
    /// Further parts or lines of an entry whose beginning was not read; the session they are of.
    Stray(Vec<u8>),
    /// A line that no prefix fits (of an archive command, of the C library).
    Unparsed,
}

/// What is kept of an entry.
#[derive(Debug)]
struct Text {
    session: Vec<u8>,
    database: Option<String>,
    sqlstate: String,
    /// The message first.
    parts: Vec<(Label, Vec<u8>)>,
    kept: usize,
}

impl PostgresStderr {
    /// `prefix`: the server's `log_line_prefix`, where it is known.
    pub fn new(prefix: Option<&str>, zone: TimeZone) -> PostgresStderr {
        PostgresStderr { finder: Finder::new(prefix), zone, open: None, neighbour: None }
    }

    /// As [`super::Parser::line`].
    pub fn line(&mut self, bytes: &[u8], end: u64, now_ms: i64) -> Option<Parsed> {
        if let Some(text) = bytes.strip_prefix(b"\t") {
            return self.continuation(text, end);
        }
        let Some(header) = self.finder.header(bytes, &self.zone) else {
            return self.begin(Extent::new(end, None), Body::Unparsed);
        };
        if !header.label.begins_entry() {
            return self.part(&header, end);
        }
        let at = header.at.unwrap_or_else(|| estimate(self.neighbour, now_ms));
        self.neighbour = Some(at);
        self.begin(Extent::new(end, Some(at)), Body::Entry(Box::new(Text::new(&header))))
    }

    /// As [`super::Parser::finish`].
    pub fn finish(&mut self) -> Option<Parsed> {
        self.open.take().map(Open::close)
    }

    fn begin(&mut self, extent: Extent, body: Body) -> Option<Parsed> {
        self.open.replace(Open { extent, body }).map(Open::close)
    }

    /// A tab-led line belongs to whatever stands before it.
    fn continuation(&mut self, text: &[u8], end: u64) -> Option<Parsed> {
        if let Some(Open { extent, body }) = &mut self.open
            && extent.grow(end)
        {
            if let Body::Entry(entry) = body {
                entry.append(text);
            }
            return None;
        }
        self.begin(Extent::new(end, None), Body::Stray(Vec::new()))
    }

    /// A further part belongs to the entry before it if both are of one process.
    fn part(&mut self, header: &Header<'_>, end: u64) -> Option<Parsed> {
        if let Some(Open { extent, body }) = &mut self.open {
            let belongs = match body {
                Body::Entry(text) => text.session == header.session,
                Body::Stray(session) => session == header.session,
                Body::Unparsed => false,
            };
            if belongs && extent.grow(end) {
                if let Body::Entry(text) = body {
                    text.begin_part(header);
                }
                return None;
            }
        }
        self.begin(Extent::new(end, header.at), Body::Stray(header.session.to_vec()))
    }
}

impl Open {
    fn close(self) -> Parsed {
        let said = match self.body {
            Body::Entry(text) => text.said(),
            Body::Stray(_) => Said::Ignored(CONTINUATION),
            Body::Unparsed => Said::Unparsed,
        };
        self.extent.parsed(said)
    }
}

impl Text {
    fn new(header: &Header<'_>) -> Text {
        let mut text = Text {
            session: header.session.to_vec(),
            database: header.database.map(str::to_owned),
            sqlstate: header.sqlstate.to_owned(),
            parts: Vec::with_capacity(1),
            kept: 0,
        };
        text.begin_part(header);
        text
    }

    fn begin_part(&mut self, header: &Header<'_>) {
        let mut text = Vec::new();
        keep(&mut text, &mut self.kept, header.message);
        self.parts.push((header.label, text));
    }

    fn append(&mut self, line: &[u8]) {
        if let Some((_, text)) = self.parts.last_mut() {
            keep(text, &mut self.kept, b"\n");
            keep(text, &mut self.kept, line);
        }
    }

    fn said(self) -> Said {
        let mut parts = self.parts.into_iter();
        let Some((label, message)) = parts.next() else {
            return Said::Unparsed;
        };
        let message = clean(message);
        let severity = match label {
            Label::Panic => Severity::Panic,
            Label::Fatal => Severity::Fatal,
            Label::Error => Severity::Error,
            Label::Warning => Severity::Warning,
            Label::Log => return log(&message, self.database),
            Label::Notice => return Said::Ignored("notice"),
            Label::Info => return Said::Ignored("info"),
            _ => return Said::Ignored("debug"),
        };
        let (inline, message) = inline_sqlstate(&message);
        let sqlstate = if self.sqlstate.is_empty() { inline.to_owned() } else { self.sqlstate };
        Said::Database(DatabaseFailure {
            severity,
            sqlstate,
            message: message.to_owned(),
            parts: parts.map(|(label, text)| part(label, text)).collect(),
        })
    }
}

fn log(message: &str, database: Option<String>) -> Said {
    match duration::read(message) {
        Timed::Call { duration_us, statement } => {
            Said::Executed(Execution { database, statement: statement.to_owned(), duration_us })
        }
        Timed::Ignored(rule) => Said::Ignored(rule),
    }
}

fn part(label: Label, text: Vec<u8>) -> Part {
    let kind = match label {
        Label::Statement | Label::Query => PartKind::Statement,
        Label::Context => PartKind::Context,
        Label::Detail => PartKind::Detail,
        _ => PartKind::Hint,
    };
    Part { kind, text: clean(text) }
}

/// `log_error_verbosity = verbose` writes the SQLSTATE before the message: `42P01: relation …`. Classes of
/// SQLSTATE begin with a digit or are one of PostgreSQL's own (F0, HV, P0, XX).
fn inline_sqlstate(message: &str) -> (&str, &str) {
    let Some((state, rest)) = message.split_once(": ") else {
        return ("", message);
    };
    let of_form =
        state.len() == 5 && state.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let known = state.starts_with(|c: char| c.is_ascii_digit())
        || ["F0", "HV", "P0", "XX"].iter().any(|class| state.starts_with(class));
    if of_form && known { (state, rest) } else { ("", message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(log: &str) -> Vec<Parsed> {
        let mut parser = PostgresStderr::new(None, TimeZone::UTC);
        let mut end = 0;
        let mut parsed = Vec::new();
        for line in log.split_inclusive('\n') {
            end += line.len() as u64;
            parsed.extend(parser.line(line.trim_end_matches('\n').as_bytes(), end, 1_000));
        }
        parsed.extend(parser.finish());
        parsed
    }

    fn said(log: &str) -> Vec<(u64, Said)> {
        parse(log).into_iter().map(|parsed| (parsed.lines, parsed.said)).collect()
    }

    const ERROR: &str = "2026-11-21 14:03:05.123 UTC [812] epns@epns_prod ERROR:  duplicate key value violates unique constraint \"peserta_pkey\"
2026-11-21 14:03:05.123 UTC [812] epns@epns_prod DETAIL:  Key (id)=(7) already exists.
2026-11-21 14:03:05.123 UTC [812] epns@epns_prod STATEMENT:  INSERT INTO peserta
\t  VALUES (7)
";

    #[test]
    fn a_message_and_its_further_parts_are_one_entry() {
        let parsed = parse(ERROR);
        assert_eq!(parsed.len(), 1);
        assert_eq!((parsed[0].lines, parsed[0].end), (4, ERROR.len() as u64));
        assert_eq!(parsed[0].at, Some(EventTime { ms: 1_795_269_785_123, estimated: false }));
        let Said::Database(failure) = &parsed[0].said else { panic!("{:?}", parsed[0]) };
        assert_eq!(
            failure.message,
            "duplicate key value violates unique constraint \"peserta_pkey\""
        );
        assert_eq!(
            failure.parts,
            [
                Part { kind: PartKind::Detail, text: "Key (id)=(7) already exists.".to_owned() },
                Part {
                    kind: PartKind::Statement,
                    text: "INSERT INTO peserta\n  VALUES (7)".to_owned()
                },
            ]
        );
    }

    #[test]
    fn a_part_of_another_process_is_not_attached() {
        let log = "2026-11-21 14:03:05 UTC [1] ERROR:  a
2026-11-21 14:03:05 UTC [2] DETAIL:  of another
2026-11-21 14:03:05 UTC [2] HINT:  of the other too
2026-11-21 14:03:05 UTC [1] STATEMENT:  too late
";
        let fates: Vec<_> = said(log)
            .into_iter()
            .map(|(lines, said)| (lines, said == Said::Ignored(CONTINUATION)))
            .collect();
        assert_eq!(fates, [(1, false), (2, true), (1, true)]);
    }

    #[test]
    fn each_severity_has_its_fate() {
        for (label, expected) in [
            ("LOG", "log message"),
            ("CATATAN", "log message"),
            ("NOTICE", "notice"),
            ("INFO", "info"),
            ("DEBUG2", "debug"),
        ] {
            let log = format!("2026-11-21 14:03:05 UTC [1] {label}:  a\n");
            assert_eq!(said(&log), [(1, Said::Ignored(expected))]);
        }
        for (label, expected) in [
            ("GALAT", Severity::Error),
            ("FATAL", Severity::Fatal),
            ("PANIK", Severity::Panic),
            ("WARNING", Severity::Warning),
        ] {
            let log = format!("2026-11-21 14:03:05 UTC [1] {label}:  a\n");
            assert!(matches!(&said(&log)[..], [(1, Said::Database(f))] if f.severity == expected));
        }
    }

    #[test]
    fn a_statement_over_several_lines_is_one_call() {
        let log = "2026-11-21 14:03:05 UTC [1] epns@epns_prod LOG:  duration: 5.250 ms  execute <unnamed>: SELECT a\n\tFROM b\n2026-11-21 14:03:05 UTC [1] epns@epns_prod DETAIL:  parameters: $1 = 'x'\n";
        let execution = Execution {
            database: Some("epns_prod".to_owned()),
            statement: "SELECT a\nFROM b".to_owned(),
            duration_us: 5_250,
        };
        assert_eq!(said(log), [(3, Said::Executed(execution))]);
    }

    #[test]
    fn lines_that_no_prefix_fits_are_shown_as_not_understood() {
        let log = "cp: cannot stat 'x'\n\tmore\n2026-11-21 14:03:05 UTC [1] LOG:  a\n";
        assert_eq!(said(log), [(2, Said::Unparsed), (1, Said::Ignored("log message"))]);
    }

    #[test]
    fn a_verbose_log_gives_the_sqlstate() {
        assert_eq!(inline_sqlstate("42P01: relation"), ("42P01", "relation"));
        assert_eq!(inline_sqlstate("XX001: x"), ("XX001", "x"));
        assert_eq!(inline_sqlstate("HELLO: x"), ("", "HELLO: x"));
    }

    #[test]
    fn without_a_time_the_neighbour_or_now_gives_it() {
        let mut parser = PostgresStderr::new(Some("[%p] "), TimeZone::UTC);
        parser.line(b"[1] LOG:  a", 11, 5_000);
        let first = parser.line(b"[1] LOG:  b", 22, 9_000).unwrap();
        assert_eq!(first.at, Some(EventTime { ms: 5_000, estimated: true }));
    }
}
