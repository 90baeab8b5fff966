//! Any bytes as a log of any format: nothing stops the reader, and every line has one fate.
#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use pantau_agent::{config::LogFormat, understand::LogStream};

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

fuzz_target!(|bytes: &[u8]| {
    let stderr = LogFormat::PostgresStderr { cluster: "spse".into(), prefix: None };
    for format in [LogFormat::Play, stderr] {
        read(&format, bytes);
    }
});

fn read(format: &LogFormat, bytes: &[u8]) {
    let mut stream = LogStream::new(format, None, TimeZone::UTC, None);
    let (mut end, mut given, mut told, mut last) = (0, 0, 0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len() as u64;
        given += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if let Some(entry) = stream.line(line, end, NOW_MS) {
            assert!(entry.end > last);
            last = entry.end;
            told += entry.lines;
        }
    }
    told += stream.finish().map_or(0, |entry| entry.lines);
    assert_eq!(told, given);
}
