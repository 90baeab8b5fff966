//! Any bytes as the two ends of a file of any name: detection says what they are, or that they are nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pantau_logs::detect::{Detected, Sample, detect};

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

fuzz_target!(|bytes: &[u8]| {
    // Its first line is the name; a NUL ends the beginning of the file.
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let name = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let mut ends = parts.next().unwrap_or_default().splitn(2, |byte| *byte == 0);
    let (begin, end) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
    let sample = Sample { name: &name, begin, end };
    let found = detect(&sample, NOW_MS);
    if let Detected::Text(ranked) = &found {
        let sure: Vec<_> = ranked.candidates.iter().map(|one| one.confidence).collect();
        assert!(sure.is_sorted_by(|a, b| a >= b));
        assert!(sure.iter().all(|confidence| *confidence <= 100));
    }
    assert_eq!(detect(&sample, NOW_MS), found);
});
