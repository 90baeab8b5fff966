//! Who may sign in.

use sqlx::Row;

use super::{Store, StoreResult};
use crate::config::Secret;

/// Longest name to sign in with, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// IT operations: sees every site. The only role until sites have people of their own.
    Ito,
}

impl Role {
    /// The word used in the store and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Ito => "ito",
        }
    }
}

/// A person as stored, without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name to sign in with.
    pub name: String,
    /// Word of a [`Role`].
    pub role: String,
    /// When it was added, UTC milliseconds.
    pub created_ms: i64,
    /// When its password was last set, UTC milliseconds.
    pub changed_ms: i64,
}

impl Store {
    /// Adds a person; `false` when the name is taken.
    pub async fn add_person(
        &self,
        name: &str,
        role: Role,
        password_hash: &Secret,
        now_ms: i64,
    ) -> StoreResult<bool> {
        let added = sqlx::query(
            "INSERT INTO person (name, role, password_hash, created_ms, changed_ms) \
             VALUES ($1, $2, $3, $4, $4) ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(role.as_str())
        .bind(password_hash.reveal())
        .bind(now_ms)
        .execute(&self.pool)
        .await?;
        Ok(added.rows_affected() == 1)
    }

    /// Replaces a password and ends the person's sessions; `false` when there is no such person.
    pub async fn set_password(
        &self,
        name: &str,
        password_hash: &Secret,
        now_ms: i64,
    ) -> StoreResult<bool> {
        let mut tx = self.begin_write().await?;
        let changed =
            sqlx::query("UPDATE person SET password_hash = $1, changed_ms = $2 WHERE name = $3")
                .bind(password_hash.reveal())
                .bind(now_ms)
                .bind(name)
                .execute(&mut *tx)
                .await?;
        end_sessions(&mut tx, name).await?;
        tx.commit().await?;
        Ok(changed.rows_affected() == 1)
    }

    /// Removes a person and ends their sessions; `false` when there is no such person.
    pub async fn remove_person(&self, name: &str) -> StoreResult<bool> {
        let mut tx = self.begin_write().await?;
        let removed =
            sqlx::query("DELETE FROM person WHERE name = $1").bind(name).execute(&mut *tx).await?;
        end_sessions(&mut tx, name).await?;
        tx.commit().await?;
        Ok(removed.rows_affected() == 1)
    }

    /// The stored hash of a person's password.
    pub async fn password_hash(&self, name: &str) -> StoreResult<Option<Secret>> {
        let row = sqlx::query("SELECT password_hash FROM person WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get::<String, _>(0)).transpose()?.map(Secret::new))
    }

    /// Everybody, by name.
    pub async fn people(&self) -> StoreResult<Vec<Person>> {
        let rows =
            sqlx::query("SELECT name, role, created_ms, changed_ms FROM person ORDER BY name")
                .fetch_all(&self.pool)
                .await?;
        let person = |row: &sqlx::any::AnyRow| -> sqlx::Result<Person> {
            Ok(Person {
                name: row.try_get(0)?,
                role: row.try_get(1)?,
                created_ms: row.try_get(2)?,
                changed_ms: row.try_get(3)?,
            })
        };
        Ok(rows.iter().map(person).collect::<sqlx::Result<_>>()?)
    }
}

async fn end_sessions(tx: &mut sqlx::AnyConnection, person: &str) -> StoreResult<()> {
    sqlx::query("DELETE FROM session WHERE person = $1").bind(person).execute(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::fresh;

    #[tokio::test]
    async fn a_name_is_given_once_and_its_hash_is_replaced_not_added() {
        let (store, _dir) = fresh().await;
        let hash = |text: &str| Secret::new(text);
        assert!(store.add_person("siti", Role::Ito, &hash("a"), 1).await.unwrap());
        assert!(!store.add_person("siti", Role::Ito, &hash("b"), 2).await.unwrap());
        assert_eq!(store.password_hash("siti").await.unwrap().unwrap().reveal(), "a");
        assert!(store.set_password("siti", &hash("c"), 3).await.unwrap());
        assert_eq!(store.password_hash("siti").await.unwrap().unwrap().reveal(), "c");
        let people = store.people().await.unwrap();
        assert_eq!((people[0].created_ms, people[0].changed_ms), (1, 3));
    }

    #[tokio::test]
    async fn who_is_not_there_can_be_neither_changed_nor_removed() {
        let (store, _dir) = fresh().await;
        assert!(!store.set_password("budi", &Secret::new("x"), 1).await.unwrap());
        assert!(!store.remove_person("budi").await.unwrap());
        assert!(store.password_hash("budi").await.unwrap().is_none());
    }
}
