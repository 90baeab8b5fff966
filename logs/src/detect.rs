//! What a file is: sample lines in, ranked formats out, each with how sure it is and why. Pure. Every format
//! takes part by what its reader makes of the lines ([`Parser::fit`] and what it tells); nothing here knows
//! a format by name but the hints of file names, which only break ties.

use std::cmp::Reverse;

use jiff::tz::TimeZone;

use crate::{
    format::{FORMATS, Format, Layout, LayoutKind},
    parse::{CONTINUATION, Fit, Line, Parser, Said},
};

mod prefix;
mod say;

/// So much of each end of a file is looked at.
pub const SAMPLE_BYTES_MAX: usize = 256 * 1024;
/// So many lines of each end.
pub const SAMPLE_LINES_MAX: usize = 2_000;
/// From this confidence on a file counts as recognised.
pub const RECOGNISED_MIN: u8 = 40;

/// The fallback is never surer than this: it reads anything.
const FALLBACK_MAX: u64 = 20;
/// So many entries are full evidence; of fewer, one says [`EVIDENCE_LEAST`] percent and each further one a
/// part of the rest.
const EVIDENCE_ENTRIES: u64 = 20;
const EVIDENCE_LEAST: u64 = 60;
/// A format that makes less than this of the lines is none, permille.
const UNDERSTOOD_MIN: u64 = 50;
/// So many formats are told.
const CANDIDATES_MAX: usize = 5;
/// A second format is told from so many lines, and this share, permille.
const MIXED_LINES_MIN: usize = 3;
const MIXED_SHARE_MIN: usize = 50;
/// From this share of control characters on it is no text, permille. A log can hold a hole of NULs after a
/// power cut.
const CONTROL_SHARE_MAX: usize = 300;

/// Parts of file names, lower case, and the beginning of the formats that they speak for.
#[rustfmt::skip]
const NAME_HINTS: &[(&str, &str)] = &[
    ("postgresql", "postgres"), ("pgbouncer", "pgbouncer"), ("spse", "play"), ("application.log", "play"),
    ("system.out", "play"), ("catalina", "tomcat"), ("localhost.", "tomcat"), ("access", "access"),
    ("error.log", "nginx"), ("error_log", "apache"), ("modsec", "mod"), ("messages", "syslog"),
    ("syslog", "syslog"), ("secure", "syslog"), ("auth.log", "syslog"), ("maillog", "syslog"),
    ("mail.log", "syslog"), ("kern.log", "syslog"), ("journal", "journal"), (".json", "json"),
];

/// Ends of a file.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Its name without folder, without the ending of a compressed file; or empty.
    pub name: &'a str,
    /// From its beginning on, at most [`SAMPLE_BYTES_MAX`].
    pub begin: &'a [u8],
    /// Up to its end, from the middle of a line on; empty where `begin` is the whole file.
    pub end: &'a [u8],
}

/// What a file is.
#[derive(Clone, Debug, PartialEq)]
pub enum Detected {
    /// No line yet.
    Empty,
    /// No text, and why.
    Binary(&'static str),
    /// Text.
    Text(Ranked),
}

/// The formats that a text may be of.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// The surest first.
    pub candidates: Vec<Candidate>,
    /// Lines of another format in the same file, and how many of those looked at.
    pub mixed: Option<(&'static Format, usize)>,
    /// Lines looked at.
    pub lines: usize,
}

/// A format that a text may be of.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The format.
    pub format: &'static Format,
    /// 0 to 100.
    pub confidence: u8,
    /// One sentence with the figures.
    pub why: String,
    /// How it is written in particular, as far as the lines tell.
    pub layout: Option<String>,
}

impl Ranked {
    /// The surest, if it is sure enough.
    pub fn recognised(&self) -> Option<&Candidate> {
        self.candidates.first().filter(|best| best.confidence >= RECOGNISED_MIN)
    }
}

/// Looks at a file. `now_ms`: UTC milliseconds, for lines without a date.
pub fn detect(sample: &Sample<'_>, now_ms: i64) -> Detected {
    if let Some(why) = no_text(sample.begin) {
        return Detected::Binary(why);
    }
    let pieces = [whole_lines(sample.begin, false), whole_lines(sample.end, true)];
    let lines: usize = pieces.iter().map(Vec::len).sum();
    if lines == 0 {
        return Detected::Empty;
    }
    let mut weighed: Vec<_> = FORMATS.iter().map(|f| Weighed::new(f, &pieces, now_ms)).collect();
    let name = sample.name.to_ascii_lowercase();
    weighed.sort_by_key(|one| Reverse((one.confidence(), one.format.is_hinted_by(&name))));
    let mixed = weighed.first().and_then(|best| best.mixed_with(&weighed));
    let likely = weighed.iter().filter(|one| one.understood() >= UNDERSTOOD_MIN);
    let candidates = likely.take(CANDIDATES_MAX).map(|one| one.candidate(&pieces)).collect();
    Detected::Text(Ranked { candidates, mixed, lines })
}

/// Why it is no text.
fn no_text(begin: &[u8]) -> Option<&'static str> {
    if begin.starts_with(b"\xff\xfe") || begin.starts_with(b"\xfe\xff") {
        return Some("UTF-16 text: write this log as UTF-8");
    }
    let is_control = |byte: &&u8| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127);
    let controls = begin.iter().filter(is_control).count();
    (controls * 1_000 > begin.len() * CONTROL_SHARE_MAX).then_some("binary: no lines of text")
}

/// The lines of a piece without the one that it may begin or end within.
fn whole_lines(piece: &[u8], from_middle: bool) -> Vec<&[u8]> {
    let piece = piece.get(..SAMPLE_BYTES_MAX).unwrap_or(piece);
    let cut = piece.len() == SAMPLE_BYTES_MAX && !piece.ends_with(b"\n") && !from_middle;
    let mut lines: Vec<_> = piece.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) || cut && lines.len() > 1 {
        lines.pop();
    }
    let lines = lines.into_iter().skip(usize::from(from_middle));
    let plain = |line: &'_ [u8]| line.len() - usize::from(line.ends_with(b"\r"));
    lines.take(SAMPLE_LINES_MAX).map(|line| line.get(..plain(line)).unwrap_or(line)).collect()
}

/// What a format makes of the lines.
struct Weighed {
    format: &'static Format,
    fits: Vec<Fit>,
    /// Lines of entries whose beginning was read and understood.
    told: u64,
    /// Lines of entries not understood.
    unparsed: u64,
}

impl Weighed {
    fn new(format: &'static Format, pieces: &[Vec<&[u8]>], now_ms: i64) -> Weighed {
        let mut weighed = Weighed { format, fits: Vec::new(), told: 0, unparsed: 0 };
        for lines in pieces {
            let mut parser = (format.open)(&Layout { text: None, zone: TimeZone::UTC });
            weighed.fits.extend(lines.iter().map(|line| parser.fit(line)));
            weighed.read(parser.as_mut(), lines, now_ms);
        }
        weighed
    }

    fn read(&mut self, parser: &mut dyn Parser, lines: &[&[u8]], now_ms: i64) {
        let Weighed { told, unparsed, .. } = self;
        let mut out = |parsed: crate::parse::Parsed<'_>| match parsed.said {
            Said::Unparsed => *unparsed += parsed.lines,
            Said::Ignored(CONTINUATION) => {}
            _ => *told += parsed.lines,
        };
        let mut end = 0;
        for bytes in lines {
            end += bytes.len() as u64 + 1;
            parser.line(Line { bytes, end, now_ms }, &mut out);
        }
        parser.finish(&mut out);
    }

    fn count(&self, fit: Fit) -> u64 {
        self.fits.iter().filter(|one| **one == fit).count() as u64
    }

    /// Permille of the lines. A line that does not look like the format, but was taken into an entry
    /// (a message can have several lines), counts half: such entries take up anything.
    fn understood(&self) -> u64 {
        let taken = self.count(Fit::Foreign).saturating_sub(self.unparsed);
        let halves = (2 * self.told).saturating_sub(taken);
        if self.count(Fit::Begins) == 0 { 0 } else { halves * 500 / self.fits.len().max(1) as u64 }
    }

    /// How much is understood, how little else is written like it, how many entries show it.
    fn confidence(&self) -> u64 {
        let specific = 100 + u64::from(self.format.specificity);
        let entries = self.count(Fit::Begins).min(EVIDENCE_ENTRIES);
        let evidence = EVIDENCE_LEAST + (100 - EVIDENCE_LEAST) * entries / EVIDENCE_ENTRIES;
        let percent = self.understood() * specific * evidence / 200 / 1_000;
        if self.format.specificity == 0 { percent.min(FALLBACK_MAX) } else { percent }
    }

    /// The format that has the most of what this one does not have.
    fn mixed_with(&self, all: &[Weighed]) -> Option<(&'static Format, usize)> {
        let others = all.iter().filter(|o| o.format != self.format && o.format.specificity > 0);
        let most = others.map(|other| {
            let pairs = self.fits.iter().zip(&other.fits);
            let lines = pairs.filter(|(own, fit)| **own == Fit::Foreign && **fit == Fit::Begins);
            (lines.count(), other.format)
        });
        let (lines, format) = most.max_by_key(|(lines, format)| (*lines, format.specificity))?;
        let is_much = lines * 1_000 >= self.fits.len() * MIXED_SHARE_MIN;
        (lines >= MIXED_LINES_MIN && is_much && self.format.specificity > 0)
            .then_some((format, lines))
    }

    fn candidate(&self, pieces: &[Vec<&[u8]>]) -> Candidate {
        let layout = match self.format.layout {
            Some(LayoutKind::Prefix) => prefix::found(pieces.iter().flatten().copied()),
            Some(LayoutKind::Pattern) | None => None,
        };
        let confidence = u8::try_from(self.confidence()).unwrap_or(100);
        let why = say::why(self, layout.as_deref());
        Candidate { format: self.format, confidence, why, layout }
    }
}

impl Format {
    fn is_hinted_by(&self, name: &str) -> bool {
        let speaks =
            |(part, format): &&(&str, &str)| name.contains(part) && self.name.starts_with(format);
        NAME_HINTS.iter().any(|hint| speaks(&hint))
    }
}

#[cfg(test)]
mod tests;
