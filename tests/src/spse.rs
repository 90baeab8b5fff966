//! A stand-in for SPSE's own port: answers its login page, an error, or nothing.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
};

use anyhow::Result;
use axum::{Router, extract::State, http::StatusCode, response::Html};

/// A running stand-in; gone when dropped.
pub struct Spse {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Answers>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Answers {
    status: AtomicU16,
    requests: AtomicU64,
}

/// The text that its page carries, as SPSE's footer does.
pub const FOOTER: &str = "SPSE v4.5u20260401";

impl Spse {
    /// Starts on a free loopback port, answering 200.
    pub async fn start() -> Result<Spse> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Answers { status: AtomicU16::new(200), ..Answers::default() });
        let router = Router::new().fallback(page).with_state(state.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Spse { address, state, task })
    }

    /// Status of every further answer.
    pub fn answer(&self, status: u16) {
        self.state.status.store(status, Ordering::SeqCst);
    }

    /// How often it was asked.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Address of its first page.
    pub fn url(&self) -> String {
        format!("http://{}/eproc4", self.address)
    }
}

impl Drop for Spse {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn page(State(state): State<Arc<Answers>>) -> (StatusCode, Html<String>) {
    state.requests.fetch_add(1, Ordering::SeqCst);
    let status = StatusCode::from_u16(state.status.load(Ordering::SeqCst)).unwrap_or_default();
    (status, Html(format!("<html><title>LPSE</title><footer>{FOOTER}</footer></html>")))
}
