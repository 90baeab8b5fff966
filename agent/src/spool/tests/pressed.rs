use super::{
    faults::{FakeDisk, open_on},
    *,
};

/// Concatenates: what was merged can be told from what it became.
pub(super) fn join(batches: &[Stored]) -> io::Result<Payload> {
    let mut data: Vec<u8> = batches.iter().flat_map(|b| b.data.iter().take(8)).copied().collect();
    let merged = batches.iter().filter(|b| b.merged > 0).flat_map(|b| b.data.iter().skip(8));
    data.extend(merged);
    Ok(Payload { data, ..Payload::default() })
}

fn open_joining(disk: &FakeDisk) -> Spool {
    open_on(disk, 1 << 20, join).unwrap().spool
}

/// Which batches a record stands for, by its data.
pub(super) fn numbers(data: &[u8], merged: u32) -> Vec<u64> {
    let many = if merged == 0 { 1 } else { data.len() / 8 };
    let mut numbers: Vec<u64> = data
        .chunks_exact(8)
        .take(many)
        .map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap()))
        .collect();
    numbers.sort_unstable();
    numbers
}

fn all_numbers(spool: &Spool) -> Vec<u64> {
    let read = |seq| spool.read(seq).unwrap().unwrap();
    let held = spool.unsettled(0, usize::MAX).into_iter().map(read);
    held.flat_map(|stored| numbers(&stored.data, stored.merged)).collect()
}

fn with_exemplars(spool: &mut Spool, n: u64) -> Result<u64, AppendError> {
    let exemplars = vec![3; 3_000];
    let encode = |_: &mut Names| Ok(Payload { exemplars, exemplars_count: 2, ..payload(n, 2_000) });
    spool.append(&draft(n), encode, 0)
}

#[test]
fn exemplars_go_before_minutes_and_their_loss_is_declared() {
    let disk = FakeDisk::default();
    let mut spool = open_joining(&disk);
    for n in 1..=300 {
        with_exemplars(&mut spool, n).unwrap();
    }
    assert!(spool.bytes() <= 1 << 20);
    let (first, last) = (spool.read(1).unwrap().unwrap(), spool.read(300).unwrap().unwrap());
    assert_eq!((first.exemplars.len(), first.exemplars_count, first.exemplars_shed), (0, 0, 2));
    assert_eq!((last.exemplars.len(), last.exemplars_count, last.exemplars_shed), (3_000, 2, 0));
    assert_eq!(first.data, payload(1, 2_000).data);
    let gaps = spool.take_news().gaps;
    assert_eq!((gaps.len(), gaps[0].reason), (1, GapReason::ExemplarsShed));
    let shed: u64 = (1..=300).map(|n| spool.read(n).unwrap().unwrap().exemplars_shed as u64).sum();
    assert_eq!(gaps[0].amount, shed);
}

#[test]
fn minutes_are_merged_to_hours_and_no_batch_is_lost_or_doubled() {
    let disk = FakeDisk::default();
    let mut spool = open_joining(&disk);
    append_all(&mut spool, 1..=2_000, 2_000);
    assert!(spool.bytes() <= 1 << 20);
    assert_eq!(all_numbers(&spool), (1..=2_000).collect::<Vec<_>>());
    let first = spool.read(59).unwrap().unwrap();
    assert_eq!((first.merged, first.first_minute, first.last_minute), (58, 1, 60));
    assert_eq!(spool.take_news().gaps[0].reason, GapReason::Merged);
    drop(spool);
    assert_eq!(all_numbers(&open_joining(&disk)), (1..=2_000).collect::<Vec<_>>());
}

#[test]
fn a_batch_that_may_be_with_somebody_is_never_merged_also_after_a_crash() {
    let disk = FakeDisk::default();
    let mut spool = open_joining(&disk);
    append_all(&mut spool, 1..=400, 2_000);
    spool.to_send(3).unwrap();
    export(&spool, 310, 311).unwrap();
    drop(spool);
    let mut spool = open_joining(&disk);
    append_all(&mut spool, 401..=1_500, 2_000);
    for seq in [1, 2, 3, 310, 311] {
        assert_eq!(spool.read(seq).unwrap().unwrap().merged, 0, "{seq}");
    }
    assert_eq!(all_numbers(&spool), (1..=1_500).collect::<Vec<_>>());
    spool.set_stored(Ranges::default());
    append_all(&mut spool, 1_501..=2_500, 2_000);
    assert!(spool.read(3).unwrap().is_none(), "a Welcome has settled that it is not stored");
    assert_eq!(spool.read(310).unwrap().unwrap().merged, 0, "a bundle may be imported at any time");
    assert_eq!(all_numbers(&spool), (1..=2_500).collect::<Vec<_>>());
}

#[test]
fn settled_batches_go_before_anything_is_lost() {
    let disk = FakeDisk::default();
    let mut spool = open_joining(&disk);
    for n in 1..=600 {
        let seq = with_exemplars(&mut spool, n).unwrap();
        // All but each tenth, as after a bundle that was imported.
        spool.add_stored(seq - seq % 10 + 1, seq);
    }
    assert!(spool.take_news().gaps.is_empty());
    assert_eq!(spool.unsettled(0, usize::MAX).len(), 60);
    assert!(spool.bytes() <= 1 << 20);
}

#[test]
fn a_month_of_the_reference_server_takes_less_than_64_mb() {
    // 860 bytes a batch; four logs of a few files, and 400 sketches of the open quarter.
    let position = progress(1).remove(0).files.remove(0);
    let log =
        SourceProgress { source: "play".into(), not_before_ms: Some(1), files: vec![position; 5] };
    let resume = Resume { progress: vec![log; 4], open: vec![5; 12_000] };
    let disk = FakeDisk::default();
    let mut spool = open_on(&disk, 512 << 20, refuse).unwrap().spool;
    // Two days; the rest is more of the same sealed segments.
    for n in 1..=2 * 1_440 {
        let draft = Draft { resume: resume.clone(), ..draft(n) };
        spool.append(&draft, |_| Ok(payload(n, 860)), 0).unwrap();
    }
    let sealed = || spool.segments.iter().rev().skip(1);
    let lean: u64 = sealed().map(|segment| segment.bytes).sum();
    let count: usize = sealed().map(|segment| segment.entries.len()).sum();
    let month = lean * 43_200 / count as u64 + ACTIVE_BYTES_MAX;
    assert!(month < 64_000_000, "{lean} bytes of {count} sealed records: {month} bytes a month");
}
