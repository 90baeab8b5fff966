//! Runs agent and collector through faults of every kind, seed after seed, and says whether a line was
//! lost, counted twice, or given away silently. `make torture` builds what it needs first.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Parser;
use pantau_tests::torture::{self, Outcome, Plan, Verdict};

/// Threads that serve one run: its proxy and its waits.
const THREADS_PER_RUN: usize = 1;

/// Puts agent and collector through faults and counts.
#[derive(Debug, Parser)]
struct Args {
    /// Runs, each with the seed after the one before
    #[arg(long, default_value_t = 1_000)]
    runs: u64,
    /// Seed of the first run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Runs at once; most of each is waiting
    #[arg(long, default_value_t = 6)]
    jobs: u64,
    /// Only runs about this, e.g. AgentKilled
    #[arg(long)]
    theme: Option<String>,
    /// Print the plans and run nothing
    #[arg(long)]
    plan: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.plan {
        seeds(&args).for_each(|seed| print!("{}", Plan::from_seed(seed)));
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    let tally = Tally::default();
    if let Err(error) = run_all(&args, &tally) {
        eprintln!("pantau-torture: {error:#}");
        return ExitCode::FAILURE;
    }
    tally.summary(began.elapsed())
}

fn seeds(args: &Args) -> impl Iterator<Item = u64> + Send + use<> {
    let theme = args.theme.clone();
    let is_wanted = move |seed: &u64| {
        theme.as_ref().is_none_or(|theme| format!("{:?}", Plan::from_seed(*seed).theme) == *theme)
    };
    (args.seed..).filter(is_wanted).take(args.runs as usize)
}

fn run_all(args: &Args, tally: &Tally) -> Result<()> {
    let seeds = Arc::new(Mutex::new(seeds(args)));
    let work = || -> Result<()> {
        loop {
            let seed = seeds.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(seed) = seed else { return Ok(()) };
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(THREADS_PER_RUN)
                .enable_all()
                .build()?;
            tally.note(&runtime.block_on(torture::run(Plan::from_seed(seed)))?);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..args.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })
}

/// What all runs came to.
#[derive(Default)]
struct Tally {
    exact: AtomicU64,
    declared: AtomicU64,
    entries: AtomicU64,
    busy_ms: AtomicU64,
    wrong: Mutex<Vec<String>>,
    skipped: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    fn note(&self, outcome: &Outcome) {
        let (seed, theme) = (outcome.plan.seed, outcome.plan.theme);
        self.entries.fetch_add(outcome.entries, Ordering::Relaxed);
        self.busy_ms.fetch_add(outcome.took.as_millis() as u64, Ordering::Relaxed);
        let told = match (&outcome.verdict, outcome.skipped()) {
            (Ok(Verdict::Exact), _) => {
                self.exact.fetch_add(1, Ordering::Relaxed);
                "exact".to_owned()
            }
            (Ok(Verdict::Declared(missing)), _) => {
                self.declared.fetch_add(1, Ordering::Relaxed);
                format!("{missing} destroyed and declared")
            }
            (_, Some(why)) => {
                let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
                *skipped.entry(why.clone()).or_default() += 1;
                format!("skipped: {why}")
            }
            _ => {
                let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
                wrong.push(format!("{theme:?} {seed}"));
                format!("WRONG\n{}", outcome.explain())
            }
        };
        let (entries, took) = (outcome.entries, outcome.took.as_secs_f32());
        println!("{seed:>6} {theme:?}: {entries} entries in {took:.1} s: {told}");
    }

    fn summary(&self, took: Duration) -> ExitCode {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        let (exact, declared) =
            (self.exact.load(Ordering::Relaxed), self.declared.load(Ordering::Relaxed));
        let runs = exact + declared + wrong.len() as u64 + skipped.values().sum::<u64>();
        let mean_s = self.busy_ms.load(Ordering::Relaxed) as f64 / 1e3 / runs.max(1) as f64;
        println!(
            "{runs} runs in {:.0} s ({mean_s:.1} s each), {} entries written: {exact} exact, \
             {declared} with destroyed lines declared, {} wrong",
            took.as_secs_f32(),
            self.entries.load(Ordering::Relaxed),
            wrong.len()
        );
        skipped.iter().for_each(|(why, times)| println!("skipped {times} times: {why}"));
        if wrong.is_empty() {
            return ExitCode::SUCCESS;
        }
        println!("wrong: {}", wrong.join(", "));
        ExitCode::FAILURE
    }
}
