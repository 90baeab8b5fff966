//! The questions to a cluster besides `pg_stat_statements`: its settings, its databases, sizes and
//! accounts. Columns that PostgreSQL has had since 9.2.

use tokio_postgres::types::Type;

use super::{
    refusal::Refusal,
    session::{Parameter, Session},
};
use crate::domain::{DatabaseFacts, DatabaseSample};

/// Databases reported per cluster at most, those with the most transactions first.
pub(super) const DATABASES_MAX: i64 = 64;

/// Settings, and connections of the whole cluster (ours is one of them, but not an active one).
/// `numbackends` needs no privilege; the state of others' connections needs `pg_monitor`.
const OVERVIEW: &str = "current_setting('server_version'), \
    current_setting('log_line_prefix'), current_setting('log_timezone'), \
    (SELECT setting::bigint FROM pg_settings WHERE name = 'log_min_duration_statement'), \
    (SELECT setting::bigint FROM pg_settings WHERE name = 'max_connections'), \
    (SELECT coalesce(sum(numbackends), 0)::bigint FROM pg_stat_database), \
    (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()), \
    (SELECT count(*) FROM pg_stat_activity WHERE query = '<insufficient privilege>')";

/// `$1`: names of databases, all but templates when empty; `$2`: how many at most.
const DATABASES: &str = "d.datname::text, s.xact_commit, s.xact_rollback, \
    s.deadlocks, coalesce(extract(epoch FROM s.stats_reset) * 1000, 0)::bigint \
    FROM pg_stat_database s JOIN pg_database d ON d.oid = s.datid \
    WHERE d.datallowconn AND NOT d.datistemplate \
    AND ($1::text[] = '{}' OR d.datname::text = ANY($1)) \
    ORDER BY s.xact_commit + s.xact_rollback DESC LIMIT $2";

const SIZE: &str = "pg_database_size($1::text::name)";

/// What the first question of a sample tells.
pub(super) struct Overview {
    pub facts: DatabaseFacts,
    pub connections: u32,
    pub connections_max: u32,
    pub connections_active: u32,
    /// Connections whose state is hidden from this role, so that the active ones are too few.
    pub connections_hidden: u32,
}

/// Asks the first question; its answer is the evidence that the cluster is up.
pub(super) async fn overview(session: &Session, cluster: &str) -> Result<Overview, Refusal> {
    let row = session.one(OVERVIEW, &[]).await?;
    let version: String = session.value(&row, 0)?;
    let number = |column| session.value::<Option<i64>>(&row, column).map(Option::unwrap_or_default);
    let facts = DatabaseFacts {
        cluster: cluster.to_owned(),
        // "15.18 (Debian 15.18-0+deb12u1)"
        version: version.split(' ').next().unwrap_or_default().to_owned(),
        statements_view: false,
        statements_view_reason: String::new(),
        log_min_duration_ms: number(3)?,
        log_line_prefix: session.value(&row, 1)?,
        log_timezone: session.value(&row, 2)?,
    };
    let count = |column| number(column).map(|n| u32::try_from(n).unwrap_or(0));
    Ok(Overview {
        facts,
        connections_max: count(4)?,
        connections: count(5)?,
        connections_active: count(6)?,
        connections_hidden: count(7)?,
    })
}

/// Asks the counters of the databases in `names`, all but templates when that is empty.
pub(super) async fn databases(
    session: &Session,
    names: &[String],
    cluster: &str,
    overview: &Overview,
) -> Result<Vec<DatabaseSample>, Refusal> {
    let rows =
        session.all(DATABASES, &[(&names, Type::TEXT_ARRAY), (&DATABASES_MAX, Type::INT8)]).await?;
    rows.iter()
        .map(|row| {
            let counter = |column| {
                session.value::<Option<i64>>(row, column).map(|n| n.unwrap_or(0).unsigned_abs())
            };
            Ok(DatabaseSample {
                cluster: cluster.to_owned(),
                database: session.value(row, 0)?,
                size_bytes: None,
                commits: counter(1)?,
                rollbacks: counter(2)?,
                deadlocks: counter(3)?,
                stats_reset_ms: session.value(row, 4)?,
                connections: overview.connections,
                connections_max: overview.connections_max,
                connections_active: overview.connections_active,
                accounts: None,
            })
        })
        .collect()
}

/// Asks the size of one database. PostgreSQL adds up its files, so it is asked seldom.
pub(super) async fn size_bytes(session: &Session, database: &str) -> Result<u64, Refusal> {
    number(session, SIZE, &[(&database, Type::TEXT)]).await
}

/// Asks for the number of accounts.
pub(super) async fn accounts(session: &Session, sql: &str) -> Result<u64, Refusal> {
    number(session, &accounts_question(sql), &[]).await
}

/// As a subquery the configured SQL can only be one that reads, must give one row and one column, and
/// more than one statement is a syntax error. Its own line end closes a comment at its end.
fn accounts_question(sql: &str) -> String {
    format!("({sql}\n)::bigint")
}

async fn number(
    session: &Session,
    question: &str,
    parameters: &[Parameter<'_>],
) -> Result<u64, Refusal> {
    let row = session.one(question, parameters).await?;
    let value: Option<i64> = session.value(&row, 0)?;
    Ok(u64::try_from(value.unwrap_or(0)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sql_for_accounts_is_read_as_one_value() {
        assert_eq!(
            accounts_question("SELECT count(*) FROM pegawai -- aktif"),
            "(SELECT count(*) FROM pegawai -- aktif\n)::bigint"
        );
    }
}
