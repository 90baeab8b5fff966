use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use pantau_proto::{
    bundle::{MAGIC, Unverified},
    v1::{self, bundle_part::Part},
};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use super::*;
use crate::{
    config::{Collector, Intervals, Names, SpoolSettings},
    identity::samples::{enrol_into, point_of},
    spool::{self, Draft, Payload, Spool, Stored},
};

const HOUR_MS: i64 = 3_600_000;

fn settings(dir: &Path) -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        names: Names::default(),
        sample: true,
        zone: TimeZone::fixed(jiff::tz::offset(8)),
        state_dir: dir.to_owned(),
        collector: Collector::default(),
        spool: SpoolSettings { dir: dir.join("spool"), bytes_max: 1 << 20, grace: second },
        intervals: Intervals { sample: second, batch: second, database: second },
        logs: Vec::new(),
        clusters: Vec::new(),
        probes: Vec::new(),
    }
}

fn refuse(_: &[Stored]) -> io::Result<Payload> {
    Err(io::ErrorKind::Unsupported.into())
}

/// An agent that runs, with one batch of each of the first hours of 1970.
fn running(dir: &Path, hours: i64) -> Spool {
    let mut spool = Spool::open(&settings(dir).spool, refuse, 0).unwrap().spool;
    for hour in 1..=hours {
        let draft = Draft { closed_ms: hour * HOUR_MS, ..Draft::default() };
        let name = v1::Definition { id: 0, of: Some(v1::definition::Of::Name(hour.to_string())) };
        let encode = |names: &mut spool::Names| {
            names.id(&prost::Message::encode_to_vec(&name));
            Ok(Payload { data: vec![hour as u8; 40], ..Payload::default() })
        };
        spool.append(&draft, encode, 0).unwrap();
    }
    spool
}

struct Read {
    head: v1::BundleHead,
    definitions: BTreeMap<u32, v1::Definition>,
    batches: Vec<v1::Batch>,
}

fn read(file: &Path, point: &[u8]) -> Read {
    let bytes = fs::read(file).unwrap();
    assert_eq!(bytes[..MAGIC.len()], MAGIC);
    let input = zstd::Decoder::new(&bytes[MAGIC.len()..]).unwrap();
    let unverified = Unverified::read(input).unwrap();
    let head = unverified.head().clone();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
    let mut parts = unverified.verify(|bytes, sig| key.verify(bytes, sig).is_ok()).unwrap();
    let mut read = Read { head, definitions: BTreeMap::new(), batches: Vec::new() };
    loop {
        match parts.part().unwrap().part.unwrap() {
            Part::Definitions(told) => {
                read.definitions.extend(told.definitions.into_iter().map(|d| (d.id, d)));
            }
            Part::Batch(batch) => read.batches.push(batch),
            Part::End(end) => {
                assert_eq!(end.batches, read.batches.len() as u64);
                return read;
            }
        }
    }
}

fn args(dir: &Path, since: Option<&str>) -> Args {
    Args { since: since.map(str::to_owned), output: dir.join("bundle.zst") }
}

#[test]
fn a_bundle_holds_who_speaks_what_ids_mean_and_the_batches_signed() {
    let dir = tempfile::tempdir().unwrap();
    let enrolled = enrol_into(dir.path());
    let spool = running(dir.path(), 3);
    let told = run(&settings(dir.path()), &args(dir.path(), None), 77).unwrap();
    assert!(told.contains("3 batches, closed 1970-01-01 09:00"), "{told}");
    assert!(told.contains("pantau-collector import"), "{told}");
    let file = dir.path().join("bundle.zst");
    let read = read(&file, &point_of(&enrolled));
    let hello = read.head.hello.unwrap();
    assert_eq!((hello.site_id.as_str(), hello.agent_id.as_str()), ("lpse-contoh", "app-1"));
    assert_eq!((hello.epoch, hello.clock_ms, hello.highest_seq), (spool.epoch().to_vec(), 77, 3));
    assert_eq!(read.head.certificate, enrolled.certificate);
    assert_eq!(read.definitions.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    let told: Vec<_> = read.batches.iter().map(|b| (b.seq, b.epoch.clone(), b.data[0])).collect();
    let epoch = || spool.epoch().to_vec();
    assert_eq!(told, [(1, epoch(), 1), (2, epoch(), 2), (3, epoch(), 3)]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!dir.path().join("bundle.zst.partial").exists());
}

#[test]
fn only_what_was_closed_since_is_written_and_nothing_at_all_when_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let enrolled = enrol_into(dir.path());
    let _spool = running(dir.path(), 3);
    // In the zone of the settings, which is 8 hours ahead.
    run(&settings(dir.path()), &args(dir.path(), Some("1970-01-01T10:00")), 77).unwrap();
    let read = read(&dir.path().join("bundle.zst"), &point_of(&enrolled));
    assert_eq!(read.batches.iter().map(|batch| batch.seq).collect::<Vec<_>>(), [2, 3]);
    fs::remove_file(dir.path().join("bundle.zst")).unwrap();
    let error = run(&settings(dir.path()), &args(dir.path(), Some("1970-01-02")), 77).unwrap_err();
    assert!(error.to_string().contains("no batch"), "{error}");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("bundle")), "{left:?}");
}
