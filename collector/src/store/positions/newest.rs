//! The newest position of each file, and which file of a log was read last.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use super::FILES_PER_LOG_MAX;
use crate::domain::batch::SourcePosition;

/// The batch that a position came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Bearer {
    pub(in crate::store) seq: u64,
    /// Among the positions of its batch, which are in the order of reading.
    pub(in crate::store) place: u64,
    pub(in crate::store) closed_ms: i64,
}

/// A file as agents tell files apart, its generation counts what one inode has held. Its name is no part
/// of it, nor is its head, which is known in more bytes while it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct File {
    device: u64,
    inode: u64,
    generation: u32,
}

/// What is known of the files of one log.
pub(super) type Files = BTreeMap<File, (Bearer, SourcePosition)>;

type Rank = (i64, u64, u64);

/// Newest positions by log and file, of each log at most [`FILES_PER_LOG_MAX`].
#[derive(Debug)]
pub(in crate::store) struct Newest {
    by_log: BTreeMap<String, Files>,
    rank: fn(&Bearer) -> Rank,
}

impl Default for Newest {
    fn default() -> Newest {
        Newest::by_number()
    }
}

impl Newest {
    /// Of one epoch: the higher number is the newer one.
    pub(super) fn by_number() -> Newest {
        Newest { by_log: BTreeMap::new(), rank: |bearer| (0, bearer.seq, bearer.place) }
    }

    /// Of several epochs: numbers of two cannot be compared.
    pub(super) fn by_time() -> Newest {
        let rank = |bearer: &Bearer| (bearer.closed_ms, bearer.seq, bearer.place);
        Newest { by_log: BTreeMap::new(), rank }
    }

    /// Keeps it unless a newer one of the same file is known.
    pub(in crate::store) fn keep(&mut self, bearer: Bearer, position: SourcePosition) {
        let rank = self.rank;
        let files = self.by_log.entry(position.source.clone()).or_default();
        match files.entry(File::of(&position)) {
            Entry::Occupied(known) if rank(&known.get().0) > rank(&bearer) => {}
            Entry::Occupied(mut known) => *known.get_mut() = (bearer, position),
            Entry::Vacant(free) => {
                free.insert((bearer, position));
            }
        }
        if files.len() > FILES_PER_LOG_MAX {
            let oldest = files.iter().min_by_key(|(_, (bearer, _))| rank(bearer));
            let oldest = oldest.map(|(file, _)| *file);
            oldest.and_then(|file| files.remove(&file));
        }
    }

    /// Keeps all of another.
    pub(super) fn merge(&mut self, other: Newest) {
        for (bearer, position) in other.by_log.into_values().flat_map(BTreeMap::into_values) {
            self.keep(bearer, position);
        }
    }

    /// The files of each log.
    pub(super) fn by_log(&self) -> impl Iterator<Item = (&str, &Files)> {
        self.by_log.iter().map(|(source, files)| (source.as_str(), files))
    }

    /// All of them, of each log in the order of reading.
    pub(super) fn into_positions(self) -> Vec<SourcePosition> {
        let rank = self.rank;
        let in_order = |files: Files| {
            let mut files: Vec<_> = files.into_values().collect();
            files.sort_by_key(|(bearer, _)| rank(bearer));
            files.into_iter().map(|(_, position)| position)
        };
        self.by_log.into_values().flat_map(in_order).collect()
    }
}

impl File {
    fn of(position: &SourcePosition) -> File {
        let SourcePosition { device, inode, generation, .. } = *position;
        File { device, inode, generation }
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.device, self.inode, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(inode: u64, offset: u64) -> SourcePosition {
        let source = "play".to_owned();
        SourcePosition { source, inode, offset, ..SourcePosition::default() }
    }

    fn bearer(seq: u64, place: u64, closed_ms: i64) -> Bearer {
        Bearer { seq, place, closed_ms }
    }

    fn told(newest: Newest) -> Vec<(u64, u64)> {
        newest.into_positions().iter().map(|p| (p.inode, p.offset)).collect()
    }

    #[test]
    fn of_each_file_the_newest_is_kept_and_the_file_read_last_is_the_last() {
        let mut newest = Newest::by_number();
        newest.keep(bearer(5, 1, 0), at(1, 10));
        newest.keep(bearer(7, 1, 0), at(2, 20));
        newest.keep(bearer(7, 0, 0), at(1, 30));
        newest.keep(bearer(6, 0, 0), at(1, 15));
        newest.keep(bearer(2, 0, 0), at(9, 90));
        assert_eq!(told(newest), [(9, 90), (1, 30), (2, 20)]);
    }

    #[test]
    fn what_an_inode_held_before_it_was_written_anew_is_another_file() {
        let mut newest = Newest::by_number();
        newest.keep(bearer(1, 0, 0), at(1, 100));
        newest.keep(bearer(2, 0, 0), SourcePosition { generation: 1, ..at(1, 5) });
        assert_eq!(told(newest), [(1, 100), (1, 5)]);
    }

    #[test]
    fn of_two_epochs_the_batch_that_was_closed_later_is_the_newer_one() {
        let mut newest = Newest::by_time();
        for (seq, closed_ms, offset) in [(900, 10, 1), (3, 20, 2)] {
            let mut epoch = Newest::by_number();
            epoch.keep(bearer(seq, 0, closed_ms), at(1, offset));
            newest.merge(epoch);
        }
        assert_eq!(told(newest), [(1, 2)]);
    }

    #[test]
    fn the_longest_unread_files_of_a_log_are_forgotten() {
        let mut newest = Newest::by_number();
        let files = FILES_PER_LOG_MAX as u64;
        for n in 0..files + 3 {
            newest.keep(bearer(n, 0, 0), at(n, n));
        }
        newest.keep(bearer(0, 0, 0), SourcePosition { source: "other".to_owned(), ..at(0, 7) });
        let told = told(newest);
        assert_eq!(told.len() as u64, 1 + files);
        assert!(told.contains(&(0, 7)) && told.contains(&(3, 3)) && !told.contains(&(2, 2)));
    }
}
