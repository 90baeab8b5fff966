//! Joins the stages: channels, tasks, shutdown.
//!
//! One task owns the window; everything reaches it by bounded channels. Logs are followed by a thread
//! each: when the window cannot be written down, their channel is not read, so they wait at the files.
//!
//! A collector that is away fills the spool up to its limit, then the window, whose limits stand in
//! [`crate::window`]; nothing else grows. What a restart or a restored machine can lose stands under
//! "Known limits" in [`crate::spool`].

mod core;
mod live;
mod logs;
mod restored;
mod sampling;
mod statements;
mod transport;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use self::core::{Core, Outcome};
use crate::{
    config::Settings,
    domain::{Gap, HostFacts, SourceProgress},
    sample::host::HostSampler,
    ship::{self, Link, LinkParts, condense},
    spool::{Dropped, Opened, Spool, machine_id},
    tail::first_progress,
};
use transport::Transport;

/// Messages of the logs that wait for the window; each holds at most [`logs::ENTRIES_MAX`] entries.
const LOG_MESSAGES_MAX: usize = 16;
/// Samples that wait for the window.
const SAMPLES_MAX: usize = 64;
/// Events of the link that wait.
const LINK_EVENTS_MAX: usize = 16;
/// How long a stopping agent waits for its last batch to be acknowledged.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two looks whether it is.
const FLUSH_POLL: Duration = Duration::from_millis(50);

/// Runs the agent until `shutdown`, then closes the window, spools it, and gives it three seconds to be
/// delivered. Whatever fails outside is told and goes on; a collector that is down is waited for.
///
/// Errors: the spool cannot be used, or this server is not enrolled ([`crate::identity::NotReady`]).
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let transport = Transport::open(&settings).await?;
    let spool_settings = settings.spool.clone();
    let Opened { spool, resume, mut gaps, progress_lost } =
        spawn_blocking(move || Spool::open(&spool_settings, condense, now_ms())).await??;
    let mut logs = plan_logs(&settings, resume.progress, progress_lost);
    let mut open = resume.open;
    let spool = Arc::new(Mutex::new(spool));
    while let Outcome::Restored(held) = run_stages(
        &settings,
        &transport,
        &spool,
        (logs, open),
        std::mem::take(&mut gaps),
        &shutdown,
    )
    .await?
    {
        let drop_run = || restored::drop_run(spool.clone());
        let dropped = restored::until_done(drop_run, &shutdown).await?;
        let Some(Dropped { resume, is_new, .. }) = dropped else { break };
        gaps.extend(is_new.then(|| restored::gap_before_new(now_ms())));
        let progress = restored::resumed(resume.progress, held);
        // A new spool has no positions that could have been lost: a log that was not counted before begins
        // where its settings say.
        logs = plan_logs(&settings, progress, !is_new);
        // The collector has the durations of that quarter, or never will: they are part of the gap.
        open = Vec::new();
    }
    transport.save().await;
    Ok(())
}

/// A log and from where it is followed.
#[derive(Clone)]
struct LogPlan {
    settings: crate::config::LogSettings,
    progress: SourceProgress,
    /// `Some` for a log never seen before.
    start: Option<crate::config::Start>,
}

fn plan_logs(settings: &Settings, known: Vec<SourceProgress>, lost: bool) -> Vec<LogPlan> {
    let plan = |log: &crate::config::LogSettings| {
        let progress = known.iter().find(|progress| progress.source == log.key).cloned();
        // Positions that were lost: what is there may have been counted.
        let start = if lost { crate::config::Start::End } else { log.start };
        let first = || first_progress(&log.key, start, &log.zone, now_ms());
        LogPlan {
            settings: log.clone(),
            start: progress.is_none().then_some(start),
            progress: progress.unwrap_or_else(first),
        }
    };
    settings.logs.iter().map(plan).collect()
}

/// Runs until shutdown, or until the collector shows that this run has counted again what it has.
async fn run_stages(
    settings: &Settings,
    transport: &Transport,
    spool: &Arc<Mutex<Spool>>,
    (logs, open): (Vec<LogPlan>, Vec<u8>),
    gaps: Vec<Gap>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Outcome> {
    let Stages { mut core, inputs, feeders, stop, link, link_stop } =
        start(settings, transport, spool, logs, open, shutdown).await?;
    gaps.into_iter().for_each(|gap| core.declare(gap));
    let outcome = core.run(inputs, shutdown).await;
    stop.cancel();
    if matches!(outcome, Outcome::Shutdown) {
        core.close().await;
        await_delivery(spool).await;
    }
    link_stop.cancel();
    feeders.join_all().await;
    link.await?;
    Ok(outcome)
}

/// All stages, joined: what feeds the core runs already.
struct Stages {
    core: Core,
    inputs: core::Inputs,
    /// Logs and samplers, until `stop`.
    feeders: JoinSet<()>,
    stop: CancellationToken,
    /// Until `link_stop`: it outlives the feeders, to deliver the last batch.
    link: JoinHandle<()>,
    link_stop: CancellationToken,
}

async fn start(
    settings: &Settings,
    transport: &Transport,
    spool: &Arc<Mutex<Spool>>,
    logs: Vec<LogPlan>,
    open: Vec<u8>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Stages> {
    let (samples_out, samples) = mpsc::channel(SAMPLES_MAX);
    let (logs_out, log_messages) = mpsc::channel(LOG_MESSAGES_MAX);
    let (events_out, link_events) = mpsc::channel(LINK_EVENTS_MAX);
    let (prefixes_out, prefixes) = watch::channel(logs::Prefixes::default());
    let (urgent, spooled) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (stop, link_stop) = (shutdown.child_token(), CancellationToken::new());
    let (live, live_state) = live::Live::new(urgent.clone());
    let host = start_host(settings.spool.dir.clone()).await?;
    let facts = host.facts();
    let last_closed_ms = with_spool(spool, |spool| spool.last_closed_ms()).await?;
    // What cannot be read now is lost with the sketches that need it, which is declared.
    let known = with_spool(spool, |spool| spool.definitions()).await?.unwrap_or_default();
    let core = Core::new(core::Parts {
        settings: settings.clone(),
        hostname: facts.hostname.clone(),
        progress: logs.iter().map(|log| log.progress.clone()).collect(),
        open: (open, ship::queries(&known)),
        spool: spool.clone(),
        spooled: spooled.clone(),
        live,
        meter: transport.meter.clone(),
        prefixes: prefixes_out,
    });
    let mut feeders = JoinSet::new();
    sampling::spawn(&mut feeders, settings, host, last_closed_ms, &samples_out, &stop);
    logs::spawn(&mut feeders, logs, prefixes, &logs_out, &stop);
    transport.spawn(&mut feeders, &samples_out, &stop);
    let link =
        start_link(transport, facts, spool.clone(), live_state, (urgent, spooled), events_out);
    let link = tokio::spawn(link.run(link_stop.clone()));
    let inputs = core::Inputs { samples, log_messages, link_events };
    Ok(Stages { core, inputs, feeders, stop, link, link_stop })
}

async fn start_host(dir: PathBuf) -> anyhow::Result<HostSampler> {
    spawn_blocking(move || HostSampler::new(&dir)).await.context("the host cannot be sampled")
}

fn start_link(
    transport: &Transport,
    facts: HostFacts,
    spool: Arc<Mutex<Spool>>,
    live: watch::Receiver<Arc<crate::domain::LiveState>>,
    (urgent, spooled): (Arc<Notify>, Arc<Notify>),
    events: mpsc::Sender<crate::ship::LinkEvent>,
) -> Link {
    let budget = transport.budget.clone();
    Link::new(LinkParts {
        identity: transport.identity(),
        machine_id: machine_id(),
        connector: transport.connector.clone(),
        facts,
        spool,
        live,
        urgent,
        spooled,
        events,
        allowance: Box::new(move || budget.allowance(now_ms())),
        draw: rand::random,
    })
}

/// Waits until everything is acknowledged, for a short while.
async fn await_delivery(spool: &Arc<Mutex<Spool>>) {
    let until = Instant::now() + FLUSH_TIMEOUT;
    while with_spool(spool, |spool| spool.backlog().0).await.unwrap_or(0) > 0 {
        if Instant::now() >= until {
            tracing::info!("not all batches are acknowledged; they are sent at the next start");
            return;
        }
        sleep(FLUSH_POLL).await;
    }
}

/// Works with the spool on a thread that may wait for the disk.
async fn with_spool<T: Send + 'static>(
    spool: &Arc<Mutex<Spool>>,
    work: impl FnOnce(&mut Spool) -> T + Send + 'static,
) -> anyhow::Result<T> {
    let spool = spool.clone();
    let task = move || work(&mut spool.lock().unwrap_or_else(PoisonError::into_inner));
    spawn_blocking(task).await.context("the spool does not answer")
}

fn as_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The wall clock, in UTC milliseconds since 1970.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
#[path = "app/tests.rs"]
mod tests;
