//! Who may call: tokens that were given out, and certificates that were issued.

use std::fmt;

use super::{AgentId, SiteId};

/// Number of a certificate: random, so that it tells nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(pub [u8; 16]);

/// Number of a token; no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub [u8; 8]);

impl TokenId {
    /// As it is printed: 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<TokenId> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten()?;
        Some(TokenId(number.to_be_bytes()))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A token as it is kept: all but its secret. Times are UTC milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Which.
    pub id: TokenId,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// For a server of this site.
    pub site: SiteId,
    /// For this server alone, when set.
    pub agent: Option<AgentId>,
    /// User of the operating system who made it.
    pub created_by: String,
    /// When.
    pub created_ms: i64,
    /// From when on it is refused.
    pub expires_ms: i64,
    /// When it was withdrawn.
    pub revoked_ms: Option<i64>,
    /// When it was used, and for which certificate.
    pub used: Option<(i64, Serial)>,
}

/// A certificate of an agent as it is kept. Times are UTC milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its number.
    pub serial: Serial,
    /// Whose site.
    pub site: SiteId,
    /// Whose.
    pub agent: AgentId,
    /// The certificate itself.
    pub der: Vec<u8>,
    /// SHA-256 of the public point of its key.
    pub key_hash: [u8; 32],
    /// Hash of the id of the machine that asked for it; `None` when not known.
    pub machine_id: Option<[u8; 16]>,
    /// When it was issued.
    pub issued_ms: i64,
    /// From when on it holds.
    pub not_before_ms: i64,
    /// Until when it holds.
    pub not_after_ms: i64,
    /// When an agent first came with it.
    pub seen_ms: Option<i64>,
    /// Since when it is refused, and why.
    pub revoked: Option<(i64, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_token_is_read_as_it_is_printed() {
        let id = TokenId([0, 0xab, 2, 3, 4, 5, 6, 7]);
        assert_eq!(id.to_string(), "00ab020304050607");
        assert_eq!(TokenId::parse(&id.to_string()), Some(id));
        for wrong in ["", "00ab", "+0ab020304050607", "00ab0203040506zz"] {
            assert_eq!(TokenId::parse(wrong), None, "{wrong}");
        }
    }
}
