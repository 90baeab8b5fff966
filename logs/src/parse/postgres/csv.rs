//! `log_destination = csvlog`. A record runs over as many lines as its quoted fields have.
//!
//! Columns (documentation of version 18, "Using CSV-Format Log Output"): log_time, user_name,
//! database_name, process_id, connection_from, session_id, session_line_num, command_tag,
//! session_start_time, virtual_transaction_id, transaction_id, error_severity, sql_state_code, message,
//! detail, hint, internal_query, internal_query_pos, context, query, query_pos, location,
//! application_name (from 9.0), backend_type (13), leader_pid and query_id (14).

use memchr::memchr;

use super::{
    super::{CONTINUATION, Extent, Fit, Line, Out, Parser, Said, estimate, time::Clock},
    label::Label,
    prefix::time_length,
    record::{Head, Record},
};
use crate::{
    entry::EventTime,
    format::{Format, Layout},
};

/// See the module.
pub const FORMAT: Format = Format {
    name: "postgres-csv",
    about: "PostgreSQL, log_destination = csvlog",
    layout: None,
    check_layout: None,
    of_cluster: true,
    in_pieces: true,
    specificity: 95,
    open: |layout| Box::new(Csv::new(layout)),
};

/// Columns that a record may have: before 9.0, from 9.0, 13, 14.
const COLUMNS: &[usize] = &[22, 23, 24, 26];

/// The message's column, counted from 1.
const MESSAGE: usize = 14;
const APPLICATION: usize = 23;

/// Columns after the message that are kept.
const PARTS: &[(usize, Label)] = &[
    (15, Label::Detail),
    (16, Label::Hint),
    (17, Label::Query),
    (19, Label::Context),
    (20, Label::Statement),
];

/// The reader of one log.
#[derive(Debug)]
struct Csv {
    clock: Clock,
    record: Record,
    open: Option<(Extent, Fields)>,
    neighbour: Option<EventTime>,
}

impl Csv {
    fn new(layout: &Layout) -> Csv {
        Csv {
            clock: Clock::new(layout.zone.clone()),
            record: Record::default(),
            open: None,
            neighbour: None,
        }
    }

    fn begin(&mut self, (head, label, rest): (Head<'_>, Label, &[u8]), end: u64, now_ms: i64) {
        let at = self.clock.read(head.time).unwrap_or_else(|| estimate(self.neighbour, now_ms));
        self.neighbour = Some(at);
        self.record.begin(&head, label, b"");
        let mut fields = Fields { column: MESSAGE, is_quoted: false };
        fields.read(rest, &mut self.record);
        self.open = Some((Extent::new(end, Some(at)), fields));
    }

    /// A line within a quoted field; else one whose record's beginning was not read.
    fn further(&mut self, bytes: &[u8], end: u64, out: &mut Out<'_>) {
        if let Some((extent, fields)) = &mut self.open
            && extent.grow(end)
        {
            fields.put(b"\n", &mut self.record);
            fields.read(bytes, &mut self.record);
            return;
        }
        self.close(out);
        out(Extent::new(end, None).parsed(Said::Ignored(CONTINUATION)));
    }

    /// Tells the record if its last field has ended.
    fn close_ended(&mut self, out: &mut Out<'_>) {
        if self.open.is_some_and(|(_, fields)| !fields.is_quoted) {
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let Some((extent, fields)) = self.open.take() else { return };
        let is_whole = fields.is_quoted || COLUMNS.contains(&fields.column);
        out(extent.parsed(if is_whole { self.record.said() } else { Said::Unparsed }));
    }
}

impl Parser for Csv {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        match head(line.bytes) {
            Some(head) => {
                self.close(out);
                self.begin(head, line.end, line.now_ms);
            }
            None => self.further(line.bytes, line.end, out),
        }
        self.close_ended(out);
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.close(out);
    }

    /// A field may hold any line.
    fn fit(&self, bytes: &[u8]) -> Fit {
        if head(bytes).is_some() { Fit::Begins } else { Fit::Belongs }
    }
}

/// Head and label of a line that begins a record, and what stands from its message on.
///
/// No line within a field is taken for one, whatever its text, so a record that was never finished (the
/// server was killed) costs no other: within a field quotes are doubled, so a run of them is even unless it
/// ends the field, and then a comma or the end follows.
fn head(line: &[u8]) -> Option<(Head<'_>, Label, &[u8])> {
    let (time, rest) =
        line.split_at_checked(time_length(line)).filter(|(time, _)| !time.is_empty())?;
    let (_user, rest) = quoted(rest.strip_prefix(b",")?)?;
    let (database, rest) = quoted(rest)?;
    let (session, rest) = bare(rest)?;
    let (_client, rest) = quoted(rest)?;
    let rest = (0..2).try_fold(rest, |rest, _session_and_line| Some(bare(rest)?.1))?;
    let (_command, rest) = quoted(rest)?;
    let rest = (0..3).try_fold(rest, |rest, _start_and_transactions| Some(bare(rest)?.1))?;
    let (severity, rest) = bare(rest)?;
    let label = Label::of(severity).filter(|label| label.begins_entry())?;
    let (sqlstate, message) = bare(rest)?;
    let is_head = sqlstate.len() == 5 && session.iter().all(u8::is_ascii_digit);
    let head = Head { time, session, database, sqlstate, ..Head::default() };
    (is_head && begins_message(message)).then_some((head, label, message))
}

fn begins_message(field: &[u8]) -> bool {
    let quotes = field.iter().take_while(|byte| **byte == b'"').count();
    quotes % 2 == 1 && field.get(quotes).is_some_and(|byte| *byte != b',')
}

/// A field without quotes, and what stands after its comma.
fn bare(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b'"'))?;
    let rest = text.get(end..)?.strip_prefix(b",")?;
    Some((text.get(..end)?, rest))
}

/// A field with quotes or an empty one, and what stands after its comma. Quotes within it stay doubled.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(text) = text.strip_prefix(b"\"") else {
        return Some((&[], text.strip_prefix(b",")?));
    };
    let mut from = 0;
    loop {
        let end = from + memchr(b'"', text.get(from..)?)?;
        match text.get(end + 1) {
            Some(b'"') => from = end + 2,
            Some(b',') => return Some((text.get(..end)?, text.get(end + 2..)?)),
            _ => return None,
        }
    }
}

/// Where in a record reading is.
#[derive(Clone, Copy, Debug)]
struct Fields {
    /// Counted from 1.
    column: usize,
    /// Within quotes.
    is_quoted: bool,
}

impl Fields {
    /// Reads on; what is kept goes into the record.
    fn read(&mut self, mut rest: &[u8], record: &mut Record) {
        while let Some((first, after)) = rest.split_first() {
            rest = match first {
                _ if self.is_quoted => self.within(rest, record),
                b',' => {
                    self.column += 1;
                    after
                }
                b'"' => {
                    self.is_quoted = true;
                    if let Some((_, label)) = PARTS.iter().find(|(at, _)| *at == self.column) {
                        record.part(*label, b"");
                    }
                    after
                }
                _ => memchr(b',', rest).and_then(|at| rest.get(at..)).unwrap_or_default(),
            };
        }
    }

    /// Up to the next quote, and over it. A doubled one is one quote of the text.
    fn within<'a>(&mut self, text: &'a [u8], record: &mut Record) -> &'a [u8] {
        let Some(end) = memchr(b'"', text) else {
            self.put(text, record);
            return &[];
        };
        let rest = text.get(end + 1..).unwrap_or_default();
        match rest.strip_prefix(b"\"") {
            Some(rest) => {
                self.put(text.get(..=end).unwrap_or_default(), record);
                rest
            }
            None => {
                self.put(text.get(..end).unwrap_or_default(), record);
                self.is_quoted = false;
                rest
            }
        }
    }

    fn put(&self, text: &[u8], record: &mut Record) {
        match self.column {
            MESSAGE => record.more(text),
            APPLICATION => record.more_application(text),
            column if PARTS.iter().any(|(at, _)| *at == column) => record.more(text),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
