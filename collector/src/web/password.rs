//! Passwords: made, checked for length, hashed with argon2id.

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use rand::RngExt;
use thiserror::Error;

use crate::config::Secret;

/// Characters of a generated password: none that is mistaken for another when read aloud or copied
/// from a screen (no 0 O o, 1 l I).
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz";
/// Length of a generated password: 20 of 56 characters are 116 bits.
const GENERATED_CHARS: usize = 20;
/// Shortest password a person may choose, in characters.
pub const CHARS_MIN: usize = 12;
/// Longest, in bytes: hashing is meant to cost, but not at an attacker's choice.
pub const BYTES_MAX: usize = 1_024;
/// Bytes of salt (RFC 9106, section 3.1).
const SALT_BYTES: usize = 16;

/// Why a password was not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PasswordError {
    /// Too easy to guess.
    #[error("the password is too short; use at least {CHARS_MIN} characters")]
    Short,
    /// Too long to hash.
    #[error("the password is too long; at most {BYTES_MAX} bytes are allowed")]
    Long,
    /// The hash function refused.
    #[error("the password could not be hashed")]
    Hash,
}

/// A new password from the system's random source.
pub fn generate() -> Secret {
    let mut rng = rand::rng();
    let text: String = (0..GENERATED_CHARS)
        .filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len())))
        .map(|byte| char::from(*byte))
        .collect();
    Secret::new(text)
}

/// Argon2id of a password with a fresh salt, as a PHC string. Takes tens of milliseconds of processor
/// time: call it off the async threads.
pub fn hash(password: &Secret) -> Result<Secret, PasswordError> {
    if password.reveal().chars().count() < CHARS_MIN {
        return Err(PasswordError::Short);
    }
    if password.reveal().len() > BYTES_MAX {
        return Err(PasswordError::Long);
    }
    let salt = SaltString::encode_b64(&rand::random::<[u8; SALT_BYTES]>())
        .map_err(|_| PasswordError::Hash)?;
    let hashed = Argon2::default()
        .hash_password(password.reveal().as_bytes(), &salt)
        .map_err(|_| PasswordError::Hash)?;
    Ok(Secret::new(hashed.to_string()))
}

/// Whether `password` is the one of `stored`. Without a stored hash the same work is done on a hash
/// that fits nothing, so that the time does not tell whether a name exists. Costs like [`hash`].
pub fn verify(password: &Secret, stored: Option<&Secret>) -> bool {
    if password.reveal().len() > BYTES_MAX {
        return false;
    }
    let reference = stored.map_or(UNKNOWN_PERSON, Secret::reveal);
    let fits = PasswordHash::new(reference).is_ok_and(|hash| {
        Argon2::default().verify_password(password.reveal().as_bytes(), &hash).is_ok()
    });
    fits && stored.is_some()
}

/// A hash with the parameters of [`hash`] (a test holds them equal), of a password nobody knows.
const UNKNOWN_PERSON: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\
                              3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_long_and_never_the_same() {
        let (one, other) = (generate(), generate());
        assert_eq!(one.reveal().len(), GENERATED_CHARS);
        assert_ne!(one, other);
    }

    #[test]
    fn only_the_right_password_fits_and_no_name_fits_none() {
        let password = generate();
        let stored = hash(&password).unwrap();
        assert!(verify(&password, Some(&stored)));
        assert!(!verify(&generate(), Some(&stored)));
        assert!(!verify(&password, None));
        assert_ne!(stored, hash(&password).unwrap(), "each hash has a salt of its own");
    }

    #[test]
    fn an_unknown_name_costs_the_same_work_as_a_known_one() {
        let known = hash(&generate()).unwrap();
        let known = PasswordHash::new(known.reveal()).unwrap();
        let unknown = PasswordHash::new(UNKNOWN_PERSON).unwrap();
        assert_eq!(known.algorithm, unknown.algorithm);
        assert_eq!(known.params, unknown.params);
        assert_eq!(known.hash.unwrap().len(), unknown.hash.unwrap().len());
    }

    #[test]
    fn too_short_and_too_long_passwords_are_refused() {
        assert_eq!(hash(&Secret::new("short")), Err(PasswordError::Short));
        assert_eq!(hash(&Secret::new("x".repeat(BYTES_MAX + 1))), Err(PasswordError::Long));
    }
}
