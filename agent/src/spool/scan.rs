//! Reads a segment: what is whole, what is torn, what is damaged. Pure.

use memchr::memmem;

use super::{
    record::{self, HEADER_BYTES, Header, Lean, SEAL_BYTES, Tail},
    segment::{self, Entry, SEGMENT_HEADER_BYTES},
};

/// What stands in the seal of a record.
const SEAL_MARK: &[u8] = b"PEND";

/// A place in a segment that is neither a whole record nor a torn end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) bytes: u64,
    /// Number and time of closing of the whole record before it.
    pub(super) after: Option<(u64, i64)>,
    /// Lowest number and time of closing of the one behind it.
    pub(super) before: Option<(u64, i64)>,
}

/// What a segment on disk holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) number: u32,
    /// All in the file, with the checkpoint.
    pub(super) entries: Vec<Entry>,
    pub(super) damages: Vec<Damage>,
    /// Bytes up to the end of the last whole record.
    pub(super) whole_bytes: u64,
    pub(super) bytes: u64,
    /// Resume part of the last record, if it has one.
    pub(super) tail: Option<Tail>,
    /// Highest id that a record notes.
    pub(super) last_id: u32,
}

/// Only the newest segment may end in a torn record.
pub(super) fn scan(number: u32, bytes: &[u8], epoch: [u8; 16], is_newest: bool) -> Scan {
    let mut scan = Scan { number, bytes: bytes.len() as u64, ..Scan::default() };
    if segment::epoch_of(bytes).is_none() {
        scan.note_damage(SEGMENT_HEADER_BYTES.min(bytes.len()));
    }
    let mut at = SEGMENT_HEADER_BYTES.min(bytes.len());
    scan.whole_bytes = at as u64;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match look(rest, epoch, is_newest) {
            Sight::Whole(header, lean, tail) => {
                scan.note_whole(&header, &lean, tail, at);
                at += header.bytes();
                scan.whole_bytes = at as u64;
            }
            Sight::Torn => break,
            Sight::Damaged(skipped) => {
                scan.note_damage(skipped);
                at += skipped;
            }
        }
    }
    scan
}

impl Scan {
    fn note_whole(&mut self, header: &Header, lean: &Lean, tail: Option<Tail>, at: usize) {
        let Some(entry) = Entry::of(header, lean, at) else { return };
        if let Some(damage) = self.damages.last_mut() {
            damage.before.get_or_insert((entry.first(), entry.closed_ms));
        }
        self.last_id = self.last_id.max(lean.last_id);
        self.tail = tail;
        self.entries.push(entry);
    }

    fn note_damage(&mut self, bytes: usize) {
        let after = self.entries.last().map(|entry| (entry.seq, entry.closed_ms));
        match self.damages.last_mut().filter(|damage| damage.before.is_none()) {
            Some(damage) => damage.bytes += bytes as u64,
            None => {
                self.damages.push(Damage { bytes: bytes as u64, after, before: None });
            }
        }
    }
}

enum Sight {
    Whole(Header, Lean, Option<Tail>),
    Torn,
    /// So many bytes of it.
    Damaged(usize),
}

fn look(rest: &[u8], epoch: [u8; 16], is_newest: bool) -> Sight {
    let Some(header) = record::header(epoch, rest) else {
        let next = next_header(rest, epoch);
        let is_torn = is_newest && next == rest.len() && !ends_sealed(rest);
        return if is_torn { Sight::Torn } else { Sight::Damaged(next) };
    };
    let is_last = rest.get(header.bytes()..).is_none_or(|b| next_header_at(b, epoch).is_none());
    let tail = record::tail(&header, rest);
    // A resume part is needed at the end of the newest segment only.
    let is_enough = tail.is_some() || header.resume_bytes == 0 || !(is_newest && is_last);
    match record::lean(&header, rest).filter(|_| is_enough && rest.len() >= header.bytes()) {
        Some(lean) => Sight::Whole(header, lean, tail),
        None if is_newest && is_last && !header.is_sealed(rest, epoch) => Sight::Torn,
        None => Sight::Damaged(next_header(rest, epoch)),
    }
}

/// Whether a seal stands at the end: the record there was synced once, so that it is not torn.
fn ends_sealed(rest: &[u8]) -> bool {
    let end = rest.len().checked_sub(SEAL_BYTES).and_then(|at| rest.get(at..));
    end.is_some_and(|end| end.starts_with(SEAL_MARK))
}

/// Distance to the next right header, or to the end.
fn next_header(rest: &[u8], epoch: [u8; 16]) -> usize {
    let behind = rest.get(1..).unwrap_or_default();
    next_header_at(behind, epoch).map_or(rest.len(), |at| at + 1)
}

fn next_header_at(bytes: &[u8], epoch: [u8; 16]) -> Option<usize> {
    let is_right = |at: &usize| {
        bytes.get(*at..*at + HEADER_BYTES).is_some_and(|b| record::header(epoch, b).is_some())
    };
    memmem::find_iter(bytes, &record::MARK).find(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::record::{Resume, Stored};

    const EPOCH: [u8; 16] = [7; 16];

    fn record(seq: u64) -> Vec<u8> {
        let stored = Stored { seq, data: vec![9; 50], ..Stored::default() };
        let resume = Resume { progress: Vec::new(), open: vec![8; 30] };
        let encoded = record::encode(
            EPOCH,
            &Lean { stored, last_id: 3 },
            Some(&Tail { resume, ..Tail::default() }),
        );
        let mut bytes = encoded.bytes;
        let end = bytes.len() - SEAL_BYTES;
        bytes[end..].copy_from_slice(&encoded.header.seal(EPOCH));
        bytes
    }

    fn segment_of(records: &[Vec<u8>]) -> Vec<u8> {
        let mut contents = crate::spool::segment::Contents::default();
        assert!(records.iter().all(|record| contents.push(EPOCH, record)));
        let mut bytes = segment::header(EPOCH);
        bytes.extend_from_slice(&contents.bytes);
        bytes
    }

    fn seqs(scan: &Scan) -> Vec<u64> {
        scan.entries.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn an_end_cut_short_anywhere_is_torn_and_no_damage() {
        let whole = segment_of(&[record(1), record(2)]);
        let second = whole.len() - record(2).len();
        for end in second..whole.len() {
            let scan = scan(1, &whole[..end], EPOCH, true);
            // Only the seal may be missing.
            assert_eq!((seqs(&scan), scan.damages.len()), (vec![1], 0), "{end}");
            assert_eq!(scan.whole_bytes as usize, second);
        }
    }

    #[test]
    fn a_flipped_bit_in_a_sealed_last_record_is_damage_wherever_it_is() {
        let whole = segment_of(&[record(1), record(2)]);
        let second = whole.len() - record(2).len();
        for at in second..whole.len() - SEAL_BYTES {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            let scan = scan(1, &bytes, EPOCH, true);
            assert_eq!((seqs(&scan), scan.damages.len()), (vec![1], 1), "{at}");
            assert_eq!(scan.damages[0].after, Some((1, 0)));
        }
    }

    #[test]
    fn a_last_record_that_was_never_sealed_is_torn_when_it_is_not_right() {
        let mut bytes = segment_of(&[record(1), record(2)]);
        let end = bytes.len();
        bytes[end - SEAL_BYTES..].fill(0);
        assert_eq!(seqs(&scan(1, &bytes, EPOCH, true)), [1, 2]);
        bytes[end - 20] ^= 1;
        let scan = scan(1, &bytes, EPOCH, true);
        assert_eq!((seqs(&scan), scan.damages.len()), (vec![1], 0));
    }

    #[test]
    fn a_record_of_another_epoch_inside_another_is_not_taken_for_one() {
        let stored = Stored { seq: 5, data: record(77), ..Stored::default() };
        let outer = record::encode([9; 16], &Lean { stored, last_id: 0 }, None);
        let mut bytes = segment::header([9; 16]);
        bytes.extend_from_slice(&outer.bytes[HEADER_BYTES..]);
        let scan = scan(1, &bytes, [9; 16], false);
        assert_eq!((seqs(&scan), scan.damages.len()), (vec![], 1));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_whole_by_chance(bytes in proptest::collection::vec(0u8..255, 0..400)) {
            let mut file = segment::header(EPOCH);
            file.extend_from_slice(&bytes);
            for is_newest in [false, true] {
                proptest::prop_assert!(scan(1, &file, EPOCH, is_newest).entries.is_empty());
                scan(1, &bytes, EPOCH, is_newest);
            }
        }
    }
}
