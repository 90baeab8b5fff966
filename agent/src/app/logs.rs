//! Follows each log on a thread of its own: lines become entries, entries go to the window with the
//! position behind them. A full channel stops the reading; nothing is dropped.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet, spawn_blocking},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{LogPlan, now_ms};
use crate::{
    config::{LogFormat, LogSettings},
    domain::{Entry, Gap, SourceKey, SourcePosition},
    tail::{Event, Follower, POLL_INTERVAL, Step, Watch},
    understand::LogStream,
};

/// Entries in one message at most.
pub(super) const ENTRIES_MAX: usize = 128;
/// An unfinished entry without a further line for this long is complete.
const FINISH_AFTER: Duration = Duration::from_secs(2);
/// How long the start of a log waits for its server to tell `log_line_prefix`.
const PREFIX_TIMEOUT: Duration = Duration::from_secs(5);

/// `log_line_prefix` by cluster, as far as told.
pub(super) type Prefixes = HashMap<String, String>;

/// What a log's thread tells.
#[derive(Debug)]
pub(super) enum LogMessage {
    /// Entries of one file, in order.
    Entries {
        /// The file; its offset is the one before the first entry.
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
            let asked = tokio::select! {
                prefix = prefix_of(&plan.settings, prefixes) => prefix,
                () = stop.cancelled() => return,
            };
            let watch = Watch::new(&plan.settings.path);
            let waker = watch.waker();
            let source = plan.settings.key.clone();
            let mut thread = spawn_blocking({
                let (out, stop) = (out.clone(), stop.clone());
                move || Reading::new(plan, asked, out).run(&watch, &stop)
            });
            let ended = tokio::select! {
                ended = &mut thread => ended,
                () = stop.cancelled() => {
                    waker.wake();
                    thread.await
                }
            };
            if let Some(trouble) = failure(&ended) {
                // A closed channel is an agent that stops.
                let _ = out.send(LogMessage::Trouble(source, Some(trouble))).await;
            }
        });
    }
}

/// What is told of a thread that panicked: else a log would be silent as if nothing happened in it.
fn failure(ended: &Result<(), JoinError>) -> Option<String> {
    let text = "reading it has failed and stands still; restart the agent, which reads on from where it \
                was, and report the panic in its own log";
    ended.as_ref().err().map(|_| text.to_owned())
}

/// The prefix of the settings, else what the server tells in time.
async fn prefix_of(log: &LogSettings, mut prefixes: watch::Receiver<Prefixes>) -> Option<String> {
    let LogFormat::PostgresStderr { cluster, prefix } = &log.format else { return None };
    if prefix.is_some() {
        return prefix.clone();
    }
    let told = prefixes.wait_for(|prefixes| prefixes.contains_key(&**cluster));
    let told = timeout(PREFIX_TIMEOUT, told).await.ok()?.ok()?;
    told.get(&**cluster).cloned()
}

/// One log on its thread.
pub(super) struct Reading {
    source: SourceKey,
    follower: Follower,
    stream: LogStream,
    out: mpsc::Sender<LogMessage>,
    entries: Vec<Entry>,
    place: Option<SourcePosition>,
    /// When the last line came, while an entry may be unfinished.
    unfinished_since: Option<Instant>,
}

/// The window is gone: the thread ends.
struct Closed;

impl Reading {
    pub(super) fn new(
        plan: LogPlan,
        prefix: Option<String>,
        out: mpsc::Sender<LogMessage>,
    ) -> Reading {
        let LogPlan { settings, progress, start } = plan;
        let not_before_ms = progress.not_before_ms;
        Reading {
            source: settings.key,
            stream: LogStream::new(
                &settings.format,
                prefix.as_deref(),
                settings.zone,
                not_before_ms,
            ),
            follower: Follower::new(settings.path, progress, start),
            out,
            entries: Vec::new(),
            place: None,
            unfinished_since: None,
        }
    }

    /// Reads until `stop`. What is unfinished then is read again at the next start.
    pub(super) fn run(mut self, watch: &Watch, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.step(FINISH_AFTER) {
                Ok(true) => {}
                Ok(false) => watch.wait(POLL_INTERVAL),
                Err(Closed) => return,
            }
        }
    }

    /// One step; false when there is nothing to read now.
    fn step(&mut self, finish_after: Duration) -> Result<bool, Closed> {
        let now_ms = now_ms();
        match self.follower.step(now_ms) {
            Step::Line { bytes, end } => {
                self.unfinished_since = Some(Instant::now());
                if let Some(entry) = self.stream.line(bytes, end, now_ms) {
                    entry.add_to(&mut self.entries);
                }
                if self.entries.len() >= ENTRIES_MAX {
                    self.flush(true)?;
                }
                Ok(true)
            }
            Step::Event(event) => self.event(event).map(|()| true),
            Step::Idle => {
                if self.unfinished_since.is_some_and(|since| since.elapsed() >= finish_after) {
                    self.finish();
                }
                self.flush(true).map(|()| false)
            }
        }
    }

    fn event(&mut self, event: Event) -> Result<(), Closed> {
        match event {
            Event::Opened(position) => {
                // What is unfinished belongs to the file before.
                self.finish();
                self.flush(false)?;
                self.place = Some(position.clone());
                self.send(LogMessage::Known(position))
            }
            Event::Settled(position) => self.send(LogMessage::Known(position)),
            Event::Gap(gap) => self.send(LogMessage::Lost(gap)),
            Event::Trouble(text) => self.send(LogMessage::Trouble(self.source.clone(), text)),
        }
    }

    fn finish(&mut self) {
        self.unfinished_since = None;
        self.entries.extend(self.stream.finish());
    }

    /// Hands the entries on. `is_same_file`: the follower still reads the file they are of, so that what
    /// it knows of that file's identity is the newest.
    fn flush(&mut self, is_same_file: bool) -> Result<(), Closed> {
        if self.entries.is_empty() {
            return Ok(());
        }
        if let Some(place) = self.follower.place().filter(|_| is_same_file) {
            self.place = Some(place);
        }
        let Some(place) = self.place.clone() else { return Ok(()) };
        let entries = std::mem::take(&mut self.entries);
        let redactions = self.stream.take_redactions();
        self.send(LogMessage::Entries { place, entries, redactions })
    }

    fn send(&self, message: LogMessage) -> Result<(), Closed> {
        self.out.blocking_send(message).map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_whose_thread_panicked_is_told_of() {
        let panicked = spawn_blocking(|| panic!("a fault of the program")).await;
        assert!(failure(&panicked).is_some_and(|text| text.contains("restart the agent")));
        assert_eq!(failure(&spawn_blocking(|| ()).await), None);
    }
}
