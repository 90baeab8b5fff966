//! Any bytes as a log of any format: nothing stops the reader, and every line has one fate.
#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use pantau_logs::{
    entry::Entry,
    format::{FORMATS, Format, Layout},
    parse::Line,
    understand::LogStream,
};

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

fuzz_target!(|bytes: &[u8]| {
    FORMATS.iter().for_each(|format| read(format, bytes));
});

fn read(format: &Format, bytes: &[u8]) {
    let layout = Layout { text: None, zone: TimeZone::UTC };
    let mut stream = LogStream::new(format, &layout, "", None);
    let (mut end, mut given, mut told, mut last) = (0, 0, 0, 0);
    let mut tell = |entry: Entry| {
        assert!(entry.end >= last);
        last = entry.end;
        told += entry.lines;
    };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len() as u64;
        given += 1;
        let bytes = line.strip_suffix(b"\n").unwrap_or(line);
        stream.line(Line { bytes, end, now_ms: NOW_MS }, &mut tell);
    }
    stream.finish(&mut tell);
    assert_eq!(told, given);
}
