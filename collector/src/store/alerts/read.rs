//! What pages ask of alerts.

use std::collections::HashMap;

use sqlx::{Row, any::AnyRow};

use super::{Store, StoreResult, event, key, word};
use crate::domain::{
    SiteId,
    alert::{AlertSummary, Channel, Delivery, DeliveryState, NotificationKey, Transition},
};

/// Columns of an alert; every statement that reads one begins so.
macro_rules! select_alert {
    ($rest:literal) => {
        concat!(
            "SELECT site_id, alert_id, rule, agent_id, part, sample, opened_ms, resolved_ms, number, \
             transition, level, value, threshold, unit, detail, reason, changed_ms FROM alert ",
            $rest
        )
    };
}

/// Columns of a notification, likewise.
macro_rules! select_delivery {
    ($rest:literal) => {
        concat!(
            "SELECT site_id, alert_id, number, channel, transition, state, attempts, sent_ms, \
             last_error FROM notification ",
            $rest,
            " ORDER BY site_id, alert_id, number, channel"
        )
    };
}

impl Store {
    /// Alerts that are open, of every site or of one; newest first.
    pub async fn alerts_open(&self, site: Option<&SiteId>) -> StoreResult<Vec<AlertSummary>> {
        let query = match site {
            None => sqlx::query(select_alert!(
                "WHERE resolved_ms IS NULL ORDER BY opened_ms DESC, site_id, alert_id"
            )),
            Some(site) => sqlx::query(select_alert!(
                "WHERE site_id = $1 AND resolved_ms IS NULL ORDER BY opened_ms DESC, alert_id"
            ))
            .bind(&site.0),
        };
        let rows = query.fetch_all(&self.pool).await?;
        self.with_deliveries(site, &rows).await
    }

    /// Alerts open and past, of every site or of one; those that began last first.
    pub async fn alerts_history(
        &self,
        site: Option<&SiteId>,
        limit: u32,
    ) -> StoreResult<Vec<AlertSummary>> {
        let limit = i64::from(limit);
        let query = match site {
            None => {
                sqlx::query(select_alert!("ORDER BY opened_ms DESC, site_id, alert_id LIMIT $1"))
                    .bind(limit)
            }
            Some(site) => sqlx::query(select_alert!(
                "WHERE site_id = $1 ORDER BY opened_ms DESC, alert_id LIMIT $2"
            ))
            .bind(&site.0)
            .bind(limit),
        };
        let rows = query.fetch_all(&self.pool).await?;
        self.with_deliveries(site, &rows).await
    }

    async fn with_deliveries(
        &self,
        site: Option<&SiteId>,
        rows: &[AnyRow],
    ) -> StoreResult<Vec<AlertSummary>> {
        let mut alerts = rows.iter().map(summary).collect::<StoreResult<Vec<_>>>()?;
        let Some(since_ms) = alerts.iter().map(|alert| alert.last.opened_ms).min() else {
            return Ok(alerts);
        };
        let mut by_alert: HashMap<(SiteId, String), Vec<Delivery>> = HashMap::new();
        for row in self.deliveries(site, since_ms).await? {
            let delivery = delivery(&row)?;
            let alert = (delivery.key.site.clone(), delivery.key.alert_id.clone());
            by_alert.entry(alert).or_default().push(delivery);
        }
        for alert in &mut alerts {
            let name = (alert.about.site.clone(), alert.id.clone());
            alert.deliveries = by_alert.remove(&name).unwrap_or_default();
        }
        Ok(alerts)
    }

    async fn deliveries(&self, site: Option<&SiteId>, since_ms: i64) -> StoreResult<Vec<AnyRow>> {
        let query = match site {
            None => sqlx::query(select_delivery!("WHERE created_ms >= $1")).bind(since_ms),
            Some(site) => sqlx::query(select_delivery!("WHERE site_id = $1 AND created_ms >= $2"))
                .bind(&site.0)
                .bind(since_ms),
        };
        Ok(query.fetch_all(&self.pool).await?)
    }
}

fn summary(row: &AnyRow) -> StoreResult<AlertSummary> {
    Ok(AlertSummary {
        id: row.try_get("alert_id")?,
        about: key(row)?,
        last: event(row)?,
        resolved_ms: row.try_get("resolved_ms")?,
        deliveries: Vec::new(),
    })
}

fn delivery(row: &AnyRow) -> StoreResult<Delivery> {
    let site = SiteId(row.try_get("site_id")?);
    Ok(Delivery {
        transition: word(row, "transition", &site, Transition::parse)?,
        state: word(row, "state", &site, DeliveryState::parse)?,
        attempts: row.try_get("attempts")?,
        sent_ms: row.try_get("sent_ms")?,
        last_error: row.try_get("last_error")?,
        key: NotificationKey {
            alert_id: row.try_get("alert_id")?,
            number: row.try_get("number")?,
            channel: word(row, "channel", &site, Channel::parse)?,
            site,
        },
    })
}
