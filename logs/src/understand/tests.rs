use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::*;
use crate::{
    entry::{OWN_SELECT, Severity},
    parse::{ENTRY_BYTES_MAX, log4j, play, postgres},
};

const POSTGRES: &str = include_str!("../parse/fixtures/postgresql.log");
const PLAY: &str = include_str!("../parse/fixtures/spse4.4.log");

fn now() -> i64 {
    "2026-11-21T08:00:00Z".parse::<Timestamp>().unwrap().as_millisecond()
}

fn stream(format: &Format) -> LogStream {
    let zone = TimeZone::get("Asia/Jakarta").unwrap();
    LogStream::new(format, &Layout { text: None, zone }, cluster(format), None)
}

fn cluster(format: &Format) -> &'static str {
    if format.of_cluster { "spse" } else { "" }
}

pub(super) fn postgres() -> &'static Format {
    &postgres::stderr::FORMAT
}

/// Entries of `log` read from `offset` on, by a stream that knows nothing of what was before.
fn read_from(format: &Format, log: &[u8], offset: u64) -> (Vec<Entry>, Vec<(&'static str, u64)>) {
    let mut stream = stream(format);
    let mut entries = Vec::new();
    let mut end = offset;
    let rest = log.get(usize::try_from(offset).unwrap()..).unwrap();
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        end += line.len() as u64;
        let bytes = line.strip_suffix(b"\n").unwrap_or(line);
        stream.line(Line { bytes, end, now_ms: now() }, |entry| entries.push(entry));
    }
    stream.finish(|entry| entries.push(entry));
    (entries, stream.take_redactions())
}

pub(super) fn read(format: &Format, log: &str) -> Vec<Entry> {
    read_from(format, log.as_bytes(), 0).0
}

fn errors(entries: &[Entry]) -> Vec<&ErrorEvent> {
    let error = |entry: &'_ Entry| matches!(entry.event, Some(Event::Error(_)));
    entries
        .iter()
        .filter(|entry| error(entry))
        .filter_map(|entry| match &entry.event {
            Some(Event::Error(error)) => Some(error),
            _ => None,
        })
        .collect()
}

/// What is counted of an entry.
fn essence(entry: &Entry) -> (u64, u64, Fate, Option<u64>) {
    let fingerprint = entry.event.as_ref().and_then(|event| match event {
        Event::Error(error) => Some(error.group.fingerprint),
        Event::Query(query) => Some(query.group.fingerprint),
        Event::Activity(_) | Event::Request(_) => None,
    });
    (entry.lines, entry.end, entry.fate, fingerprint)
}

#[test]
fn the_postgresql_fixture_is_understood_to_its_last_line() {
    let entries = read(postgres(), POSTGRES);
    let groups: Vec<_> = errors(&entries)
        .iter()
        .map(|error| (error.group.class, error.group.severity, error.group.template.as_str()))
        .collect();
    assert_eq!(
        groups,
        [
            (
                "database.unique_violation",
                Severity::Error,
                "duplicate key value violates unique constraint \"peserta_nik_key\""
            ),
            (
                "database.invalid_value",
                Severity::Error,
                "invalid input syntax for type integer: \"<text>\""
            ),
            ("database.deadlock", Severity::Error, "deadlock detected"),
            (
                "database.authentication",
                Severity::Fatal,
                "password authentication failed for user \"<text>\""
            ),
            ("database.missing_object", Severity::Error, "relation \"jadwal_lama\" does not exist"),
            (
                "database.disk_full",
                Severity::Error,
                "could not extend file \"<text>\": No space left on device"
            ),
            ("database.other", Severity::Warning, "there is no transaction in progress"),
            (
                "database.unique_violation",
                Severity::Error,
                "duplicate key value violates unique constraint \"peserta_nik_key\""
            ),
            (
                "database.corruption",
                Severity::Panic,
                "could not read block <n> of relation base/<n>: read only <n> of <n> bytes"
            ),
        ]
    );
    assert!(entries.iter().all(|entry| entry.fate != Fate::Unparsed));
    assert!(entries.iter().all(|entry| entry.at.is_some_and(|at| !at.estimated)));
}

#[test]
fn queries_of_the_log_bear_cluster_and_database() {
    let entries = read(postgres(), POSTGRES);
    let queries: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Some(Event::Query(query)) => Some((
                query.group.database.as_str(),
                query.group.template.as_str(),
                query.duration_us,
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        queries,
        [
            ("spse/epns_prod", "select * from lelang where lls_id = ?", 1_234_567),
            (
                "spse/epns_prod",
                "select p.nama from peserta p where p.lls_id = ? and p.status in (?)",
                88_000
            ),
        ]
    );
}

#[test]
fn the_play_fixture_is_understood_to_its_last_line() {
    let entries = read(&play::FORMAT, PLAY);
    let groups: Vec<_> = errors(&entries)
        .iter()
        .map(|error| {
            (
                error.group.class,
                error.group.failed_transaction,
                error.group.template.as_str(),
                error.error_ids.join(" "),
            )
        })
        .collect();
    assert_eq!(
        groups,
        [
            (
                "application.bug",
                true,
                "java.lang.NullPointerException at controllers.lelang.LelangCtr.view",
                "@8f02fa9dd".to_owned()
            ),
            (
                "application.login",
                false,
                "Login gagal untuk pengguna: <value>, alamat <host>",
                String::new()
            ),
            (
                "database.unique_violation",
                true,
                "javax.persistence.PersistenceException caused by org.postgresql.util.PSQLException: ERROR: duplicate key value violates unique constraint \"peserta_nik_key\" at models.lelang.Peserta.simpan",
                "@8f02fa9de".to_owned()
            ),
            (
                "application.mail",
                true,
                "Gagal mengirim email ke <email>: javax.mail.MessagingException: Could not connect to SMTP host: <host>, port: <n>",
                String::new()
            ),
        ]
    );
    assert!(entries.iter().all(|entry| entry.fate != Fate::Unparsed));
}

#[test]
fn an_application_error_and_the_database_error_behind_it_are_matched_by_fingerprint() {
    let of_database = read(postgres(), POSTGRES);
    let of_application = read(&play::FORMAT, PLAY);
    let causes: Vec<_> =
        errors(&of_application).iter().filter_map(|error| error.group.cause).collect();
    let duplicate = errors(&of_database)[0].group.fingerprint;
    assert_eq!(causes, [duplicate]);
    for message in [
        "invalid input syntax for type integer: \"4711-x\"",
        "value too long for type character varying(20)",
        "could not obtain lock on row in relation \"lelang\"",
        "insert or update on table \"peserta\" violates foreign key constraint \"fk_lelang\"",
        "deadlock detected",
    ] {
        let logged =
            read(postgres(), &format!("2026-11-21 14:03:05 WIB [812] ERROR:  {message}\n"));
        let thrown = read(
            &log4j::FORMAT,
            &format!(
                "2026-11-21 14:03:05,123 ERROR [main] a.b.C - gagal\norg.postgresql.util.PSQLException: ERROR: {message}\n  Detail: Key (nik)=(3201234567890123) already exists.\n\tat a.B.c(B.java:1)\n"
            ),
        );
        let fingerprint = errors(&logged)[0].group.fingerprint;
        assert_eq!(errors(&thrown)[0].group.cause, Some(fingerprint), "{message}");
    }
}

#[test]
fn nothing_personal_of_the_fixtures_leaves_the_server() {
    let mut seen = String::new();
    for (format, log) in [(postgres(), POSTGRES), (&play::FORMAT, PLAY)] {
        for error in errors(&read(format, log)) {
            seen.push_str(&format!(
                "{}\n{}\n{:?}\n",
                error.group.template, error.exemplar, error.error_ids
            ));
        }
    }
    for secret in [
        "Budi",
        "Siti",
        "budi",
        "siti",
        "3201",
        "0812",
        "10.20.30.44",
        "Melati",
        "rahasia",
        "1750000",
    ] {
        assert!(!seen.contains(secret), "{secret} in\n{seen}");
    }
}

#[test]
fn the_same_statement_has_one_fingerprint_from_the_log_and_from_the_view() {
    let entries = read(
        postgres(),
        "2026-11-21 14:03:05 WIB [812] epns@epns_prod LOG:  duration: 1.000 ms  execute <unnamed>: SELECT * FROM lelang WHERE lls_id = -7 AND nama IN ('a', 'b') LIMIT 10\n",
    );
    let Some(Event::Query(from_log)) = &entries[0].event else { panic!("{entries:?}") };
    let from_view = name_statement(
        &mut Canonical::default(),
        "SELECT * FROM lelang WHERE lls_id = $1 AND nama IN ($2, $3) LIMIT $4",
    );
    assert_eq!(from_view, (from_log.group.fingerprint, from_log.group.template.clone()));
    assert_eq!(from_log.group.database, "spse/epns_prod");
}

#[test]
fn our_own_statements_in_the_log_are_neither_queries_nor_errors() {
    let head = |label| format!("2026-11-21 14:03:05.123 UTC [9] pantau@epns_prod {label}:  ");
    let (log, error, statement) = (head("LOG"), head("ERROR"), head("STATEMENT"));
    let text = format!(
        "{log}duration: 0.4 ms  execute <unnamed>: {OWN_SELECT} 1\n\
         {error}permission denied for table pegawai\n\
         {statement}{OWN_SELECT} (SELECT count(*)\n\tFROM pegawai\n\t)::bigint\n\
         {log}duration: 0.4 ms  statement: SELECT '{OWN_SELECT}' FROM pegawai\n\
         {error}permission denied for table pegawai\n\
         {statement}SELECT '{OWN_SELECT}' FROM pegawai\n"
    );
    let fates: Vec<_> =
        read(postgres(), &text).iter().map(|entry| (entry.lines, entry.fate)).collect();
    let own = Fate::Ignored("own statement");
    assert_eq!(fates, [(1, own), (4, own), (1, Fate::Counted), (2, Fate::Counted)]);
}

#[test]
fn entries_before_the_start_are_not_counted() {
    let start = "2026-11-21T07:03:06Z".parse::<Timestamp>().unwrap().as_millisecond();
    let layout = Layout { text: None, zone: TimeZone::UTC };
    let mut stream = LogStream::new(postgres(), &layout, "spse", Some(start));
    let mut fates = Vec::new();
    for (bytes, end) in [
        (&b"2026-11-21 14:03:05 WIB [1] ERROR:  a"[..], 38),
        (b"2026-11-21 14:03:06 WIB [1] ERROR:  a", 76),
    ] {
        let line = Line { bytes, end, now_ms: now() };
        stream.line(line, |entry| fates.push((entry.fate, entry.event.is_some())));
    }
    stream.finish(|entry| fates.push((entry.fate, entry.event.is_some())));
    assert_eq!(fates, [(Fate::BeforeStart, false), (Fate::Counted, true)]);
}

#[test]
fn one_group_is_held_once_however_often_it_occurs() {
    let entries =
        read(postgres(), &"2026-11-21 14:03:05 WIB [1] ERROR:  deadlock detected\n".repeat(3));
    let errors = errors(&entries);
    assert!(Arc::ptr_eq(&errors[0].group, &errors[2].group));
}

#[test]
fn an_exemplar_keeps_the_contracts_limit() {
    let log = format!("ERROR ~ é{}\n", "é".repeat(ENTRY_BYTES_MAX));
    let entries = read(&play::FORMAT, &log);
    assert!(errors(&entries)[0].exemplar.len() <= EXEMPLAR_BYTES_MAX);
}

/// Lines of both formats, whole and broken, as a log may mix them.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(
        POSTGRES
            .lines()
            .chain(PLAY.lines())
            .map(|line| line.as_bytes().to_vec())
            .collect::<Vec<_>>(),
    );
    let odd = prop::sample::select(vec![
        b"".to_vec(),
        b"\r".to_vec(),
        b"\tlanjutan".to_vec(),
        b"bukan log".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        b"2026-11-21 14:03:05 WIB [813] HINT:  x".to_vec(),
    ]);
    prop_oneof![6 => known, 2 => odd, 1 => prop::collection::vec(any::<u8>().prop_filter("one line", |b| *b != b'\n'), 0..40)]
}

fn log() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(line(), 0..60)
        .prop_map(|lines| lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect())
}

#[test]
fn the_bytes_of_one_log_give_the_same_counts_from_every_entry_on() {
    for (format, log) in [(postgres(), POSTGRES), (&play::FORMAT, PLAY)] {
        let whole = read(format, log);
        for (index, entry) in whole.iter().enumerate() {
            let (rest, _) = read_from(format, log.as_bytes(), entry.end);
            let expected: Vec<_> = whole.iter().skip(index + 1).map(essence).collect();
            assert_eq!(rest.iter().map(essence).collect::<Vec<_>>(), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_line_has_exactly_one_fate(log in log(), play in any::<bool>()) {
        let format = if play { &play::FORMAT } else { postgres() };
        let (entries, _) = read_from(format, &log, 0);
        let lines = log.iter().filter(|byte| **byte == b'\n').count() as u64;
        prop_assert_eq!(entries.iter().map(|entry| entry.lines).sum::<u64>(), lines);
        prop_assert_eq!(entries.last().map_or(0, |entry| entry.end), log.len() as u64);
        for entry in &entries {
            prop_assert_eq!(entry.event.is_some(), entry.fate == Fate::Counted);
        }
    }

    #[test]
    fn reading_resumes_after_any_entry_as_if_it_had_not_stopped(
        log in log(), play in any::<bool>(), at in any::<prop::sample::Index>()
    ) {
        let format = if play { &play::FORMAT } else { postgres() };
        let (whole, _) = read_from(format, &log, 0);
        prop_assume!(!whole.is_empty());
        let stop = at.index(whole.len());
        let (rest, _) = read_from(format, &log, whole[stop].end);
        let expected: Vec<_> = whole.iter().skip(stop + 1).map(essence).collect();
        prop_assert_eq!(rest.iter().map(essence).collect::<Vec<_>>(), expected);
    }
}
