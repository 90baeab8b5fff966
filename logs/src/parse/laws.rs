//! What holds of the reader of every format, for the property tests of each.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Fit, Line, Said};
use crate::format::{Format, Layout};

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

/// Lines, end, and what was said; those of one call together. Times are left out: one that is estimated
/// depends on its neighbours.
type Call = Vec<(u64, u64, Said<'static>)>;

/// Nothing stops the reader, every line has one fate, reading may resume after any end it told, and a log
/// that is read in pieces says the same as the whole.
pub(crate) fn hold(format: &Format, log: &[u8]) {
    let whole = calls(format, log, 0);
    let entries: Vec<_> = whole.iter().flatten().cloned().collect();
    let lines = log.split_inclusive(|byte| *byte == b'\n').count() as u64;
    assert_eq!(entries.iter().map(|(lines, ..)| lines).sum::<u64>(), lines);
    assert!(entries.is_sorted_by_key(|(_, end, _)| *end), "{entries:?}");
    assert_eq!(entries.last().map_or(0, |(_, end, _)| *end), log.len() as u64);
    for (index, call) in whole.iter().enumerate() {
        let Some((_, end, _)) = call.last() else { continue };
        let rest: Vec<_> = calls(format, log, *end).into_iter().flatten().collect();
        let expected: Vec<_> = whole[index + 1..].iter().flatten().cloned().collect();
        assert_eq!(rest, expected, "resumed after {end}");
    }
    if format.in_pieces {
        say_the_same_in_pieces(format, log, &entries);
    }
}

fn say_the_same_in_pieces(format: &Format, log: &[u8], entries: &[(u64, u64, Said<'static>)]) {
    let parser = open(format);
    let mut from = 0;
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        if parser.fit(line.strip_suffix(b"\n").unwrap_or(line)) == Fit::Begins {
            let mut pieces = calls(format, &log[..from], 0);
            pieces.extend(calls(format, log, from as u64));
            let pieces: Vec<_> = pieces.into_iter().flatten().collect();
            assert_eq!(pieces, entries, "cut at {from}");
        }
        from += line.len();
    }
}

fn open(format: &Format) -> Box<dyn super::Parser> {
    (format.open)(&Layout { text: None, zone: TimeZone::UTC })
}

fn calls(format: &Format, log: &[u8], from: u64) -> Vec<Call> {
    let mut parser = open(format);
    let (mut calls, mut end) = (Vec::new(), from);
    for line in log[from as usize..].split_inclusive(|byte| *byte == b'\n') {
        end += line.len() as u64;
        let bytes = line.strip_suffix(b"\n").unwrap_or(line);
        let mut call = Call::new();
        parser.line(Line { bytes, end, now_ms: NOW_MS }, &mut |parsed| {
            call.push((parsed.lines, parsed.end, parsed.said.into_owned()));
        });
        calls.push(call);
    }
    let mut last = Call::new();
    parser.finish(&mut |parsed| last.push((parsed.lines, parsed.end, parsed.said.into_owned())));
    calls.push(last);
    calls
}

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
    prop::collection::vec(line, 0..16).prop_map(|lines| lines.join(&b'\n'))
}
