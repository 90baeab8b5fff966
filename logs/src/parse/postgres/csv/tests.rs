use proptest::prelude::*;

use super::*;
use crate::{
    entry::Severity,
    parse::{Activity, DatabaseFailure, Execution, Part, PartKind, laws, samples::read_all},
};

const HEAD: &str = "2026-11-21 14:03:05.123 WIB,\"epns\",\"epns_prod\",812,\"10.1.2.3:40112\",6560a1b2.32c,7,\"INSERT\",2026-11-21 14:00:00 WIB,3/77,4711,";
const BACKGROUND: &str =
    "2026-11-21 14:03:05.123 WIB,,,99,,6560a1b2.63,1,,2026-11-21 14:00:00 WIB,,0,";

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

#[test]
fn a_record_runs_over_as_many_lines_as_its_fields_have() {
    let log = format!(
        "{HEAD}ERROR,23505,\"duplicate key value violates unique constraint \"\"peserta_pkey\"\"\",\"Key (id)=(7) already exists.\",,,,,\"INSERT INTO peserta\n  VALUES (7, '\"\"')\n\",12,,\"spse \"\"4\"\"\",\"client backend\",,-77\n"
    );
    let parts = [
        (PartKind::Detail, "Key (id)=(7) already exists."),
        (PartKind::Statement, "INSERT INTO peserta\n  VALUES (7, '\"')\n"),
    ];
    let expected =
        failure("duplicate key value violates unique constraint \"peserta_pkey\"", &parts);
    assert_eq!(said(&log), [(3, expected)]);
}

#[test]
fn each_version_is_told_by_its_number_of_columns() {
    for (version, rest) in [
        ("8.4", ""),
        ("9.2", ",\"psql\""),
        ("13", ",\"psql\",\"client backend\""),
        ("18", ",\"psql\",\"client backend\",,0"),
    ] {
        let log =
            format!("{HEAD}LOG,00000,\"duration: 5.250 ms  statement: SELECT 1\",,,,,,,,{rest}\n");
        let application = if rest.is_empty() { "" } else { "psql" };
        let expected = Said::Executed(Execution {
            database: "epns_prod".into(),
            application: application.into(),
            statement: "SELECT 1".into(),
            duration_us: 5_250,
        });
        assert_eq!(said(&log), [(1, expected)], "{version}");
    }
    let other = format!("{HEAD}LOG,00000,\"duration: 5.250 ms  statement: SELECT 1\",,,,,,\n");
    assert_eq!(said(&other), [(1, Said::Unparsed)]);
}

#[test]
fn every_part_is_told_in_the_order_of_the_columns() {
    let log =
        format!("{HEAD}GALAT,23505,\"a\",\"b\",\"c\",\"d\",1,\"e\",\"f\",2,\"g, h.c:1\",\"\"\n");
    use PartKind::{Context, Detail, Hint, Statement};
    let parts = [(Detail, "b"), (Hint, "c"), (Statement, "d"), (Context, "e"), (Statement, "f")];
    assert_eq!(said(&log), [(1, failure("a", &parts))]);
}

#[test]
fn background_processes_have_no_names_and_write_over_lines() {
    let log = format!(
        "{BACKGROUND}LOG,00000,\"automatic analyze of table \"\"epns_prod.public.peserta\"\"\nI/O timings: read: 0.000 ms\nsystem usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 0.02 s\",,,,,,,,,\"\",\"autovacuum worker\",,0\n"
    );
    let expected = Said::Active(Activity {
        kind: crate::entry::ActivityKind::Analyze,
        amount: 20_000,
        subject: "epns_prod.public.peserta".into(),
    });
    assert_eq!(said(&log), [(3, expected)]);
}

#[test]
fn a_record_that_was_never_finished_costs_no_other() {
    let log =
        format!("{HEAD}ERROR,23505,\"a\",,,,,,\"SELECT\n{HEAD}ERROR,23505,\"b\",,,,,,,,,\"\"\n");
    let statement = [(PartKind::Statement, "SELECT")];
    assert_eq!(said(&log), [(1, failure("a", &statement)), (1, failure("b", &[]))]);
}

#[test]
fn no_line_of_a_statement_is_taken_for_a_record() {
    let real = |message: &str| format!("{BACKGROUND}LOG,00000,\"{message}\",,,,,,,,,\"\"");
    assert!(head(real("x").as_bytes()).is_some());
    assert!(head(real("\"\"x\"\" is an index").as_bytes()).is_some());
    // Any text, as it stands within a field: with each quote doubled, and perhaps the field's end.
    for text in ["\"", "x", "\"x", ",", "\",", "\"\"", "\",,,,,,,,,\"\"", ""] {
        for end in ["", "\",,,\"psql\",\"client backend\",,0", "\",12,,\"psql\""] {
            let line = format!("{BACKGROUND}LOG,00000,{}{end}", text.replace('"', "\"\""));
            assert_eq!(head(line.as_bytes()), None, "{line}");
        }
    }
}

#[test]
fn what_stands_before_the_first_record_read_belongs_to_another() {
    let log = format!("  VALUES (7)\",12,,\"\"\n{HEAD}ERROR,23505,\"b\",,,,,,,,,\"\"\n");
    assert_eq!(said(&log), [(1, Said::Ignored(CONTINUATION)), (1, failure("b", &[]))]);
}

proptest! {
    #[test]
    fn what_holds_of_every_format_holds(log in laws::log(&[
        "2026-11-21 14:03:05.123 WIB,\"a\",\"b\",812,\"[local]\",6560a1b2.32c,7,\"INSERT\",2026-11-21 14:00:00 WIB,3/77,0,ERROR,23505,\"a\",,,,,,,,,\"\"",
        "2026-11-21 14:03:05.123 WIB,\"a\",\"b\",812,,6560a1b2.32c,7,,2026-11-21 14:00:00 WIB,3/77,0,LOG,00000,\"duration: 1 ms  statement: a",
        "2026-11-21 14:03:05.123 WIB,,,812,,6560a1b2.32c,7,,2026-11-21 14:00:00 WIB,,0,LOG,00000,\"a\",,,,,,,,,\"\"",
        "text \"\" of a field",
        "end\",,,,,,,,,\"psql\"",
        "\",,,,,,,,,\"psql\"",
    ])) {
        laws::hold(&FORMAT, &log);
    }

    #[test]
    fn a_field_is_read_as_it_was_written(message in "[a-z\",\n]{1,20}", statement in "[a-z\",\n]{1,20}") {
        let quote = |text: &str| text.replace('"', "\"\"");
        let log = format!("{HEAD}ERROR,23505,\"x{}\",,,,,,\"{}\",,,\"\"\n", quote(&message), quote(&statement));
        let expected = failure(&format!("x{message}"), &[(PartKind::Statement, &statement)]);
        prop_assert_eq!(said(&log).remove(0).1, expected);
    }
}
