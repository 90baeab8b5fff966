use proptest::prelude::*;

use super::*;
use crate::{
    entry::Severity,
    parse::{CONTINUATION, DatabaseFailure, Execution, Part, PartKind, laws, samples::read_all},
};

fn said(log: &str) -> Vec<(u64, Said<'static>)> {
    let parsed = read_all(&FORMAT, None, log, 1_000);
    parsed.into_iter().map(|parsed| (parsed.lines, parsed.said)).collect()
}

fn failure(message: &str, parts: &[(PartKind, &str)]) -> Said<'static> {
    let part =
        |(kind, text): &(PartKind, &str)| Part { kind: *kind, text: (*text).to_owned().into() };
    Said::Database(DatabaseFailure {
        severity: Severity::Error,
        sqlstate: "23505".into(),
        message: message.to_owned().into(),
        parts: parts.iter().map(part).collect(),
    })
}

const RECORD: &str = r#"{"timestamp":"2026-11-21 14:03:05.123 WIB","user":"epns","dbname":"epns_prod","pid":812,"remote_host":"10.1.2.3","remote_port":40112,"session_id":"6560a1b2.32c","line_num":7,"ps":"INSERT","txid":4711,"error_severity":"ERROR","state_code":"23505","message":"duplicate key value violates unique constraint \"peserta_pkey\"","detail":"Key (nama)=(\u00c9va\ud83d\ude00) already exists.","statement":"INSERT INTO peserta\n\tVALUES ('\\')","cursor_position":12,"application_name":"psql","backend_type":"client backend","query_id":-77}
"#;

#[test]
fn a_record_is_one_line_with_its_escapes_undone() {
    let parts = [
        (PartKind::Detail, "Key (nama)=(Éva😀) already exists."),
        (PartKind::Statement, "INSERT INTO peserta\n\tVALUES ('\\')"),
    ];
    let expected =
        failure("duplicate key value violates unique constraint \"peserta_pkey\"", &parts);
    assert_eq!(said(RECORD), [(1, expected)]);
    let at = read_all(&FORMAT, None, RECORD, 0)[0].at;
    assert_eq!(at, Some(EventTime { ms: 1_795_244_585_123, estimated: false }));
}

const CALL: &str = "\"message\":\"duration: 5.250 ms  statement: SELECT 1\"";

fn call(application: &str, database: &str) -> Said<'static> {
    Said::Executed(Execution {
        database: database.to_owned().into(),
        application: application.to_owned().into(),
        statement: "SELECT 1".into(),
        duration_us: 5_250,
    })
}

#[test]
fn cloudnativepg_wraps_the_columns_of_csvlog() {
    let log = format!(
        r#"{{"level":"info","ts":"2026-11-21T07:03:05Z","logger":"postgres","msg":"record","logging_pod":"epns-1","record":{{"log_time":"2026-11-21 07:03:05.123 UTC","user_name":"epns","database_name":"epns_prod","process_id":"812","error_severity":"LOG","sql_state_code":"00000",{CALL},"application_name":"psql","backend_type":"client backend","query_id":"0"}}}}
{{"level":"info","ts":"2026-11-21T07:03:05Z","logger":"instance-manager","msg":"Checked replica"}}
"#
    );
    assert_eq!(said(&log), [(1, call("psql", "epns_prod")), (1, Said::Ignored(OPERATOR))]);
}

#[test]
fn cloud_sql_and_containers_wrap_lines_of_stderr() {
    let line = "2026-11-21 07:03:05.123 UTC [812]: [5-1] db=epns_prod,user=epns LOG:  duration: 5.250 ms  statement: SELECT 1";
    for log in [
        format!(
            r#"{{"insertId":"s=1","resource":{{"type":"cloudsql_database","labels":{{"region":"asia-southeast2"}}}},"textPayload":"{line}","timestamp":"2026-11-21T07:03:05.123Z"}}"#
        ),
        format!(r#"{{"jsonPayload":{{"message":"{line}"}},"severity":"INFO"}}"#),
        format!(r#"{{"log":"{line}\n","stream":"stderr","time":"2026-11-21T07:03:05.123Z"}}"#),
    ] {
        assert_eq!(said(&format!("{log}\n")), [(1, call("", "epns_prod"))], "{log}");
        assert_eq!((FORMAT.open)(&layout()).fit(log.as_bytes()), Fit::Begins);
    }
}

fn layout() -> Layout {
    Layout { text: None, zone: jiff::tz::TimeZone::UTC }
}

#[test]
fn further_parts_in_envelopes_of_their_own_are_of_the_entry_before() {
    let text =
        |text: &str| format!("{{\"textPayload\":\"2026-11-21 07:03:05 UTC [812]: {text}\"}}\n");
    let log =
        [text("ERROR:  23505: a"), text("STATEMENT:  INSERT\\n\\tVALUES"), text("DETAIL:  b")];
    let parts = [(PartKind::Statement, "INSERT\nVALUES"), (PartKind::Detail, "b")];
    assert_eq!(said(&log.concat()), [(3, failure("a", &parts))]);
    assert_eq!(said(&log[1]), [(1, Said::Ignored(CONTINUATION))]);
}

#[test]
fn what_is_no_record_is_not_understood() {
    for log in
        ["", "[]", "{\"a\":{\"b\":[1,\"]\"]},\"c\":null}", "{\"message\":\"a\"}", "no json", "{"]
    {
        assert_eq!(said(&format!("{log}\n")), [(1, Said::Unparsed)], "{log}");
    }
}

#[test]
fn half_a_surrogate_and_broken_escapes_are_shown_as_such() {
    for (raw, expected) in [
        (r"\ud83dx", "\u{fffd}x"),
        (r"\ude00", "\u{fffd}"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\u12", "\u{fffd}12"),
        (r"\q\/", "q/"),
    ] {
        let log = RECORD.replace("\"detail\":\"", &format!("\"hint\":\"{raw}\",\"detail\":\""));
        let Said::Database(failure) = said(&log).remove(0).1 else { panic!("{log}") };
        let hint = failure.parts.iter().find(|part| part.kind == PartKind::Hint);
        assert_eq!(hint.map(|part| &*part.text), Some(expected), "{raw}");
    }
}

proptest! {
    #[test]
    fn what_holds_of_every_format_holds(log in laws::log(&[
        "{\"timestamp\":\"2026-11-21 14:03:05 WIB\",\"error_severity\":\"ERROR\",\"message\":\"a\\\\\"}",
        "{\"timestamp\":\"2026-11-21 14:03:05 WIB\",\"error_severity\":\"LOG\",\"message\":\"duration: 1 ms  statement: \\u00e9\",\"x\":{\"y\":[{}]}}",
        "{\"logger\":\"postgres\",\"record\":{\"log_time\":\"\\ud83d\",\"error_severity\":\"LOG\",\"message\":\"a\"}}",
        "{\"textPayload\":\"2026-11-21 14:03:05 UTC [1] ERROR:  a\\n\\tb\\n2026-11-21 14:03:05 UTC [1] LOG:  c\"}",
        "{\"textPayload\":\"2026-11-21 14:03:05 UTC [1] DETAIL:  a\"}",
        "{\"textPayload\":\"\\tb\"}",
    ])) {
        laws::hold(&FORMAT, &log);
    }

    #[test]
    fn an_escaped_text_is_read_as_it_was_written(message in "[a-z\"\\\\\n\t/é😀]{1,20}") {
        let escaped: String = message.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let log = format!("{{\"timestamp\":\"2026-11-21 14:03:05 WIB\",\"error_severity\":\"ERROR\",\"state_code\":\"23505\",\"message\":\"{escaped}\"}}\n");
        prop_assert_eq!(said(&log).remove(0).1, failure(&message, &[]));
    }
}
