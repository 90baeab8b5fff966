//! An HTTP receiver that keeps every JSON body posted to it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use axum::{Json, Router, extract::State, routing::post};
use serde_json::Value;

/// A running receiver; gone when dropped.
pub struct Webhook {
    address: SocketAddr,
    bodies: Bodies,
    task: tokio::task::JoinHandle<()>,
}

type Bodies = Arc<Mutex<Vec<Value>>>;

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
        self.bodies.lock().map(|bodies| bodies.clone()).unwrap_or_default()
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

async fn keep(State(bodies): State<Bodies>, Json(body): Json<Value>) {
    if let Ok(mut bodies) = bodies.lock() {
        bodies.push(body);
    }
}
