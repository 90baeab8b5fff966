//! Where the parts are joined: listeners, jobs, order of stopping.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;

/// What the program listens on, bound before it starts so that a test can use port 0.
#[derive(Debug)]
pub struct Listeners {
    /// Where agents call.
    pub ingest: TcpListener,
    /// Where browsers call.
    pub web: TcpListener,
}

impl Listeners {
    /// Binds what the settings name.
    pub async fn bind(settings: &Settings) -> Result<Listeners> {
        Ok(Listeners {
            ingest: bind("ingest", settings.ingest).await?,
            web: bind("web", settings.web).await?,
        })
    }

    /// Writes the bound addresses as JSON, whole or not at all: a reader never finds half a file.
    pub fn write_addresses(&self, file: &Path) -> Result<()> {
        let addresses = serde_json::json!({
            "ingest": self.ingest.local_addr()?,
            "web": self.web.local_addr()?,
        });
        let partial = file.with_extension("partial");
        std::fs::write(&partial, format!("{addresses}\n"))
            .and_then(|()| std::fs::rename(&partial, file))
            .with_context(|| format!("cannot write --addresses-file {}", file.display()))
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {key} = \"{address}\"; is a collector running already?")
    })
}

/// Runs until `shutdown`, then stops in order.
pub async fn run(
    _settings: Settings,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<()> {
    tracing::info!(
        ingest = %listeners.ingest.local_addr()?,
        web = %listeners.web.local_addr()?,
        "listening"
    );
    shutdown.cancelled().await;
    Ok(())
}
