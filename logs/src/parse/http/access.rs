//! Access log of nginx and Apache: one request a line. The layout is the pattern that the server's
//! configuration gives; without one it is found line by line among those that the servers bring along.
//!
//! A number at the end of a line in such a layout is how long the request took: with a fraction in seconds
//! (nginx `$request_time`), without one in microseconds (Apache `%D`).

use std::borrow::Cow;

use jiff::tz::TimeZone;
use memchr::memchr;

use super::{
    super::{Fit, Line, Out, Parsed, Parser, Request, Said, clean},
    pattern::{Fields, Pattern},
    unescape,
};
use crate::{
    entry::EventTime,
    format::{Format, Layout, LayoutKind},
};

mod times;

use times::Times;

/// See the module.
pub const FORMAT: Format = Format {
    name: "access",
    about: "nginx or Apache access log: common, combined, with virtual hosts, or by its pattern",
    layout: Some(LayoutKind::Pattern),
    check_layout: Some(|text| Pattern::compile(text).map(drop).map_err(|error| error.to_string())),
    of_cluster: false,
    in_pieces: true,
    specificity: 80,
    open: |layout| Box::new(Access::new(layout)),
};

/// Layouts that the servers' packages bring along, and those with a time behind, `%{any}T`. No line fits
/// two of them, so that what a line is depends on that line alone.
const SHAPES: &[&str] = &[
    // nginx and Apache: combined.
    r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
    // nginx of Red Hat's and nginx's own packages: main.
    r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" "%{X-Forwarded-For}i""#,
    // Apache: common; also the access log of Tomcat.
    r#"%h %l %u %t "%r" %>s %b"#,
    // Apache of Debian's packages: vhost_combined.
    r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#,
    r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %{any}T"#,
    r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" "%{X-Forwarded-For}i" %{any}T"#,
    r#"%h %l %u %t "%r" %>s %b %{any}T"#,
    r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i" %{any}T"#,
];

/// The reader of one log.
#[derive(Debug)]
struct Access {
    shapes: Vec<Shape>,
    /// The shape of the line before: the next line's, most likely.
    last: usize,
}

#[derive(Debug)]
struct Shape {
    pattern: Pattern,
    times: Times,
}

impl Access {
    /// A pattern that cannot be used is as none: settings are checked where they are read
    /// ([`Pattern::compile`] says why).
    fn new(layout: &Layout) -> Access {
        let shape = |pattern: Pattern, zone: &TimeZone| Shape {
            times: Times::new(&pattern, zone),
            pattern,
        };
        let written = layout.text.as_deref().and_then(|text| Pattern::compile(text).ok());
        let patterns = match written {
            Some(pattern) => vec![pattern],
            None => SHAPES.iter().filter_map(|text| Pattern::compile(text).ok()).collect(),
        };
        let shapes = patterns.into_iter().map(|pattern| shape(pattern, &layout.zone)).collect();
        Access { shapes, last: 0 }
    }

    fn said<'a>(&mut self, bytes: &'a [u8]) -> Option<(Option<EventTime>, Said<'a>)> {
        let mut fields = Fields::default();
        self.last = self.shape_of(bytes, &mut fields)?;
        let at = self.shapes.get_mut(self.last)?.times.read(fields.times())?;
        Some((at, Said::Requested(request(&fields))))
    }

    /// In which shape a line is, and what it says.
    fn shape_of<'a>(&self, line: &'a [u8], fields: &mut Fields<'a>) -> Option<usize> {
        let others = (0..self.shapes.len()).filter(|index| *index != self.last);
        let mut order = std::iter::once(self.last).chain(others);
        order.find(|index| {
            let shape = self.shapes.get(*index);
            shape.is_some_and(|shape| shape.pattern.read(line, fields).is_some())
        })
    }
}

impl Parser for Access {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let (at, said) = self.said(line.bytes).unwrap_or((None, Said::Unparsed));
        out(Parsed { lines: 1, end: line.end, at, said });
    }

    fn finish(&mut self, _: &mut Out<'_>) {}

    fn fit(&self, bytes: &[u8]) -> Fit {
        let mut fields = Fields::default();
        let shape = self.shape_of(bytes, &mut fields).and_then(|index| self.shapes.get(index));
        let found = shape.and_then(|shape| shape.times.clone().read(fields.times()));
        if found.is_some() { Fit::Begins } else { Fit::Foreign }
    }
}

fn request<'a>(fields: &Fields<'a>) -> Request<'a> {
    let client = if fields.forwarded.is_empty() { fields.client } else { fields.forwarded };
    Request {
        path: text(fields.target),
        status: fields.status,
        duration_us: fields.duration_us,
        bytes: fields.bytes.unwrap_or(0),
        // Compared and hashed, never shown.
        method: plain(fields.method),
        client: plain(client),
        agent: plain(fields.agent),
    }
}

fn text(written: &[u8]) -> Cow<'_, str> {
    match unescape(written) {
        Cow::Borrowed(plain) => clean(plain),
        Cow::Owned(plain) => Cow::Owned(clean(&plain).into_owned()),
    }
}

/// As [`text`], but with its control characters.
fn plain(written: &[u8]) -> Cow<'_, str> {
    if memchr(b'\\', written).is_none()
        && let Ok(text) = std::str::from_utf8(written)
    {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&unescape(written)).into_owned())
}

#[cfg(test)]
mod tests;
