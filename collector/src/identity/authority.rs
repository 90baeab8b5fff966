//! The certificate authority itself: one key, which signs the collector's certificate and those of agents.
//!
//! Agents do not trust it by name but by the SHA-256 of its certificate, which their token carried.

use anyhow::{Context, Result, bail};
use pantau_proto::limits::COLLECTOR_NAME;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm, string::Ia5String,
};
use rustls::{crypto::ring::sign::any_ecdsa_type, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::certificate::{self, PublicPoint, name_uri};
use crate::domain::{AgentId, SiteId, identity::Serial};

/// Name of the authority. The same everywhere: it identifies nothing.
const NAME: &str = "Pantau CA";
/// How long it lasts. Its end means enrolling every server again, so it outlives the machines.
const LIFE_DAYS: i64 = 3_650;
/// How long the collector's own certificate lasts; a new one is made at each start and in time.
pub const SERVER_LIFE_DAYS: i64 = 90;
/// Certificates begin this much earlier than they are made: clocks of servers may be that far behind
/// before they are refused for it.
const BACKDATED_MS: i64 = DAY_MS;

const DAY_MS: i64 = 86_400_000;

/// The authority, ready to sign.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate that was just signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its number.
    pub serial: Serial,
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// From when on it holds, UTC milliseconds.
    pub not_before_ms: i64,
    /// Until when it holds.
    pub not_after_ms: i64,
}

impl Authority {
    /// A new one.
    pub fn generate(now_ms: i64) -> Result<Authority> {
        let key = new_key()?;
        let mut params = params();
        params.not_before = instant(now_ms - BACKDATED_MS)?;
        params.not_after = instant(now_ms + LIFE_DAYS * DAY_MS)?;
        params.serial_number = Some(SerialNumber::from_slice(&new_serial().0));
        let certificate = params.self_signed(&key).context("cannot sign the CA certificate")?;
        Ok(Authority { certificate: certificate.der().clone(), issuer: Issuer::new(params, key) })
    }

    /// Reads what [`Authority::to_pem`] wrote.
    pub fn from_pem(pem: &[u8]) -> Result<Authority> {
        let section = "is no PEM with a certificate and a private key (PKCS #8)";
        let certificate = CertificateDer::from_pem_slice(pem).context(section)?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).context(section)?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .context("its key is no ECDSA key on P-256")?;
        if certificate::point_of(&certificate)?.bytes() != key.public_key_raw() {
            bail!("its certificate and its key do not belong together");
        }
        Ok(Authority { certificate, issuer: Issuer::new(params(), key) })
    }

    /// Certificate and private key as PEM.
    pub fn to_pem(&self) -> String {
        let certificate = certificate_pem(&self.certificate);
        format!("{certificate}{}", self.issuer.key().serialize_pem())
    }

    /// Its certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// By which agents know it: SHA-256 of its certificate.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }

    /// Whether it signed this certificate, whatever its times are.
    pub fn signed(&self, certificate: &certificate::Presented) -> bool {
        certificate.is_signed_with(self.issuer.key().public_key_raw())
    }

    /// As [`Authority::signed`], of any bytes.
    pub fn signed_der(&self, der: &[u8]) -> bool {
        certificate::Presented::read(der).is_ok_and(|certificate| self.signed(&certificate))
    }

    /// Signs a certificate for an agent's key.
    pub fn sign_agent(
        &self,
        key: &PublicPoint,
        site: &SiteId,
        agent: &AgentId,
        days: i64,
        now_ms: i64,
    ) -> Result<Signed> {
        let mut params = leaf(ExtendedKeyUsagePurpose::ClientAuth);
        params.distinguished_name.push(DnType::CommonName, agent.0.as_str());
        let uri = Ia5String::try_from(name_uri(site, agent)).context("the name is no IA5 text")?;
        params.subject_alt_names.push(SanType::URI(uri));
        let serial = new_serial();
        // X.509 counts whole seconds.
        let not_before_ms = (now_ms - BACKDATED_MS) / 1_000 * 1_000;
        let not_after_ms = (now_ms + days.saturating_mul(DAY_MS)) / 1_000 * 1_000;
        params.serial_number = Some(SerialNumber::from_slice(&serial.0));
        params.not_before = instant(not_before_ms)?;
        params.not_after = instant(not_after_ms)?;
        let certificate = params.signed_by(&Subject(key), &self.issuer).context("cannot sign")?;
        Ok(Signed { serial, der: certificate.der().to_vec(), not_before_ms, not_after_ms })
    }

    /// A new key and certificate for the collector, as TLS presents them: its own, then the authority's.
    pub fn server_certificate(&self, now_ms: i64) -> Result<CertifiedKey> {
        let key = new_key()?;
        let mut params = leaf(ExtendedKeyUsagePurpose::ServerAuth);
        params.distinguished_name.push(DnType::CommonName, COLLECTOR_NAME);
        let name = Ia5String::try_from(COLLECTOR_NAME).context("the collector's name")?;
        params.subject_alt_names.push(SanType::DnsName(name));
        params.serial_number = Some(SerialNumber::from_slice(&new_serial().0));
        params.not_before = instant(now_ms - BACKDATED_MS)?;
        params.not_after = instant(now_ms + SERVER_LIFE_DAYS * DAY_MS)?;
        let certificate = params.signed_by(&key, &self.issuer).context("cannot sign")?;
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let signing = any_ecdsa_type(&private).context("cannot use the new key")?;
        Ok(CertifiedKey::new(vec![certificate.der().clone(), self.certificate.clone()], signing))
    }
}

/// What the authority's certificate says; the times are set where it is made.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf(usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a key")
}

/// Random, positive and of full length as a DER integer, so that the 16 bytes are the same everywhere.
fn new_serial() -> Serial {
    let mut bytes: [u8; 16] = rand::random();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Serial(bytes)
}

fn instant(ms: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).context("a time out of range")
}

fn certificate_pem(der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// An agent's key as the signer wants it.
struct Subject<'a>(&'a PublicPoint);

impl PublicKeyData for Subject<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{certificate::Presented, testing::Key};

    const NOW_MS: i64 = 1_795_000_000_123;

    fn names() -> (SiteId, AgentId) {
        (SiteId("demo".into()), AgentId("spse-1".into()))
    }

    #[test]
    fn an_authority_read_back_from_its_file_is_the_same() {
        let made = Authority::generate(NOW_MS).unwrap();
        let read = Authority::from_pem(made.to_pem().as_bytes()).unwrap();
        assert_eq!(read.sha256(), made.sha256());
        let (site, agent) = names();
        let signed = read.sign_agent(&Key::new().point(), &site, &agent, 90, NOW_MS).unwrap();
        assert!(made.signed(&Presented::read(&signed.der).unwrap()));
    }

    #[test]
    fn the_certificate_of_an_agent_says_who_it_is_and_until_when() {
        let authority = Authority::generate(NOW_MS).unwrap();
        let ((site, agent), key) = (names(), Key::new());
        let signed = authority.sign_agent(&key.point(), &site, &agent, 90, NOW_MS).unwrap();
        let read = Presented::read(&signed.der).unwrap();
        assert_eq!((&read.site, &read.agent, read.serial), (&site, &agent, signed.serial));
        assert_eq!(read.point, key.point());
        assert_eq!(read.not_after_ms, 1_795_000_000_000 + 90 * DAY_MS);
        assert_eq!(read.not_before_ms, 1_795_000_000_000 - DAY_MS);
    }

    #[test]
    fn another_authority_of_the_same_name_did_not_sign_it() {
        let (ours, theirs) =
            (Authority::generate(NOW_MS).unwrap(), Authority::generate(NOW_MS).unwrap());
        let (site, agent) = names();
        let signed = theirs.sign_agent(&Key::new().point(), &site, &agent, 90, NOW_MS).unwrap();
        assert!(theirs.signed_der(&signed.der));
        assert!(!ours.signed_der(&signed.der));
        assert!(!ours.signed_der(b"no certificate"));
    }

    #[test]
    fn a_file_whose_parts_do_not_belong_together_is_refused() {
        let (a, b) = (Authority::generate(NOW_MS).unwrap(), Authority::generate(NOW_MS).unwrap());
        let mixed =
            format!("{}{}", certificate_pem(&a.certificate), b.issuer.key().serialize_pem());
        let cases = [(mixed.as_str(), "belong together"), ("", "no PEM"), ("-----BEGIN", "no PEM")];
        for (pem, expected) in cases {
            let error = format!("{:#}", Authority::from_pem(pem.as_bytes()).err().unwrap());
            assert!(error.contains(expected), "{error} should contain {expected}");
        }
    }
}
