//! Any bytes as the agent's identity on disk: what is read belongs together, or is refused.
#![no_main]

use std::{fs, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use pantau_agent::identity::Store;
use tempfile::TempDir;

static HOME: LazyLock<TempDir> = LazyLock::new(|| {
    let home = tempfile::tempdir().expect("a folder of our own");
    fs::create_dir(home.path().join("identity")).expect("a folder of our own");
    home
});

fuzz_target!(|bytes: &[u8]| {
    let store = Store::within(HOME.path());
    fs::write(store.file(), bytes).expect("a folder of our own");
    if let Ok(read) = store.load() {
        let read = read.expect("the file is there");
        assert!(read.tls(false).is_ok() && read.sign(bytes).is_ok());
    }
});
