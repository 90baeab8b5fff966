//! Whom this server believes, and how it shows who it is. The system's own roots are never asked.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use pantau_proto::limits::COLLECTOR_NAME;
use ring::digest::{SHA256, digest};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
    client::{
        ResolvesClientCert, Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring as provider},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::WebPkiClientVerifier,
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use super::key::{Key, der};

/// SHA-256 of the DER of a CA certificate.
pub type Fingerprint = [u8; 32];

/// Of any bytes.
pub fn fingerprint(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, der).as_ref());
    bytes
}

/// Tag of a name in a certificate that is a URI (RFC 5280, section 4.2.1.6).
const URI: u8 = 0x86;

/// TLS to a collector whose CA has this fingerprint, and to no other. Shows no certificate.
pub(super) fn by_fingerprint(ca: Fingerprint, tls_1_2: bool) -> anyhow::Result<ClientConfig> {
    let config = builder(tls_1_2)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ByFingerprint { ca, provider: ring() }))
        .with_no_client_auth();
    Ok(with_http2(config))
}

/// TLS to the collector of this CA. Shows no certificate.
pub(super) fn by_ca(ca: &[u8], tls_1_2: bool) -> anyhow::Result<ClientConfig> {
    let config = builder(tls_1_2)?.with_root_certificates(roots(ca)?).with_no_client_auth();
    Ok(with_http2(config))
}

/// TLS to the collector of this CA, as this server.
pub(super) fn as_agent(
    ca: &[u8],
    key: &Key,
    certificate: &[u8],
    tls_1_2: bool,
) -> anyhow::Result<ClientConfig> {
    let certified = certified(key, certificate)?;
    let config = builder(tls_1_2)?
        .with_root_certificates(roots(ca)?)
        .with_client_cert_resolver(Arc::new(Always(certified)));
    Ok(with_http2(config))
}

/// Errors when `certificate` is not of `key`, not by `ca`, or not for clients. Its times are the
/// collector's to judge: this machine's clock may be wrong.
pub(super) fn check(
    ca: &[u8],
    key: &Key,
    certificate: &[u8],
    valid_at_ms: i64,
) -> anyhow::Result<()> {
    certified(key, certificate)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(ca)?.into(), ring());
    let seconds = u64::try_from(valid_at_ms / 1_000).unwrap_or_default();
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let der = CertificateDer::from(certificate);
    let verified = verifier.build()?.verify_client_cert(&der, &[], at);
    verified
        .map(|_| ())
        .context("the certificate is not by the collector's CA, or not for an agent")
}

/// Whether a certificate names this agent. It is searched and not parsed: its signature has shown that the
/// collector wrote it.
pub(super) fn names(certificate: &[u8], site_id: &str, agent_id: &str) -> bool {
    let name = der(URI, &[format!("pantau://{site_id}/{agent_id}").as_bytes()]);
    certificate.windows(name.len()).any(|window| window == name)
}

fn certified(key: &Key, certificate: &[u8]) -> anyhow::Result<Arc<CertifiedKey>> {
    let chain = vec![CertificateDer::from(certificate.to_vec())];
    let certified = CertifiedKey::new(chain, key.signing()?);
    certified.keys_match().map_err(|_| anyhow!("the certificate is not of this server's key"))?;
    Ok(certified.into())
}

fn builder(
    tls_1_2: bool,
) -> anyhow::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    let versions: &[&SupportedProtocolVersion] =
        if tls_1_2 { &[&TLS13, &TLS12] } else { &[&TLS13] };
    let builder = ClientConfig::builder_with_provider(ring()).with_protocol_versions(versions);
    builder.context("no TLS")
}

fn with_http2(mut config: ClientConfig) -> ClientConfig {
    // The collector looks at the certificate each time, and so gives no tickets.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

fn ring() -> Arc<CryptoProvider> {
    Arc::new(provider::default_provider())
}

fn roots(ca: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if roots.add(CertificateDer::from(ca.to_vec())).is_err() {
        bail!("the CA's certificate is damaged");
    }
    Ok(roots)
}

/// Shows the one certificate there is, whichever CAs the collector names.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Believes the CA with this fingerprint, which the collector presents behind its own certificate.
#[derive(Debug)]
struct ByFingerprint {
    ca: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ByFingerprint {
    /// The usual rules, with this CA as the only root.
    fn usual(&self, chain: &[CertificateDer<'_>]) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let ca = chain.iter().find(|ca| fingerprint(ca) == self.ca).ok_or_else(unknown)?;
        let roots = roots(ca).map_err(|_| unknown())?;
        let usual =
            WebPkiServerVerifier::builder_with_provider(roots.into(), self.provider.clone());
        usual.build().map_err(|_| unknown())
    }
}

impl ServerCertVerifier for ByFingerprint {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _asked: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = ServerName::try_from(COLLECTOR_NAME)
            .map_err(|_| Error::InvalidCertificate(CertificateError::NotValidForName))?;
        self.usual(chain)?.verify_server_cert(leaf, &[], &name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
