//! Opening: what is on disk becomes a spool again, what is damaged is set aside.

use std::{collections::VecDeque, io};

use anyhow::Context;

use super::{
    Opened, SPOOL_BYTES_MIN, Spool,
    disk::Disk,
    marks::Marks,
    names::{self, Names},
    new_epoch,
    owner::Machine,
    pending::Pending,
    record::{Condense, Resume, Tail},
    runs::{self, Run},
    scan::{self, Damage, Scan},
    segment::{self, Contents, Entry, SEGMENT_HEADER_BYTES, Segment},
    settled::Settled,
    write::checkpoint,
};
use crate::{
    config::SpoolSettings,
    domain::{Gap, GapReason},
};

/// Damaged segments kept for a person to look at; the oldest goes first. They are not counted in the
/// spool's bytes.
const DAMAGED_MAX: usize = 4;

/// Errors: the disk does not let itself be read or written.
pub(super) fn load(
    settings: &SpoolSettings,
    condense: Condense,
    disk: Box<dyn Disk>,
    machine: Machine,
    now_ms: i64,
) -> anyhow::Result<Opened> {
    remove_unfinished(disk.as_ref())?;
    let (found, scans) = find(disk.as_ref())?;
    let newest = scans.iter().rev().find(|scan| !scan.entries.is_empty());
    let closed_ms = newest.and_then(|scan| scan.entries.last()).map_or(now_ms, |e| e.closed_ms);
    let tail = newest.and_then(|scan| scan.tail.clone());
    let is_damaged = scans.iter().any(|scan| !scan.damages.is_empty());
    // Without a resume part behind the newest record its positions are lost.
    let progress_lost = tail.is_none() && (newest.is_some() || is_damaged);
    let newest_seq = scans.iter().flat_map(|s| &s.entries).map(|e| e.seq).max().unwrap_or(0);
    let last_id = scans.iter().map(|scan| scan.last_id).max().unwrap_or(0);
    let begun = tail.iter().flat_map(|tail| &tail.runs).filter(|run| **run != Run::OF_NEW_SPOOL);
    let highest = begun.map(|run| run.first).fold(newest_seq, u64::max);
    // Another life of a spool without a batch may have used its numbers and its ids.
    let is_unused = highest == 0;
    let epoch = found.filter(|_| !is_unused).unwrap_or_else(new_epoch);
    let settled = Settled::read(disk.as_ref(), epoch);
    let declared_to = tail.as_ref().map_or(0, |tail| tail.declared_to);
    let mut pending = Pending::read(disk.as_ref(), found.unwrap_or(epoch), declared_to);
    if is_unused {
        pending.move_to_new_epoch();
    }
    let gaps = damage_gaps(&scans, &settled, now_ms);
    gaps.into_iter().for_each(|gap| pending.add(gap));
    // Written down before the damage that it tells of is set aside.
    pending.keep(disk.as_ref(), epoch)?;
    let mut runs = match &tail {
        // Where nothing was damaged, the collector knows best what was counted.
        _ if is_unused && !progress_lost => vec![Run::OF_NEW_SPOOL],
        tail => tail.as_ref().map_or_else(Vec::new, |tail| tail.runs.clone()),
    };
    let segments = if is_unused {
        let tail = tail.as_ref().map(|t| Tail { declared_to: 0, runs: runs.clone(), ..t.clone() });
        let contents = tail.map(|tail| checkpoint(epoch, &tail, 0, closed_ms));
        begin_anew(disk.as_ref(), epoch, &scans, contents.unwrap_or_default())?
    } else {
        take_over(disk.as_ref(), epoch, scans)?
    };
    let next = runs::first_of_run(highest, rand::random());
    runs::begin(&mut runs, Run { before: highest, first: next });
    let resume = tail.map_or_else(Resume::default, |tail| tail.resume);
    let mut spool = Spool {
        dir: settings.dir.display().to_string(),
        bytes_max: settings.bytes_max.max(SPOOL_BYTES_MIN),
        grace_ms: i64::try_from(settings.grace.as_millis()).unwrap_or(i64::MAX),
        condense,
        machine,
        epoch,
        segments,
        settled,
        marks: Marks::read(disk.as_ref(), epoch, highest),
        names: Names::read(disk.as_ref(), epoch, newest_seq, last_id)?,
        pending,
        confirmed_to: runs.first().map_or(highest, |run| run.before),
        runs,
        hit: None,
        resume,
        highest,
        next,
        must_begin_segment: false,
        begun_anew: false,
        disk,
    };
    let gaps = spool.pending.take();
    Ok(Opened { resume: spool.resume.clone(), spool, gaps, progress_lost })
}

fn remove_unfinished(disk: &dyn Disk) -> io::Result<()> {
    let names = disk.list()?;
    names.iter().filter(|name| name.ends_with(".new")).try_for_each(|name| disk.remove(name))
}

/// Epoch, `None` for a new spool, and segments, oldest first; those of an epoch that was ended are removed.
fn find(disk: &dyn Disk) -> anyhow::Result<(Option<[u8; 16]>, Vec<Scan>)> {
    let mut numbers: Vec<u32> =
        disk.list()?.iter().filter_map(|name| segment::number_of(name)).collect();
    numbers.sort_unstable();
    let mut heads = Vec::new();
    for number in numbers {
        heads.push((number, head(disk, number)?));
    }
    let told = heads.iter().rev().find_map(|(_, epoch)| *epoch);
    let epoch = told.or_else(|| names::epoch_on(disk));
    let newest = heads.last().map(|(number, _)| *number);
    let mut scans = Vec::new();
    for (number, whose) in heads {
        let name = segment::name_of(number);
        if whose.is_some() && whose != epoch {
            disk.remove(&name)?;
            continue;
        }
        let bytes = disk
            .read(&name)
            .with_context(|| format!("{name} cannot be read; to go on without it, move it away"))?;
        let is_newest = Some(number) == newest;
        scans.push(scan::scan(number, &bytes, epoch.unwrap_or_default(), is_newest));
    }
    Ok((epoch, scans))
}

fn head(disk: &dyn Disk, number: u32) -> io::Result<Option<[u8; 16]>> {
    match disk.read_at(&segment::name_of(number), 0, SEGMENT_HEADER_BYTES) {
        Ok(bytes) => Ok(segment::epoch_of(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the damages have lost; nothing where the collector has the numbers that are missing.
fn damage_gaps(scans: &[Scan], settled: &Settled, now_ms: i64) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (at, scan) in scans.iter().enumerate() {
        let (earlier, later) = (scans.get(..at), scans.get(at + 1..));
        let earlier = earlier.into_iter().flatten().flat_map(|scan| &scan.entries).last();
        let later = later.into_iter().flatten().flat_map(|scan| &scan.entries).next();
        for damage in &scan.damages {
            let after = damage.after.or(earlier.map(|entry| (entry.seq, entry.closed_ms)));
            let before = damage.before.or(later.map(|entry| (entry.first(), entry.closed_ms)));
            if !is_covered(after, before, settled) {
                gaps.push(damage_gap(scan, damage, after, before, now_ms));
            }
        }
    }
    gaps
}

/// Whether nothing is missing between two records but what the collector has.
fn is_covered(after: Option<(u64, i64)>, before: Option<(u64, i64)>, settled: &Settled) -> bool {
    let (Some((after, _)), Some((before, _))) = (after, before) else { return false };
    let (first, last) = (after.saturating_add(1), before.saturating_sub(1));
    first > last || settled.covers(first, last)
}

fn damage_gap(
    scan: &Scan,
    damage: &Damage,
    after: Option<(u64, i64)>,
    before: Option<(u64, i64)>,
    now_ms: i64,
) -> Gap {
    Gap {
        source: "spool".to_owned(),
        from_ms: after.map_or(now_ms, |(_, ms)| ms),
        to_ms: before.map_or(now_ms, |(_, ms)| ms),
        reason: GapReason::SpoolLost,
        detail: format!("segment {} was damaged and is set aside", scan.number),
        amount: damage.bytes,
    }
}

/// The first segment of an epoch that takes the place of one without a batch; those of that go.
fn begin_anew(
    disk: &dyn Disk,
    epoch: [u8; 16],
    scans: &[Scan],
    contents: Contents,
) -> io::Result<VecDeque<Segment>> {
    for scan in scans.iter().filter(|scan| !scan.damages.is_empty()) {
        keep_damaged(disk, scan.number)?;
    }
    let number = scans.last().map_or(1, |scan| scan.number + 1);
    let segment = Segment::create(disk, number, epoch, contents)?;
    for scan in scans {
        // What stays behind is removed at the next open: it names another epoch.
        let _ = disk.remove(&segment::name_of(scan.number));
    }
    Ok(VecDeque::from([segment]))
}

/// Segments in use; never none.
fn take_over(disk: &dyn Disk, epoch: [u8; 16], scans: Vec<Scan>) -> io::Result<VecDeque<Segment>> {
    let mut segments = VecDeque::new();
    for scan in scans {
        let is_whole = scan.damages.is_empty();
        segments.push_back(if is_whole { resume(disk, scan) } else { salvage(disk, epoch, scan) }?);
    }
    remove_twice(disk, &mut segments)?;
    if segments.is_empty() {
        segments.push_back(Segment::create(disk, 1, epoch, Contents::default())?);
    }
    Ok(segments)
}

/// Goes on with a segment on disk; what is torn at its end is cut off.
fn resume(disk: &dyn Disk, scan: Scan) -> io::Result<Segment> {
    let name = segment::name_of(scan.number);
    if scan.bytes > scan.whole_bytes {
        disk.cut(&name, scan.whole_bytes)?;
        disk.sync(&name)?;
    }
    let (checkpoints, entries): (Vec<Entry>, Vec<Entry>) =
        scan.entries.into_iter().partition(|entry| entry.seq == 0);
    Ok(Segment {
        number: scan.number,
        entries,
        checkpoint: checkpoints.first().copied(),
        bytes: scan.whole_bytes,
        is_condensed: false,
        inode: disk.inode(&name).ok(),
    })
}

/// Sets a damaged segment aside under another name; a new one with its whole records takes its place
/// and its number, since the order of numbers is the order of records.
fn salvage(disk: &dyn Disk, epoch: [u8; 16], scan: Scan) -> io::Result<Segment> {
    let name = segment::name_of(scan.number);
    let bytes = disk.read(&name)?;
    let mut contents = Contents::default();
    for entry in &scan.entries {
        let from = entry.offset as usize;
        // What was whole a moment ago and is not now is as lost as the rest.
        let _ = bytes.get(from..from + entry.bytes()).is_some_and(|b| contents.push(epoch, b));
    }
    // A second name first: a crash before the new segment is in place only does this again.
    keep_damaged(disk, scan.number)?;
    Segment::create(disk, scan.number, epoch, contents)
}

/// Gives a damaged segment a second name, for a person to look at.
fn keep_damaged(disk: &dyn Disk, number: u32) -> io::Result<()> {
    make_room_for_damaged(disk)?;
    match disk.link(&segment::name_of(number), &format!("{number:08}.damaged")) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn make_room_for_damaged(disk: &dyn Disk) -> io::Result<()> {
    let mut damaged = disk.list()?;
    damaged.retain(|name| name.ends_with(".damaged"));
    damaged.sort();
    let too_many = (damaged.len() + 1).saturating_sub(DAMAGED_MAX);
    damaged.iter().take(too_many).try_for_each(|name| disk.remove(name))
}

/// Records that a newer segment has as well: the older file was about to be removed.
fn remove_twice(disk: &dyn Disk, segments: &mut VecDeque<Segment>) -> io::Result<()> {
    let mut lowest = u64::MAX;
    for segment in segments.iter_mut().rev() {
        let had_some = !segment.entries.is_empty();
        segment.entries.retain(|entry| entry.seq < lowest);
        if had_some && segment.entries.is_empty() {
            disk.remove(&segment.name())?;
            segment.bytes = 0;
        }
        lowest = segment.entries.iter().map(Entry::first).fold(lowest, u64::min);
    }
    segments.retain(|segment| segment.bytes > 0);
    Ok(())
}
