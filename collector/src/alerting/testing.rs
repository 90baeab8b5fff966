//! What tests of this folder begin with.

use std::sync::Arc;

use crate::{
    config::Settings,
    domain::{
        AgentId, Epoch, SiteId,
        batch::{DiskSample, HostFacts, HostSample, LiveState},
        summary::Server,
    },
};

/// A healthy server of site `demo`, half a disk and a quarter of its memory in use, last heard of at
/// `seen_ms`.
pub(super) fn server(agent: &str, seen_ms: i64) -> Server {
    let disk = DiskSample {
        mount: "/".to_owned(),
        file_system: "ext4".to_owned(),
        total_bytes: 40_000_000_000,
        free_bytes: 20_000_000_000,
        ..DiskSample::default()
    };
    let host = HostSample {
        memory_total_bytes: 8_000,
        memory_available_bytes: 6_000,
        disks: vec![disk],
        ..HostSample::default()
    };
    Server {
        site: SiteId("demo".to_owned()),
        agent: AgentId(agent.to_owned()),
        version: "0.1.0".to_owned(),
        epoch: Epoch([0; 16]),
        boot_id: [0; 16],
        host: HostFacts::default(),
        sample: false,
        first_seen_ms: 0,
        last_seen_ms: seen_ms,
        clock_offset_ms: 0,
        live: LiveState { at_ms: seen_ms, host: Some(host), ..LiveState::default() },
        database_facts: Vec::new(),
        uncounted: Default::default(),
    }
}

/// Settings of one site `demo`, with further lines.
pub(super) fn settings(further: &str) -> Arc<Settings> {
    let text = format!(
        "store = \"sqlite:unused\"\n[[site]]\nid = \"demo\"\nname = \"LPSE Kabupaten Contoh\"\n\
         zone = \"Asia/Makassar\"\n{further}"
    );
    Arc::new(Settings::parse(&text).unwrap())
}
