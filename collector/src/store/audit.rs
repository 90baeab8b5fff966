//! What people did: rows are only ever added. An LPSE may ask what was done with its data (SLA, duties
//! of both sides).

use sqlx::Row;

use super::{Store, StoreResult};

/// What a person did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    SignIn,
    SignInFailed,
    /// Turned away unheard: too many attempts. Written once, when the pause begins.
    SignInPaused,
    SignOut,
    ReportViewed,
    ReportDownloaded,
    PersonAdded,
    PasswordChanged,
    PersonRemoved,
    TokenCreated,
    TokenRevoked,
    AgentEnrolled,
    AgentRenewed,
    AgentRevoked,
    EnrolmentRefused,
    BundleImported,
}

impl Action {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::SignIn => "sign_in",
            Action::SignInFailed => "sign_in_failed",
            Action::SignInPaused => "sign_in_paused",
            Action::SignOut => "sign_out",
            Action::ReportViewed => "report_viewed",
            Action::ReportDownloaded => "report_downloaded",
            Action::PersonAdded => "person_added",
            Action::PasswordChanged => "password_changed",
            Action::PersonRemoved => "person_removed",
            Action::TokenCreated => "token_created",
            Action::TokenRevoked => "token_revoked",
            Action::AgentEnrolled => "agent_enrolled",
            Action::AgentRenewed => "agent_renewed",
            Action::AgentRevoked => "agent_revoked",
            Action::EnrolmentRefused => "enrolment_refused",
            Action::BundleImported => "bundle_imported",
        }
    }
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Who, as typed at the sign-in; a command carries the user of the operating system.
    pub person: String,
    /// Word of an [`Action`].
    pub action: String,
    /// To what: a report's id, a person's name; empty when the person alone says it.
    pub subject: String,
    /// From which address; `console` for a command.
    pub peer: String,
}

impl AuditEntry {
    /// An entry of one of the known actions.
    pub fn new(at_ms: i64, person: &str, action: Action, subject: &str, peer: &str) -> AuditEntry {
        AuditEntry {
            at_ms,
            person: person.to_owned(),
            action: action.as_str().to_owned(),
            subject: subject.to_owned(),
            peer: peer.to_owned(),
        }
    }
}

impl Store {
    /// Adds an entry.
    pub async fn audit(&self, entry: &AuditEntry) -> StoreResult<()> {
        let without_nul = |text: &str| text.replace('\0', "");
        sqlx::query(
            "INSERT INTO audit (id, at_ms, person, action, subject, peer) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(format!("{:032x}", rand::random::<u128>()))
        .bind(entry.at_ms)
        .bind(without_nul(&entry.person))
        .bind(entry.action.as_str())
        .bind(without_nul(&entry.subject))
        .bind(entry.peer.as_str())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The newest entries, newest first.
    pub async fn audit_entries(&self, limit: u32) -> StoreResult<Vec<AuditEntry>> {
        let rows = sqlx::query(
            "SELECT at_ms, person, action, subject, peer FROM audit \
             ORDER BY at_ms DESC, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let entry = |row: &sqlx::any::AnyRow| -> sqlx::Result<AuditEntry> {
            Ok(AuditEntry {
                at_ms: row.try_get(0)?,
                person: row.try_get(1)?,
                action: row.try_get(2)?,
                subject: row.try_get(3)?,
                peer: row.try_get(4)?,
            })
        };
        Ok(rows.iter().map(entry).collect::<sqlx::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::fresh;

    #[tokio::test]
    async fn entries_are_read_back_newest_first_and_without_nul() {
        let (store, _dir) = fresh().await;
        for (at_ms, action) in [(1, Action::SignInFailed), (2, Action::SignIn)] {
            let entry = AuditEntry::new(at_ms, "si\0ti", action, "", "127.0.0.1");
            store.audit(&entry).await.unwrap();
        }
        let entries = store.audit_entries(10).await.unwrap();
        let read: Vec<_> = entries.iter().map(|e| (e.person.as_str(), e.action.as_str())).collect();
        assert_eq!(read, [("siti", "sign_in"), ("siti", "sign_in_failed")]);
        assert_eq!(store.audit_entries(1).await.unwrap().len(), 1);
    }
}
