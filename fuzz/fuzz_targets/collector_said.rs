//! Any bytes as what a collector says to the agent, and as a batch that the agent's spool gives back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pantau_agent::ship::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::collector_message(bytes);
    fuzzing::spooled(bytes);
});
