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

/// What is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Record {
    pub first_minute: i64,
    pub last_minute: i64,
    pub closed_ms: i64,
    pub progress: Vec<SourceProgress>,
    /// The batch as it travels.
    pub data: Vec<u8>,
}

/// What is read back for sending.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Stored {
    pub seq: u64,
    pub first_minute: i64,
    pub last_minute: i64,
    pub closed_ms: i64,
    /// The batch as it travels.
    pub data: Vec<u8>,
}

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
    pub(super) progress: Vec<SourceProgress>,
    pub(super) data: &'a [u8],
}

impl Record {
    /// Header and body, ready to be written.
    pub(super) fn encode(&self, seq: u64) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.data.len() + 512);
        codec::put_i64(&mut body, self.first_minute);
        codec::put_i64(&mut body, self.last_minute);
        codec::put_i64(&mut body, self.closed_ms);
        codec::put_progress(&mut body, &self.progress);
        codec::put_bytes(&mut body, &self.data);
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
        progress: codec::progress(&mut reader)?,
        data: reader.bytes()?,
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
    })
}
