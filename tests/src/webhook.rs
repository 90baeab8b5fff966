//! An HTTP receiver that keeps every JSON body posted to it. What comes again under a known
//! `Idempotency-Key` is dropped, as `docs/ALERTS.md` asks of receivers.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use serde_json::Value;

/// A running receiver; gone when dropped.
pub struct Webhook {
    address: SocketAddr,
    bodies: Bodies,
    task: tokio::task::JoinHandle<()>,
}

/// Key and body.
type Bodies = Arc<Mutex<Vec<(Vec<u8>, Value)>>>;

impl Webhook {
    /// Starts on a free loopback port.
    pub async fn start() -> Result<Webhook> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let bodies = Bodies::default();
        let router = Router::new().route("/kait", post(keep)).with_state(bodies.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Webhook { address, bodies, task })
    }

    /// Bodies taken so far.
    pub fn bodies(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.iter().map(|(_, body)| body.clone()).collect()
    }

    /// Settings of a collector that posts here.
    pub fn settings(&self) -> String {
        format!("[webhook]\nurl = \"http://{}/kait\"\n", self.address)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(State(bodies): State<Bodies>, headers: HeaderMap, Json(body): Json<Value>) {
    let key = headers.get("idempotency-key").map_or(Vec::new(), |key| key.as_bytes().to_vec());
    let mut bodies = bodies.lock().unwrap_or_else(PoisonError::into_inner);
    if key.is_empty() || bodies.iter().all(|(known, _)| *known != key) {
        bodies.push((key, body));
    }
}
