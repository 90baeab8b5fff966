//! The spool as an export sees it, beside the agent that writes it.

use super::*;

fn seqs(look: &Look) -> Vec<u64> {
    look.held().unwrap().iter().map(|held| held.seq).collect()
}

#[test]
fn a_running_agents_batches_are_seen_each_once_with_what_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path()).spool;
    append_all(&mut spool, 1..=300, 3_000);
    assert!(spool.segments.len() > 2);
    let look = Look::open(dir.path()).unwrap();
    assert_eq!(look.epoch(), spool.epoch());
    assert_eq!(seqs(&look), held(&spool));
    let (wanted, mut read) = (look.held().unwrap(), Vec::new());
    look.read(&wanted[1..], |stored| {
        read.push(stored);
        Ok(())
    })
    .unwrap();
    assert_eq!(read.len(), 299);
    assert!(read.iter().all(|stored| spool.read(stored.seq).unwrap().unwrap() == *stored));
}

#[test]
fn a_last_record_that_is_torn_or_not_synced_is_not_seen() {
    let dir = spool_of(3);
    let sealed = fs::read(newest_segment(dir.path())).unwrap();
    edit(dir.path(), |bytes| {
        let end = bytes.len();
        bytes[end - SEAL_BYTES..].fill(0);
    });
    assert_eq!(seqs(&Look::open(dir.path()).unwrap()), [1, 2]);
    edit(dir.path(), |bytes| bytes.truncate(sealed.len() - 20));
    assert_eq!(seqs(&Look::open(dir.path()).unwrap()), [1, 2]);
    edit(dir.path(), |bytes| *bytes = sealed.clone());
    assert_eq!(seqs(&Look::open(dir.path()).unwrap()), [1, 2, 3]);
}

#[test]
fn one_export_at_a_time_and_a_folder_without_a_spool_is_said() {
    let dir = spool_of(1);
    let look = Look::open(dir.path()).unwrap();
    assert!(lock::ExportLock::take(dir.path(), 1).is_err());
    drop(look);
    assert!(lock::ExportLock::take(dir.path(), 1).is_ok());
    let empty = tempfile::tempdir().unwrap();
    let error = Look::open(empty.path()).err().unwrap();
    assert!(format!("{error:#}").contains("no batch was ever written"), "{error:#}");
    assert!(Look::open(&empty.path().join("none")).is_err());
}

#[test]
fn what_an_export_marks_a_running_agent_never_merges_and_none_while_it_lasts() {
    fn join(batches: &[Stored]) -> io::Result<Payload> {
        Ok(Payload { data: vec![batches.len() as u8; 8], ..Payload::default() })
    }
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&settings(dir.path()), join, 0).unwrap().spool;
    append_all(&mut spool, 1..=100, 2_000);
    let look = Look::open(dir.path()).unwrap();
    let marked = look.held().unwrap();
    look.mark(&marked).unwrap();
    let full = (101..=900).find(|n| append(&mut spool, *n, 2_000).is_err()).unwrap();
    assert!(held(&spool).len() as u64 == full - 1, "nothing is merged while it lasts");
    drop(look);
    append_all(&mut spool, full..=full + 100, 2_000);
    let kept = |seq| spool.read(seq).unwrap().is_some_and(|stored| stored.merged == 0);
    assert!((1..=100).all(kept));
    assert!((held(&spool).len() as u64) < full);
}

#[test]
fn definitions_are_seen_as_the_agent_has_written_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path()).spool;
    for n in 1..=3u64 {
        let encode = |names: &mut Names| {
            names.id(&n.to_le_bytes());
            Ok(payload(n, 10))
        };
        spool.append(&draft(n), encode, 0).unwrap();
    }
    let look = Look::open(dir.path()).unwrap();
    assert_eq!(look.definitions().unwrap(), spool.definitions().unwrap());
    assert_eq!(look.definitions().unwrap().len(), 3);
}
