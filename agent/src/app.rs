//! Joins the stages: channels, tasks, shutdown.

use tokio_util::sync::CancellationToken;

use crate::config::Settings;

/// Runs until `shutdown`.
pub async fn run(_settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    shutdown.cancelled().await;
    Ok(())
}
