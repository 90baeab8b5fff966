//! Secrets of every kind, planted in every place of every format, and looked for in all that leaves.

use super::{tests::*, *};
use crate::parse::{
    http::{access, apache_error, modsecurity, nginx_error},
    journal, json_lines, log4j, pgbouncer, plain, play, postgres, syslog, tomcat,
};
use proptest::prelude::*;

/// Every kind of secret. None is a part of another or of the lines they are planted in.
const SECRETS: &[&str] = &[
    "budi.santoso@contoh.go.id",
    "081298765432",
    "+6281298765432",
    "0812-9876-5432",
    "3201987654321098",
    "98.765.432.1-098.000",
    "987654321098765",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiJi.c2lnbmF0dXJl",
    "4f3c2b1a9988776655aabbcc",
    "0b5d1c9e-1111-4222-8333-abcdefabcdef",
    "Rp 1.987.654.321,00",
    "10.98.76.54",
];

/// Texts that no shape gives away: secret by where they stand.
const PLACES: &[&str] = &[
    "invalid input syntax for type integer: \"{}\"",
    "password authentication failed for user \"{}\"",
    "syntax error at or near \"{}\"",
    "date/time field value out of range: \"{}\"",
    "nilai '{}' ditolak",
    "koneksi postgres://epns:{}@db.contoh.go.id/epns gagal",
    "koneksi host=db password={} dbname=epns gagal",
    "ALTER ROLE epns WITH PASSWORD '{}'",
    "ALTER ROLE epns WITH PASSWORD {}",
    "Cookie: PLAY_SESSION={}",
    "Authorization: Basic {}",
    "request GET /masuk?token={}",
    "authenticityToken={}",
    "Key (nama)=({}) already exists.",
    "Failing row contains (7, {}, null).",
    "select * from peserta where nama = '{}'",
    "insert into peserta values ('{}', 7)",
    "nama: {}, kode 7",
    "{\"password\":\"{}\"}",
];

/// What leaves the server of a log, as one text.
fn what_leaves(format: &Format, log: &str) -> String {
    let mut seen = String::new();
    for entry in read(format, log) {
        match entry.event {
            Some(Event::Error(e)) => {
                seen.push_str(&format!(
                    "{}\n{}\n{}\n",
                    e.group.template,
                    e.exemplar,
                    e.error_ids.join(" ")
                ));
            }
            Some(Event::Query(query)) => seen.push_str(&query.group.template),
            Some(Event::Activity(activity)) => seen.push_str(&activity.subject),
            Some(Event::Request(request)) => {
                let failed = request.failure.as_ref().map_or("", |group| group.template.as_str());
                seen.push_str(&format!("{} {failed}", request.route.template));
            }
            None => {}
        }
    }
    seen
}

/// A text planted wherever the formats carry text.
fn logs_with(planted: &str) -> Vec<(&'static Format, String)> {
    let head = "2026-11-21 14:03:05 WIB [812] epns@epns_prod";
    let further = |label: &str| format!("{head} ERROR:  gagal\n{head} {label}:  {planted}\n");
    let mut logs = vec![
        (postgres(), format!("{head} ERROR:  {planted}\n")),
        (postgres(), format!("{head} WARNING:  a\n\t{planted}\n")),
        (&play::FORMAT, format!("ERROR ~ {planted}\n")),
        (&log4j::FORMAT, format!("2026-11-21 14:03:05,123 ERROR [main] a.b.C - {planted}\n")),
        (
            &tomcat::FORMAT,
            format!(
                "21-Nov-2026 14:03:05.123 SEVERE [main] a.b.C.d {planted}\n\ta.b.CException: {planted}\n"
            ),
        ),
        (&tomcat::FORMAT, format!("Nov 21, 2026 2:03:05 PM a.b.C d\nWARNING: {planted}\n")),
        (
            &play::FORMAT,
            format!(
                "WARN ~ \n\n@6f02fa9dd\n{planted}\n\njava.lang.Error: {planted}\n\tat a.B.c(D.java:1)\nCaused by: x.Y.ZException: {planted}\n\tat a.B.c(D.java:1)\n"
            ),
        ),
    ];
    logs.extend(
        ["DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY"]
            .map(|label| (postgres(), further(label))),
    );
    logs.extend(other_forms_with(planted));
    logs.extend(logs_of_envelopes(planted));
    logs.extend(logs_of_web_servers(planted));
    logs
}

/// The same in the logs of web servers. In a request line a space ends the path.
fn logs_of_web_servers(planted: &str) -> Vec<(&'static Format, String)> {
    let quoted = planted.replace('"', "\\\"");
    let in_path = quoted.replace(' ', "%20");
    let access = |user: &str, request: &str, referrer: &str, agent: &str| {
        let line = format!(
            "10.1.2.3 - {user} [21/Nov/2026:14:03:05 +0700] \"{request}\" 502 17 \"{referrer}\" \"{agent}\"\n"
        );
        (&access::FORMAT, line)
    };
    let nginx = "2026/11/21 14:03:05 [error] 812#0: *77";
    let apache = "[Sat Nov 21 14:03:05.123456 2026] [proxy:error] [pid 812:tid 77]";
    vec![
        access("-", &format!("GET /lelang/{in_path} HTTP/1.1"), "-", "-"),
        access("-", &format!("GET /lelang/1?nama={in_path} HTTP/1.1"), "-", "-"),
        access("-", &format!("POST /dokumen/{in_path}.pdf HTTP/1.1"), "-", "-"),
        access(&in_path, "GET /lelang HTTP/1.1", &in_path, &quoted),
        access("-", &quoted, "-", "-"),
        (&nginx_error::FORMAT, format!("{nginx} {planted}, client: 10.1.2.3\n")),
        (
            &nginx_error::FORMAT,
            format!(
                "{nginx} upstream timed out, client: 10.1.2.3, request: \"GET /{in_path} HTTP/1.1\", referrer: \"{quoted}\"\n"
            ),
        ),
        (&apache_error::FORMAT, format!("{apache} [client 10.1.2.3:5555] {planted}\n")),
        (
            &apache_error::FORMAT,
            format!(
                "{apache} AH01630: client denied by server configuration: /var/www/{in_path}, referer: {planted}\n"
            ),
        ),
        (
            &modsecurity::FORMAT,
            format!(
                "--a1b2c3d4-A--\n[21/Nov/2026:14:03:05 +0700] X 10.1.2.3 5555 10.1.2.4 80\n--a1b2c3d4-B--\nGET /{in_path} HTTP/1.1\nCookie: {planted}\n\n--a1b2c3d4-C--\n{planted}\n--a1b2c3d4-H--\nMessage: Access denied with code 403 (phase 2). Pattern match \"x\" at ARGS. [id \"920350\"] [msg \"{quoted}\"] [data \"{quoted}\"]\n--a1b2c3d4-Z--\n"
            ),
        ),
    ]
}

/// The same in PostgreSQL's other forms, in LOG messages that are failures, and in the pool's log.
fn other_forms_with(planted: &str) -> Vec<(&'static Format, String)> {
    let csv = planted.replace('"', "\"\"");
    let json = planted.replace('\\', "\\\\").replace('"', "\\\"");
    let at = "2026-11-21 14:03:05 WIB";
    let syslog = |piece: u8, text: &str| {
        format!("Nov 21 14:03:05 db1 postgres[812]: [5-{piece}] {text}{planted}\n")
    };
    vec![
        (postgres(), format!("{at} [812] LOG:  could not open file: {planted}\n")),
        (
            postgres(),
            format!(
                "{at} [812] LOG:  process 1 acquired {planted}Lock on transaction {planted} after 1.000 ms\n"
            ),
        ),
        (
            &postgres::csv::FORMAT,
            format!(
                "{at},\"epns\",\"epns_prod\",812,,1.1,7,,{at},,0,ERROR,23505,\"x {csv}\",\"{csv}\",\"{csv}\",\"{csv}\",1,\"{csv}\",\"{csv}\",2,,\"\"\n"
            ),
        ),
        (
            &postgres::json::FORMAT,
            format!(
                "{{\"timestamp\":\"{at}\",\"error_severity\":\"ERROR\",\"message\":\"x {json}\",\"detail\":\"{json}\",\"hint\":\"{json}\",\"internal_query\":\"{json}\",\"context\":\"{json}\",\"statement\":\"{json}\"}}\n"
            ),
        ),
        (
            &postgres::json::FORMAT,
            format!(
                "{{\"textPayload\":\"{at} [812] ERROR:  x {json}\\n{at} [812] DETAIL:  {json}\"}}\n"
            ),
        ),
        (
            &postgres::syslog::FORMAT,
            [syslog(1, "ERROR:  x "), syslog(2, "DETAIL:  "), syslog(3, "#011")].concat(),
        ),
        (&pgbouncer::FORMAT, format!("{at} [1] WARNING C-0x1: a/b@c:1 pooler error: {planted}\n")),
    ]
}

/// The same in formats that many programs use.
fn logs_of_envelopes(planted: &str) -> Vec<(&'static Format, String)> {
    let escaped = planted.replace('\\', "\\\\").replace('"', "\\\"");
    let json = |fields: &str| format!("{{{}}}\n", fields.replace("{}", &escaped));
    vec![
        (&json_lines::FORMAT, json(r#""level":"error","msg":"{}","time":"{}""#)),
        (&json_lines::FORMAT, json(r#""level":"error","error":{"type":"{}","message":"{}"}"#)),
        (
            &json_lines::FORMAT,
            json(r#""level":50,"err":{"stack":"java.lang.Error: {}\n\tat a.B.c(D.java:1)"}"#),
        ),
        (&json_lines::FORMAT, json(r#""log":"ERROR {}\n","time":"2026-11-21T07:03:05Z""#)),
        (
            &journal::FORMAT,
            json(
                r#""__REALTIME_TIMESTAMP":"1795244585123456","PRIORITY":"3","_COMM":"a","MESSAGE":"{}""#,
            ),
        ),
        (&syslog::FORMAT, format!("<11>Nov 21 14:03:05 app spse[7]: {planted}\n")),
        (
            &syslog::FORMAT,
            format!("Nov 21 14:03:05 app sshd[7]: Failed password for {planted} from 10.7.1.2\n"),
        ),
        (&plain::FORMAT, format!("2026-11-21 14:03:05 ERROR {planted}\n")),
    ]
}

#[test]
fn secrets_of_every_shape_are_found_in_every_place() {
    for secret in SECRETS {
        for around in ["{}", "nilai {} ditolak", "({})", "a={},b", "'{}'", "\"{}\"", "kepada <{}>"]
        {
            for (format, log) in logs_with(&around.replace("{}", secret)) {
                let seen = what_leaves(format, &log);
                assert!(!seen.contains(secret), "{secret} of\n{log}in\n{seen}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_secret_by_its_place_is_found_there(secret in "[A-Z][a-z]{5}[0-9]{3}") {
        for place in PLACES {
            for (format, log) in logs_with(&place.replace("{}", &secret)) {
                let seen = what_leaves(format, &log);
                prop_assert!(!seen.contains(&secret), "{} of\n{}in\n{}", secret, log, seen);
            }
        }
    }
}
