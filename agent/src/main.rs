//! `pantau-agent`: reads its settings, runs until it is told to stop, says how it went.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use pantau_agent::{
    analyze, app,
    check::{self, Finding},
    config, detect, enroll, explain, export, group,
    identity::NotReady,
    stdout::print,
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, fmt};

/// The settings cannot be used, or this server is not enrolled; clap gives the same for a wrong command
/// line.
const EXIT_WRONG_SETTINGS: u8 = 2;
/// Threads that wait for the disk, besides those of the logs.
const WAITING_THREADS_MAX: usize = 8;

/// Watches one SPSE server: tails its logs, samples its health, ships counts to a collector.
///
/// Exit codes: 0 stopped or nothing failed, 1 something failed, 2 wrong settings or command line, or not
/// enrolled.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Settings file.
    #[arg(long, global = true, value_name = "FILE", default_value = config::PATH_DEFAULT)]
    config: PathBuf,
    /// How the agent's own log is written, to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// error, warn, info, debug or trace; also as RUST_LOG, and per module as there [default: info].
    #[arg(long, global = true, value_name = "LEVEL", value_parser = level)]
    log_level: Option<String>,
}

/// What RUST_LOG may be as well.
fn level(typed: &str) -> Result<String, String> {
    EnvFilter::try_new(typed).map(|_| typed.to_owned()).map_err(|error| {
        format!(
            "{error}; write error, warn, info, debug or trace, or e.g. pantau_agent::tail=debug"
        )
    })
}

#[derive(Subcommand)]
enum Command {
    /// Runs until SIGTERM or SIGINT.
    Run,
    /// Exchanges a one-time token for the identity of this server. Does nothing where it has one.
    Enroll(enroll::Args),
    /// Writes batches to a signed file, for a server without a link to its collector. Works beside a
    /// running agent.
    Export(export::Args),
    /// Tells what logs say: errors, queries, requests. Needs no settings and changes nothing.
    Analyze(Box<analyze::Args>),
    /// Prints the table of business steps that is built in, to be changed and given to `analyze --steps`.
    Steps,
    /// Names plain messages, one a line on standard input: prints fingerprint, tab, template.
    Group,
    /// Shows how a line is read, what is replaced in it, and how it is grouped.
    Explain(Box<explain::Args>),
    /// Tests each piece of the settings, says what to do about it, and changes nothing.
    Check {
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Says what format each file is, how sure that is and why, and prints the settings for it. Needs no
    /// settings.
    ///
    /// Exit codes: 0 all recognised, 1 some not, 2 something cannot be read, or a wrong command line.
    Detect(detect::Args),
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pantau-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: &Cli) -> anyhow::Result<ExitCode> {
    log_to_stderr(cli)?;
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider is installed already");
    }
    let runtime = runtime().context("cannot start the runtime")?;
    match &cli.command {
        Command::Run => runtime.block_on(run(cli)),
        Command::Enroll(args) => runtime.block_on(enroll(cli, args)),
        Command::Export(args) => export(cli, args),
        Command::Analyze(args) => analyze(args),
        Command::Detect(args) => detect(args),
        Command::Steps => {
            print(pantau_logs::steps::STANDARD)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Group => {
            group::run(std::io::stdin().lock(), std::io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Explain(args) => {
            let told = explain::run(args, jiff::Timestamp::now().as_millisecond())?;
            print(&told)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { json } => runtime.block_on(check(cli, *json)),
    }
}

fn runtime() -> std::io::Result<Runtime> {
    // Two threads: while one reads a backlog, the other keeps heartbeats going.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // Each log keeps one for itself; the rest is for the spool and the host.
        .max_blocking_threads(config::LOGS_MAX + WAITING_THREADS_MAX)
        .enable_all()
        .build()
}

async fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let Some(settings) = settings(cli) else { return Ok(ExitCode::from(EXIT_WRONG_SETTINGS)) };
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone()));
    match app::run(settings, shutdown).await {
        Err(error) if error.is::<NotReady>() => {
            eprintln!("pantau-agent: {error}");
            Ok(ExitCode::from(EXIT_WRONG_SETTINGS))
        }
        ended => ended.map(|()| ExitCode::SUCCESS),
    }
}

async fn enroll(cli: &Cli, args: &enroll::Args) -> anyhow::Result<ExitCode> {
    let Some(settings) = settings(cli) else { return Ok(ExitCode::from(EXIT_WRONG_SETTINGS)) };
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let told = enroll::run(&settings, args, now_ms).await?;
    print(&format!("{told}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn export(cli: &Cli, args: &export::Args) -> anyhow::Result<ExitCode> {
    let Some(settings) = settings(cli) else { return Ok(ExitCode::from(EXIT_WRONG_SETTINGS)) };
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let told = export::run(&settings, args, now_ms)?;
    // Standard output may be the bundle.
    eprintln!("{told}");
    Ok(ExitCode::SUCCESS)
}

fn analyze(args: &analyze::Args) -> anyhow::Result<ExitCode> {
    let period = match analyze::period(args) {
        Ok(period) => period,
        Err(error) => {
            eprintln!("pantau-agent: {error:#}");
            return Ok(ExitCode::from(EXIT_WRONG_SETTINGS));
        }
    };
    Ok(match analyze::run(args, period)? {
        analyze::Outcome::Whole => ExitCode::SUCCESS,
        analyze::Outcome::Partial => ExitCode::FAILURE,
    })
}

fn detect(args: &detect::Args) -> anyhow::Result<ExitCode> {
    let (text, code) = detect::run(args, jiff::Timestamp::now().as_millisecond())?;
    print(&format!("{text}\n"))?;
    Ok(ExitCode::from(code))
}

/// The settings, their warnings told; `None` when they cannot be used, which is told too.
fn settings(cli: &Cli) -> Option<config::Settings> {
    match config::load(&cli.config) {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            Some(loaded.settings)
        }
        Err(error) => {
            eprintln!("{error}");
            None
        }
    }
}

async fn check(cli: &Cli, json: bool) -> anyhow::Result<ExitCode> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let (findings, code) = match config::load(&cli.config) {
        Ok(loaded) => {
            let findings = check::run(&loaded, now_ms).await;
            let code = if check::failed(&findings) { 1 } else { 0 };
            (findings, code)
        }
        Err(error) => {
            let lines = error.to_string();
            let findings = lines.lines().map(|line| Finding::fail("settings", line)).collect();
            (findings, EXIT_WRONG_SETTINGS)
        }
    };
    let text = if json { check::json(&findings)? } else { check::table(&findings) };
    print(&format!("{text}\n"))?;
    Ok(ExitCode::from(code))
}

fn log_to_stderr(cli: &Cli) -> anyhow::Result<()> {
    let quiet = if !matches!(cli.command, Command::Run) { "error" } else { "info" };
    let filter = match &cli.log_level {
        Some(level) => EnvFilter::try_new(level).context("--log-level")?,
        None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet)),
    };
    let format = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => format.with_ansi(false).init(),
        LogFormat::Json => format.json().init(),
    }
    Ok(())
}

async fn stop_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot listen for SIGTERM; only a kill will stop the agent");
        return;
    };
    let name = tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    };
    tracing::info!("{name}: stopping");
    shutdown.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_logs_as_the_settings_allow_leave_threads_for_the_spool() {
        let runtime = runtime().unwrap();
        let logs: Vec<_> = (0..config::LOGS_MAX)
            .map(|_| {
                let (stop, stopped) = std::sync::mpsc::channel::<()>();
                runtime.spawn_blocking(move || stopped.recv());
                stop
            })
            .collect();
        let spool = runtime.spawn_blocking(|| "written");
        let waited = std::time::Duration::from_secs(30);
        let written = runtime.block_on(async { tokio::time::timeout(waited, spool).await });
        drop(logs);
        assert_eq!(written.unwrap().unwrap(), "written");
    }
}
