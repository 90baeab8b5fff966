use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    entry::{EventTime, Severity},
    parse::{
        CONTINUATION, Parsed, Said, laws,
        samples::read_all,
        system::{NOT_IN_TABLE, OF_ANOTHER_LOG},
    },
};

const NOW: &str = "2026-11-22T00:00:00Z";

fn utc(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn parse(log: &str) -> Vec<Parsed<'static>> {
    read_all(&FORMAT, None, log, utc(NOW))
}

#[test]
fn failures_are_told_with_their_program_and_without_what_is_secret() {
    for (line, severity, head, block) in [
        (
            "Nov 21 14:03:05 app sshd[812]: Failed password for invalid user budi from 10.7.1.2 port 51122 ssh2",
            Severity::Warning,
            "Nov 21 14:03:05 ",
            "sshd: Failed password for",
        ),
        (
            "<3>Nov 21 14:03:05 app kernel: [1234.567890] blk_update_request: I/O error, dev sdb, sector 2099200",
            Severity::Error,
            "Nov 21 14:03:05 ",
            "kernel: blk_update_request: I/O error, dev sdb, sector 2099200",
        ),
        (
            "2026-11-21T14:03:05.123456+07:00 app postfix/smtp[9]: 4F1B2C: to=<a@contoh.go.id>, status=bounced (Host not found)",
            Severity::Error,
            "2026-11-21T14:03:05.123456+07:00 ",
            "postfix: status=bounced (Host not found)",
        ),
        (
            "<11>1 2026-11-21T07:03:05Z app backup 812 - [x y=\"z\"] tidak selesai",
            Severity::Error,
            "2026-11-21T07:03:05Z ",
            "backup: tidak selesai",
        ),
    ] {
        let parsed = parse(line);
        let Said::Application(f) = &parsed[0].said else { panic!("{line}: {parsed:?}") };
        assert_eq!((f.severity, &*f.head, &*f.block), (severity, head, block), "{line}");
    }
}

#[test]
fn what_the_table_does_not_have_is_ignored_and_what_is_no_syslog_not_understood() {
    let log = "Nov 21 14:03:05 app systemd[1]: Started Session 12 of user root.\nNov 21 14:03:05 app postgres[812]: [3-1] ERROR:  x\nbukan syslog\n  lanjutan\n";
    let said: Vec<_> = parse(log).into_iter().map(|p| (p.lines, p.said)).collect();
    let ignored = Said::Ignored;
    assert_eq!(
        said,
        [(1, ignored(NOT_IN_TABLE)), (1, ignored(OF_ANOTHER_LOG)), (2, Said::Unparsed)]
    );
    assert_eq!(parse("  lanjutan\n")[0].said, Said::Ignored(CONTINUATION));
}

#[test]
fn times_bear_what_the_line_bears() {
    for (line, expected, estimated) in [
        ("Nov 21 14:03:05 app a: x", "2026-11-21T14:03:05Z", true),
        ("Dec 21 14:03:05 app a: x", "2025-12-21T14:03:05Z", true),
        ("2026-11-21T14:03:05.123+07:00 app a: x", "2026-11-21T07:03:05.123Z", false),
        ("<11>1 - app a - - - x", NOW, true),
        ("Nov 21 25:03:05 app a: x", NOW, true),
    ] {
        let ms = utc(expected);
        assert_eq!(parse(line)[0].at, Some(EventTime { ms, estimated }), "{line}");
    }
}

const LINES: &[&str] = &[
    "Nov 21 14:03:05 app sshd[812]: Failed password for budi",
    "<11>1 2026-11-21T07:03:05Z app backup 812 - [x y=\"z\"] tidak selesai",
    "2026-11-21T14:03:05.123456+07:00 app CRON[1]: x",
    "\tlanjutan",
    "bukan",
];

proptest! {
    #[test]
    fn no_bytes_stop_it_and_every_line_has_one_fate(log in laws::log(LINES)) {
        laws::hold(&FORMAT, &log);
    }
}
