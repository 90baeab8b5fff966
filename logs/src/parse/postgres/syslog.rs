//! `log_destination = syslog`. Each line of an entry, and each 900 bytes of a longer one, is a line of its
//! own, `postgres[812]: [5-2] …`: of the process's fifth entry the second piece. Those of several processes
//! are interleaved, so entries are held until no further piece of them can come, and those that overlap are
//! told together.
//!
//! A process writes the pieces of an entry at once: one that has not gone on within [`PAUSE_LINES_MAX`] lines
//! is complete. So is one whose process begins another. Both depend on the lines alone; and as what is held
//! begins after the last end told, reading from there finds the same entries again.

use std::collections::VecDeque;

use super::{
    super::{CONTINUATION, Extent, Fit, Line, Out, Parser, Said, estimate, time::Clock},
    label::Label,
    prefix::{self, Prefix},
    record::{Head, Record},
    shape,
};
use crate::{
    entry::EventTime,
    format::{Format, Layout, LayoutKind},
};

mod envelope;

use envelope::{Calendar, Envelope};

/// See the module.
pub const FORMAT: Format = Format {
    name: "postgres-syslog",
    about: "PostgreSQL, log_destination = syslog, as rsyslog writes it",
    layout: Some(LayoutKind::Prefix),
    check_layout: Some(prefix::check),
    of_cluster: true,
    // A piece might begin amid entries that overlap.
    in_pieces: false,
    specificity: 95,
    open: |layout| Box::new(Syslog::new(layout)),
};

/// An entry that has not gone on within so many lines is complete.
const PAUSE_LINES_MAX: u64 = 64;

/// Lines over which entries that overlap are held.
const HELD_LINES_MAX: u64 = 4_096;

/// Bytes of all entries that are held.
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// Records kept to use again.
const SPARE_MAX: usize = 128;

/// Rule for lines of other programs in the same file.
const OTHER_PROGRAM: &str = "other program";

/// The reader of one log.
#[derive(Debug)]
struct Syslog {
    prefix: Option<Prefix>,
    clock: Clock,
    calendar: Calendar,
    neighbour: Option<EventTime>,
    /// Lines read.
    lines: u64,
    /// In the order in which they begin.
    held: VecDeque<Held>,
    held_bytes: usize,
    /// Records to use again.
    spare: Vec<Record>,
    /// A line without its escapes.
    text: Vec<u8>,
}

/// An entry whose pieces may not all have come.
#[derive(Debug)]
struct Held {
    /// Its process and the number of its entry, where the lines tell.
    of: Option<(u64, Option<u64>)>,
    /// Its first and last line.
    first: u64,
    last: u64,
    extent: Extent,
    /// Its process has begun no other.
    is_latest: bool,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Entry(Record),
    Ignored(&'static str),
    Unparsed,
}

impl Held {
    fn is_open(&self, lines: u64) -> bool {
        self.is_latest && lines - self.last <= PAUSE_LINES_MAX
    }

    fn bytes(&self) -> usize {
        if let Body::Entry(record) = &self.body { record.bytes() } else { 0 }
    }
}

impl Syslog {
    fn new(layout: &Layout) -> Syslog {
        Syslog {
            prefix: layout.text.as_deref().and_then(Prefix::compile),
            clock: Clock::new(layout.zone.clone()),
            calendar: Calendar::new(layout.zone.clone()),
            neighbour: None,
            lines: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            spare: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Adds a piece to the entry it belongs to.
    fn go_on(&mut self, envelope: &Envelope<'_>, text: &[u8], end: u64) -> bool {
        let Syslog { prefix, lines, held, held_bytes, .. } = self;
        let of = Some((envelope.process, envelope.number));
        let latest = held.iter_mut().rev().find(|held| held.of == of && held.is_open(*lines));
        let Some(held) = latest else { return false };
        let is_further = match envelope.number {
            Some(_) => envelope.piece > 1,
            None => !begins(prefix.as_ref(), text),
        };
        let before = held.bytes();
        let Body::Entry(record) = &mut held.body else { return false };
        if !is_further || !held.extent.grow(end) {
            return false;
        }
        text.split(|byte| *byte == b'\n').for_each(|text| add(prefix.as_ref(), record, text));
        held.last = *lines;
        *held_bytes += held.bytes() - before;
        true
    }

    /// Begins an entry, or what cannot be one.
    fn begin(&mut self, envelope: &Envelope<'_>, text: &[u8], end: u64, now_ms: i64) {
        let mut texts = text.split(|byte| *byte == b'\n');
        let head = head(self.prefix.as_ref(), texts.next().unwrap_or_default());
        let (at, body) = match head {
            Some((head, label, message)) if label.begins_entry() && envelope.piece <= 1 => {
                let at = self.time(&head, envelope, now_ms);
                let mut record = self.spare.pop().unwrap_or_default();
                record.begin(&head, label, message);
                texts.for_each(|text| add(self.prefix.as_ref(), &mut record, text));
                (Some(at), Body::Entry(record))
            }
            None if envelope.number.is_none() && !envelope.is_postgres() => {
                (None, Body::Ignored(OTHER_PROGRAM))
            }
            None if envelope.piece <= 1 && !text.starts_with(b"\t") => (None, Body::Unparsed),
            _ => (None, Body::Ignored(CONTINUATION)),
        };
        self.hold(Some((envelope.process, envelope.number)), Extent::new(end, at), body);
    }

    fn time(&mut self, head: &Head<'_>, envelope: &Envelope<'_>, now_ms: i64) -> EventTime {
        let stamp = envelope.stamp;
        let at = self.clock.read(head.time).or_else(|| match stamp.first() {
            Some(b'0'..=b'9') => self.clock.read(stamp),
            _ => self.calendar.read(stamp, now_ms),
        });
        let at = at.unwrap_or_else(|| estimate(self.neighbour, now_ms));
        self.neighbour = Some(at);
        at
    }

    fn hold(&mut self, of: Option<(u64, Option<u64>)>, extent: Extent, body: Body) {
        let is_latest = matches!(body, Body::Entry(_));
        let process = of.map(|(process, _)| process);
        let mut before = self.held.iter_mut().rev();
        let before = before.find(|held| held.is_latest && held.of.map(|of| of.0) == process);
        if let Some(before) = before.filter(|_| is_latest) {
            before.is_latest = false;
        }
        let (first, last) = (self.lines, self.lines);
        let held = Held { of, first, last, extent, is_latest, body };
        self.held_bytes += held.bytes();
        self.held.push_back(held);
    }

    /// Tells the entries that are complete, up to the first that overlaps one that is not.
    fn settle(&mut self, out: &mut Out<'_>) {
        while let Some(count) = self.complete() {
            self.tell(count, out);
        }
        let first = self.held.front().map_or(self.lines, |held| held.first);
        if self.lines - first >= HELD_LINES_MAX || self.held_bytes > HELD_BYTES_MAX {
            self.tell(self.held.len(), out);
        }
    }

    /// How many entries from the front overlap, if all of them are complete.
    fn complete(&self) -> Option<usize> {
        let mut last = self.held.front()?.last;
        for (count, held) in self.held.iter().enumerate() {
            if held.first > last {
                return Some(count);
            }
            if held.is_open(self.lines) {
                return None;
            }
            last = last.max(held.last);
        }
        Some(self.held.len())
    }

    /// Tells so many from the front, together.
    fn tell(&mut self, count: usize, out: &mut Out<'_>) {
        let end = self.held.iter().take(count).map(|held| held.extent.end).max();
        for held in self.held.drain(..count.min(self.held.len())) {
            self.held_bytes -= held.bytes();
            let extent = Extent { end: end.unwrap_or(held.extent.end), ..held.extent };
            match held.body {
                Body::Entry(record) => {
                    out(extent.parsed(record.said()));
                    self.spare.push(record);
                }
                Body::Ignored(rule) => out(extent.parsed(Said::Ignored(rule))),
                Body::Unparsed => out(extent.parsed(Said::Unparsed)),
            }
        }
        self.spare.truncate(SPARE_MAX);
    }
}

fn head<'a>(prefix: Option<&Prefix>, text: &'a [u8]) -> Option<(Head<'a>, Label, &'a [u8])> {
    prefix.and_then(|prefix| prefix.head(text)).or_else(|| shape::head(text))
}

fn begins(prefix: Option<&Prefix>, text: &[u8]) -> bool {
    head(prefix, text).is_some_and(|(_, label, _)| label.begins_entry())
}

/// Adds a further line or piece: a line begins with a tab or is a further part; else the line before was cut.
fn add(prefix: Option<&Prefix>, record: &mut Record, text: &[u8]) {
    if let Some(text) = text.strip_prefix(b"\t") {
        return record.append(text);
    }
    match head(prefix, text) {
        Some((_, label, text)) if !label.begins_entry() => record.part(label, text),
        _ => record.more(text),
    }
}

impl Parser for Syslog {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        self.lines += 1;
        match Envelope::read(line.bytes) {
            Some(envelope) => {
                let mut text = std::mem::take(&mut self.text);
                envelope.unescape(&mut text);
                if !self.go_on(&envelope, &text, line.end) {
                    self.begin(&envelope, &text, line.end, line.now_ms);
                }
                self.text = text;
            }
            None => self.hold(None, Extent::new(line.end, None), Body::Unparsed),
        }
        self.settle(out);
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.held.iter_mut().for_each(|held| held.is_latest = false);
        self.settle(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        let Some(envelope) = Envelope::read(bytes) else { return Fit::Foreign };
        let begins = begins(self.prefix.as_ref(), envelope.text) && envelope.piece <= 1;
        match begins {
            true => Fit::Begins,
            false if envelope.number.is_some() || envelope.is_postgres() => Fit::Belongs,
            false => Fit::Foreign,
        }
    }
}

#[cfg(test)]
mod tests;
