//! Play 1 application log (log4j and log4j2). An entry is a header `LEVEL ~ message`, with or without a
//! time before it, and everything up to the next header. On standard output (`system.out`) a trace that
//! the program printed itself is an entry too.

use super::{
    super::time::Cursor,
    entries::{Entries, Header, Headers, Stamp},
    level::{LOG4J, Level},
};
use crate::format::Format;

/// See the module.
pub const FORMAT: Format = Format {
    name: "play",
    about: "Play 1 application (SPSE 4), log4j or log4j2 in the layouts LEVEL ~ message",
    layout: None,
    check_layout: None,
    of_cluster: false,
    // A time of day gets its date from the entries before it.
    in_pieces: false,
    specificity: 80,
    open: |layout| Box::new(Entries::new(Play, layout.zone.clone())),
};

/// A thread's name is looked for in so many bytes.
const THREAD_BYTES_MAX: usize = 128;

/// Its headers.
struct Play;

impl Headers for Play {
    const PRINTED_TRACES: bool = true;

    fn header<'a>(&self, line: &'a [u8]) -> Option<Header<'a>> {
        // Every time begins with a digit, every level with one of few letters: most lines that are no
        // header are told by their first byte.
        let timed = line.first()?.is_ascii_digit();
        let layouts = if timed { TIMED } else { UNTIMED };
        layouts.iter().find_map(|layout| {
            let mut cursor = Cursor::new(line);
            let stamp = layout(&mut cursor)?;
            let (level, message) = levelled(cursor.rest())?;
            Some(Header { stamp, level: Some(level), message })
        })
    }
}

/// Level and message of ` ERROR ~ message`. log4j2 may name the thread, in brackets before the level.
fn levelled(text: &[u8]) -> Option<(Level, &[u8])> {
    let rest = without_thread(text.trim_ascii_start());
    let (word, level) = LOG4J.iter().find(|(word, _)| rest.starts_with(word.as_bytes()))?;
    let rest = rest.get(word.len()..)?;
    let rest = without_thread(rest.trim_ascii_start()).strip_prefix(b"~")?;
    Some((*level, rest.strip_prefix(b" ").unwrap_or(rest)))
}

fn without_thread(text: &[u8]) -> &[u8] {
    let within = text.get(..THREAD_BYTES_MAX).unwrap_or(text);
    let end = within.strip_prefix(b"[").and_then(|name| memchr::memchr(b']', name));
    end.and_then(|end| text.get(end + 2..)).map_or(text, <[u8]>::trim_ascii_start)
}

/// Reads a time from the beginning of a line.
type Layout = fn(&mut Cursor<'_>) -> Option<Stamp>;

/// Ways to write it, tried in this order: `%d{ISO8601}`, `%d{DATE}`, `%d{ddMMyy HH:mm:ss}`, `%d{ABSOLUTE}`.
const TIMED: &[Layout] = &[
    |cursor| {
        let date = cursor.iso_date()?;
        cursor.any_of(b" T")?;
        Some(Stamp::Local(date.to_datetime(cursor.time_of_day(true)?)))
    },
    |cursor| {
        let date = cursor.named_date()?;
        cursor.any_of(b" ")?;
        Some(Stamp::Local(date.to_datetime(cursor.time_of_day(true)?)))
    },
    |cursor| {
        let date = cursor.short_date()?;
        cursor.any_of(b" ")?;
        Some(Stamp::Local(date.to_datetime(cursor.time_of_day(true)?)))
    },
    |cursor| cursor.time_of_day(true).map(Stamp::TimeOnly),
];

/// A line that bears no time.
const UNTIMED: &[Layout] = &[|_| Some(Stamp::None)];

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::*;
    use crate::{
        entry::{EventTime, Severity},
        parse::{CONTINUATION, ENTRY_BYTES_MAX, ENTRY_LINES_MAX, Parsed, Said, samples::read_in},
    };

    const NOW: &str = "2026-11-21T07:00:00Z";

    fn parse(log: &str) -> Vec<Parsed<'static>> {
        let now = NOW.parse::<Timestamp>().unwrap().as_millisecond();
        let zone = TimeZone::get("Asia/Jakarta").unwrap();
        read_in(&FORMAT, None, zone, log.as_bytes(), now)
    }

    #[test]
    fn every_layout_gives_the_time_it_can() {
        for (line, at, estimated) in [
            ("2026-11-21 13:03:05,123 ERROR ~ x", "2026-11-21T06:03:05.123Z", false),
            ("21 Nov 2026 13:03:05,123 ERROR ~ x", "2026-11-21T06:03:05.123Z", false),
            ("01 Okt 2026 13:03:05,123 ERROR ~ x", "2026-10-01T06:03:05.123Z", false),
            ("211126 13:03:05 ERROR ~ x", "2026-11-21T06:03:05Z", false),
            ("13:03:05,123 ERROR ~ x", "2026-11-21T06:03:05.123Z", true),
            ("13:03:05,123 [play-thread-1] ERROR ~ x", "2026-11-21T06:03:05.123Z", true),
            (
                "2026-11-21T13:03:05,123 ERROR [jobs thread 2] ~ x",
                "2026-11-21T06:03:05.123Z",
                false,
            ),
            ("23:32:28,792 ERROR ~ x", "2026-11-20T16:32:28.792Z", true),
            ("ERROR ~ x", NOW, true),
        ] {
            let parsed = parse(line);
            let ms = at.parse::<Timestamp>().unwrap().as_millisecond();
            assert_eq!(parsed[0].at, Some(EventTime { ms, estimated }), "{line}");
            assert!(matches!(&parsed[0].said, Said::Application(f) if f.block == "x"), "{line}");
        }
    }

    #[test]
    fn a_block_reaches_to_the_next_header_and_gives_its_error_id() {
        let log = "13:03:05,123 ERROR ~ \n\n@6f02fa9dd\nInternal Server Error (500) for request GET /\n\nOops\n\tat a.B.c(D.java:1)\n13:03:06,000 INFO  ~ selesai\n";
        let parsed = parse(log);
        assert_eq!(parsed.iter().map(|p| p.lines).collect::<Vec<_>>(), [7, 1]);
        let Said::Application(failure) = &parsed[0].said else { panic!("{parsed:?}") };
        assert_eq!(failure.error_ids, ["@6f02fa9dd"]);
        assert_eq!(failure.head, "13:03:05,123 ERROR ~ ");
        assert_eq!(parsed[1].said, Said::Ignored("info"));
    }

    #[test]
    fn each_level_has_its_fate() {
        for (level, severity) in
            [("WARN ", Severity::Warning), ("ERROR", Severity::Error), ("FATAL", Severity::Fatal)]
        {
            let parsed = parse(&format!("{level} ~ x\n"));
            assert!(matches!(&parsed[0].said, Said::Application(f) if f.severity == severity));
        }
        for (level, rule) in [("INFO ", "info"), ("DEBUG", "debug"), ("TRACE", "trace")] {
            assert_eq!(parse(&format!("{level} ~ x\n"))[0].said, Said::Ignored(rule));
        }
    }

    #[test]
    fn the_rest_of_an_entry_is_told_apart_from_what_is_no_play_log() {
        let parsed = parse("\tat a.B.c(D.java:1)\n\nroot:x:0:0\nERROR ~ x\n");
        let fates: Vec<_> = parsed.iter().map(|p| (p.lines, p.said.clone())).take(2).collect();
        assert_eq!(fates, [(2, Said::Ignored(CONTINUATION)), (1, Said::Unparsed)]);
    }

    #[test]
    fn a_huge_entry_is_cut_but_its_lines_are_counted() {
        let log = format!("ERROR ~ x\n{}", "\tat a.B.c(D.java:1)\n".repeat(9_000));
        let parsed = parse(&log);
        assert_eq!((parsed.len(), parsed[0].lines), (1, 9_001));
        assert!(
            matches!(&parsed[0].said, Said::Application(f) if f.block.len() <= ENTRY_BYTES_MAX)
        );
    }

    #[test]
    fn an_entry_without_end_is_closed() {
        let log = format!("ERROR ~ x\n{}", "\tx\n".repeat(15_000));
        let lines: Vec<_> = parse(&log).iter().map(|p| p.lines).collect();
        assert_eq!(lines, [ENTRY_LINES_MAX, 15_001 - ENTRY_LINES_MAX]);
    }

    fn fates(log: &str) -> Vec<(u64, &'static str)> {
        let name = |parsed: &Parsed<'_>| match &parsed.said {
            Said::Application(_) => "failure",
            Said::Ignored(rule) => *rule,
            _ => "unparsed",
        };
        parse(log).iter().map(|parsed| (parsed.lines, name(parsed))).collect()
    }

    const BLOCK: &str = "13:03:05,123 ERROR ~ \n\n@6f02fa9dd\nOops\n\nplay.exceptions.JavaExecutionException: x\n\tat play.A.b(A.java:1)\nCaused by: java.io.IOException: x\n\tat a.B.c(B.java:1)\n\t... 3 more\n";

    #[test]
    fn a_trace_logged_again_right_after_its_block_counts_once() {
        let again = "java.io.IOException: x\n\tat a.B.c(B.java:1)\n\tat a.D.e(D.java:2)\n";
        for (second, expected) in [
            (BLOCK.to_owned(), &[(20, "failure")][..]),
            (format!("13:03:05,300 ERROR ~ gagal\n{again}"), &[(14, "failure")]),
            (format!("13:03:07,300 ERROR ~ gagal\n{again}"), &[(10, "failure"), (4, "failure")]),
            (BLOCK.replace("9dd", "9de"), &[(10, "failure"), (10, "failure")]),
            (
                format!("13:03:05,300 INFO  ~ a\n13:03:05,300 ERROR ~ gagal\n{again}"),
                &[(10, "failure"), (1, "info"), (4, "failure")],
            ),
        ] {
            let log = format!("{BLOCK}{second}13:03:08,000 INFO  ~ b\n");
            let mut expected = expected.to_vec();
            expected.push((1, "info"));
            assert_eq!(fates(&log), expected, "{log}");
        }
    }

    #[test]
    fn a_block_waits_for_no_more_than_the_next_entry() {
        let mut parser = Entries::new(Play, TimeZone::UTC);
        let mut told = 0;
        for line in format!("{BLOCK}13:03:06,000 INFO  ~ a").lines() {
            let line = crate::parse::Line { bytes: line.as_bytes(), end: 1, now_ms: 0 };
            crate::parse::Parser::line(&mut parser, line, &mut |_| told += 1);
        }
        assert_eq!(told, 1);
    }

    #[test]
    fn a_trace_printed_to_standard_output_is_an_entry_of_its_own() {
        let trace = "java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)\nCaused by: a.BException\n\t... 1 more\n";
        let log = format!(
            "13:03:05,123 INFO  ~ a\n{trace}{trace}~ Listening for HTTP\n13:03:06,123 INFO  ~ b\nException in thread \"main\" java.lang.Error: x\n"
        );
        assert_eq!(
            fates(&log),
            [(1, "info"), (4, "failure"), (5, "failure"), (1, "info"), (1, "failure")]
        );
    }

    #[test]
    fn the_end_of_a_trace_whose_beginning_was_truncated_is_no_error() {
        assert_eq!(
            fates("Caused by: a.BException: x\n\tat a.B.c(B.java:1)\n13:03:06,123 INFO  ~ b\n"),
            [(2, CONTINUATION), (1, "info")]
        );
    }
}
