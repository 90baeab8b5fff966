//! systemd's journal as `journalctl -o json` writes it, also with `-f`: each line an object of texts.
//! Priorities and programs mean what they mean in syslog (systemd.journal-fields(7)).

use super::{
    Fit, Line, Out, Parser,
    held::{Body, Held},
    json_lines::{
        moment,
        scan::{Value, fields, unescape},
    },
    system::Told,
    time::Clock,
};
use crate::format::{Format, Layout};

/// See the module.
pub const FORMAT: Format = Format {
    name: "journal",
    about: "systemd's journal: journalctl -o json, also with -f",
    layout: None,
    check_layout: None,
    of_cluster: false,
    in_pieces: true,
    specificity: 70,
    open: |layout| Box::new(Journal::new(layout)),
};

/// Longest name of a program.
const PROGRAM_BYTES_MAX: usize = 64;

/// The fields of an object that count. `journalctl` writes a message that is no UTF-8 as a list of its
/// bytes, and `null` for one too long for it.
#[derive(Clone, Copy, Debug, Default)]
struct Record<'a> {
    time: Option<Value<'a>>,
    priority: Option<&'a [u8]>,
    message: Option<Value<'a>>,
    identifier: Option<&'a [u8]>,
    command: Option<&'a [u8]>,
    unit: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// `None`: not of the journal.
    fn read(line: &'a [u8]) -> Option<Record<'a>> {
        let mut record = Record::default();
        fields(line, |_| false, &mut |_, key, value| record.take(key, value));
        (record.time.is_some() && record.message.is_some()).then_some(record)
    }

    fn take(&mut self, key: &'a [u8], value: Value<'a>) {
        let text = match value {
            Value::Text(text) | Value::Bare(text) => Some(text),
            Value::List(_) => None,
        };
        match key {
            b"__REALTIME_TIMESTAMP" => self.time = Some(value),
            b"PRIORITY" => self.priority = text,
            b"MESSAGE" => self.message = Some(value),
            b"SYSLOG_IDENTIFIER" => self.identifier = text,
            b"_COMM" => self.command = text,
            b"_SYSTEMD_UNIT" => self.unit = text,
            _ => {}
        }
    }

    fn priority(&self) -> Option<u8> {
        match self.priority? {
            [digit @ b'0'..=b'7'] => Some(digit - b'0'),
            _ => None,
        }
    }

    /// A name as other logs have it: nothing that is no name gets into a text.
    fn program(&self) -> &'a [u8] {
        let is_name = |name: &&[u8]| {
            let part = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
            (1..=PROGRAM_BYTES_MAX).contains(&name.len()) && name.iter().all(part)
        };
        let names = [self.identifier, self.command, self.unit];
        names.into_iter().flatten().find(is_name).unwrap_or(b"?")
    }
}

/// The reader of one log.
#[derive(Debug)]
struct Journal {
    clock: Clock,
    held: Held,
    message: Vec<u8>,
}

impl Journal {
    fn new(layout: &Layout) -> Journal {
        Journal {
            clock: Clock::new(layout.zone.clone()),
            held: Held::default(),
            message: Vec::new(),
        }
    }

    fn record(&mut self, line: Line<'_>, record: Record<'_>, out: &mut Out<'_>) {
        let at = record.time.and_then(|time| moment(&mut self.clock, time));
        self.message.clear();
        match record.message {
            Some(Value::Text(text)) => unescape(text, &mut self.message),
            Some(Value::List(numbers)) => bytes(numbers, &mut self.message),
            Some(Value::Bare(_)) | None => {}
        }
        let told = Told::new(record.program(), record.priority(), &self.message);
        match told.meaning() {
            Err(rule) => self.held.begin(line, at, Body::Ignored(rule), out),
            Ok((severity, shown)) => {
                self.held.begin(line, at, Body::Failure(severity), out);
                told.tell(shown, &mut self.held);
            }
        }
    }
}

/// Appends the bytes of `104,97,108`.
fn bytes(numbers: &[u8], out: &mut Vec<u8>) {
    let number = |digits: &[u8]| std::str::from_utf8(digits.trim_ascii()).ok()?.parse::<u8>().ok();
    out.extend(numbers.split(|byte| *byte == b',').filter_map(number));
}

impl Parser for Journal {
    fn line(&mut self, line: Line<'_>, out: &mut Out<'_>) {
        if line.bytes.is_empty() {
            return self.held.further(b"", line.end, out);
        }
        match Record::read(line.bytes) {
            Some(record) => self.record(line, record, out),
            None => self.held.begin(line, None, Body::Unparsed, out),
        }
    }

    fn finish(&mut self, out: &mut Out<'_>) {
        self.held.close(out);
    }

    fn fit(&self, bytes: &[u8]) -> Fit {
        match Record::read(bytes) {
            Some(_) => Fit::Begins,
            None if bytes.is_empty() => Fit::Belongs,
            None => Fit::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        entry::{EventTime, Severity},
        parse::{Said, laws, samples::read_all, system::NOT_IN_TABLE},
    };

    fn said(fields: &str) -> (Option<EventTime>, Said<'static>) {
        let line = format!(
            "{{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"1795244585123456\",{fields}}}"
        );
        let parsed = read_all(&FORMAT, None, &line, 0).remove(0);
        (parsed.at, parsed.said)
    }

    #[test]
    fn program_priority_and_message_tell() {
        for (fields, expected) in [
            (
                r#""PRIORITY":"3","SYSLOG_IDENTIFIER":"dhclient","MESSAGE":"x \"y\"""#,
                Some((Severity::Error, "dhclient: x \"y\"")),
            ),
            (r#""PRIORITY":"4","_COMM":"a","MESSAGE":"x""#, Some((Severity::Warning, "a: x"))),
            (r#""PRIORITY":"0","MESSAGE":"x""#, Some((Severity::Fatal, "?: x"))),
            (
                r#""PRIORITY":"3","_COMM":"a","MESSAGE":[103,97,103,97,108,255]"#,
                Some((Severity::Error, "a: gagal\u{fffd}")),
            ),
            (r#""PRIORITY":"3","_COMM":"a","MESSAGE":null"#, Some((Severity::Error, "a: "))),
            (
                r#""PRIORITY":"6","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"Failed password for budi""#,
                Some((Severity::Warning, "sshd: Failed password for")),
            ),
            (
                r#""PRIORITY":"6","SYSLOG_IDENTIFIER":"java","MESSAGE":"14:03:05,123 ERROR ~ x""#,
                Some((Severity::Error, "java: 14:03:05,123 ERROR ~ x")),
            ),
            (r#""PRIORITY":"6","SYSLOG_IDENTIFIER":"systemd","MESSAGE":"Started a.""#, None),
            (
                r#""SYSLOG_IDENTIFIER":"a b","_COMM":"c","PRIORITY":"3","MESSAGE":"x""#,
                Some((Severity::Error, "c: x")),
            ),
        ] {
            let (at, said) = said(fields);
            assert_eq!(at, Some(EventTime { ms: 1_795_244_585_123, estimated: false }));
            match (said, expected) {
                (Said::Application(f), Some(expected)) => {
                    assert_eq!((f.severity, &*f.block), expected)
                }
                (said, expected) => {
                    assert_eq!((said, expected), (Said::Ignored(NOT_IN_TABLE), None), "{fields}");
                }
            }
        }
    }

    #[test]
    fn an_object_of_another_kind_is_not_understood() {
        for line in [r#"{"MESSAGE":"x"}"#, r#"{"level":"error","message":"x"}"#, "x"] {
            assert_eq!(read_all(&FORMAT, None, line, 0)[0].said, Said::Unparsed, "{line}");
        }
    }

    const LINES: &[&str] = &[
        r#"{"__REALTIME_TIMESTAMP":"1795244585123456","PRIORITY":"3","_COMM":"a","MESSAGE":"x"}"#,
        r#"{"__REALTIME_TIMESTAMP":"1795244585123456","MESSAGE":[103,97]}"#,
        "",
        "bukan",
    ];

    proptest! {
        #[test]
        fn no_bytes_stop_it_and_every_line_has_one_fate(log in laws::log(LINES)) {
            laws::hold(&FORMAT, &log);
        }
    }
}
