//! mod_security 2 and libmodsecurity 3: what their rules found, in the lines they add to the error log of
//! the web server and in their serial audit log (`SecAuditLogType Serial`).
//!
//! The audit log has an entry per transaction, of sections: `--a1b2c3d4-A--` (`---a1b2c3d4---A--` in 3) and
//! so on to `-Z--`. Read are the time (A), the request line (B), the status (F) and the messages of the
//! rules (H); bodies (C, E, I) are never kept. A body may hold lines that look like a boundary: within one
//! only the entry's own boundary counts, which nobody outside knows beforehand.

use jiff::tz::TimeZone;
use memchr::memmem;

use super::{
    super::{
        Beside, BesideKind, CONTINUATION, Extent, Fit, Line, Out, Parser, Said, ServerFailure,
        clean, time::Clock,
    },
    closing_quote,
};
use crate::{entry::Severity, format::Format};

/// See the module.
pub const FORMAT: Format = Format {
    name: "mod-security",
    about: "mod_security serial audit log",
    layout: None,
    check_layout: None,
    of_cluster: false,
    // What looks like the beginning of an entry may stand within a body.
    in_pieces: false,
    specificity: 80,
    open: |layout| Box::new(Audit::new(layout.zone.clone())),
};

/// Rule of transactions in which no rule found anything (`SecAuditEngine On` writes all).
const NOTHING_FOUND: &str = "no rule matched";

/// Of a line that names a rule or a request, so much is kept.
const KEPT_BYTES_MAX: usize = 4_096;

/// A boundary has eight characters; others are no boundary.
const BOUNDARY_BYTES: usize = 8;

/// Numbers of rules have six or seven digits; longer ones are none.
const RULE_DIGITS_MAX: usize = 10;

/// What mod_security says in a line of an error log or of section H, if it is its line.
pub fn found(text: &str, mut beside: Vec<Beside<'static>>) -> Option<ServerFailure<'static>> {
    let (_, text) = text.split_once("ModSecurity: ")?;
    let severity = match text {
        text if text.starts_with("Access denied") => Severity::Error,
        text if text.starts_with("Warning") => Severity::Warning,
        _ => return None,
    };
    let rule = tag(text, "id").filter(|id| is_rule(id)).unwrap_or_default();
    let what = text.find([',', '.', '(', '[']).and_then(|end| text.get(..end)).unwrap_or(text);
    let message = tag(text, "msg").filter(|msg| !msg.is_empty()).unwrap_or(what.trim());
    if let Some(uri) = tag(text, "uri").filter(|_| beside.iter().all(|one| one.name != "request")) {
        beside.push(Beside { name: "uri", kind: BesideKind::Path, text: uri.to_owned().into() });
    }
    let (rule, message) = (rule.to_owned().into(), message.to_owned().into());
    Some(ServerFailure { severity, rule, message, beside })
}

fn is_rule(id: &str) -> bool {
    (1..=RULE_DIGITS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The value of `[name "value"]`.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (_, behind) = rest.split_once(name)?;
        let opened = text.get(..text.len() - behind.len() - name.len())?.ends_with('[');
        if let Some(value) = behind.strip_prefix(" \"").filter(|_| opened) {
            return value.get(..closing_quote(value.as_bytes())?);
        }
        rest = behind;
    }
}

/// The reader of one audit log.
#[derive(Debug)]
struct Audit {
    clock: Clock,
    open: Option<Open>,
    request: Vec<u8>,
    status: Vec<u8>,
    found: Vec<u8>,
}

/// An entry that is being read.
#[derive(Clone, Copy, Debug)]
struct Open {
    extent: Extent,
    boundary: [u8; BOUNDARY_BYTES],
    section: u8,
    /// Lines of the section read.
    line: u64,
}

impl Audit {
    fn new(zone: TimeZone) -> Audit {
        let (request, status, found) = (Vec::new(), Vec::new(), Vec::new());
        Audit { clock: Clock::new(zone), open: None, request, status, found }
    }

    fn begin(&mut self, boundary: [u8; BOUNDARY_BYTES], end: u64) {
        self.request.clear();
        self.status.clear();
        self.found.clear();
        self.open = Some(Open { extent: Extent::new(end, None), boundary, section: b'A', line: 0 });
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let Some(open) = self.open.take() else { return };
        out(open.extent.parsed(self.said()));
    }

    fn said(&self) -> Said<'static> {
        let beside = |name, kind, text: &[u8]| {
            let text = clean(text).into_owned().into();
            Beside { name, kind, text }
        };
        let mut all = vec![beside("request", BesideKind::Request, &self.request)];
        if !self.status.is_empty() {
            all.push(beside("status", BesideKind::Text, &self.status));
        }
        let text = format!("ModSecurity: {}", clean(&self.found));
        found(&text, all).map_or(Said::Ignored(NOTHING_FOUND), Said::Server)
    }

    /// A line of the open entry. `None` where there is no entry to take it.
    fn take(&mut self, bytes: &[u8], end: u64) -> Option<()> {
        let open = self.open.as_mut()?;
        open.extent.grow(end).then_some(())?;
        open.line += 1;
        match (open.section, open.line) {
            (b'A', 1) => open.extent.at = stamp(bytes).and_then(|text| self.clock.read(text)),
            (b'B', 1) => self.request = kept(bytes).to_vec(),
            (b'F', 1) => self.status = status(bytes).to_vec(),
            (b'H', _) => {
                let message = message(bytes).filter(|message| self.is_better(message));
                self.found =
                    message.map_or_else(|| std::mem::take(&mut self.found), <[u8]>::to_vec);
            }
            _ => {}
        }
        Some(())
    }

    /// The rule that refused the request names it; else the first that found something.
    fn is_better(&self, message: &[u8]) -> bool {
        let denies = |message: &[u8]| message.starts_with(b"Access denied");
        self.found.is_empty() || (denies(message) && !denies(&self.found))
    }

    /// A boundary of the open entry begins its next section.
    fn section(&mut self, section: u8, end: u64, out: &mut Out<'_>) -> Option<()> {
        let open = self.open.as_mut()?;
        open.extent.grow(end).then_some(())?;
        (open.section, open.line) = (section, 0);
        if section == b'Z' {
            self.close(out);
        }
        Some(())
    }
}

impl Parser for Audit {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        let Line { bytes, end, .. } = line;
        let own = self.open.map(|open| (open.boundary, open.section));
        let taken = match (boundary(bytes), own) {
            (Some((mark, section)), Some((own, _))) if mark == own && section != b'A' => {
                self.section(section, end, out)
            }
            (Some((_, b'A')), Some((_, b'C' | b'E' | b'I' | b'J'))) => self.take(bytes, end),
            (Some((mark, b'A')), _) => {
                self.close(out);
                self.begin(mark, end);
                return;
            }
            _ => self.take(bytes, end),
        };
        if taken.is_none() {
            self.close(out);
            let rest = bytes.is_empty() || boundary(bytes).is_some();
            let said = if rest { Said::Ignored(CONTINUATION) } else { Said::Unparsed };
            out(Extent::new(end, None).parsed(said));
        }
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.close(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        match boundary(bytes) {
            Some((_, b'A')) => Fit::Begins,
            Some(_) => Fit::Belongs,
            None if bytes.is_empty() || message(bytes).is_some() => Fit::Belongs,
            None => Fit::Foreign,
        }
    }
}

/// Mark and section of `--a1b2c3d4-A--` or `---a1b2c3d4---A--`.
fn boundary(bytes: &[u8]) -> Option<([u8; BOUNDARY_BYTES], u8)> {
    let rest = bytes.strip_prefix(b"--")?.strip_suffix(b"--")?;
    let (rest, separator) = match rest.strip_prefix(b"-") {
        Some(rest) => (rest, b"---".as_slice()),
        None => (rest, b"-".as_slice()),
    };
    let (mark, rest) = rest.split_first_chunk::<BOUNDARY_BYTES>()?;
    let [section @ b'A'..=b'Z'] = rest.strip_prefix(separator)? else { return None };
    mark.iter().all(u8::is_ascii_alphanumeric).then_some((*mark, *section))
}

/// The time in `[21/Nov/2026:14:03:05 +0700] id …`; with a fraction in newer versions.
fn stamp(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(b"[")?;
    rest.get(..memchr::memchr(b']', rest)?)
}

/// The number in `HTTP/1.1 403 Forbidden`.
fn status(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == b' ').nth(1).filter(|text| text.len() == 3).unwrap_or_default()
}

/// What a line of section H says of a rule: `Message: …` in 2, `ModSecurity: …` in 3.
fn message(bytes: &[u8]) -> Option<&[u8]> {
    let text = bytes.strip_prefix(b"Message: ").or_else(|| bytes.strip_prefix(b"ModSecurity: "))?;
    let says = text.starts_with(b"Access denied") || text.starts_with(b"Warning");
    (says || memmem::find(text, b"[id \"").is_some()).then(|| kept(text))
}

fn kept(bytes: &[u8]) -> &[u8] {
    bytes.get(..KEPT_BYTES_MAX).unwrap_or(bytes)
}

#[cfg(test)]
mod tests;
