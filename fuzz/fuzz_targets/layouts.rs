//! Any text as the layout of any format that has one, and any bytes as a log written in it: nothing stops the
//! compiler or the reader, and every line has one fate.
#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use pantau_logs::{
    format::{FORMATS, Layout},
    parse::Line,
    understand::LogStream,
};

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

fuzz_target!(|bytes: &[u8]| {
    // Its first line is the layout.
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let log = parts.next().unwrap_or_default();
    for format in FORMATS.iter().filter(|format| format.layout.is_some()) {
        let layout = Layout { text: Some(text.clone()), zone: TimeZone::UTC };
        let mut stream = LogStream::new(format, &layout, "", None);
        let (mut end, mut given, mut told) = (0, 0, 0);
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            end += line.len() as u64;
            given += 1;
            let bytes = line.strip_suffix(b"\n").unwrap_or(line);
            stream.line(Line { bytes, end, now_ms: NOW_MS }, |entry| told += entry.lines);
        }
        stream.finish(|entry| told += entry.lines);
        assert_eq!(told, given, "{}", format.name);
    }
});
