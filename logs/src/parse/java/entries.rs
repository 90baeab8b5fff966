//! From lines to entries: a header, and everything up to the next one.
//!
//! A trace that is logged twice counts once: an entry that bears an error id is held until the one after
//! it is complete, and takes that one in if it repeats it (`repeat`). Where the log pauses between the
//! two, the first was told and the second counts by itself: nothing is held longer than the log moves.

use jiff::{civil::DateTime, tz::TimeZone};

use super::{
    super::{
        ApplicationFailure, CONTINUATION, ENTRY_LINES_MAX, Extent, Fit, Line, Out, Parser, Said,
        clean, estimate, keep, time::Zone,
    },
    level::Level,
    repeat::{self, error_ids},
    trace,
};
use crate::entry::{EventTime, Severity};

/// How a format begins its entries. Pure: a line is a header or not, whatever stands before it.
pub(super) trait Headers: Send {
    /// Where a trace without any header is one: on standard output, where programs print their traces.
    /// Elsewhere it belongs to the entry before it, whatever the level.
    const PRINTED_TRACES: bool;

    /// Reads a header.
    fn header<'a>(&self, line: &'a [u8]) -> Option<Header<'a>>;

    /// Reads the second line of a header that has two.
    fn second<'a>(&self, _line: &'a [u8]) -> Option<(Level, &'a [u8])> {
        None
    }

    /// Whether a line that is no header looks like the rest of an entry.
    fn rest(&self, line: &[u8]) -> bool {
        trace::is_rest(line)
    }
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub stamp: Stamp,
    /// `None`: the next line tells.
    pub level: Option<Level>,
    pub message: &'a [u8],
}

/// What a header says of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// A moment.
    At(EventTime),
    /// A time of the log's zone.
    Local(DateTime),
    /// The same without date.
    TimeOnly(jiff::civil::Time),
    /// It bears none.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Its texts are in the buffers.
    Failure(Severity),
    /// The same, of a trace without header.
    Printed {
        /// Its frames have begun: what looks like an exception from here on is another one.
        framed: bool,
    },
    /// Of no interest, by the named rule.
    Ignored(&'static str),
    /// Header whose second line has not come.
    Undecided,
    /// Lines of an entry whose beginning was not read.
    Stray,
    Unparsed,
}

/// A complete failure that the next one may repeat.
struct Held {
    extent: Extent,
    severity: Severity,
    error_ids: Vec<String>,
    texts: Texts,
}

/// What is kept of a failure.
#[derive(Debug, Default)]
struct Texts {
    /// Time and level.
    head: Vec<u8>,
    /// Message and what follows.
    block: Vec<u8>,
    kept: usize,
}

impl Texts {
    fn begin(&mut self, line: &[u8], message: &[u8]) {
        self.head.clear();
        self.head.extend_from_slice(line.strip_suffix(message).unwrap_or_default());
        self.block.clear();
        self.kept = 0;
        keep(&mut self.block, &mut self.kept, message);
    }

    fn add(&mut self, line: &[u8]) {
        keep(&mut self.block, &mut self.kept, b"\n");
        keep(&mut self.block, &mut self.kept, line);
    }

    fn failure(&self, severity: Severity, error_ids: Vec<String>) -> Said<'_> {
        let (head, block) = (clean(&self.head), clean(&self.block));
        Said::Application(ApplicationFailure { severity, head, block, error_ids })
    }
}

/// The reader of one log.
pub(super) struct Entries<H> {
    headers: H,
    zone: Zone,
    open: Option<(Extent, Body)>,
    texts: Texts,
    held: Option<Held>,
    /// Buffers to be used again.
    spare: Texts,
    neighbour: Option<EventTime>,
}

impl<H: Headers> Entries<H> {
    /// `zone`: of times that carry none.
    pub(super) fn new(headers: H, zone: TimeZone) -> Entries<H> {
        Entries {
            headers,
            zone: Zone::new(zone),
            open: None,
            texts: Texts::default(),
            held: None,
            spare: Texts::default(),
            neighbour: None,
        }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let Some((extent, body)) = self.open.take() else { return };
        let said = match body {
            Body::Failure(severity) => return self.close_failure(extent, severity, out),
            // Nobody gave it a level: what is printed so is an exception that was not handled.
            Body::Printed { .. } => return self.close_failure(extent, Severity::Error, out),
            Body::Ignored(rule) => Said::Ignored(rule),
            Body::Stray => Said::Ignored(CONTINUATION),
            Body::Undecided | Body::Unparsed => Said::Unparsed,
        };
        self.release(out);
        out(extent.parsed(said));
    }

    fn close_failure(&mut self, extent: Extent, severity: Severity, out: &mut Out<'_>) {
        let error_ids = error_ids(&self.texts.block);
        if let Some(held) = &mut self.held
            && held.extent.lines + extent.lines <= ENTRY_LINES_MAX
            && is_repeated(held, extent, &error_ids, &self.texts.block)
        {
            held.extent.lines += extent.lines;
            held.extent.end = extent.end;
            return;
        }
        self.release(out);
        if error_ids.is_empty() {
            return out(extent.parsed(self.texts.failure(severity, error_ids)));
        }
        let texts = std::mem::replace(&mut self.texts, std::mem::take(&mut self.spare));
        self.held = Some(Held { extent, severity, error_ids, texts });
    }

    /// Tells what was held.
    fn release(&mut self, out: &mut Out<'_>) {
        let Some(held) = self.held.take() else { return };
        out(held.extent.parsed(held.texts.failure(held.severity, held.error_ids)));
        self.spare = held.texts;
    }

    fn time(&mut self, stamp: Stamp, now_ms: i64) -> EventTime {
        let at = match stamp {
            Stamp::At(at) => Some(at),
            Stamp::Local(local) => {
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
    /// of an entry is told apart from what the format has not.
    fn further(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let Line { bytes, end, now_ms } = line;
        if self.belongs(bytes, end) {
            return;
        }
        self.close(out);
        let body = if self.headers.rest(bytes) {
            Body::Stray
        } else if trace::begins(bytes) {
            self.texts.begin(bytes, bytes);
            Body::Printed { framed: false }
        } else {
            Body::Unparsed
        };
        let at = matches!(body, Body::Printed { .. }).then(|| estimate(self.neighbour, now_ms));
        self.open = Some((Extent::new(end, at), body));
    }

    /// Takes a line into the open entry, if it belongs there.
    fn belongs(&mut self, bytes: &[u8], end: u64) -> bool {
        let Some((extent, body)) = &mut self.open else { return false };
        let belongs = match *body {
            Body::Failure(_) => true,
            Body::Printed { framed } => !(framed && trace::begins(bytes)),
            Body::Ignored(_) => !(H::PRINTED_TRACES && trace::begins(bytes)),
            Body::Undecided => true,
            Body::Stray => self.headers.rest(bytes),
            Body::Unparsed => !self.headers.rest(bytes) && !trace::begins(bytes),
        };
        if !belongs || !extent.grow(end) {
            return false;
        }
        match body {
            Body::Failure(_) => self.texts.add(bytes),
            Body::Printed { framed } => {
                *framed |= trace::is_frame(bytes);
                self.texts.add(bytes);
            }
            Body::Undecided => self.decide(bytes),
            Body::Ignored(_) | Body::Stray | Body::Unparsed => {}
        }
        true
    }

    /// The second line of a header.
    fn decide(&mut self, bytes: &[u8]) {
        let Some((level, message)) = self.headers.second(bytes) else { return };
        let head_end = bytes.strip_suffix(message).unwrap_or_default();
        self.texts.head.push(b'\n');
        self.texts.head.extend_from_slice(head_end);
        keep(&mut self.texts.block, &mut self.texts.kept, message);
        if let Some((_, body)) = &mut self.open {
            *body = level.map_or_else(Body::Ignored, Body::Failure);
        }
    }
}

/// Whether a failure says again what the one before it said.
fn is_repeated(held: &Held, extent: Extent, error_ids: &[String], block: &[u8]) -> bool {
    if !error_ids.is_empty() {
        return error_ids.iter().all(|id| held.error_ids.contains(id));
    }
    let apart = |a: EventTime, b: EventTime| a.ms.abs_diff(b.ms);
    held.extent.at.zip(extent.at).is_some_and(|(a, b)| apart(a, b) <= repeat::APART_MS_MAX)
        && repeat::root(block).is_some_and(|root| repeat::root(&held.texts.block) == Some(root))
}

impl<H: Headers> Parser for Entries<H> {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let Line { bytes, end, now_ms } = line;
        let Some(Header { stamp, level, message }) = self.headers.header(bytes) else {
            return self.further(line, out);
        };
        self.close(out);
        let at = self.time(stamp, now_ms);
        let body = match level {
            Some(level) => level.map_or_else(Body::Ignored, Body::Failure),
            None => Body::Undecided,
        };
        match body {
            Body::Ignored(_) => self.release(out),
            _ => self.texts.begin(bytes, message),
        }
        self.open = Some((Extent::new(end, Some(at)), body));
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.close(out);
        self.release(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        match self.headers.header(bytes) {
            Some(_) => Fit::Begins,
            None if self.headers.rest(bytes) => Fit::Belongs,
            None => Fit::Foreign,
        }
    }
}
