//! Making a token: its text goes to a person once, all but its secret is kept.

use pantau_proto::token;
use sha2::{Digest, Sha256};

use crate::domain::{
    AgentId, SiteId,
    identity::{Token, TokenId},
};

/// A token for a server of `site`, as it is kept, and its text. `ca_sha256` is what the agent will compare
/// the collector's authority with.
pub fn new_token(
    site: SiteId,
    agent: Option<AgentId>,
    created_by: &str,
    ca_sha256: [u8; 32],
    now_ms: i64,
    life_ms: i64,
) -> (Token, String) {
    let (id, secret): ([u8; 8], [u8; 16]) = (rand::random(), rand::random());
    let expires_s = now_ms.saturating_add(life_ms).div_euclid(1_000).max(0);
    let text = token::Token { id, secret, ca_sha256, expires_s: expires_s.unsigned_abs() }.encode();
    let kept = Token {
        id: TokenId(id),
        secret_hash: secret_hash(&secret),
        site,
        agent,
        created_by: created_by.to_owned(),
        created_ms: now_ms,
        expires_ms: expires_s.saturating_mul(1_000),
        revoked_ms: None,
        used: None,
    };
    (kept, text)
}

/// By which a secret is kept: it is random, so that a plain hash cannot be guessed back.
pub(super) fn secret_hash(secret: &[u8; 16]) -> [u8; 32] {
    Sha256::digest(secret).into()
}
