//! Where the two engines differ: how a connection is set up, and the word for a column of bytes.

use sqlx::{AnyConnection, Executor, SqlSafeStr, migrate::Migration};

/// Which database this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded: one file, one collector.
    Sqlite,
    /// Several collectors, failover.
    Postgres,
}

/// How long a SQLite statement waits for another connection's write, in milliseconds.
const SQLITE_BUSY_TIMEOUT_MS: u32 = 10_000;

impl Engine {
    /// Told by the address.
    pub fn of(url: &str) -> Engine {
        if url.starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres }
    }

    /// The address as the driver wants it: a SQLite file is created when missing.
    pub fn address(self, url: &str) -> String {
        match self {
            Engine::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
            _ => url.to_owned(),
        }
    }

    /// Connections of the pool. SQLite has one writer; readers beside it are few.
    pub fn connections_max(self) -> u32 {
        match self {
            Engine::Sqlite => 4,
            Engine::Postgres => 16,
        }
    }

    /// Prepares a fresh connection.
    pub async fn prepare(self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        if self == Engine::Sqlite {
            connection
                .execute(sqlx::AssertSqlSafe(format!(
                    "PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; \
                     PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                )))
                .await?;
        }
        Ok(())
    }

    /// Begins a transaction that will write. SQLite takes its write lock at once, so that a transaction
    /// that first reads cannot fail when it comes to writing.
    pub fn begin_write(self) -> &'static str {
        match self {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        }
    }

    /// Keeps other transactions from writing the same server's hours until this one ends. A write
    /// transaction of SQLite holds the whole file already.
    pub fn lock_server(self) -> &'static str {
        match self {
            Engine::Sqlite => "SELECT agent_id FROM server WHERE site_id = $1 AND agent_id = $2",
            Engine::Postgres => {
                "SELECT agent_id FROM server WHERE site_id = $1 AND agent_id = $2 FOR UPDATE"
            }
        }
    }

    /// A migration in this engine's words: they are written with BLOB, which PostgreSQL calls BYTEA.
    pub fn migration(self, written: &Migration) -> Migration {
        let sql = match self {
            Engine::Sqlite => written.sql.as_str().to_owned(),
            Engine::Postgres => written.sql.as_str().replace(" BLOB", " BYTEA"),
        };
        Migration::new(
            written.version,
            written.description.clone(),
            written.migration_type,
            sqlx::AssertSqlSafe(sql).into_sql_str(),
            written.no_tx,
        )
    }
}
