//! The transport under the door: HTTP/2 in clear text, which the settings keep on loopback.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Error, Server, server::TcpIncoming};

use super::{Keep, door::Door, wire::service};

/// How often the other side is asked whether it is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long it may take to answer.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams of one connection. An agent uses one; while a new one replaces it, two.
const STREAMS_PER_CONNECTION_MAX: u32 = 8;

/// Serves the door until `shutdown`, and then until the conversations have ended.
pub async fn serve<K: Keep>(
    listener: TcpListener,
    door: Arc<Door<K>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .add_service(service::serve(door))
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener)
                .with_nodelay(Some(true))
                .with_keepalive(Some(KEEP_ALIVE_INTERVAL)),
            shutdown.cancelled_owned(),
        )
        .await
}
