//! How far each log of an agent is counted: in what was folded, and in what waits to be.

use std::collections::{BTreeMap, HashMap};

use sqlx::AnyConnection;

use crate::domain::{
    batch::{Codec, Frame, SourcePosition},
    definition::{Definition, LogFile, LogPosition},
};

use super::{
    Coding, Store, StoreResult,
    definitions::{self, Of},
    value::{clean, from_json, raw, to_json, unsigned},
};

/// Batches read at once.
const PAGE: i64 = 500;

/// Newest positions by log, each with the number of its batch.
pub(super) type BySource = BTreeMap<String, (u64, SourcePosition)>;

/// Keeps of each log the position of the higher number.
pub(super) fn keep_newest(newest: &mut BySource, seq: u64, position: SourcePosition) {
    match newest.get(&position.source) {
        Some((known, _)) if *known > seq => {}
        _ => {
            newest.insert(position.source.clone(), (seq, position));
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    codec: i64,
    closed_ms: i64,
    data: Vec<u8>,
}

/// Which batches of an epoch are read.
#[derive(Clone, Copy)]
enum Table {
    Unfolded,
    Waiting,
}

impl Table {
    fn page(self) -> &'static str {
        match self {
            Table::Unfolded => {
                "SELECT seq, codec, closed_ms, data FROM batch
                 WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq > $4
                 ORDER BY seq LIMIT $5"
            }
            Table::Waiting => {
                "SELECT seq, codec, closed_ms, data FROM batch_waiting
                 WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq > $4
                 ORDER BY seq LIMIT $5"
            }
        }
    }
}

/// What the batches of an epoch that are not folded say.
#[derive(Default)]
struct Unfolded {
    /// By id of the log.
    newest: HashMap<u32, (u64, LogPosition)>,
    logs: HashMap<u32, LogFile>,
}

impl Store {
    /// How far each log is counted in all batches of an epoch that are stored. A batch that cannot be
    /// read is passed over: its counts are not in the store either.
    pub(super) async fn positions(
        &self,
        of: Of<'_>,
        coding: &dyn Coding,
    ) -> StoreResult<Vec<SourcePosition>> {
        let mut connection = self.pool.acquire().await?;
        let mut unfolded = Unfolded::default();
        // What is folded is read last: a batch that is folded meanwhile is found there.
        for table in [Table::Waiting, Table::Unfolded] {
            read_all(&mut connection, of, coding, table, &mut unfolded).await?;
        }
        let mut newest = folded(&mut connection, of).await?;
        for (id, (seq, position)) in unfolded.newest {
            let log = match unfolded.logs.get(&id) {
                Some(log) => Some(log.clone()),
                None => stored_log(&mut connection, of, coding, id).await?,
            };
            if let Some(log) = log {
                keep_newest(&mut newest, seq, coding.position(&log, position));
            }
        }
        Ok(newest.into_values().map(|(_, position)| position).collect())
    }
}

async fn read_all(
    connection: &mut AnyConnection,
    of: Of<'_>,
    coding: &dyn Coding,
    table: Table,
    unfolded: &mut Unfolded,
) -> StoreResult<()> {
    let mut after = 0i64;
    loop {
        let rows: Vec<Row> = sqlx::query_as(table.page())
            .bind(of.site.0.as_str())
            .bind(of.agent.0.as_str())
            .bind(of.epoch.0.as_slice())
            .bind(after)
            .bind(PAGE)
            .fetch_all(&mut *connection)
            .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.seq;
        rows.into_iter().for_each(|row| unfolded.read(coding, row));
    }
}

impl Unfolded {
    fn read(&mut self, coding: &dyn Coding, row: Row) {
        let Some(codec) = Codec::of_number(row.codec) else { return };
        let (closed_ms, data, seq) = (row.closed_ms, row.data, unsigned(row.seq));
        let frame = Frame { codec, closed_ms, data, ..Frame::default() };
        let Ok(positions) = coding.positions(&frame) else { return };
        for (id, data) in positions.definitions {
            if let Ok(Definition::Log(log)) = coding.definition(&data) {
                self.logs.entry(id).or_insert(log);
            }
        }
        for position in positions.positions {
            let newest = self.newest.entry(position.log).or_default();
            if seq >= newest.0 {
                *newest = (seq, position);
            }
        }
    }
}

async fn folded(connection: &mut AnyConnection, of: Of<'_>) -> StoreResult<BySource> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "SELECT source, seq, position FROM log_position
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .fetch_all(connection)
    .await?;
    let read = |(source, seq, json): (String, i64, String)| {
        let position = from_json("read position", of.site, &json)?;
        Ok((source, (unsigned(seq), position)))
    };
    rows.into_iter().map(read).collect()
}

async fn stored_log(
    connection: &mut AnyConnection,
    of: Of<'_>,
    coding: &dyn Coding,
    id: u32,
) -> StoreResult<Option<LogFile>> {
    let data = definitions::load(connection, of, id, id).await?.pop();
    Ok(match data.map(|(_, data)| coding.definition(&data)) {
        Some(Ok(Definition::Log(log))) => Some(log),
        _ => None,
    })
}

/// Notes how far logs are counted in what was folded.
pub(super) async fn write(
    tx: &mut AnyConnection,
    of: Of<'_>,
    positions: &BySource,
) -> StoreResult<()> {
    for (source, (seq, position)) in positions {
        sqlx::query(
            "INSERT INTO log_position (site_id, agent_id, epoch, source, seq, position)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (site_id, agent_id, epoch, source) DO UPDATE SET
                 seq = excluded.seq, position = excluded.position
             WHERE log_position.seq < excluded.seq",
        )
        .bind(of.site.0.as_str())
        .bind(of.agent.0.as_str())
        .bind(of.epoch.0.as_slice())
        .bind(clean(source).into_owned())
        .bind(raw(*seq))
        .bind(to_json(position)?)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
