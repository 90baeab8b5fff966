//! The spool over a disk that fails at every call in turn.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use super::*;
use crate::spool::{
    disk::{Disk, Inode},
    lock::ExportLock,
    open, owner,
};

/// A file: what was written, and what would be there after a power cut.
#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The call fails; half of what it was to do is done.
    Error,
    /// The call fails when all is done, as a sync may.
    LateError,
    /// This call and the next few fail.
    Errors,
    /// The process is killed during the call; what it wrote is there.
    Kill,
    /// The power is cut: what was not synced is gone, or half there.
    PowerCut,
}

const FAULTS: [Fault; 5] =
    [Fault::Error, Fault::LateError, Fault::Errors, Fault::Kill, Fault::PowerCut];

#[derive(Default)]
struct State {
    files: HashMap<Inode, File>,
    folder: BTreeMap<String, Inode>,
    synced_folder: BTreeMap<String, Inode>,
    last_inode: Inode,
    calls: usize,
    fault: Option<(usize, Fault)>,
    is_down: bool,
}

#[derive(Clone, Default)]
pub(super) struct FakeDisk(Arc<Mutex<State>>);

/// How much of a call is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Half,
    Nothing,
}

impl State {
    /// Counts a call; what of it is done, and what it answers.
    fn call(&mut self) -> (Part, io::Result<()>) {
        let error = || Err(io::Error::from_raw_os_error(5));
        if self.is_down {
            return (Part::Nothing, error());
        }
        self.calls += 1;
        let lasts = |fault| if fault == Fault::Errors { 5 } else { 1 };
        let is_due =
            |(at, fault): &(usize, Fault)| (*at..*at + lasts(*fault)).contains(&self.calls);
        match self.fault.filter(is_due) {
            None => (Part::All, Ok(())),
            Some((_, Fault::Error | Fault::Errors)) => (Part::Half, error()),
            Some((_, Fault::LateError)) => (Part::All, error()),
            Some((_, Fault::Kill | Fault::PowerCut)) => {
                self.is_down = true;
                (Part::Half, error())
            }
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        let inode = self.folder.get(name).ok_or(io::ErrorKind::NotFound)?;
        self.files.get_mut(inode).ok_or(io::ErrorKind::NotFound.into())
    }

    /// The machine is on again.
    fn boot(&mut self) {
        if self.fault.is_some_and(|(_, fault)| fault == Fault::PowerCut) && self.is_down {
            let half = |file: &mut File| {
                let grown = file.bytes.len().saturating_sub(file.synced.len()) / 2;
                let kept = file.synced.len() + grown;
                let mut bytes = file.bytes.get(..kept).unwrap_or(&file.synced).to_vec();
                let old = file.synced.len().min(bytes.len());
                bytes[..old].copy_from_slice(&file.synced[..old]);
                // Room that was given to the file and never filled.
                bytes.resize(file.bytes.len().max(file.synced.len()), 0);
                file.bytes = bytes;
            };
            self.files.values_mut().filter(|file| file.bytes != file.synced).for_each(half);
            self.folder = self.synced_folder.clone();
        }
        (self.fault, self.is_down) = (None, false);
    }
}

impl FakeDisk {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Nothing fails from now on; gives the fault that was due, and the calls so far.
    fn pause(&self) -> (Option<(usize, Fault)>, usize) {
        let mut state = self.state();
        (state.fault.take(), state.calls)
    }

    /// A change of the folder that is done as a whole or not at all.
    fn change(&self, change: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state();
        let (part, answer) = state.call();
        if part == Part::All {
            change(&mut state)?;
        }
        answer
    }
}

impl Disk for FakeDisk {
    fn lock_exports(&self, _: u32) -> io::Result<ExportLock> {
        Ok(ExportLock::none())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.call().1.map(|()| state.folder.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.call().1?;
        state.file(name).map(|file| file.bytes.clone())
    }

    fn read_at(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.call().1?;
        let found = state.file(name)?.bytes.get(offset as usize..offset as usize + bytes);
        found.map(<[u8]>::to_vec).ok_or(io::ErrorKind::UnexpectedEof.into())
    }

    fn create(&self, name: &str) -> io::Result<()> {
        self.change(|state| {
            state.last_inode += 1;
            let inode = state.last_inode;
            state.files.insert(inode, File::default());
            state.folder.insert(name.to_owned(), inode);
            Ok(())
        })
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let (part, answer) = state.call();
        let written = match part {
            Part::All => bytes,
            Part::Half => &bytes[..bytes.len() / 2],
            Part::Nothing => return answer,
        };
        let (file, from) = (state.file(name)?, offset as usize);
        let end = file.bytes.len().max(from + written.len());
        file.bytes.resize(end, 0);
        file.bytes[from..from + written.len()].copy_from_slice(written);
        answer
    }

    fn cut(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.change(|state| state.file(name).map(|file| file.bytes.truncate(bytes as usize)))
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.change(|state| {
            let file = state.file(name)?;
            file.synced.clone_from(&file.bytes);
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|state| {
            let inode = state.folder.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.folder.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|state| {
            let inode = *state.folder.get(from).ok_or(io::ErrorKind::NotFound)?;
            state.folder.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|state| {
            state.folder.remove(name).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
        })
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.change(|state| {
            state.synced_folder = state.folder.clone();
            Ok(())
        })
    }

    fn inode(&self, name: &str) -> io::Result<Inode> {
        let mut state = self.state();
        state.call().1?;
        state.folder.get(name).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn renew(&mut self) -> io::Result<()> {
        unreachable!("nobody deletes the folder")
    }
}

/// A spool on that disk.
pub(super) fn open_on(
    disk: &FakeDisk,
    bytes_max: u64,
    condense: Condense,
) -> anyhow::Result<Opened> {
    let settings =
        SpoolSettings { dir: "/spool".into(), bytes_max, grace: Duration::from_secs(7 * 86_400) };
    let machine = owner::machine("0af1", "");
    open::load(&settings, condense, Box::new(disk.clone()), machine, 0)
}

#[derive(Clone, Copy, Debug)]
enum Act {
    /// A batch of so many bytes.
    Append(usize),
    Restart,
    /// The oldest batches are sent and acknowledged.
    Acknowledge,
    /// A Welcome with all that was acknowledged.
    Welcome,
    Export,
}

fn acts() -> impl proptest::strategy::Strategy<Value = Vec<Act>> {
    use proptest::prelude::*;
    let act = prop_oneof![
        6 => (0usize..40_000).prop_map(Act::Append),
        1 => Just(Act::Restart),
        1 => Just(Act::Acknowledge),
        1 => Just(Act::Welcome),
        1 => Just(Act::Export),
    ];
    proptest::collection::vec(act, 4..24)
}

/// What the caller knows: it was told what is on disk.
#[derive(Default)]
struct Truth {
    /// Numbers of the batches whose append returned `Ok`.
    written: Vec<u64>,
    /// Those that failed, after which none succeeded.
    failed: Vec<u64>,
    acknowledged: Vec<u64>,
    /// Numbers given, by the batch.
    seqs: HashMap<u64, u64>,
    tried: u64,
}

struct World {
    disk: FakeDisk,
    spool: Option<Spool>,
    truth: Truth,
}

impl World {
    fn new(fault: Option<(usize, Fault)>) -> World {
        let disk = FakeDisk::default();
        disk.state().fault = fault;
        World { disk, spool: None, truth: Truth::default() }
    }

    fn open(&mut self) -> io::Result<()> {
        self.spool = None;
        let opened = open_on(&self.disk, SPOOL_BYTES_MIN, super::pressed::join);
        let opened = opened.map_err(io::Error::other)?;
        // What the test itself reads does not count.
        let (fault, calls) = self.disk.pause();
        self.check(&opened);
        let mut state = self.disk.state();
        (state.fault, state.calls) = (fault, calls);
        drop(state);
        let failed = std::mem::take(&mut self.truth.failed);
        self.truth.written.extend(failed.into_iter().filter(|n| offset(&opened) == *n));
        self.spool = Some(opened.spool);
        Ok(())
    }

    /// What was written is there, once; what was not, is not; work goes on from the last of it.
    fn check(&self, opened: &Opened) {
        assert!(opened.gaps.iter().all(|gap| gap.reason == GapReason::Merged), "{:?}", opened.gaps);
        assert!(!opened.progress_lost);
        let (truth, failed) = (&self.truth, &self.truth.failed);
        let last = truth.written.last().copied().unwrap_or(0);
        let offset = offset(opened);
        assert!(offset == last || failed.contains(&offset), "{offset} is not {last} or {failed:?}");
        let mut held = all(&opened.spool);
        held.sort_unstable();
        assert!(held.is_sorted_by(|a, b| a < b), "twice: {held:?}");
        for n in &held {
            assert!(truth.written.contains(n) || failed.contains(n), "{n} was never written");
        }
        for n in &truth.written {
            assert!(held.contains(n) || truth.acknowledged.contains(n), "{n} is lost");
        }
        assert!(held.contains(&offset) || offset == 0, "positions of {offset} alone");
    }

    fn act(&mut self, act: Act) {
        if self.spool.is_none() && self.open().is_err() {
            return;
        }
        let Some(spool) = &mut self.spool else { return };
        match act {
            Act::Append(bytes) => self.append(bytes),
            Act::Restart => self.spool = None,
            Act::Acknowledge => {
                for seq in spool.unsettled(0, 3) {
                    if let Ok(Some(stored)) = spool.to_send(seq) {
                        spool.add_stored(stored.seq - u64::from(stored.merged), stored.seq);
                        let numbers = super::pressed::numbers(&stored.data, stored.merged);
                        self.truth.acknowledged.extend(numbers);
                    }
                }
            }
            Act::Welcome => {
                let stored = self.truth.acknowledged.iter().filter_map(|n| self.truth.seqs.get(n));
                let stored = Ranges::from_pairs(stored.map(|seq| (*seq, *seq)));
                let known = Known { stored: stored.clone(), ..Known::default() };
                assert_eq!(spool.judge(&known), Verdict::Fine);
                spool.set_stored(stored);
                spool.confirm();
            }
            Act::Export => {
                if let Some(seq) = super::held(spool).first() {
                    let _ = super::export(spool, *seq, *seq);
                }
            }
        }
    }

    fn append(&mut self, bytes: usize) {
        let Some(spool) = &mut self.spool else { return };
        self.truth.tried += 1;
        let n = self.truth.tried;
        let encode = |names: &mut Names| {
            names.id(&n.to_le_bytes());
            Ok(payload(n, bytes.max(8)))
        };
        match spool.append(&draft(n), encode, 0) {
            Ok(seq) => {
                let before = self.truth.seqs.values().copied().max().unwrap_or(0);
                assert!(seq > before, "{seq} was used");
                self.truth.seqs.insert(n, seq);
                self.truth.written.push(n);
                self.truth.failed.clear();
            }
            Err(AppendError::Full { .. }) => {}
            Err(_) => self.truth.failed.push(n),
        }
        if self.disk.state().is_down {
            self.spool = None;
        }
    }

    fn boot(&mut self) {
        self.spool = None;
        self.disk.state().boot();
        self.open().unwrap();
    }
}

fn offset(opened: &Opened) -> u64 {
    opened.resume.progress.first().map_or(0, |progress| progress.files[0].offset)
}

fn all(spool: &Spool) -> Vec<u64> {
    let read = |seq| spool.read(seq).unwrap().unwrap();
    let held = super::held(spool).into_iter().map(read);
    held.flat_map(|stored| super::pressed::numbers(&stored.data, stored.merged)).collect()
}

fn live(acts: &[Act], fault: Option<(usize, Fault)>) -> usize {
    let mut world = World::new(fault);
    for act in acts {
        if world.disk.state().is_down {
            world.boot();
        }
        world.act(*act);
    }
    let calls = world.disk.state().calls;
    world.boot();
    world.append(100);
    world.boot();
    calls
}

proptest::proptest! {
    // Each case lives its history again for each call.
    #![proptest_config(proptest::prelude::ProptestConfig { max_shrink_iters: 64, ..proptest::prelude::ProptestConfig::with_cases(10) })]

    #[test]
    fn whatever_call_fails_what_was_written_is_there_once_and_nothing_else(
        acts in acts(),
        fault in proptest::sample::select(&FAULTS[..]),
    ) {
        let calls = live(&acts, None);
        for at in 1..=calls {
            live(&acts, Some((at, fault)));
        }
    }
}
