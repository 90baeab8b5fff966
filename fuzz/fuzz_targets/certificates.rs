//! Any bytes as a request for a certificate, and as a certificate that is presented at the door.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pantau_collector::identity::{
    Authority,
    certificate::{Presented, not_after_ms, point_of, read_request},
};
use pantau_proto::limits::is_id;

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;

static STRANGER: LazyLock<Authority> =
    LazyLock::new(|| Authority::generate(NOW_MS).expect("a key"));

fuzz_target!(|bytes: &[u8]| {
    if let Ok(point) = read_request(bytes) {
        assert!(!point.verifies(bytes, bytes));
    }
    let _ = point_of(bytes);
    let Ok(presented) = Presented::read(bytes) else { return };
    assert!(is_id(&presented.site.0) && is_id(&presented.agent.0));
    assert!(not_after_ms(bytes) == Ok(presented.not_after_ms));
    assert!(!STRANGER.signed(&presented));
    let _ = presented.to_kept();
});
