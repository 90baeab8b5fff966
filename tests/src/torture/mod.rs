//! The fault harness: real agent and collector, a seeded plan of what befalls them, and an oracle that
//! knows every line written.
//!
//! A run takes the steps of its plan, heals everything, waits until the last line written is counted,
//! stops the agent in order, and compares. The collector's count per group equals the oracle's exactly,
//! or the lines were destroyed before anybody could read or send them, and a gap says so. Never is more
//! counted than was written, no gap is declared where nothing is missing, and no message gets a second
//! name.
//!
//! One test at a time: `pantau-torture --seed N`. Many: `make torture RUNS=1000`.

mod clock;
mod dice;
mod kinds;
mod link;
mod log;
mod oracle;
mod plan;
mod reads;
mod snapshot;
mod theme;
mod world;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use crate::scratch::Scratch;
pub use dice::Dice;
use kinds::Role;
use oracle::Answer;
pub use oracle::Verdict;
pub use plan::Plan;
pub use theme::{THEMES, Theme};
use world::{Impossible, World};

/// How long a healed pair may take until all is counted: the agent's longest waits after a fault of a
/// few seconds, and a busy machine.
const QUIET_MAX: Duration = Duration::from_secs(60);
/// Once the ends of all logs are counted, what does not come for this long comes never.
const STILL: Duration = Duration::from_secs(8);
/// After this long without news an agent may have been refused and told to wait.
const REFUSED: Duration = Duration::from_secs(4);
/// Between two questions to the collector.
const ASK_INTERVAL: Duration = Duration::from_millis(250);
/// A spool that was destroyed may skip what is written before the agent has noticed; until its mark is
/// counted, the end is written again this often.
const END_AGAIN: Duration = Duration::from_secs(2);

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub plan: Plan,
    /// What it proves; `Err`: it could not be brought to its end.
    pub verdict: Result<Verdict>,
    /// How long it took.
    pub took: Duration,
    /// Entries written.
    pub entries: u64,
    /// Where its files lie, when something is wrong.
    pub kept: Option<PathBuf>,
}

impl Outcome {
    /// Whether nothing is wrong.
    pub fn is_right(&self) -> bool {
        matches!(self.verdict, Ok(Verdict::Exact | Verdict::Declared(_)))
            || self.skipped().is_some()
    }

    /// Why it could not be run on this machine.
    pub fn skipped(&self) -> Option<String> {
        let error = self.verdict.as_ref().err()?;
        error.downcast_ref::<Impossible>().map(|Impossible(why)| why.clone())
    }

    /// What is wrong, for a person: the plan, the groups that differ, where to look, how to run it again.
    pub fn explain(&self) -> String {
        let wrong = match &self.verdict {
            Ok(Verdict::Wrong(lines)) => lines.join("\n  "),
            Ok(right) => format!("{right:?}"),
            Err(error) => format!("{error:#}"),
        };
        let kept = self.kept.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let seed = self.plan.seed;
        format!(
            "{}\n  {wrong}\n  files: {kept}\n  again: make torture RUNS=1 SEED={seed}",
            self.plan
        )
    }
}

/// Runs a plan in a folder of its own, which is kept when something is wrong.
pub async fn run(plan: Plan) -> Result<Outcome> {
    let began = Instant::now();
    let mut scratch = Scratch::new()?;
    let (verdict, entries) = attempt(&scratch, &plan).await;
    let mut outcome = Outcome { plan, verdict, took: began.elapsed(), entries, kept: None };
    if !outcome.is_right() {
        std::fs::write(scratch.join("plan.txt"), outcome.explain())?;
        scratch.keep();
        outcome.kept = Some(scratch.path().to_owned());
    }
    Ok(outcome)
}

async fn attempt(scratch: &Scratch, plan: &Plan) -> (Result<Verdict>, u64) {
    let mut world = match World::start(scratch, plan).await {
        Ok(world) => world,
        Err(error) => return (Err(error), 0),
    };
    let verdict = drive(&mut world, plan).await;
    (verdict, world.oracle.entries())
}

async fn drive(world: &mut World<'_>, plan: &Plan) -> Result<Verdict> {
    for (n, step) in plan.steps.iter().enumerate() {
        world.take(step).await.with_context(|| format!("step {}: {step:?}", n + 1))?;
    }
    world.heal().await?;
    if plan.destroys_spool() {
        world.oracle.all_destroyed();
    }
    world.end()?;
    quiet(world, plan).await?;
    world.stop_agent().await?;
    let answer = world.ask()?;
    Ok(world.oracle.judge(&answer))
}

/// Waits until all is counted or declared, or nothing will make it right any more.
async fn quiet(world: &mut World<'_>, plan: &Plan) -> Result<()> {
    let until = Instant::now() + QUIET_MAX;
    let mut again = Instant::now() + END_AGAIN;
    let (mut last, mut since) = (Answer::default(), Instant::now());
    let mut may_be_refused = plan.may_be_refused();
    while Instant::now() < until {
        // A collector that does not answer yet is asked again.
        if let Ok(answer) = world.ask() {
            if answer != last {
                (last, since) = (answer, Instant::now());
            }
            let is_still = since.elapsed() >= STILL && is_read_to_the_end(plan, &last);
            if is_still || is_over(world, plan, &last) {
                return Ok(());
            }
        }
        if may_be_refused && since.elapsed() >= REFUSED {
            may_be_refused = false;
            world.start_agent_anew().await?;
        }
        if plan.destroys_spool() && Instant::now() >= again {
            world.oracle.all_destroyed();
            world.end()?;
            again = Instant::now() + END_AGAIN;
        }
        sleep(ASK_INTERVAL).await;
    }
    Ok(())
}

fn is_over(world: &World<'_>, plan: &Plan, answer: &Answer) -> bool {
    let is_right = !matches!(world.oracle.judge(answer), Verdict::Wrong(_));
    world.oracle.is_exceeded(answer) || (is_right && is_read_to_the_end(plan, answer))
}

/// All that lies before the mark of the end has been read, in every log. Logs of one format share the mark.
fn is_read_to_the_end(plan: &Plan, answer: &Answer) -> bool {
    plan.logs.iter().all(|log| {
        let logs = plan.logs.iter().filter(|other| other.format == log.format).count() as u64;
        kinds::of(log.format, Role::End).iter().all(|kind| answer.of(kind.mark) >= logs)
    })
}
