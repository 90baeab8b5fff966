//! The transport under the door: gRPC over HTTP/2 over TLS. HTTP/2 pings are off: TCP and the door notice
//! a dead link, and pings alone would cost an idle link as much as everything else.

use std::{sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Error, Server};

use super::{
    Keep,
    accept::{self, Gate},
    admission::Admission,
    door::Door,
    wire::{enrolment, service},
};
use crate::identity::{Desk, Revoked};

/// Streams of one connection. An agent uses one; while a new one replaces it, two.
const STREAMS_PER_CONNECTION_MAX: u32 = 8;
/// A request that is not a stream must be answered within this: longer than the store waits for a lock.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Everything that is behind the port.
pub struct Services<K> {
    /// For agents with a certificate.
    pub door: Arc<Door<K>>,
    /// For those without.
    pub desk: Arc<Desk>,
    /// Which certificates are refused.
    pub revoked: Revoked,
    /// How callers are spoken with.
    pub tls: Arc<ServerConfig>,
}

/// Serves until `shutdown`, and then until the conversations have ended.
pub async fn serve<K: Keep>(
    listener: TcpListener,
    services: Services<K>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let Services { door, desk, revoked, tls } = services;
    let gate = Gate {
        tls: TlsAcceptor::from(tls),
        admission: Admission::default(),
        shutdown: shutdown.clone(),
    };
    Server::builder()
        .timeout(ANSWER_WITHIN)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .add_service(service::serve(door, Arc::clone(&desk), revoked))
        .add_service(enrolment::serve(desk))
        .serve_with_incoming_shutdown(accept::links(listener, gate), shutdown.cancelled_owned())
        .await
}
