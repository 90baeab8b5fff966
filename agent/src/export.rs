//! `pantau-agent export`: batches of the spool in a signed file, for a server without a link. The collector
//! takes it by `pantau-collector import`, with the same numbers, so that what comes by both ways counts
//! once.

mod place;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::Stdio,
};

use anyhow::{Context, bail};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    config::Settings,
    domain::HostFacts,
    identity::{self, Enrolled},
    moment::moment,
    owner::Owner,
    sample::host::HostSampler,
    ship::{Bundle, Greeting},
    spool::{Held, Look, machine_id},
};
use place::Place;

/// Stands for standard output.
const STDOUT: &str = "-";

/// What was typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Batches closed since then, e.g. 2026-11-01 or 2026-11-01T08:00, in the zone of the settings
    /// [default: all that the spool holds].
    #[arg(long, value_name = "DATE|DATETIME")]
    pub since: Option<String>,
    /// The file to write, or - for standard output. It is there as a whole or not at all.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Writes the file, and gives what a person should know. Run as root it reads the spool as its owner.
pub fn run(settings: &Settings, args: &Args, now_ms: i64) -> anyhow::Result<String> {
    let since_ms =
        args.since.as_ref().map(|typed| moment("--since", typed, &settings.zone)).transpose()?;
    if args.output.as_os_str() == STDOUT {
        return write(settings, since_ms, now_ms, io::stdout().lock());
    }
    let place = Place::open(&args.output)?;
    let told = match owner(settings)? {
        Some(owner) => write_as(&owner, place.file()?)?,
        None => write(settings, since_ms, now_ms, place.file()?)?,
    };
    let bytes = place.keep()?;
    let file = args.output.display();
    Ok(format!("{told}\n{file}: {bytes} bytes. On the collector: pantau-collector import {file}"))
}

fn owner(settings: &Settings) -> anyhow::Result<Option<Owner>> {
    let dir = settings.state_dir.display();
    Owner::of(&settings.state_dir)
        .with_context(|| format!("{dir} cannot be read; did the agent run here?"))
}

/// The owner reads the spool; the file is root's to write.
fn write_as(owner: &Owner, file: File) -> anyhow::Result<String> {
    let child = owner.act(&["--output", "-o"], ["--output", STDOUT], |command| {
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::piped())
    })?;
    let done = child.wait_with_output()?;
    let told = String::from_utf8_lossy(&done.stderr).trim_end().to_owned();
    // This program's name stands before it again where it is told.
    anyhow::ensure!(done.status.success(), "{}", told.trim_start_matches("pantau-agent: "));
    Ok(told)
}

/// Writes the bundle and gives a line about what is in it.
fn write(
    settings: &Settings,
    since_ms: Option<i64>,
    now_ms: i64,
    out: impl Write,
) -> anyhow::Result<String> {
    let enrolled = identity::load(settings)?;
    let look = Look::open(&settings.spool.dir)?;
    let held = look.held().context("the spool cannot be read")?;
    let highest_seq = held.last().map_or(0, |held| held.seq);
    let leaving: Vec<Held> =
        held.into_iter().filter(|held| since_ms.is_none_or(|ms| held.closed_ms >= ms)).collect();
    let closed = leaving.iter().map(|held| held.closed_ms);
    let (Some(from_ms), Some(to_ms)) = (closed.clone().min(), closed.max()) else {
        bail!(
            "the spool holds no batch{}: nothing is written",
            since_ms
                .map_or("", |_| " that was closed since then; give an earlier --since, or none")
        );
    };
    // Before any of them can be with somebody.
    look.mark(&leaving).context("what is exported cannot be noted in the spool")?;
    let facts = HostSampler::new(&settings.spool.dir).facts();
    let source = Source { settings, enrolled: &enrolled, facts: &facts, look: &look };
    let batches = source.write(&leaving, highest_seq, now_ms, out)?;
    let shown = |ms| shown(ms, &settings.zone);
    Ok(format!("{batches} batches, closed {} to {}", shown(from_ms), shown(to_ms)))
}

struct Source<'a> {
    settings: &'a Settings,
    enrolled: &'a Enrolled,
    facts: &'a HostFacts,
    look: &'a Look,
}

impl Source<'_> {
    fn write(
        &self,
        leaving: &[Held],
        highest_seq: u64,
        clock_ms: i64,
        out: impl Write,
    ) -> anyhow::Result<u64> {
        let identity = identity::greeting(self.enrolled, self.settings);
        let greeting = Greeting {
            identity: &identity,
            facts: self.facts,
            machine_id: machine_id(),
            epoch: self.look.epoch(),
            highest_seq,
            clock_ms,
        };
        let sign = |bytes: &[u8]| self.enrolled.sign(bytes).map_err(io::Error::other);
        let out = BufWriter::new(out);
        let unwritten = "the bundle cannot be written";
        let mut bundle =
            Bundle::begin(out, &greeting, &self.enrolled.certificate, sign).context(unwritten)?;
        let definitions = self.look.definitions().context("definitions cannot be read")?;
        bundle.definitions(&definitions).context(unwritten)?;
        let mut batches = 0;
        self.look
            .read(leaving, |stored| {
                batches += 1;
                bundle.batch(stored)
            })
            .context(unwritten)?;
        bundle.end().and_then(|mut out| out.flush()).context(unwritten)?;
        Ok(batches)
    }
}

fn shown(ms: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(zone.clone());
    time.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests;
