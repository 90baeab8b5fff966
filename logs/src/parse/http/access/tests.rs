use jiff::Timestamp;
use proptest::prelude::*;

use super::{super::super::samples::read_in, *};

fn read_as(pattern: Option<&str>, log: &[u8]) -> Vec<Parsed<'static>> {
    read_in(&FORMAT, pattern, TimeZone::get("Asia/Jakarta").unwrap(), log, 0)
}

/// Time, method, path, status, bytes, microseconds and client of a line.
fn told(pattern: Option<&str>, line: &str) -> String {
    let parsed = read_as(pattern, line.as_bytes());
    assert_eq!(parsed.len(), 1, "{line}");
    let Said::Requested(r) = &parsed[0].said else { return "-".to_owned() };
    let at = parsed[0].at.map_or("-".to_owned(), |EventTime { ms, estimated }| {
        assert!(!estimated);
        Timestamp::from_millisecond(ms).unwrap().to_string()
    });
    let us = r.duration_us.map_or("-".to_owned(), |us| us.to_string());
    format!("{at} {} {} {} {} {us} {} | {}", r.method, r.path, r.status, r.bytes, r.client, r.agent)
}

const AT: &str = "21/Nov/2026:14:03:05 +0700";

#[test]
fn every_layout_of_the_servers_is_found_by_its_shape() {
    let head = format!("10.1.2.3 - - [{AT}] \"GET /eproc4/lelang?x=1 HTTP/1.1\" 200 512");
    let all = "2026-11-21T07:03:05Z GET /eproc4/lelang?x=1 200 512";
    for (line, expected) in [
        (head.clone(), format!("{all} - 10.1.2.3 | ")),
        (format!("{head} 1500"), format!("{all} 1500 10.1.2.3 | ")),
        (format!("{head} \"-\" \"Firefox\""), format!("{all} - 10.1.2.3 | Firefox")),
        (format!("{head} \"-\" \"Firefox\" 0.015"), format!("{all} 15000 10.1.2.3 | Firefox")),
        (format!("{head} \"-\" \"Firefox\" 15321"), format!("{all} 15321 10.1.2.3 | Firefox")),
        (format!("{head} \"-\" \"Firefox\" -"), format!("{all} - 10.1.2.3 | Firefox")),
        (format!("{head} \"-\" \"Firefox\" \"-\""), format!("{all} - 10.1.2.3 | Firefox")),
        (
            format!("{head} \"-\" \"Firefox\" \"10.7.7.7, 10.1.1.1\""),
            format!("{all} - 10.7.7.7 | Firefox"),
        ),
        (
            format!("{head} \"-\" \"Firefox\" \"-\" 0.020"),
            format!("{all} 20000 10.1.2.3 | Firefox"),
        ),
        (
            format!("spse.contoh.go.id:443 {head} \"-\" \"Firefox\""),
            format!("{all} - 10.1.2.3 | Firefox"),
        ),
        (
            format!("spse.contoh.go.id:443 {head} \"-\" \"Firefox\" 99"),
            format!("{all} 99 10.1.2.3 | Firefox"),
        ),
        (format!("{head} \"-\" \"Firefox\" extra"), "-".to_owned()),
        (format!("{head} \"-\""), "-".to_owned()),
    ] {
        assert_eq!(told(None, &line), expected, "{line}");
    }
}

#[test]
fn odd_requests_clients_and_numbers_are_read() {
    let line = |client: &str, user: &str, request: &str, rest: &str| {
        format!("{client} - {user} [{AT}] \"{request}\" {rest} \"-\" \"a \\\"b\\\" \\x22c\\x22\"")
    };
    for (line, expected) in [
        (line("2001:db8::1", "-", "-", "400 0"), "  400 0 - 2001:db8::1"),
        (line("2001:db8::1", "budi s", "", "408 -"), "  408 0 - 2001:db8::1"),
        (line("10.1.2.3", "-", r"\x16\x03\x01\x02", "400 157"), "  400 157 - 10.1.2.3"),
        (line("10.1.2.3", "-", "get /a b HTTP/1.0", "301 -"), "get /a b 301 0 - 10.1.2.3"),
        (line("unix:", "-", r"GET /\x22a\\ HTTP/2.0", "000 0"), "GET /\"a\\ 0 0 - unix:"),
        (line("pc7.contoh.go.id", "-", "GET / HTTP/1.1", "- -"), "GET / 0 0 - pc7.contoh.go.id"),
    ] {
        let expected = format!("2026-11-21T07:03:05Z {expected} | a \"b\" \"c\"");
        assert_eq!(told(None, &line), expected, "{line}");
    }
}

/// Patterns with a line in each, and what is read of it.
#[rustfmt::skip]
const PATTERNS: &[(&str, &str, &str)] = &[
    (
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" urt=$upstream_response_time"#,
        r#"10.1.2.3 - - [21/Nov/2026:14:03:05 +0700] "GET /a HTTP/1.1" 502 166 "-" "curl" rt=1.250 uct="-" urt=0.100, 1.150"#,
        "2026-11-21T07:03:05Z GET /a 502 166 1250000 10.1.2.3 | curl",
    ),
    (
        r#"log_format utama '$remote_addr [$time_iso8601] "$request_method $request_uri $server_protocol" '
           '$status $bytes_sent $upstream_response_time $request_time "$http_x_forwarded_for"';"#,
        r#"10.1.2.3 [2026-11-21T14:03:05+07:00] "POST /a?b=c HTTP/1.1" 200 9 0.001, 0.002 : 0.003 0.010 "10.9.9.9""#,
        "2026-11-21T07:03:05Z POST /a?b=c 200 9 10000 10.9.9.9 | ",
    ),
    (
        r#"{"t":$msec,"a":"$remote_addr","u":"$scheme://$host$request_uri","m":"$request_method","s":$status,"ua":"$http_user_agent"}"#,
        r#"{"t":1795244585.123,"a":"10.1.2.3","u":"https://spse.contoh.go.id/a?b","m":"GET","s":404,"ua":"x \"y\""}"#,
        "2026-11-21T07:03:05.123Z GET /a?b 404 0 - 10.1.2.3 | x \"y\"",
    ),
    (
        "$time_local|${remote_addr}|$request_method|$uri$is_args$args|$status",
        "21/Nov/2026:14:03:05 +0700|10.1.2.3|GET|/a?b=c|200",
        "2026-11-21T07:03:05Z GET /a?b=c 200 0 - 10.1.2.3 | ",
    ),
    (
        "$time_local $remote_addr $request_method $uri $status",
        "21/Nov/2026:14:03:05 +0700 10.1.2.3 GET /a 200",
        "2026-11-21T07:03:05Z GET /a 200 0 - 10.1.2.3 | ",
    ),
    (
        r#"LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %T %D" lengkap"#,
        r#"10.1.2.3 - budi [21/Nov/2026:14:03:05 +0700] "GET /a HTTP/1.1" 200 - "-" "x" 1 1250321"#,
        "2026-11-21T07:03:05Z GET /a 200 0 1250321 10.1.2.3 | x",
    ),
    (
        r#"%v:%p %{c}a %{X-Forwarded-For}i [%{%Y-%m-%dT%H:%M:%S}t] "%m %U%q %H" %s %O %{ms}T %%"#,
        r#"spse.contoh.go.id:443 10.1.2.3 10.7.7.7 [2026-11-21T14:03:05] "GET /a?b=c HTTP/1.1" 200 9 12 %"#,
        "2026-11-21T07:03:05Z GET /a?b=c 200 9 12000 10.7.7.7 | ",
    ),
    (
        "%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t %a \"%r\" %>s",
        "21/Nov/2026 14:03:05.250 +0800 10.1.2.3 \"GET /a HTTP/1.1\" 200",
        "2026-11-21T06:03:05.25Z GET /a 200 0 - 10.1.2.3 | ",
    ),
    ("%{usec}t %h \"%r\" %>s", "1795244585123456 10.1.2.3 \"GET /a HTTP/1.1\" 200", "2026-11-21T07:03:05.123Z GET /a 200 0 - 10.1.2.3 | "),
    ("%h \"%r\" %>s", "10.1.2.3 \"GET /a HTTP/1.1\" 200", "- GET /a 200 0 - 10.1.2.3 | "),
];

#[test]
fn patterns_of_both_servers_are_read() {
    for (pattern, line, expected) in PATTERNS {
        assert_eq!(Pattern::compile(pattern).err(), None, "{pattern}");
        assert_eq!(told(Some(pattern), line), *expected, "{pattern}");
    }
}

#[test]
fn a_line_is_recognised_or_foreign_whatever_was_read_before() {
    let access = Access::new(&Layout { text: None, zone: TimeZone::UTC });
    let line = |at: &str| format!("10.1.2.3 - - [{at}] \"GET / HTTP/1.1\" 200 1");
    assert_eq!(access.fit(line(AT).as_bytes()), Fit::Begins);
    assert_eq!(access.fit(line("31/Feb/2026:14:03:05 +0700").as_bytes()), Fit::Foreign);
    assert_eq!(access.fit(b"13:03:05,123 ERROR ~ x"), Fit::Foreign);
    assert_eq!(access.fit(b""), Fit::Foreign);
}

/// Lines near to those of a log, with parts left out and put in.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "10.1.2.3",
        " - - ",
        "[21/Nov/2026:14:03:05 +0700]",
        " ",
        "\"",
        "GET / HTTP/1.1",
        "200",
        "-",
        "\\",
        "\\x",
        "\\x22",
        ":",
        "::",
        "%",
        "1.5",
        "99999999999999999999",
        "é",
        "[",
        "]",
        "v:80 ",
    ]);
    prop_oneof![
        prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

proptest! {
    #[test]
    fn no_bytes_stop_the_reader_and_every_line_is_one_entry(
        lines in prop::collection::vec(line(), 0..8), which in any::<prop::sample::Index>()
    ) {
        let log = lines.iter().flat_map(|line| [line, b"\n".as_slice()].concat()).collect::<Vec<_>>();
        let pattern = which.get(PATTERNS).0;
        for pattern in [None, Some(pattern)] {
            let parsed = read_as(pattern, &log);
            let expected = log.iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(parsed.iter().map(|parsed| parsed.lines).sum::<u64>(), expected as u64);
        }
    }

    #[test]
    fn a_line_is_read_the_same_after_any_other(before in line(), line in line()) {
        prop_assume!(!before.contains(&b'\n') && !line.contains(&b'\n'));
        let alone = read_as(None, &line).pop();
        let after = read_as(None, &[before, b"\n".to_vec(), line].concat()).pop();
        let said = |parsed: Option<Parsed<'static>>| parsed.map(|parsed| (parsed.at, parsed.said));
        if let Some(alone) = said(alone) {
            prop_assert_eq!(Some(alone), said(after));
        }
    }
}
