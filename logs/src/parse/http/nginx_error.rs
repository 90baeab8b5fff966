//! Error log of nginx: `2026/11/21 14:03:05 [error] 812#0: *77 message, client: …, server: …, request: "…"`
//! (ngx_log.c, ngx_http_core_module.c: `ngx_http_log_error`).
//!
//! An upstream that failed is told here with its cause, and in the access log as a request that failed
//! (502, 504): the failed request is counted there, the cause here.

use super::{
    super::{Beside, BesideKind, Said, ServerFailure, time::Cursor},
    closing_quote,
    error_log::{ErrorLog, Head, Writer, without_path},
    level, modsecurity,
};
use crate::{entry::Severity, format::Format};

/// See the module.
pub const FORMAT: Format = Format {
    name: "nginx-error",
    about: "nginx error log",
    layout: None,
    check_layout: None,
    of_cluster: false,
    in_pieces: true,
    specificity: 80,
    open: |layout| Box::new(ErrorLog::new(Writer { head, said }, layout.zone.clone())),
};

/// What nginx writes behind a message, and what may stand in it. A referrer says less than the request and
/// may hold more that is secret.
const BESIDE: &[(&str, Option<BesideKind>)] = &[
    ("client", Some(BesideKind::Text)),
    ("server", Some(BesideKind::Text)),
    ("request", Some(BesideKind::Request)),
    ("subrequest", Some(BesideKind::Path)),
    ("upstream", Some(BesideKind::Text)),
    ("host", Some(BesideKind::Text)),
    ("referrer", None),
];

fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let mut cursor = Cursor::new(bytes);
    let date = cursor.slashed_date()?;
    cursor.any_of(b" ")?;
    let local = date.to_datetime(cursor.time_of_day(false)?);
    let rest = cursor.rest().strip_prefix(b" [")?;
    let end = memchr::memchr(b']', rest)?;
    let level = level(rest.get(..end)?)?;
    let message = without_numbers(rest.get(end + 1..)?.trim_ascii_start());
    Some(Head { local, level, message })
}

/// Without process, thread and connection: `812#0: *77 `.
fn without_numbers(bytes: &[u8]) -> &[u8] {
    let skip = |bytes: &'_ [u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let process = || {
        let rest = bytes.get(skip(bytes)..)?.strip_prefix(b"#")?;
        rest.get(skip(rest)..)?.strip_prefix(b":")
    };
    let rest = process().unwrap_or(bytes).trim_ascii_start();
    let connection = || {
        let rest = rest.strip_prefix(b"*")?;
        rest.get(skip(rest)..)?.strip_prefix(b" ")
    };
    connection().unwrap_or(rest)
}

fn said(severity: Severity, text: &str) -> Said<'static> {
    let (message, beside) = text.split_once(", client: ").unwrap_or((text, ""));
    let beside = self::beside(beside);
    if let Some(found) = modsecurity::found(message, beside.clone()) {
        return Said::Server(found);
    }
    let mut beside = beside;
    let message = without_path(message, &mut beside).into();
    Said::Server(ServerFailure { severity, rule: "".into(), message, beside })
}

/// What stands behind `, client: `.
fn beside(text: &str) -> Vec<Beside<'static>> {
    let mut all = Vec::new();
    let mut next = Some(("client", text)).filter(|(_, text)| !text.is_empty());
    while let Some((name, rest)) = next {
        let (value, after) = value(rest);
        let known = BESIDE.iter().find(|(known, _)| *known == name);
        if let Some((name, Some(kind))) = known
            && all.iter().all(|one: &Beside<'_>| one.name != *name)
        {
            let value = if *name == "upstream" { host_of(value) } else { value };
            all.push(Beside { name, kind: *kind, text: value.to_owned().into() });
        }
        next = after.strip_prefix(", ").and_then(|after| after.split_once(": "));
    }
    all
}

/// A value, quoted or not, and what follows it.
fn value(text: &str) -> (&str, &str) {
    let quoted = || {
        let body = text.strip_prefix('"')?;
        let end = closing_quote(body.as_bytes())?;
        Some((body.get(..end)?, body.get(end + 1..)?))
    };
    let end = text.find([',', '\n']).unwrap_or(text.len());
    quoted().unwrap_or_else(|| text.split_at_checked(end).unwrap_or((text, "")))
}

/// Scheme and host of an address: the path is that of the request.
fn host_of(address: &str) -> &str {
    let from = address.find("://").map_or(0, |at| at + 3);
    let length = address.get(from..).and_then(|rest| rest.find('/'));
    length.and_then(|length| address.get(..from + length)).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};
    use proptest::prelude::*;

    use super::{super::super::samples::read_in, *};
    use crate::parse::{CONTINUATION, Parsed};

    fn read(log: &[u8]) -> Vec<Parsed<'static>> {
        read_in(&FORMAT, None, TimeZone::get("Asia/Jakarta").unwrap(), log, 0)
    }

    /// Messages of nginx, what names the group, and what stands beside.
    #[rustfmt::skip]
    const LINES: &[(&str, &str, &str)] = &[
        (
            r#"[error] 812#0: *77 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.1.2.3, server: spse.contoh.go.id, request: "GET /eproc4/lelang/9 HTTP/1.1", upstream: "http://127.0.0.1:9090/eproc4/lelang/9", host: "spse.contoh.go.id", referrer: "https://spse.contoh.go.id/eproc4?x=1""#,
            "upstream timed out (110: Connection timed out) while reading response header from upstream",
            "client=10.1.2.3 server=spse.contoh.go.id request=GET /eproc4/lelang/9 HTTP/1.1 upstream=http://127.0.0.1:9090 host=spse.contoh.go.id",
        ),
        (
            r#"[error] 812#7: *7 client intended to send too large body: 104857601 bytes, client: 2001:db8::1, server: _, request: "POST /a\"b HTTP/1.1", host: "x""#,
            "client intended to send too large body: 104857601 bytes",
            r#"client=2001:db8::1 server=_ request=POST /a\"b HTTP/1.1 host=x"#,
        ),
        ("[emerg] 1#1: bind() to 0.0.0.0:80 failed (98: Address already in use)", "bind() to 0.0.0.0:80 failed (98: Address already in use)", ""),
        ("[crit] 812#0: *9 SSL_do_handshake() failed (SSL: error:0A00006C) while SSL handshaking, client: 10.1.2.3, server: 0.0.0.0:443", "SSL_do_handshake() failed (SSL: error:0A00006C) while SSL handshaking", "client=10.1.2.3 server=0.0.0.0:443"),
        ("[alert] could not open /var/log/nginx/a.log: Permission denied", "could not open <path>: Permission denied", "file=/var/log/nginx/a.log"),
    ];

    #[test]
    fn messages_are_told_apart_from_what_stands_beside_them() {
        for (line, message, beside) in LINES {
            let parsed = read(format!("2026/11/21 14:03:05 {line}\n").as_bytes());
            let Said::Server(failure) = &parsed[0].said else { panic!("{line}: {parsed:?}") };
            let all = failure.beside.iter().map(|one| format!("{}={}", one.name, one.text));
            assert_eq!(
                (&*failure.message, &*all.collect::<Vec<_>>().join(" ")),
                (*message, *beside)
            );
            let at = Timestamp::from_millisecond(parsed[0].at.unwrap().ms).unwrap();
            assert_eq!(at.to_string(), "2026-11-21T07:03:05Z");
        }
    }

    #[test]
    fn each_level_has_its_fate_and_further_lines_belong_to_the_one_before() {
        let line = |level: &str| format!("2026/11/21 14:03:05 [{level}] 1#1: x\n");
        for (level, severity) in [
            ("emerg", Severity::Fatal),
            ("alert", Severity::Fatal),
            ("crit", Severity::Fatal),
            ("error", Severity::Error),
            ("warn", Severity::Warning),
        ] {
            let parsed = read(line(level).as_bytes());
            assert!(
                matches!(&parsed[0].said, Said::Server(f) if f.severity == severity),
                "{level}"
            );
        }
        for rule in ["notice", "info", "debug"] {
            assert_eq!(read(line(rule).as_bytes())[0].said, Said::Ignored(rule));
        }
        let parsed =
            read(format!("bukan\nlog\n{}#0 /a.php(12)\n#1 {{main}}\n", line("error")).as_bytes());
        assert_eq!(parsed.iter().map(|parsed| parsed.lines).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(parsed[0].said, Said::Unparsed);
        assert_ne!(parsed[1].said, Said::Ignored(CONTINUATION));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_reader(
            which in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), rest in any::<Vec<u8>>()
        ) {
            let mut log = format!("2026/11/21 14:03:05 {}\n", which.get(LINES).0).into_bytes();
            log.truncate(cut.index(log.len()));
            log.extend(rest);
            let lines = log.split_inclusive(|byte| *byte == b'\n').count() as u64;
            prop_assert_eq!(read(&log).iter().map(|parsed| parsed.lines).sum::<u64>(), lines);
        }
    }
}
