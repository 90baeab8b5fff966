//! Losses that no batch has declared yet.
//!
//! The file `gaps`, a [`sheet`](super::sheet): a count, and of each its id (8 bytes) and the gap. A record
//! notes the id up to which it and those before it declare, so that each is declared once, whatever
//! happens between writing the record and writing this file.

use std::io;

use super::{
    codec::{self, Reader},
    disk::Disk,
    sheet::{self, Sheet},
};
use crate::domain::Gap;

const NAME: &str = "gaps";
const KIND: [u8; 4] = *b"PGAP";
/// Further ones are added to the last.
const GAPS_MAX: usize = 1_000;

#[derive(Default)]
pub(super) struct Pending {
    /// Ascending by id.
    gaps: Vec<(u64, Gap)>,
    last_id: u64,
    /// Up to here they were handed to the caller.
    handed_to: u64,
    declared_to: u64,
    is_kept: bool,
}

impl Pending {
    /// What is written down and not declared by a record.
    pub(super) fn read(disk: &dyn Disk, epoch: [u8; 16], declared_to: u64) -> Pending {
        let gaps = match sheet::read(disk, NAME, KIND, epoch) {
            Ok(Sheet::Whole(content)) => decode(&content).unwrap_or_default(),
            _ => Vec::new(),
        };
        let last_id = gaps.last().map_or(0, |(id, _)| *id).max(declared_to);
        let gaps = gaps.into_iter().filter(|(id, _)| *id > declared_to).collect();
        Pending { gaps, last_id, handed_to: declared_to, declared_to, is_kept: true }
    }

    /// Adds a loss; one of the same kind that was not handed out yet takes it in.
    pub(super) fn add(&mut self, gap: Gap) {
        if self.gaps.iter().any(|(_, known)| *known == gap) {
            return;
        }
        self.is_kept = false;
        let is_full = self.gaps.len() >= GAPS_MAX;
        let handed_to = self.handed_to;
        let open = self.gaps.last_mut().filter(|(id, _)| *id > handed_to);
        let alike = open.filter(|(_, known)| {
            is_full || (known.reason, &known.detail) == (gap.reason, &gap.detail)
        });
        if let Some((_, known)) = alike {
            known.from_ms = known.from_ms.min(gap.from_ms);
            known.to_ms = known.to_ms.max(gap.to_ms);
            known.amount = known.amount.saturating_add(gap.amount);
            return;
        }
        self.last_id += 1;
        self.gaps.push((self.last_id, gap));
    }

    /// Those not handed out yet: the next record declares them.
    pub(super) fn take(&mut self) -> Vec<Gap> {
        let handed_to = std::mem::replace(&mut self.handed_to, self.last_id);
        let fresh = self.gaps.iter().filter(|(id, _)| *id > handed_to);
        fresh.map(|(_, gap)| gap.clone()).collect()
    }

    /// What a record that is written now declares.
    pub(super) fn handed_to(&self) -> u64 {
        self.handed_to
    }

    /// What records on disk declare.
    pub(super) fn declared_to(&self) -> u64 {
        self.declared_to
    }

    /// A record that declares up to `id` is on disk.
    pub(super) fn declared(&mut self, id: u64) {
        self.declared_to = self.declared_to.max(id);
        let before = self.gaps.len();
        self.gaps.retain(|(known, _)| *known > id);
        self.is_kept &= before == self.gaps.len();
    }

    /// Writes down what has changed; synced when this returns.
    pub(super) fn keep(&mut self, disk: &dyn Disk, epoch: [u8; 16]) -> io::Result<()> {
        if self.is_kept {
            return Ok(());
        }
        let mut content = Vec::new();
        codec::put_u32(&mut content, self.gaps.len() as u32);
        for (id, gap) in &self.gaps {
            codec::put_u64(&mut content, *id);
            codec::put_gap(&mut content, gap);
        }
        sheet::write(disk, NAME, KIND, epoch, &content)?;
        self.is_kept = true;
        Ok(())
    }

    /// The epoch has changed: written down again under the new one.
    pub(super) fn move_to_new_epoch(&mut self) {
        // Records of the old one declare nothing in the new one.
        self.declared_to = 0;
        self.is_kept = false;
    }
}

fn decode(content: &[u8]) -> Option<Vec<(u64, Gap)>> {
    let mut reader = Reader(content);
    let count = reader.u32().filter(|count| *count as usize <= GAPS_MAX)?;
    (0..count).map(|_| Some((reader.u64()?, codec::gap(&mut reader)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::GapReason;

    fn gap(detail: &str, from_ms: i64) -> Gap {
        Gap {
            source: "spool".to_owned(),
            from_ms,
            to_ms: from_ms + 5,
            reason: GapReason::Merged,
            detail: detail.to_owned(),
            amount: 2,
        }
    }

    #[test]
    fn losses_of_one_kind_are_one_gap_until_it_is_handed_out() {
        let mut pending = Pending::default();
        pending.add(gap("merged", 10));
        pending.add(gap("merged", 20));
        let taken = pending.take();
        assert_eq!(
            (taken.len(), taken[0].from_ms, taken[0].to_ms, taken[0].amount),
            (1, 10, 25, 4)
        );
        pending.add(gap("merged", 30));
        assert_eq!(pending.take(), [gap("merged", 30)]);
        assert!(pending.take().is_empty());
    }
}
