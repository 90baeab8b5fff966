//! From an address to a channel: TCP, directly or through a proxy, TLS, HTTP/2.
//!
//! A dead line is found by TCP itself ([`LINK_DEAD_AFTER_S`]); HTTP/2 pings are off, since they alone would
//! cost a quiet server more than its state.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use hyper_util::rt::TokioIo;
use pantau_proto::limits::{COLLECTOR_NAME, LINK_DEAD_AFTER_S};
use rustix::net::sockopt;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{Notify, watch},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Uri};

use super::{
    handshake::{self, Alert},
    meter::{Meter, Metered},
    proxy,
};
use crate::config::{Address, Proxy};

/// For TCP, the proxy and TLS each: a satellite line answers within seconds.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// A silent connection is asked for a sign of life after this, and again each half of it.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;

/// A connection to the collector, encrypted and counted.
pub type Connection = Noting<TlsStream<Metered<TcpStream>>>;

/// Knows the way to the collector.
#[derive(Clone)]
pub struct Dialer {
    address: Address,
    proxy: Option<Proxy>,
    meter: Arc<Meter>,
    /// For each step.
    patience: Duration,
}

impl Dialer {
    /// Nothing is connected yet.
    pub fn new(address: Address, proxy: Option<Proxy>, meter: Arc<Meter>) -> Dialer {
        Dialer { address, proxy, meter, patience: STEP_TIMEOUT }
    }

    /// Where it leads.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether something takes connections there.
    pub async fn reach(&self) -> anyhow::Result<()> {
        self.line().await.map(|_| ())
    }

    /// A connection over which nothing of ours has gone yet: `tls` has decided whom it leads to.
    /// Errors say what to do.
    pub async fn dial(
        &self,
        tls: Arc<ClientConfig>,
        alerts: Arc<Alerts>,
    ) -> anyhow::Result<Connection> {
        let stream = self.line().await?;
        let name = ServerName::try_from(COLLECTOR_NAME)?;
        let handshake = TlsConnector::from(tls).connect(name, stream);
        let stream =
            timeout(self.patience, handshake).await.map_err(|_| anyhow!("no TLS answer"))?;
        match stream {
            Ok(stream) => Ok(Noting { stream, alerts }),
            Err(error) => {
                // With TLS 1.2 the collector judges our certificate within the handshake.
                handshake::alert_in(&error).into_iter().for_each(|alert| alerts.note(alert));
                Err(anyhow!(handshake::explain(&error)))
            }
        }
    }

    async fn line(&self) -> anyhow::Result<Metered<TcpStream>> {
        let through = self.proxy.as_ref().map_or(&self.address, |proxy| &proxy.address);
        let mut stream = Metered::new(tcp(through, self.patience).await?, self.meter.clone());
        if let Some(proxy) = &self.proxy {
            let asked = timeout(self.patience, proxy::connect(&mut stream, proxy, &self.address));
            asked.await.map_err(|_| anyhow!("the proxy {through} does not answer"))??;
        }
        Ok(stream)
    }

    /// As [`Dialer::dial`], ready for calls. It does not come back by itself.
    pub async fn channel(
        &self,
        tls: Arc<ClientConfig>,
        alerts: Arc<Alerts>,
    ) -> anyhow::Result<Channel> {
        let connection = self.dial(tls, alerts).await?;
        let mut once = Some(TokioIo::new(connection));
        let connector = tower::service_fn(move |_: Uri| {
            let connection = once.take();
            async { connection.ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)) }
        });
        // The name only fills the requests' authority; TLS is done.
        let endpoint = Endpoint::from_shared(format!("http://{COLLECTOR_NAME}"))?;
        endpoint.connect_with_connector(connector).await.context("no HTTP/2")
    }
}

async fn tcp(address: &Address, patience: Duration) -> anyhow::Result<TcpStream> {
    let connecting = timeout(patience, TcpStream::connect((address.host(), address.port())));
    let stream = match connecting.await {
        Ok(stream) => stream.with_context(|| format!("{address} does not answer"))?,
        Err(_) => anyhow::bail!("{address} does not answer within {} s", patience.as_secs()),
    };
    watched(&stream).context("the socket cannot be set up")?;
    Ok(stream)
}

/// Lets the kernel find out that the line is dead, whether or not something is being sent.
fn watched(stream: &TcpStream) -> std::io::Result<()> {
    let dead_after_ms = u32::try_from(LINK_DEAD_AFTER_S * 1_000).unwrap_or(u32::MAX);
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    Ok(sockopt::set_tcp_user_timeout(stream, dead_after_ms)?)
}

/// The way to the collector with the newest certificate.
#[derive(Clone)]
pub struct Connector {
    dialer: Dialer,
    tls: watch::Receiver<Arc<ClientConfig>>,
    alerts: Arc<Alerts>,
}

impl Connector {
    /// `tls` may change; each connection takes what it is then.
    pub fn new(
        dialer: Dialer,
        tls: watch::Receiver<Arc<ClientConfig>>,
        alerts: Arc<Alerts>,
    ) -> Connector {
        Connector { dialer, tls, alerts }
    }

    /// A channel that does not come back by itself. Errors say what to do.
    pub async fn connect(&self) -> anyhow::Result<Channel> {
        self.alerts.forget();
        let tls = self.tls.borrow().clone();
        self.dialer.channel(tls, self.alerts.clone()).await
    }

    /// What the end of a stream means, where the collector said it by closing TLS: with TLS 1.3 it looks
    /// at our certificate after the handshake is done for us, so this does not show in [`connect`].
    ///
    /// [`connect`]: Connector::connect
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match self.alerts.last() {
            Some(alert) => anyhow!(alert.advice()),
            None => error,
        }
    }

    /// For messages to people.
    pub fn address(&self) -> &Address {
        self.dialer.address()
    }
}

/// What the collector said of our certificate on the newest connection.
#[derive(Default)]
pub struct Alerts {
    last: Mutex<Option<Alert>>,
    told: Notify,
}

impl Alerts {
    /// The newest, if the connection ended by one.
    pub fn last(&self) -> Option<Alert> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for one.
    pub async fn told(&self) {
        self.told.notified().await;
    }

    /// It was acted on, or is of a connection before.
    pub fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn note(&self, alert: Alert) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(alert);
        self.told.notify_one();
    }
}

/// A stream whose end by an alert is noted, since what stands above it tells only that it broke.
pub struct Noting<S> {
    stream: S,
    alerts: Arc<Alerts>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if let Some(alert) = read.as_ref().err().and_then(handshake::alert_in) {
            self.alerts.note(alert);
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
