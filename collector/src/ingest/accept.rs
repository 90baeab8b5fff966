//! From the listener to connections: places, TLS handshakes with a deadline, settings of the socket.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustix::net::sockopt;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use pantau_proto::limits;

use super::{
    Trouble,
    admission::{Admission, Origin, Place},
    link::Link,
};
use crate::identity::certificate::Presented;

/// The TLS handshake must be done within this.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// After an error of the listener itself: no file handle is free, say. It passes when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Connections that wait for HTTP/2 to take them.
const READY_MAX: usize = 64;
/// A link that carries nothing is tried after this, so that a NAT on its way keeps it.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(45);
/// Then this often.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// So many tries without an answer end it.
const KEEP_ALIVE_TRIES: u32 = 3;
/// What was sent and not acknowledged by the other side's kernel for this long ends it.
const UNACKNOWLEDGED_MAX_MS: u32 = limits::LINK_DEAD_AFTER_S as u32 * 1_000;

/// What it takes to make a connection of a caller.
#[derive(Clone)]
pub struct Gate {
    /// TLS.
    pub tls: TlsAcceptor,
    /// Places.
    pub admission: Admission,
    /// Ends everything.
    pub shutdown: CancellationToken,
}

/// The connections that come, each after its handshake.
pub fn links(listener: TcpListener, gate: Gate) -> ReceiverStream<Result<Link, Infallible>> {
    let (ready, links) = mpsc::channel(READY_MAX);
    tokio::spawn(accept(listener, gate, ready));
    ReceiverStream::new(links)
}

async fn accept(listener: TcpListener, gate: Gate, ready: mpsc::Sender<Result<Link, Infallible>>) {
    let mut trouble = Trouble::new("accepting connections of agents");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gate.shutdown.cancelled() => return,
        };
        // One caller that is gone again is no trouble.
        if !matches!(&accepted, Err(error) if is_of_one_connection(error)) {
            trouble.note(&accepted);
        }
        match accepted {
            Ok((tcp, peer)) => welcome(tcp, peer, &gate, &ready),
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Shakes hands beside the listener, so that a slow caller delays nobody. Without a free place the
/// connection is dropped; agents come back after a pause.
fn welcome(
    tcp: TcpStream,
    peer: SocketAddr,
    gate: &Gate,
    ready: &mpsc::Sender<Result<Link, Infallible>>,
) {
    let ip = peer.ip().to_canonical();
    let Some(place) = gate.admission.enter(Origin::of(ip)) else {
        debug!(%ip, "no place for a connection");
        return;
    };
    let (gate, ready) = (gate.clone(), ready.clone());
    tokio::spawn(async move {
        let link = tokio::select! {
            link = shake_hands(tcp, ip, place, &gate) => link,
            () = gate.shutdown.cancelled() => return,
        };
        if let Some(link) = link {
            // Without a receiver the collector has stopped.
            let _ = ready.send(Ok(link)).await;
        }
    });
}

async fn shake_hands(tcp: TcpStream, ip: IpAddr, place: Place, gate: &Gate) -> Option<Link> {
    if let Err(error) = prepare(&tcp) {
        debug!(%ip, "a socket cannot be set up: {error}");
        return None;
    }
    let tls = match timeout(HANDSHAKE_WITHIN, gate.tls.accept(tcp)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => {
            debug!(%ip, "no TLS handshake: {error}");
            return None;
        }
        Err(_) => return None,
    };
    let certificate = presented(&tls)?;
    let place = match &certificate {
        Some(certificate) => place.for_agent(&certificate.site, &certificate.agent)?,
        None => place,
    };
    Some(Link::new(tls, ip, certificate, place, gate.shutdown.clone()))
}

/// The certificate that TLS has checked; the outer `None` when our CA signed it and it is no agent's.
fn presented(tls: &TlsStream<TcpStream>) -> Option<Option<Arc<Presented>>> {
    let Some(first) = tls.get_ref().1.peer_certificates().and_then(<[_]>::first) else {
        return Some(None);
    };
    Presented::read(first).ok().map(|certificate| Some(Arc::new(certificate)))
}

fn prepare(tcp: &TcpStream) -> rustix::io::Result<()> {
    sockopt::set_tcp_nodelay(tcp, true)?;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, KEEP_ALIVE_AFTER)?;
    sockopt::set_tcp_keepintvl(tcp, KEEP_ALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(tcp, KEEP_ALIVE_TRIES)?;
    sockopt::set_tcp_user_timeout(tcp, UNACKNOWLEDGED_MAX_MS)
}
