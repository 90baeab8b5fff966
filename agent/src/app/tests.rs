use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use proptest::prelude::*;

use super::*;
use crate::{
    config::{Collector, Intervals, Names, SpoolSettings, Start},
    domain::{Entry, SourcePosition},
    spool::{self, Draft, Resume},
    tail::{Event, Follower, Step},
    window::{
        Window,
        samples::{error_entry, totals},
    },
};

/// Kinds of error that the written log holds.
const KINDS: u64 = 5;

fn spool_settings(dir: &Path) -> SpoolSettings {
    SpoolSettings {
        dir: dir.join("spool"),
        bytes_max: 64 << 20,
        grace: Duration::from_secs(86_400),
    }
}

fn settings(dir: &Path, collector: std::net::SocketAddr) -> Settings {
    Settings {
        names: Names::default(),
        sample: true,
        zone: jiff::tz::TimeZone::UTC,
        state_dir: dir.to_owned(),
        collector: Collector { address: Some(collector.into()), ..Collector::default() },
        spool: spool_settings(dir),
        intervals: Intervals {
            sample: Duration::from_secs(15),
            batch: Duration::from_secs(60),
            database: Duration::from_secs(60),
        },
        logs: Vec::new(),
        clusters: Vec::new(),
        probes: Vec::new(),
    }
}

/// One life of the agent, from the spool's positions to a crash: what is not in the spool then is gone.
struct Life {
    spool: Spool,
    window: Window,
    follower: Follower,
    /// As a parser does: an entry is complete when the next one begins.
    unfinished: Option<(Entry, SourcePosition)>,
}

impl Life {
    fn begin(dir: &Path, counted: &mut HashMap<u64, HashMap<u64, u64>>) -> Life {
        let Opened { spool, resume, gaps, .. } =
            Spool::open(&spool_settings(dir), condense, 0).unwrap();
        let progress = resume.progress;
        assert!(gaps.is_empty());
        counted.retain(|seq, _| *seq <= spool.highest_seq());
        let start = progress.is_empty().then_some(Start::Beginning);
        let first =
            || first_progress(&"play".into(), Start::Beginning, &jiff::tz::TimeZone::UTC, 0);
        let progress = progress.into_iter().next().unwrap_or_else(first);
        Life {
            spool,
            window: Window::new(vec![progress.clone()], 15_000),
            follower: Follower::new(dir.join("app.log"), progress, start),
            unfinished: None,
        }
    }

    fn read(&mut self, steps: usize, later_ms: i64) {
        for _ in 0..steps {
            let line = match self.follower.step(now_ms() + later_ms) {
                Step::Line { bytes, end, .. } => Some((bytes.to_vec(), end)),
                Step::Event(event) => {
                    self.event(event);
                    None
                }
                Step::Idle => return,
            };
            if let Some((bytes, end)) = line {
                let kind = String::from_utf8(bytes).unwrap().len() as u64 % KINDS;
                let place = self.follower.place_at(self.follower.lane(), end).unwrap();
                let entry = error_entry(kind, now_ms(), end);
                let complete = self.unfinished.replace((entry, place));
                self.count(complete);
            }
        }
    }

    fn event(&mut self, event: Event) {
        if let Event::Opened(position) = event {
            self.finish();
            self.window.note(position);
        }
    }

    fn finish(&mut self) {
        let unfinished = self.unfinished.take();
        self.count(unfinished);
    }

    fn count(&mut self, entry: Option<(Entry, SourcePosition)>) {
        if let Some((entry, place)) = entry {
            self.window.count(&place, vec![entry], now_ms());
        }
    }

    /// Closes the window; `counted` is what a collector would have of each batch.
    fn close(&mut self, counted: &mut HashMap<u64, HashMap<u64, u64>>) {
        let closed_ms = now_ms();
        let closed = self.window.content(closed_ms);
        let draft = Draft {
            first_minute: closed.first_minute,
            last_minute: closed.last_minute,
            closed_ms,
            resume: Resume { progress: closed.progress, open: closed.open },
        };
        let encode = |names: &mut spool::Names| ship::encode(&closed.content, closed_ms, names);
        let seq = self.spool.append(&draft, encode, closed_ms).unwrap();
        counted.insert(seq, totals(&closed.content));
        self.window.reset(closed_ms);
    }
}

#[derive(Clone, Debug)]
enum Act {
    Write(u8),
    WritePart,
    Read(u8),
    Close,
    Rotate,
    Crash,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (1u8..30).prop_map(Act::Write),
        1 => Just(Act::WritePart),
        3 => (1u8..40).prop_map(Act::Read),
        2 => Just(Act::Close),
        1 => Just(Act::Rotate),
        2 => Just(Act::Crash),
    ];
    proptest::collection::vec(act, 1..60)
}

/// Writes a log whose lines name their kind by their length, and knows how many there are of each.
#[derive(Default)]
struct Writer {
    written: HashMap<u64, u64>,
    lines: u64,
    rotations: u64,
}

impl Writer {
    fn write(&mut self, dir: &Path, is_whole: bool) {
        let text =
            format!("{:08} an error{}", self.lines, "!".repeat(self.lines as usize * 7 % 11));
        self.lines += 1;
        *self.written.entry(text.len() as u64 % KINDS).or_default() += 1;
        let mut log =
            OpenOptions::new().create(true).append(true).open(dir.join("app.log")).unwrap();
        log.write_all(text.as_bytes()).unwrap();
        if is_whole {
            log.write_all(b"\n").unwrap();
        }
    }

    fn end_line(&self, dir: &Path) {
        if let Ok(mut log) = OpenOptions::new().append(true).open(dir.join("app.log")) {
            log.write_all(b"\n").unwrap();
        }
    }

    fn rotate(&mut self, dir: &Path) {
        self.rotations += 1;
        let rotated = dir.join(format!("app.log.{}", self.rotations));
        if fs::rename(dir.join("app.log"), &rotated).is_ok() {
            let age = Duration::from_secs(10_000 - self.rotations);
            let file = OpenOptions::new().write(true).open(rotated).unwrap();
            file.set_modified(std::time::SystemTime::now() - age).unwrap();
        }
    }
}

proptest! {
    // Each case syncs many files: fewer than proptest's 256, which would take half a minute.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The agent is killed at any point between reading, counting and writing down.
    #[test]
    fn crashes_at_any_point_leave_every_line_counted_exactly_once(acts in acts()) {
        let dir = tempfile::tempdir().unwrap();
        let mut counted = HashMap::new();
        let mut writer = Writer::default();
        let mut is_partial = false;
        let mut life = Life::begin(dir.path(), &mut counted);
        for act in acts {
            let goes_on = matches!(act, Act::Write(_) | Act::WritePart | Act::Rotate);
            if goes_on && std::mem::take(&mut is_partial) {
                writer.end_line(dir.path());
            }
            match act {
                Act::Write(lines) => (0..lines).for_each(|_| writer.write(dir.path(), true)),
                Act::WritePart => {
                    writer.write(dir.path(), false);
                    is_partial = true;
                }
                Act::Read(steps) => life.read(steps.into(), 0),
                Act::Close => life.close(&mut counted),
                Act::Rotate => writer.rotate(dir.path()),
                Act::Crash => {
                    drop(life);
                    life = Life::begin(dir.path(), &mut counted);
                }
            }
        }
        if is_partial {
            writer.end_line(dir.path());
        }
        (1..6).for_each(|seconds| life.read(10_000, seconds * 1_000));
        life.finish();
        life.close(&mut counted);
        let mut sums: HashMap<u64, u64> = HashMap::new();
        for (kind, count) in counted.values().flatten() {
            *sums.entry(*kind).or_default() += count;
        }
        prop_assert_eq!(sums, writer.written);
    }
}

/// A port nobody listens on.
fn closed_port() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_whose_collector_is_down_spools_its_last_window_when_it_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    crate::identity::samples::enrol_into(dir.path());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run(settings(dir.path(), closed_port()), shutdown.clone()));
    while !dir.path().join("spool/00000001.seg").exists() {
        sleep(Duration::from_millis(10)).await;
    }
    shutdown.cancel();
    running.await.unwrap().unwrap();
    let spool = Spool::open(&spool_settings(dir.path()), condense, 0).unwrap().spool;
    assert_eq!(spool.unsettled(0, 10), [1]);
}

#[tokio::test]
async fn an_agent_without_a_spool_does_not_start_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    crate::identity::samples::enrol_into(dir.path());
    fs::write(dir.path().join("spool"), "a file").unwrap();
    let refused = run(settings(dir.path(), closed_port()), CancellationToken::new()).await;
    assert!(format!("{:#}", refused.unwrap_err()).contains("let the agent's user write there"));
}

#[tokio::test]
async fn an_agent_that_is_not_enrolled_does_not_start_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let refused = run(settings(dir.path(), closed_port()), CancellationToken::new()).await;
    let error = refused.unwrap_err();
    assert!(error.is::<crate::identity::NotReady>(), "{error:#}");
    assert!(error.to_string().contains("pantau-agent enroll --collector"), "{error:#}");
    assert!(!dir.path().join("spool").exists());
}
