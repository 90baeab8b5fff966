//! The way to a collector without anything in between.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use tonic::transport::Endpoint;

use super::link::{Connect, Connecting};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A TCP connection in the clear.
pub struct Direct {
    /// Where the collector listens.
    pub address: SocketAddr,
}

impl Connect for Direct {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let endpoint = Endpoint::from_shared(format!("http://{}", self.address))?;
            let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT);
            endpoint.connect().await.context("no connection")
        })
    }
}
