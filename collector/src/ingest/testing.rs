//! What stands behind the port in tests, and how a test dials it.

use std::{net::SocketAddr, sync::Arc};

use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use super::{Door, Keep, Services, tls_config, visitor::Visitor};
use crate::{
    domain::{AgentId, SiteId, now_ms},
    identity::{Authority, Desk, Revoked, Terms, certificate::Presented, testing::Key},
    store::Store,
};

/// An authority, a desk and their address.
pub(super) struct Behind {
    pub(super) address: SocketAddr,
    pub(super) authority: Arc<Authority>,
    pub(super) desk: Arc<Desk>,
    pub(super) revoked: Revoked,
}

/// A key and its certificate.
pub(super) struct Papers {
    pub(super) key: Key,
    pub(super) certificate: Vec<u8>,
}

pub(super) fn demo() -> SiteId {
    SiteId("demo".into())
}

pub(super) fn spse_1() -> AgentId {
    AgentId("spse-1".into())
}

impl Behind {
    /// For the site "demo".
    pub(super) fn new(listener: &TcpListener, store: Store) -> Behind {
        let authority = Arc::new(Authority::generate(now_ms()).unwrap());
        let terms = Terms { certificate_days: 90, grace_days: 400 };
        let desk = Desk::new(store, Arc::clone(&authority), [demo()].into(), terms, now_ms);
        Behind {
            address: listener.local_addr().unwrap(),
            authority,
            desk: Arc::new(desk),
            revoked: Revoked::default(),
        }
    }

    pub(super) fn services<K: Keep>(&self, door: Door<K>) -> Services<K> {
        let tls = tls_config(Arc::clone(&self.authority), false, now_ms).unwrap();
        let (desk, revoked) = (Arc::clone(&self.desk), self.revoked.clone());
        Services { door: Arc::new(door), desk, revoked, tls }
    }

    /// Papers of an agent of "demo", signed `age_days` ago for 90 days.
    pub(super) fn papers(&self, agent: &AgentId, age_days: i64) -> Papers {
        self.papers_of(&demo(), agent, age_days)
    }

    /// Papers of an agent of any site.
    pub(super) fn papers_of(&self, site: &SiteId, agent: &AgentId, age_days: i64) -> Papers {
        let key = Key::new();
        let signed_ms = now_ms() - age_days * 86_400_000;
        let signed = self.authority.sign_agent(&key.point(), site, agent, 90, signed_ms).unwrap();
        Papers { key, certificate: signed.der }
    }

    /// A channel as the agent that tests speak for.
    pub(super) async fn dial_as_agent(&self) -> Channel {
        let papers = self.papers(&spse_1(), 0);
        self.dial(Some(&papers)).await.unwrap()
    }

    /// A channel that trusts this authority, with these papers or none.
    pub(super) async fn dial(
        &self,
        papers: Option<&Papers>,
    ) -> Result<Channel, tonic::transport::Error> {
        dial(self.address, &self.authority, papers).await
    }
}

/// An agent of "demo" at the other end of a stream, its certificate signed `age_days` ago for 90 days and
/// checked.
pub(super) fn visitor(agent: &AgentId, age_days: i64) -> Visitor {
    let authority = Authority::generate(now_ms()).unwrap();
    let signed_ms = now_ms() - age_days * 86_400_000;
    let signed = authority.sign_agent(&Key::new().point(), &demo(), agent, 90, signed_ms).unwrap();
    Visitor::new(Arc::new(Presented::read(&signed.der).unwrap()), Revoked::default())
}

/// A channel that trusts `authority`, with these papers or none.
pub(super) async fn dial(
    address: SocketAddr,
    authority: &Authority,
    papers: Option<&Papers>,
) -> Result<Channel, tonic::transport::Error> {
    let connector = TlsConnector::from(Arc::new(client(authority, papers)));
    let connect = tower::service_fn(move |_| {
        let connector = connector.clone();
        async move {
            let name = pantau_proto::limits::COLLECTOR_NAME.try_into().unwrap();
            let tcp = TcpStream::connect(address).await?;
            connector.connect(name, tcp).await.map(TokioIo::new)
        }
    });
    Endpoint::from_static("http://collector").connect_with_connector(connect).await
}

/// The other side of TLS.
pub(super) fn client(authority: &Authority, papers: Option<&Papers>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match papers {
        None => builder.with_no_client_auth(),
        Some(Papers { key, certificate }) => {
            let key = PrivateKeyDer::Pkcs8(key.0.serialize_der().into());
            builder.with_client_auth_cert(vec![certificate.clone().into()], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
