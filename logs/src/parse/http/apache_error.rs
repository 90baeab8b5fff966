//! Error log of Apache httpd 2.2 (`[time] [level] [client a] message`) and 2.4
//! (`[time] [module:level] [pid 1:tid 2] (111)Connection refused: [client a:p] AH00957: message`), as the
//! default `ErrorLogFormat` writes it (core.c: `do_errorlog_default`).

use super::{
    super::{Beside, BesideKind, Said, ServerFailure, time::Cursor},
    error_log::{ErrorLog, Head, Writer, without_path},
    level, modsecurity,
};
use crate::{entry::Severity, format::Format};

/// See the module.
pub const FORMAT: Format = Format {
    name: "apache-error",
    about: "Apache httpd 2.2 or 2.4 error log",
    layout: None,
    check_layout: None,
    of_cluster: false,
    in_pieces: true,
    specificity: 80,
    open: |layout| Box::new(ErrorLog::new(Writer { head, said }, layout.zone.clone())),
};

/// Days of the week as `ctime` writes them.
const DAYS: &[&[u8]] = &[b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// What a bracket behind the level names; the rest of it varies.
const NUMBERED: &[&[u8]] = &[b"[pid ", b"[tid "];

fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let mut cursor = Cursor::new(without_day(bytes)?);
    let local = cursor.asctime()?;
    let rest = cursor.rest().strip_prefix(b"] [")?;
    let end = memchr::memchr(b']', rest)?;
    let word = rest.get(..end)?;
    let level = level(word.rsplit(|byte| *byte == b':').next()?)?;
    let mut message = rest.get(end + 1..)?.trim_ascii_start();
    while NUMBERED.iter().any(|name| message.starts_with(name)) {
        message = message.get(memchr::memchr(b']', message)? + 1..)?.trim_ascii_start();
    }
    Some(Head { local, level, message })
}

fn without_day(bytes: &[u8]) -> Option<&[u8]> {
    let (day, rest) = bytes.strip_prefix(b"[")?.split_at_checked(3)?;
    DAYS.contains(&day).then_some(rest)?.strip_prefix(b" ")
}

fn said(severity: Severity, text: &str) -> Said<'static> {
    // A referrer says less than the message and may hold more that is secret.
    let text = text.rsplit_once(", referer: ").map_or(text, |(text, _)| text);
    let (message, client) = without_client(text);
    let named = |client: &str| Beside {
        name: "client",
        kind: BesideKind::Text,
        text: client.to_owned().into(),
    };
    let mut beside: Vec<_> = client.map(named).into_iter().collect();
    if let Some(found) = modsecurity::found(&message, beside.clone()) {
        return Said::Server(found);
    }
    let message = without_path(&message, &mut beside).into();
    Said::Server(ServerFailure { severity, rule: "".into(), message, beside })
}

/// The message without `[client …]`, and that.
fn without_client(text: &str) -> (String, Option<&str>) {
    let cut = |name: &str| {
        let (before, rest) = text.split_once(name)?;
        let (client, after) = rest.split_once(']')?;
        Some((format!("{before}{}", after.trim_start()), Some(client.trim())))
    };
    cut("[client ").or_else(|| cut("[remote ")).unwrap_or_else(|| (text.to_owned(), None))
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};
    use proptest::prelude::*;

    use super::{super::super::samples::read_in, *};
    use crate::parse::Parsed;

    fn read(log: &[u8]) -> Vec<Parsed<'static>> {
        read_in(&FORMAT, None, TimeZone::get("Asia/Jakarta").unwrap(), log, 0)
    }

    /// Lines of Apache, what names the group, and what stands beside.
    #[rustfmt::skip]
    const LINES: &[(&str, &str, &str)] = &[
        (
            "[Sat Nov 21 14:03:05.123456 2026] [proxy:error] [pid 812:tid 140] (111)Connection refused: AH00957: HTTP: attempt to connect to 127.0.0.1:9090 (127.0.0.1) failed",
            "(111)Connection refused: AH00957: HTTP: attempt to connect to 127.0.0.1:9090 (127.0.0.1) failed",
            "",
        ),
        (
            "[Sat Nov 21 14:03:05.123456 2026] [proxy_http:error] [pid 812] (70007)The timeout specified has expired: [client 10.1.2.3:5555] AH01102: error reading status line from remote server 127.0.0.1:9090, referer: https://spse.contoh.go.id/?a=b",
            "(70007)The timeout specified has expired: AH01102: error reading status line from remote server 127.0.0.1:9090",
            "client=10.1.2.3:5555",
        ),
        (
            "[Sat Nov 21 14:03:05.123456 2026] [error] [client 10.1.2.3] File does not exist: /var/www/html/favicon.ico, referer: http://a/b",
            "File does not exist: <path>",
            "client=10.1.2.3 file=/var/www/html/favicon.ico",
        ),
        (
            "[Sat Nov 21 14:03:05.123456 2026] [error] [client 10.1.2.3] File does not exist: /home/file/Penawaran, PT Budi.pdf, referer: http://a/b",
            "File does not exist: <path>",
            "client=10.1.2.3 file=/home/file/Penawaran, PT Budi.pdf",
        ),
        (
            "[Sat Nov 21 14:03:05.123456 2026] [core:crit] [pid 1] (13)Permission denied: [client 2001:db8::1:5555] AH00529: /home/a/.htaccess pcfg_openfile: unable to check htaccess file",
            "(13)Permission denied: AH00529: <path> pcfg_openfile: unable to check htaccess file",
            "client=2001:db8::1:5555 file=/home/a/.htaccess",
        ),
        (
            "[Sat Nov 21 14:03:05.123456 2026] [evasive20:error] [pid 1] [client 10.1.2.3:1] client denied by server configuration: /var/www/a",
            "client denied by server configuration: <path>",
            "client=10.1.2.3:1 file=/var/www/a",
        ),
    ];

    #[test]
    fn messages_are_told_apart_from_what_stands_beside_them() {
        for (line, message, beside) in LINES {
            let parsed = read(line.as_bytes());
            let Said::Server(failure) = &parsed[0].said else { panic!("{line}: {parsed:?}") };
            let all = failure.beside.iter().map(|one| format!("{}={}", one.name, one.text));
            assert_eq!(
                (&*failure.message, &*all.collect::<Vec<_>>().join(" ")),
                (*message, *beside)
            );
            let at = Timestamp::from_millisecond(parsed[0].at.unwrap().ms).unwrap();
            assert_eq!(at.to_string(), "2026-11-21T07:03:05.123Z");
        }
    }

    #[test]
    fn each_level_has_its_fate() {
        let line = |level: &str| format!("[Sat Nov  7 14:03:05 2026] [{level}] x\n");
        for (level, severity) in [
            ("core:emerg", Severity::Fatal),
            ("alert", Severity::Fatal),
            ("ssl:error", Severity::Error),
            (":error", Severity::Error),
            ("warn", Severity::Warning),
        ] {
            let parsed = read(line(level).as_bytes());
            assert!(
                matches!(&parsed[0].said, Said::Server(f) if f.severity == severity),
                "{level}"
            );
        }
        for (level, rule) in [
            ("mpm_event:notice", "notice"),
            ("info", "info"),
            ("ssl:debug", "debug"),
            ("x:trace4", "trace"),
        ] {
            assert_eq!(read(line(level).as_bytes())[0].said, Said::Ignored(rule));
        }
        assert_eq!(read(line("x:trace9").as_bytes())[0].said, Said::Unparsed);
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_reader(
            which in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), rest in any::<Vec<u8>>()
        ) {
            let mut log = format!("{}\n", which.get(LINES).0).into_bytes();
            log.truncate(cut.index(log.len()));
            log.extend(rest);
            let lines = log.split_inclusive(|byte| *byte == b'\n').count() as u64;
            prop_assert_eq!(read(&log).iter().map(|parsed| parsed.lines).sum::<u64>(), lines);
        }
    }
}
