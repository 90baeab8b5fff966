//! Any text: the fallback, where nothing more particular is known. A line is an entry; indented lines and
//! those of a Java trace belong to the line before. Its time is what stands at the beginning and looks like
//! one, its severity the first word that is one (`words.rs`).

mod stamp;
mod words;

use stamp::Stamps;
pub(super) use words::severity;

use super::{
    Fit, Line, Out, Parser,
    held::{Body, Held},
};
use crate::format::{Format, Layout};

/// See the module.
pub const FORMAT: Format = Format {
    name: "plain",
    about: "any text, where nothing more particular is known: a line with a word of failure is an error",
    layout: None,
    check_layout: None,
    of_cluster: false,
    // A time of day gets its date from now.
    in_pieces: false,
    specificity: 0,
    open: |layout| Box::new(Plain::new(layout)),
};

/// Rule for lines without any sign of failure.
pub(super) const NO_SIGN: &str = "plain line";

/// Beginnings of lines that belong to the line before: indented ones, and a Java trace's.
const FURTHER: &[&[u8]] =
    &[b"\t", b" ", b"at ", b"Caused by:", b"Suppressed:", b"... ", b"}", b")"];

/// Whether a line belongs to the one before it.
pub(super) fn continues(line: &[u8]) -> bool {
    line.is_empty() || FURTHER.iter().any(|beginning| line.starts_with(beginning))
}

/// The reader of one log.
#[derive(Debug)]
struct Plain {
    stamps: Stamps,
    held: Held,
}

impl Plain {
    fn new(layout: &Layout) -> Plain {
        Plain { stamps: Stamps::new(layout.zone.clone()), held: Held::default() }
    }
}

impl Parser for Plain {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        if continues(line.bytes) {
            return self.held.further(line.bytes, line.end, out);
        }
        let stamp = self.stamps.read(line.bytes, line.now_ms);
        let (at, length) = stamp.map_or((None, 0), |stamp| (Some(stamp.at), stamp.length));
        let (head, text) = line.bytes.split_at_checked(length).unwrap_or((b"", line.bytes));
        let body = severity(text).map_or(Body::Ignored(NO_SIGN), Body::Failure);
        self.held.begin(line, at, body, out);
        if let Body::Failure(_) = body {
            self.held.head(head);
            self.held.text(text);
        }
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.held.close(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        if continues(bytes) { Fit::Belongs } else { Fit::Begins }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        entry::Severity,
        parse::{CONTINUATION, Parsed, Said, laws, samples::read_all},
    };

    fn parse(log: &str) -> Vec<Parsed<'static>> {
        read_all(&FORMAT, None, log, 1_795_305_600_000)
    }

    #[test]
    fn a_line_with_a_word_of_failure_and_its_trace_are_one_entry() {
        let log = "[2026-11-21 14:03:05] gagal menyimpan paket 7\njava.io.IOException: x\n\tat a.B.c(B.java:1)\nCaused by: a.b.C\n\nproses selesai\n";
        let parsed = parse(log);
        assert_eq!(parsed.iter().map(|p| p.lines).collect::<Vec<_>>(), [1, 4, 1]);
        let texts: Vec<_> = parsed
            .iter()
            .map(|p| match &p.said {
                Said::Application(f) => (f.severity, f.head.to_string(), f.block.to_string()),
                other => panic!("{other:?}"),
            })
            .take(1)
            .collect();
        assert_eq!(
            texts,
            [(
                Severity::Error,
                "[2026-11-21 14:03:05] ".to_owned(),
                "gagal menyimpan paket 7".to_owned()
            )]
        );
        assert!(
            matches!(&parsed[1].said, Said::Application(f) if f.block.ends_with("Caused by: a.b.C\n"))
        );
        assert_eq!(parsed[2].said, Said::Ignored(NO_SIGN));
    }

    #[test]
    fn what_begins_within_an_entry_is_told_as_such() {
        assert_eq!(parse("\tat a.B.c(B.java:1)\n")[0].said, Said::Ignored(CONTINUATION));
    }

    const LINES: &[&str] = &[
        "2026-11-21 14:03:05 ERROR x",
        "14:03:05,123 selesai",
        "  menjorok",
        "",
        "21/11/2026 14:03:05 gagal",
        "\u{1f600} GALAT",
    ];

    proptest! {
        #[test]
        fn no_bytes_stop_it_and_every_line_has_one_fate(log in laws::log(LINES)) {
            laws::hold(&FORMAT, &log);
        }
    }
}
