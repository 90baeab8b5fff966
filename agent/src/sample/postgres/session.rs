//! One connection to a cluster: read only, every question bounded on both sides, and every one with the
//! agent's marker. Questions are handed in without their `SELECT`: the session puts it before them,
//! marker and all, so that none can go without. Setting up a session sends no statement.

use std::time::Duration;

use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{
    Client, Config, NoTls, Row,
    config::SslMode,
    types::{FromSql, ToSql, Type},
};

use super::refusal::Refusal;
use crate::domain::OWN_SELECT;

/// A connection is made within this time or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server gives up a statement after 5 s (`statement_timeout` below); we, when the server itself
/// hangs, after this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(7);
/// Set at connect, so that no statement of ours can write or run long.
const SESSION_OPTIONS: &str = "-c statement_timeout=5000 -c default_transaction_read_only=on";

/// A value and its type. With the type given, a question is one message and one transaction, where
/// preparing it first would make two of each.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// An open connection. Dropping it closes it.
pub(super) struct Session {
    client: Client,
    driver: JoinHandle<()>,
    has_password: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    /// Connects; `database` replaces the configured one.
    pub(super) async fn open(config: &Config, database: Option<&str>) -> Result<Session, Refusal> {
        let mut config = config.clone();
        config
            .application_name("pantau-agent")
            .connect_timeout(CONNECT_TIMEOUT)
            .options(SESSION_OPTIONS)
            .ssl_mode(SslMode::Disable);
        if let Some(database) = database {
            config.dbname(database);
        }
        let has_password = config.get_password().is_some();
        let connecting = timeout(CONNECT_TIMEOUT, config.connect(NoTls)).await;
        let (client, connection) = connecting
            .map_err(|_| Refusal::Timeout)?
            .map_err(|error| refused(&error, has_password))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to PostgreSQL ended");
            }
        });
        Ok(Session { client, driver, has_password })
    }

    /// False when the connection is known to be gone.
    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// All rows of an answer; `question`: the statement without its `SELECT`.
    pub(super) async fn all(
        &self,
        question: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Refusal> {
        let sql = format!("{OWN_SELECT} {question}");
        let rows = timeout(ANSWER_TIMEOUT, self.client.query_typed(&sql, parameters)).await;
        rows.map_err(|_| Refusal::Timeout)?.map_err(|error| refused(&error, self.has_password))
    }

    /// As [`Session::all`], the first row of an answer that has at least one.
    pub(super) async fn one(
        &self,
        question: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, Refusal> {
        self.all(question, parameters).await?.into_iter().next().ok_or(Refusal::Protocol)
    }

    /// One column of a row; a type that does not fit is an answer we cannot use, never a panic.
    pub(super) fn value<'r, T: FromSql<'r>>(
        &self,
        row: &'r Row,
        column: usize,
    ) -> Result<T, Refusal> {
        row.try_get(column).map_err(|_| Refusal::Protocol)
    }
}

/// Says the server's own message where the person at the machine can see it (the refusal, which may
/// leave the machine, carries only its code: a message can quote data).
fn refused(error: &tokio_postgres::Error, has_password: bool) -> Refusal {
    match error.as_db_error() {
        Some(error) => tracing::debug!(
            message = error.message(),
            sqlstate = error.code().code(),
            "PostgreSQL refused"
        ),
        None => tracing::debug!(%error, "PostgreSQL did not answer"),
    }
    Refusal::of(error, has_password)
}
