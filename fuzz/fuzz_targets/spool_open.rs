//! Any bytes as a segment of the spool: opening it neither stops nor reads a batch that is not there, and
//! what was set aside is not found damaged again.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use pantau_agent::{
    config::SpoolSettings,
    spool::{SPOOL_BYTES_MIN, Spool},
};

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

fuzz_target!(|bytes: &[u8]| {
    let Ok(home) = tempfile::tempdir() else { return };
    if fs::write(home.path().join("00000001.seg"), bytes).is_err() {
        return;
    }
    let settings = SpoolSettings {
        dir: home.path().to_owned(),
        bytes_max: SPOOL_BYTES_MIN,
        grace: std::time::Duration::from_secs(60),
    };
    for round in 0..2 {
        let opened = Spool::open(&settings, NOW_MS).expect("a folder of our own");
        assert!(round == 0 || opened.gaps.is_empty());
        for seq in opened.spool.unsettled(0, usize::MAX) {
            let _ = opened.spool.read(seq);
        }
    }
});
