//! The whole path of one log as the agent walks it: file, tail, understand, a channel between two threads,
//! window, closed each time it is full. Prints MB per CPU second (both threads, user and system).
//!
//! `cargo bench -p pantau-agent --profile dist --bench file_to_window -- play FILE` measures;
//! `… -- write play MB FILE` writes such a log. Kinds: play, play-errors, postgres.

use std::{
    env,
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, tz::TimeZone};
use pantau_agent::{
    config::Start,
    domain::{Entry, SourceKey, SourcePosition},
    tail::{Follower, Step, first_progress},
    window::Window,
};
use pantau_logs::{
    format::{Format, Layout},
    parse::{Line, journal, json_lines, log4j, plain, play, postgres, syslog, tomcat},
    understand::LogStream,
};
use tokio::sync::mpsc;

#[path = "../../logs/benches/logs/mod.rs"]
mod logs;

use logs::Kind;

/// As in the agent (`app/logs.rs`, `app.rs`).
const ENTRIES_MAX: usize = 128;
const LOG_MESSAGES_MAX: usize = 16;
const SAMPLE_INTERVAL_MS: i64 = 15_000;
/// Size of the log that is written and measured where no file is named.
const MB_DEFAULT: usize = 64;

/// Entries of one file, as they go to the window.
struct Entries {
    place: SourcePosition,
    entries: Vec<Entry>,
    redactions: Vec<(&'static str, u64)>,
}

/// What was counted, to be compared between runs.
#[derive(Debug, Default)]
struct Sum {
    lines: u64,
    errors: u64,
    calls: u64,
    batches: u64,
}

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let args: Vec<_> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["write", kind, mb, path] => write(kind_of(kind)?, mb.parse()?, Path::new(path)),
        [kind, path] => measure(kind_of(kind)?, Path::new(path)),
        [] => measure_all(),
        _ => bail!("expected: KIND FILE, or write KIND MB FILE"),
    }
}

fn kind_of(name: &str) -> Result<Kind> {
    Ok(match name {
        "play" => Kind::Play,
        "play-errors" => Kind::PlayErrors,
        "log4j" => Kind::Log4j,
        "tomcat" => Kind::Tomcat,
        "postgres" => Kind::PostgresStderr,
        "json" => Kind::Json,
        "syslog" => Kind::Syslog,
        "journal" => Kind::Journal,
        "plain" => Kind::Plain,
        _ => bail!(
            "{name:?} is no kind of log: play, play-errors, log4j, tomcat, postgres, json, syslog, journal, plain"
        ),
    })
}

fn measure_all() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for name in ["play", "play-errors", "log4j", "tomcat", "postgres"] {
        let path = folder.path().join(name);
        write(kind_of(name)?, MB_DEFAULT, &path)?;
        measure(kind_of(name)?, &path)?;
    }
    Ok(())
}

fn write(kind: Kind, mb: usize, path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    logs::write(kind, mb * 1_000_000, &mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

fn measure(kind: Kind, path: &Path) -> Result<()> {
    let bytes = fs::metadata(path)?.len();
    let (cpu_before, began) = (cpu_s()?, Instant::now());
    let (out, messages) = mpsc::channel(LOG_MESSAGES_MAX);
    let source = SourceKey::from("log");
    let zone = TimeZone::get("Asia/Jakarta")?;
    let progress = first_progress(&source, Start::Beginning, &zone, now_ms());
    let window = Window::new(vec![progress.clone()], SAMPLE_INTERVAL_MS);
    let follower = Follower::new(path.to_owned(), progress, Some(Start::Beginning));
    let stream = LogStream::new(format(kind), &Layout { text: None, zone }, "spse", None);
    let sum = std::thread::scope(|scope| {
        scope.spawn(|| read(follower, stream, out));
        count(window, messages)
    });
    let (cpu, wall) = (cpu_s()? - cpu_before, began.elapsed().as_secs_f64());
    let mb = bytes as f64 / 1e6;
    println!(
        "{kind:?}: {mb:.0} MB, {:.1} MB per CPU second ({cpu:.2} s), {:.1} MB/s, {sum:?}",
        mb / cpu,
        mb / wall
    );
    Ok(())
}

/// As the agent's thread of one log, to the end of the file.
fn read(mut follower: Follower, mut stream: LogStream, out: mpsc::Sender<Entries>) {
    let mut entries = Vec::new();
    let mut unfinished_since = None;
    loop {
        let now_ms = now_ms();
        let idle = match follower.step(now_ms) {
            Step::Line { bytes, end, .. } => {
                unfinished_since = Some(Instant::now());
                let line = Line { bytes, end, now_ms };
                stream.line(line, |entry| entry.add_to(&mut entries));
                false
            }
            Step::Event(_) => false,
            Step::Idle => true,
        };
        if idle && unfinished_since.is_some() {
            stream.finish(|entry| entry.add_to(&mut entries));
        }
        if entries.len() >= ENTRIES_MAX || idle {
            let end = entries.last().map_or(0, |entry| entry.end);
            let Some(place) = follower.place_at(follower.lane(), end) else { continue };
            let redactions = stream.take_redactions();
            let entries = std::mem::take(&mut entries);
            if out.blocking_send(Entries { place, entries, redactions }).is_err() || idle {
                return;
            }
        }
    }
}

fn count(mut window: Window, mut messages: mpsc::Receiver<Entries>) -> Sum {
    let mut sum = Sum::default();
    while let Some(Entries { place, entries, redactions }) = messages.blocking_recv() {
        window.count(&place, entries, now_ms());
        window.add_redactions(redactions);
        if window.is_full() {
            close(&mut window, &mut sum);
        }
    }
    close(&mut window, &mut sum);
    sum
}

fn close(window: &mut Window, sum: &mut Sum) {
    let closed_ms = now_ms();
    let content = window.content(closed_ms).content;
    window.reset(closed_ms);
    sum.batches += 1;
    sum.lines += content.fates.iter().map(|(_, fates)| fates.read).sum::<u64>();
    for minute in &content.minutes {
        sum.errors += minute.errors.iter().map(|(_, count)| count.count).sum::<u64>();
        sum.calls += minute.queries.iter().map(|(_, count)| count.calls).sum::<u64>();
    }
}

fn format(kind: Kind) -> &'static Format {
    match kind {
        Kind::Play | Kind::PlayErrors => &play::FORMAT,
        Kind::Log4j => &log4j::FORMAT,
        Kind::Tomcat => &tomcat::FORMAT,
        Kind::PostgresStderr => &postgres::stderr::FORMAT,
        Kind::Json => &json_lines::FORMAT,
        Kind::Syslog => &syslog::FORMAT,
        Kind::Journal => &journal::FORMAT,
        Kind::Plain => &plain::FORMAT,
    }
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// CPU time of this process, user and system; the kernel counts it in hundredths of a second.
fn cpu_s() -> Result<f64> {
    let stat = fs::read_to_string(PathBuf::from("/proc/self/stat"))?;
    let (_, after_name) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let field = |index: usize| -> Result<f64> {
        Ok(after_name.split_whitespace().nth(index).context("/proc/self/stat")?.parse()?)
    };
    Ok((field(11)? + field(12)?) / 100.0)
}
