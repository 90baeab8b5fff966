use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::parse::{CONTINUATION, Parsed, Said, laws, samples::read_all};

const NOW_MS: i64 = 1_795_305_600_000;

fn parse(log: &str) -> Vec<Parsed<'static>> {
    read_all(&FORMAT, None, log, NOW_MS)
}

fn failure(line: &str) -> (Severity, String, String) {
    match &parse(line)[0].said {
        Said::Application(f) => (f.severity, f.head.to_string(), f.block.to_string()),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn every_writer_of_json_is_read() {
    for (line, severity, head, block) in [
        // ECS, flat and nested.
        (
            r#"{"@timestamp":"2026-11-21T07:03:05.123Z","log.level":"ERROR","message":"gagal simpan","error.type":"java.io.IOException","error.message":"No space left on device","error.stack_trace":"java.io.IOException: No space left on device\n\tat utils.Simpan.tulis(Simpan.java:8)"}"#,
            Severity::Error,
            "2026-11-21T07:03:05 ERROR ",
            "gagal simpan\njava.io.IOException: No space left on device\n\tat utils.Simpan.tulis(Simpan.java:8)",
        ),
        (
            r#"{"@timestamp":"2026-11-21T14:03:05.123+07:00","log":{"level":"warn","logger":"a.B"},"message":"lambat","ecs":{"version":"8.11"}}"#,
            Severity::Warning,
            "2026-11-21T14:03:05 WARN ",
            "lambat",
        ),
        // logstash-logback-encoder.
        (
            r#"{"@timestamp":"2026-11-21T07:03:05.123Z","@version":"1","message":"x","logger_name":"controllers.Lelang","thread_name":"t-1","level":"ERROR","level_value":40000,"stack_trace":"java.lang.NullPointerException: null\n\tat a.B.c(B.java:1)"}"#,
            Severity::Error,
            "2026-11-21T07:03:05 ERROR ",
            "x\njava.lang.NullPointerException: null\n\tat a.B.c(B.java:1)",
        ),
        // log4j2's JsonLayout.
        (
            r#"{"instant":{"epochSecond":1795244585,"nanoOfSecond":123000000},"thread":"main","level":"FATAL","message":"x","thrown":{"name":"java.lang.OutOfMemoryError","message":"Java heap space"}}"#,
            Severity::Fatal,
            "FATAL ",
            "x\njava.lang.OutOfMemoryError: Java heap space",
        ),
        // Bunyan and pino.
        (
            r#"{"name":"adp","hostname":"a","pid":1,"level":50,"msg":"koneksi putus","time":"2026-11-21T07:03:05.123Z","v":0}"#,
            Severity::Error,
            "2026-11-21T07:03:05 ERROR ",
            "koneksi putus",
        ),
        (
            r#"{"level":60,"time":1795244585123,"err":{"type":"Error","message":"habis","stack":"Error: habis\n    at a.js:1"},"msg":"mati"}"#,
            Severity::Fatal,
            "FATAL ",
            "mati\nError: habis\n    at a.js:1",
        ),
        // Google Cloud.
        (
            r#"{"severity":"CRITICAL","timestamp":{"seconds":1795244585,"nanos":1},"message":"x"}"#,
            Severity::Fatal,
            "CRITICAL ",
            "x",
        ),
        // Words of a level in Indonesian; escapes.
        (
            r#"{"level":"KESALAHAN","msg":"caf\u00e9 \"a\"","ts":1795244585.123}"#,
            Severity::Error,
            "KESALAHAN ",
            "café \"a\"",
        ),
        // No level: the exception, then the words tell.
        (
            r#"{"message":"x","exception":"a.b.CException: d"}"#,
            Severity::Error,
            "",
            "x\na.b.CException: d",
        ),
        (r#"{"msg":"proses gagal"}"#, Severity::Error, "", "proses gagal"),
    ] {
        assert_eq!(failure(line), (severity, head.to_owned(), block.to_owned()), "{line}");
    }
}

#[test]
fn each_level_of_no_interest_is_ignored_by_its_rule() {
    for (line, rule) in [
        (r#"{"level":"info","msg":"error 0"}"#, "info"),
        (r#"{"level":20,"msg":"x"}"#, "debug"),
        (r#"{"level":6,"short_message":"x"}"#, "info"),
        (r#"{"severity":"NOTICE","message":"x"}"#, "notice"),
        (r#"{"message":"selesai tanpa kesalahan"}"#, NO_SIGN),
    ] {
        assert_eq!(parse(line)[0].said, Said::Ignored(rule), "{line}");
    }
}

#[test]
fn times_are_read_in_every_unit() {
    for (time, expected) in [
        (r#""2026-11-21T07:03:05.123Z""#, "2026-11-21T07:03:05.123Z"),
        (r#""2026-11-21T14:03:05.123+0700""#, "2026-11-21T07:03:05.123Z"),
        (r#""2026-11-21 07:03:05,123""#, "2026-11-21T07:03:05.123Z"),
        ("1795244585", "2026-11-21T07:03:05Z"),
        ("1795244585.123", "2026-11-21T07:03:05.123Z"),
        ("1795244585123", "2026-11-21T07:03:05.123Z"),
        ("1795244585123456", "2026-11-21T07:03:05.123Z"),
        ("1795244585123456789", "2026-11-21T07:03:05.123Z"),
        (r#""1795244585123""#, "2026-11-21T07:03:05.123Z"),
    ] {
        let line = format!("{{\"time\":{time},\"level\":\"error\",\"msg\":\"x\"}}");
        let ms = expected.parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(parse(&line)[0].at, Some(EventTime { ms, estimated: false }), "{time}");
    }
}

#[test]
fn a_trace_in_dockers_file_is_one_entry() {
    let log = r#"{"log":"14:03:05,123 ERROR ~ gagal\n","stream":"stdout","time":"2026-11-21T07:03:05.123456789Z"}
{"log":"java.io.IOException: x\n","stream":"stderr","time":"2026-11-21T07:03:05.123456789Z"}
{"log":"\tat a.B.c(B.java:1)\n","stream":"stderr","time":"2026-11-21T07:03:05.2Z"}
{"log":"Caused by: a.b.C\n","stream":"stderr","time":"2026-11-21T07:03:05.2Z"}
{"log":"selesai\n","stream":"stdout","time":"2026-11-21T07:03:06Z"}
{"log":"{\"level\":\"error\",\"msg\":\"di dalam\"}\n","stream":"stdout","time":"2026-11-21T07:03:07Z"}
"#;
    let parsed = parse(log);
    assert_eq!(parsed.iter().map(|p| p.lines).collect::<Vec<_>>(), [1, 3, 1, 1]);
    let Said::Application(second) = &parsed[1].said else { panic!("{parsed:?}") };
    assert_eq!(second.block, "java.io.IOException: x\n\tat a.B.c(B.java:1)\nCaused by: a.b.C");
    assert_eq!(parsed[2].said, Said::Ignored(plain::NO_SIGN));
    assert!(matches!(&parsed[3].said, Said::Application(f) if f.block == "di dalam"));
    assert_eq!(parse(log.lines().nth(2).unwrap())[0].said, Said::Ignored(CONTINUATION));
}

#[test]
fn what_is_no_known_object_is_not_understood() {
    for line in ["x", "{", "[]", r#"{"a":1}"#, r#"{"level":"error"}"#, "{\"message\":7}"] {
        assert_eq!(parse(line)[0].said, Said::Unparsed, "{line}");
    }
}

#[test]
fn a_cut_line_tells_what_it_holds() {
    assert_eq!(failure(r#"{"level":"error","msg":"panjang sek"#).2, "panjang sek");
}

#[test]
fn the_head_holds_nothing_but_a_time_and_a_level() {
    let digits = r#"{"time":3201987654321098,"level":"error","msg":"x"}"#;
    assert_eq!(failure(digits).1, "ERROR ");
    let line = r#"{"time":"2026-11-21 07:03:05 budi@contoh.go.id","level":"error","msg":"x"}"#;
    assert_eq!(failure(line).1, "2026-11-21 07:03:05 ERROR ");
}

const LINES: &[&str] = &[
    r#"{"level":"error","msg":"x","time":1795244585123}"#,
    r#"{"log":"\tat a.B.c(B.java:1)\n","stream":"stderr","time":"2026-11-21T07:03:05.2Z"}"#,
    r#"{"log":"gagal\n","time":"2026-11-21T07:03:05.2Z"}"#,
    r#"{"level":"info","msg":"x"}"#,
    "",
    r#"{"log":"\u"#,
];

proptest! {
    #[test]
    fn no_bytes_stop_it_and_every_line_has_one_fate(log in laws::log(LINES)) {
        laws::hold(&FORMAT, &log);
    }
}
