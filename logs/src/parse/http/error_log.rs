//! What the error logs of nginx and Apache have in common: an entry is a line with time and level, and the
//! lines without them that follow (what an application wrote to its standard error).

use jiff::{civil::DateTime, tz::TimeZone};

use super::{
    super::{Beside, BesideKind, Extent, Fit, Line, Out, Parser, Said, clean, keep, time::Zone},
    Level,
};
use crate::entry::{EventTime, Severity};

/// Stands in a message for the path of a file: a scanner asks for thousands that are not there.
const PATH: &str = "<path>";

/// What stands before a path that reaches to the end of a message of Apache (`core.c`, `mod_authz_core.c`,
/// `mod_cgi.c`): names of files may hold spaces and commas.
const BEFORE_LAST_PATH: &[&str] = &[
    "File does not exist: ",
    "client denied by server configuration: ",
    "script not found or unable to stat: ",
    "not found or unable to stat: ",
];

/// How one of the two writes.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// Reads the head of a line, if it has one.
    pub head: fn(&[u8]) -> Option<Head<'_>>,
    /// What an entry of a failure says.
    pub said: fn(Severity, &str) -> Said<'static>,
}

/// The beginning of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Local time of the server.
    pub local: DateTime,
    /// Its level.
    pub level: Level,
    /// What follows.
    pub message: &'a [u8],
}

/// The reader of one log.
#[derive(Debug)]
pub struct ErrorLog {
    writer: Writer,
    zone: Zone,
    open: Option<(Extent, Body)>,
    /// Message of the open entry and the lines after it.
    text: Vec<u8>,
    kept: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Failure(Severity),
    Ignored(&'static str),
    /// Lines before the first head.
    Unparsed,
}

impl ErrorLog {
    /// Reads what `writer` writes, in local times of `zone`.
    pub fn new(writer: Writer, zone: TimeZone) -> ErrorLog {
        ErrorLog { writer, zone: Zone::new(zone), open: None, text: Vec::new(), kept: 0 }
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let Some((extent, body)) = self.open.take() else { return };
        out(extent.parsed(match body {
            Body::Failure(severity) => (self.writer.said)(severity, &clean(&self.text)),
            Body::Ignored(rule) => Said::Ignored(rule),
            Body::Unparsed => Said::Unparsed,
        }));
    }

    fn further(&mut self, bytes: &[u8], end: u64, out: &mut Out<'_>) {
        if let Some((extent, body)) = &mut self.open
            && extent.grow(end)
        {
            if let Body::Failure(_) = body {
                keep(&mut self.text, &mut self.kept, b"\n");
                keep(&mut self.text, &mut self.kept, bytes);
            }
            return;
        }
        self.close(out);
        self.open = Some((Extent::new(end, None), Body::Unparsed));
    }
}

impl Parser for ErrorLog {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let Some(head) = (self.writer.head)(line.bytes) else {
            return self.further(line.bytes, line.end, out);
        };
        self.close(out);
        let at = self.zone.ms_of(head.local).map(|ms| EventTime { ms, estimated: false });
        let body = match head.level {
            Ok(severity) => {
                self.text.clear();
                self.kept = 0;
                keep(&mut self.text, &mut self.kept, head.message);
                Body::Failure(severity)
            }
            Err(rule) => Body::Ignored(rule),
        };
        self.open = Some((Extent::new(line.end, at), body));
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.close(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        if (self.writer.head)(bytes).is_some() { Fit::Begins } else { Fit::Foreign }
    }
}

/// Takes paths of files and addresses of pages out of a message, so that they do not name the group. What
/// stands between quotes is left: it is replaced later.
pub fn without_path(message: &str, beside: &mut Vec<Beside<'static>>) -> String {
    let mut out = String::with_capacity(message.len());
    let path_at = BEFORE_LAST_PATH.iter().find_map(|before| {
        let at = message.find(before)? + before.len();
        message.get(at..)?.starts_with('/').then_some(at)
    });
    let (message, last) =
        message.split_at_checked(path_at.unwrap_or(message.len())).unwrap_or((message, ""));
    for word in message.split_inclusive(char::is_whitespace) {
        let end = word.find(|c: char| c.is_whitespace() || c == '"');
        let (path, _) = word.split_at_checked(end.unwrap_or(word.len())).unwrap_or((word, ""));
        let path = path.trim_end_matches([':', '.', ')', ',']);
        let is_path = path.len() > 1 && path.starts_with('/') || path.contains("://");
        if !is_path {
            out.push_str(word);
            continue;
        }
        out.push_str(PATH);
        out.push_str(word.strip_prefix(path).unwrap_or_default());
        note_file(path, beside);
    }
    if !last.is_empty() {
        out.push_str(PATH);
        note_file(last, beside);
    }
    out
}

/// The first path of a message.
fn note_file(path: &str, beside: &mut Vec<Beside<'static>>) {
    if beside.iter().all(|one| one.name != "file") {
        let text = path.to_owned().into();
        beside.push(Beside { name: "file", kind: BesideKind::Path, text });
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::super::{super::samples::read_in, apache_error, nginx_error};

    fn line() -> impl Strategy<Value = String> {
        let known = prop::sample::select(vec![
            "2026/11/21 14:03:05 [error] 8#8: *7 open() \"/a\" failed, client: 10.1.2.3, server: _",
            "2026/11/21 14:03:05 [notice] 8#8: signal process started",
            "2026/11/31 14:03:05 [error] 8#8: x",
            "[Sat Nov 21 14:03:05.123456 2026] [proxy:error] [pid 8] [client 10.1.2.3:5] AH00957: x",
            "[Sat Nov 21 14:03:05 2026] [notice] x",
            "[Sat Nov 21 14:03:05 2026] [error",
            "\tat a.B.c(D.java:1)",
            "",
        ]);
        prop_oneof![known.prop_map(str::to_owned), "\\PC{0,40}"]
    }

    proptest! {
        #[test]
        fn every_line_has_one_fate_and_reading_resumes_after_any_entry(
            lines in prop::collection::vec(line(), 1..30), at in any::<prop::sample::Index>()
        ) {
            let log: String = lines.iter().map(|line| format!("{line}\n")).collect();
            for format in [&nginx_error::FORMAT, &apache_error::FORMAT] {
                let read = |log: &str| read_in(format, None, TimeZone::UTC, log.as_bytes(), 0);
                let whole = read(&log);
                let told: u64 = whole.iter().map(|parsed| parsed.lines).sum();
                prop_assert_eq!(told, lines.len() as u64);
                let stop = at.index(whole.len());
                let rest = read(&log[whole[stop].end as usize..]);
                prop_assert_eq!(rest.len(), whole.len() - stop - 1);
                for (again, first) in rest.iter().zip(&whole[stop + 1..]) {
                    prop_assert_eq!((again.lines, again.at, &again.said), (first.lines, first.at, &first.said));
                }
            }
        }
    }
}
