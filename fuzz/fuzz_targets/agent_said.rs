//! Any bytes as what an agent says to the collector: a message, a batch, a bundle.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pantau_collector::ingest::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::message(bytes);
    fuzzing::content(bytes);
    fuzzing::bundle(bytes);
});
