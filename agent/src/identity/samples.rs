//! A collector of the tests' own: its CA, its TLS, and certificates for agents.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use pantau_proto::v1::{
    self,
    enrolment_server::{Enrolment, EnrolmentServer},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType, date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, transport::server::Connected};

use super::*;
use crate::ship::{Alerts, Connector, Dialer, Meter};

/// A day as `(year, month, day)`.
pub(crate) type Day = (i32, u8, u8);
/// A life that holds now and for long.
pub(crate) const HOLDS: (Day, Day) = ((2020, 1, 1), (2120, 1, 1));
/// A life that is over.
pub(crate) const OVER: (Day, Day) = ((2020, 1, 1), (2020, 4, 1));

/// A collector's CA.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
}

impl Ca {
    pub(crate) fn new() -> Ca {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "Pantau");
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Ca { issuer: Issuer::new(params, key), der }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.der.clone()
    }

    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        tls::fingerprint(&self.der)
    }

    /// TLS of a collector, which wants agents to show certificates of this CA if they show any.
    pub(crate) fn server(&self, life: (Day, Day)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new([pantau_proto::limits::COLLECTOR_NAME.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let ((y, m, d), (y2, m2, d2)) = life;
        params.not_before = date_time_ymd(y, m, d);
        params.not_after = date_time_ymd(y2, m2, d2);
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let ca = CertificateDer::from(self.der());
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .allow_unauthenticated()
            .build()
            .unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![leaf.der().clone(), ca], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.into()
    }

    /// Certificate for a request, as an agent's.
    pub(crate) fn sign(&self, csr: &[u8], names: (&str, &str), life: (Day, Day)) -> Vec<u8> {
        let mut request = CertificateSigningRequestParams::from_der(&csr.to_vec().into()).unwrap();
        let (site, agent) = names;
        let uri = format!("pantau://{site}/{agent}");
        request.params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let ((y, m, d), (y2, m2, d2)) = life;
        request.params.not_before = date_time_ymd(y, m, d);
        request.params.not_after = date_time_ymd(y2, m2, d2);
        request.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    /// Identity of the agent `app-1` of `lpse-contoh`.
    pub(crate) fn enrolled(&self, collector: Address, life: (Day, Day)) -> Enrolled {
        let key = Key::make().unwrap();
        let certificate = self.sign(&key.request().unwrap(), ("lpse-contoh", "app-1"), life);
        Enrolled {
            site_id: "lpse-contoh".to_owned(),
            agent_id: "app-1".to_owned(),
            collector,
            not_before_ms: ms(life.0),
            not_after_ms: ms(life.1),
            key: key.into(),
            certificate,
            ca: self.der(),
        }
    }

    /// The way of that agent to a collector of this CA at `address`.
    pub(crate) fn connector(&self, address: std::net::SocketAddr) -> Connector {
        let enrolled = self.enrolled(address.into(), HOLDS);
        let tls = watch::channel(Arc::new(enrolled.tls(false).unwrap())).1;
        Connector::new(dialer(address), tls, Arc::<Alerts>::default())
    }
}

/// Stores an identity below a state folder; nothing listens at its collector.
pub(crate) fn enrol_into(state_dir: &std::path::Path) -> Enrolled {
    let enrolled = Ca::new().enrolled("127.0.0.1:1".parse().unwrap(), HOLDS);
    Store::within(state_dir).replace(None, &enrolled, store::Purpose::Enrolment).unwrap();
    enrolled
}

/// Stores the identity of an agent of `office`, which listens at `address`.
pub(crate) fn enrol_at(
    office: &Office,
    address: std::net::SocketAddr,
    state_dir: &std::path::Path,
    life: (Day, Day),
) -> Enrolled {
    let enrolled = office.ca.enrolled(address.into(), life);
    Store::within(state_dir).replace(None, &enrolled, store::Purpose::Enrolment).unwrap();
    enrolled
}

/// Public point of the identity's key.
pub(crate) fn point_of(enrolled: &Enrolled) -> Vec<u8> {
    key_in(&enrolled.key.request().unwrap())
}

/// Straight to `address`, counted by nobody.
pub(crate) fn dialer(address: std::net::SocketAddr) -> Dialer {
    let meter = Meter::open("/nowhere/traffic.json".into(), jiff::tz::TimeZone::UTC, 0);
    Dialer::new(address.into(), None, meter.into())
}

/// Midnight UTC of a day.
pub(crate) fn ms((year, month, day): Day) -> i64 {
    let date = jiff::civil::date(year as i16, month as i8, day as i8);
    date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond()
}

/// What tonic's server takes: connections whose TLS is done.
pub(crate) fn incoming(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
) -> ReceiverStream<io::Result<Secured>> {
    let (out, connections) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (out, handshake) = (out.clone(), TlsAcceptor::from(tls.clone()).accept(stream));
            tokio::spawn(async move {
                if let Ok(stream) = handshake.await {
                    let _ = out.send(Ok(Secured(stream))).await;
                }
            });
        }
    });
    ReceiverStream::new(connections)
}

/// A connection of [`incoming`].
pub(crate) struct Secured(TlsStream<TcpStream>);

impl Connected for Secured {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// An Enrolment service that issues by `ca`, unless it is told to refuse, to lie or to lose its answers.
pub(crate) struct Office {
    pub(crate) ca: Ca,
    pub(crate) refuse: v1::enrol_answer::Refused,
    /// Answers that are lost after the request was heard.
    pub(crate) lost: Mutex<u32>,
    /// Changes an answer before it goes out.
    pub(crate) lie: fn(&mut v1::EnrolAnswer),
    pub(crate) life: (Day, Day),
    pub(crate) enrolments: Mutex<Vec<v1::EnrolRequest>>,
    pub(crate) renewals: Mutex<Vec<v1::RenewRequest>>,
}

impl Office {
    pub(crate) fn new() -> Office {
        Office {
            ca: Ca::new(),
            refuse: v1::enrol_answer::Refused::Unspecified,
            lost: Mutex::default(),
            lie: |_| {},
            life: HOLDS,
            enrolments: Mutex::default(),
            renewals: Mutex::default(),
        }
    }

    /// Opens it; it answers as long as the test runs.
    pub(crate) async fn open(self) -> (Arc<Office>, std::net::SocketAddr) {
        let office = Arc::new(self);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(EnrolmentServer::from_arc(office.clone()));
        let connections = incoming(listener, office.ca.server(HOLDS));
        tokio::spawn(server.serve_with_incoming(connections));
        (office, address)
    }

    fn answer(&self, csr: &[u8], agent: &str) -> Result<Response<v1::EnrolAnswer>, Status> {
        let mut lost = self.lost.lock().unwrap();
        if *lost > 0 {
            *lost -= 1;
            return Err(Status::unavailable("the line broke"));
        }
        if self.refuse != v1::enrol_answer::Refused::Unspecified {
            let refused = self.refuse.into();
            return Ok(Response::new(v1::EnrolAnswer { refused, ..Default::default() }));
        }
        let mut answer = v1::EnrolAnswer {
            certificate: self.ca.sign(csr, ("lpse-contoh", agent), self.life),
            ca: self.ca.der(),
            site_id: "lpse-contoh".to_owned(),
            agent_id: agent.to_owned(),
            not_before_ms: ms(self.life.0),
            not_after_ms: ms(self.life.1),
            ..Default::default()
        };
        (self.lie)(&mut answer);
        Ok(Response::new(answer))
    }
}

#[tonic::async_trait]
impl Enrolment for Office {
    async fn enrol(
        &self,
        request: tonic::Request<v1::EnrolRequest>,
    ) -> Result<Response<v1::EnrolAnswer>, Status> {
        let request = request.into_inner();
        self.enrolments.lock().unwrap().push(request.clone());
        self.answer(&request.csr, &request.agent_id)
    }

    async fn renew(
        &self,
        request: tonic::Request<v1::RenewRequest>,
    ) -> Result<Response<v1::EnrolAnswer>, Status> {
        let request = request.into_inner();
        self.renewals.lock().unwrap().push(request.clone());
        self.answer(&request.csr, "app-1")
    }
}

/// Public key in a request.
pub(crate) fn key_in(csr: &[u8]) -> Vec<u8> {
    use rcgen::PublicKeyData;
    let request = CertificateSigningRequestParams::from_der(&csr.to_vec().into()).unwrap();
    request.public_key.der_bytes().to_vec()
}

/// Token for a collector of the CA with this fingerprint.
pub(crate) fn token(ca_sha256: [u8; 32]) -> String {
    pantau_proto::token::Token { id: [1; 8], secret: [2; 16], ca_sha256, expires_s: 4 }.encode()
}
