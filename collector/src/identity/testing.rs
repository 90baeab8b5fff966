//! An agent's key, for tests.

use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData,
    SigningKey,
};

use super::certificate::{PublicPoint, point_of};

/// A key and what can be done with it.
pub(crate) struct Key(pub(crate) KeyPair);

impl Key {
    pub(crate) fn new() -> Key {
        Key(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    pub(crate) fn on_p384() -> Key {
        Key(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap())
    }

    pub(crate) fn point(&self) -> PublicPoint {
        let certificate = CertificateParams::default().self_signed(&self.0).unwrap();
        let point = point_of(certificate.der()).unwrap();
        assert_eq!(point.bytes(), self.0.der_bytes());
        point
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        CertificateParams::default().serialize_request(&self.0).unwrap().der().to_vec()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).unwrap()
    }
}
