//! One connection: TLS over TCP, who is at its other end, and when it is closed from this side.
//!
//! HTTP/2 alone does not close one that says nothing, and waits for answers of a dead one when the
//! collector stops. A watchman beside each connection does: to HTTP/2 its word is the end of the stream.

use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::admission::Place;
use crate::identity::certificate::Presented;

/// How long a connection is kept.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Without a call.
    idle: Duration,
    /// In all.
    life: Option<Duration>,
    /// When the collector stops, for its calls to end.
    last_calls: Duration,
    /// And then for the last words to leave.
    goodbye: Duration,
}

/// Of an agent.
const KNOWN: Limits = Limits {
    idle: Duration::from_secs(30),
    life: None,
    last_calls: Duration::from_secs(8),
    goodbye: Duration::from_millis(500),
};
/// Of a caller without a certificate: it asks for one at once, and then has one or comes again.
const UNKNOWN: Limits =
    Limits { idle: Duration::from_secs(10), life: Some(Duration::from_secs(60)), ..KNOWN };

/// Who is at the other end, for every call on a connection.
#[derive(Clone)]
pub struct Caller {
    /// From where.
    pub peer: IpAddr,
    /// With which certificate, which TLS has checked.
    pub certificate: Option<Arc<Presented>>,
    calls: watch::Sender<u32>,
}

/// A call under way; the connection is not idle until it is dropped.
pub struct Call(watch::Sender<u32>);

/// The connection.
pub struct Link {
    tls: TlsStream<TcpStream>,
    caller: Caller,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    is_closed: bool,
    _watch: DropGuard,
    _place: Place,
}

impl Caller {
    /// Notes a call.
    pub fn call(&self) -> Call {
        self.calls.send_modify(|calls| *calls = calls.saturating_add(1));
        Call(self.calls.clone())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls = calls.saturating_sub(1));
    }
}

impl Link {
    /// A connection after its handshake, and its watchman.
    pub fn new(
        tls: TlsStream<TcpStream>,
        peer: IpAddr,
        certificate: Option<Arc<Presented>>,
        place: Place,
        shutdown: CancellationToken,
    ) -> Link {
        let (calls, seen) = watch::channel(0);
        let closed = CancellationToken::new();
        let limits = if certificate.is_some() { KNOWN } else { UNKNOWN };
        tokio::spawn(watch(seen, limits, closed.clone(), shutdown));
        Link {
            tls,
            caller: Caller { peer, certificate, calls },
            closed: Box::pin(closed.clone().cancelled_owned()),
            is_closed: false,
            _watch: closed.drop_guard(),
            _place: place,
        }
    }

    fn is_closed(&mut self, cx: &mut Context<'_>) -> bool {
        self.is_closed = self.is_closed || self.closed.as_mut().poll(cx).is_ready();
        self.is_closed
    }
}

/// Closes a connection when its time has come; ends with it.
async fn watch(
    calls: watch::Receiver<u32>,
    limits: Limits,
    closed: CancellationToken,
    shutdown: CancellationToken,
) {
    let life = async {
        match limits.life {
            Some(life) => sleep(life).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = closed.cancelled() => {}
        () = idle(calls.clone(), limits.idle) => {}
        () = life => {}
        () = stopped(calls, limits, &shutdown) => {}
    }
    closed.cancel();
}

/// Returns when there was no call for `max`.
async fn idle(mut calls: watch::Receiver<u32>, max: Duration) {
    loop {
        if calls.wait_for(|calls| *calls == 0).await.is_err() {
            return;
        }
        match timeout(max, calls.wait_for(|calls| *calls > 0)).await {
            Ok(Ok(_)) => {}
            _ => return,
        }
    }
}

/// Returns when the collector stops and the calls have ended, or have had their time.
async fn stopped(mut calls: watch::Receiver<u32>, limits: Limits, shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    let _ = timeout(limits.last_calls, calls.wait_for(|calls| *calls == 0)).await;
    sleep(limits.goodbye).await;
}

impl Connected for Link {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_closed(cx) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tls).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_closed(cx) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.tls).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_closed(cx) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closing = Pin::new(&mut self.tls).poll_shutdown(cx);
        // The end of TLS is said if it can be said at once; a dead peer is not waited for.
        if self.is_closed(cx) { Poll::Ready(Ok(())) } else { closing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::from_secs(86_400);
    const SOON: Duration = Duration::from_millis(1);
    /// Long enough for a machine under load; nothing waits this long when all is well.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Closes for no reason; a test makes one of them come soon.
    const ENDLESS: Limits = Limits { idle: NEVER, life: None, last_calls: NEVER, goodbye: SOON };

    struct Watched {
        calls: watch::Sender<u32>,
        closed: CancellationToken,
        shutdown: CancellationToken,
    }

    fn watched(limits: Limits, calls: u32) -> Watched {
        let (calls, seen) = watch::channel(calls);
        let (closed, shutdown) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(watch(seen, limits, closed.clone(), shutdown.clone()));
        Watched { calls, closed, shutdown }
    }

    impl Watched {
        async fn closes(&self) {
            timeout(PATIENCE, self.closed.cancelled()).await.expect("the connection stays open");
        }

        /// Lets the watchman look; what it would do at once, it has done after this.
        async fn stays_open(&self) {
            sleep(SOON * 20).await;
            assert!(!self.closed.is_cancelled());
        }
    }

    #[tokio::test]
    async fn a_connection_without_a_call_is_closed_and_one_with_a_call_is_not() {
        watched(Limits { idle: SOON, ..ENDLESS }, 0).closes().await;
        let busy = watched(Limits { idle: SOON, ..ENDLESS }, 2);
        busy.stays_open().await;
        busy.calls.send_replace(1);
        busy.stays_open().await;
        busy.calls.send_replace(0);
        busy.closes().await;
    }

    #[tokio::test]
    async fn who_stays_unknown_is_closed_in_the_middle_of_a_call() {
        watched(Limits { life: Some(SOON), ..ENDLESS }, 1).closes().await;
        assert!(UNKNOWN.life.is_some() && UNKNOWN.idle < KNOWN.idle && KNOWN.life.is_none());
    }

    #[tokio::test]
    async fn a_stop_waits_for_calls_but_not_for_ever() {
        let idle = watched(ENDLESS, 0);
        idle.shutdown.cancel();
        idle.closes().await;

        let busy = watched(ENDLESS, 1);
        busy.shutdown.cancel();
        busy.stays_open().await;
        busy.calls.send_replace(0);
        busy.closes().await;

        let endless = watched(Limits { last_calls: SOON, ..ENDLESS }, 1);
        endless.shutdown.cancel();
        endless.closes().await;
    }
}
