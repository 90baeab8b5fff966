//! Fixed little-endian numbers and texts with their length in front.

use super::ranges::Ranges;
use crate::domain::{FileIdentity, Gap, GapReason, SourcePosition, SourceProgress};

/// Ranges read at most: more is damage.
const RANGES_MAX: u32 = 100_000;
/// Every reason; its place is its number on disk.
const GAP_REASONS: [GapReason; 8] = [
    GapReason::FileLost,
    GapReason::BaselineLost,
    GapReason::SpoolLost,
    GapReason::GroupsShed,
    GapReason::Merged,
    GapReason::ExemplarsShed,
    GapReason::Restored,
    GapReason::LinesCut,
];
/// Logs in one record at most: more is damage.
const SOURCES_MAX: u32 = 10_000;

pub(super) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

/// Takes from the front of a slice; every take is `None` where the slice is too short.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}

pub(super) fn put_progress(out: &mut Vec<u8>, progress: &[SourceProgress]) {
    put_u32(out, progress.len() as u32);
    for source in progress {
        put_bytes(out, source.source.as_bytes());
        // i64::MIN stands for none: no log begins there.
        put_i64(out, source.not_before_ms.unwrap_or(i64::MIN));
        put_u32(out, source.files.len() as u32);
        source.files.iter().for_each(|position| put_position(out, position));
    }
}

fn put_position(out: &mut Vec<u8>, position: &SourcePosition) {
    put_bytes(out, position.path.as_bytes());
    put_u64(out, position.identity.device);
    put_u64(out, position.identity.inode);
    put_u64(out, position.identity.head_hash);
    put_u32(out, position.identity.head_bytes);
    put_u32(out, position.generation);
    put_u64(out, position.offset);
    put_u32(out, position.tail_hash);
    put_i64(out, position.last_event_ms);
}

pub(super) fn progress(reader: &mut Reader<'_>) -> Option<Vec<SourceProgress>> {
    let count = reader.u32().filter(|count| *count <= SOURCES_MAX)?;
    (0..count).map(|_| source(reader)).collect()
}

fn source(reader: &mut Reader<'_>) -> Option<SourceProgress> {
    let name = reader.text()?;
    let not_before_ms = Some(reader.i64()?).filter(|ms| *ms != i64::MIN);
    let count = reader.u32().filter(|count| *count as usize <= SourceProgress::FILES_MAX)?;
    let files = (0..count).map(|_| position(reader, &name)).collect::<Option<Vec<_>>>()?;
    Some(SourceProgress { source: name.into(), not_before_ms, files })
}

fn position(reader: &mut Reader<'_>, source: &str) -> Option<SourcePosition> {
    Some(SourcePosition {
        source: source.to_owned(),
        path: reader.text()?,
        identity: FileIdentity {
            device: reader.u64()?,
            inode: reader.u64()?,
            head_hash: reader.u64()?,
            head_bytes: reader.u32()?,
        },
        generation: reader.u32()?,
        offset: reader.u64()?,
        tail_hash: reader.u32()?,
        last_event_ms: reader.i64()?,
    })
}

pub(super) fn put_ranges(out: &mut Vec<u8>, ranges: &Ranges) {
    put_u32(out, ranges.pairs().len() as u32);
    for (first, last) in ranges.pairs() {
        put_u64(out, *first);
        put_u64(out, *last);
    }
}

pub(super) fn ranges(reader: &mut Reader<'_>) -> Option<Ranges> {
    let count = reader.u32().filter(|count| *count <= RANGES_MAX)?;
    let pairs = (0..count).map(|_| Some((reader.u64()?, reader.u64()?)));
    Some(Ranges::from_pairs(pairs.collect::<Option<Vec<_>>>()?))
}

pub(super) fn put_gap(out: &mut Vec<u8>, gap: &Gap) {
    let reason = GAP_REASONS.iter().position(|reason| *reason == gap.reason);
    put_bytes(out, gap.source.as_bytes());
    put_i64(out, gap.from_ms);
    put_i64(out, gap.to_ms);
    put_u32(out, reason.unwrap_or_default() as u32);
    put_bytes(out, gap.detail.as_bytes());
    put_u64(out, gap.amount);
}

pub(super) fn gap(reader: &mut Reader<'_>) -> Option<Gap> {
    Some(Gap {
        source: reader.text()?,
        from_ms: reader.i64()?,
        to_ms: reader.i64()?,
        reason: *GAP_REASONS.get(reader.u32()? as usize)?,
        detail: reader.text()?,
        amount: reader.u64()?,
    })
}

/// CRC-32 of the epoch and `bytes`.
pub(super) fn crc(epoch: [u8; 16], bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&epoch);
    hasher.update(bytes);
    hasher.finalize()
}
