//! Any bytes as packed sketches: never more bins than allowed, and what was read is packed and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pantau_sketch::durations::{SKETCHES_MAX, pack, unpack};

const BINS_MAX: usize = 100_000;

fuzz_target!(|bytes: &[u8]| {
    let [a, b, packed @ ..] = bytes else { return };
    let count = usize::from(u16::from_le_bytes([*a, *b])) % (SKETCHES_MAX + 2);
    let mut bins_left = BINS_MAX;
    let Ok(sketches) = unpack(packed, count, &mut bins_left) else { return };
    let bins: usize = sketches.iter().map(|sketch| sketch.to_deltas().0.len()).sum();
    assert_eq!((sketches.len(), bins), (count, BINS_MAX - bins_left));
    assert_eq!(unpack(&pack(&sketches), count, &mut BINS_MAX.clone()), Ok(sketches));
});
