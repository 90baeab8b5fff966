//! Who is signed in: the store of `tower-sessions`, so that a restart signs nobody out.

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use sqlx::Row;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

use super::{Store, StoreError};
use crate::domain::now_ms;

/// Under this key of a session's data stands the person's name; it is also a column, so that all
/// sessions of a person can be ended.
pub const PERSON_KEY: &str = "person";

/// Sessions as rows of the store.
#[derive(Clone)]
pub struct Sessions(Store);

impl Sessions {
    /// Sessions kept in `store`.
    pub fn new(store: Store) -> Sessions {
        Sessions(store)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

#[async_trait]
impl SessionStore for Sessions {
    /// Ids are 128 random bits, so a collision is a fault and ends as an error of the unique key.
    async fn create(&self, record: &mut Record) -> Result<()> {
        let data = encode(record)?;
        self.0.expire_sessions(now_ms()).await.map_err(backend)?;
        self.0.insert_session(record, &data).await.map_err(backend)
    }

    /// Changes a session that still exists: one ended meanwhile stays ended.
    async fn save(&self, record: &Record) -> Result<()> {
        let data = encode(record)?;
        self.0.update_session(record, &data).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = self.0.live_session(id, now_ms()).await.map_err(backend)?;
        let decode = |data: String| {
            let mut record: Record =
                serde_json::from_str(&data).map_err(|e| Error::Decode(e.to_string()))?;
            record.id = *id;
            Ok(record)
        };
        found.map(decode).transpose()
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.delete_session(id).await.map_err(backend)
    }
}

impl Store {
    async fn insert_session(
        &self,
        record: &Record,
        data: &str,
    ) -> std::result::Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO session (id_hash, person, data, expires_ms) VALUES ($1, $2, $3, $4)",
        )
        .bind(id_hash(&record.id))
        .bind(person_of(record))
        .bind(data)
        .bind(expires_ms(record))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn update_session(
        &self,
        record: &Record,
        data: &str,
    ) -> std::result::Result<(), StoreError> {
        sqlx::query(
            "UPDATE session SET person = $1, data = $2, expires_ms = $3 WHERE id_hash = $4",
        )
        .bind(person_of(record))
        .bind(data)
        .bind(expires_ms(record))
        .bind(id_hash(&record.id))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn live_session(
        &self,
        id: &Id,
        now_ms: i64,
    ) -> std::result::Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT data FROM session WHERE id_hash = $1 AND expires_ms > $2")
            .bind(id_hash(id))
            .bind(now_ms)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    async fn delete_session(&self, id: &Id) -> std::result::Result<(), StoreError> {
        sqlx::query("DELETE FROM session WHERE id_hash = $1")
            .bind(id_hash(id))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn expire_sessions(&self, now_ms: i64) -> std::result::Result<(), StoreError> {
        sqlx::query("DELETE FROM session WHERE expires_ms <= $1")
            .bind(now_ms)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn backend(error: StoreError) -> Error {
    Error::Backend(error.to_string())
}

/// The record as JSON, without its id: that is the secret of the cookie.
fn encode(record: &Record) -> Result<String> {
    let bare = Record { id: Id(0), ..record.clone() };
    serde_json::to_string(&bare).map_err(|e| Error::Encode(e.to_string()))
}

fn id_hash(id: &Id) -> String {
    Sha256::digest(id.0.to_le_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn person_of(record: &Record) -> String {
    record.data.get(PERSON_KEY).and_then(|name| name.as_str()).unwrap_or_default().to_owned()
}

fn expires_ms(record: &Record) -> i64 {
    record.expiry_date.unix_timestamp().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::{config::Secret, store::people::Role, store::tests::fresh};

    fn record(person: &str, expires_in: Duration) -> Record {
        Record {
            id: Id::default(),
            data: [(PERSON_KEY.to_owned(), person.into())].into(),
            expiry_date: OffsetDateTime::now_utc() + expires_in,
        }
    }

    #[tokio::test]
    async fn a_session_outlives_the_process_and_ends_when_it_expires() {
        let (store, _dir) = fresh().await;
        let mut live = record("siti", Duration::hours(1));
        let mut old = record("siti", Duration::hours(-1));
        Sessions::new(store.clone()).create(&mut live).await.unwrap();
        Sessions::new(store.clone()).create(&mut old).await.unwrap();
        let again = Sessions::new(store);
        assert_eq!(again.load(&live.id).await.unwrap().unwrap(), live);
        assert!(again.load(&old.id).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_session_that_was_ended_is_not_revived_by_a_late_save() {
        let (store, _dir) = fresh().await;
        let sessions = Sessions::new(store.clone());
        let mut live = record("siti", Duration::hours(1));
        sessions.create(&mut live).await.unwrap();
        store.add_person("siti", Role::Ito, &Secret::new("x"), 1).await.unwrap();
        store.set_password("siti", &Secret::new("y"), 2).await.unwrap();
        sessions.save(&live).await.unwrap();
        assert!(sessions.load(&live.id).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn the_store_does_not_hold_the_value_of_the_cookie() {
        let (store, _dir) = fresh().await;
        let mut live = record("siti", Duration::hours(1));
        Sessions::new(store.clone()).create(&mut live).await.unwrap();
        let row = sqlx::query("SELECT id_hash, data FROM session").fetch_one(&store.pool).await;
        let row = row.unwrap();
        for column in [row.get::<String, _>(0), row.get::<String, _>(1)] {
            assert!(!column.contains(&live.id.to_string()), "{column}");
            assert!(!column.contains(&live.id.0.to_string()), "{column}");
        }
    }
}
