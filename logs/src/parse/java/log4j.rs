//! log4j 1, log4j2 and logback, Spring Boot's layouts among them: by a conversion pattern that is told, else
//! by the shape of each line.

use jiff::tz::TimeZone;

use super::{
    entries::{Entries, Header, Headers},
    pattern::Pattern,
    shape,
};
use crate::{
    format::{Format, Layout, LayoutKind},
    parse::Parser,
};

/// See the module.
pub const FORMAT: Format = Format {
    name: "log4j",
    about: "Java application with log4j, log4j2 or logback (Spring Boot among them), in any pattern",
    layout: Some(LayoutKind::Pattern),
    check_layout: Some(check),
    of_cluster: false,
    // A time of day gets its date from the entries before it.
    in_pieces: false,
    specificity: 60,
    open,
};

fn check(text: &str) -> Result<(), String> {
    let why = "is no conversion pattern: it writes no message (%m), or is too long";
    Pattern::compile(text).map(drop).ok_or_else(|| why.to_owned())
}

/// Its headers; without a pattern by their shape. A pattern that tells no message names no header: it is
/// as good as none.
struct Log4j {
    pattern: Option<Pattern>,
}

impl Headers for Log4j {
    // The level with which a trace was logged goes for the trace.
    const PRINTED_TRACES: bool = false;

    fn header<'a>(&self, line: &'a [u8]) -> Option<Header<'a>> {
        match &self.pattern {
            Some(pattern) => pattern.header(line),
            None => shape::header(line),
        }
    }
}

fn open(layout: &Layout) -> Box<dyn Parser> {
    let pattern = layout.text.as_deref().and_then(Pattern::compile);
    let told = pattern.as_ref().and_then(|pattern| pattern.zone());
    let zone: TimeZone = told.unwrap_or(&layout.zone).clone();
    Box::new(Entries::new(Log4j { pattern }, zone))
}
