//! The private key of this server: ECDSA P-256. It is made here and never leaves this machine.
//!
//! The request for a certificate (PKCS #10, RFC 2986) is written by hand: it has one form, of two hundred
//! bytes, and its subject stays empty because the collector does not read it.

use std::{fmt, sync::Arc};

use anyhow::{Context, anyhow};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use rustls::{
    crypto::ring::sign::any_ecdsa_type,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::SigningKey,
};

/// The algorithm of the key: an EC public key on P-256.
const KEY_ALGORITHM: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];
/// The algorithm of signatures: ecdsa-with-SHA256.
const SIGNATURE_ALGORITHM: &[u8] =
    &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const VERSION_0: &[u8] = &[0x02, 0x01, 0x00];
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const ATTRIBUTES: u8 = 0xa0;

/// See the module. Its content is never printed.
pub struct Key {
    pkcs8: Vec<u8>,
    pair: EcdsaKeyPair,
}

impl Key {
    /// A new one.
    pub fn make() -> anyhow::Result<Key> {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
        let made = made.map_err(|_| anyhow!("no random numbers for a key"))?;
        Key::from_pkcs8(made.as_ref().to_vec())
    }

    /// One that was kept.
    pub fn from_pkcs8(pkcs8: Vec<u8>) -> anyhow::Result<Key> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &random);
        let pair = pair.map_err(|error| anyhow!("the key is damaged ({error})"))?;
        Ok(Key { pkcs8, pair })
    }

    /// To be kept.
    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Signature over `bytes`: SHA-256, ASN.1.
    pub(super) fn sign(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let signature = self.pair.sign(&SystemRandom::new(), bytes);
        Ok(signature.map_err(|_| anyhow!("no random numbers for a signature"))?.as_ref().to_vec())
    }

    /// Request for a certificate, DER.
    pub(super) fn request(&self) -> anyhow::Result<Vec<u8>> {
        let public = der(BIT_STRING, &[&[0], self.pair.public_key().as_ref()]);
        let key = der(SEQUENCE, &[KEY_ALGORITHM, &public]);
        let (no_subject, no_attributes) = (der(SEQUENCE, &[]), der(ATTRIBUTES, &[]));
        let info = der(SEQUENCE, &[VERSION_0, &no_subject, &key, &no_attributes]);
        let signature = der(BIT_STRING, &[&[0], &self.sign(&info)?]);
        Ok(der(SEQUENCE, &[&info, SIGNATURE_ALGORITHM, &signature]))
    }

    /// For TLS.
    pub(super) fn signing(&self) -> anyhow::Result<Arc<dyn SigningKey>> {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.clone()));
        any_ecdsa_type(&der).context("the key is damaged")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(<secret>)")
    }
}

/// One value of DER (X.690): tag, length, content.
pub(super) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let significant = &length[content.len().leading_zeros() as usize / 8..];
    let mut bytes = vec![tag];
    match content.len() {
        short @ 0..0x80 => bytes.push(short as u8),
        _ => {
            bytes.push(0x80 | significant.len() as u8);
            bytes.extend_from_slice(significant);
        }
    }
    bytes.extend_from_slice(&content);
    bytes
}

#[cfg(test)]
mod tests {
    use rcgen::CertificateSigningRequestParams;

    use super::*;

    #[test]
    fn a_request_holds_the_public_key_and_is_signed_with_the_private_one() {
        let key = Key::make().unwrap();
        let request = key.request().unwrap();
        // Reading it verifies its signature.
        let read = CertificateSigningRequestParams::from_der(&request.into()).unwrap();
        use rcgen::PublicKeyData;
        assert_eq!(read.public_key.der_bytes(), key.pair.public_key().as_ref());
    }

    #[test]
    fn a_key_that_was_kept_is_the_same_key() {
        let key = Key::make().unwrap();
        let again = Key::from_pkcs8(key.pkcs8().to_vec()).unwrap();
        assert_eq!(again.pair.public_key().as_ref(), key.pair.public_key().as_ref());
        assert!(Key::from_pkcs8(key.pkcs8()[1..].to_vec()).is_err());
        assert_eq!(format!("{key:?}"), "Key(<secret>)");
    }

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        assert_eq!(der(4, &[&[7; 127]])[..2], [4, 127]);
        assert_eq!(der(4, &[&[7; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(der(4, &[&[7; 256]])[..4], [4, 0x82, 1, 0]);
    }
}
