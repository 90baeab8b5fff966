//! `pantau-collector`: reads the settings, does the command, says what went wrong.

use std::{io::IsTerminal, process::ExitCode};

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use pantau_collector::{
    commands::{Cli, LogFormat},
    config::Settings,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pantau-collector: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<()> {
    log_to_stderr(&cli)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a TLS provider is installed already"))?;
    let settings = Settings::load(&cli.config)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(cli.command.execute(settings))
}

fn log_to_stderr(cli: &Cli) -> Result<()> {
    let typed = cli.log_level.clone().or_else(|| std::env::var(EnvFilter::DEFAULT_ENV).ok());
    let level = typed.as_deref().unwrap_or(cli.command.log_level_default());
    let filter = EnvFilter::try_new(level).with_context(|| {
        format!("--log-level \"{level}\": write error, warn, info, debug or trace")
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
