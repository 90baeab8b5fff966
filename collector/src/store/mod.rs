//! All SQL. One text per statement for SQLite and PostgreSQL, through sqlx `Any`; the access rules are
//! in ARCHITECTURE.md ("One SQL, two engines").

mod agents;
mod alerts;
pub mod audit;
mod batches;
mod block;
mod calendar;
mod coding;
mod counter;
mod definitions;
mod engine;
#[cfg(test)]
pub(crate) mod fixtures;
mod fold;
mod identity;
mod known;
pub mod people;
mod positions;
mod ranges;
mod read;
mod reports;
pub mod sessions;
mod value;
mod waiting;

pub use agents::Registered;
pub use batches::SaveOutcome;
pub use coding::Coding;
pub use fold::{FoldReport, Pending};
pub use identity::Issue;
pub use reports::{NewReport, ReportHead, SavedReport};

use std::time::Duration;

use sqlx::{AnyPool, any::AnyPoolOptions, migrate::Migrator};

use crate::{config::Secret, domain::SiteId};
use engine::Engine;

/// The schema's steps, written for SQLite; `engine` says what PostgreSQL calls otherwise.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The one way to the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    engine: Engine,
    known: known::Known,
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is unreachable; trying again later may help.
    #[error("store: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("store schema: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// What is stored cannot be read back.
    #[error("store holds a damaged {what} of site {site}: {why}")]
    Damaged {
        /// Kind of record.
        what: &'static str,
        /// Whose.
        site: SiteId,
        /// What is wrong with it.
        why: String,
    },
}

/// Tries to bring the schema up to date: more than there are migrations to collide at.
const MIGRATE_ATTEMPTS_MAX: u32 = 40;
/// Between two of them.
const MIGRATE_PAUSE: Duration = Duration::from_millis(50);

/// Result of store calls.
pub type StoreResult<T> = Result<T, StoreError>;

impl Store {
    /// Opens or creates the store named by a `sqlite:` or `postgres:` address and brings its schema up to
    /// date.
    pub async fn open(url: &Secret) -> StoreResult<Store> {
        sqlx::any::install_default_drivers();
        let engine = Engine::of(url.reveal());
        let pool = AnyPoolOptions::new()
            .max_connections(engine.connections_max())
            .after_connect(move |connection, _| Box::pin(engine.prepare(connection)))
            .before_acquire(|connection, _| Box::pin(is_usable(connection)))
            .connect(&engine.address(url.reveal()))
            .await?;
        let migrations = MIGRATIONS.iter().map(|written| engine.migration(written)).collect();
        migrate(&Migrator::with_migrations(migrations), &pool).await?;
        Ok(Store { pool, engine, known: known::Known::default() })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> StoreResult<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes every connection; statements after it fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that will write; dropped without commit, it is rolled back.
    async fn begin_write(&self) -> StoreResult<sqlx::Transaction<'static, sqlx::Any>> {
        Ok(self.pool.begin_with(self.engine.begin_write()).await?)
    }
}

/// SQLite on a full disk rolls back by itself; the rollback that follows then fails, and the connection
/// counts as within a transaction for ever. Such a one is closed and another opened.
async fn is_usable(connection: &mut sqlx::AnyConnection) -> sqlx::Result<bool> {
    Ok(!sqlx::Connection::is_in_transaction(connection))
}

/// Brings the schema up to date. A command and a starting collector may both find a fresh file, and
/// SQLite's migrations take no lock: who comes second fails at what the first has just done, and then
/// goes on behind it.
async fn migrate(migrator: &Migrator, pool: &AnyPool) -> StoreResult<()> {
    for _ in 1..MIGRATE_ATTEMPTS_MAX {
        if migrator.run(pool).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(MIGRATE_PAUSE).await;
    }
    Ok(migrator.run(pool).await?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use sqlx::Connection;

    /// A store of its own: a file in the folder, which goes when it is dropped; or, when `STORE_URL`
    /// names a PostgreSQL database that may be thrown away, a schema in it.
    pub(crate) async fn fresh() -> (Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        if let Ok(url) = std::env::var("STORE_URL") {
            return (Store::open(&own_schema(&url).await).await.unwrap(), dir);
        }
        let url = Secret::new(format!("sqlite:{}", dir.path().join("pantau.db").display()));
        (Store::open(&url).await.unwrap(), dir)
    }

    /// The address of a new schema in the database at `url`.
    async fn own_schema(url: &str) -> Secret {
        sqlx::any::install_default_drivers();
        let schema = format!("test_{:016x}", rand::random::<u64>());
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        let mut connection = sqlx::AnyConnection::connect(url).await.unwrap();
        sqlx::query(create).execute(&mut connection).await.unwrap();
        Secret::new(format!("{url}?options=-c%20search_path%3D{schema}"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_fresh_store_is_opened_by_several_at_once() {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let url = Secret::new(format!("sqlite:{}", dir.path().join("pantau.db").display()));
            let (a, b, c) = tokio::join!(Store::open(&url), Store::open(&url), Store::open(&url));
            for store in [a, b, c] {
                store.unwrap().ping().await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_store_opens_twice_with_the_same_schema() {
        let (_, dir) = fresh().await;
        let url = Secret::new(format!("sqlite:{}", dir.path().join("pantau.db").display()));
        Store::open(&url).await.unwrap();
    }

    #[tokio::test]
    async fn a_transaction_that_the_database_ended_by_itself_is_not_in_the_way_of_the_next() {
        let (store, _dir) = fresh().await;
        for _ in 0..2 * store.engine.connections_max() {
            let mut tx = store.begin_write().await.unwrap();
            sqlx::query("ROLLBACK").execute(&mut *tx).await.unwrap();
        }
        store.begin_write().await.unwrap().commit().await.unwrap();
    }
}
