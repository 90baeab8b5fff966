//! Asks `pg_stat_statements`, and says for a person why it does not answer.

use std::collections::HashMap;

use tokio_postgres::{Row, types::Type};

use super::{
    refusal::Refusal,
    session::Session,
    statements::{Counters, Key, View},
};
use crate::config::ClusterSettings;

/// Why the view does not answer.
#[derive(Debug)]
pub(super) struct NoView {
    /// For a person, with what to do.
    pub reason: String,
    /// The question left an error in the server's log.
    pub left_an_error: bool,
}

impl NoView {
    fn quiet(reason: String) -> NoView {
        NoView { reason, left_an_error: false }
    }

    fn refused(refusal: &Refusal, settings: &ClusterSettings) -> NoView {
        let role = role(settings);
        let reason = match refusal {
            Refusal::Sqlstate(code) if code == "55000" => {
                "pg_stat_statements is not loaded: add it \
                 to shared_preload_libraries and restart PostgreSQL"
                    .to_owned()
            }
            Refusal::Sqlstate(code) if code == "42501" => {
                format!("{role} may not read pg_stat_statements: GRANT pg_monitor TO {role}")
            }
            other => {
                format!("pg_stat_statements did not answer ({}); it is asked again", other.reason())
            }
        };
        NoView { reason, left_an_error: !matches!(refusal, Refusal::Closed | Refusal::Protocol) }
    }
}

/// Finds the view in the database connected to, and whether it shows the statements of all roles.
pub(super) async fn find(session: &Session, settings: &ClusterSettings) -> Result<View, NoView> {
    let refused = |refusal| NoView::refused(&refusal, settings);
    let rows = session.all(View::FIND, &[]).await.map_err(refused)?;
    let mut schema = String::new();
    let mut columns = Vec::new();
    for row in &rows {
        schema = session.value(row, 0).map_err(refused)?;
        columns.push(session.value(row, 1).map_err(refused)?);
    }
    let view = choose(&schema, &columns, settings).map_err(NoView::quiet)?;
    if let Some(hidden) = &view.hidden {
        let row = session.one(hidden, &[]).await.map_err(refused)?;
        let hidden: i64 = session.value(&row, 0).map_err(refused)?;
        if hidden > 0 {
            let role = role(settings);
            return Err(NoView::quiet(format!(
                "{hidden} statements of other roles are hidden from {role}: GRANT pg_monitor TO \
                 {role} (PostgreSQL 10 and newer; before it they are seen by superusers only)"
            )));
        }
    }
    Ok(view)
}

fn choose(schema: &str, columns: &[String], settings: &ClusterSettings) -> Result<View, String> {
    if columns.is_empty() {
        let database = settings.connection.get_dbname().unwrap_or("?");
        return Err(format!(
            "the extension pg_stat_statements is not in {database}: add it to \
             shared_preload_libraries, restart PostgreSQL, then run CREATE EXTENSION \
             pg_stat_statements in {database}"
        ));
    }
    View::choose(schema, columns).ok_or_else(|| {
        "pg_stat_statements has none of the columns total_exec_time and total_time: this version of \
         it is not known"
            .to_owned()
    })
}

/// Totals of every statement, those with the most calls first, up to the limit.
pub(super) async fn counters(
    session: &Session,
    view: &View,
    settings: &ClusterSettings,
) -> Result<HashMap<Key, Counters>, NoView> {
    let refused = |refusal| NoView::refused(&refusal, settings);
    let names = (&settings.databases as _, Type::TEXT_ARRAY);
    let rows = session.all(&view.counters, &[names]).await.map_err(refused)?;
    rows.iter().map(|row| counted(session, row)).collect::<Result<_, _>>().map_err(refused)
}

/// Text and database of these statements, as far as the view still has them.
pub(super) async fn texts(
    session: &Session,
    view: &View,
    settings: &ClusterSettings,
    statements: &[(Key, Counters)],
) -> Result<HashMap<Key, (String, String)>, NoView> {
    if statements.is_empty() {
        return Ok(HashMap::new());
    }
    let refused = |refusal| NoView::refused(&refusal, settings);
    let ids: Vec<i64> = statements.iter().map(|(key, _)| key.statement).collect();
    let rows = session.all(&view.texts, &[(&ids, Type::INT8_ARRAY)]).await.map_err(refused)?;
    rows.iter().map(|row| text(session, row)).collect::<Result<_, _>>().map_err(refused)
}

fn role(settings: &ClusterSettings) -> &str {
    settings.connection.get_user().unwrap_or("?")
}

fn counted(session: &Session, row: &Row) -> Result<(Key, Counters), Refusal> {
    let count = |column| session.value::<i64>(row, column).map(|n| u64::try_from(n).unwrap_or(0));
    let counters = Counters {
        calls: count(3)?,
        total_us: count(4)?,
        rows: count(5)?,
        since_ms: session.value(row, 6)?,
    };
    Ok((key(session, row)?, counters))
}

fn text(session: &Session, row: &Row) -> Result<(Key, (String, String)), Refusal> {
    let text: Option<String> = session.value(row, 3)?;
    Ok((key(session, row)?, (text.unwrap_or_default(), session.value(row, 4)?)))
}

fn key(session: &Session, row: &Row) -> Result<Key, Refusal> {
    Ok(Key {
        user: session.value(row, 0)?,
        database: session.value(row, 1)?,
        statement: session.value(row, 2)?,
    })
}
