//! The outbox: what is due, and what became of it.

use sqlx::Row;

use super::{Store, StoreResult, event, key};
use crate::domain::alert::{Channel, DeliveryState, Notice, NotificationKey};

impl Store {
    /// Notifications of one channel that are due, oldest first. Of an alert's notifications only the
    /// first that is not settled is due: nobody hears of an end before its beginning.
    pub async fn notifications_due(
        &self,
        channel: Channel,
        now_ms: i64,
        limit: u32,
    ) -> StoreResult<Vec<Notice>> {
        let rows = sqlx::query(
            "SELECT n.site_id, n.alert_id, n.number, n.transition, n.level, n.value, n.threshold, \
             n.detail, n.reason, n.created_ms AS changed_ms, n.attempts, n.next_try_ms, a.rule, \
             a.agent_id, a.part, a.sample, a.opened_ms, a.unit \
             FROM notification n JOIN alert a ON a.site_id = n.site_id AND a.alert_id = n.alert_id \
             WHERE n.state = $1 AND n.channel = $2 AND n.next_try_ms <= $3 AND NOT EXISTS ( \
             SELECT 1 FROM notification e WHERE e.site_id = n.site_id AND e.alert_id = n.alert_id \
             AND e.channel = n.channel AND e.number < n.number AND e.state = $1) \
             ORDER BY n.created_ms, n.site_id, n.alert_id LIMIT $4",
        )
        .bind(DeliveryState::Pending.as_str())
        .bind(channel.as_str())
        .bind(now_ms)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let notice = |row: &sqlx::any::AnyRow| {
            let about = key(row)?;
            Ok(Notice {
                key: NotificationKey {
                    site: about.site.clone(),
                    alert_id: row.try_get("alert_id")?,
                    number: row.try_get("number")?,
                    channel,
                },
                about,
                event: event(row)?,
                attempts: row.try_get("attempts")?,
                next_try_ms: row.try_get("next_try_ms")?,
            })
        };
        rows.iter().map(notice).collect()
    }

    /// Notes that the receiver took it.
    pub async fn notification_sent(&self, key: &NotificationKey, now_ms: i64) -> StoreResult<()> {
        sqlx::query(
            "UPDATE notification SET state = $1, sent_ms = $2, attempts = attempts + 1 \
             WHERE site_id = $3 AND alert_id = $4 AND number = $5 AND channel = $6",
        )
        .bind(DeliveryState::Sent.as_str())
        .bind(now_ms)
        .bind(&key.site.0)
        .bind(&key.alert_id)
        .bind(key.number)
        .bind(key.channel.as_str())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that a try failed: it is tried again at `next_try_ms`, or given up when that is `None`.
    pub async fn notification_refused(
        &self,
        key: &NotificationKey,
        error: &str,
        next_try_ms: Option<i64>,
    ) -> StoreResult<()> {
        let state =
            if next_try_ms.is_some() { DeliveryState::Pending } else { DeliveryState::Failed };
        sqlx::query(
            "UPDATE notification SET state = $1, next_try_ms = $2, last_error = $3, \
             attempts = attempts + 1 \
             WHERE site_id = $4 AND alert_id = $5 AND number = $6 AND channel = $7",
        )
        .bind(state.as_str())
        .bind(next_try_ms.unwrap_or_default())
        .bind(error)
        .bind(&key.site.0)
        .bind(&key.alert_id)
        .bind(key.number)
        .bind(key.channel.as_str())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
