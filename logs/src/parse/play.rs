//! Play 1 application log (log4j and log4j2). An entry is a header `LEVEL ~ message`, with or without a
//! time before it, and everything up to the next header.

use jiff::civil::Time;

use super::{
    ApplicationFailure, CONTINUATION, Extent, Fit, Line, Out, Parser, Said, clean, estimate, keep,
    time::{Cursor, Zone},
};
use crate::{
    entry::{EventTime, Severity},
    format::{Format, Layout as Written},
};

/// See the module.
pub const FORMAT: Format = Format {
    name: "play",
    about: "Play 1 application (SPSE 4), log4j or log4j2 in the layouts LEVEL ~ message",
    layout: None,
    of_cluster: false,
    // A time of day gets its date from the entries before it.
    in_pieces: false,
    specificity: 80,
    open: |layout| Box::new(Play::new(layout)),
};

/// Error ids kept of one entry; an entry has one, nested causes rarely a second.
const ERROR_IDS_MAX: usize = 16;

/// The reader of one log.
#[derive(Debug)]
struct Play {
    zone: Zone,
    open: Option<(Extent, Body)>,
    /// Time and level of the open entry.
    head: Vec<u8>,
    /// Its message and what follows.
    block: Vec<u8>,
    kept: usize,
    neighbour: Option<EventTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Its texts are in the buffers.
    Failure(Severity),
    /// Of no interest, by the named rule.
    Ignored(&'static str),
    /// Lines of an entry whose beginning was not read.
    Stray,
    Unparsed,
}

/// What an entry of a level is: a failure so bad, or ignored by the named rule.
type Level = Result<Severity, &'static str>;

/// Levels of log4j.
const LEVELS: &[(&[u8], Level)] = &[
    (b"INFO", Err("info")),
    (b"DEBUG", Err("debug")),
    (b"ERROR", Ok(Severity::Error)),
    (b"WARN", Ok(Severity::Warning)),
    (b"FATAL", Ok(Severity::Fatal)),
    (b"TRACE", Err("trace")),
];

/// What a header says of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stamp {
    Full(jiff::civil::DateTime),
    TimeOnly(Time),
    None,
}

/// Reads a time from the beginning of a line.
type Layout = fn(&mut Cursor<'_>) -> Option<Stamp>;

/// Ways to write it, tried in this order: `%d{ISO8601}`, `%d{DATE}`, `%d{ddMMyy HH:mm:ss}`, `%d{ABSOLUTE}`.
const TIMED: &[Layout] = &[
    |cursor| {
        let date = cursor.iso_date()?;
        cursor.any_of(b" T")?;
        Some(Stamp::Full(date.to_datetime(cursor.time_of_day(true)?)))
    },
    |cursor| {
        let date = cursor.named_date()?;
        cursor.any_of(b" ")?;
        Some(Stamp::Full(date.to_datetime(cursor.time_of_day(true)?)))
    },
    |cursor| {
        let date = cursor.short_date()?;
        cursor.any_of(b" ")?;
        Some(Stamp::Full(date.to_datetime(cursor.time_of_day(true)?)))
    },
    |cursor| cursor.time_of_day(true).map(Stamp::TimeOnly),
];

/// A line that bears no time.
const UNTIMED: &[Layout] = &[|_| Some(Stamp::None)];

impl Play {
    fn new(written: &Written) -> Play {
        Play {
            zone: Zone::new(written.zone.clone()),
            open: None,
            head: Vec::new(),
            block: Vec::new(),
            kept: 0,
            neighbour: None,
        }
    }

    fn begin(&mut self, extent: Extent, body: Body, out: &mut Out<'_>) {
        self.close(out);
        self.open = Some((extent, body));
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let Some((extent, body)) = self.open.take() else { return };
        out(extent.parsed(match body {
            Body::Failure(severity) => self.failure(severity),
            Body::Ignored(rule) => Said::Ignored(rule),
            Body::Stray => Said::Ignored(CONTINUATION),
            Body::Unparsed => Said::Unparsed,
        }));
    }

    fn failure(&self, severity: Severity) -> Said<'_> {
        let block = clean(&self.block);
        let error_ids = error_ids(&block);
        Said::Application(ApplicationFailure {
            severity,
            head: clean(&self.head),
            block,
            error_ids,
        })
    }

    fn time(&mut self, stamp: Stamp, now_ms: i64) -> EventTime {
        let at = match stamp {
            Stamp::Full(local) => {
                self.zone.ms_of(local).map(|ms| EventTime { ms, estimated: false })
            }
            Stamp::TimeOnly(time) => self.zone.latest(time, now_ms),
            Stamp::None => None,
        };
        let at = at.unwrap_or_else(|| estimate(self.neighbour, now_ms));
        self.neighbour = Some(at);
        at
    }

    /// A line without header belongs to the entry before it. Where there is none, what looks like the rest
    /// of an entry is told apart from what is no Play log at all.
    fn further(&mut self, bytes: &[u8], end: u64, out: &mut Out<'_>) {
        let rest_of_entry = looks_like_rest(bytes);
        if let Some((extent, body)) = &mut self.open {
            let belongs = match body {
                Body::Failure(_) | Body::Ignored(_) => true,
                Body::Stray => rest_of_entry,
                Body::Unparsed => !rest_of_entry,
            };
            if belongs && extent.grow(end) {
                if let Body::Failure(_) = body {
                    keep(&mut self.block, &mut self.kept, b"\n");
                    keep(&mut self.block, &mut self.kept, bytes);
                }
                return;
            }
        }
        let body = if rest_of_entry { Body::Stray } else { Body::Unparsed };
        self.begin(Extent::new(end, None), body, out);
    }

    fn hold(&mut self, line: &[u8], message: &[u8]) {
        self.head.clear();
        self.head.extend_from_slice(line.strip_suffix(message).unwrap_or_default());
        self.block.clear();
        self.kept = 0;
        keep(&mut self.block, &mut self.kept, message);
    }
}

impl Parser for Play {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let Line { bytes, end, now_ms } = line;
        let Some((stamp, level, message)) = header(bytes) else {
            return self.further(bytes, end, out);
        };
        self.close(out);
        let at = self.time(stamp, now_ms);
        let body = match level {
            Ok(severity) => {
                self.hold(bytes, message);
                Body::Failure(severity)
            }
            Err(rule) => Body::Ignored(rule),
        };
        self.open = Some((Extent::new(end, Some(at)), body));
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.close(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        match header(bytes) {
            Some(_) => Fit::Begins,
            None if looks_like_rest(bytes) => Fit::Belongs,
            None => Fit::Foreign,
        }
    }
}

/// Time, level and message of a header line.
fn header(bytes: &[u8]) -> Option<(Stamp, Level, &[u8])> {
    // Every time begins with a digit, every level with one of few letters: most lines that are no header
    // are told by their first byte.
    let timed = bytes.first()?.is_ascii_digit();
    let layouts = if timed { TIMED } else { UNTIMED };
    layouts.iter().find_map(|layout| {
        let mut cursor = Cursor::new(bytes);
        let stamp = layout(&mut cursor)?;
        let rest = cursor.rest().trim_ascii_start();
        let (word, level) = LEVELS.iter().find(|(word, _)| rest.starts_with(word))?;
        let rest = rest.get(word.len()..)?.trim_ascii_start().strip_prefix(b"~")?;
        Some((stamp, *level, rest.strip_prefix(b" ").unwrap_or(rest)))
    })
}

/// Blank lines, error ids and the lines of a Java trace.
fn looks_like_rest(bytes: &[u8]) -> bool {
    let beginnings: &[&[u8]] = &[b"\t", b" ", b"at ", b"Caused by", b"...", b"@"];
    bytes.is_empty() || beginnings.iter().any(|beginning| bytes.starts_with(beginning))
}

/// Lines that are `@` and nine digits of base 26 (Play's own numbering of errors).
fn error_ids(block: &str) -> Vec<String> {
    if memchr::memchr(b'@', block.as_bytes()).is_none() {
        return Vec::new();
    }
    let is_id = |line: &&str| {
        let digits = line.strip_prefix('@').unwrap_or_default();
        digits.len() == 9 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'p'))
    };
    block.lines().map(str::trim).filter(is_id).take(ERROR_IDS_MAX).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::{
        super::{ENTRY_BYTES_MAX, ENTRY_LINES_MAX, Parsed, samples::read_in},
        *,
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
}
