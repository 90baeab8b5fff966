//! A link that can be cut, slow, half closed, or swallow everything: a TCP proxy between agent and
//! collector.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

use super::plan::LinkMode;

/// Bytes moved at once: small, so that a fault hits the middle of a message.
const PIECE_BYTES: usize = 1_024;

/// A running proxy; gone when dropped.
pub struct Link {
    /// Where the agent calls.
    pub address: SocketAddr,
    mode: watch::Sender<LinkMode>,
    collector: watch::Sender<SocketAddr>,
    connections: Connections,
    task: tokio::task::JoinHandle<()>,
}

type Connections = Arc<Mutex<JoinSet<()>>>;

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    FromAgent,
    FromCollector,
}

impl Link {
    /// Starts on a free loopback port, leading to `collector`.
    pub async fn start(collector: SocketAddr) -> Result<Link> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, _) = watch::channel(LinkMode::Whole);
        let connections = Connections::default();
        let (collector, leads_to) = watch::channel(collector);
        let task = tokio::spawn(accept(listener, leads_to, mode.clone(), connections.clone()));
        Ok(Link { address, mode, collector, connections, task })
    }

    /// Leads to a collector that was started elsewhere.
    pub fn lead_to(&self, collector: SocketAddr) {
        self.collector.send_replace(collector);
    }

    /// Behaves like this from now on. What a dead connection swallowed is gone: connections that were
    /// dead do not come to life, they are reset.
    pub fn set(&self, mode: LinkMode) {
        let before = self.mode.send_replace(mode);
        let was_alive = matches!(before, LinkMode::Whole | LinkMode::Slow { .. });
        if !was_alive || mode == LinkMode::Cut {
            lock(&self.connections).abort_all();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
        lock(&self.connections).abort_all();
    }
}

fn lock(connections: &Connections) -> std::sync::MutexGuard<'_, JoinSet<()>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(
    listener: TcpListener,
    collector: watch::Receiver<SocketAddr>,
    mode: watch::Sender<LinkMode>,
    connections: Connections,
) {
    while let Ok((agent, _)) = listener.accept().await {
        // An aborted or refused connection ends in a reset, not in an orderly end.
        let _ = agent.set_zero_linger();
        if *mode.borrow() != LinkMode::Cut {
            let collector = *collector.borrow();
            lock(&connections).spawn(carry(agent, collector, mode.subscribe()));
        }
    }
}

async fn carry(agent: TcpStream, collector: SocketAddr, mode: watch::Receiver<LinkMode>) {
    let Ok(collector) = TcpStream::connect(collector).await else { return };
    let _ = collector.set_zero_linger();
    let (agent_in, agent_out) = agent.into_split();
    let (collector_in, collector_out) = collector.into_split();
    let up = pump(agent_in, collector_out, mode.clone(), Direction::FromAgent);
    let down = pump(collector_in, agent_out, mode, Direction::FromCollector);
    tokio::join!(up, down);
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<LinkMode>,
    direction: Direction,
) {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = tokio::select! {
            read = from.read(&mut piece) => read.unwrap_or(0),
            Ok(mode) = mode.wait_for(|mode| *mode == LinkMode::HalfClosed), if direction == Direction::FromAgent => {
                drop(mode);
                0
            }
        };
        let now = *mode.borrow_and_update();
        match now {
            LinkMode::BlackHole => continue_in_the_dark(&mut mode).await,
            LinkMode::Slow { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            _ => {}
        }
        let Some(data) = piece.get(..read).filter(|data| !data.is_empty()) else { break };
        if to.write_all(data).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// Nothing moves until the link is another; then this connection is reset from outside.
async fn continue_in_the_dark(mode: &mut watch::Receiver<LinkMode>) {
    let _ = mode.wait_for(|mode| *mode != LinkMode::BlackHole).await;
    std::future::pending::<()>().await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        address
    }

    async fn says(stream: &mut TcpStream) -> bool {
        let mut byte = [0];
        let spoken = async {
            stream.write_all(b"x").await?;
            stream.read_exact(&mut byte).await
        };
        matches!(tokio::time::timeout(Duration::from_millis(300), spoken).await, Ok(Ok(_)))
    }

    #[tokio::test]
    async fn a_whole_link_carries_a_dead_one_does_not_and_is_reset_when_it_is_whole_again() {
        let link = Link::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        assert!(says(&mut stream).await);
        for dead in [LinkMode::BlackHole, LinkMode::Cut] {
            link.set(dead);
            assert!(!says(&mut stream).await);
            link.set(LinkMode::Whole);
            assert!(!says(&mut stream).await);
            stream = TcpStream::connect(link.address).await.unwrap();
            assert!(says(&mut stream).await);
        }
    }
}
