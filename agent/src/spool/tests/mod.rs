use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{record::SEAL_BYTES, *};
use crate::domain::{FileIdentity, GapReason, SourcePosition, SourceProgress};

mod faults;
mod looked;
mod pressed;
mod restored;

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

/// The `n`-th batch, closed in the `n`-th minute; its bytes tell which it is.
fn draft(n: u64) -> Draft {
    Draft {
        first_minute: n as i64,
        last_minute: n as i64 + 1,
        closed_ms: n as i64 * 60_000,
        resume: resume(n),
    }
}

fn payload(n: u64, bytes: usize) -> Payload {
    let mut data = n.to_le_bytes().repeat(bytes.div_ceil(8));
    data.truncate(bytes);
    Payload { data, ..Payload::default() }
}

fn append(spool: &mut Spool, n: u64, bytes: usize) -> Result<u64, AppendError> {
    spool.append(&draft(n), |_| Ok(payload(n, bytes)), 0)
}

/// As an export does.
fn export(spool: &Spool, first: u64, last: u64) -> io::Result<()> {
    let leaving = Ranges::from_pairs([(first, last)]);
    marks::export(spool.disk.as_ref(), spool.epoch, spool.highest, &leaving)
}

fn held(spool: &Spool) -> Vec<u64> {
    spool.entries_after(0).map(|entry| entry.seq).collect()
}

fn append_all(spool: &mut Spool, numbers: std::ops::RangeInclusive<u64>, bytes: usize) {
    for n in numbers {
        append(spool, n, bytes).unwrap();
    }
}

fn refuse(_: &[Stored]) -> io::Result<Payload> {
    Err(io::ErrorKind::Unsupported.into())
}

fn open(dir: &Path) -> Opened {
    Spool::open(&settings(dir), refuse, 0).unwrap()
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
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "seg");
    names.filter(is_segment).max().unwrap()
}

/// Changes the newest segment's bytes.
fn edit(dir: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = newest_segment(dir);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

/// Where the `n`-th record of [`spool_of`] begins.
fn place(spool: &Spool, n: u64) -> usize {
    let entry = spool.segments.iter().find_map(|segment| segment.find(n)).unwrap();
    entry.offset as usize
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
    assert_eq!(opened.resume, resume(3));
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
    let refusal = Spool::open(&settings(dir.path()), refuse, 0).err().unwrap().to_string();
    assert!(refusal.contains("`state_dir`"), "{refusal}");
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
    spool.set_aside(1, "refused");
    let gap = &spool.take_news().gaps[0];
    assert_eq!((gap.reason, gap.from_ms, gap.to_ms), (GapReason::SpoolLost, 60_000, 180_000));
    spool.set_stored(Ranges::default());
    assert_eq!(spool.unsettled(0, 10), [2]);
    spool.set_aside(99, "unknown");
    assert!(spool.take_news().gaps.is_empty());
}

#[test]
fn a_damaged_record_is_declared_and_the_whole_ones_around_it_are_kept() {
    let dir = spool_of(4);
    let second = place(&open(dir.path()).spool, 2) + 60;
    edit(dir.path(), |bytes| bytes[second] ^= 0xff);
    let opened = open(dir.path());
    assert_eq!(opened.spool.unsettled(0, 10), [1, 3, 4]);
    assert_eq!(opened.spool.read(3).unwrap().unwrap().data, payload(3, 100).data);
    assert_eq!(opened.resume, resume(4));
    assert_eq!(opened.gaps.len(), 1);
    assert_eq!((opened.gaps[0].from_ms, opened.gaps[0].to_ms), (60_000, 180_000));
    assert!(dir.path().join("00000001.damaged").exists());
}

#[test]
fn a_gap_found_at_open_stands_until_a_batch_that_declares_it_is_on_disk() {
    let dir = spool_of(3);
    let first = place(&open(dir.path()).spool, 1) + 60;
    edit(dir.path(), |bytes| bytes[first] ^= 0xff);
    let gaps = open(dir.path()).gaps;
    assert_eq!(gaps.len(), 1);
    let mut again = open(dir.path());
    assert_eq!(again.gaps, gaps);
    append(&mut again.spool, 4, 10).unwrap();
    assert!(again.spool.take_news().gaps.is_empty());
    drop(again);
    assert!(open(dir.path()).gaps.is_empty());
}

#[test]
fn damage_to_what_the_collector_has_is_no_loss() {
    let dir = spool_of(4);
    open(dir.path()).spool.add_stored(1, 3);
    let second = place(&open(dir.path()).spool, 2) + 60;
    edit(dir.path(), |bytes| bytes[second] ^= 0xff);
    let opened = open(dir.path());
    assert!(opened.gaps.is_empty());
    assert_eq!(opened.spool.unsettled(0, 10), [4]);
}

#[test]
fn a_damaged_length_does_not_take_whole_records_behind_it_along() {
    let dir = spool_of(3);
    edit(dir.path(), |bytes| bytes[32 + 7] = 0xff);
    let opened = open(dir.path());
    assert_eq!(opened.spool.unsettled(0, 10), [2, 3]);
    assert_eq!(opened.gaps.len(), 1);
}

#[test]
fn a_damaged_last_record_is_declared_and_the_one_before_says_where_work_goes_on() {
    let dir = spool_of(3);
    edit(dir.path(), |bytes| {
        let at = bytes.len() - SEAL_BYTES - 3;
        bytes[at] ^= 1;
    });
    let opened = open(dir.path());
    assert_eq!((opened.gaps.len(), opened.resume), (1, resume(2)));
    assert_eq!(opened.spool.unsettled(0, 10), [1, 2]);
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

/// A spool whose 60 batches were closed `step_ms` apart and are settled; half of the room is taken.
fn settled_spool(dir: &Path, step_ms: i64) -> Spool {
    let mut spool = open(dir).spool;
    for n in 1..=60 {
        let draft = Draft { closed_ms: n as i64 * step_ms, ..draft(n) };
        spool.append(&draft, |_| Ok(payload(n, 10_000)), 0).unwrap();
    }
    spool.add_stored(1, 60);
    spool
}

fn append_at(spool: &mut Spool, closed_ms: i64) {
    let draft = Draft { closed_ms, ..draft(99) };
    spool.append(&draft, |_| Ok(payload(99, 10)), 0).unwrap();
}

#[test]
fn acknowledged_batches_go_after_the_grace_period_but_never_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = settled_spool(dir.path(), 600_000);
    for hour in 11..7 * 24 {
        append_at(&mut spool, hour * 3_600_000);
    }
    assert!(spool.read(1).unwrap().is_some());
    for hour in 7 * 24..8 * 24 {
        append_at(&mut spool, hour * 3_600_000);
    }
    assert!(spool.read(1).unwrap().is_none());
    spool.add_stored(1, spool.highest_seq());
    let newest = spool.highest_seq();
    append_at(&mut spool, 16 * DAY_MS);
    assert!(spool.read(newest + 1).unwrap().is_some());
    drop(spool);
    let opened = open(dir.path());
    assert_eq!((opened.resume, opened.spool.highest_seq()), (resume(99), newest + 1));
}

#[test]
fn a_clock_that_jumps_by_years_neither_ends_the_grace_period_nor_prolongs_it() {
    let years_ms = 10 * 365 * DAY_MS;
    for jump_ms in [years_ms, -years_ms] {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = settled_spool(dir.path(), 60_000);
        append_at(&mut spool, jump_ms);
        drop(spool);
        let mut spool = open(dir.path()).spool;
        append_at(&mut spool, jump_ms + 60_000);
        assert!(spool.read(1).unwrap().is_some(), "{jump_ms}");
        for hour in 1..=8 * 24 {
            append_at(&mut spool, jump_ms + hour * 3_600_000);
        }
        assert!(spool.read(1).unwrap().is_none(), "{jump_ms}");
    }
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
    assert_eq!((&opened.resume, opened.spool.highest_seq()), (&resume(77), 0));
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

#[test]
fn ids_stay_with_what_they_name_over_a_restart_and_only_new_ones_are_fresh() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path()).spool;
    let ids = |spool: &mut Spool, names: &[&str]| {
        let (mut given, mut fresh) = (Vec::new(), 0);
        let encode = |dictionary: &mut Names| {
            given = names.iter().map(|name| dictionary.id(name.as_bytes())).collect();
            fresh = dictionary.fresh().len();
            Ok(payload(1, 10))
        };
        spool.append(&draft(1), encode, 0).unwrap();
        (given, fresh)
    };
    assert_eq!(ids(&mut spool, &["a", "b", "a"]), (vec![1, 2, 1], 2));
    assert_eq!(ids(&mut spool, &["b", "c"]), (vec![2, 3], 1));
    drop(spool);
    let mut spool = open(dir.path()).spool;
    let (given, fresh) = ids(&mut spool, &["c", "d", "a"]);
    assert_eq!((given[0], given[2], fresh), (3, 1, 1));
    let all = [(1, "a"), (2, "b"), (3, "c"), (given[1], "d")];
    let all = all.map(|(id, text)| (id, text.as_bytes().to_vec()));
    assert_eq!(spool.definitions().unwrap(), all);
    assert_eq!(spool.definition(&[3, 9]).unwrap(), all[2..3]);
}

#[test]
fn ids_of_a_batch_that_was_not_written_are_not_known_and_not_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path()).spool;
    let failing = |names: &mut Names| {
        names.id(b"a");
        Err(io::ErrorKind::Other.into())
    };
    assert!(matches!(spool.append(&draft(1), failing, 0), Err(AppendError::Encode(_))));
    let mut fresh = Vec::new();
    let encode = |names: &mut Names| {
        names.id(b"a");
        fresh = names.fresh().to_vec();
        Ok(payload(1, 10))
    };
    spool.append(&draft(1), encode, 0).unwrap();
    assert_eq!(fresh, [(2, b"a".to_vec())]);
}

#[test]
fn a_lost_or_damaged_dictionary_never_makes_an_id_mean_two_things() {
    for damage in [None, Some(40), Some(3)] {
        let dir = tempfile::tempdir().unwrap();
        let mut last = 0;
        let mut define = |text: &str| {
            let mut spool = open(dir.path()).spool;
            let encode = |names: &mut Names| {
                last = names.id(text.as_bytes());
                Ok(payload(1, 10))
            };
            spool.append(&draft(1), encode, 0).unwrap();
            last
        };
        let known = [define("a"), define("b")];
        let path = dir.path().join("names");
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(at) => {
                let mut bytes = fs::read(&path).unwrap();
                bytes[at] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
        }
        assert!(!known.contains(&define("c")), "{damage:?}");
    }
}

#[test]
fn a_folder_deleted_while_the_agent_runs_begins_a_new_epoch_at_the_positions_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("spool");
    let mut spool = open(&folder).spool;
    append_all(&mut spool, 1..=3, 100);
    spool.add_stored(1, 1);
    let old = spool.epoch();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(append(&mut spool, 4, 100).unwrap(), 1);
    assert_ne!(spool.epoch(), old);
    let news = spool.take_news();
    assert!(news.begun_anew);
    assert_eq!((news.gaps[0].reason, news.gaps[0].amount), (GapReason::SpoolLost, 2));
    drop(spool);
    let opened = open(&folder);
    assert_eq!((opened.resume, opened.spool.unsettled(0, 9)), (resume(4), vec![1]));
    assert_eq!(opened.gaps, news.gaps);
}

#[test]
fn a_folder_replaced_by_another_is_a_deleted_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("spool");
    let mut spool = open(&folder).spool;
    append(&mut spool, 1, 100).unwrap();
    let copy = dir.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    fs::rename(&folder, dir.path().join("aside")).unwrap();
    fs::rename(&copy, &folder).unwrap();
    append(&mut spool, 2, 100).unwrap();
    assert!(spool.take_news().begun_anew);
}

#[test]
fn a_spool_of_another_machine_is_refused_with_what_to_do() {
    let dir = spool_of(1);
    let folder = Folder::open(dir.path()).unwrap();
    let refusal = owner::check(&folder, dir.path(), owner::machine("0af2", "copy")).err();
    // The tests' own machine may have no id: then it is not known to be another.
    if let Some(refusal) = refusal {
        assert!(refusal.to_string().contains("empty `state_dir`"), "{refusal}");
    }
    owner::write(&folder, owner::machine("0af1", "")).unwrap();
    assert!(owner::check(&folder, dir.path(), owner::machine("0af1", "renamed")).is_ok());
    assert!(owner::check(&folder, dir.path(), owner::machine("0af2", "")).is_err());
    assert!(owner::check(&folder, dir.path(), owner::machine("", "db-1")).is_ok());
    assert!(owner::check(&folder, dir.path(), owner::machine("", "db-2")).is_err());
}

#[test]
fn files_that_only_look_like_segments_neither_keep_it_from_opening_nor_end_its_numbers() {
    let dir = spool_of(2);
    let whole = fs::read(newest_segment(dir.path())).unwrap();
    for name in ["9.seg", "+0000009.seg", "4294967295.seg", "00000009.segment"] {
        fs::write(dir.path().join(name), &whole).unwrap();
    }
    let mut spool = open(dir.path()).spool;
    assert_eq!(held(&spool), [1, 2]);
    // One that does not fit into the segment that is written to begins another.
    append_all(&mut spool, 3..=5, 200_000);
    drop(spool);
    assert_eq!(held(&open(dir.path()).spool).len(), 5);
}

proptest::proptest! {
    // Each case syncs to disk some twenty times.
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn no_bytes_make_the_spool_panic(bytes in proptest::collection::vec(0u8..255, 0..300)) {
        let dir = spool_of(1);
        edit(dir.path(), |whole| whole.extend(&bytes));
        fs::write(dir.path().join("00000002.seg"), &bytes).unwrap();
        for name in ["settled", "sent", "exported", "gaps", "names", "names.old", "owner"] {
            fs::write(dir.path().join(name), &bytes).unwrap();
        }
        proptest::prop_assert!(open(dir.path()).spool.read(1).unwrap().is_some());
    }
}
