//! Alerts: what alerting remembers, the alerts themselves, and the outbox of notifications. A transition
//! is stored together with its notifications in one transaction, so each is told once per channel
//! whatever crashes.

mod outbox;
mod read;

use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{Store, StoreError, StoreResult};
use crate::domain::{
    AgentId, SiteId,
    alert::{
        AlertKey, AlertState, Change, Channel, DeliveryState, Detail, Event, Latch, Level, Reason,
        Transition, Unit,
    },
};

impl Store {
    /// Everything that alerting remembers, by key.
    pub async fn alert_states(&self) -> StoreResult<Vec<(AlertKey, AlertState)>> {
        let rows = sqlx::query(
            "SELECT site_id, rule, agent_id, part, warning_on, warning_since_ms, critical_on, \
             critical_since_ms, opened_ms, transitions FROM alert_watch \
             ORDER BY site_id, rule, agent_id, part",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((key(row)?, state(row)?))).collect()
    }

    /// Stores what a tick decided for one site: all of it or nothing. Each transition is put into the
    /// outbox of each of `channels`.
    pub async fn store_alert_changes(
        &self,
        site: &SiteId,
        changes: &[Change],
        channels: &[Channel],
    ) -> StoreResult<()> {
        let mut transaction = self.begin_write().await?;
        for change in changes.iter().filter(|change| change.key.site == *site) {
            match &change.next {
                Some(next) => remember(&mut transaction, &change.key, next).await?,
                None => forget(&mut transaction, &change.key).await?,
            }
            let Some(event) = &change.event else { continue };
            put_alert(&mut transaction, &change.key, event).await?;
            for channel in channels {
                put_notification(&mut transaction, &change.key, event, *channel).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

async fn remember(
    transaction: &mut Transaction<'_, Any>,
    key: &AlertKey,
    next: &AlertState,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO alert_watch (site_id, rule, agent_id, part, warning_on, warning_since_ms, \
         critical_on, critical_since_ms, opened_ms, transitions) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (site_id, rule, agent_id, part) DO UPDATE SET \
         warning_on = excluded.warning_on, warning_since_ms = excluded.warning_since_ms, \
         critical_on = excluded.critical_on, critical_since_ms = excluded.critical_since_ms, \
         opened_ms = excluded.opened_ms, transitions = excluded.transitions",
    )
    .bind(&key.site.0)
    .bind(&key.rule)
    .bind(&key.agent.0)
    .bind(&key.part)
    .bind(i64::from(next.warning.on))
    .bind(next.warning.since_ms)
    .bind(i64::from(next.critical.on))
    .bind(next.critical.since_ms)
    .bind(next.opened_ms)
    .bind(next.transitions)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn forget(transaction: &mut Transaction<'_, Any>, key: &AlertKey) -> StoreResult<()> {
    sqlx::query(
        "DELETE FROM alert_watch WHERE site_id = $1 AND rule = $2 AND agent_id = $3 AND part = $4",
    )
    .bind(&key.site.0)
    .bind(&key.rule)
    .bind(&key.agent.0)
    .bind(&key.part)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn put_alert(
    transaction: &mut Transaction<'_, Any>,
    key: &AlertKey,
    event: &Event,
) -> StoreResult<()> {
    let resolved_ms = (event.transition == Transition::Resolved).then_some(event.at_ms);
    sqlx::query(
        "INSERT INTO alert (site_id, alert_id, rule, agent_id, part, sample, opened_ms, \
         resolved_ms, number, transition, level, value, threshold, unit, detail, reason, changed_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
         ON CONFLICT (site_id, alert_id) DO UPDATE SET resolved_ms = excluded.resolved_ms, \
         number = excluded.number, transition = excluded.transition, level = excluded.level, \
         value = excluded.value, threshold = excluded.threshold, detail = excluded.detail, \
         reason = excluded.reason, changed_ms = excluded.changed_ms",
    )
    .bind(&key.site.0)
    .bind(key.alert_id(event.opened_ms))
    .bind(&key.rule)
    .bind(&key.agent.0)
    .bind(&key.part)
    .bind(i64::from(event.sample))
    .bind(event.opened_ms)
    .bind(resolved_ms)
    .bind(event.number)
    .bind(event.transition.as_str())
    .bind(event.level.as_str())
    .bind(event.value)
    .bind(event.threshold)
    .bind(event.unit.as_str())
    .bind(detail_text(&key.site, &event.detail)?)
    .bind(event.reason.as_str())
    .bind(event.at_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn put_notification(
    transaction: &mut Transaction<'_, Any>,
    key: &AlertKey,
    event: &Event,
    channel: Channel,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO notification (site_id, alert_id, number, channel, transition, level, value, \
         threshold, detail, reason, created_ms, state, attempts, next_try_ms, sent_ms, last_error) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $11, NULL, '') \
         ON CONFLICT (site_id, alert_id, number, channel) DO NOTHING",
    )
    .bind(&key.site.0)
    .bind(key.alert_id(event.opened_ms))
    .bind(event.number)
    .bind(channel.as_str())
    .bind(event.transition.as_str())
    .bind(event.level.as_str())
    .bind(event.value)
    .bind(event.threshold)
    .bind(detail_text(&key.site, &event.detail)?)
    .bind(event.reason.as_str())
    .bind(event.at_ms)
    .bind(DeliveryState::Pending.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn key(row: &AnyRow) -> StoreResult<AlertKey> {
    Ok(AlertKey {
        site: SiteId(row.try_get("site_id")?),
        rule: row.try_get("rule")?,
        agent: AgentId(row.try_get("agent_id")?),
        part: row.try_get("part")?,
    })
}

fn state(row: &AnyRow) -> StoreResult<AlertState> {
    let on = |column: &str| row.try_get::<i64, _>(column).map(|on| on != 0);
    Ok(AlertState {
        warning: Latch { on: on("warning_on")?, since_ms: row.try_get("warning_since_ms")? },
        critical: Latch { on: on("critical_on")?, since_ms: row.try_get("critical_since_ms")? },
        opened_ms: row.try_get("opened_ms")?,
        transitions: row.try_get("transitions")?,
    })
}

/// A transition, from columns named as in the table `alert`.
fn event(row: &AnyRow) -> StoreResult<Event> {
    let site = SiteId(row.try_get("site_id")?);
    let detail: String = row.try_get("detail")?;
    Ok(Event {
        opened_ms: row.try_get("opened_ms")?,
        number: row.try_get("number")?,
        transition: word(row, "transition", &site, Transition::parse)?,
        level: word(row, "level", &site, Level::parse)?,
        value: row.try_get("value")?,
        threshold: row.try_get("threshold")?,
        unit: word(row, "unit", &site, Unit::parse)?,
        detail: serde_json::from_str(&detail).map_err(|e| damaged(&site, e.to_string()))?,
        reason: word(row, "reason", &site, Reason::parse)?,
        at_ms: row.try_get("changed_ms")?,
        sample: row.try_get::<i64, _>("sample")? != 0,
    })
}

fn word<T>(
    row: &AnyRow,
    column: &str,
    site: &SiteId,
    parse: fn(&str) -> Option<T>,
) -> StoreResult<T> {
    let text: String = row.try_get(column)?;
    parse(&text).ok_or_else(|| damaged(site, format!("{column} \"{text}\" is not a known word")))
}

fn detail_text(site: &SiteId, detail: &Detail) -> StoreResult<String> {
    serde_json::to_string(detail).map_err(|error| damaged(site, error.to_string()))
}

fn damaged(site: &SiteId, why: String) -> StoreError {
    StoreError::Damaged { what: "alert", site: site.clone(), why }
}

#[cfg(test)]
mod tests;
