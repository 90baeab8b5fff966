use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::{log4j, play, tomcat};
use crate::{
    entry::Severity,
    format::{Format, Layout},
    parse::{Fit, Parsed, Said, samples::read_in},
};

const NOW: &str = "2026-11-21T08:00:00Z";

fn parse(format: &Format, layout: Option<&str>, log: &[u8]) -> Vec<Parsed<'static>> {
    let now = NOW.parse::<Timestamp>().unwrap().as_millisecond();
    read_in(format, layout, TimeZone::get("Asia/Jakarta").unwrap(), log, now)
}

/// Time, severity or rule, and message of each entry.
fn told(format: &Format, layout: Option<&str>, log: &str) -> Vec<String> {
    let time = |parsed: &Parsed<'_>| match parsed.at {
        Some(at) if at.estimated => "~".to_owned(),
        Some(at) => Timestamp::from_millisecond(at.ms).unwrap().to_string(),
        None => "-".to_owned(),
    };
    let said = |parsed: &Parsed<'_>| match &parsed.said {
        Said::Application(failure) => format!("{:?}|{}", failure.severity, failure.block),
        Said::Ignored(rule) => (*rule).to_owned(),
        _ => "unparsed".to_owned(),
    };
    let all = parse(format, layout, log.as_bytes());
    all.iter().map(|parsed| format!("{}|{}", time(parsed), said(parsed))).collect()
}

fn one(format: &Format, layout: Option<&str>, log: &str) -> String {
    told(format, layout, log).join(" + ")
}

const SPRING_2: &str = "%clr(%d{yyyy-MM-dd HH:mm:ss.SSS}){faint} %clr(${LOG_LEVEL_PATTERN:-%5p}) %clr(${PID:- }){magenta} %clr(---){faint} %clr([%15.15t]){faint} %clr(%-40.40logger{39}){cyan} %clr(:){faint} %m%n${LOG_EXCEPTION_CONVERSION_WORD:-%wEx}";
const SPRING_3: &str = "%clr(%d{${LOG_DATEFORMAT_PATTERN:-yyyy-MM-dd'T'HH:mm:ss.SSSXXX}}){faint} %clr(${LOG_LEVEL_PATTERN:-%5p}) %clr(${PID:- }){magenta} %clr(---){faint} %clr([%15.15t]){faint} %clr(%-40.40logger{39}){cyan} %clr(:){faint} %m%n%wEx";

/// Patterns met in the field beside a line that each writes of the same entry.
#[rustfmt::skip]
const PATTERNS: &[(&str, &str)] = &[
    ("%d %-5p [%c] %m%n", "2026-11-21 14:03:05,123 ERROR [a.b.C] gagal - x"),
    ("%d{ISO8601} [%t] %-5p %c{1} - %m%n", "2026-11-21 14:03:05,123 [main] ERROR C - gagal - x"),
    ("%d{ISO8601} [%t] %-5p %c{1} - %m%n", "2026-11-21T14:03:05,123 [http 8080 - 1] ERROR C - gagal - x"),
    ("%d{DATE} %p %c{1.} %m", "21 Nov 2026 14:03:05,123 ERROR a.b.C gagal - x"),
    ("%d{dd MMM yyyy HH:mm:ss.SSS} %p|%t|%c|%m%n", "21 Nop 2026 14:03:05.123 ERROR|main|a.b.C|gagal - x"),
    ("%d{dd/MM/yyyy HH:mm:ss,SSS} %5p (%F:%L) - %m%n", "21/11/2026 14:03:05,123 ERROR (C.java:12) - gagal - x"),
    ("%d{dd/MM/yyyy HH:mm:ss,SSS} %5p (%F:%L) %M- %m%n", "21/11/2026 14:03:05,123 ERROR (C.java:12) <init>- gagal - x"),
    ("%d{COMPACT} %p %m", "20261121140305123 ERROR gagal - x"),
    ("%d{UNIX_MILLIS} %p %m", "1795244585123 ERROR gagal - x"),
    ("%d{yyyy-MM-dd HH:mm:ss.SSS}{UTC} %p %m", "2026-11-21 07:03:05.123 ERROR gagal - x"),
    ("%d{yyyy-MM-dd HH:mm:ss.SSS}{GMT+8} %p %m", "2026-11-21 15:03:05.123 ERROR gagal - x"),
    ("%d{yyyy-MM-dd HH:mm:ss.SSS, Asia/Makassar} %p %m", "2026-11-21 15:03:05.123 ERROR gagal - x"),
    ("%date{\"yyyy-MM-dd'T'HH:mm:ss,SSSXXX\"} %level %msg", "2026-11-21T14:03:05,123+07:00 ERROR gagal - x"),
    ("%d{yyyy-MM-dd hh:mm:ss.SSS a} %p %m", "2026-11-21 02:03:05.123 PM ERROR gagal - x"),
    ("%d{EEE MMM dd HH:mm:ss.SSS zzz yyyy} %p %m", "Sab Nov 21 14:03:05.123 WIB 2026 ERROR gagal - x"),
    ("[%d{yyyy/MM/dd HH:mm:ss.SSS}] [%level] [%thread] %logger{36}: %msg%n%ex", "[2026/11/21 14:03:05.123] [ERROR] [main] a.b.C: gagal - x"),
    ("%p %d{yyyyMMdd HHmmss.SSS} [%X{user}] %m", "ERROR 20261121 140305.123 [] gagal - x"),
    ("%r %d [%t] %p %c %x - %m%n", "812 2026-11-21 14:03:05,123 [main] ERROR a.b.C  - gagal - x"),
    ("%d{yyyy-MM-dd HH:mm:ss.SSS} [%X{id}] %level{lowerCase=true} %m", "2026-11-21 14:03:05.123 [a b] error gagal - x"),
    ("%d %level{ERROR=Galat, WARN=Peringatan} %m", "2026-11-21 14:03:05,123 Galat gagal - x"),
    ("%d %level{length=1} %m", "2026-11-21 14:03:05,123 E gagal - x"),
    ("%d %.-1p %m", "2026-11-21 14:03:05,123 E gagal - x"),
    ("%d %quux{a}{b} <%p> %m", "2026-11-21 14:03:05,123 apa saja <ERROR> gagal - x"),
    ("%highlight{%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level}{ERROR=red} %m", "\x1b[31m2026-11-21 14:03:05.123 ERROR\x1b[m gagal - x"),
    ("%cyan(%d{yyyy-MM-dd HH:mm:ss.SSS}) %boldRed(%-5level) %msg%n", "\x1b[36m2026-11-21 14:03:05.123\x1b[0;39m \x1b[1;31mERROR\x1b[0;39m gagal - x"),
    ("%d\\t%p\\t%m", "2026-11-21 14:03:05,123\tERROR\tgagal - x"),
    ("%m | %p | %d%n", "gagal - x | ERROR | 2026-11-21 14:03:05,123"),
    (SPRING_2, "2026-11-21 14:03:05.123 ERROR 812 --- [nio-8080-exec-1] a.b.C                                    : gagal - x"),
    (SPRING_3, "2026-11-21T14:03:05.123+07:00 ERROR 812 --- [           main] a.b.C                                    : gagal - x"),
];

const ENTRY: &str = "2026-11-21T07:03:05.123Z|Error|gagal - x";

#[test]
fn every_pattern_reads_the_line_that_it_writes() {
    for (pattern, line) in PATTERNS {
        assert_eq!(one(&log4j::FORMAT, Some(pattern), line), ENTRY, "{pattern}");
    }
}

#[test]
fn a_pattern_reads_time_as_it_is_written() {
    for (pattern, line, expected) in [
        ("%d{ABSOLUTE} %p %m", "14:03:05,123 WARN a", "~|Warning|a"),
        ("%d{HH:mm:ss} %p %m", "14:03:05 FATAL a", "~|Fatal|a"),
        ("%d{UNIX} %p %m", "1795244585 FATAL a", "2026-11-21T07:03:05Z|Fatal|a"),
        (
            "%d{d MMMM yyyy H:mm:ss} %p %m",
            "1 Desember 2025 9:03:05 ERROR a",
            "2025-12-01T02:03:05Z|Error|a",
        ),
        ("%d{yy-M-d k:m:s} %p %m", "26-1-2 24:3:5 ERROR a", "2026-01-01T17:03:05Z|Error|a"),
        ("%p %m", "ERROR a", "~|Error|a"),
        ("%d %m", "2026-11-21 14:03:05,123 a", "2026-11-21T07:03:05.123Z|no level"),
        ("%d %p %m", "2026-11-21 14:03:05,123 INFO a", "2026-11-21T07:03:05.123Z|info"),
        ("%d %p %m", "2026-02-30 14:03:05,123 INFO a", "-|unparsed"),
    ] {
        assert_eq!(one(&log4j::FORMAT, Some(pattern), line), expected, "{pattern}");
    }
}

#[test]
fn a_pattern_that_tells_no_message_is_as_good_as_none() {
    for pattern in ["", "%d %p%n", "pola", "%d{"] {
        let line = "2026-11-21 14:03:05,123 ERROR [main] a.b.C - gagal - x";
        assert_eq!(one(&log4j::FORMAT, Some(pattern), line), ENTRY, "{pattern}");
    }
}

#[test]
fn a_line_is_read_by_its_shape_where_nobody_told_the_pattern() {
    for (line, expected) in [
        ("2026-11-21 14:03:05,123 ERROR [main] a.b.C - gagal - x", ENTRY),
        ("2026-11-21 14:03:05,123 [http-nio-8080-exec-1] ERROR a.b.C - gagal - x", ENTRY),
        (
            "2026-11-21 14:03:05.123 ERROR 812 --- [nio-8080-exec-1] a.b.C                : gagal - x",
            ENTRY,
        ),
        (
            "2026-11-21T14:03:05.123+07:00 ERROR 812 --- [spse] [           main] a.b.C : gagal - x",
            ENTRY,
        ),
        ("2026-11-21T07:03:05.123Z ERROR 812 --- [main] a.b.C : gagal - x", ENTRY),
        (
            "\x1b[2m2026-11-21 14:03:05.123\x1b[0;39m \x1b[31mERROR\x1b[0;39m \x1b[35m812\x1b[0;39m \x1b[2m---\x1b[0;39m \x1b[2m[main]\x1b[0;39m \x1b[36ma.b.C\x1b[0;39m \x1b[2m:\x1b[0;39m gagal - x",
            ENTRY,
        ),
        ("21 Nov 2026 14:03:05,123 ERROR C:12 - gagal - x", ENTRY),
        ("[2026-11-21 14:03:05,123] ERROR gagal - x", ENTRY),
        ("[ERROR] 2026-11-21 14:03:05,123 - gagal - x", ENTRY),
        ("[ERROR] [2026-11-21 14:03:05.123] [main] a.b.C - gagal - x", ENTRY),
        ("ERROR [2026-11-21 14:03:05,123] a.b.C: gagal - x", ENTRY),
        ("2026-11-21 14:03:05.123 | ERROR | main | a.b.C | gagal - x", ENTRY),
        (
            "2026-11-21 14:03:05.123:SEVERE:oejs.Server:main: gagal",
            "2026-11-21T07:03:05.123Z|Error|:oejs.Server:main: gagal",
        ),
        ("14:03:05.123 [main] WARN  a.b.C - gagal", "~|Warning|gagal"),
        ("812 [main] WARN  a.b.C  - gagal", "~|Warning|gagal"),
        ("[main] WARN a.b.C - gagal", "~|Warning|gagal"),
        ("ERROR gagal", "~|Error|gagal"),
        (
            "2026-11-21 14:03:05,123 ERROR java.io.IOException: x",
            "2026-11-21T07:03:05.123Z|Error|java.io.IOException: x",
        ),
        ("2026-11-21 14:03:05,123 ERROR Login: x", "2026-11-21T07:03:05.123Z|Error|Login: x"),
        ("2026-11-21 14:03:05,123 INFO  [main] a.b.C - selesai", "2026-11-21T07:03:05.123Z|info"),
        ("2026-11-21 14:03:05,123 selesai", "-|unparsed"),
        ("ERROR: relation \"x\" does not exist", "-|unparsed"),
        ("paket dibuka", "-|unparsed"),
    ] {
        assert_eq!(one(&log4j::FORMAT, None, line), expected, "{line}");
    }
}

#[test]
fn a_trace_belongs_to_the_entry_that_logged_it() {
    let log = "2026-11-21 14:03:05,123 INFO a.b.C - dicoba lagi\njava.io.IOException: x\n\tat a.B.c(B.java:1)\n2026-11-21 14:03:05,123 ERROR a.b.C - gagal\njava.io.IOException: x\n\tat a.B.c(B.java:1)\n";
    assert_eq!(
        told(&log4j::FORMAT, None, log),
        [
            "2026-11-21T07:03:05.123Z|info",
            "2026-11-21T07:03:05.123Z|Error|gagal\njava.io.IOException: x\n\tat a.B.c(B.java:1)"
        ]
    );
}

#[test]
fn tomcats_entries_are_read_on_one_line_and_on_two() {
    for (log, expected) in [
        (
            "21-Nov-2026 14:03:05.123 SEVERE [http-nio-8080-exec-1] org.apache.catalina.core.StandardWrapperValve.invoke Servlet.service() gagal\n\tjava.lang.Error: x\n\t\tat a.B.c(B.java:1)",
            "2026-11-21T07:03:05.123Z|Error|Servlet.service() gagal\n\tjava.lang.Error: x\n\t\tat a.B.c(B.java:1)",
        ),
        (
            "01-Okt-2026 14:03:05.123 PERINGATAN [main] org.apache.tomcat.util.Diagnostics.log gagal",
            "2026-10-01T07:03:05.123Z|Warning|gagal",
        ),
        (
            "21-Nov-2026 14:03:05.123 INFO [main] org.apache.catalina.startup.Catalina.start Server startup in 812 ms",
            "2026-11-21T07:03:05.123Z|info",
        ),
        (
            "Nov 21, 2026 2:03:05 PM org.apache.catalina.core.StandardContext startInternal\nSEVERE: Error listenerStart\nlanjutan",
            "2026-11-21T07:03:05Z|Error|Error listenerStart\nlanjutan",
        ),
        (
            "Mei 21, 2026 2:03:05 AM org.apache.catalina.core.StandardContext <init>\nPARAH: gagal",
            "2026-05-20T19:03:05Z|Error|gagal",
        ),
        (
            "21 Des 2025 14:03:05 org.apache.catalina.Loader\nWARNING: gagal",
            "-|unparsed + -|continuation",
        ),
        (
            "Nov 21, 2026 2:03:05 PM a.b.C start\nINFO: a\nNov 21, 2026 2:03:06 PM a.b.C start\nFINEST: a",
            "2026-11-21T07:03:05Z|info + 2026-11-21T07:03:06Z|trace",
        ),
        ("Nov 21, 2026 2:03:05 PM a.b.C start", "2026-11-21T07:03:05Z|unparsed"),
        ("SEVERE: gagal", "-|continuation"),
        ("Nov 21, 2026 adalah hari pembukaan", "-|unparsed"),
    ] {
        assert_eq!(one(&tomcat::FORMAT, None, log), expected, "{log}");
    }
}

#[test]
fn the_head_of_two_lines_is_kept_whole() {
    let log = b"Nov 21, 2026 2:03:05 PM a.b.C start\nSEVERE: gagal\n";
    let parsed = parse(&tomcat::FORMAT, None, log);
    let Said::Application(failure) = &parsed[0].said else { panic!("{parsed:?}") };
    assert_eq!(failure.head, "Nov 21, 2026 2:03:05 PM a.b.C start\nSEVERE: ");
    assert_eq!((parsed[0].lines, failure.severity), (2, Severity::Error));
}

const FORMATS: &[&Format] = &[&play::FORMAT, &log4j::FORMAT, &tomcat::FORMAT];

fn line() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<Vec<u8>> = PATTERNS
        .iter()
        .map(|(_, line)| line.as_bytes().to_vec())
        .chain(
            [
                "21-Nov-2026 14:03:05.123 SEVERE [main] a.b.C.d gagal",
                "Nov 21, 2026 2:03:05 PM a.b.C start",
                "SEVERE: gagal",
                "INFO: a",
                "14:03:05,123 ERROR ~ ",
                "14:03:05,123 INFO  ~ a",
                "14:03:05,900 ERROR ~ b",
                "2026-11-21 14:03:05,123 INFO a.b.C - a",
                "",
                "@6f02fa9dd",
                "@6f02fa9de",
                "java.io.IOException: x",
                "\tat a.B.c(B.java:1)",
                "Caused by: a.BException",
                "\tSuppressed: a.BException",
                "\t... 3 more",
                "bukan log",
            ]
            .map(|line| line.as_bytes().to_vec()),
        )
        .collect();
    let cut = (prop::sample::select(known.clone()), any::<prop::sample::Index>())
        .prop_map(|(line, at)| line[..at.index(line.len() + 1)].to_vec());
    let odd = prop::collection::vec(any::<u8>().prop_filter("one line", |b| *b != b'\n'), 0..40);
    prop_oneof![8 => prop::sample::select(known), 2 => cut, 1 => odd]
}

fn log() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(line(), 0..50)
        .prop_map(|lines| lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect())
}

/// What is counted of an entry: lines, end, and what it says.
fn essence(parsed: &[Parsed<'static>], base: u64) -> Vec<(u64, u64, Said<'static>)> {
    parsed.iter().map(|p| (p.lines, base + p.end, p.said.clone())).collect()
}

proptest! {
    #[test]
    fn no_bytes_stop_a_reader(bytes in any::<Vec<u8>>(), pattern in prop::sample::select(PATTERNS)) {
        for format in FORMATS {
            parse(format, None, &bytes);
        }
        parse(&log4j::FORMAT, Some(pattern.0), &bytes);
    }

    #[test]
    fn any_pattern_compiles_and_no_line_stops_it(
        pattern in "([ -~]|%-?[0-9]{0,2}[a-zA-Z%]|%d\\{[a-zA-Z' :,.]{0,12}\\}|\\$\\{|%clr\\(|\\)){0,14}",
        line in line(),
    ) {
        parse(&log4j::FORMAT, Some(&pattern), &line);
    }

    #[test]
    fn every_line_has_one_fate_and_reading_resumes_after_any_entry(
        log in log(), format in prop::sample::select(FORMATS), at in any::<prop::sample::Index>()
    ) {
        let whole = parse(format, None, &log);
        let lines = log.iter().filter(|byte| **byte == b'\n').count() as u64;
        prop_assert_eq!(whole.iter().map(|parsed| parsed.lines).sum::<u64>(), lines);
        prop_assert_eq!(whole.last().map_or(0, |parsed| parsed.end), log.len() as u64);
        prop_assume!(!whole.is_empty());
        let stop = at.index(whole.len());
        let end = whole[stop].end;
        let rest = parse(format, None, &log[usize::try_from(end).unwrap()..]);
        prop_assert_eq!(essence(&rest, end), essence(&whole[stop + 1..], 0));
    }

    #[test]
    fn whether_a_line_begins_an_entry_is_told_by_the_line(line in line()) {
        for format in FORMATS {
            let layout = Layout { text: None, zone: TimeZone::UTC };
            let parser = (format.open)(&layout);
            let begins = parser.fit(&line) == Fit::Begins;
            let parsed = parse(format, None, &[line.as_slice(), b"\n"].concat());
            let dated = parsed.iter().any(|parsed| parsed.at.is_some());
            let printed = super::trace::begins(&line);
            prop_assert_eq!(begins || printed, dated);
        }
    }
}
