//! `log_destination = stderr`. An entry is a line with a severity, the tab-led lines after it, and the
//! DETAIL, HINT, CONTEXT, STATEMENT, QUERY and LOCATION lines of the same process that follow without
//! another line between: PostgreSQL's logging collector writes them in one piece. Without it a line of
//! another process may come between; the parts after it are then told apart, and the entry still counts once.

use super::{
    super::{CONTINUATION, Extent, Fit, Line, Out, Parser, estimate, time::Clock},
    label::Label,
    prefix::{self, Prefix},
    record::{Head, Record},
    shape::{self, Heads},
};
use crate::{
    entry::EventTime,
    format::{Format, Layout, LayoutKind},
    parse::Said,
};

/// See the module.
pub const FORMAT: Format = Format {
    name: "postgres-stderr",
    about: "PostgreSQL, log_destination = stderr, any log_line_prefix",
    layout: Some(LayoutKind::Prefix),
    check_layout: Some(prefix::check),
    of_cluster: true,
    in_pieces: true,
    specificity: 80,
    open: |layout| Box::new(Stderr::new(layout)),
};

/// The reader of one log.
#[derive(Debug)]
pub(super) struct Stderr {
    prefix: Option<Prefix>,
    heads: Heads,
    clock: Clock,
    open: Option<(Extent, Body)>,
    record: Record,
    /// Session of the further parts read over.
    stray: Vec<u8>,
    neighbour: Option<EventTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Its texts are in the record.
    Entry,
    /// Further parts or lines of an entry whose beginning was not read.
    Stray,
    /// A line that no prefix fits (of an archive command, of the C library).
    Unparsed,
}

impl Stderr {
    pub(super) fn new(layout: &Layout) -> Stderr {
        Stderr {
            prefix: layout.text.as_deref().and_then(Prefix::compile),
            heads: Heads::default(),
            clock: Clock::new(layout.zone.clone()),
            open: None,
            record: Record::default(),
            stray: Vec::new(),
            neighbour: None,
        }
    }

    /// Takes a line of an envelope: one entry's text with all its lines, or a further part of one.
    pub(super) fn payload(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let mut lines = line.bytes.split(|byte| *byte == b'\n');
        self.line(Line { bytes: lines.next().unwrap_or_default(), ..line }, out);
        for text in lines {
            if !matches!(self.open, Some((_, Body::Entry))) {
                return;
            }
            match self.head(text) {
                Some((_, label, text)) if !label.begins_entry() => {
                    self.record.part(label, text);
                }
                _ => self.record.append(text.strip_prefix(b"\t").unwrap_or(text)),
            }
        }
    }

    /// Lines from before the prefix was changed are still read.
    fn head<'a>(&mut self, line: &'a [u8]) -> Option<(Head<'a>, Label, &'a [u8])> {
        let known = self.prefix.as_ref().and_then(|prefix| prefix.head(line));
        known.or_else(|| self.heads.head(line))
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let Some((extent, body)) = self.open.take() else { return };
        out(extent.parsed(match body {
            Body::Entry => self.record.said(),
            Body::Stray => Said::Ignored(CONTINUATION),
            Body::Unparsed => Said::Unparsed,
        }));
    }

    /// A tab-led line belongs to whatever stands before it.
    fn continuation(&mut self, text: &[u8], end: u64, out: &mut Out<'_>) {
        if let Some((extent, body)) = &mut self.open
            && extent.grow(end)
        {
            if *body == Body::Entry {
                self.record.append(text);
            }
            return;
        }
        self.stray_from(end, None, b"", out);
    }

    /// A further part belongs to the entry before it if both are of one process.
    fn part(&mut self, (head, label, text): (Head<'_>, Label, &[u8]), end: u64, out: &mut Out<'_>) {
        if let Some((extent, body)) = &mut self.open {
            let belongs = match body {
                Body::Entry => self.record.is_of(head.session),
                Body::Stray => self.stray == head.session,
                Body::Unparsed => false,
            };
            if belongs && extent.grow(end) {
                if *body == Body::Entry {
                    self.record.part(label, text);
                }
                return;
            }
        }
        let at = self.clock.read(head.time);
        self.stray_from(end, at, head.session, out);
    }

    fn stray_from(&mut self, end: u64, at: Option<EventTime>, session: &[u8], out: &mut Out<'_>) {
        self.close(out);
        self.stray.clear();
        self.stray.extend_from_slice(session);
        self.open = Some((Extent::new(end, at), Body::Stray));
    }
}

impl Parser for Stderr {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let Line { bytes, end, now_ms } = line;
        if let Some(text) = bytes.strip_prefix(b"\t") {
            return self.continuation(text, end, out);
        }
        let Some((head, label, message)) = self.head(bytes) else {
            self.close(out);
            self.open = Some((Extent::new(end, None), Body::Unparsed));
            return;
        };
        if !label.begins_entry() {
            return self.part((head, label, message), end, out);
        }
        self.close(out);
        let at = self.clock.read(head.time).unwrap_or_else(|| estimate(self.neighbour, now_ms));
        self.neighbour = Some(at);
        self.record.begin(&head, label, message);
        self.open = Some((Extent::new(end, Some(at)), Body::Entry));
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.close(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        if bytes.starts_with(b"\t") {
            return Fit::Belongs;
        }
        let known = self.prefix.as_ref().and_then(|prefix| prefix.head(bytes));
        match known.or_else(|| shape::head(bytes)) {
            Some((_, label, _)) if label.begins_entry() => Fit::Begins,
            Some(_) => Fit::Belongs,
            None => Fit::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        entry::Severity,
        parse::{DatabaseFailure, Execution, Parsed, Part, PartKind, laws, samples::read_all},
    };

    fn parse(log: &str) -> Vec<Parsed<'static>> {
        read_all(&FORMAT, None, log, 1_000)
    }

    fn said(log: &str) -> Vec<(u64, Said<'static>)> {
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
                Part { kind: PartKind::Detail, text: "Key (id)=(7) already exists.".into() },
                Part {
                    kind: PartKind::Statement,
                    text: "INSERT INTO peserta\n  VALUES (7)".into()
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
    fn a_log_in_indonesian_is_read_as_one_in_english() {
        let log = "2026-11-21 14:03:05 WIB [1] epns@epns_prod ERROR:  nilai kunci ganda melanggar batasan unik « peserta_pkey »
2026-11-21 14:03:05 WIB [1] epns@epns_prod DETIL:  Kunci « (id)=(7) » sudah ada.
2026-11-21 14:03:05 WIB [1] epns@epns_prod PETUNJUK :  x
2026-11-21 14:03:05 WIB [1] epns@epns_prod KONTEKS:  y
2026-11-21 14:03:05 WIB [1] epns@epns_prod PERNYATAAN:  INSERT INTO peserta VALUES (7)
";
        let said = said(log);
        let [(5, Said::Database(failure))] = &said[..] else { panic!("{said:?}") };
        let kinds: Vec<_> = failure.parts.iter().map(|part| part.kind).collect();
        use PartKind::{Context, Detail, Hint, Statement};
        assert_eq!(kinds, [Detail, Hint, Context, Statement]);
    }

    #[test]
    fn a_verbose_log_bears_a_sqlstate_before_durations_too() {
        let log =
            "2026-11-21 14:03:05 UTC [1] LOG:  00000: duration: 1.5 ms  statement: SELECT 1\n";
        assert!(matches!(&said(log)[..], [(1, Said::Executed(e))] if e.duration_us == 1_500));
    }

    #[test]
    fn a_statement_over_several_lines_is_one_call() {
        let log = "2026-11-21 14:03:05 UTC [1] epns@epns_prod LOG:  duration: 5.250 ms  execute <unnamed>: SELECT a\n\tFROM b\n2026-11-21 14:03:05 UTC [1] epns@epns_prod DETAIL:  parameters: $1 = 'x'\n";
        let execution = Execution {
            database: "epns_prod".into(),
            application: "".into(),
            statement: "SELECT a\nFROM b".into(),
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
        for (message, sqlstate, rest) in [
            ("42P01: relation", "42P01", "relation"),
            ("XX001: x", "XX001", "x"),
            ("HELLO: x", "", "HELLO: x"),
        ] {
            let log = format!("2026-11-21 14:03:05 UTC [1] ERROR:  {message}\n");
            let expected = DatabaseFailure {
                severity: Severity::Error,
                sqlstate: sqlstate.into(),
                message: rest.into(),
                parts: Vec::new(),
            };
            assert_eq!(said(&log), [(1, Said::Database(expected))]);
        }
    }

    proptest! {
        #[test]
        fn what_holds_of_every_format_holds(log in laws::log(&[
            "2026-11-21 14:03:05 UTC [1] ERROR:  a",
            "2026-11-21 14:03:05 UTC [1] DETAIL:  a",
            "2026-11-21 14:03:05 UTC [2] STATEMENT:  a",
            "2026-11-21 14:03:05 UTC [2] LOG:  duration: 1 ms  statement: a",
            "\ta",
            "no head",
        ])) {
            laws::hold(&FORMAT, &log);
        }
    }

    #[test]
    fn without_a_time_the_neighbour_or_now_gives_it() {
        let first = read_all(&FORMAT, Some("[%p] "), "[1] LOG:  a\n[1] LOG:  b\n", 5_000);
        assert_eq!(first[0].at, Some(EventTime { ms: 5_000, estimated: true }));
    }

    #[test]
    fn lines_from_before_the_prefix_was_changed_are_still_read() {
        let log = "812> LOG:  a\n2026-11-21 14:03:05 WIB [8] LOG:  a\nno head\n";
        let said: Vec<_> =
            read_all(&FORMAT, Some("%p> "), log, 0).into_iter().map(|parsed| parsed.said).collect();
        let ignored = Said::Ignored("log message");
        assert_eq!(said, [ignored.clone(), ignored, Said::Unparsed]);
    }
}
