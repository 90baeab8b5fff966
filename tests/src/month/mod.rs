//! Thirty days of the reference server without a collector, minute for minute through the agent's own
//! window and spool; then a real agent hands the spool to a real collector, and the totals are compared.

mod reference;
mod spooled;
mod wire;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::sleep;

use crate::{agent::Agent, collector::Collector, scratch::Scratch};
pub use reference::Totals;
use reference::{Load, Server};
use spooled::Spooled;
pub use wire::{Wired, wire};

/// Minutes of a day.
pub const DAY_MINUTES: u32 = 1_440;
const MINUTE_MS: i64 = 60_000;
/// Between two questions whether all is there. Each costs the collector time of its own.
const ASK_INTERVAL: Duration = Duration::from_secs(2);
/// A spool that does not drain in this long never does.
const DRAIN_MAX: Duration = Duration::from_secs(1_800);

/// What came of it.
#[derive(Debug)]
pub struct Measured {
    /// Minutes simulated.
    pub minutes: u32,
    /// How long counting and spooling them took.
    pub filled_in: Duration,
    /// Bytes of the spool on disk at the end.
    pub spool_bytes: u64,
    /// Batches that wait in it.
    pub batches: u64,
    /// From the start of the agent until the collector has counted all.
    pub drained_in: Duration,
    /// What went in.
    pub written: Totals,
    /// What came out.
    pub counted: Totals,
}

/// Fills a spool with the minutes that end now, and drains it.
pub async fn run(minutes: u32, seed: u64) -> Result<Measured> {
    let scratch = Scratch::new()?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    // Its settings make its folder; logs are none: only what waits in the spool is handed over.
    let mut agent = Agent::new(&scratch, collector.ingest()?, "")?;
    collector.enrol(&agent)?;
    let began = Instant::now();
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let (written, spool_bytes, batches) = fill(&scratch.join("agent"), minutes, seed, now_ms)?;
    let filled_in = began.elapsed();
    give_all(&scratch, &scratch.join("agent"))?;
    agent.start()?;
    let began = Instant::now();
    let counted = drained(&collector, &written, first_of(minutes, now_ms))
        .await
        .with_context(|| agent.printed())?;
    let drained_in = began.elapsed();
    agent.program()?.stop().await?;
    Ok(Measured { minutes, filled_in, spool_bytes, batches, drained_in, written, counted })
}

/// Spools the whole minutes before `now_ms`.
fn fill(state_dir: &Path, minutes: u32, seed: u64, now_ms: i64) -> Result<(Totals, u64, u64)> {
    let first_ms = first_of(minutes, now_ms);
    let mut server = Server::new(seed);
    let mut spooled = Spooled::open(state_dir, first_ms)?;
    for minute in 0..minutes {
        let begin_ms = first_ms + i64::from(minute) * MINUTE_MS;
        server.minute(&mut spooled.window, begin_ms, Load::at(begin_ms));
        spooled.close(begin_ms + MINUTE_MS - 1)?;
    }
    Ok((server.totals(), spooled.bytes_on_disk()?, spooled.backlog()))
}

/// When the first of so many whole minutes before `now_ms` begins.
fn first_of(minutes: u32, now_ms: i64) -> i64 {
    now_ms - now_ms.rem_euclid(MINUTE_MS) - i64::from(minutes) * MINUTE_MS
}

/// Hands a folder and what it holds to the user that the agent runs as.
fn give_all(scratch: &Scratch, folder: &Path) -> Result<()> {
    scratch.give(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            give_all(scratch, &path)?;
        } else {
            scratch.give(&path)?;
        }
    }
    Ok(())
}

async fn drained(collector: &Collector<'_>, written: &Totals, first_ms: i64) -> Result<Totals> {
    let until = Instant::now() + DRAIN_MAX;
    let from = jiff::Timestamp::from_millisecond(first_ms)?;
    loop {
        let counted = ask(collector, &from.to_string())?;
        if counted.calls() >= written.calls() && counted.errors() >= written.errors() {
            return Ok(counted);
        }
        anyhow::ensure!(Instant::now() < until, "not drained: {counted:?} of {written:?}");
        sleep(ASK_INTERVAL).await;
    }
}

fn ask(collector: &Collector<'_>, from: &str) -> Result<Totals> {
    let options = ["--limit", "1000", "--from", from];
    let errors = collector.ask(&[&["errors"][..], &options].concat())?;
    let queries = collector.ask(&[&["queries"][..], &options].concat())?;
    let mut totals = Totals::default();
    for error in rows(&errors) {
        totals.add_errors(text(error, "fingerprint"), number(error, "count"));
    }
    for query in rows(&queries) {
        totals.add_calls(
            text(query, "fingerprint"),
            number(query, "calls"),
            number(query, "total_us"),
        );
    }
    Ok(totals)
}

fn rows(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn number(row: &Value, key: &str) -> u64 {
    row[key].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_the_reference_server_waits_in_the_spool_batch_for_batch() {
        let dir = tempfile::tempdir().unwrap();
        // 05:00 UTC, which is day there.
        let (totals, bytes, batches) = fill(dir.path(), 60, 1, 1_795_323_600_000).unwrap();
        assert_eq!(batches, 60);
        assert_eq!(totals.calls(), 60 * 50 * 50);
        assert!(totals.errors() >= 60 * 5 && bytes > 0, "{bytes}");
    }
}
