use proptest::prelude::*;

use super::*;
use crate::{
    entry::Severity,
    parse::{DatabaseFailure, Execution, Parsed, Part, PartKind, laws, samples::read_all},
};

/// 2026-11-21T15:00:00Z.
const NOW_MS: i64 = 1_795_273_200_000;

fn parse(log: &str) -> Vec<Parsed<'static>> {
    read_all(&FORMAT, None, log, NOW_MS)
}

fn said(log: &str) -> Vec<(u64, Said<'static>)> {
    parse(log).into_iter().map(|parsed| (parsed.lines, parsed.said)).collect()
}

fn failure(message: &str, parts: &[(PartKind, &str)]) -> Said<'static> {
    let part =
        |(kind, text): &(PartKind, &str)| Part { kind: *kind, text: (*text).to_owned().into() };
    Said::Database(DatabaseFailure {
        severity: Severity::Error,
        sqlstate: "".into(),
        message: message.to_owned().into(),
        parts: parts.iter().map(part).collect(),
    })
}

fn call(statement: &str) -> Said<'static> {
    Said::Executed(Execution {
        database: "".into(),
        application: "".into(),
        statement: statement.to_owned().into(),
        duration_us: 5_250,
    })
}

#[test]
fn the_pieces_of_an_entry_are_one() {
    let log = "Nov 21 14:03:05 db1 postgres[812]: [5-1] ERROR:  duplicate key
Nov 21 14:03:05 db1 postgres[812]: [5-2] DETAIL:  Key (id)=(7) already exists.
Nov 21 14:03:05 db1 postgres[812]: [5-3] STATEMENT:  INSERT INTO peserta
Nov 21 14:03:05 db1 postgres[812]: [5-4] #011  VALUES (7,
Nov 21 14:03:05 db1 postgres[812]: [5-5]  8)
";
    let parts = [
        (PartKind::Detail, "Key (id)=(7) already exists."),
        (PartKind::Statement, "INSERT INTO peserta\n  VALUES (7, 8)"),
    ];
    assert_eq!(said(log), [(5, failure("duplicate key", &parts))]);
}

#[test]
fn entries_that_overlap_are_told_together_and_others_apart() {
    let log = "Nov 21 14:03:05 db1 postgres[1]: [1-1] LOG:  duration: 5.250 ms  statement: SELECT 1
Nov 21 14:03:05 db1 postgres[2]: [9-1] ERROR:  a
Nov 21 14:03:05 db1 postgres[3]: [4-1] LOG:  duration: 5.250 ms  statement: SELECT
Nov 21 14:03:05 db1 postgres[2]: [9-2] STATEMENT:  SELECT a
Nov 21 14:03:05 db1 postgres[3]: [4-2] #0112
Nov 21 14:03:05 db1 postgres[2]: [10-1] ERROR:  b
";
    let ends: Vec<_> = log.match_indices('\n').map(|(at, _)| at as u64 + 1).collect();
    let told: Vec<_> = parse(log).into_iter().map(|p| (p.lines, p.end, p.said)).collect();
    let statement = [(PartKind::Statement, "SELECT a")];
    let expected = [
        (1, ends[0], call("SELECT 1")),
        (2, ends[4], failure("a", &statement)),
        (2, ends[4], call("SELECT\n2")),
        (1, ends[5], failure("b", &[])),
    ];
    assert_eq!(told, expected);
}

#[test]
fn every_form_of_a_stamp_and_tag_is_read() {
    let message = "LOG:  duration: 5.250 ms  statement: SELECT 1";
    for (head, at, estimated) in [
        ("Nov 21 14:03:05 db1 postgres[812]: [5-1] ", "2026-11-21T14:03:05Z", true),
        ("Nov  1 14:03:05 db1 postgres[812]: ", "2026-11-01T14:03:05Z", true),
        ("Dec 31 14:03:05 db1 postgres[812]: [5-1] ", "2025-12-31T14:03:05Z", true),
        ("Des 31 14:03:05 db1 postgres[812]: [5-1] ", "2025-12-31T14:03:05Z", true),
        ("2026-11-21T14:03:05.5+07:00 db1 postgres[812]: [5-1] ", "2026-11-21T07:03:05.5Z", false),
        ("<134>1 2026-11-21T14:03:05Z db1 postgres 812 - - [5-1] ", "2026-11-21T14:03:05Z", false),
        (
            "<134>1 2026-11-21T14:03:05Z db1 epns 812 - [x y=\"1\"] [5-1] ",
            "2026-11-21T14:03:05Z",
            false,
        ),
        (
            "Nov 21 14:03:05 db1 postgres[812]: [5-1] 2026-11-21 14:03:05.123 WIB [812] ",
            "2026-11-21T07:03:05.123Z",
            false,
        ),
    ] {
        let parsed = parse(&format!("{head}{message}\n"));
        let ms = at.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(parsed[0].at, Some(EventTime { ms, estimated }), "{head}");
        assert_eq!(parsed[0].said, call("SELECT 1"), "{head}");
        let fit = (FORMAT.open)(&Layout { text: None, zone: jiff::tz::TimeZone::UTC })
            .fit(format!("{head}{message}").as_bytes());
        assert_eq!(fit, Fit::Begins, "{head}");
    }
}

#[test]
fn an_entry_in_one_line_has_its_line_breaks_escaped() {
    let log =
        "Nov 21 14:03:05 db1 postgres[812]: [5] ERROR:  a#012#011b#012STATEMENT:  SELECT '#1'\n";
    let log = log.replace("[5] ", "");
    assert_eq!(said(&log), [(1, failure("a\nb", &[(PartKind::Statement, "SELECT '#1'")]))]);
}

#[test]
fn lines_without_numbers_belong_to_the_entry_of_their_process() {
    let log = "Nov 21 14:03:05 db1 postgres[1]: ERROR:  a
Nov 21 14:03:05 db1 postgres[2]: ERROR:  b
Nov 21 14:03:05 db1 postgres[1]: STATEMENT:  SELECT
Nov 21 14:03:05 db1 postgres[1]: #0111
";
    let statement = [(PartKind::Statement, "SELECT\n1")];
    assert_eq!(said(log), [(3, failure("a", &statement)), (1, failure("b", &[]))]);
}

#[test]
fn other_programs_and_pieces_without_a_beginning_are_read_over() {
    let log = "Nov 21 14:03:05 db1 sshd[1]: Accepted publickey for admin
Nov 21 14:03:05 db1 postgres[812]: [5-2] DETAIL:  x
Nov 21 14:03:05 db1 postgres[812]: something new
no syslog
";
    let fates =
        [Said::Ignored(OTHER_PROGRAM), Said::Ignored(CONTINUATION), Said::Unparsed, Said::Unparsed];
    assert_eq!(said(log), fates.map(|said| (1, said)));
}

#[test]
fn an_entry_is_told_once_no_piece_of_it_can_come() {
    let line = |n: u64| format!("Nov 21 14:03:05 db1 postgres[{n}]: [1-1] ERROR:  a{n}\n");
    let mut parser = (FORMAT.open)(&Layout { text: None, zone: jiff::tz::TimeZone::UTC });
    let (mut told, mut end) = (0, 0);
    for n in 0..PAUSE_LINES_MAX + 10 {
        let line = line(n);
        end += line.len() as u64;
        let bytes = line.trim_end().as_bytes();
        parser.line(Line { bytes, end, now_ms: NOW_MS }, &mut |_| told += 1);
    }
    assert_eq!(told, 9);
}

#[test]
fn what_overlaps_without_end_is_told_at_a_limit() {
    let mut log = String::new();
    for n in 0..HELD_LINES_MAX {
        let piece = n / 2 + 1;
        log += &format!("Nov 21 14:03:05 db1 postgres[{}]: [1-{piece}] LOG:  a\n", n % 2);
    }
    log += "Nov 21 14:03:05 db1 postgres[1]: [1-9] x\nNov 21 14:03:05 db1 postgres[1]: [2-1] LOG:  b\n";
    let lines: Vec<_> = said(&log).into_iter().map(|(lines, _)| lines).collect();
    assert_eq!(lines, [HELD_LINES_MAX / 2, HELD_LINES_MAX / 2 + 1, 1]);
}

proptest! {
    #[test]
    fn what_holds_of_every_format_holds(log in laws::log(&[
        "Nov 21 14:03:05 db1 postgres[1]: [1-1] ERROR:  a",
        "Nov 21 14:03:05 db1 postgres[1]: [1-2] DETAIL:  b",
        "Nov 21 14:03:05 db1 postgres[1]: [1-3] #011c",
        "Nov 21 14:03:05 db1 postgres[1]: [2-1] LOG:  duration: 1 ms  statement: a",
        "Nov 21 14:03:05 db1 postgres[2]: [1-1] LOG:  a",
        "Nov 21 14:03:05 db1 postgres[2]: [1-2]  b",
        "Nov 21 14:03:05 db1 postgres[3]: ERROR:  a",
        "Nov 21 14:03:05 db1 postgres[3]: STATEMENT:  a",
        "Nov 21 14:03:05 db1 sshd[1]: a",
        "no syslog",
    ])) {
        laws::hold(&FORMAT, &log);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Sessions that write at once, for longer than an entry is held.
    #[test]
    fn reading_resumes_amid_many_sessions(steps in prop::collection::vec((0_usize..12, 1_u8..4), 60..200)) {
        let mut numbers = [(0, 0); 12];
        let mut log = String::new();
        for (process, step) in steps {
            let (number, piece) = &mut numbers[process];
            if step == 1 { *number += 1; *piece = 1; } else { *piece += 1; }
            let text = if *piece == 1 { "ERROR:  a" } else { "#011b" };
            log += &format!("Nov 21 14:03:05 db1 postgres[{process}]: [{number}-{piece}] {text}\n");
        }
        laws::hold(&FORMAT, log.as_bytes());
    }
}
