//! The text files of syslog: RFC 3164 (`Nov 21 14:03:05 host program[812]: message`, with or without year),
//! RFC 5424 (`<134>1 2026-11-21T14:03:05+07:00 host program 812 - - message`) and rsyslog's ISO stamps, with
//! or without `<PRI>`. One line is one entry; indented lines belong to the line before.

mod header;

pub(super) use header::Calendar;
use header::{Header, header};

use super::{
    Fit, Line, Out, Parser,
    held::{Body, Held},
    system::Told,
    time::Clock,
};
use crate::format::{Format, Layout};

/// See the module.
pub const FORMAT: Format = Format {
    name: "syslog",
    about: "syslog: /var/log/messages, syslog, secure, auth.log, maillog, cron, kern.log; RFC 3164 and 5424",
    layout: None,
    check_layout: None,
    of_cluster: false,
    in_pieces: true,
    specificity: 60,
    open: |layout| Box::new(Syslog::new(layout)),
};

/// The reader of one log.
#[derive(Debug)]
struct Syslog {
    clock: Clock,
    calendar: Calendar,
    held: Held,
}

impl Syslog {
    fn new(layout: &Layout) -> Syslog {
        Syslog {
            clock: Clock::new(layout.zone.clone()),
            calendar: Calendar::new(layout.zone.clone()),
            held: Held::default(),
        }
    }

    fn entry(&mut self, line: Line<'_>, header: &Header<'_>, out: &mut Out<'_>) {
        let at = match header.has_named_month {
            true => self.calendar.of(header.time, line.now_ms),
            false => self.clock.read(header.time),
        };
        let told = Told::new(header.program, header.priority, header.message);
        match told.meaning() {
            Err(rule) => self.held.begin(line, at, Body::Ignored(rule), out),
            Ok((severity, shown)) => {
                self.held.begin(line, at, Body::Failure(severity), out);
                if at.is_some() {
                    self.held.head(header.time);
                    self.held.head(b" ");
                }
                told.tell(shown, &mut self.held);
            }
        }
    }
}

fn is_further(line: &[u8]) -> bool {
    matches!(line.first(), None | Some(b' ' | b'\t'))
}

impl Parser for Syslog {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        if is_further(line.bytes) {
            return self.held.further(line.bytes, line.end, out);
        }
        match header(line.bytes) {
            Some(header) => self.entry(line, &header, out),
            None => self.held.begin(line, None, Body::Unparsed, out),
        }
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.held.close(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        match header(bytes) {
            Some(_) => Fit::Begins,
            None if is_further(bytes) => Fit::Belongs,
            None => Fit::Foreign,
        }
    }
}

#[cfg(test)]
mod tests;
