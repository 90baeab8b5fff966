use jiff::Timestamp;
use proptest::prelude::*;

use super::{super::super::samples::read_in, *};
use crate::parse::{Parsed, http};

fn read(log: &str) -> Vec<Parsed<'static>> {
    read_in(&FORMAT, None, TimeZone::UTC, log.as_bytes(), 0)
}

/// Severity, rule, message and what stands beside it.
fn told(parsed: &Parsed<'_>) -> String {
    let Said::Server(failure) = &parsed.said else { return format!("{:?}", parsed.said) };
    let beside: Vec<_> =
        failure.beside.iter().map(|one| format!("{}={}", one.name, one.text)).collect();
    format!("{:?} {} {} | {}", failure.severity, failure.rule, failure.message, beside.join(" "))
}

const DENIED: &str = r#"Access denied with code 403 (phase 2). Pattern match "^[\\d.:]+$" at REQUEST_HEADERS:Host. [file "/etc/httpd/rules/920.conf"] [line "735"] [id "920350"] [msg "Host header is a numeric IP address"] [data "10.1.2.4"] [severity "WARNING"] [hostname "10.1.2.4"] [uri "/eproc4/lelang/9"] [unique_id "Yx"]"#;

#[test]
fn lines_of_both_servers_error_logs_name_rule_and_message() {
    let apache = format!(
        "[Sat Nov 21 14:03:05.1 2026] [:error] [pid 8] [client 10.1.2.3:5] [client 10.1.2.3] ModSecurity: {DENIED}"
    );
    let nginx = format!(
        "2026/11/21 14:03:05 [error] 8#8: *7 [client 10.1.2.3] ModSecurity: {DENIED}, client: 10.1.2.3, server: _, request: \"GET /eproc4/lelang/9 HTTP/1.1\", host: \"x\""
    );
    let warning = "[Sat Nov 21 14:03:05 2026] [error] [client 10.1.2.3] ModSecurity: Warning. Operator GE matched 5 at TX:a. [id \"980130\"]";
    let of = |format, line: &str| read_in(format, None, TimeZone::UTC, line.as_bytes(), 0);
    for (format, line, expected) in [
        (
            &http::apache_error::FORMAT,
            apache.as_str(),
            "Error 920350 Host header is a numeric IP address | client=10.1.2.3:5 uri=/eproc4/lelang/9",
        ),
        (
            &http::nginx_error::FORMAT,
            nginx.as_str(),
            "Error 920350 Host header is a numeric IP address | client=10.1.2.3 server=_ request=GET /eproc4/lelang/9 HTTP/1.1 host=x",
        ),
        (&http::apache_error::FORMAT, warning, "Warning 980130 Warning | client=10.1.2.3"),
    ] {
        assert_eq!(told(&of(format, line)[0]), expected);
    }
}

fn transaction(mark: &str, body: &str, messages: &str) -> String {
    format!(
        "--{mark}-A--\n[21/Nov/2026:14:03:05 +0700] Yx 10.1.2.3 5555 10.1.2.4 443\n--{mark}-B--\nPOST /eproc4/login HTTP/1.1\nHost: x\n\n--{mark}-C--\n{body}\n--{mark}-F--\nHTTP/1.1 403 Forbidden\n\n--{mark}-H--\n{messages}\nStopwatch: 1 2\n\n--{mark}-Z--\n\n"
    )
}

#[test]
fn a_transaction_of_the_audit_log_is_one_entry_that_keeps_no_body() {
    let first = "Message: Warning. Matched phrase. [id \"1\"] [msg \"lain\"]\n";
    let log = transaction("a1b2c3d4", "sandi=rahasia", &format!("{first}Message: {DENIED}"))
        + &transaction("0000ffff", "x", "Apache-Handler: proxy");
    let parsed = read(&log);
    let expected = "Error 920350 Host header is a numeric IP address | request=POST /eproc4/login HTTP/1.1 status=403";
    assert_eq!(told(&parsed[0]), expected);
    assert_eq!(parsed[0].lines, 17);
    assert_eq!(parsed[1].said, Said::Ignored(CONTINUATION));
    assert_eq!(parsed[2].said, Said::Ignored(NOTHING_FOUND));
    let at = Timestamp::from_millisecond(parsed[0].at.unwrap().ms).unwrap();
    assert_eq!(at.to_string(), "2026-11-21T07:03:05Z");
    assert!(!format!("{parsed:?}").contains("rahasia"));
}

#[test]
fn the_boundaries_of_version_3_are_read() {
    let log = transaction("Ab1Cd2Ef", "x", &format!("ModSecurity: {DENIED}"))
        .replace("--Ab1Cd2Ef-", "---Ab1Cd2Ef---");
    assert!(told(&read(&log)[0]).starts_with("Error 920350 "));
}

#[test]
fn a_body_forges_no_transaction_and_a_broken_one_ends_at_the_next() {
    let forged = transaction("a1b2c3d4", &transaction("ffffffff", "x", DENIED), "");
    assert_eq!(read(&forged).iter().filter(|parsed| parsed.lines > 1).count(), 1);
    let broken = format!(
        "--a1b2c3d4-A--\nx\n--a1b2c3d4-B--\nGET /\n{}",
        transaction("0000ffff", "x", &format!("Message: {DENIED}"))
    );
    let parsed = read(&broken);
    assert_eq!((parsed[0].lines, parsed[1].lines), (4, 16));
    assert!(told(&parsed[1]).starts_with("Error 920350 "));
}

#[test]
fn stray_lines_are_told_apart() {
    let said: Vec<_> = read("\n--a1b2c3d4-Z--\nbukan log\n").into_iter().map(|p| p.said).collect();
    assert_eq!(said, [Said::Ignored(CONTINUATION), Said::Ignored(CONTINUATION), Said::Unparsed]);
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "--(a1b2c3d4|0000ffff)-[ABCFHZ]--",
        Just(format!("Message: {DENIED}")),
        "Message: Warning[. ]\\[(id|msg) \"[0-9]{0,12}\\\\?\"?\\]?",
        "\\PC{0,30}",
    ]
}

proptest! {
    #[test]
    fn every_line_has_one_fate_and_reading_resumes_after_any_entry(
        lines in prop::collection::vec(line(), 0..30), at in any::<prop::sample::Index>()
    ) {
        let log: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let whole = read(&log);
        prop_assert_eq!(whole.iter().map(|parsed| parsed.lines).sum::<u64>(), lines.len() as u64);
        if !whole.is_empty() {
            let stop = at.index(whole.len());
            let rest = read(&log[whole[stop].end as usize..]);
            let said = |all: &[Parsed<'_>]| all.iter().map(|p| (p.lines, told(p), p.at)).collect::<Vec<_>>();
            prop_assert_eq!(said(&rest), said(&whole[stop + 1..]));
        }
    }
}
