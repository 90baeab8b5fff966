//! Tokens and certificates of agents. The secret of a token is not kept, nor is any private key.

use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::domain::{
    AgentId, SiteId,
    identity::{Certificate, Serial, Token, TokenId},
};

use super::{
    Store, StoreResult,
    value::{clean, damaged},
};

/// What happens beside keeping a new certificate, in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The new certificate.
    pub certificate: Certificate,
    /// The token that pays for it: it must still be unused.
    pub token: Option<TokenId>,
    /// Certificates that are refused from now on.
    pub supersedes: Vec<Serial>,
}

/// Why a certificate is refused that a newer one has replaced.
const SUPERSEDED: &str = "superseded";

impl Store {
    /// Keeps a new token.
    pub async fn add_token(&self, token: &Token) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO token (token_id, secret_hash, site_id, agent_id, created_by, created_ms,
                 expires_ms, revoked_ms, used_ms, used_serial)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8)",
        )
        .bind(token.id.0.as_slice())
        .bind(token.secret_hash.as_slice())
        .bind(token.site.0.as_str())
        .bind(token.agent.as_ref().map_or("", |agent| agent.0.as_str()))
        .bind(clean(&token.created_by).into_owned())
        .bind(token.created_ms)
        .bind(token.expires_ms)
        .bind([0u8; 16].as_slice())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The token of that number.
    pub async fn token(&self, id: TokenId) -> StoreResult<Option<Token>> {
        let row = sqlx::query(
            "SELECT token_id, secret_hash, site_id, agent_id, created_by, created_ms, expires_ms,
                 revoked_ms, used_ms, used_serial
             FROM token WHERE token_id = $1",
        )
        .bind(id.0.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(token).transpose()
    }

    /// Every token, newest first, at most `limit`.
    pub async fn tokens(&self, limit: u32) -> StoreResult<Vec<Token>> {
        let rows = sqlx::query(
            "SELECT token_id, secret_hash, site_id, agent_id, created_by, created_ms, expires_ms,
                 revoked_ms, used_ms, used_serial
             FROM token ORDER BY created_ms DESC, token_id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(token).collect()
    }

    /// Withdraws a token; `false` when there is none of that number, or it was withdrawn before.
    pub async fn revoke_token(&self, id: TokenId, now_ms: i64) -> StoreResult<bool> {
        let changed =
            sqlx::query("UPDATE token SET revoked_ms = $2 WHERE token_id = $1 AND revoked_ms = 0")
                .bind(id.0.as_slice())
                .bind(now_ms)
                .execute(&self.pool)
                .await?;
        Ok(changed.rows_affected() == 1)
    }

    /// Keeps a certificate, uses up its token and refuses what it replaces. `false`, and nothing is kept,
    /// when the token was used or withdrawn in the meantime.
    pub async fn issue(&self, issue: &Issue, now_ms: i64) -> StoreResult<bool> {
        let mut tx = self.begin_write().await?;
        if let Some(id) = issue.token
            && !use_token(&mut tx, id, issue.certificate.serial, now_ms).await?
        {
            return Ok(false);
        }
        for serial in &issue.supersedes {
            refuse(&mut tx, *serial, now_ms, SUPERSEDED).await?;
        }
        insert(&mut tx, &issue.certificate).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The certificate of that number.
    pub async fn certificate(&self, serial: Serial) -> StoreResult<Option<Certificate>> {
        let row = sqlx::query(
            "SELECT serial, site_id, agent_id, der, key_hash, machine_id, issued_ms, not_before_ms,
                 not_after_ms, seen_ms, revoked_ms, reason
             FROM certificate WHERE serial = $1",
        )
        .bind(serial.0.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(certificate).transpose()
    }

    /// Every certificate of an agent, newest first.
    pub async fn certificates(
        &self,
        site: &SiteId,
        agent: &AgentId,
    ) -> StoreResult<Vec<Certificate>> {
        let rows = sqlx::query(
            "SELECT serial, site_id, agent_id, der, key_hash, machine_id, issued_ms, not_before_ms,
                 not_after_ms, seen_ms, revoked_ms, reason
             FROM certificate WHERE site_id = $1 AND agent_id = $2
             ORDER BY issued_ms DESC, serial",
        )
        .bind(site.0.as_str())
        .bind(agent.0.as_str())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(certificate).collect()
    }

    /// Every certificate of a site, by agent, newest first.
    pub async fn site_certificates(&self, site: &SiteId) -> StoreResult<Vec<Certificate>> {
        let rows = sqlx::query(
            "SELECT serial, site_id, agent_id, der, key_hash, machine_id, issued_ms, not_before_ms,
                 not_after_ms, seen_ms, revoked_ms, reason
             FROM certificate WHERE site_id = $1
             ORDER BY agent_id, issued_ms DESC, serial",
        )
        .bind(site.0.as_str())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(certificate).collect()
    }

    /// The certificate that was issued last, whoever's.
    pub async fn newest_certificate(&self) -> StoreResult<Option<Certificate>> {
        let row = sqlx::query(
            "SELECT serial, site_id, agent_id, der, key_hash, machine_id, issued_ms, not_before_ms,
                 not_after_ms, seen_ms, revoked_ms, reason
             FROM certificate ORDER BY issued_ms DESC, serial LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(certificate).transpose()
    }

    /// Refuses every certificate of an agent from now on; how many held until now.
    pub async fn revoke_agent(
        &self,
        site: &SiteId,
        agent: &AgentId,
        reason: &str,
        now_ms: i64,
    ) -> StoreResult<u64> {
        let changed = sqlx::query(
            "UPDATE certificate SET revoked_ms = $3, reason = $4
             WHERE site_id = $1 AND agent_id = $2 AND revoked_ms = 0",
        )
        .bind(site.0.as_str())
        .bind(agent.0.as_str())
        .bind(now_ms)
        .bind(clean(reason).into_owned())
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected())
    }

    /// Numbers of refused certificates that have not expired: the others cannot connect anyway.
    pub async fn revoked_serials(&self, now_ms: i64) -> StoreResult<Vec<Serial>> {
        let rows = sqlx::query(
            "SELECT serial FROM certificate WHERE revoked_ms > 0 AND not_after_ms > $1",
        )
        .bind(now_ms)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(Serial(bytes(row, 0)?))).collect()
    }

    /// Notes that an agent came with this certificate. One that is not known was issued after the copy
    /// that this store was restored from; it is taken up again.
    pub async fn certificate_seen(
        &self,
        certificate: &Certificate,
        now_ms: i64,
    ) -> StoreResult<()> {
        // Nothing to write is the rule: thousands of agents may come back at once.
        let known = self.certificate(certificate.serial).await?;
        if known.is_some_and(|known| known.seen_ms.is_some()) {
            return Ok(());
        }
        let mut tx = self.begin_write().await?;
        insert(&mut tx, certificate).await?;
        sqlx::query("UPDATE certificate SET seen_ms = $2 WHERE serial = $1 AND seen_ms = 0")
            .bind(certificate.serial.0.as_slice())
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

async fn use_token(
    tx: &mut AnyConnection,
    id: TokenId,
    serial: Serial,
    now_ms: i64,
) -> StoreResult<bool> {
    let changed = sqlx::query(
        "UPDATE token SET used_ms = $2, used_serial = $3
         WHERE token_id = $1 AND used_ms = 0 AND revoked_ms = 0",
    )
    .bind(id.0.as_slice())
    .bind(now_ms)
    .bind(serial.0.as_slice())
    .execute(tx)
    .await?;
    Ok(changed.rows_affected() == 1)
}

async fn refuse(
    tx: &mut AnyConnection,
    serial: Serial,
    now_ms: i64,
    reason: &str,
) -> StoreResult<()> {
    sqlx::query(
        "UPDATE certificate SET revoked_ms = $2, reason = $3 WHERE serial = $1 AND revoked_ms = 0",
    )
    .bind(serial.0.as_slice())
    .bind(now_ms)
    .bind(reason)
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert(tx: &mut AnyConnection, new: &Certificate) -> StoreResult<()> {
    let (revoked_ms, reason) = new.revoked.clone().unwrap_or_default();
    sqlx::query(
        "INSERT INTO certificate (serial, site_id, agent_id, der, key_hash, machine_id, issued_ms,
             not_before_ms, not_after_ms, seen_ms, revoked_ms, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (serial) DO NOTHING",
    )
    .bind(new.serial.0.as_slice())
    .bind(new.site.0.as_str())
    .bind(new.agent.0.as_str())
    .bind(new.der.as_slice())
    .bind(new.key_hash.as_slice())
    .bind(new.machine_id.unwrap_or_default().as_slice())
    .bind(new.issued_ms)
    .bind(new.not_before_ms)
    .bind(new.not_after_ms)
    .bind(new.seen_ms.unwrap_or(0))
    .bind(revoked_ms)
    .bind(reason)
    .execute(tx)
    .await?;
    Ok(())
}

fn token(row: &AnyRow) -> StoreResult<Token> {
    let agent: String = row.try_get(3)?;
    let used_ms: i64 = row.try_get(8)?;
    Ok(Token {
        id: TokenId(bytes(row, 0)?),
        secret_hash: bytes(row, 1)?,
        site: SiteId(row.try_get(2)?),
        agent: (!agent.is_empty()).then_some(AgentId(agent)),
        created_by: row.try_get(4)?,
        created_ms: row.try_get(5)?,
        expires_ms: row.try_get(6)?,
        revoked_ms: some_time(row.try_get(7)?),
        used: some_time(used_ms)
            .map(|ms| Ok::<_, super::StoreError>((ms, Serial(bytes(row, 9)?))))
            .transpose()?,
    })
}

fn certificate(row: &AnyRow) -> StoreResult<Certificate> {
    let machine_id: [u8; 16] = bytes(row, 5)?;
    let reason: String = row.try_get(11)?;
    Ok(Certificate {
        serial: Serial(bytes(row, 0)?),
        site: SiteId(row.try_get(1)?),
        agent: AgentId(row.try_get(2)?),
        der: row.try_get(3)?,
        key_hash: bytes(row, 4)?,
        machine_id: (machine_id != [0; 16]).then_some(machine_id),
        issued_ms: row.try_get(6)?,
        not_before_ms: row.try_get(7)?,
        not_after_ms: row.try_get(8)?,
        seen_ms: some_time(row.try_get(9)?),
        revoked: some_time(row.try_get(10)?).map(|ms| (ms, reason)),
    })
}

fn some_time(ms: i64) -> Option<i64> {
    (ms != 0).then_some(ms)
}

fn bytes<const N: usize>(row: &AnyRow, column: usize) -> StoreResult<[u8; N]> {
    let stored: Vec<u8> = row.try_get(column)?;
    let length = stored.len();
    let none = SiteId(String::new());
    stored
        .try_into()
        .map_err(|_| damaged("identity", &none, format!("{length} bytes instead of {N}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::fresh;

    fn token(id: u8) -> Token {
        Token {
            id: TokenId([id; 8]),
            secret_hash: [9; 32],
            site: SiteId("demo".into()),
            agent: None,
            created_by: "root".into(),
            created_ms: i64::from(id),
            expires_ms: 100,
            revoked_ms: None,
            used: None,
        }
    }

    fn certificate(serial: u8) -> Certificate {
        Certificate {
            serial: Serial([serial; 16]),
            site: SiteId("demo".into()),
            agent: AgentId("spse-1".into()),
            der: vec![serial, 0, 1],
            key_hash: [serial; 32],
            machine_id: Some([4; 16]),
            issued_ms: i64::from(serial),
            not_before_ms: 0,
            not_after_ms: 1_000,
            seen_ms: None,
            revoked: None,
        }
    }

    fn paid(serial: u8, token: u8, supersedes: Vec<Serial>) -> Issue {
        let token = Some(TokenId([token; 8]));
        Issue { certificate: certificate(serial), token, supersedes }
    }

    #[tokio::test]
    async fn a_token_pays_for_one_certificate() {
        let (store, _dir) = fresh().await;
        store.add_token(&token(1)).await.unwrap();
        assert_eq!(store.token(TokenId([1; 8])).await.unwrap(), Some(token(1)));
        assert!(store.issue(&paid(5, 1, vec![]), 50).await.unwrap());
        assert!(!store.issue(&paid(6, 1, vec![]), 51).await.unwrap());
        let used = store.token(TokenId([1; 8])).await.unwrap().unwrap().used;
        assert_eq!(used, Some((50, Serial([5; 16]))));
        assert_eq!(store.certificate(Serial([5; 16])).await.unwrap(), Some(certificate(5)));
        assert_eq!(store.certificate(Serial([6; 16])).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_withdrawn_token_pays_for_nothing() {
        let (store, _dir) = fresh().await;
        store.add_token(&token(1)).await.unwrap();
        store.add_token(&token(2)).await.unwrap();
        assert!(store.revoke_token(TokenId([1; 8]), 7).await.unwrap());
        assert!(!store.revoke_token(TokenId([1; 8]), 8).await.unwrap());
        assert!(!store.issue(&paid(5, 1, vec![]), 50).await.unwrap());
        let listed = store.tokens(9).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|t| (t.id.0[0], t.revoked_ms)).collect();
        assert_eq!(listed, [(2, None), (1, Some(7))]);
    }

    #[tokio::test]
    async fn what_a_certificate_replaces_is_refused_from_then_on() {
        let (store, _dir) = fresh().await;
        store.add_token(&token(1)).await.unwrap();
        let first = Issue { certificate: certificate(5), token: None, supersedes: vec![] };
        store.issue(&first, 10).await.unwrap();
        store.issue(&paid(6, 1, vec![Serial([5; 16])]), 20).await.unwrap();
        let newest = store.newest_certificate().await.unwrap().unwrap();
        assert_eq!(newest.serial, Serial([6; 16]));
        let (site, agent) = (SiteId("demo".into()), AgentId("spse-1".into()));
        let all = store.certificates(&site, &agent).await.unwrap();
        let all: Vec<_> = all.into_iter().map(|c| (c.serial.0[0], c.revoked)).collect();
        assert_eq!(all, [(6, None), (5, Some((20, SUPERSEDED.to_owned())))]);
        assert_eq!(store.revoked_serials(999).await.unwrap(), [Serial([5; 16])]);
        assert_eq!(store.revoked_serials(1_000).await.unwrap(), [], "expired ones need no list");
    }

    #[tokio::test]
    async fn revoking_an_agent_leaves_its_neighbour_alone() {
        let (store, _dir) = fresh().await;
        let site = SiteId("demo".into());
        let neighbour = Certificate { agent: AgentId("spse-2".into()), ..certificate(7) };
        for certificate in [certificate(5), neighbour] {
            let issue = Issue { certificate, token: None, supersedes: vec![] };
            store.issue(&issue, 10).await.unwrap();
        }
        let agent = AgentId("spse-1".into());
        assert_eq!(store.revoke_agent(&site, &agent, "stolen", 30).await.unwrap(), 1);
        assert_eq!(store.revoke_agent(&site, &agent, "again", 31).await.unwrap(), 0);
        let all = store.site_certificates(&site).await.unwrap();
        let all: Vec<_> = all.into_iter().map(|c| (c.serial.0[0], c.revoked)).collect();
        assert_eq!(all, [(5, Some((30, "stolen".to_owned()))), (7, None)]);
    }

    #[tokio::test]
    async fn a_certificate_that_a_restored_store_does_not_know_is_taken_up_when_it_comes() {
        let (store, _dir) = fresh().await;
        store.certificate_seen(&certificate(5), 40).await.unwrap();
        store.certificate_seen(&certificate(5), 50).await.unwrap();
        let known = store.certificate(Serial([5; 16])).await.unwrap().unwrap();
        assert_eq!(known.seen_ms, Some(40));
    }
}
