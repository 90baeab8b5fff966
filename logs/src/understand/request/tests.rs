use jiff::tz::TimeZone;

use super::*;
use crate::{
    entry::{Entry, Event},
    format::{Format, Layout},
    parse::{
        Line,
        http::{access, apache_error, modsecurity, nginx_error},
    },
    understand::LogStream,
};

fn read(format: &Format, log: &str) -> Vec<Entry> {
    let mut stream = LogStream::new(format, &Layout { text: None, zone: TimeZone::UTC }, "", None);
    let mut entries = Vec::new();
    for line in log.lines() {
        let line = Line { bytes: line.as_bytes(), end: 0, now_ms: 0 };
        stream.line(line, |entry| entries.push(entry));
    }
    stream.finish(|entry| entries.push(entry));
    entries
}

fn requests(log: &str) -> Vec<RequestEvent> {
    let entries = read(&access::FORMAT, log).into_iter();
    let requests = entries.filter_map(|entry| match entry.event {
        Some(Event::Request(request)) => Some(request),
        _ => None,
    });
    requests.collect()
}

fn line(client: &str, request: &str, status: u16, agent: &str) -> String {
    format!(
        "{client} - - [21/Nov/2026:14:03:05 +0700] \"{request}\" {status} 5 \"-\" \"{agent}\"\n"
    )
}

#[test]
fn a_request_counts_into_its_route_and_a_failed_one_into_an_error_group_as_well() {
    let log = line("10.1.2.3", "get /eproc4/lelang/7/peserta?x=budi HTTP/1.1", 200, "a")
        + &line("10.1.2.3", "GET /eproc4/lelang/8/peserta HTTP/1.1", 502, "a")
        + &line("10.1.2.3", "GET /eproc4/lelang/9/peserta HTTP/1.1", 502, "a")
        + &line("10.1.2.3", "BUDI /x HTTP/1.1", 404, "a")
        + &line("10.1.2.3", "\\x16\\x03", 400, "a");
    let all = requests(&log);
    let told: Vec<_> =
        all.iter().map(|one| format!("{} {}", one.route.method, one.route.template)).collect();
    let route = "GET /eproc4/lelang/<n>/peserta";
    assert_eq!(told, [route, route, route, "(other) /x", " (no HTTP request)"]);
    assert!(all[3..].iter().all(|one| one.failure.is_none()));
    let groups: Vec<_> = all.iter().filter_map(|one| one.failure.as_ref()).collect();
    assert_eq!(groups[0].template, "HTTP 502 GET /eproc4/lelang/<n>/peserta");
    assert!(Arc::ptr_eq(groups[0], groups[1]) && groups.len() == 2);
    assert!(Arc::ptr_eq(&all[1].route, &all[2].route));
}

#[test]
fn a_visitor_is_an_address_with_a_browser_and_the_same_everywhere() {
    let of = |client, agent| requests(&line(client, "GET / HTTP/1.1", 200, agent))[0].visitor;
    assert_eq!(of("10.1.2.3", "Firefox"), of("10.1.2.3", "Firefox"));
    assert_ne!(of("10.1.2.3", "Firefox"), of("10.1.2.3", "Chrome"));
    assert_ne!(of("10.1.2.3", "Firefox"), of("10.1.2.4", "Firefox"));
    assert_eq!(of("10.1.2.3", "Firefox"), 15_995_727_346_718_457_204);
}

#[test]
fn a_request_has_the_step_of_the_sites_own_table() {
    let steps = Steps::parse("[unggah] Unggah | Upload\nPOST /**/kirim\n").unwrap();
    let layout = Layout { text: None, zone: TimeZone::UTC };
    let mut stream = LogStream::new(&access::FORMAT, &layout, "", None).with_steps(Arc::new(steps));
    let line = line("10.1.2.3", "POST /eproc4/penawaran/7/kirim HTTP/1.1", 200, "a");
    let mut seen = Vec::new();
    stream.line(Line { bytes: line.trim().as_bytes(), end: 0, now_ms: 0 }, |entry| {
        if let Some(Event::Request(request)) = entry.event {
            seen.push(request.route.step.to_string());
        }
    });
    assert_eq!(seen, ["unggah"]);
}

#[test]
fn an_error_of_the_web_server_keeps_what_it_happened_to_without_what_is_secret() {
    let nginx = "2026/11/21 14:03:05 [error] 8#8: *7 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.1.2.3, server: _, request: \"GET /eproc4/lelang/9/budi@contoh.go.id?token=rahasia HTTP/1.1\", upstream: \"http://10.7.7.7:9090/rahasia\", host: \"spse.contoh.go.id\", referrer: \"http://x/rahasia\"";
    let apache = "[Sat Nov 21 14:03:05 2026] [error] [client 10.1.2.3] File does not exist: /var/www/rahasia117.pdf, referer: http://x/rahasia";
    let rule = "[Sat Nov 21 14:03:05 2026] [error] [client 10.1.2.3] ModSecurity: Access denied with code 403 (phase 2). [id \"920350\"] [msg \"Host header is a numeric IP address\"] [data \"rahasia\"] [uri \"/a/rahasia117\"]";
    for (format, log, class, template, exemplar) in [
        (
            &nginx_error::FORMAT,
            nginx,
            "application.upstream_timeout",
            "upstream timed out (<n>: Connection timed out) while reading response header from upstream",
            "upstream timed out (110: Connection timed out) while reading response header from upstream\nclient: 10.1.2.0/24\nserver: _\nrequest: GET /eproc4/lelang/<n>/<email>\nupstream: http://10.7.7.0/24:9090\nhost: spse.contoh.go.id",
        ),
        (
            &apache_error::FORMAT,
            apache,
            "application.not_found",
            "File does not exist: <path>",
            "File does not exist: <path>\nclient: 10.1.2.0/24\nfile: /var/www/<file>.pdf",
        ),
        (
            &apache_error::FORMAT,
            rule,
            "application.blocked",
            "ModSecurity rule 920350: Host header is a numeric IP address",
            "ModSecurity rule 920350: Host header is a numeric IP address\nclient: 10.1.2.0/24\nuri: /a/<id>",
        ),
    ] {
        let entries = read(format, log);
        let Some(Event::Error(error)) = &entries[0].event else { panic!("{entries:?}") };
        assert_eq!((error.group.class, &*error.group.template), (class, template));
        assert_eq!(error.exemplar, exemplar);
    }
    assert_eq!(read(&modsecurity::FORMAT, "x").len(), 1);
}

/// What leaves the server of a log.
fn what_leaves(entries: &[Entry]) -> String {
    let texts = entries.iter().map(|entry| match &entry.event {
        Some(Event::Request(one)) => format!("{:?} {:?}", one.route, one.failure),
        Some(Event::Error(one)) => format!("{:?} {}", one.group, one.exemplar),
        _ => String::new(),
    });
    texts.collect()
}

#[test]
fn no_secret_planted_in_a_request_leaves() {
    for secret in [
        "budi.santoso@contoh.go.id",
        "081298765432",
        "3201987654321098",
        "98.765.432.1-098.000",
        "eyJhbGciOiJIUzI1.eyJzdWIiOiJi.c2lnbmF0dXJl",
        "4f3c2b1a9988776655aabbcc",
        "0b5d1c9e-1111-4222-8333-abcdefabcdef",
        "10.98.76.54",
        "QWxhZGRpbjpvcGVuIHNlc2FtZTEyMzQ1Njc4",
    ] {
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for planted in [secret, encoded.as_str()] {
            for target in [
                format!("/{planted}"),
                format!("/a/{planted}/b"),
                format!("/a/x{planted}.pdf"),
                format!("/a;jsessionid={planted}?x={planted}"),
                format!("/token/{planted}#{planted}"),
                format!("http://{planted}:{planted}@x/{planted}.css"),
            ] {
                let request = format!("GET {target} HTTP/1.1");
                let log = line("10.98.76.54", &request, 500, planted);
                let seen = what_leaves(&read(&access::FORMAT, &log));
                assert!(!seen.contains(secret) && !seen.contains(planted), "{log}{seen}");
                let log = format!(
                    "2026/11/21 14:03:05 [error] 8#8: *7 open() \"{target}\" failed (2: No such file or directory), client: 10.98.76.54, server: _, request: \"{request}\", upstream: \"http://x/{planted}\", referrer: \"{target}\""
                );
                let seen = what_leaves(&read(&nginx_error::FORMAT, &log));
                assert!(!seen.contains(secret) && !seen.contains(planted), "{log}{seen}");
                let log = format!(
                    "[Sat Nov 21 14:03:05 2026] [error] [client 10.98.76.54] File does not exist: {target}, referer: {target}"
                );
                let seen = what_leaves(&read(&apache_error::FORMAT, &log));
                assert!(!seen.contains(secret) && !seen.contains(planted), "{log}{seen}");
            }
        }
    }
}
