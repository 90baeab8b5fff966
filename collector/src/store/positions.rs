//! How far each log of an agent is counted: in what was folded, and in what waits to be.
//!
//! Within an epoch the higher number is the newer one. An agent whose spool was deleted calls with an epoch
//! that nothing is stored of: it is told how far its logs were counted in its other epochs, of each log
//! the position that came with the batch closed last.

use std::collections::{BTreeMap, HashMap};

use sqlx::AnyConnection;

use crate::domain::{
    Epoch,
    batch::{Codec, Frame, SourcePosition},
    definition::{Definition, LogFile, LogPosition},
};

use super::{
    Coding, Store, StoreResult,
    definitions::{self, Of},
    value::{clean, damaged, from_json, raw, to_json, unsigned},
};

/// Batches read at once.
const PAGE: i64 = 500;

/// The batch that a position came with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bearer {
    pub(super) seq: u64,
    pub(super) closed_ms: i64,
}

/// Newest positions by log, each with its batch.
pub(super) type BySource = BTreeMap<String, (Bearer, SourcePosition)>;

/// Keeps of each log the position of the higher number.
pub(super) fn keep_newest(newest: &mut BySource, batch: Bearer, position: SourcePosition) {
    match newest.get(&position.source) {
        Some((known, _)) if known.seq > batch.seq => {}
        _ => {
            newest.insert(position.source.clone(), (batch, position));
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
    newest: HashMap<u32, (Bearer, LogPosition)>,
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
        let newest = of_epoch(&mut connection, of, coding).await?;
        Ok(newest.into_values().map(|(_, position)| position).collect())
    }

    /// How far each log is counted in the other epochs of an agent.
    pub(super) async fn positions_before(
        &self,
        of: Of<'_>,
        coding: &dyn Coding,
    ) -> StoreResult<Vec<SourcePosition>> {
        let mut connection = self.pool.acquire().await?;
        let mut newest = BySource::new();
        for epoch in other_epochs(&mut connection, of).await? {
            let of = Of { epoch: &epoch, ..of };
            for (source, counted) in of_epoch(&mut connection, of, coding).await? {
                match newest.get(&source) {
                    Some((known, _)) if known.closed_ms > counted.0.closed_ms => {}
                    _ => {
                        newest.insert(source, counted);
                    }
                }
            }
        }
        Ok(newest.into_values().map(|(_, position)| position).collect())
    }
}

/// Epochs that something is stored of, but for one.
async fn other_epochs(connection: &mut AnyConnection, of: Of<'_>) -> StoreResult<Vec<Epoch>> {
    let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
        "SELECT DISTINCT epoch FROM stored_range
         WHERE site_id = $1 AND agent_id = $2 AND epoch <> $3",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .fetch_all(connection)
    .await?;
    let wrong = |_| damaged("stored range", of.site, "its epoch is not 16 bytes long");
    let epoch = |(bytes,): (Vec<u8>,)| bytes.as_slice().try_into().map(Epoch).map_err(wrong);
    rows.into_iter().map(epoch).collect()
}

async fn of_epoch(
    connection: &mut AnyConnection,
    of: Of<'_>,
    coding: &dyn Coding,
) -> StoreResult<BySource> {
    let mut unfolded = Unfolded::default();
    // What is folded is read last: a batch that is folded meanwhile is found there.
    for table in [Table::Waiting, Table::Unfolded] {
        read_all(connection, of, coding, table, &mut unfolded).await?;
    }
    let mut newest = folded(connection, of).await?;
    for (id, (batch, position)) in unfolded.newest {
        let log = match unfolded.logs.get(&id) {
            Some(log) => Some(log.clone()),
            None => stored_log(connection, of, coding, id).await?,
        };
        if let Some(log) = log {
            keep_newest(&mut newest, batch, coding.position(&log, position));
        }
    }
    Ok(newest)
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
        let (closed_ms, data) = (row.closed_ms, row.data);
        let batch = Bearer { seq: unsigned(row.seq), closed_ms };
        let frame = Frame { codec, closed_ms, data, ..Frame::default() };
        let Ok(positions) = coding.positions(&frame) else { return };
        for (id, data) in positions.definitions {
            if let Ok(Definition::Log(log)) = coding.definition(&data) {
                self.logs.entry(id).or_insert(log);
            }
        }
        for position in positions.positions {
            let newest = self.newest.entry(position.log).or_default();
            if batch.seq >= newest.0.seq {
                *newest = (batch, position);
            }
        }
    }
}

async fn folded(connection: &mut AnyConnection, of: Of<'_>) -> StoreResult<BySource> {
    let rows: Vec<(String, i64, i64, String)> = sqlx::query_as(
        "SELECT source, seq, closed_ms, position FROM log_position
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .fetch_all(connection)
    .await?;
    let read = |(source, seq, closed_ms, json): (String, i64, i64, String)| {
        let position = from_json("read position", of.site, &json)?;
        Ok((source, (Bearer { seq: unsigned(seq), closed_ms }, position)))
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
    for (source, (batch, position)) in positions {
        sqlx::query(
            "INSERT INTO log_position (site_id, agent_id, epoch, source, seq, position, closed_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (site_id, agent_id, epoch, source) DO UPDATE SET
                 seq = excluded.seq, position = excluded.position, closed_ms = excluded.closed_ms
             WHERE log_position.seq < excluded.seq",
        )
        .bind(of.site.0.as_str())
        .bind(of.agent.0.as_str())
        .bind(of.epoch.0.as_slice())
        .bind(clean(source).into_owned())
        .bind(raw(batch.seq))
        .bind(to_json(position)?)
        .bind(batch.closed_ms)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
