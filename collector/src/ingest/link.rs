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

/// A connection without a call is closed after this.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Without a certificate, sooner: the first call must come within this.
const UNKNOWN_IDLE_MAX: Duration = Duration::from_secs(10);
/// Who comes without a certificate is done by then; it has one now, or comes again.
const UNKNOWN_LIFE_MAX: Duration = Duration::from_secs(60);
/// When the collector stops, calls may take this long to end.
const LAST_CALLS_WITHIN: Duration = Duration::from_secs(8);
/// And the last words this long to leave.
const GOODBYE: Duration = Duration::from_millis(500);

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
        tokio::spawn(watch(seen, certificate.is_some(), closed.clone(), shutdown));
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
    known: bool,
    closed: CancellationToken,
    shutdown: CancellationToken,
) {
    let idle_max = if known { IDLE_MAX } else { UNKNOWN_IDLE_MAX };
    tokio::select! {
        () = closed.cancelled() => {}
        () = idle(calls.clone(), idle_max) => {}
        () = sleep(UNKNOWN_LIFE_MAX), if !known => {}
        () = stopped(calls, &shutdown) => {}
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
async fn stopped(mut calls: watch::Receiver<u32>, shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    let _ = timeout(LAST_CALLS_WITHIN, calls.wait_for(|calls| *calls == 0)).await;
    sleep(GOODBYE).await;
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
