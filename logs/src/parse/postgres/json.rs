//! `log_destination = jsonlog` (15 and newer): a record is one line. And the same records, or lines of
//! stderr, in the envelopes of managed services:
//! - CloudNativePG writes the columns of csvlog as `record` of its own line;
//! - Google Cloud SQL, container runtimes: a line of stderr as `textPayload`, `message` of `jsonPayload`,
//!   or `log`.

use super::{
    super::{Extent, Fit, Line, Out, Parser, Said, estimate, time::Clock},
    record::{Head, Record},
    stderr::Stderr,
};
use crate::{
    entry::EventTime,
    format::{Format, Layout},
};

mod scan;

use scan::{Found, Text};

/// See the module.
pub const FORMAT: Format = Format {
    name: "postgres-json",
    about: "PostgreSQL, log_destination = jsonlog, and managed services' envelopes",
    layout: None,
    check_layout: None,
    of_cluster: true,
    in_pieces: true,
    specificity: 95,
    open: |layout| Box::new(Json::new(layout)),
};

/// What the operator of a cluster says of itself.
const OPERATOR: &str = "operator message";

/// The reader of one log.
#[derive(Debug)]
struct Json {
    clock: Clock,
    record: Record,
    neighbour: Option<EventTime>,
    /// Reads lines of stderr in envelopes.
    stderr: Stderr,
    /// Such a line without its escapes.
    payload: Vec<u8>,
}

impl Json {
    fn new(layout: &Layout) -> Json {
        Json {
            clock: Clock::new(layout.zone.clone()),
            record: Record::default(),
            neighbour: None,
            stderr: Stderr::new(layout),
            payload: Vec::new(),
        }
    }

    fn record(&mut self, found: &Found<'_>, line: Line<'_>, out: &mut Out<'_>) {
        let at = self.clock.read(found.time.raw);
        let at = at.unwrap_or_else(|| estimate(self.neighbour, line.now_ms));
        self.neighbour = Some(at);
        fill(&mut self.record, found);
        out(Extent::new(line.end, Some(at)).parsed(self.record.said()));
    }

    fn payload(&mut self, text: Text<'_>, line: Line<'_>, out: &mut Out<'_>) {
        self.payload.clear();
        text.write(|bytes| self.payload.extend_from_slice(bytes));
        self.stderr.payload(Line { bytes: self.payload.trim_ascii_end(), ..line }, out);
    }
}

/// Makes the record of what was found.
fn fill(record: &mut Record, found: &Found<'_>) {
    let head = Head { sqlstate: found.sqlstate.raw, ..Head::default() };
    let Some(label) = found.label() else { return };
    record.begin(&head, label, b"");
    found.message.write(|bytes| record.more(bytes));
    found.database.write(|bytes| record.more_database(bytes));
    found.application.write(|bytes| record.more_application(bytes));
    for (label, text) in found.parts() {
        if !text.raw.is_empty() {
            record.part(label, b"");
            text.write(|bytes| record.more(bytes));
        }
    }
}

impl Parser for Json {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let found = scan::read(line.bytes);
        if let Some(text) = found.payload().filter(|_| found.label().is_none()) {
            return self.payload(text, line, out);
        }
        self.stderr.finish(out);
        if found.is_record() {
            return self.record(&found, line, out);
        }
        let said = if found.is_operator() { Said::Ignored(OPERATOR) } else { Said::Unparsed };
        out(Extent::new(line.end, None).parsed(said));
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.stderr.finish(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        let found = scan::read(bytes);
        match found.payload().filter(|_| found.label().is_none()) {
            Some(text) => {
                let mut payload = Vec::new();
                text.write(|bytes| payload.extend_from_slice(bytes));
                self.stderr.fit(first_line(&payload))
            }
            None if found.is_record() => Fit::Begins,
            None => Fit::Foreign,
        }
    }
}

/// Text up to its first line break.
fn first_line(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
