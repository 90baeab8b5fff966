//! TLS of the door: the collector's certificate, renewed while it runs, and the check of agents'.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tracing::error;

use crate::identity::{Authority, authority::SERVER_LIFE_DAYS};

/// gRPC is HTTP/2.
const ALPN: &[u8] = b"h2";
/// Age at which the collector's certificate is replaced: two thirds of its life.
const RENEWED_AFTER_MS: i64 = SERVER_LIFE_DAYS * 86_400_000 / 3 * 2;

/// The settings of TLS. A certificate is asked for and checked when one comes; who comes without one is
/// served enrolment alone.
///
/// Sessions are not resumed: reconnecting is rare, and a resumed one would not show the certificate anew.
pub fn config(
    authority: Arc<Authority>,
    tls_1_2: bool,
    clock: fn() -> i64,
) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).context("cannot trust the own CA")?;
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .clear_root_hint_subjects()
            .build()
            .context("cannot check certificates of agents")?;
    let versions: &[_] = if tls_1_2 { &[&TLS13, &TLS12] } else { &[&TLS13] };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .context("TLS versions")?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(Own::new(authority, clock)?));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The collector's own certificate, made anew in time by the handshake that finds it old.
struct Own {
    authority: Arc<Authority>,
    current: Mutex<(Arc<CertifiedKey>, i64)>,
    clock: fn() -> i64,
}

impl Own {
    fn new(authority: Arc<Authority>, clock: fn() -> i64) -> Result<Own> {
        let made_ms = clock();
        let first = Arc::new(authority.server_certificate(made_ms)?);
        Ok(Own { authority, current: Mutex::new((first, made_ms)), clock })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = (self.clock)();
        // Also when the clock was set back since: what was made then does not hold yet.
        if !(0..RENEWED_AFTER_MS).contains(&now_ms.saturating_sub(current.1)) {
            match self.authority.server_certificate(now_ms) {
                Ok(next) => *current = (Arc::new(next), now_ms),
                Err(why) => error!("the collector's certificate is not renewed: {why:#}"),
            }
        }
        Arc::clone(&current.0)
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the collector's certificate")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    static NOW_MS: AtomicI64 = AtomicI64::new(1_795_000_000_000);

    #[test]
    fn the_collectors_certificate_is_renewed_in_time_and_when_the_clock_was_set_back() {
        let start_ms = NOW_MS.load(Ordering::SeqCst);
        let authority = Arc::new(Authority::generate(start_ms).unwrap());
        let own = Own::new(authority, || NOW_MS.load(Ordering::SeqCst)).unwrap();
        let at = |ms: i64| {
            NOW_MS.store(ms, Ordering::SeqCst);
            own.current().cert[0].clone()
        };
        let first = at(start_ms);
        assert_eq!(at(start_ms + RENEWED_AFTER_MS - 1), first);
        let second = at(start_ms + RENEWED_AFTER_MS);
        assert_ne!(second, first);
        assert_eq!(at(start_ms + RENEWED_AFTER_MS), second);
        assert_ne!(at(start_ms), second);
    }
}
