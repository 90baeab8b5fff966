//! The task that owns the window: takes what logs and samplers bring, closes batches, keeps the newest
//! state.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, watch},
    task::spawn_blocking,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    as_ms,
    live::Live,
    logs::{LogMessage, Prefixes},
    now_ms, restored,
    sampling::Sample,
    statements, with_spool,
};
use crate::{
    config::Settings,
    domain::{
        DatabaseFacts, Gap, GapReason, HostSample, Problem, QueryGroup, SourceKey, SourcePosition,
        SourceProgress, State, Target, TargetCheck,
    },
    sample::postgres::ClusterReport,
    ship::{self, LinkEvent, Meter},
    spool::{Draft, Names, News, Parting, Resume, Spool},
    window::{Closed, Window},
};

/// The first batch closes this soon, so that a newcomer sees data within a minute.
const FIRST_BATCH_AFTER: Duration = Duration::from_secs(10);
/// Between two attempts to write a batch that the spool does not take.
const SPOOL_RETRY: Duration = Duration::from_secs(10);

/// How an epoch ends.
#[derive(Debug)]
pub(super) enum Outcome {
    Shutdown,
    /// The spool is a copy of an older state of itself, and these logs went on since: what this run has
    /// counted of them was counted before.
    Restored(Vec<SourcePosition>),
}

/// What the core is made of.
pub(super) struct Parts {
    pub(super) settings: Settings,
    pub(super) hostname: String,
    pub(super) progress: Vec<SourceProgress>,
    /// Sketches of the quarter of an hour that was open, and the queries they may be of.
    pub(super) open: (Vec<u8>, Vec<Arc<QueryGroup>>),
    pub(super) spool: Arc<Mutex<Spool>>,
    /// Tells the link that there is something to send.
    pub(super) spooled: Arc<Notify>,
    pub(super) live: Live,
    /// Counts the bytes of the day.
    pub(super) meter: Arc<Meter>,
    pub(super) prefixes: watch::Sender<Prefixes>,
}

/// What comes in.
pub(super) struct Inputs {
    pub(super) samples: mpsc::Receiver<Sample>,
    pub(super) log_messages: mpsc::Receiver<LogMessage>,
    pub(super) link_events: mpsc::Receiver<LinkEvent>,
}

/// See the module.
pub(super) struct Core {
    parts: Parts,
    window: Window,
    /// The spool takes nothing: logs wait at their files.
    blocked: bool,
    close_at: Instant,
    /// The first batch does not wait: a newcomer sees data within a minute.
    has_closed: bool,
    /// A quiet window was left open for another interval.
    has_waited: bool,
}

/// Says once in the agent's own log what a gap means. A view that was not watched for a while is nobody's
/// fault and happens at every restart.
fn tell(gap: &Gap) {
    let Gap { source, from_ms, to_ms, reason, detail, amount } = gap;
    let (from, to) = (time_of(*from_ms), time_of(*to_ms));
    match reason {
        GapReason::BaselineLost => tracing::info!(source, "from {from} to {to}: {detail}"),
        _ => tracing::warn!(source, amount, "lost, from {from} to {to}: {detail}"),
    }
}

fn time_of(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

impl Core {
    pub(super) fn new(parts: Parts) -> Core {
        let mut window =
            Window::new(parts.progress.clone(), as_ms(parts.settings.intervals.sample));
        let (open, queries) = &parts.open;
        window.resume(open, queries, now_ms());
        let first = FIRST_BATCH_AFTER.min(parts.settings.intervals.batch);
        Core {
            parts,
            window,
            blocked: false,
            close_at: Instant::now() + first,
            has_closed: false,
            has_waited: false,
        }
    }

    /// Declares what was lost, in the next batch.
    pub(super) fn declare(&mut self, gap: Gap) {
        tell(&gap);
        self.window.add_gap(gap);
    }

    /// Takes what comes until shutdown, or until the epoch is over.
    pub(super) async fn run(&mut self, inputs: Inputs, shutdown: &CancellationToken) -> Outcome {
        let Inputs { mut samples, mut log_messages, mut link_events } = inputs;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Outcome::Shutdown,
                Some(sample) = samples.recv() => self.sample(sample).await,
                Some(message) = log_messages.recv(), if !self.blocked => self.log(message).await,
                Some(event) = link_events.recv() => match event {
                    LinkEvent::Restored { positions, all_right } => {
                        let ruling = self.judge_logs(positions).await;
                        if let Some(held) = ruling {
                            return Outcome::Restored(held);
                        }
                        tracing::warn!("spool and logs are not those that the collector knows, or of an older copy of this machine; what is read now is new, and is sent");
                        self.declare_before_new().await;
                        // A link that is gone asks again.
                        let _ = all_right.send(());
                    }
                    LinkEvent::Trouble(text) => self.trouble("collector", text),
                },
                () = sleep_until(self.close_at) => self.close_unless_quiet().await,
            }
        }
    }

    /// Where logs have gone on to without this spool; `None` when what was counted here is new.
    async fn judge_logs(&self, positions: Vec<SourcePosition>) -> Option<Vec<SourcePosition>> {
        // Without it every position counts: what is dropped then is read again.
        let parting = with_spool(&self.parts.spool, |spool| spool.parting()).await;
        let Parting { progress, shares_numbers } =
            parting.ok().and_then(Result::ok).unwrap_or_default();
        let moved = restored::beyond(&progress, positions);
        // Looking at files may take a while. A look that panicked has found nothing.
        let held = spawn_blocking(move || restored::held(moved)).await.unwrap_or_default();
        (shares_numbers || !held.is_empty()).then_some(held)
    }

    /// A new spool took the place of another.
    async fn declare_before_new(&mut self) {
        if with_spool(&self.parts.spool, |spool| spool.is_new()).await.unwrap_or(false) {
            self.declare(restored::gap_before_new(now_ms()));
        }
    }

    async fn log(&mut self, message: LogMessage) {
        match message {
            LogMessage::Entries { place, entries, redactions } => {
                self.window.count(&place, entries, now_ms());
                self.window.add_redactions(redactions);
                if self.window.is_full() {
                    self.close().await;
                }
            }
            LogMessage::Known(position) => self.window.note(position),
            LogMessage::Lost(gap) => self.declare(gap),
            LogMessage::Trouble(source, text) => self.trouble(&format!("log.{source}"), text),
        }
    }

    async fn sample(&mut self, sample: Sample) {
        match sample {
            Sample::Host(sample, problems) => {
                self.parts.live.set_problems("host", problems);
                self.refresh_backlog().await;
                self.parts.live.set_traffic(self.parts.meter.today());
                self.host(sample)
            }
            Sample::Cluster(key, report) => self.cluster(&key, *report),
            Sample::Probe(check) => self.window.observer.check(check),
            Sample::Trouble(problem) => {
                self.parts.live.set_problems(&problem.subject.clone(), vec![problem]);
            }
            Sample::Standing(subject, text) => self.trouble(subject, text),
        }
        self.publish();
    }

    /// A sampled host is a machine that runs: the agent itself is the evidence.
    fn host(&mut self, sample: HostSample) {
        let at_ms = now_ms();
        self.window.add_host(&sample, at_ms);
        self.parts.live.set_host(sample);
        self.window.observer.check(TargetCheck {
            target: Target::Server,
            state: State::Up,
            reason: String::new(),
            latency_ms: 0,
            subject: self.parts.hostname.clone(),
            at_ms,
        });
    }

    fn cluster(&mut self, key: &SourceKey, report: ClusterReport) {
        let ClusterReport { check, samples, facts, statements, gaps, problems } = report;
        let now_ms = now_ms();
        self.parts.live.set_problems(&format!("cluster.{key}"), problems);
        self.parts.live.set_databases(&samples);
        self.window.add_databases(samples, now_ms);
        self.window.add_queries(statements::name(key, statements), now_ms);
        gaps.into_iter().for_each(|gap| self.declare(gap));
        if let Some(facts) = facts {
            self.facts(facts);
        }
        let each_ms = as_ms(self.parts.settings.intervals.database);
        match check {
            Some(check) => self.window.observer.check_each(check, each_ms),
            None => self.window.observer.cannot_tell(Target::Database, key),
        }
    }

    fn facts(&mut self, facts: DatabaseFacts) {
        let (cluster, prefix) = (facts.cluster.clone(), facts.log_line_prefix.clone());
        self.parts.prefixes.send_modify(|prefixes| {
            prefixes.insert(cluster, prefix);
        });
        self.window.set_facts(facts);
    }

    /// A window without anything of a log waits once for the next interval: an idle server's samples travel
    /// two minutes at a time.
    async fn close_unless_quiet(&mut self) {
        if !self.has_waited && self.has_closed && !self.blocked && self.window.is_quiet() {
            self.has_waited = true;
            self.close_at = Instant::now() + self.parts.settings.intervals.batch;
            return;
        }
        self.close().await;
    }

    /// Closes the window into a batch on disk. When the disk does not take it, the window stays open,
    /// logs wait at their files, and it is tried again.
    pub(super) async fn close(&mut self) {
        let now_ms = now_ms();
        match self.write(self.window.content(now_ms), now_ms).await {
            Ok(news) => {
                self.window.reset(now_ms);
                news.gaps.into_iter().for_each(|gap| self.declare(gap));
                (self.blocked, self.has_waited, self.has_closed) = (false, false, true);
                self.close_at = Instant::now() + self.parts.settings.intervals.batch;
                self.trouble("spool", None);
                self.parts.spooled.notify_one();
            }
            Err(error) => {
                self.blocked = true;
                self.close_at = Instant::now() + SPOOL_RETRY;
                self.trouble("spool", Some(format!("{error:#}")));
            }
        }
    }

    async fn write(&self, closed: Closed, now_ms: i64) -> anyhow::Result<News> {
        let append = move |spool: &mut Spool| -> anyhow::Result<News> {
            let draft = Draft {
                first_minute: closed.first_minute,
                last_minute: closed.last_minute,
                closed_ms: now_ms,
                resume: Resume { progress: closed.progress, open: closed.open },
            };
            let encode = |names: &mut Names| ship::encode(&closed.content, now_ms, names);
            let seq = spool.append(&draft, encode, now_ms)?;
            tracing::debug!(seq, "batch closed");
            Ok(spool.take_news())
        };
        with_spool(&self.parts.spool, append).await?
    }

    async fn refresh_backlog(&mut self) {
        let look = |spool: &mut Spool| (spool.backlog(), spool.take_news());
        if let Ok((backlog, news)) = with_spool(&self.parts.spool, look).await {
            self.parts.live.set_backlog(backlog);
            news.gaps.into_iter().for_each(|gap| self.declare(gap));
        }
    }

    fn trouble(&mut self, subject: &str, text: Option<String>) {
        let problem = |text| Problem { subject: subject.to_owned(), text, since_ms: now_ms() };
        self.parts.live.set_problems(subject, text.into_iter().map(problem).collect());
        self.publish();
    }

    fn publish(&self) {
        let now_ms = now_ms();
        self.parts.live.publish(self.window.observer.targets(now_ms), now_ms);
    }
}
