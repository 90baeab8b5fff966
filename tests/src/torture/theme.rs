//! What a run is mainly about, and the steps that make it so. Writing goes on throughout, and other faults
//! happen beside.

use super::{
    dice::Dice,
    kinds::Format,
    plan::{Layout, LinkMode, LogPlan, Packer, ReadMode, Rotation, Side, Step},
};

macro_rules! themes {
    ($($theme:ident),* $(,)?) => {
        /// The kinds of fault; seeds take turns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Theme { $($theme),* }

        /// All of them.
        pub const THEMES: &[Theme] = &[$(Theme::$theme),*];
    };
}

themes! {
    Renamed,
    RenamedQuickly,
    CopyTruncated,
    RewrittenInPlace,
    WeekdaysReused,
    CompressedWhileDown,
    LinkSwitched,
    DeletedUnread,
    InodeReused,
    OddLines,
    LinkCut,
    LinkSlow,
    LinkHalfClosed,
    LinkBlackHole,
    AgentKilled,
    CollectorKilled,
    BothKilled,
    AgentFrozen,
    CollectorFrozen,
    SpoolDiskFull,
    StoreDiskFull,
    ReadsFail,
    ReadsHang,
    AgentClock,
    CollectorClock,
    AgentRestored,
    CollectorRestored,
    SpoolDeleted,
    BitsFlipped,
}

use Theme::*;

/// How far clocks are moved, in seconds: minutes, hours, a year and more, back and forth.
const CLOCK_STEPS_S: &[i64] = &[-34_000_000, -7_200, -90, 90, 7_200, 34_000_000];
const PACKERS: &[Packer] = &[Packer::Gzip, Packer::Xz, Packer::Bzip2, Packer::Zstd, Packer::Zip];
const AGENT: Side = Side::Agent;
const COLLECTOR: Side = Side::Collector;
/// Place of the application's log in each plan.
const APP: usize = 0;
/// Place of the log that most rotations are about when it is not the application's.
const OTHER: usize = 1;

impl Theme {
    /// The theme of a seed.
    pub fn of_seed(seed: u64) -> Theme {
        THEMES[(seed % THEMES.len() as u64) as usize]
    }

    /// The least seed of this theme.
    pub fn first_seed(self) -> u64 {
        THEMES.iter().position(|theme| *theme == self).unwrap_or(0) as u64
    }

    /// The logs that a run of this theme writes.
    pub fn logs(self, dice: &mut Dice) -> Vec<LogPlan> {
        let app = match self {
            LinkSwitched => Layout::Linked,
            _ => Layout::Numbered,
        };
        let crlf = matches!(self, OddLines) && dice.chance(1, 2);
        let mut logs = vec![LogPlan { key: "spse", format: Format::Play, layout: app, crlf }];
        logs.push(match self {
            RewrittenInPlace => LogPlan {
                key: "keluaran",
                format: Format::Play,
                layout: Layout::InPlace,
                crlf: false,
            },
            WeekdaysReused => postgres(Layout::Weekdays),
            _ => postgres(dice.pick(&[Layout::Dated, Layout::Dated, Layout::Weekdays])),
        });
        logs
    }

    /// The steps of a run of this theme.
    pub fn steps(self, logs: &[LogPlan], dice: &mut Dice) -> Vec<Step> {
        let mut writer = Writer { steps: Vec::new(), dice, odd: self == OddLines };
        writer.write_all(logs.len());
        match self {
            Renamed | RenamedQuickly | CopyTruncated | RewrittenInPlace | WeekdaysReused
            | CompressedWhileDown | LinkSwitched | DeletedUnread | InodeReused | OddLines => {
                writer.rotations(self)
            }
            AgentRestored | CollectorRestored => writer.restored(self, logs),
            SpoolDeleted | BitsFlipped => writer.destroyed(self),
            _ => writer.faults(self),
        }
        writer.write_all(logs.len());
        writer.steps
    }
}

fn postgres(layout: Layout) -> LogPlan {
    LogPlan { key: "postgres", format: Format::Postgres, layout, crlf: false }
}

struct Writer<'a> {
    steps: Vec<Step>,
    dice: &'a mut Dice,
    odd: bool,
}

impl Writer<'_> {
    fn write(&mut self, log: usize, most: u64) {
        let entries = self.dice.between(1, most) as u32;
        let odd = self.odd && log == APP;
        let seed = self.dice.roll();
        self.steps.push(Step::Write { log, entries, odd, seed });
    }

    fn write_all(&mut self, logs: usize) {
        (0..logs).for_each(|log| self.write(log, 25));
    }

    fn pause(&mut self, low_ms: u64, high_ms: u64) {
        let ms = self.dice.between(low_ms, high_ms);
        self.steps.push(Step::Pause { ms });
    }

    fn rotate(&mut self, log: usize, how: Rotation) {
        self.steps.push(Step::Rotate { log, how });
    }

    /// Now and then something else happens too.
    fn beside(&mut self) {
        match self.dice.between(0, 11) {
            0 => self.down(AGENT, 0),
            1 => self.down(COLLECTOR, 200),
            2 => self.between(Step::Link(LinkMode::Cut), Step::Link(LinkMode::Whole)),
            3 => self.between(Step::Freeze(AGENT), Step::Thaw(AGENT)),
            4 => self.between(Step::Freeze(COLLECTOR), Step::Thaw(COLLECTOR)),
            5 => self.rotate(APP, Rotation::Next),
            _ => self.pause(0, 300),
        }
    }

    fn between(&mut self, begin: Step, end: Step) {
        self.steps.push(begin);
        self.write_all(2);
        self.pause(100, 700);
        self.steps.push(end);
    }

    fn down(&mut self, side: Side, least_ms: u64) {
        self.steps.push(Step::Kill(side));
        self.write_all(2);
        self.pause(least_ms, least_ms + 300);
        self.steps.push(Step::Start(side));
    }

    fn rotations(&mut self, theme: Theme) {
        for n in 0..self.dice.between(2, 4) {
            match theme {
                Renamed => self.rotate(APP, Rotation::Next),
                RenamedQuickly => self.quickly(),
                CopyTruncated => self.rotate(APP, Rotation::CopyTruncate),
                RewrittenInPlace | WeekdaysReused => self.begun_anew(theme),
                CompressedWhileDown => self.compressed(),
                LinkSwitched => self.rotate(APP, Rotation::Next),
                // Once, since only the first time it is sure what was counted before.
                DeletedUnread if n == 0 => self.deleted(),
                DeletedUnread => self.rotate(APP, Rotation::Next),
                InodeReused => self.inode_reused(),
                _ => self.rotate(APP, Rotation::NextUnfinished),
            }
            self.write_all(2);
            self.beside();
            self.write(APP, 12);
        }
    }

    fn quickly(&mut self) {
        for _ in 0..self.dice.between(2, 6) {
            self.rotate(APP, Rotation::Next);
            self.write(APP, 4);
        }
    }

    /// All is counted before, so that nothing may be lost, or the agent is down, so that it has to say what
    /// it cannot have seen. (What is written and overwritten between two looks of a running agent leaves
    /// no trace: nobody can tell.)
    fn begun_anew(&mut self, theme: Theme) {
        let files = if theme == WeekdaysReused { self.dice.between(1, 4) } else { 1 };
        let is_seen = self.dice.chance(1, 2);
        if !is_seen {
            // An agent that was never there to see the file cannot miss what it held.
            self.steps.extend([Step::Settle, Step::Kill(AGENT)]);
        }
        for _ in 0..files {
            self.write(OTHER, 15);
            if is_seen {
                self.steps.push(Step::Settle);
            }
            self.rotate(OTHER, Rotation::Next);
        }
        self.write(OTHER, 15);
        if !is_seen {
            self.steps.push(Step::Start(AGENT));
        }
    }

    fn compressed(&mut self) {
        self.steps.push(Step::Kill(AGENT));
        for _ in 0..self.dice.between(1, 2) {
            self.write(APP, 15);
            self.rotate(APP, Rotation::Next);
            let packer = self.dice.pick(PACKERS);
            self.rotate(APP, Rotation::Compress(packer));
        }
        self.write(APP, 15);
        self.steps.push(Step::Start(AGENT));
    }

    /// Of a file that began and ended unseen nobody can tell: it is one that the agent knows.
    fn deleted(&mut self) {
        let (begin, end) = match self.dice.chance(1, 2) {
            true => (Step::Freeze(AGENT), Step::Thaw(AGENT)),
            false => (Step::Kill(AGENT), Step::Start(AGENT)),
        };
        self.steps.extend([Step::Settle, begin]);
        self.write(APP, 15);
        self.rotate(APP, Rotation::Next);
        self.rotate(APP, Rotation::DeleteRolled);
        self.write(APP, 5);
        self.steps.push(end);
    }

    /// A file is deleted once it is counted, and the next may get its inode.
    fn inode_reused(&mut self) {
        self.rotate(APP, Rotation::Next);
        self.write(APP, 10);
        self.pause(1_200, 1_500);
        self.steps.push(Step::Settle);
        self.rotate(APP, Rotation::DeleteRolled);
        self.rotate(APP, Rotation::Next);
    }

    fn faults(&mut self, theme: Theme) {
        for _ in 0..self.dice.between(1, 2) {
            self.pause(100, 1_100);
            self.fault(theme);
            self.write_all(2);
            self.beside();
        }
    }

    fn fault(&mut self, theme: Theme) {
        let whole = Step::Link(LinkMode::Whole);
        let ms = self.dice.between(5, 400);
        match theme {
            LinkCut => self.between(Step::Link(LinkMode::Cut), whole),
            LinkSlow => self.between(Step::Link(LinkMode::Slow { ms }), whole),
            LinkHalfClosed => self.between(Step::Link(LinkMode::HalfClosed), whole),
            LinkBlackHole => self.between(Step::Link(LinkMode::BlackHole), whole),
            AgentKilled => (0..3).for_each(|_| self.down(AGENT, 0)),
            CollectorKilled => (0..2).for_each(|_| self.down(COLLECTOR, 100)),
            BothKilled => self.both_down(),
            AgentFrozen => self.between(Step::Freeze(AGENT), Step::Thaw(AGENT)),
            CollectorFrozen => self.between(Step::Freeze(COLLECTOR), Step::Thaw(COLLECTOR)),
            SpoolDiskFull => self.between(Step::FillDisk(AGENT), Step::FreeDisk(AGENT)),
            StoreDiskFull => self.between(Step::FillDisk(COLLECTOR), Step::FreeDisk(COLLECTOR)),
            ReadsFail => self.between(Step::Reads(ReadMode::Failing), Step::Reads(ReadMode::Whole)),
            ReadsHang => self.between(Step::Reads(ReadMode::Hanging), Step::Reads(ReadMode::Whole)),
            AgentClock => self.clock(AGENT),
            _ => self.clock(COLLECTOR),
        }
    }

    fn both_down(&mut self) {
        self.steps.push(Step::Kill(AGENT));
        self.steps.push(Step::Kill(COLLECTOR));
        self.write_all(2);
        let order = if self.dice.chance(1, 2) { [AGENT, COLLECTOR] } else { [COLLECTOR, AGENT] };
        self.steps.extend(order.map(Step::Start));
    }

    fn clock(&mut self, side: Side) {
        let by_s = self.dice.pick(CLOCK_STEPS_S);
        self.between(Step::Clock(side, by_s), Step::Clock(side, 0));
    }

    fn restored(&mut self, theme: Theme, logs: &[LogPlan]) {
        let is_pattern = logs.get(OTHER).is_some_and(|log| log.layout == Layout::Dated);
        let side = if theme == AgentRestored { AGENT } else { COLLECTOR };
        self.pause(0, 1_500);
        self.steps.push(Step::Snapshot(side));
        self.write_all(2);
        if is_pattern && self.dice.chance(1, 2) {
            // The copy knows nothing of the next file.
            self.rotate(OTHER, Rotation::Next);
            self.write(OTHER, 25);
        }
        self.pause(500, 2_000);
        self.beside();
        if self.dice.chance(1, 2) {
            self.steps.push(Step::Settle);
        }
        self.write_all(2);
        self.steps.push(Step::Restore(side));
        self.write_all(2);
        self.pause(300, 1_200);
        self.beside();
    }

    fn destroyed(&mut self, theme: Theme) {
        self.pause(0, 1_200);
        self.steps.push(Step::Settle);
        if self.dice.chance(1, 2) {
            self.between(Step::Link(LinkMode::Cut), Step::Link(LinkMode::Whole));
        }
        self.write_all(2);
        if theme == SpoolDeleted {
            self.steps.push(Step::DeleteSpool);
            self.write_all(2);
            self.pause(0, 1_500);
            if self.dice.chance(1, 3) {
                self.down(AGENT, 0);
            }
        } else {
            let seed = self.dice.roll();
            self.steps.push(Step::FlipBits { seed });
            self.write_all(2);
            self.steps.push(Step::Start(AGENT));
        }
        self.pause(0, 600);
    }
}
