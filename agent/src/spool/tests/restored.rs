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
    assert_eq!(spool.judge(&stored(5)), Verdict::Fine);
    assert_eq!(spool.judge(&Ranges::from_pairs([(1, 3), (seqs[0], seqs[1])])), Verdict::Fine);
    assert_eq!(spool.judge(&stored(6)), Verdict::Restored);
}

#[test]
fn what_a_restored_copy_closed_is_dropped_and_work_goes_on_from_before_it() {
    let (dir, mut spool, seqs) = restored(5, 3);
    assert_eq!(spool.judge(&stored(9)), Verdict::Restored);
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (3, resume(5)));
    let gaps = spool.take_news().gaps;
    assert_eq!((gaps[0].reason, gaps[0].amount), (GapReason::Restored, 3));
    assert_eq!(spool.unsettled(0, 10), [1, 2, 3, 4, 5]);
    spool.confirm();
    assert_eq!(append(&mut spool, 200, 10).unwrap(), seqs[2] + 1);
    assert_eq!(spool.judge(&stored(9)), Verdict::Fine);
    drop(spool);
    let mut opened = open(dir.path());
    assert_eq!((opened.resume, opened.gaps.len()), (resume(200), 0));
    assert_eq!(opened.spool.judge(&stored(9)), Verdict::Fine);
}

#[test]
fn a_crash_before_the_adopted_positions_are_on_disk_leads_to_the_same_judgement() {
    let (dir, mut spool, _) = restored(5, 3);
    spool.judge(&stored(9));
    spool.drop_run(900).unwrap();
    spool.confirm();
    drop(spool);
    let mut opened = open(dir.path());
    assert_eq!((opened.resume, opened.gaps.len()), (resume(5), 1));
    assert_eq!(opened.spool.judge(&stored(9)), Verdict::Restored);
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
    assert_eq!(spool.judge(&stored(9)), Verdict::Restored);
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (402, resume(5)));
    assert_eq!(spool.unsettled(0, 10), [1, 2, 3, 4, 5]);
}

#[test]
fn a_run_that_a_welcome_confirmed_is_judged_no_more() {
    let (dir, mut spool, seqs) = restored(5, 1);
    assert_eq!(spool.judge(&stored(5)), Verdict::Fine);
    spool.confirm();
    let second = append(&mut spool, 120, 100).unwrap();
    drop(spool);
    let mut spool = open(dir.path()).spool;
    append(&mut spool, 130, 100).unwrap();
    assert_eq!(spool.judge(&Ranges::from_pairs([(1, second + 1)])), Verdict::Restored);
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (1, resume(120)));
    assert_eq!(spool.unsettled(5, 10), [seqs[0], second]);
}

#[test]
fn what_left_in_a_bundle_is_not_dropped() {
    let (_dir, mut spool, seqs) = restored(5, 3);
    export(&spool, seqs[1], seqs[1]).unwrap();
    spool.judge(&stored(9));
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
    assert_eq!(spool.judge(&stored(5)), Verdict::Restored);
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
    assert_eq!(spool.judge(&stored(9)), Verdict::Restored);
    let dropped = spool.drop_run(900).unwrap();
    assert_eq!((dropped.batches, dropped.resume), (3, resume(8)));
}
