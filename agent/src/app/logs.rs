//! Follows each log on a thread of its own: lines become entries, entries go to the window with the
//! position behind them. A full channel stops the reading; nothing is dropped.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use pantau_logs::{
    format::{Layout, LayoutKind},
    parse::Line,
    understand::LogStream,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{LogPlan, now_ms};
use crate::{
    config::LogSettings,
    domain::{Entry, Gap, SourceKey, SourcePosition},
    tail::{Backlog, Event, Follower, POLL_INTERVAL, Step, Watch, decode, is_pattern},
};

/// Entries in one message at most.
pub(super) const ENTRIES_MAX: usize = 128;
/// An unfinished entry without a further line for this long is complete.
const FINISH_AFTER_MS: i64 = 2_000;
/// Lines of a backlog between two looks at the clock.
const LINES_BY_CLOCK: u32 = 64;
/// A step that takes longer waits for a disk.
const HUNG_AFTER_MS: i64 = 30_000;
/// Between two looks whether one does.
const HUNG_POLL: Duration = Duration::from_secs(5);
/// A stopping agent waits this long for the thread of a log.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the start of a log waits for its server to tell `log_line_prefix`.
const PREFIX_TIMEOUT: Duration = Duration::from_secs(5);

/// `log_line_prefix` by cluster, as far as told.
pub(super) type Prefixes = HashMap<String, String>;

/// What a log's thread tells.
#[derive(Debug)]
pub(super) enum LogMessage {
    /// Entries of one file, in order.
    Entries {
        /// The file, as it is after the last entry.
        place: SourcePosition,
        entries: Vec<Entry>,
        redactions: Vec<(&'static str, u64)>,
    },
    /// A file is known up to here.
    Known(SourcePosition),
    /// Something is lost.
    Lost(Gap),
    /// What keeps the log from being read.
    Trouble(SourceKey, Option<String>),
}

/// Starts all logs.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    plans: Vec<LogPlan>,
    prefixes: watch::Receiver<Prefixes>,
    out: &mpsc::Sender<LogMessage>,
    stop: &CancellationToken,
) {
    for plan in plans {
        let (prefixes, out, stop) = (prefixes.clone(), out.clone(), stop.clone());
        tasks.spawn(async move {
            let layout = tokio::select! {
                layout = layout_of(&plan.settings, prefixes) => layout,
                () = stop.cancelled() => return,
            };
            follow(plan, layout, out, &stop).await;
        });
    }
}

async fn follow(
    plan: LogPlan,
    layout: Option<String>,
    out: mpsc::Sender<LogMessage>,
    stop: &CancellationToken,
) {
    let source = plan.settings.key.clone();
    let pulse = Arc::new(Pulse::default());
    let (path, waker_out) = (plan.settings.path.clone(), oneshot::channel());
    let reading = Reading::new(plan, layout, out.clone(), pulse.clone());
    let thread_stop = stop.clone();
    let (waker_in, waker) = waker_out;
    let mut thread = on_thread(move || {
        // A folder on a network file system may keep this waiting too.
        let watch = Watch::new(&path);
        // Who has stopped meanwhile needs no waking.
        let _ = waker_in.send(watch.waker());
        reading.run(&watch, &thread_stop);
    });
    let ended = tokio::select! {
        ended = &mut thread => ended,
        () = tell_of_hangs(&source, &pulse, &out) => return,
        () = stop.cancelled() => {
            if let Ok(Ok(waker)) = timeout(STOP_TIMEOUT, waker).await {
                waker.wake();
            }
            let Ok(ended) = timeout(STOP_TIMEOUT, thread).await else {
                // Nothing is lost: what it reads is not counted, and is read again.
                return tracing::warn!(%source, "its disk does not answer: it is not waited for");
            };
            ended
        }
    };
    if let Some(trouble) = failure(&ended) {
        // A closed channel is an agent that stops.
        let _ = out.send(LogMessage::Trouble(source, Some(trouble))).await;
    }
}

/// Runs on a thread that nothing waits for at the end of the program: a read from a dead network file
/// system may never return. Ends with an error when `work` panicked.
fn on_thread(work: impl FnOnce() + Send + 'static) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    let started = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        work();
        // Who waits no more does not need to know.
        let _ = done.send(());
    });
    if let Err(error) = started {
        // The receiver sees that the sender is gone.
        tracing::error!(%error, "no thread can be started for a log");
    }
    ended
}

/// What is told of a thread that panicked: else a log would be silent as if nothing happened in it.
fn failure(ended: &Result<(), oneshot::error::RecvError>) -> Option<String> {
    let text = "reading it has failed and stands still; restart the agent, which reads on from where it \
                was, and report the panic in its own log";
    ended.as_ref().err().map(|_| text.to_owned())
}

/// Whether the thread of a log waits for its disk.
#[derive(Default)]
struct Pulse {
    /// When the step under way began; zero between steps.
    step_since_ms: AtomicI64,
    /// It was told that it hangs.
    is_told: AtomicBool,
}

impl Pulse {
    fn is_hung(&self, now_ms: i64) -> bool {
        let since_ms = self.step_since_ms.load(Ordering::Relaxed);
        since_ms != 0 && now_ms.saturating_sub(since_ms) >= HUNG_AFTER_MS
    }
}

/// Tells when the thread of a log waits for its disk; the thread tells itself when that is over. Ends with
/// the channel.
async fn tell_of_hangs(source: &SourceKey, pulse: &Pulse, out: &mpsc::Sender<LogMessage>) {
    loop {
        sleep(HUNG_POLL).await;
        if !pulse.is_hung(now_ms()) || pulse.is_told.swap(true, Ordering::Relaxed) {
            continue;
        }
        let text = "reading it hangs: its disk, or the network file system that it lies on, does not \
                    answer; reading goes on by itself when it does";
        if out.send(LogMessage::Trouble(source.clone(), Some(text.to_owned()))).await.is_err() {
            return;
        }
    }
}

/// The layout of the settings, else what the server tells in time.
async fn layout_of(log: &LogSettings, mut prefixes: watch::Receiver<Prefixes>) -> Option<String> {
    if log.format.layout.is_some() || log.format.format.layout != Some(LayoutKind::Prefix) {
        return log.format.layout.clone();
    }
    let cluster = log.format.cluster.clone()?;
    let told = prefixes.wait_for(|prefixes| prefixes.contains_key(&*cluster));
    let told = timeout(PREFIX_TIMEOUT, told).await.ok()?.ok()?;
    told.get(&*cluster).cloned()
}

/// One log on its thread.
struct Reading {
    settings: LogSettings,
    layout: Option<String>,
    not_before_ms: Option<i64>,
    follower: Follower,
    /// By number; a log that is no pattern has one.
    lanes: Vec<Lane>,
    out: mpsc::Sender<LogMessage>,
    pulse: Arc<Pulse>,
    /// Told last: told again after a hang, which is told of under the same name.
    trouble: Option<String>,
    backlog: Backlog,
    decoded: String,
    now_ms: i64,
    /// Lines since the clock was looked at.
    lines: u32,
}

/// What is understood of one file after the other.
struct Lane {
    stream: LogStream,
    entries: Vec<Entry>,
    /// When the last line came, while an entry may be unfinished.
    unfinished_since_ms: Option<i64>,
}

/// The window is gone: the thread ends.
struct Closed;

impl Reading {
    fn new(
        plan: LogPlan,
        layout: Option<String>,
        out: mpsc::Sender<LogMessage>,
        pulse: Arc<Pulse>,
    ) -> Reading {
        let LogPlan { settings, progress, start } = plan;
        Reading {
            not_before_ms: progress.not_before_ms,
            follower: Follower::new(settings.path.clone(), progress, start),
            settings,
            layout,
            lanes: Vec::new(),
            out,
            pulse,
            trouble: None,
            backlog: Backlog::default(),
            decoded: String::new(),
            now_ms: 0,
            lines: 0,
        }
    }

    /// Reads until `stop`. What is unfinished then is read again at the next start.
    fn run(mut self, watch: &Watch, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.step() {
                Ok(true) => {}
                Ok(false) => watch.wait(POLL_INTERVAL),
                Err(Closed) => return,
            }
        }
    }

    /// One step; false when there is nothing to read now.
    fn step(&mut self) -> Result<bool, Closed> {
        if self.lines.is_multiple_of(LINES_BY_CLOCK) {
            (self.now_ms, self.lines) = (now_ms(), 0);
        }
        self.pulse.step_since_ms.store(self.now_ms, Ordering::Relaxed);
        let step = self.follower.step(self.now_ms);
        self.pulse.step_since_ms.store(0, Ordering::Relaxed);
        match step {
            Step::Line { lane, bytes, end } => {
                self.lines += 1;
                let line = decode(self.settings.encoding, bytes, &mut self.decoded);
                if let Some(lane) = self.lanes.get_mut(lane) {
                    lane.line(line, end, self.now_ms);
                }
                self.after_line(lane)?;
            }
            Step::Event(event) => {
                self.lines = 0;
                self.event(event)?;
            }
            Step::Idle => {
                self.lines = 0;
                self.idle()?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn after_line(&mut self, lane: usize) -> Result<(), Closed> {
        if self.lanes.get(lane).is_some_and(|lane| lane.entries.len() >= ENTRIES_MAX) {
            self.flush(lane)?;
            self.tell_backlog();
        }
        self.tell_after_hang()
    }

    fn idle(&mut self) -> Result<(), Closed> {
        for number in 0..self.lanes.len() {
            if let Some(lane) = self.lanes.get_mut(number) {
                lane.finish_when_due(self.now_ms);
            }
            self.flush(number)?;
        }
        self.tell_backlog();
        self.tell_after_hang()
    }

    fn event(&mut self, event: Event) -> Result<(), Closed> {
        let lane = self.follower.lane();
        match event {
            Event::Opened(position) => {
                self.open_lane(lane);
                self.send(LogMessage::Known(position))?;
            }
            Event::Left(position) => {
                self.lanes.get_mut(lane).into_iter().for_each(Lane::finish);
                self.flush(lane)?;
                self.send(LogMessage::Known(position))?;
            }
            Event::Settled(position) => self.send(LogMessage::Known(position))?,
            Event::Gap(gap) => self.send(LogMessage::Lost(gap))?,
            Event::Trouble(text) => {
                self.trouble.clone_from(&text);
                self.send(LogMessage::Trouble(self.settings.key.clone(), text))?;
            }
            Event::Passing => self.tell_backlog(),
        }
        self.tell_after_hang()
    }

    /// The files of a plain log are one sequence, in which a line's date may be that of the file before;
    /// those of a pattern are not.
    fn open_lane(&mut self, number: usize) {
        let is_sequence = !is_pattern(&self.settings.path);
        while self.lanes.len() <= number {
            let lane = self.lane();
            self.lanes.push(lane);
        }
        let fresh = self.lane();
        if let Some(lane) = self.lanes.get_mut(number).filter(|_| !is_sequence) {
            *lane = fresh;
        }
    }

    fn lane(&self) -> Lane {
        let LogSettings { format, zone, .. } = &self.settings;
        let layout = Layout { text: self.layout.clone(), zone: zone.clone() };
        let cluster = format.cluster.as_deref().unwrap_or_default();
        let stream = LogStream::new(format.format, &layout, cluster, self.not_before_ms);
        Lane { stream, entries: Vec::new(), unfinished_since_ms: None }
    }

    /// Hands the entries of a lane on, with the position after the last of them.
    fn flush(&mut self, number: usize) -> Result<(), Closed> {
        let Some(lane) = self.lanes.get_mut(number) else { return Ok(()) };
        let Some(end) = lane.entries.last().map(|entry| entry.end) else { return Ok(()) };
        let Some(place) = self.follower.place_at(number, end) else { return Ok(()) };
        let entries = std::mem::take(&mut lane.entries);
        let redactions = lane.stream.take_redactions();
        self.send(LogMessage::Entries { place, entries, redactions })
    }

    fn tell_backlog(&mut self) {
        if let Some(line) = self.backlog.line(self.follower.unread_bytes(), self.now_ms) {
            tracing::info!(source = %self.settings.key, "{line}");
        }
    }

    fn tell_after_hang(&self) -> Result<(), Closed> {
        // Looked at first: an exchange for each line would be felt.
        if !self.pulse.is_told.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.pulse.is_told.store(false, Ordering::Relaxed);
        self.send(LogMessage::Trouble(self.settings.key.clone(), self.trouble.clone()))
    }

    fn send(&self, message: LogMessage) -> Result<(), Closed> {
        self.out.blocking_send(message).map_err(|_| Closed)
    }
}

impl Lane {
    fn line(&mut self, line: &[u8], end: u64, now_ms: i64) {
        self.unfinished_since_ms = Some(now_ms);
        let line = Line { bytes: line, end, now_ms };
        self.stream.line(line, |entry| entry.add_to(&mut self.entries));
    }

    fn finish(&mut self) {
        self.unfinished_since_ms = None;
        self.stream.finish(|entry| entry.add_to(&mut self.entries));
    }

    /// A clock set back makes it due.
    fn finish_when_due(&mut self, now_ms: i64) {
        let waits = |since_ms: i64| (since_ms..since_ms + FINISH_AFTER_MS).contains(&now_ms);
        if self.unfinished_since_ms.is_some_and(|since_ms| !waits(since_ms)) {
            self.finish();
        }
    }
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
