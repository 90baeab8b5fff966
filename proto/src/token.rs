//! The text of a one-time enrolment token: made by the collector, typed by a person, read by the agent.
//!
//! `pantau1.` and then, in base64url without padding, these bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, [`VERSION`] |
//! | 8 | id of the token |
//! | 16 | its secret |
//! | 32 | SHA-256 of the DER of the collector's CA certificate |
//! | 8 | when it expires, seconds since 1970, big-endian |
//! | 4 | CRC-32 of the bytes before, big-endian: tells a slip of the pen from a wrong token |
//!
//! The text is parsed strictly: one token has one text.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits::TOKEN_PREFIX;

/// Version of the bytes.
pub const VERSION: u8 = 1;

const ID_END: usize = 1 + 8;
const SECRET_END: usize = ID_END + 16;
const CA_END: usize = SECRET_END + 32;
const EXPIRES_END: usize = CA_END + 8;
const BYTES: usize = EXPIRES_END + 4;

/// An enrolment token. Its secret is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Which token; no secret.
    pub id: [u8; 8],
    /// Shows that the caller was given this token.
    pub secret: [u8; 16],
    /// SHA-256 of the DER of the CA certificate that the collector must present.
    pub ca_sha256: [u8; 32],
    /// Seconds since 1970 from which on the collector refuses it.
    pub expires_s: u64,
}

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It does not begin with `pantau1.`.
    Prefix,
    /// Characters are missing, too many, or foreign.
    Form,
    /// A version this program does not know.
    Version(u8),
    /// A character is wrong: the check does not hold.
    Check,
}

impl Token {
    /// The text form.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.ca_sha256);
        bytes.extend_from_slice(&self.expires_s.to_be_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        format!("{TOKEN_PREFIX}.{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads the text form; white space around it is forgiven.
    pub fn parse(text: &str) -> Result<Token, TokenError> {
        let (prefix, body) = text.trim().split_once('.').ok_or(TokenError::Prefix)?;
        if prefix != TOKEN_PREFIX {
            return Err(TokenError::Prefix);
        }
        let mut bytes = [0; BYTES];
        match URL_SAFE_NO_PAD.decode_slice(body, &mut bytes) {
            Ok(BYTES) => Self::from_bytes(&bytes),
            _ => Err(TokenError::Form),
        }
    }

    fn from_bytes(bytes: &[u8; BYTES]) -> Result<Token, TokenError> {
        let crc = u32::from_be_bytes(part(bytes, EXPIRES_END));
        if crc != crc32fast::hash(&bytes[..EXPIRES_END]) {
            return Err(TokenError::Check);
        }
        if bytes[0] != VERSION {
            return Err(TokenError::Version(bytes[0]));
        }
        Ok(Token {
            id: part(bytes, 1),
            secret: part(bytes, ID_END),
            ca_sha256: part(bytes, SECRET_END),
            expires_s: u64::from_be_bytes(part(bytes, CA_END)),
        })
    }
}

/// The `N` bytes from `start`; the offsets are constants that lie within.
fn part<const N: usize>(bytes: &[u8; BYTES], start: usize) -> [u8; N] {
    std::array::from_fn(|at| bytes[start + at])
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &u64::from_be_bytes(self.id))
            .field("expires_s", &self.expires_s)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::Prefix => write!(f, "a token begins with \"{TOKEN_PREFIX}.\""),
            TokenError::Form => f.write_str("the token is not whole: copy all of it"),
            TokenError::Version(version) => {
                write!(
                    f,
                    "the token has version {version}, this program reads {VERSION}: update it"
                )
            }
            TokenError::Check => f.write_str("a character of the token is wrong: copy it again"),
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_token() -> impl Strategy<Value = Token> {
        (any::<[u8; 8]>(), any::<[u8; 16]>(), any::<[u8; 32]>(), any::<u64>()).prop_map(
            |(id, secret, ca_sha256, expires_s)| Token { id, secret, ca_sha256, expires_s },
        )
    }

    proptest! {
        #[test]
        fn a_token_survives_its_text(token in any_token()) {
            let text = token.encode();
            prop_assert!(text.len() <= 128);
            prop_assert_eq!(Token::parse(&format!(" {text}\n")), Ok(token));
        }

        #[test]
        fn one_wrong_character_is_noticed(
            token in any_token(), at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_-]"
        ) {
            let text = token.encode();
            let at = at.index(text.len());
            prop_assume!(text[at..=at] != with);
            let wrong = format!("{}{with}{}", &text[..at], &text[at + 1..]);
            prop_assert!(Token::parse(&wrong).is_err());
        }

        #[test]
        fn any_text_is_read_without_harm_and_a_token_has_one_text(text in "(pantau1\\.)?\\PC{0,120}") {
            if let Ok(token) = Token::parse(&text) {
                prop_assert_eq!(token.encode(), text.trim());
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_text_is_told() {
        let token = Token { id: [1; 8], secret: [2; 16], ca_sha256: [3; 32], expires_s: 4 };
        let text = token.encode();
        assert_eq!(Token::parse("token"), Err(TokenError::Prefix));
        assert_eq!(Token::parse(&text.replace("pantau1", "pantau2")), Err(TokenError::Prefix));
        assert_eq!(Token::parse(&text[..text.len() - 1]), Err(TokenError::Form));
        assert_eq!(Token::parse(&format!("{text}AAAA")), Err(TokenError::Form));
        assert_eq!(Token::parse(&text.replacen("AQ", "AR", 1)), Err(TokenError::Check));
    }

    #[test]
    fn the_secret_is_not_printed() {
        let token = Token { id: [0; 8], secret: [77; 16], ca_sha256: [9; 32], expires_s: 4 };
        assert!(!format!("{token:?}").contains("77"), "{token:?}");
    }
}
