//! Lines in memory to counted entries, per format: `cargo bench -p pantau-logs --bench understand`.

use divan::{Bencher, black_box, counter::BytesCount};
use jiff::tz::TimeZone;
use pantau_logs::{
    format::{Format, Layout},
    parse::{Line, journal, json_lines, log4j, plain, play, postgres, syslog, tomcat},
    understand::LogStream,
};

mod logs;

use logs::Kind;

/// Large enough that every kind of entry comes often.
const BYTES: usize = 4 * 1024 * 1024;
/// 2026-11-22T00:00:00Z, after every entry of the logs.
const NOW_MS: i64 = 1_795_305_600_000;
/// The pattern of Spring Boot without colours.
const SPRING_BOOT: &str =
    "%d{yyyy-MM-dd HH:mm:ss.SSS} %5p ${PID:- } --- [%15.15t] %-40.40logger{39} : %m%n%wEx";

fn main() {
    divan::main();
}

#[divan::bench]
fn play(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::Play);
}

#[divan::bench]
fn play_errors_only(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::PlayErrors);
}

#[divan::bench]
fn log4j(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::Log4j);
}

#[divan::bench]
fn log4j_with_pattern(bencher: Bencher<'_, '_>) {
    understand_in(bencher, Kind::Log4j, Some(SPRING_BOOT));
}

#[divan::bench]
fn tomcat(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::Tomcat);
}

#[divan::bench]
fn postgres_stderr(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::PostgresStderr);
}

#[divan::bench]
fn json(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::Json);
}

#[divan::bench]
fn syslog_text(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::Syslog);
}

#[divan::bench]
fn journal_json(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::Journal);
}

#[divan::bench]
fn plain_text(bencher: Bencher<'_, '_>) {
    understand(bencher, Kind::Plain);
}

fn understand(bencher: Bencher<'_, '_>, kind: Kind) {
    understand_in(bencher, kind, None);
}

fn understand_in(bencher: Bencher<'_, '_>, kind: Kind, pattern: Option<&str>) {
    let mut log = Vec::new();
    let _ = logs::write(kind, BYTES, &mut log);
    bencher.counter(BytesCount::new(log.len())).bench(|| {
        let layout = Layout { text: pattern.map(str::to_owned), zone: zone() };
        let mut stream = LogStream::new(format(kind), &layout, "spse", None);
        let mut end = 0;
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            end += line.len() as u64;
            let bytes = line.strip_suffix(b"\n").unwrap_or(line);
            stream.line(Line { bytes, end, now_ms: NOW_MS }, |entry| drop(black_box(entry)));
        }
        stream.finish(|entry| drop(black_box(entry)));
    });
}

fn zone() -> TimeZone {
    TimeZone::get("Asia/Jakarta").unwrap_or(TimeZone::UTC)
}

fn format(kind: Kind) -> &'static Format {
    match kind {
        Kind::Play | Kind::PlayErrors => &play::FORMAT,
        Kind::Log4j => &log4j::FORMAT,
        Kind::Tomcat => &tomcat::FORMAT,
        Kind::PostgresStderr => &postgres::stderr::FORMAT,
        Kind::Json => &json_lines::FORMAT,
        Kind::Syslog => &syslog::FORMAT,
        Kind::Journal => &journal::FORMAT,
        Kind::Plain => &plain::FORMAT,
    }
}
