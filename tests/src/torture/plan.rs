//! What is done in one run: a list of steps, decided by a seed alone, that a person can read.

use std::fmt;

use super::{dice::Dice, kinds::Format, theme::Theme};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Makes this plan again.
    pub seed: u64,
    /// What it is mainly about.
    pub theme: Theme,
    /// The logs that are written.
    pub logs: Vec<LogPlan>,
    /// In order. What they break is healed at their end, whatever they say.
    pub steps: Vec<Step>,
}

/// A log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlan {
    /// Its key in the agent's settings.
    pub key: &'static str,
    /// How it is written.
    pub format: Format,
    /// How its files are named.
    pub layout: Layout,
    /// Lines end in `\r\n`.
    pub crlf: bool,
}

/// How the files of a log are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `application.log`; rolled ones `application.log.1`, the newest first.
    Numbered,
    /// `application.log` is a symbolic link to a file with a date in its name.
    Linked,
    /// `system.out`, begun anew in place.
    InPlace,
    /// `postgresql-Mon.log` and so on, each begun anew when its turn comes again.
    Weekdays,
    /// `postgresql-2026-11-22_01.log` and so on.
    Dated,
}

/// One of our programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    Agent,
    Collector,
}

/// One thing done. `log` is the place in [`Plan::logs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes entries, their kinds and values by `seed`; `odd`: among them long lines, bytes that are no
    /// UTF-8, and lines written in two parts.
    Write { log: usize, entries: u32, odd: bool, seed: u64 },
    /// Nothing for a while.
    Pause { ms: u64 },
    /// The log goes on in another file.
    Rotate { log: usize, how: Rotation },
    /// Waits, for a short while, until the collector has counted all that is written.
    Settle,
    /// SIGKILL.
    Kill(Side),
    /// Starts it again.
    Start(Side),
    /// SIGSTOP.
    Freeze(Side),
    /// SIGCONT.
    Thaw(Side),
    /// The link between them behaves like this from now on.
    Link(LinkMode),
    /// Its disk is filled to the last byte.
    FillDisk(Side),
    /// Its disk has room again.
    FreeDisk(Side),
    /// Its clock shows a time this far from the true one.
    Clock(Side, i64),
    /// A copy of its folder is taken, as it is at one moment.
    Snapshot(Side),
    /// It is killed and that copy put back.
    Restore(Side),
    /// The spool's folder is deleted under the running agent.
    DeleteSpool,
    /// The agent is killed and bits of a segment of its spool are turned.
    FlipBits { seed: u64 },
    /// Reading the logs behaves like this from now on.
    Reads(ReadMode),
}

/// How a log goes on in another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// By the custom of its layout: renamed and made anew, the link set to the next file, begun anew in
    /// place, the next weekday's or the next date's file.
    Next,
    /// As above; the last line before it has no end.
    NextUnfinished,
    /// Copied to the rolled name, then truncated.
    CopyTruncate,
    /// The newest rolled file is compressed.
    Compress(Packer),
    /// The newest rolled file is deleted.
    DeleteRolled,
}

/// What a rolled file is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Packer {
    Gzip,
    Xz,
    Bzip2,
    Zstd,
    Zip,
}

/// How the link behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkMode {
    /// As it should.
    Whole,
    /// Connections are reset, new ones too.
    Cut,
    /// Each piece of data comes this much later.
    Slow { ms: u64 },
    /// What the agent sends is ended in order, what the collector sends still comes.
    HalfClosed,
    /// Nothing comes through and nobody is told.
    BlackHole,
}

/// How reading the logs behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ReadMode {
    Whole,
    /// EIO.
    Failing,
    /// The answer does not come.
    Hanging,
}

impl Plan {
    /// The plan that this seed makes, today and always.
    pub fn from_seed(seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let theme = Theme::of_seed(seed);
        let logs = theme.logs(&mut dice);
        let steps = theme.steps(&logs, &mut dice);
        Plan { seed, theme, logs, steps }
    }

    /// Whether any step is such.
    pub fn has(&self, such: impl Fn(&Step) -> bool) -> bool {
        self.steps.iter().any(such)
    }

    /// Whether the clock of a program is ever moved.
    pub fn moves_clock(&self, side: Side) -> bool {
        self.has(|step| matches!(step, Step::Clock(of, _) if *of == side))
    }

    /// Whether the disk of a program is ever filled.
    pub fn fills_disk(&self, side: Side) -> bool {
        self.has(|step| matches!(step, Step::FillDisk(of) if *of == side))
    }

    /// Whether the collector may refuse the agent for a while: clocks too far apart, a store that cannot
    /// be written.
    pub fn may_be_refused(&self) -> bool {
        self.has(|step| matches!(step, Step::Clock(..) | Step::FillDisk(Side::Collector)))
    }

    /// Whether reading the logs is ever disturbed.
    pub fn disturbs_reads(&self) -> bool {
        self.has(|step| matches!(step, Step::Reads(_)))
    }

    /// Whether what the spool holds is destroyed.
    pub fn destroys_spool(&self) -> bool {
        self.has(|step| matches!(step, Step::DeleteSpool | Step::FlipBits { .. }))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {:?}", self.seed, self.theme)?;
        for (n, log) in self.logs.iter().enumerate() {
            let crlf = if log.crlf { ", CRLF" } else { "" };
            writeln!(f, "  log {n}: {} {:?} {:?}{crlf}", log.key, log.format, log.layout)?;
        }
        for (n, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {:>2}. {step:?}", n + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_plan_each_time_and_another_seed_another() {
        for seed in 0..200 {
            assert_eq!(Plan::from_seed(seed), Plan::from_seed(seed));
            assert_ne!(Plan::from_seed(seed).steps, Plan::from_seed(seed + 1).steps);
        }
    }

    #[test]
    fn what_a_plan_stops_it_starts_again_before_it_stops_it_once_more() {
        for seed in 0..2_000 {
            let plan = Plan::from_seed(seed);
            let mut up = [true, true];
            for step in &plan.steps {
                match *step {
                    Step::Kill(side) | Step::Restore(side) => {
                        assert!(up[side as usize], "{plan}");
                        up[side as usize] = matches!(step, Step::Restore(_));
                    }
                    Step::Start(side) => {
                        assert!(!up[side as usize], "{plan}");
                        up[side as usize] = true;
                    }
                    Step::FlipBits { .. } => up[Side::Agent as usize] = false,
                    Step::Freeze(side) => assert!(up[side as usize], "{plan}"),
                    _ => {}
                }
            }
        }
    }
}
