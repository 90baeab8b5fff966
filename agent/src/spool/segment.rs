//! One file of records.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `PANTAUSP` |
//! | 4 | version, 1 |
//! | 16 | epoch |
//! | 4 | CRC-32 of the 28 bytes before |
//! | ... | records ([`super::record`]) one after the other |

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use memchr::memmem;

use super::{
    codec::{self, Reader},
    record::{self, HEADER_BYTES, Resume},
};

const MAGIC: [u8; 8] = *b"PANTAUSP";
const VERSION: u32 = 1;
const SEGMENT_HEADER_BYTES: usize = 32;

/// A segment in use.
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) newest_closed_ms: i64,
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// A whole record found in a segment.
pub(super) struct Found {
    pub(super) seq: u64,
    pub(super) offset: u32,
    pub(super) bytes: u32,
    pub(super) closed_ms: i64,
    pub(super) resume: Resume,
}

/// What is damaged in a segment.
#[derive(Debug, Default)]
pub(super) struct Damage {
    pub(super) bytes: u64,
    pub(super) after_closed_ms: Option<i64>,
    pub(super) before_closed_ms: Option<i64>,
}

/// What a segment on disk holds.
pub(super) struct Scan {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    /// `None` when its header cannot be read.
    header: Option<[u8; 16]>,
    pub(super) records: Vec<Found>,
    pub(super) damage: Option<Damage>,
    /// Bytes up to the end of the last whole record.
    whole_bytes: u64,
}

impl Scan {
    /// Epoch the segment says it belongs to.
    pub(super) fn epoch(&self) -> Option<[u8; 16]> {
        self.header
    }
}

impl Segment {
    /// Makes a segment, with first records and when the newest of them was closed if there are any;
    /// whole or not there at all.
    pub(super) fn create(
        dir: &Path,
        number: u32,
        epoch: [u8; 16],
        first: Option<(&[u8], i64)>,
    ) -> io::Result<Segment> {
        let mut bytes = header(epoch);
        let (records, newest_closed_ms) = first.unwrap_or_default();
        bytes.extend_from_slice(records);
        let path = dir.join(format!("{number:08}.seg"));
        let file = write_whole(dir, &path, &bytes)?;
        Ok(Segment { number, newest_closed_ms, path, file, bytes: bytes.len() as u64 })
    }

    /// Goes on with a segment on disk; what is torn at its end is cut off.
    pub(super) fn resume(scan: &Scan) -> io::Result<Segment> {
        let file = OpenOptions::new().read(true).write(true).open(&scan.path)?;
        if file.metadata()?.len() > scan.whole_bytes {
            file.set_len(scan.whole_bytes)?;
            file.sync_all()?;
        }
        Ok(Segment {
            number: scan.number,
            newest_closed_ms: scan.records.iter().map(|r| r.closed_ms).max().unwrap_or(0),
            path: scan.path.clone(),
            file,
            bytes: scan.whole_bytes,
        })
    }

    /// Appends a record and syncs it; returns where it lies. On an error the segment is as before.
    pub(super) fn append(&mut self, bytes: &[u8], closed_ms: i64) -> io::Result<u32> {
        let offset = u32::try_from(self.bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let written =
            self.file.write_all_at(bytes, self.bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What this leaves, if it fails as well, is a torn end that the next append overwrites.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += bytes.len() as u64;
        self.newest_closed_ms = self.newest_closed_ms.max(closed_ms);
        Ok(offset)
    }

    pub(super) fn read(&self, offset: u32, bytes: u32) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; bytes as usize];
        self.file.read_exact_at(&mut buffer, u64::from(offset))?;
        Ok(buffer)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn has_records(&self) -> bool {
        self.bytes > SEGMENT_HEADER_BYTES as u64
    }

    pub(super) fn delete(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Number of a segment's file; `None` for any other file.
pub(super) fn number_of(path: &Path) -> Option<u32> {
    let is_segment = path.extension().is_some_and(|extension| extension == "seg");
    path.file_stem()?.to_str()?.parse().ok().filter(|_| is_segment)
}

/// Reads a segment. Only the newest one may end in a torn record.
pub(super) fn scan(number: u32, path: PathBuf, is_newest: bool) -> anyhow::Result<Scan> {
    let bytes = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let header = epoch_of(&bytes);
    let mut scan = Scan { number, path, header, records: Vec::new(), damage: None, whole_bytes: 0 };
    if header.is_none() {
        scan.note_damage(SEGMENT_HEADER_BYTES.min(bytes.len()) as u64);
    }
    scan.walk(&bytes, is_newest);
    Ok(scan)
}

impl Scan {
    fn walk(&mut self, bytes: &[u8], is_newest: bool) {
        let mut at = SEGMENT_HEADER_BYTES.min(bytes.len());
        self.whole_bytes = at as u64;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if let Some(found) = whole_record(rest, at) {
                at += found.bytes as usize;
                self.whole_bytes = at as u64;
                self.note_whole(found);
                continue;
            }
            if is_newest && is_torn(rest) {
                return;
            }
            let next = next_header(rest);
            self.note_damage(next as u64);
            at += next;
        }
    }

    fn note_whole(&mut self, found: Found) {
        if let Some(damage) = &mut self.damage {
            damage.before_closed_ms.get_or_insert(found.closed_ms);
        }
        self.records.push(found);
    }

    fn note_damage(&mut self, bytes: u64) {
        let after = self.records.last().map(|record| record.closed_ms);
        let damage = self
            .damage
            .get_or_insert_with(|| Damage { after_closed_ms: after, ..Damage::default() });
        damage.bytes += bytes;
    }
}

/// Sets a damaged segment aside under another name; a new one with its whole records takes its place
/// and its number, since the order of numbers is the order of records.
pub(super) fn salvage(
    scan: &mut Scan,
    epoch: [u8; 16],
    dir: &Path,
) -> anyhow::Result<(Segment, Vec<Found>)> {
    let damaged = File::open(&scan.path)?;
    let mut bytes = Vec::new();
    let mut kept = std::mem::take(&mut scan.records);
    for found in &mut kept {
        let mut record = vec![0; found.bytes as usize];
        damaged.read_exact_at(&mut record, u64::from(found.offset))?;
        found.offset = (SEGMENT_HEADER_BYTES + bytes.len()) as u32;
        bytes.extend_from_slice(&record);
    }
    // A second name first: a crash before the new segment is in place only does this again.
    match fs::hard_link(&scan.path, scan.path.with_extension("damaged")) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let newest_closed_ms = kept.iter().map(|found| found.closed_ms).max().unwrap_or(0);
    let segment = Segment::create(dir, scan.number, epoch, Some((&bytes, newest_closed_ms)))?;
    Ok((segment, kept))
}

/// Writes a file so that it is there as a whole or not at all, also after a power cut.
pub(super) fn write_whole(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<File> {
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(&unfinished)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, path))
        .and_then(|()| sync_folder(dir));
    if let Err(error) = written {
        // A leftover is removed at the next open.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    Ok(file)
}

fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn header(epoch: [u8; 16]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    codec::put_u32(&mut bytes, VERSION);
    bytes.extend_from_slice(&epoch);
    let crc = crc32fast::hash(&bytes);
    codec::put_u32(&mut bytes, crc);
    bytes
}

fn epoch_of(bytes: &[u8]) -> Option<[u8; 16]> {
    let covered = bytes.get(..SEGMENT_HEADER_BYTES - 4)?;
    let mut reader = Reader(bytes);
    let (magic, version): ([u8; 8], u32) = (reader.array()?, reader.u32()?);
    let epoch = reader.array()?;
    let crc = reader.u32()?;
    (magic == MAGIC && version == VERSION && crc == crc32fast::hash(covered)).then_some(epoch)
}

fn whole_record(bytes: &[u8], offset: usize) -> Option<Found> {
    let header = record::header(bytes)?;
    let body = record::body(&header, bytes.get(HEADER_BYTES..)?)?;
    Some(Found {
        seq: header.seq,
        offset: u32::try_from(offset).ok()?,
        bytes: HEADER_BYTES as u32 + header.body_bytes,
        closed_ms: body.closed_ms,
        resume: body.resume,
    })
}

/// Whether what stands here is the beginning of a record that was never synced: cut short by the end
/// of the file, or room that was never filled.
fn is_torn(rest: &[u8]) -> bool {
    match record::header(rest) {
        Some(header) => rest.len() <= HEADER_BYTES + header.body_bytes as usize,
        None => next_header(rest) == rest.len(),
    }
}

/// Distance to the next right header, or to the end.
fn next_header(rest: &[u8]) -> usize {
    let finder = memmem::Finder::new(&record::MARK);
    let behind = rest.get(1..).unwrap_or_default();
    finder
        .find_iter(behind)
        .map(|at| at + 1)
        .find(|at| rest.get(*at..).and_then(record::header).is_some())
        .unwrap_or(rest.len())
}
