//! `run`: the service itself.

use std::path::PathBuf;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, Listeners},
    config::Settings,
};

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write the addresses that are listened on to this file as JSON, e.g.
    /// {"ingest":"127.0.0.1:7411","web":"127.0.0.1:7480"}; of use when a port of the settings is 0
    #[arg(long, value_name = "FILE")]
    addresses_file: Option<PathBuf>,
}

/// Runs until SIGTERM or SIGINT.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let listeners = Listeners::bind(&settings).await?;
    if let Some(file) = &args.addresses_file {
        listeners.write_addresses(file)?;
    }
    app::run(settings, listeners, stopped_by_signal()?).await
}

/// Cancelled at the first SIGTERM or SIGINT.
fn stopped_by_signal() -> Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    });
    Ok(shutdown)
}
