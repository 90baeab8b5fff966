//! A small file that is replaced as a whole: kind (4 bytes), version (4), epoch (16), content, CRC-32 of
//! all before it.

use std::io;

use super::{
    codec::{self, Reader},
    disk::{self, Disk},
};

const VERSION: u32 = 2;

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sheet {
    /// There is none, or it is of another epoch.
    Missing,
    /// It is there and cannot be understood.
    Damaged,
    Whole(Vec<u8>),
}

pub(super) fn seal(kind: [u8; 4], epoch: [u8; 16], content: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_vec();
    codec::put_u32(&mut bytes, VERSION);
    bytes.extend_from_slice(&epoch);
    bytes.extend_from_slice(content);
    let crc = crc32fast::hash(&bytes);
    codec::put_u32(&mut bytes, crc);
    bytes
}

pub(super) fn unseal(kind: [u8; 4], epoch: [u8; 16], bytes: &[u8]) -> Sheet {
    match content(kind, bytes) {
        Some((whose, _)) if whose != epoch => Sheet::Missing,
        Some((_, content)) => Sheet::Whole(content.to_vec()),
        None => Sheet::Damaged,
    }
}

fn content(kind: [u8; 4], bytes: &[u8]) -> Option<([u8; 16], &[u8])> {
    let (covered, crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let mut reader = Reader(covered);
    let (found, version): ([u8; 4], u32) = (reader.array()?, reader.u32()?);
    let epoch = reader.array()?;
    let is_right = Reader(crc).u32()? == crc32fast::hash(covered);
    (is_right && (found, version) == (kind, VERSION)).then_some((epoch, reader.0))
}

/// Synced when this returns.
pub(super) fn write(
    disk: &dyn Disk,
    name: &str,
    kind: [u8; 4],
    epoch: [u8; 16],
    content: &[u8],
) -> io::Result<()> {
    disk::write_whole(disk, name, &seal(kind, epoch, content))
}

/// Errors: the disk says something else than that there is no such file.
pub(super) fn read(
    disk: &dyn Disk,
    name: &str,
    kind: [u8; 4],
    epoch: [u8; 16],
) -> io::Result<Sheet> {
    let bytes = disk::read_if_there(disk, name)?;
    Ok(bytes.map_or(Sheet::Missing, |bytes| unseal(kind, epoch, &bytes)))
}
