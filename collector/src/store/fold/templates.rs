//! What fingerprints stand for: reference tables, written before the counts and by themselves (a
//! distributed database does not allow both in one transaction).

use sqlx::AnyConnection;

use crate::{
    domain::batch::{ErrorGroup, QueryGroup},
    store::{
        Store, StoreResult,
        value::{clean, head},
    },
};

use super::gather::Gathered;

/// Longest template of an error that is kept, as in the contract.
const ERROR_TEMPLATE_BYTES_MAX: usize = 2_000;
/// Longest template of a query that is kept, as in the contract.
const QUERY_TEMPLATE_BYTES_MAX: usize = 4_000;

impl Store {
    /// Writes the definitions that are not known yet; a known one stays as it is.
    pub(super) async fn write_templates(&self, gathered: &Gathered) -> StoreResult<()> {
        let (groups, queries) = self.unknown(gathered).await?;
        if !groups.is_empty() || !queries.is_empty() {
            let mut tx = self.begin_write().await?;
            for group in groups {
                insert_group(&mut tx, group).await?;
            }
            for query in queries {
                insert_query(&mut tx, query).await?;
            }
            tx.commit().await?;
        }
        self.remember(gathered);
        Ok(())
    }

    async fn unknown<'a>(
        &self,
        gathered: &'a Gathered,
    ) -> StoreResult<(Vec<&'a ErrorGroup>, Vec<&'a QueryGroup>)> {
        let mut connection = self.pool.acquire().await?;
        let (mut groups, mut queries) = (Vec::new(), Vec::new());
        let errors = &self.known.errors;
        for group in gathered.groups.values().filter(|one| !errors.contains(one.fingerprint)) {
            let known: Option<(i64,)> =
                sqlx::query_as("SELECT fingerprint FROM error_group WHERE fingerprint = $1")
                    .bind(group.fingerprint)
                    .fetch_optional(&mut *connection)
                    .await?;
            groups.extend(known.is_none().then_some(group));
        }
        let known_queries = &self.known.queries;
        for query in
            gathered.queries.values().filter(|one| !known_queries.contains(one.fingerprint))
        {
            let known: Option<(i64,)> =
                sqlx::query_as("SELECT fingerprint FROM query_group WHERE fingerprint = $1")
                    .bind(query.fingerprint)
                    .fetch_optional(&mut *connection)
                    .await?;
            queries.extend(known.is_none().then_some(query));
        }
        Ok((groups, queries))
    }

    fn remember(&self, gathered: &Gathered) {
        self.known.errors.extend(gathered.groups.keys().copied());
        self.known.queries.extend(gathered.queries.keys().copied());
    }
}

async fn insert_group(tx: &mut AnyConnection, group: &ErrorGroup) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO error_group (fingerprint, fingerprint_version, origin, severity, class, sqlstate,
             template, failed_transaction)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (fingerprint) DO NOTHING",
    )
    .bind(group.fingerprint)
    .bind(i64::from(group.fingerprint_version))
    .bind(group.origin.as_str())
    .bind(group.severity.as_str())
    .bind(clean(&group.class).into_owned())
    .bind(clean(&group.sqlstate).into_owned())
    .bind(clean(head(&group.template, ERROR_TEMPLATE_BYTES_MAX)).into_owned())
    .bind(i64::from(group.failed_transaction))
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_query(tx: &mut AnyConnection, query: &QueryGroup) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO query_group (fingerprint, fingerprint_version, template)
         VALUES ($1, $2, $3) ON CONFLICT (fingerprint) DO NOTHING",
    )
    .bind(query.fingerprint)
    .bind(i64::from(query.fingerprint_version))
    .bind(clean(head(&query.template, QUERY_TEMPLATE_BYTES_MAX)).into_owned())
    .execute(tx)
    .await?;
    Ok(())
}
