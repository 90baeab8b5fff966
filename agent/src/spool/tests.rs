use std::{os::unix::fs::PermissionsExt, time::Duration};

use super::*;
use crate::domain::{FileIdentity, SourcePosition, SourceProgress};

const DAY_MS: i64 = 86_400_000;

fn settings(dir: &Path) -> SpoolSettings {
    SpoolSettings {
        dir: dir.to_owned(),
        bytes_max: 1 << 20,
        grace: Duration::from_secs(7 * 86_400),
    }
}

fn progress(offset: u64) -> Vec<SourceProgress> {
    let position = SourcePosition {
        source: "play".to_owned(),
        path: "/home/appserv/spse/logs/spse4.4.log".to_owned(),
        identity: FileIdentity { device: 1, inode: 2, head_hash: 3, head_bytes: 4 },
        generation: 5,
        offset,
        tail_hash: 8,
        last_event_ms: 6,
    };
    vec![SourceProgress { source: "play".into(), not_before_ms: Some(9), files: vec![position] }]
}

fn resume(offset: u64) -> Resume {
    Resume { progress: progress(offset), open: offset.to_le_bytes().to_vec() }
}

/// The `n`-th batch; its bytes tell which it is.
fn draft(n: u64) -> Draft {
    Draft {
        first_minute: n as i64,
        last_minute: n as i64 + 1,
        closed_ms: n as i64 * 60_000,
        resume: resume(n),
    }
}

fn payload(n: u64, bytes: usize) -> Payload {
    let data = n.to_le_bytes().into_iter().cycle().take(bytes).collect();
    Payload { data, ..Payload::default() }
}

fn append(spool: &mut Spool, n: u64, bytes: usize) -> Result<u64, AppendError> {
    spool.append(&draft(n), |_| Ok(payload(n, bytes)), 0)
}

fn condense(_: &[Stored]) -> io::Result<Payload> {
    Ok(Payload::default())
}

fn open(dir: &Path) -> Opened {
    Spool::open(&settings(dir), condense, 0).unwrap()
}

/// Folder with a spool of `count` records.
fn spool_of(count: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path()).spool;
    for n in 1..=count {
        assert_eq!(append(&mut spool, n, 100).unwrap(), n);
    }
    dir
}

fn newest_segment(dir: &Path) -> PathBuf {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| segment::number_of(path).is_some()).max().unwrap()
}

#[test]
fn a_spool_knows_when_its_newest_record_was_closed_and_a_new_one_that_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(open(dir.path()).spool.last_closed_ms(), None);
    assert_eq!(open(dir.path()).spool.last_closed_ms(), None);
    let dir = spool_of(3);
    let mut spool = open(dir.path()).spool;
    assert_eq!(spool.last_closed_ms(), Some(180_000));
    spool.begin_epoch(resume(77), 200_000).unwrap();
    assert_eq!(spool.last_closed_ms(), Some(200_000));
    drop(spool);
    assert_eq!(open(dir.path()).spool.last_closed_ms(), Some(200_000));
}

#[test]
fn a_batch_and_its_positions_come_back_after_a_restart() {
    let dir = spool_of(3);
    let opened = open(dir.path());
    assert_eq!(opened.resume.progress, progress(3));
    assert_eq!((opened.gaps.len(), opened.progress_lost), (0, false));
    let stored = opened.spool.read(2).unwrap().unwrap();
    assert_eq!((stored.seq, stored.first_minute, stored.closed_ms), (2, 2, 120_000));
    assert_eq!(stored.data, payload(2, 100).data);
    assert_eq!(opened.spool.unsettled(0, 10), [1, 2, 3]);
}

#[test]
fn the_epoch_stays_with_the_spool_and_a_new_spool_has_another() {
    let dir = spool_of(1);
    let epoch = open(dir.path()).spool.epoch();
    assert_eq!(open(dir.path()).spool.epoch(), epoch);
    assert_ne!(open(tempfile::tempdir().unwrap().path()).spool.epoch(), epoch);
}

#[test]
fn two_agents_on_one_spool_refuse_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let refusal = Spool::open(&settings(dir.path()), condense, 0).err().unwrap().to_string();
    assert!(refusal.contains("spool.dir"), "{refusal}");
}

#[test]
fn nobody_else_may_read_the_spool() {
    let dir = spool_of(1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir.path()), 0o700);
    assert_eq!(mode(&newest_segment(dir.path())), 0o600);
}

#[test]
fn acknowledged_batches_are_not_sent_again_after_a_restart() {
    let dir = spool_of(5);
    open(dir.path()).spool.add_stored(1, 3);
    let spool = open(dir.path()).spool;
    assert_eq!(spool.unsettled(0, 10), [4, 5]);
    assert_eq!(spool.backlog().0, 2);
}

#[test]
fn a_collector_restored_from_a_backup_gets_again_what_it_lacks() {
    let dir = spool_of(5);
    let mut spool = open(dir.path()).spool;
    spool.add_stored(1, 5);
    spool.set_stored(Ranges::from_pairs([(1, 2)]));
    assert_eq!(spool.unsettled(0, 10), [3, 4, 5]);
}

#[test]
fn a_lost_list_of_acknowledgements_only_sends_again() {
    let dir = spool_of(2);
    open(dir.path()).spool.add_stored(1, 2);
    fs::write(dir.path().join("settled"), b"rubbish").unwrap();
    assert_eq!(open(dir.path()).spool.unsettled(0, 10), [1, 2]);
}

#[test]
fn a_batch_set_aside_is_declared_and_never_sent_again() {
    let dir = spool_of(2);
    let mut spool = open(dir.path()).spool;
    let gap = spool.set_aside(1, "refused").unwrap();
    assert_eq!((gap.reason, gap.from_ms, gap.to_ms), (GapReason::SpoolLost, 60_000, 180_000));
    spool.set_stored(Ranges::default());
    assert_eq!(spool.unsettled(0, 10), [2]);
    assert_eq!(spool.set_aside(99, "unknown"), None);
}

#[test]
fn a_damaged_record_is_declared_and_the_whole_ones_around_it_are_kept() {
    let dir = spool_of(4);
    let path = newest_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let second =
        32 + record::encode(&draft(1), &payload(1, 100), 1).len() + record::HEADER_BYTES + 30;
    bytes[second] ^= 0xff;
    fs::write(&path, &bytes).unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.spool.unsettled(0, 10), [1, 3, 4]);
    assert_eq!(opened.spool.read(3).unwrap().unwrap().data, payload(3, 100).data);
    assert_eq!(opened.resume.progress, progress(4));
    assert_eq!(opened.gaps.len(), 1);
    assert_eq!((opened.gaps[0].from_ms, opened.gaps[0].to_ms), (60_000, 180_000));
    assert!(path.with_extension("damaged").exists());
    drop(opened);
    let again = open(dir.path());
    assert_eq!((again.gaps.len(), again.resume.progress), (0, progress(4)));
}

#[test]
fn a_damaged_length_does_not_take_whole_records_behind_it_along() {
    let dir = spool_of(3);
    let path = newest_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[32 + 7] = 0xff;
    fs::write(&path, &bytes).unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.spool.unsettled(0, 10), [2, 3]);
    assert_eq!(opened.gaps.len(), 1);
}

#[test]
fn when_no_position_survives_reading_does_not_begin_anew() {
    let dir = spool_of(2);
    let path = newest_segment(dir.path());
    let rubbish = vec![7; fs::metadata(&path).unwrap().len() as usize];
    fs::write(&path, rubbish).unwrap();
    let opened = open(dir.path());
    assert!(opened.progress_lost && !opened.gaps.is_empty());
    assert_eq!(opened.spool.highest_seq(), 0);
}

#[test]
fn unacknowledged_batches_fill_the_spool_and_acknowledged_ones_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path()).spool;
    let mut n = 0;
    let refused = loop {
        match append(&mut spool, n + 1, 10_000) {
            Ok(seq) => n = seq,
            Err(error) => break error,
        }
    };
    assert!(refused.to_string().contains("spool.bytes_max"));
    assert!(spool.bytes() <= 1 << 20);
    assert_eq!(spool.unsettled(0, usize::MAX).len() as u64, n);
    spool.add_stored(1, n / 2);
    assert_eq!(append(&mut spool, n + 1, 10_000).unwrap(), n + 1);
    assert_eq!(spool.read(n / 2 + 1).unwrap().unwrap().seq, n / 2 + 1);
}

#[test]
fn acknowledged_batches_go_after_the_grace_period_but_never_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path()).spool;
    for n in 1..=60 {
        append(&mut spool, n, 10_000).unwrap();
    }
    spool.add_stored(1, 60);
    spool.expire(6 * DAY_MS);
    assert!(spool.read(1).unwrap().is_some());
    spool.expire(8 * DAY_MS);
    assert!(spool.read(1).unwrap().is_none());
    assert!(spool.read(60).unwrap().is_some());
    drop(spool);
    let opened = open(dir.path());
    assert_eq!((opened.resume.progress, opened.spool.highest_seq()), (progress(60), 60));
}

#[test]
fn acknowledged_batches_keep_their_grace_period_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path()).spool;
    for n in 1..=60 {
        append(&mut spool, n, 10_000).unwrap();
    }
    spool.add_stored(1, 60);
    drop(spool);
    let mut spool = open(dir.path()).spool;
    spool.expire(6 * DAY_MS);
    assert!(spool.read(1).unwrap().is_some());
}

#[test]
fn a_new_epoch_begins_at_the_positions_given() {
    let dir = spool_of(5);
    let mut spool = open(dir.path()).spool;
    let old = spool.epoch();
    spool.begin_epoch(resume(77), 0).unwrap();
    drop(spool);
    let mut opened = open(dir.path());
    assert_ne!(opened.spool.epoch(), old);
    assert_eq!((opened.resume.progress, opened.spool.highest_seq()), (progress(77), 0));
    assert_eq!(append(&mut opened.spool, 1, 10).unwrap(), 1);
}

#[test]
fn a_new_epoch_that_could_not_delete_the_old_one_is_finished_at_the_next_open() {
    let dir = spool_of(5);
    let old = fs::read(newest_segment(dir.path())).unwrap();
    let mut spool = open(dir.path()).spool;
    spool.begin_epoch(resume(77), 0).unwrap();
    drop(spool);
    fs::write(dir.path().join("00000001.seg"), old).unwrap();
    let opened = open(dir.path());
    assert_eq!((opened.resume.progress, opened.spool.unsettled(0, 10)), (progress(77), vec![]));
}

proptest::proptest! {
    // Each case syncs to disk up to 24 times.
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Appends, acknowledgements and crashes that leave any part of an append behind.
    #[test]
    fn a_crash_at_any_byte_loses_no_synced_record_and_invents_none(
        acts in proptest::collection::vec((0u8..4, 0usize..400), 1..25)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = open(dir.path());
        let mut synced = 0;
        for (act, size) in acts {
            match act {
                0 | 1 => synced = append(&mut opened.spool, synced + 1, size).unwrap(),
                2 => opened.spool.add_stored(1, synced / 2),
                _ => {
                    drop(opened);
                    let torn = record::encode(&draft(synced + 1), &payload(synced + 1, 400), synced + 1);
                    let path = newest_segment(dir.path());
                    let mut bytes = fs::read(&path).unwrap();
                    let (written, room) = (size.min(torn.len() - 1), bytes.len() + torn.len());
                    bytes.extend(&torn[..written]);
                    // Room that was given to the file and never filled.
                    bytes.resize(room.min(bytes.len() + size % 3 * 100), 0);
                    fs::write(&path, bytes).unwrap();
                    opened = open(dir.path());
                    proptest::prop_assert!(opened.gaps.is_empty());
                }
            }
            let held: Vec<u64> = opened.spool.index.keys().copied().collect();
            proptest::prop_assert_eq!(held, (1..=synced).collect::<Vec<_>>());
            for seq in 1..=synced {
                proptest::prop_assert_eq!(opened.spool.read(seq).unwrap().map(|s| s.seq), Some(seq));
            }
        }
        drop(opened);
        let expected = if synced == 0 { vec![] } else { progress(synced) };
        proptest::prop_assert_eq!(open(dir.path()).resume.progress, expected);
    }

    #[test]
    fn no_bytes_make_the_spool_panic(bytes in proptest::collection::vec(0u8..255, 0..300)) {
        let dir = spool_of(1);
        let path = newest_segment(dir.path());
        let mut whole = fs::read(&path).unwrap();
        whole.extend(&bytes);
        fs::write(dir.path().join("00000002.seg"), &bytes).unwrap();
        fs::write(dir.path().join("settled"), &bytes).unwrap();
        fs::write(&path, whole).unwrap();
        proptest::prop_assert!(open(dir.path()).spool.read(1).unwrap().is_some());
    }
}
