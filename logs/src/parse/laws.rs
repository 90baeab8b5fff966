//! What holds of every format, for the property tests of each.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Parsed, Said, samples::read_in};
use crate::format::Format;

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

/// Logs that mix the lines known to a format with any others.
pub(crate) fn log(known: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(known).prop_map(|line| line.as_bytes().to_vec());
    let odd = prop::collection::vec(any::<u8>(), 0..40);
    let broken = (known.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut line, at, byte)| {
            if !line.is_empty() {
                let at = at.index(line.len());
                line[at] = byte;
            }
            line
        },
    );
    let further = Just(b"\tat a.B.c(B.java:1)".to_vec());
    let line = prop_oneof![5 => known, 2 => broken, 1 => odd, 1 => further];
    prop::collection::vec(line, 0..30).prop_map(|lines| lines.join(&b'\n'))
}

/// Every line has one fate, entries follow each other, and reading may resume after each of them.
pub(crate) fn hold(format: &Format, log: &[u8]) {
    let read = |log| read_in(format, None, TimeZone::UTC, log, NOW_MS);
    let whole = read(log);
    let lines = log.split_inclusive(|byte| *byte == b'\n').count() as u64;
    assert_eq!(whole.iter().map(|parsed| parsed.lines).sum::<u64>(), lines);
    assert_eq!(whole.last().map_or(0, |parsed| parsed.end), log.len() as u64);
    for (index, stop) in whole.iter().enumerate() {
        let rest = read(&log[stop.end as usize..]);
        let essence = |parsed: &Parsed<'static>, from: u64| -> (u64, u64, Said<'static>) {
            (parsed.lines, parsed.end - from, parsed.said.clone())
        };
        let resumed: Vec<_> = rest.iter().map(|parsed| essence(parsed, 0)).collect();
        let expected: Vec<_> =
            whole.iter().skip(index + 1).map(|parsed| essence(parsed, stop.end)).collect();
        assert_eq!(resumed, expected);
    }
}
