//! Short ids for what comes again: definitions, already coded, that a batch mentions by number.
//!
//! # The file `names`
//! `PANTAUNM`, version (4 bytes), epoch (16), CRC-32 of these; then groups, one for each batch that gave
//! ids: `PNAM`, bytes of the content (4), number of the batch (8), CRC-32 of the content (4), CRC-32 of the
//! epoch and the 20 bytes before (4); content: id (4) and definition (with its length), ascending. A group
//! is synced before its record is written; one whose batch never became a record is not taken up. A group
//! without content says that ids before it serve for answers only. A file beyond [`FILE_BYTES_MAX`] is kept
//! as `names.old` and begun anew: what it held gets new ids when it comes again.
//!
//! Ids are from 1 on and never reused within the epoch, also when this file is lost: each record notes the
//! highest. An agent restored from an older copy must not give an id that its other life has given to
//! something else: the first id of each run is far beyond those before, and once a Welcome has told of
//! another life, nothing given before is used, and ids go on beyond all that the collector knows. Texts are
//! not kept in memory.

use std::{collections::HashMap, io};

use memchr::memmem;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    codec::{self, Reader},
    disk::{self, Disk},
};

const NAME: &str = "names";
const OLD: &str = "names.old";
const MAGIC: [u8; 8] = *b"PANTAUNM";
const VERSION: u32 = 2;
const FILE_HEADER_BYTES: usize = 32;
const MARK: [u8; 4] = *b"PNAM";
const GROUP_HEADER_BYTES: usize = 24;
/// Of one such file; with some 300 bytes a definition 50,000 of them.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Ids left out when the file was damaged: those given last may be known to the collector.
const IDS_LEFT_OUT: u32 = 65_536;
/// Ids left out between two runs that give new ones, by chance within these bounds: what another life of
/// this spool has given is a few hundred of them, and all of `u32` is enough for 20,000 such runs.
const IDS_BETWEEN_RUNS: std::ops::Range<u32> = IDS_LEFT_OUT..4 * IDS_LEFT_OUT;

/// The dictionary of one epoch.
#[derive(Default)]
pub struct Names {
    ids: HashMap<u128, u32>,
    last: u32,
    /// The next id is the first of a run.
    is_run_new: bool,
    fresh: Vec<(u32, Vec<u8>)>,
    /// Whole bytes of the file; 0: it has to be made.
    bytes: u64,
    /// What the fresh ones add to it, once it is written.
    written: u64,
}

impl Names {
    /// The id of a definition; a new one is given where it has none.
    pub fn id(&mut self, definition: &[u8]) -> u32 {
        let key = xxh3_128(definition);
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let step = match std::mem::take(&mut self.is_run_new) {
            true => rand::random_range(IDS_BETWEEN_RUNS),
            false => 1,
        };
        self.last = self.last.saturating_add(step);
        self.ids.insert(key, self.last);
        self.fresh.push((self.last, definition.to_vec()));
        self.last
    }

    /// Ids given for the batch that is being encoded, ascending: it must carry their definitions.
    pub fn fresh(&self) -> &[(u32, Vec<u8>)] {
        &self.fresh
    }

    /// What is on disk. `newest`: number of the newest record; `last_id`: highest id a record notes.
    pub(super) fn read(
        disk: &dyn Disk,
        epoch: [u8; 16],
        newest: u64,
        last_id: u32,
    ) -> io::Result<Names> {
        let mut names = Names { last: last_id, ..Names::default() };
        for name in [OLD, NAME] {
            let Some(bytes) = disk::read_if_there(disk, name)? else { continue };
            if name == NAME {
                // Those of the old file are given anew, so that it is needed for answers only.
                names.ids.clear();
            }
            names.take_up(epoch, newest, &bytes);
        }
        if names.bytes > 0 && disk::read_if_there(disk, NAME)?.is_none() {
            names.bytes = 0;
        }
        names.is_run_new = names.last > 0;
        Ok(names)
    }

    /// Another life of this spool has given ids, to `known_to` as far as the collector knows: none given
    /// before is used again. On disk when this returns.
    pub(super) fn begin_anew(
        &mut self,
        disk: &dyn Disk,
        epoch: [u8; 16],
        known_to: u32,
    ) -> io::Result<()> {
        if self.bytes > 0 {
            let group = group(epoch, 0, &[]);
            disk.write_at(NAME, self.bytes, &group)?;
            disk.sync(NAME)?;
            self.bytes += group.len() as u64;
        }
        self.ids.clear();
        self.last = self.last.max(known_to);
        self.is_run_new = true;
        Ok(())
    }

    fn take_up(&mut self, epoch: [u8; 16], newest: u64, bytes: &[u8]) {
        self.bytes = 0;
        match file_epoch(bytes) {
            Some(whose) if whose == epoch => {}
            Some(_) => return,
            None => {
                self.last = self.last.saturating_add(IDS_LEFT_OUT);
                return;
            }
        }
        let groups = Groups::of(epoch, bytes);
        self.bytes = groups.whole_bytes;
        let mut highest = self.last;
        for (seq, content) in groups.whole {
            if content.is_empty() {
                self.ids.clear();
            }
            for (id, definition) in definitions_in(content) {
                highest = highest.max(id);
                if seq <= newest {
                    self.ids.insert(xxh3_128(definition), id);
                }
            }
        }
        let left_out = if groups.is_damaged { IDS_LEFT_OUT } else { 0 };
        self.last = highest.saturating_add(left_out);
    }

    /// Highest id given so far.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// Whether an id may have been given twice: there are no more.
    pub(super) fn is_used_up(&self) -> bool {
        self.last == u32::MAX
    }

    /// Bytes that the fresh ones will take on disk.
    pub(super) fn fresh_bytes(&self) -> usize {
        let each = self.fresh.iter().map(|(_, definition)| definition.len() + 8);
        each.sum::<usize>() + GROUP_HEADER_BYTES
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the fresh ones down for the batch `seq`; synced when this returns.
    pub(super) fn write(&mut self, disk: &dyn Disk, epoch: [u8; 16], seq: u64) -> io::Result<()> {
        self.written = 0;
        if self.fresh.is_empty() {
            return Ok(());
        }
        let group = group(epoch, seq, &self.fresh);
        if self.bytes == 0 || self.bytes + group.len() as u64 > FILE_BYTES_MAX {
            self.begin_file(disk, epoch)?;
        }
        disk.write_at(NAME, self.bytes, &group)?;
        disk.sync(NAME)?;
        self.written = group.len() as u64;
        Ok(())
    }

    fn begin_file(&mut self, disk: &dyn Disk, epoch: [u8; 16]) -> io::Result<()> {
        if self.bytes > 0 {
            disk.rename(NAME, OLD)?;
            self.bytes = 0;
            let fresh: Vec<u128> = self.fresh.iter().map(|(_, text)| xxh3_128(text)).collect();
            self.ids.retain(|key, _| fresh.contains(key));
        }
        disk::write_whole(disk, NAME, &file_header(epoch))?;
        self.bytes = FILE_HEADER_BYTES as u64;
        Ok(())
    }

    /// The batch is on disk: its ids are known from now on.
    pub(super) fn keep(&mut self) {
        self.bytes += std::mem::take(&mut self.written);
        self.fresh.clear();
    }

    /// The batch was not written: what it defined is unknown again. The ids are left out, and what stands
    /// of them in the file is written over.
    pub(super) fn forget(&mut self) {
        self.written = 0;
        for (_, definition) in self.fresh.drain(..) {
            self.ids.remove(&xxh3_128(&definition));
        }
    }
}

/// All definitions of an epoch that are on disk, ascending by id.
pub(super) fn definitions(disk: &dyn Disk, epoch: [u8; 16]) -> io::Result<Vec<(u32, Vec<u8>)>> {
    let mut found = std::collections::BTreeMap::new();
    for name in [OLD, NAME] {
        let bytes = disk::read_if_there(disk, name)?.unwrap_or_default();
        if file_epoch(&bytes) == Some(epoch) {
            let groups = Groups::of(epoch, &bytes).whole.into_iter();
            let texts = groups.flat_map(|(_, content)| definitions_in(content));
            found.extend(texts.map(|(id, text)| (id, text.to_vec())));
        }
    }
    Ok(found.into_iter().collect())
}

/// Which file is written to; `None` where there is none yet.
pub(super) fn inode(disk: &dyn Disk) -> io::Result<Option<disk::Inode>> {
    match disk.inode(NAME) {
        Ok(inode) => Ok(Some(inode)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The epoch that the file says it belongs to.
pub(super) fn epoch_on(disk: &dyn Disk) -> Option<[u8; 16]> {
    file_epoch(&disk.read_at(NAME, 0, FILE_HEADER_BYTES).ok()?)
}

fn file_header(epoch: [u8; 16]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    codec::put_u32(&mut bytes, VERSION);
    bytes.extend_from_slice(&epoch);
    let crc = crc32fast::hash(&bytes);
    codec::put_u32(&mut bytes, crc);
    bytes
}

fn file_epoch(bytes: &[u8]) -> Option<[u8; 16]> {
    let mut reader = Reader(bytes);
    let (magic, version): ([u8; 8], u32) = (reader.array()?, reader.u32()?);
    let epoch = reader.array()?;
    let is_right = bytes.get(..FILE_HEADER_BYTES) == Some(file_header(epoch).as_slice());
    (is_right && magic == MAGIC && version == VERSION).then_some(epoch)
}

fn group(epoch: [u8; 16], seq: u64, definitions: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (id, definition) in definitions {
        codec::put_u32(&mut content, *id);
        codec::put_bytes(&mut content, definition);
    }
    let mut out = MARK.to_vec();
    codec::put_u32(&mut out, content.len() as u32);
    codec::put_u64(&mut out, seq);
    codec::put_u32(&mut out, crc32fast::hash(&content));
    let crc = codec::crc(epoch, &out);
    codec::put_u32(&mut out, crc);
    out.extend_from_slice(&content);
    out
}

/// Whole groups of a file.
struct Groups<'a> {
    /// Number of the batch, and content.
    whole: Vec<(u64, &'a [u8])>,
    whole_bytes: u64,
    /// A whole group stands behind one that is not.
    is_damaged: bool,
}

impl<'a> Groups<'a> {
    fn of(epoch: [u8; 16], bytes: &'a [u8]) -> Groups<'a> {
        let begin = FILE_HEADER_BYTES as u64;
        let mut groups = Groups { whole: Vec::new(), whole_bytes: begin, is_damaged: false };
        let (mut at, mut skipped) = (FILE_HEADER_BYTES, false);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match whole_group(epoch, rest) {
                Some((seq, content)) => {
                    at += GROUP_HEADER_BYTES + content.len();
                    groups.is_damaged |= skipped;
                    groups.whole_bytes = at as u64;
                    groups.whole.push((seq, content));
                }
                None => {
                    skipped = true;
                    let behind = rest.get(1..).unwrap_or_default();
                    at += memmem::find(behind, &MARK).map_or(rest.len(), |next| next + 1);
                }
            }
        }
        groups
    }
}

fn definitions_in(content: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut reader = Reader(content);
    std::iter::from_fn(move || Some((reader.u32()?, reader.bytes()?)))
}

fn whole_group(epoch: [u8; 16], bytes: &[u8]) -> Option<(u64, &[u8])> {
    let covered = bytes.get(..GROUP_HEADER_BYTES - 4)?;
    let mut reader = Reader(bytes);
    let (mark, length, seq): ([u8; 4], u32, u64) = (reader.array()?, reader.u32()?, reader.u64()?);
    let (content_crc, header_crc) = (reader.u32()?, reader.u32()?);
    let content = reader.take(length as usize)?;
    let is_right = mark == MARK
        && codec::crc(epoch, covered) == header_crc
        && crc32fast::hash(content) == content_crc;
    is_right.then_some((seq, content))
}
