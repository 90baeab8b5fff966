//! Harness of the end-to-end tests: starts the real programs and what they watch, drives them, and reads
//! what they made of it. Everything runs as an unprivileged user, on free loopback ports, in a folder
//! that goes away.

pub mod disk;
pub mod scratch;

pub mod play;
pub mod postgres;
pub mod spse;

pub mod program;

pub mod agent;
pub mod collector;

pub mod authority;
pub mod browser;
pub mod mail;
pub mod recorder;
pub mod webhook;

pub mod month;
pub mod torture;

use std::{future::Future, time::Duration};

/// How long anything that must happen may take. Generous: machines are busy, and a passing test never
/// waits for it.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Gives reqwest its cryptography; it panics without one, even for plain HTTP.
pub fn install_crypto() {
    // An error says that another test of this process has done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Asks again and again until `look` answers, at most [`PATIENCE`]; then says what was waited for.
pub async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Option<T>>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = look().await {
            return Ok(answer);
        }
        if tokio::time::Instant::now() > deadline {
            anyhow::bail!("waited {} s in vain for: {what}", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
