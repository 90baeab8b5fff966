//! A small spool with any damage to its files, then any words of a collector: it opens, reads and appends;
//! no number and no id is given a second time, and what was set aside is not found damaged again.
//!
//! The bytes are steps of [`STEP_BYTES`]: damage up to the first step of kind [`DEEDS`], deeds behind it.
#![no_main]

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    sync::LazyLock,
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use pantau_agent::{
    config::SpoolSettings,
    spool::{Draft, Known, Payload, Ranges, Resume, SPOOL_BYTES_MIN, Spool, Stored, Verdict},
};

/// 2026-11-22T00:00:00Z.
const NOW_MS: i64 = 1_795_305_600_000;
const STEP_BYTES: usize = 8;
const STEPS_MAX: usize = 24;
const DEEDS: u8 = 0xff;
/// Batches of the spool that is damaged, and their bytes: three segments.
const BATCHES: u64 = 5;
const BATCH_BYTES: usize = 30_000;
/// Names under which files are copied, beside those that are there.
const NAMES: [&str; 8] = [
    "00000009.seg",
    "9.seg",
    "4294967295.seg",
    "names.old",
    "00000001.damaged",
    "settled.new",
    "sent",
    "exported",
];

/// What has been given: never to be given again.
#[derive(Clone, Default)]
struct Given {
    numbers: HashSet<([u8; 16], u64)>,
    ids: HashMap<([u8; 16], u32), Vec<u8>>,
}

type Files = Vec<(String, Vec<u8>)>;

static WHOLE: LazyLock<(Files, Given)> = LazyLock::new(|| {
    let home = tempfile::tempdir().expect("a folder of our own");
    let mut spool = open(home.path()).expect("a new spool").spool;
    let mut given = Given::default();
    for n in 0..BATCHES {
        given.append(&mut spool, n, BATCH_BYTES);
    }
    let _ = spool.to_send(2);
    spool.confirm();
    spool.add_stored(1, 1);
    spool.set_aside(3, "malformed");
    given.append(&mut spool, BATCHES, 1_000);
    drop(spool);
    (files(home.path()), given)
});

fuzz_target!(|bytes: &[u8]| {
    let (whole, given) = &*WHOLE;
    let home = tempfile::tempdir().expect("a folder of our own");
    let mut steps = bytes.chunks_exact(STEP_BYTES).take(STEPS_MAX);
    let mut files = whole.clone();
    steps.by_ref().take_while(|step| step[0] != DEEDS).for_each(|step| damage(&mut files, step));
    for (name, content) in &files {
        fs::write(home.path().join(name), content).expect("a folder of our own");
    }
    live(home.path(), given.clone(), steps);
});

fn live<'a>(home: &Path, mut given: Given, deeds: impl Iterator<Item = &'a [u8]>) {
    let mut spool = open(home).expect("damage does not keep it from opening").spool;
    read(&spool);
    given.append(&mut spool, 100, 50);
    for (n, deed) in (101..).zip(deeds) {
        act(&mut spool, deed);
        given.append(&mut spool, n, 50);
    }
    read(&spool);
    drop(spool);
    let opened = open(home).expect("it opened before");
    let damaged = opened.gaps.iter().filter(|gap| gap.detail.contains("damaged")).count();
    assert_eq!(damaged, 0, "{:?}", opened.gaps);
    assert!(!opened.progress_lost);
    let mut spool = opened.spool;
    given.append(&mut spool, 99, 50);
    read(&spool);
}

fn open(home: &Path) -> anyhow::Result<pantau_agent::spool::Opened> {
    let settings = SpoolSettings {
        dir: home.to_owned(),
        bytes_max: SPOOL_BYTES_MIN,
        grace: Duration::from_secs(60),
    };
    Spool::open(&settings, condense, NOW_MS)
}

/// Their bytes are no content of a batch: what counts here is that something smaller takes their place.
fn condense(batches: &[Stored]) -> std::io::Result<Payload> {
    Ok(Payload { data: vec![batches.len() as u8; 10], ..Payload::default() })
}

fn files(home: &Path) -> Files {
    let entries = fs::read_dir(home).expect("a folder of our own").flatten();
    let mut files: Files = entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("a file of our own"))
        })
        .collect();
    files.sort();
    files
}

fn damage(files: &mut Files, step: &[u8]) {
    let [kind, file, a, b, c, with, more, _] = *step else { return };
    let Some(place) = usize::from(file).checked_rem(files.len()) else { return };
    let Some((_, content)) = files.get_mut(place) else { return };
    let at = u32::from_le_bytes([a, b, c, 0]) as usize % (content.len() + 1);
    match kind % 8 {
        0 | 1 => content.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= with),
        2 => content.truncate(at),
        3 => drop(content.splice(at..at, vec![with; more.into()])),
        4 => content.iter_mut().skip(at).take(more.into()).for_each(|byte| *byte = with),
        5 => drop(content.drain(at..(at + usize::from(with) * 256).min(content.len()))),
        6 if with & 1 == 0 => content.clear(),
        6 => drop(files.remove(place)),
        _ => {
            let copy = content.clone();
            let name = NAMES[usize::from(with) % NAMES.len()].to_owned();
            files.retain(|(known, _)| *known != name);
            files.push((name, copy));
        }
    }
}

/// What a collector and the agent's core make of a spool.
fn act(spool: &mut Spool, deed: &[u8]) {
    let [kind, from, length, ..] = *deed else { return };
    let far = deed[3..].iter().fold(0u64, |sum, byte| sum << 13 | u64::from(*byte));
    let highest = spool.highest_seq();
    let first = [0, 1, highest, far][usize::from(from) % 4].saturating_sub(u64::from(from) / 4);
    let last = [first, highest, u64::MAX, first.saturating_add(far)][usize::from(length) % 4];
    match kind % 6 {
        0 => spool.add_stored(first, last),
        1 => spool.set_aside(first, "refused"),
        2 => drop(spool.to_send(first)),
        3 => drop(spool.begin_epoch(Resume::default(), NOW_MS)),
        4 => drop(spool.take_news()),
        _ => welcome(spool, Ranges::from_pairs([(first, last)]), length),
    }
}

fn welcome(spool: &mut Spool, stored: Ranges, id: u8) {
    let last_id = [0, 7, 1 << 20, u32::MAX][usize::from(id) / 4 % 4];
    let known = Known { stored: stored.clone(), has_positions: id >= 128, last_id };
    if spool.judge(&known) == Verdict::Restored {
        let _ = spool.drop_run(NOW_MS);
    }
    spool.confirm();
    spool.set_stored(stored);
}

/// Whatever it says it holds can be asked for.
fn read(spool: &Spool) {
    for seq in spool.unsettled(0, usize::MAX) {
        if let Ok(stored) = spool.read(seq) {
            assert_eq!(stored.map(|stored| stored.seq), Some(seq));
        }
    }
    let _ = (spool.definitions(), spool.backlog(), spool.last_closed_ms(), spool.bytes());
}

impl Given {
    /// Where it may be refused (no room, no numbers), nothing was given.
    fn append(&mut self, spool: &mut Spool, n: u64, bytes: usize) {
        let draft = Draft { closed_ms: NOW_MS + n as i64, ..Draft::default() };
        let mut named = Vec::new();
        let appended = spool.append(
            &draft,
            |names| {
                for text in [n.to_le_bytes().to_vec(), b"again".to_vec()] {
                    named.push((names.id(&text), text));
                }
                Ok(Payload { data: vec![n as u8; bytes], ..Payload::default() })
            },
            NOW_MS,
        );
        let Ok(seq) = appended else { return };
        assert!(seq > 0 && self.numbers.insert((spool.epoch(), seq)), "number {seq} again");
        for (id, text) in named {
            let known = self.ids.entry((spool.epoch(), id)).or_insert_with(|| text.clone());
            assert_eq!(*known, text, "id {id} again");
        }
    }
}
