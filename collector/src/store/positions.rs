//! How far each file of each log of an agent is counted: in what was folded, and in what waits to be.
//!
//! A log may be several files at once (a pattern), and one that was renamed may still be read when the
//! next one is begun, so positions are kept by file: of each log the files that were read last.
//!
//! Within an epoch the higher number is the newer one. An agent whose spool was deleted calls with an epoch
//! that nothing is stored of: it is told how far its logs were counted in its other epochs, of each file
//! the position that came with the batch closed last.

mod newest;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use sqlx::AnyConnection;

use crate::domain::{
    Epoch,
    batch::{Codec, Frame, SourcePosition},
    definition::{Definition, LogFile, LogPosition},
};

pub(super) use newest::{Bearer, Newest};

use super::{
    Coding, Store, StoreResult,
    definitions::{self, Of},
    value::{clean, damaged, from_json, raw, to_json, unsigned},
};

/// Batches read at once.
const PAGE: i64 = 500;
/// Files that are remembered of one log; the longest unread are forgotten first. As many as an agent
/// remembers itself.
const FILES_PER_LOG_MAX: usize = 64;

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
    /// How far each file is counted in all batches of an epoch that are stored; of each log the file that
    /// was read last is the last. A batch that cannot be read is passed over: its counts are not in the
    /// store either.
    pub(super) async fn positions(
        &self,
        of: Of<'_>,
        coding: &dyn Coding,
    ) -> StoreResult<Vec<SourcePosition>> {
        let mut connection = self.pool.acquire().await?;
        Ok(of_epoch(&mut connection, of, coding).await?.into_positions())
    }

    /// How far each file is counted in the other epochs of an agent, in the same order.
    pub(super) async fn positions_before(
        &self,
        of: Of<'_>,
        coding: &dyn Coding,
    ) -> StoreResult<Vec<SourcePosition>> {
        let mut connection = self.pool.acquire().await?;
        let mut newest = Newest::by_time();
        for epoch in other_epochs(&mut connection, of).await? {
            let of = Of { epoch: &epoch, ..of };
            newest.merge(of_epoch(&mut connection, of, coding).await?);
        }
        Ok(newest.into_positions())
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
) -> StoreResult<Newest> {
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
            newest.keep(batch, coding.position(&log, position));
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
        let seq = unsigned(row.seq);
        let frame = Frame { codec, closed_ms, data, ..Frame::default() };
        let Ok(positions) = coding.positions(&frame) else { return };
        for (id, data) in positions.definitions {
            if let Ok(Definition::Log(log)) = coding.definition(&data) {
                self.logs.entry(id).or_insert(log);
            }
        }
        for (place, position) in (0..).zip(positions.positions) {
            let newest = self.newest.entry(position.log).or_default();
            if seq >= newest.0.seq {
                *newest = (Bearer { seq, place, closed_ms }, position);
            }
        }
    }
}

async fn folded(connection: &mut AnyConnection, of: Of<'_>) -> StoreResult<Newest> {
    let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "SELECT seq, place, closed_ms, position FROM log_position
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .fetch_all(connection)
    .await?;
    let mut newest = Newest::by_number();
    for (seq, place, closed_ms, json) in rows {
        let bearer = Bearer { seq: unsigned(seq), place: unsigned(place), closed_ms };
        newest.keep(bearer, from_json("read position", of.site, &json)?);
    }
    Ok(newest)
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

/// Notes how far files are counted in what was folded.
pub(super) async fn write(
    tx: &mut AnyConnection,
    of: Of<'_>,
    positions: &Newest,
) -> StoreResult<()> {
    for (source, files) in positions.by_log() {
        let source = clean(source);
        for (file, (bearer, position)) in files {
            write_file(tx, of, (&source, &file.to_string()), *bearer, position).await?;
        }
        forget_oldest(tx, of, &source).await?;
    }
    Ok(())
}

async fn write_file(
    tx: &mut AnyConnection,
    of: Of<'_>,
    (source, file): (&str, &str),
    bearer: Bearer,
    position: &SourcePosition,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO log_position (site_id, agent_id, epoch, source, file, seq, place, closed_ms, position)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (site_id, agent_id, epoch, source, file) DO UPDATE SET seq = excluded.seq,
             place = excluded.place, closed_ms = excluded.closed_ms, position = excluded.position
         WHERE log_position.seq < excluded.seq",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(source)
    .bind(file)
    .bind(raw(bearer.seq))
    .bind(raw(bearer.place))
    .bind(bearer.closed_ms)
    .bind(to_json(position)?)
    .execute(tx)
    .await?;
    Ok(())
}

async fn forget_oldest(tx: &mut AnyConnection, of: Of<'_>, source: &str) -> StoreResult<()> {
    sqlx::query(
        "DELETE FROM log_position
         WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND source = $4 AND file NOT IN (
             SELECT file FROM log_position
             WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND source = $4
             ORDER BY seq DESC, place DESC LIMIT $5)",
    )
    .bind(of.site.0.as_str())
    .bind(of.agent.0.as_str())
    .bind(of.epoch.0.as_slice())
    .bind(source)
    .bind(FILES_PER_LOG_MAX as i64)
    .execute(tx)
    .await?;
    Ok(())
}
