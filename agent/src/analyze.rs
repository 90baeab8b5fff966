//! `pantau-agent analyze`: what logs say, without settings, collector or server.

mod amounts;
mod document;
mod html;
mod labels;
mod make;
mod pieces;
mod terminal;
mod work;

use std::{
    collections::HashMap,
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, bail};
use jiff::{Timestamp, tz::TimeZone};
use pantau_logs::{
    detect::{self, Detected, Sample},
    format::{FORMATS, Format, Layout},
    steps::Steps,
    summary::{Period, Summary},
};

use crate::{
    inputs::{self, Ends, Input, Unreadable},
    moment::moment,
    stdout::print,
    tail::packing_of,
};
use document::File;
use labels::Language;
use make::Maker;
use work::{Job, Read};

/// Between two looks at the progress.
const PROGRESS_EVERY_MS: u128 = 200;
/// The zone that is taken where none is named: most LPSEs lie in it.
const ZONE_DEFAULT: &str = "Asia/Jakarta";

/// A format, its layout as far as it is known, and why it is taken.
type Found = (&'static Format, Option<String>, String);

/// What was typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Logs, folders with logs, patterns, or - for standard input; .gz .bz2 .xz .zst .zip are unpacked.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Format of all logs instead of finding out [see `pantau-agent detect`].
    #[arg(long, value_name = "NAME", value_parser = format_named)]
    pub format: Option<&'static Format>,
    /// log_line_prefix of PostgreSQL, or the pattern of log4j, logback, nginx or Apache.
    #[arg(long, value_name = "TEXT")]
    pub layout: Option<String>,
    /// Business steps of requests, a table like the one that `pantau-agent steps` prints.
    #[arg(long, value_name = "FILE")]
    pub steps: Option<PathBuf>,
    /// Counts from this day or time on, e.g. 2026-11-01 or 2026-11-01T08:00.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Counts up to this day or time, which is not included.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Zone of --from and --to, of logs that name none, and of all times told.
    #[arg(long, value_name = "ZONE", default_value = ZONE_DEFAULT, value_parser = zone)]
    pub tz: TimeZone,
    /// Prints JSON (described in docs/ANALYZE.md).
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Writes a page for a browser to this file (- for standard output).
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Kinds of error, query and page told of each ranking.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub top: u16,
    /// Cores to use [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub cores: Option<u16>,
    /// Language of page and table.
    #[arg(long, value_enum, default_value_t = Language::Id)]
    pub lang: Language,
    /// No progress on standard error.
    #[arg(long, short)]
    pub quiet: bool,
}

pub(crate) fn format_named(name: &str) -> Result<&'static Format, String> {
    Format::named(name).ok_or_else(|| {
        let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
        format!("allowed are {}", names.join(", "))
    })
}

pub(crate) fn zone(name: &str) -> Result<TimeZone, &'static str> {
    TimeZone::get(name).map_err(
        |_| "not a known zone; use Asia/Jakarta (WIB), Asia/Makassar (WITA) or Asia/Jayapura (WIT)",
    )
}

/// Whether all that was named was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it.
    Whole,
    /// Something could not be read or not be told.
    Partial,
}

/// Reads the logs and prints what they say of the period.
pub fn run(args: &Args, period: Period) -> anyhow::Result<Outcome> {
    let (outcome, summary, files) = gather(args, period)?;
    tell(args, &summary, files)?;
    Ok(outcome)
}

/// What the logs say, and what became of each.
fn gather(args: &Args, period: Period) -> anyhow::Result<(Outcome, Summary, Vec<File>)> {
    let (inputs, unreadable) = inputs::expand(&args.files);
    let mut files: Vec<File> = unreadable.into_iter().map(not_read).collect();
    let steps = steps(args)?;
    let (mut jobs, mut reasons) = jobs(args, &steps, inputs, &mut files);
    without_doubles(&mut jobs, &mut reasons, &mut files);
    if jobs.is_empty() {
        let told =
            |file: &File| format!("{}: {}", file.name, file.fault.as_deref().unwrap_or_default());
        bail!("no log to read\n{}", files.iter().map(told).collect::<Vec<_>>().join("\n"));
    }
    let (summary, reads) = read(args, &jobs, period);
    let told = jobs.iter().zip(reasons).zip(reads);
    let mut all: Vec<_> = told.map(|((job, why), read)| make::file(job, &why, read)).collect();
    all.append(&mut files);
    let whole = all.iter().all(|file| file.fault.is_none());
    Ok((if whole { Outcome::Whole } else { Outcome::Partial }, summary, all))
}

/// The period that was typed; an error is one of the command line.
pub fn period(args: &Args) -> anyhow::Result<Period> {
    let at = |name: &str, typed: &Option<String>| {
        typed.as_ref().map(|typed| moment(name, typed, &args.tz)).transpose()
    };
    let period = Period { from_ms: at("--from", &args.from)?, to_ms: at("--to", &args.to)? };
    if let (Some(from), Some(to)) = (period.from_ms, period.to_ms)
        && from >= to
    {
        bail!("--from must be before --to");
    }
    Ok(period)
}

/// The table that was named, else the one that is built in.
fn steps(args: &Args) -> anyhow::Result<Arc<Steps>> {
    let Some(path) = &args.steps else { return Ok(Steps::standard()) };
    let shown = path.display();
    let text =
        fs::read_to_string(path).with_context(|| format!("--steps {shown} cannot be read"))?;
    let steps = Steps::parse(&text).map_err(|error| anyhow::anyhow!("--steps {shown}: {error}"))?;
    Ok(Arc::new(steps))
}

/// What is read and why it is taken for its format; what is not goes to `files`.
fn jobs(
    args: &Args,
    steps: &Arc<Steps>,
    inputs: Vec<Input>,
    files: &mut Vec<File>,
) -> (Vec<Job>, Vec<String>) {
    let now_ms = Timestamp::now().as_millisecond();
    let (mut jobs, mut reasons) = (Vec::new(), Vec::new());
    for input in inputs {
        match job(args, steps, &input, now_ms) {
            Ok((job, why)) => {
                jobs.push(job);
                reasons.push(why);
            }
            Err(why) => files.push(not_read(Unreadable { name: input.name(), why })),
        }
    }
    (jobs, reasons)
}

fn job(
    args: &Args,
    steps: &Arc<Steps>,
    input: &Input,
    now_ms: i64,
) -> Result<(Job, String), String> {
    let told = |error: std::io::Error| format!("{} ({error})", inputs::why(&error));
    let ends = input.ends().map_err(told)?;
    let now_ms = ends.modified_ms.unwrap_or(now_ms);
    let (format, found, why) = match args.format {
        Some(format) => (format, None, "--format".to_owned()),
        None => recognised(&ends, now_ms)?,
    };
    let text = args.layout.clone().or(found).filter(|_| format.layout.is_some());
    if let Some(text) = &args.layout {
        format.check(text).map_err(|why| format!("--layout {why}"))?;
    }
    let layout = Layout { text, zone: args.tz.clone() };
    // A file is opened again; of standard input this was the beginning.
    let head = if *input == Input::Stdin { ends.begin } else { Vec::new() };
    let (input, steps) = (input.clone(), steps.clone());
    Ok((Job { input, head, format, layout, now_ms, steps }, why))
}

/// Format, layout and why.
fn recognised(ends: &Ends, now_ms: i64) -> Result<Found, String> {
    let sample = Sample { name: &ends.name, begin: &ends.begin, end: &ends.end };
    match detect::detect(&sample, now_ms) {
        Detected::Empty => Err("empty: no line yet".to_owned()),
        Detected::Binary(why) => Err(why.to_owned()),
        Detected::Text(ranked) => match ranked.recognised() {
            Some(best) => Ok((best.format, best.layout.clone(), best.why.clone())),
            None => Err("its format is not known; name it with --format, or see \
                         `pantau-agent detect`"
                .to_owned()),
        },
    }
}

fn not_read(unreadable: Unreadable) -> File {
    File {
        name: unreadable.name,
        format: String::new(),
        why: String::new(),
        bytes: 0,
        lines: 0,
        unparsed: 0,
        fault: Some(unreadable.why),
        same_as: None,
    }
}

/// Forms in which one cluster may write its log at once; the first that is there is counted. Each says all
/// that those after it say.
const FORMS: &[&str] = &["postgres-json", "postgres-csv", "postgres-stderr"];

/// Takes away the logs that say the same as others: `postgresql.csv` beside `postgresql.json`.
fn without_doubles(jobs: &mut Vec<Job>, reasons: &mut Vec<String>, files: &mut Vec<File>) {
    let place = |job: &Job| {
        let form = FORMS.iter().position(|form| *form == job.format.name)?;
        let Input::File(path) = &job.input else { return None };
        Some((path.with_file_name(plain_stem(path)), form))
    };
    let mut best: HashMap<PathBuf, (usize, String)> = HashMap::new();
    for job in jobs.iter() {
        let Some((stem, form)) = place(job) else { continue };
        let known = best.entry(stem).or_insert_with(|| (form, job.input.name()));
        if form < known.0 {
            *known = (form, job.input.name());
        }
    }
    for at in (0..jobs.len()).rev() {
        let found = jobs.get(at).and_then(place);
        let better =
            found.and_then(|(stem, form)| best.get(&stem).filter(|(best, _)| *best < form));
        if let Some((_, name)) = better {
            let file = make::file(&jobs.remove(at), &reasons.remove(at), Read::default());
            files.push(File { same_as: Some(name.clone()), ..file });
        }
    }
}

/// `postgresql` of `postgresql.csv.gz`.
fn plain_stem(path: &Path) -> String {
    let (name, _) = packing_of(path);
    let ending = [".log", ".csv", ".json"].into_iter().find(|ending| name.ends_with(ending));
    name.strip_suffix(ending.unwrap_or_default()).unwrap_or(&name).to_owned()
}

fn read(args: &Args, jobs: &[Job], period: Period) -> (Summary, Vec<Read>) {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = args.cores.map_or(all, usize::from);
    let shows = !args.quiet && std::io::stderr().is_terminal();
    let mut progress = Progress { begun: Instant::now(), shown: 0, bytes: 0, shows };
    let read = work::run(jobs, period, cores, |bytes| progress.add(bytes));
    progress.end();
    read
}

/// One line on standard error that is written over.
struct Progress {
    begun: Instant,
    shown: u128,
    bytes: u64,
    shows: bool,
}

impl Progress {
    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        let passed = self.begun.elapsed().as_millis();
        if self.shows && passed - self.shown >= PROGRESS_EVERY_MS {
            self.shown = passed;
            let per_second = u128::from(self.bytes) * 1_000 / passed.max(1);
            let rate = amounts::bytes(u64::try_from(per_second).unwrap_or(u64::MAX));
            eprint!("\r{:>10}  {rate}/s   ", amounts::bytes(self.bytes));
        }
    }

    fn end(&self) {
        if self.shown > 0 {
            eprint!("\r{:40}\r", "");
        }
    }
}

fn tell(args: &Args, summary: &Summary, files: Vec<File>) -> anyhow::Result<()> {
    let maker = Maker { summary, zone: &args.tz, kinds_max: usize::from(args.top) };
    let document = maker.document(files);
    if args.json {
        return print(&(serde_json::to_string_pretty(&document)? + "\n"));
    }
    match &args.html {
        Some(path) if path.as_os_str() == "-" => print(&html::render(&document, args.lang)?),
        Some(path) => fs::write(path, html::render(&document, args.lang)?)
            .with_context(|| format!("{} cannot be written", path.display())),
        None => print(&terminal::render(&document, args.lang, columns())),
    }
}

/// How wide the terminal says it is.
fn columns() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
