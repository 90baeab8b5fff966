//! Which batches a fold takes next.

use crate::{
    domain::{
        Epoch,
        batch::{Codec, Frame},
    },
    store::{
        Store, StoreResult,
        value::{damaged, raw, unsigned},
    },
};

use super::{BATCHES_MAX, BYTES_MAX, Head, Pending};

/// Some batches of one epoch, all that there are between two numbers, ascending.
pub(super) struct Next {
    pub(super) epoch: Epoch,
    /// Number of the first, and of the last.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) batches: Vec<(Head, Frame)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    first_minute: i64,
    last_minute: i64,
    received_ms: i64,
    closed_ms: i64,
    codec: i64,
    exemplars_codec: i64,
    exemplars_shed: i64,
    data: Vec<u8>,
    exemplars: Option<Vec<u8>>,
}

impl Row {
    /// A codec that is not known here is read as the other, which says what is wrong.
    fn read(self) -> (Head, Frame) {
        let head = Head {
            seq: unsigned(self.seq),
            last_minute: self.last_minute,
            received_ms: self.received_ms,
            closed_ms: self.closed_ms,
        };
        let frame = Frame {
            codec: Codec::of_number(self.codec).unwrap_or_default(),
            first_minute: self.first_minute,
            last_minute: self.last_minute,
            closed_ms: self.closed_ms,
            data: self.data,
            exemplars_codec: Codec::of_number(self.exemplars_codec).unwrap_or_default(),
            exemplars: self.exemplars.unwrap_or_default(),
            exemplars_shed: unsigned(self.exemplars_shed),
        };
        (head, frame)
    }
}

impl Store {
    /// The next batches of a server, as many as go into one transaction; `None` when there are none.
    pub(super) async fn next_batches(&self, server: &Pending) -> StoreResult<Option<Next>> {
        let Some((epoch, first, last)) = self.next_numbers(server).await? else { return Ok(None) };
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT seq, first_minute, last_minute, received_ms, closed_ms, codec, exemplars_codec,
                 exemplars_shed, data, exemplars
             FROM batch
             WHERE site_id = $1 AND agent_id = $2 AND epoch = $3 AND seq >= $4 AND seq <= $5
             ORDER BY seq",
        )
        .bind(server.site.0.as_str())
        .bind(server.agent.0.as_str())
        .bind(epoch.0.as_slice())
        .bind(raw(first))
        .bind(raw(last))
        .fetch_all(&self.pool)
        .await?;
        let batches = rows.into_iter().map(Row::read).collect();
        Ok(Some(Next { epoch, first, last, batches }))
    }

    /// Epoch, first and last number of the next batches.
    async fn next_numbers(&self, server: &Pending) -> StoreResult<Option<(Epoch, u64, u64)>> {
        let rows: Vec<(Vec<u8>, i64, i64)> = sqlx::query_as(
            "SELECT epoch, seq, CAST(LENGTH(data) + COALESCE(LENGTH(exemplars), 0) AS BIGINT)
             FROM batch WHERE site_id = $1 AND agent_id = $2 ORDER BY epoch, seq LIMIT $3",
        )
        .bind(server.site.0.as_str())
        .bind(server.agent.0.as_str())
        .bind(BATCHES_MAX)
        .fetch_all(&self.pool)
        .await?;
        let Some((epoch, first, _)) = rows.first() else { return Ok(None) };
        let of_epoch = rows.iter().take_while(|row| row.0 == *epoch);
        let last = last_within(of_epoch.map(|(_, seq, bytes)| (*seq, *bytes))).unwrap_or(*first);
        let wrong = |_| damaged("batch", &server.site, "its epoch is not 16 bytes long");
        let epoch = Epoch(epoch.as_slice().try_into().map_err(wrong)?);
        Ok(Some((epoch, unsigned(*first), unsigned(last))))
    }
}

/// The last of the numbers whose bytes go together; a batch that is too large goes alone.
fn last_within(batches: impl Iterator<Item = (i64, i64)>) -> Option<i64> {
    let mut total = 0i64;
    let mut last = None;
    for (seq, bytes) in batches {
        total = total.saturating_add(bytes);
        if total > BYTES_MAX && last.is_some() {
            break;
        }
        last = Some(seq);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_is_too_large_goes_alone() {
        let half = BYTES_MAX / 2;
        assert_eq!(last_within([(1, half), (2, half), (3, 1)].into_iter()), Some(2));
        assert_eq!(last_within([(1, 2 * BYTES_MAX), (2, 1)].into_iter()), Some(1));
        assert_eq!(last_within([].into_iter()), None);
    }
}
