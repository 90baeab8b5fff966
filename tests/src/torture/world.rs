//! The real parts of one run: agent, collector, the link between them, the logs, and what disturbs them.

use std::{io::ErrorKind, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::{
    clock::Clock,
    link::Link,
    log::Log,
    oracle::{Answer, Oracle},
    plan::{LinkMode, Plan, ReadMode, Side, Step},
    reads::Reads,
    snapshot,
};
use crate::{
    agent::Agent, collector::Collector, disk::SmallDisk, program::Program, scratch::Scratch,
};

/// Longest wait for a [`Step::Settle`]: what is not counted by then may come later, or never.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// Instead of a [`Step::Settle`] that nothing can confirm: long enough for a batch.
const GUESS: Duration = Duration::from_millis(1_500);
/// Between two questions to the collector.
const ASK_INTERVAL: Duration = Duration::from_millis(250);
/// Room of the disk of an agent's spool, and of a collector's store, in KiB.
const SPOOL_DISK_KIB: u32 = 256;
const STORE_DISK_KIB: u32 = 8 * 1_024;
/// Any time that a program with a moved clock may have noted lies in here.
const ALL_TIME: [&str; 4] = ["--from", "2015-01-01", "--to", "2040-01-01"];

/// See the module. Programs come first: they are killed before their disks go.
pub struct World<'a> {
    agent: Agent<'a>,
    collector: Collector<'a>,
    is_up: [bool; 2],
    is_frozen: [bool; 2],
    link: Link,
    logs: Vec<Log>,
    /// All that was written.
    pub oracle: Oracle,
    reads: Option<Reads>,
    disks: [Option<SmallDisk>; 2],
    clocks: [Option<Clock>; 2],
    scratch: &'a Scratch,
}

/// Why a plan cannot be run on this machine.
#[derive(Debug, thiserror::Error)]
#[error("skipped: {0}")]
pub struct Impossible(pub String);

const SIDES: [Side; 2] = [Side::Agent, Side::Collector];

impl<'a> World<'a> {
    /// Starts everything that the plan needs.
    pub async fn start(scratch: &'a Scratch, plan: &Plan) -> Result<World<'a>> {
        let disks = [disk(scratch, plan, Side::Agent)?, disk(scratch, plan, Side::Collector)?];
        let clocks = [clock(scratch, plan, Side::Agent)?, clock(scratch, plan, Side::Collector)?];
        let behind = scratch.dir("logs")?;
        let (reads, seen) = reads(scratch, plan, behind.clone())?;
        let begin = |(place, log)| Log::begin(place, log, &behind);
        let logs: Vec<Log> =
            plan.logs.iter().copied().enumerate().map(begin).collect::<Result<_>>()?;
        let mut collector = Collector::new(scratch, "")?;
        collector.start().await?;
        let link = Link::start(collector.ingest()?).await?;
        let tables: String = logs.iter().map(|log| log.table(&seen)).collect();
        let mut agent = Agent::new(scratch, link.address, &tables)?;
        collector.enrol(&agent)?;
        agent.start()?;
        Ok(World {
            agent,
            collector,
            is_up: [true; 2],
            is_frozen: [false; 2],
            link,
            logs,
            oracle: Oracle::default(),
            reads,
            disks,
            clocks,
            scratch,
        })
    }

    /// Does one step.
    pub async fn take(&mut self, step: &Step) -> Result<()> {
        match *step {
            Step::Write { log, entries, odd, seed } => {
                self.logs[log].write(entries, odd, seed, &mut self.oracle)
            }
            Step::Pause { ms } => {
                sleep(Duration::from_millis(ms)).await;
                Ok(())
            }
            Step::Rotate { log, how } => self.logs[log].rotate(how, &mut self.oracle),
            Step::Settle => self.settle().await,
            Step::Kill(side) => self.kill(side),
            Step::Start(side) => self.bring_up(side).await,
            Step::Freeze(side) => self.freeze(side),
            Step::Thaw(side) => self.thaw(side),
            Step::Link(mode) => {
                self.link.set(mode);
                Ok(())
            }
            Step::FillDisk(side) => self.disk(side)?.fill(),
            Step::FreeDisk(side) => self.disk(side)?.free(),
            Step::Clock(side, by_s) => {
                self.clocks[side as usize].as_ref().context("a clock")?.set(by_s)
            }
            Step::Snapshot(side) => self.snapshot(side),
            Step::Restore(side) => self.restore(side).await,
            Step::DeleteSpool => self.delete_spool(),
            Step::FlipBits { seed } => self.flip_bits(seed),
            Step::Reads(mode) => {
                self.reads.as_ref().context("a disturbed disk")?.set(mode);
                Ok(())
            }
        }
    }

    /// Ends every fault.
    pub async fn heal(&mut self) -> Result<()> {
        for side in SIDES {
            self.thaw(side)?;
            if let Some(disk) = &self.disks[side as usize] {
                // There is nothing to free where the plan did it.
                let _ = disk.free();
            }
            if let Some(clock) = &self.clocks[side as usize] {
                clock.set(0)?;
            }
        }
        if let Some(reads) = &self.reads {
            reads.set(ReadMode::Whole);
        }
        self.link.set(LinkMode::Whole);
        self.bring_up(Side::Collector).await?;
        self.bring_up(Side::Agent).await
    }

    /// Writes the mark of the end into every log.
    pub fn end(&mut self) -> Result<()> {
        self.logs.iter_mut().try_for_each(|log| log.end(&mut self.oracle))
    }

    /// A collector that refused asks agents to wait for a minute; one that is started anew asks at once.
    pub async fn start_agent_anew(&mut self) -> Result<()> {
        self.kill(Side::Agent)?;
        self.bring_up(Side::Agent).await
    }

    /// Ends the agent in order: it hands over what it holds.
    pub async fn stop_agent(&mut self) -> Result<()> {
        self.agent.program()?.stop().await?;
        self.is_up[Side::Agent as usize] = false;
        Ok(())
    }

    /// What the collector has counted so far.
    pub fn ask(&self) -> Result<Answer> {
        let limit = ["errors", "--limit", "500"];
        let errors = self.collector.ask(&[&limit[..], &ALL_TIME].concat())?;
        let gaps = self.collector.ask(&[&["gaps"][..], &ALL_TIME].concat())?;
        Ok(Answer::read(&errors, &gaps))
    }

    async fn settle(&mut self) -> Result<()> {
        // Where lines may be missing, nothing tells whether these are all.
        if self.oracle.may_lose() {
            sleep(GUESS).await;
            return Ok(());
        }
        let until = Instant::now() + SETTLE_MAX;
        while Instant::now() < until {
            // A collector that cannot answer now has not confirmed anything.
            if self.ask().is_ok_and(|answer| self.oracle.is_covered(&answer)) {
                self.oracle.confirmed();
                return Ok(());
            }
            sleep(ASK_INTERVAL).await;
        }
        Ok(())
    }

    fn program(&mut self, side: Side) -> Result<&mut Program> {
        match side {
            Side::Agent => self.agent.program(),
            Side::Collector => self.collector.program(),
        }
    }

    fn kill(&mut self, side: Side) -> Result<()> {
        self.program(side)?.kill()?;
        self.is_up[side as usize] = false;
        self.is_frozen[side as usize] = false;
        Ok(())
    }

    async fn bring_up(&mut self, side: Side) -> Result<()> {
        if std::mem::replace(&mut self.is_up[side as usize], true) {
            return Ok(());
        }
        match side {
            Side::Agent => self.agent.start(),
            Side::Collector => {
                // Its old ports may be another run's by now.
                self.collector.start_elsewhere().await?;
                self.link.lead_to(self.collector.ingest()?);
                Ok(())
            }
        }
    }

    fn freeze(&mut self, side: Side) -> Result<()> {
        self.is_frozen[side as usize] = true;
        self.program(side)?.signal(Signal::STOP)
    }

    fn thaw(&mut self, side: Side) -> Result<()> {
        if std::mem::take(&mut self.is_frozen[side as usize]) {
            self.program(side)?.signal(Signal::CONT)?;
        }
        Ok(())
    }

    fn disk(&self, side: Side) -> Result<&SmallDisk> {
        self.disks[side as usize].as_ref().context("a small disk")
    }

    fn home(&self, side: Side) -> PathBuf {
        self.scratch.join(folder(side))
    }

    fn copy_of(&self, side: Side) -> PathBuf {
        self.scratch.join(&format!("{}.copy", folder(side)))
    }

    /// Taken while it stands still: as a snapshot of the machine takes it.
    fn snapshot(&mut self, side: Side) -> Result<()> {
        self.freeze(side)?;
        snapshot::copy(&self.home(side), &self.copy_of(side))?;
        self.thaw(side)
    }

    async fn restore(&mut self, side: Side) -> Result<()> {
        if side == Side::Agent {
            self.oracle.may_declare();
        }
        self.kill(side)?;
        snapshot::put_back(&self.copy_of(side), &self.home(side))?;
        self.bring_up(side).await
    }

    /// The agent runs: what it makes meanwhile is deleted as well.
    fn delete_spool(&mut self) -> Result<()> {
        let spool = self.home(Side::Agent).join("spool");
        loop {
            match std::fs::remove_dir_all(&spool) {
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
                deleted => return Ok(deleted?),
            }
        }
    }

    fn flip_bits(&mut self, seed: u64) -> Result<()> {
        self.kill(Side::Agent)?;
        snapshot::flip_bits(&self.home(Side::Agent).join("spool"), seed).map(drop)
    }
}

/// The folder of a program's data in the scratch folder.
fn folder(side: Side) -> &'static str {
    match side {
        Side::Agent => "agent",
        Side::Collector => "collector",
    }
}

fn disk(scratch: &Scratch, plan: &Plan, side: Side) -> Result<Option<SmallDisk>> {
    if !plan.fills_disk(side) {
        return Ok(None);
    }
    let kib = if side == Side::Agent { SPOOL_DISK_KIB } else { STORE_DISK_KIB };
    let disk = SmallDisk::mount(scratch, folder(side), kib)?;
    Ok(Some(disk.ok_or_else(|| Impossible("only root can mount a small disk".to_owned()))?))
}

fn clock(scratch: &Scratch, plan: &Plan, side: Side) -> Result<Option<Clock>> {
    if !plan.moves_clock(side) {
        return Ok(None);
    }
    let clock = Clock::give(scratch, &format!("pantau-{}", folder(side)))?;
    Ok(Some(clock.ok_or_else(|| Impossible("libfaketime is not installed".to_owned()))?))
}

fn reads(scratch: &Scratch, plan: &Plan, behind: PathBuf) -> Result<(Option<Reads>, PathBuf)> {
    if !plan.disturbs_reads() {
        return Ok((None, behind));
    }
    let at = scratch.dir("seen")?;
    let reads = Reads::mount(&behind, &at)
        .map_err(|error| Impossible(format!("a file system of our own (FUSE): {error}")))?;
    Ok((Some(reads), at))
}
