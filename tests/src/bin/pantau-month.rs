//! Thirty days of the reference server without a collector: how large the spool gets, how long it takes to
//! drain, and whether the totals are exact. Build with `--release`; under `taskset -c 0` all of it runs on
//! one core. With `--wire`: what a day takes at the socket.

use std::process::ExitCode;

use clap::Parser;
use pantau_tests::month::{self, DAY_MINUTES, Measured, Wired};

/// Simulates days of the reference server and drains them into a real collector.
#[derive(Debug, Parser)]
struct Args {
    /// Days without a collector
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Decides every value
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead: bytes at the socket of one day, of the reference server and of one that is idle
    #[arg(long)]
    wire: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if args.wire {
        return wire(args.seed).await;
    }
    match month::run(args.days * DAY_MINUTES, args.seed).await {
        Ok(measured) => tell(&measured),
        Err(error) => {
            eprintln!("pantau-month: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn wire(seed: u64) -> ExitCode {
    for (name, is_idle) in [("reference", false), ("idle", true)] {
        match month::wire(seed, is_idle).await {
            Ok(Wired { batches, connection, sent, received }) => println!(
                "{name}: {:.3} MB at the socket ({sent} sent, {received} received, of it {connection} for \
                 the connection) in {batches} batches",
                (sent + received) as f64 / 1e6
            ),
            Err(error) => {
                eprintln!("pantau-month: {error:#}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn tell(measured: &Measured) -> ExitCode {
    let Measured { written, counted, .. } = measured;
    println!(
        "{} minutes counted and spooled in {:.1} s: {} batches, {:.1} MB",
        measured.minutes,
        measured.filled_in.as_secs_f32(),
        measured.batches,
        measured.spool_bytes as f64 / 1e6
    );
    println!("drained in {:.1} s", measured.drained_in.as_secs_f32());
    println!("{} calls and {} errors written", written.calls(), written.errors());
    if written == counted {
        println!("totals of every query and every error are exact");
        return ExitCode::SUCCESS;
    }
    println!("{} calls and {} errors counted: WRONG", counted.calls(), counted.errors());
    ExitCode::FAILURE
}
