use super::*;

/// A spool restored from a copy of its first `known` batches, that has closed `again` more since.
fn restored(known: u64, again: u64) -> (tempfile::TempDir, Spool, Vec<u64>) {
    let dir = spool_of(known);
    let mut spool = open(dir.path()).spool;
    let seqs = (1..=again).map(|n| append(&mut spool, 100 + n, 100).unwrap()).collect();
    (dir, spool, seqs)
}

fn stored(last: u64) -> Ranges {
    Ranges::from_pairs([(1, last)])
}

fn judge(spool: &mut Spool, stored: &Ranges, has_positions: bool) -> Verdict {
    spool.judge(&Known { stored: stored.clone(), has_positions, last_id: 0 })
}

#[test]
fn a_collector_that_knows_every_number_leaves_none_to_give_and_none_is_given_twice() {
    for highest in [SEQ_MAX, u64::MAX] {
        let dir = spool_of(2);
        for _ in 0..2 {
            let mut spool = open(dir.path()).spool;
            assert_eq!(judge(&mut spool, &stored(highest), false), Verdict::Restored);
            spool.drop_run(0).unwrap();
            let refused = append(&mut spool, 3, 10).unwrap_err();
            assert!(refused.to_string().contains("move it away"), "{refused}");
            assert_eq!(held(&spool), [1, 2]);
        }
    }
}

#[test]
fn each_run_numbers_far_beyond_the_one_before() {
    let (dir, spool, seqs) = restored(5, 2);
    assert!(seqs[0] > 5 + 131_072);
    assert_eq!(seqs[1], seqs[0] + 1);
    drop(spool);
    assert_eq!(open(dir.path()).spool.unsettled(0, 10), [1, 2, 3, 4, 5, seqs[0], seqs[1]]);
}

#[test]
fn a_collector_that_has_what_this_spool_has_says_nothing() {
    let (_dir, mut spool, seqs) = restored(5, 2);
    assert_eq!(judge(&mut spool, &stored(5), true), Verdict::Fine);
    assert_eq!(
        judge(&mut spool, &Ranges::from_pairs([(1, 3), (seqs[0], seqs[1])]), true),
        Verdict::Fine
    );
    assert_eq!(judge(&mut spool, &stored(6), true), Verdict::Restored);
}

#[test]
fn what_a_restored_copy_closed_is_dropped_and_work_goes_on_from_before_it() {
    let (dir, mut spool, seqs) = restored(5, 3);
    assert_eq!(judge(&mut spool, &stored(9), true), Verdict::Restored);
    let parting = spool.parting().unwrap();
    assert_eq!((parting.progress, parting.shares_numbers), (progress(5), false));
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (3, resume(5)));
    let gaps = spool.take_news().gaps;
    assert_eq!((gaps[0].reason, gaps[0].amount), (GapReason::Restored, 3));
    assert_eq!(spool.unsettled(0, 10), [1, 2, 3, 4, 5]);
    spool.confirm();
    assert_eq!(judge(&mut spool, &stored(9), true), Verdict::Fine, "also before the next batch");
    assert_eq!(append(&mut spool, 200, 10).unwrap(), seqs[2] + 1);
    assert_eq!(judge(&mut spool, &stored(9), true), Verdict::Fine);
    drop(spool);
    let mut opened = open(dir.path());
    assert_eq!((opened.resume, opened.gaps.len()), (resume(200), 0));
    assert_eq!(judge(&mut opened.spool, &stored(9), true), Verdict::Fine);
}

#[test]
fn a_crash_before_the_adopted_positions_are_on_disk_leads_to_the_same_judgement() {
    let (dir, mut spool, _) = restored(5, 3);
    judge(&mut spool, &stored(9), true);
    spool.drop_run(900).unwrap();
    spool.confirm();
    drop(spool);
    let mut opened = open(dir.path());
    assert_eq!((opened.resume, opened.gaps.len()), (resume(5), 1));
    assert_eq!(judge(&mut opened.spool, &stored(9), true), Verdict::Restored);
    assert_eq!(opened.spool.drop_run(950).unwrap().resume, resume(5));
}

#[test]
fn several_runs_without_a_collector_are_all_of_the_copy() {
    let (dir, spool, _) = restored(5, 2);
    drop(spool);
    let mut spool = open(dir.path()).spool;
    // Far more than a segment holds, so that what is needed of older ones is shown to be kept.
    for n in 1..=400 {
        append(&mut spool, 300 + n, 2_000).unwrap();
    }
    drop(spool);
    let mut spool = open(dir.path()).spool;
    assert_eq!(judge(&mut spool, &stored(9), true), Verdict::Restored);
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (402, resume(5)));
    assert_eq!(spool.unsettled(0, 10), [1, 2, 3, 4, 5]);
}

#[test]
fn a_run_that_a_welcome_confirmed_is_judged_no_more() {
    let (dir, mut spool, seqs) = restored(5, 1);
    assert_eq!(judge(&mut spool, &stored(5), true), Verdict::Fine);
    spool.confirm();
    let second = append(&mut spool, 120, 100).unwrap();
    drop(spool);
    let mut spool = open(dir.path()).spool;
    append(&mut spool, 130, 100).unwrap();
    assert_eq!(judge(&mut spool, &Ranges::from_pairs([(1, second + 1)]), true), Verdict::Restored);
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (1, resume(120)));
    assert_eq!(spool.unsettled(5, 10), [seqs[0], second]);
}

#[test]
fn what_left_in_a_bundle_is_not_dropped() {
    let (_dir, mut spool, seqs) = restored(5, 3);
    export(&spool, seqs[1], seqs[1]).unwrap();
    judge(&mut spool, &stored(9), true);
    assert_eq!(spool.drop_run(900).unwrap().batches, 2);
    assert_eq!(spool.unsettled(5, 10), [seqs[1]]);
}

#[test]
fn a_damaged_last_record_that_the_collector_has_lies_in_a_hole() {
    let dir = spool_of(5);
    edit(dir.path(), |bytes| {
        let at = bytes.len() - SEAL_BYTES - 1;
        bytes[at] ^= 1;
    });
    let mut spool = open(dir.path()).spool;
    append(&mut spool, 99, 10).unwrap();
    assert_eq!(judge(&mut spool, &stored(5), true), Verdict::Restored);
    assert_eq!(spool.drop_run(900).unwrap().resume, resume(4));
}

#[test]
fn a_copy_of_a_running_machine_drops_what_it_has_not_sent() {
    let dir = spool_of(0);
    let mut spool = open(dir.path()).spool;
    append_all(&mut spool, 1..=4, 100);
    spool.confirm();
    append_all(&mut spool, 5..=8, 100);
    spool.to_send(5).unwrap();
    assert_eq!(judge(&mut spool, &stored(9), true), Verdict::Restored);
    let parting = spool.parting().unwrap();
    assert_eq!((parting.progress, parting.shares_numbers), (progress(5), true));
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (3, resume(5)));
    let gaps = spool.take_news().gaps;
    assert_eq!(gaps.iter().map(|gap| gap.amount).collect::<Vec<_>>(), [3, 1]);
    assert!(gaps[1].detail.contains("not known"));
}

/// A spool that began without anything and has closed `batches`.
fn new_spool(batches: u64) -> (tempfile::TempDir, Spool) {
    let dir = spool_of(batches);
    let spool = open(dir.path()).spool;
    (dir, spool)
}

#[test]
fn a_new_spool_of_an_agent_whose_logs_were_counted_is_judged_also_after_crashes() {
    for batches in [0, 3] {
        let (dir, mut spool) = new_spool(batches);
        assert_eq!(judge(&mut spool, &stored(0), true), Verdict::Restored);
        drop(spool);
        let mut spool = open(dir.path()).spool;
        assert!(spool.is_new());
        assert_eq!(judge(&mut spool, &stored(0), true), Verdict::Restored);
        let dropped = spool.drop_run(900).unwrap();
        assert_eq!((dropped.batches, dropped.is_new), (batches, true));
        assert_eq!(dropped.resume, Resume::default());
        assert_eq!(spool.take_news().gaps.len(), usize::from(batches > 0));
        assert_eq!(spool.unsettled(0, 10), [0u64; 0]);
    }
}

#[test]
fn a_new_spool_that_adopted_positions_is_judged_again_only_until_they_are_on_disk() {
    let (dir, mut spool) = new_spool(3);
    judge(&mut spool, &stored(0), true);
    spool.drop_run(900).unwrap();
    spool.confirm();
    assert_eq!(judge(&mut spool, &stored(0), true), Verdict::Fine);
    drop(spool);
    let mut opened = open(dir.path());
    assert_eq!(opened.resume, Resume::default());
    assert_eq!(judge(&mut opened.spool, &stored(0), true), Verdict::Restored);
    assert_eq!(opened.spool.drop_run(950).unwrap().batches, 0);
    opened.spool.confirm();
    let seq = append(&mut opened.spool, 50, 100).unwrap();
    drop(opened);
    let mut opened = open(dir.path());
    assert_eq!(opened.resume, resume(50));
    assert_eq!(judge(&mut opened.spool, &stored(0), true), Verdict::Fine);
    assert_eq!(opened.spool.unsettled(0, 10), [seq]);
}

#[test]
fn a_new_spool_of_an_agent_nobody_knows_is_confirmed_at_once() {
    let (dir, mut spool) = new_spool(0);
    assert_eq!(judge(&mut spool, &stored(0), false), Verdict::Fine);
    spool.confirm();
    append_all(&mut spool, 1..=2, 100);
    assert_eq!(judge(&mut spool, &stored(0), true), Verdict::Fine);
    drop(spool);
    assert_eq!(judge(&mut open(dir.path()).spool, &stored(0), true), Verdict::Fine);
}

/// A running spool of `count` batches, its folder deleted.
fn deleted(count: u64, is_confirmed: bool) -> (tempfile::TempDir, Spool) {
    let dir = spool_of(0);
    let mut spool = open(dir.path()).spool;
    if is_confirmed {
        spool.confirm();
    }
    append_all(&mut spool, 1..=count, 100);
    fs::remove_dir_all(dir.path()).unwrap();
    (dir, spool)
}

#[test]
fn a_folder_deleted_while_positions_are_in_memory_drops_nothing_before_or_after_a_crash() {
    let (dir, mut spool) = deleted(4, true);
    append(&mut spool, 5, 100).unwrap();
    assert_eq!(judge(&mut spool, &stored(0), true), Verdict::Fine);
    drop(spool);
    let mut opened = open(dir.path());
    assert_eq!(opened.resume, resume(5));
    assert_eq!(judge(&mut opened.spool, &stored(0), true), Verdict::Fine);
}

#[test]
fn a_folder_deleted_and_an_agent_killed_before_its_next_batch_leave_a_spool_that_is_judged() {
    let (dir, spool) = deleted(4, true);
    drop(spool);
    let mut spool = open(dir.path()).spool;
    assert_eq!(judge(&mut spool, &stored(0), true), Verdict::Restored);
}

#[test]
fn a_spool_opened_without_a_batch_begins_a_new_epoch_and_what_the_collector_counted_decides() {
    let (dir, mut spool) = deleted(4, true);
    spool.disk.renew().unwrap();
    spool.begin_epoch(resume(4), 900).unwrap();
    let epoch = spool.epoch();
    drop(spool);
    // As two copies of one machine would.
    for _ in 0..2 {
        let mut opened = open(dir.path());
        assert_ne!(opened.spool.epoch(), epoch);
        assert_eq!((opened.resume, opened.spool.last_closed_ms()), (resume(4), Some(900)));
        assert_eq!(judge(&mut opened.spool, &stored(0), true), Verdict::Restored);
    }
}

#[test]
fn a_damaged_spool_without_a_whole_batch_does_not_number_from_one_again_in_its_epoch() {
    let dir = spool_of(1);
    let epoch = open(dir.path()).spool.epoch();
    edit(dir.path(), |bytes| {
        let at = bytes.len() - SEAL_BYTES - 1;
        bytes[at] ^= 1;
    });
    let opened = open(dir.path());
    assert_ne!(opened.spool.epoch(), epoch);
    assert!(opened.progress_lost);
    assert_eq!(opened.gaps[0].reason, GapReason::SpoolLost);
}

/// Appends a batch that mentions these; their ids, and those that it defines.
fn naming(spool: &mut Spool, n: u64, names: &[&str]) -> (Vec<u32>, Vec<u32>) {
    let (mut ids, mut fresh) = (Vec::new(), Vec::new());
    let encode = |dictionary: &mut Names| {
        ids = names.iter().map(|name| dictionary.id(name.as_bytes())).collect();
        fresh = dictionary.fresh().iter().map(|(id, _)| *id).collect();
        Ok(payload(n, 100))
    };
    spool.append(&draft(n), encode, 0).unwrap();
    (ids, fresh)
}

#[test]
fn each_run_gives_new_ids_far_beyond_those_before_and_goes_on_with_the_known_ones() {
    let dir = spool_of(0);
    assert_eq!(naming(&mut open(dir.path()).spool, 1, &["a", "b"]).0, [1, 2]);
    let mut spool = open(dir.path()).spool;
    let (ids, fresh) = naming(&mut spool, 2, &["b", "c", "a", "d"]);
    assert_eq!((ids[0], ids[2]), (2, 1));
    assert!(ids[1] > 65_536 && ids[3] == ids[1] + 1, "{ids:?}");
    assert_eq!(fresh, [ids[1], ids[3]]);
}

#[test]
fn a_restored_copy_gives_no_id_that_its_other_life_has_given_also_after_a_crash() {
    let dir = spool_of(0);
    naming(&mut open(dir.path()).spool, 1, &["a"]);
    let mut spool = open(dir.path()).spool;
    let (before, _) = naming(&mut spool, 2, &["a", "b"]);
    let other_life = Known { stored: stored(3), has_positions: true, last_id: 5_000_000 };
    assert_eq!(spool.judge(&other_life), Verdict::Restored);
    spool.drop_run(900).unwrap();
    for is_after_crash in [false, true] {
        if is_after_crash {
            drop(spool);
            spool = open(dir.path()).spool;
        }
        let name = if is_after_crash { "c" } else { "b" };
        let (ids, fresh) = naming(&mut spool, 3, &[name]);
        assert_eq!(ids, fresh);
        assert!(ids[0] > 5_000_000, "{ids:?}");
    }
    let definitions = spool.definitions().unwrap();
    assert!(before.iter().all(|id| definitions.iter().any(|(known, _)| known == id)));
}

#[test]
fn positions_that_no_welcome_confirmed_are_in_doubt_in_the_next_epoch_too() {
    let (_dir, mut spool) = deleted(4, false);
    append(&mut spool, 5, 100).unwrap();
    assert_eq!(judge(&mut spool, &stored(0), true), Verdict::Restored);
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (1, Resume::default()));
}

#[test]
fn numbers_that_another_life_has_used_are_not_used_again() {
    let dir = spool_of(0);
    let mut spool = open(dir.path()).spool;
    append_all(&mut spool, 1..=4, 100);
    spool.confirm();
    append(&mut spool, 5, 100).unwrap();
    assert_eq!(judge(&mut spool, &stored(9), true), Verdict::Restored);
    spool.drop_run(900).unwrap();
    spool.confirm();
    assert!(append(&mut spool, 6, 100).unwrap() > 9);
}
