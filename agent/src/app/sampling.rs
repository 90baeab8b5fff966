//! Samplers on their intervals, each in a task of its own, the first time at once.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{as_ms, now_ms};
use crate::{
    config::{ProbeSettings, Settings},
    domain::{HostSample, Problem, SourceKey, TargetCheck},
    sample::{
        host::HostSampler,
        postgres::{ClusterReport, ClusterSampler},
        probe::Probe,
    },
};

/// What a sampler found.
pub(super) enum Sample {
    Host(HostSample, Vec<Problem>),
    Cluster(SourceKey, Box<ClusterReport>),
    Probe(TargetCheck),
    /// A part that cannot work at all.
    Trouble(Problem),
    /// What is wrong with a part; `None` when it works again.
    Standing(&'static str, Option<String>),
}

/// Starts all samplers. `last_closed_ms`: when the newest batch in the spool was closed.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    settings: &Settings,
    host: HostSampler,
    last_closed_ms: Option<i64>,
    out: &mpsc::Sender<Sample>,
    stop: &CancellationToken,
) {
    let (sample, database) = (settings.intervals.sample, settings.intervals.database);
    // The last sample that is part of a batch may be one interval older than the batch.
    let watched_until_ms = last_closed_ms.map(|ms| ms.saturating_sub(as_ms(database)));
    let until_stop = |stop: &CancellationToken| stop.clone().cancelled_owned();
    tasks.spawn(until(until_stop(stop), host_task(host, sample, out.clone())));
    for cluster in &settings.clusters {
        let sampler = ClusterSampler::new(cluster.clone(), watched_until_ms);
        let task = cluster_task(cluster.key.clone(), sampler, database, out.clone());
        tasks.spawn(until(until_stop(stop), task));
    }
    for probe in &settings.probes {
        tasks.spawn(until(until_stop(stop), probe_task(probe.clone(), sample, out.clone())));
    }
}

async fn until(stop: impl Future<Output = ()>, task: impl Future<Output = ()>) {
    tokio::select! {
        () = stop => {}
        () = task => {}
    }
}

async fn host_task(mut host: HostSampler, each: Duration, out: mpsc::Sender<Sample>) {
    let mut clock = clock(each);
    loop {
        clock.tick().await;
        // A sampler that panicked is gone, and has told so.
        let taken = spawn_blocking(move || {
            let taken = host.sample(now_ms());
            (host, taken)
        });
        let Ok((returned, (sample, problems))) = taken.await else { return };
        host = returned;
        if out.send(Sample::Host(sample, problems)).await.is_err() {
            return;
        }
    }
}

async fn cluster_task(
    key: SourceKey,
    mut sampler: ClusterSampler,
    each: Duration,
    out: mpsc::Sender<Sample>,
) {
    let mut clock = clock(each);
    loop {
        clock.tick().await;
        let report = Box::new(sampler.sample(now_ms()).await);
        if out.send(Sample::Cluster(key.clone(), report)).await.is_err() {
            return;
        }
    }
}

async fn probe_task(settings: ProbeSettings, each: Duration, out: mpsc::Sender<Sample>) {
    let subject = format!("probe.{}", settings.url);
    let probe = match Probe::new(settings) {
        Ok(probe) => probe,
        Err(error) => {
            let text = format!("the address cannot be probed ({error:#}); correct its settings");
            let problem = Problem { subject, text, since_ms: now_ms() };
            // A closed channel is an agent that stops.
            let _ = out.send(Sample::Trouble(problem)).await;
            return;
        }
    };
    let mut clock = clock(each);
    loop {
        clock.tick().await;
        if out.send(Sample::Probe(probe.check(now_ms()).await)).await.is_err() {
            return;
        }
    }
}

/// Ticks at once and then each `each`; a late tick does not bring others along.
fn clock(each: Duration) -> Interval {
    let mut clock = interval(each);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock
}
