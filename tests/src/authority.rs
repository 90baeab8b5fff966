//! A certificate authority of a test's own, for a collector that is not ours.

use std::sync::Arc;

use anyhow::{Context, Result};
use pantau_proto::{limits::COLLECTOR_NAME, token::Token};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SignatureAlgorithm,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use sha2::{Digest, Sha256};
use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};

/// Signs for whoever asks.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    pub fn new() -> Result<Authority> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CA of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(Authority(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Its certificate.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A token that leads here.
    pub fn token(&self) -> String {
        let ca_sha256 = Sha256::digest(self.0.der()).into();
        let expires_s = jiff::Timestamp::now().as_second().unsigned_abs() + 3_600;
        Token { id: [1; 8], secret: [2; 16], ca_sha256, expires_s }.encode()
    }

    /// A certificate for the key of this request, as an agent of `site`.
    pub fn sign(&self, request: &[u8], site: &str, agent: &str) -> Result<Vec<u8>> {
        let (_, request) = X509CertificationRequest::from_der(request)?;
        let point = &request.certification_request_info.subject_pki.subject_public_key.data;
        let mut params = leaf(ExtendedKeyUsagePurpose::ClientAuth);
        let uri = format!("pantau://{site}/{agent}");
        params.subject_alt_names.push(SanType::URI(uri.as_str().try_into()?));
        Ok(params.signed_by(&Point(point.to_vec()), &self.0)?.der().to_vec())
    }

    /// TLS as a collector speaks it; certificates of agents are not asked for.
    pub fn server(&self) -> Result<Arc<ServerConfig>> {
        let key = KeyPair::generate()?;
        let mut params = leaf(ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names.push(SanType::DnsName(COLLECTOR_NAME.try_into()?));
        let own = params.signed_by(&key, &self.0)?.der().clone();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![own, self.certificate()], key)
            .context("the own certificate")?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

fn leaf(usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params
}

struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}
