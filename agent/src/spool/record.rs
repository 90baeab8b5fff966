//! One record: a batch, already encoded for the wire, and the read positions it accounts for.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `PREC` |
//! | 4 | bytes of the body, at most [`RECORD_BYTES_MAX`] |
//! | 8 | batch number; 0: positions alone, never sent |
//! | 4 | CRC-32 of the body |
//! | 4 | CRC-32 of the 20 bytes before |
//! | ... | body: first and last minute, time of closing (8 each), positions, batch (each with its length) |
//!
//! All numbers are little-endian. The header has a checksum of its own: a damaged length would else
//! look like a torn end and take whole records behind it along.

use super::codec::{self, Reader};
use crate::domain::SourceProgress;

/// Largest body: a message of the wire and positions beside it.
pub const RECORD_BYTES_MAX: u32 = 16 * 1024 * 1024;
pub(super) const MARK: [u8; 4] = *b"PREC";
pub(super) const HEADER_BYTES: usize = 24;

/// What an agent needs to go on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// From where logs are read on.
    pub progress: Vec<SourceProgress>,
    /// What the window holds of the quarter of an hour that is still open, in the window's own coding.
    pub open: Vec<u8>,
}

/// What is appended, but for its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Draft {
    pub first_minute: i64,
    pub last_minute: i64,
    pub closed_ms: i64,
    /// Accounts for exactly what this batch and those before it have counted.
    pub resume: Resume,
}

/// What travels of a batch, coded as it travels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Counts, values and definitions.
    pub data: Vec<u8>,
    /// May be shed; empty when there are none.
    pub exemplars: Vec<u8>,
    /// How many there are in it.
    pub exemplars_count: u32,
}

/// What is read back for sending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Stored {
    pub seq: u64,
    /// How many batches before `seq` are merged into this one: it stands for `seq - merged ..= seq`.
    pub merged: u32,
    pub first_minute: i64,
    pub last_minute: i64,
    pub closed_ms: i64,
    /// The batch as it travels.
    pub data: Vec<u8>,
    /// As they travel; empty when there are none or they were shed.
    pub exemplars: Vec<u8>,
    /// How many are in `exemplars`.
    pub exemplars_count: u32,
    /// How many were shed under pressure.
    pub exemplars_shed: u32,
}

/// Merges batches of minutes, oldest first, into one of hours.
pub type Condense = fn(&[Stored]) -> std::io::Result<Payload>;

/// A header whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) body_bytes: u32,
    pub(super) seq: u64,
    body_crc: u32,
}

/// A body, opened.
pub(super) struct Body<'a> {
    pub(super) first_minute: i64,
    pub(super) last_minute: i64,
    pub(super) closed_ms: i64,
    pub(super) resume: Resume,
    pub(super) data: &'a [u8],
    pub(super) exemplars: &'a [u8],
    pub(super) exemplars_count: u32,
}

/// Header and body, ready to be written.
pub(super) fn encode(draft: &Draft, payload: &Payload, seq: u64) -> Vec<u8> {
    let mut body = Vec::with_capacity(payload.data.len() + 512);
    codec::put_i64(&mut body, draft.first_minute);
    codec::put_i64(&mut body, draft.last_minute);
    codec::put_i64(&mut body, draft.closed_ms);
    codec::put_progress(&mut body, &draft.resume.progress);
    codec::put_bytes(&mut body, &draft.resume.open);
    codec::put_bytes(&mut body, &payload.data);
    codec::put_bytes(&mut body, &payload.exemplars);
    codec::put_u32(&mut body, payload.exemplars_count);
    let mut out = Vec::with_capacity(HEADER_BYTES + body.len());
    out.extend_from_slice(&MARK);
    codec::put_u32(&mut out, body.len() as u32);
    codec::put_u64(&mut out, seq);
    codec::put_u32(&mut out, crc32fast::hash(&body));
    let header_crc = crc32fast::hash(&out);
    codec::put_u32(&mut out, header_crc);
    out.extend_from_slice(&body);
    out
}

/// The header at the front of `bytes`, if it is whole and right.
pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    let covered = bytes.get(..HEADER_BYTES - 4)?;
    let mut reader = Reader(bytes);
    let mark: [u8; 4] = reader.array()?;
    let (body_bytes, seq) = (reader.u32()?, reader.u64()?);
    let (body_crc, header_crc) = (reader.u32()?, reader.u32()?);
    (mark == MARK && body_bytes <= RECORD_BYTES_MAX && crc32fast::hash(covered) == header_crc)
        .then_some(Header { body_bytes, seq, body_crc })
}

/// The body that `header` announces, if it is whole and right.
pub(super) fn body<'a>(header: &Header, bytes: &'a [u8]) -> Option<Body<'a>> {
    let bytes = bytes.get(..header.body_bytes as usize)?;
    if crc32fast::hash(bytes) != header.body_crc {
        return None;
    }
    let mut reader = Reader(bytes);
    Some(Body {
        first_minute: reader.i64()?,
        last_minute: reader.i64()?,
        closed_ms: reader.i64()?,
        resume: Resume { progress: codec::progress(&mut reader)?, open: reader.bytes()?.to_vec() },
        data: reader.bytes()?,
        exemplars: reader.bytes()?,
        exemplars_count: reader.u32()?,
    })
}

/// A whole record, for sending.
pub(super) fn decode(bytes: &[u8]) -> Option<Stored> {
    let header = header(bytes)?;
    let body = body(&header, bytes.get(HEADER_BYTES..)?)?;
    Some(Stored {
        seq: header.seq,
        first_minute: body.first_minute,
        last_minute: body.last_minute,
        closed_ms: body.closed_ms,
        data: body.data.to_vec(),
        exemplars: body.exemplars.to_vec(),
        exemplars_count: body.exemplars_count,
        ..Stored::default()
    })
}
