//! `/alerts`: what is open, what was, and who was told.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};

use crate::{
    config::{Settings, Site},
    domain::{
        alert::{AlertSummary, Delivery, DeliveryState, Transition},
        now_ms,
    },
    labels::{
        Labels, Language,
        alerts::{EN, ID, Vocabulary},
    },
    web::{App, failure::Failure, format::Format, frame::Frame, html},
};

/// Alerts in the history.
const HISTORY_MAX: u32 = 200;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    list: AlertsList,
}

#[derive(Template)]
#[template(path = "alerts_list.html")]
struct AlertsList {
    l: &'static Labels,
    open: Vec<Row>,
    past: Vec<Row>,
}

/// An alert.
struct Row {
    id: String,
    rule: String,
    level: &'static str,
    level_word: &'static str,
    site: String,
    site_name: String,
    server: String,
    statement: String,
    sample: bool,
    opened: String,
    resolved: Option<String>,
    /// How long it lasted, or has lasted.
    span: String,
    deliveries: Vec<Told>,
}

/// A notification.
struct Told {
    channel: &'static str,
    transition: &'static str,
    transition_word: &'static str,
    state: &'static str,
    word: &'static str,
    detail: String,
}

/// The page, or only its list when it refreshes itself.
pub async fn page(
    State(app): State<Arc<App>>,
    frame: Frame,
    headers: axum::http::HeaderMap,
) -> Result<Response, Failure> {
    let open = app.store.alerts_open(None).await?;
    let past = app.store.alerts_history(None, HISTORY_MAX).await?;
    let now = now_ms();
    let row = |alert: &AlertSummary| row(alert, &app.settings, frame.format, now);
    let list = AlertsList {
        l: frame.l,
        open: open.iter().map(row).collect(),
        past: past.iter().filter(|alert| alert.resolved_ms.is_some()).map(row).collect(),
    };
    if headers.contains_key("hx-request") { html(&list) } else { html(&AlertsPage { frame, list }) }
}

fn row(alert: &AlertSummary, settings: &Settings, format: Format, now_ms: i64) -> Row {
    let words = vocabulary(format.0);
    let site = settings.site(&alert.about.site.0).ok();
    let time = |ms| site.map_or_else(String::new, |site: &Site| format.time(ms, site));
    let opened_ms = alert.last.opened_ms;
    Row {
        id: alert.id.clone(),
        rule: alert.about.rule.clone(),
        level: alert.last.level.as_str(),
        level_word: words.level(alert.last.level),
        site: alert.about.site.0.clone(),
        site_name: site.map_or_else(|| alert.about.site.0.clone(), |site| site.name.clone()),
        server: alert.about.agent.0.clone(),
        statement: words.statement(&alert.about, &alert.last),
        sample: alert.last.sample,
        opened: time(opened_ms),
        resolved: alert.resolved_ms.map(time),
        span: format.span(alert.resolved_ms.unwrap_or(now_ms).saturating_sub(opened_ms)),
        deliveries: alert.deliveries.iter().map(|one| told(one, format, &time)).collect(),
    }
}

fn told(one: &Delivery, format: Format, time: &impl Fn(i64) -> String) -> Told {
    let l = format.0.labels();
    let (word, detail) = match one.state {
        DeliveryState::Sent => (l.told_sent, one.sent_ms.map(time).unwrap_or_default()),
        DeliveryState::Pending => (l.told_pending, one.last_error.clone()),
        DeliveryState::Failed => (l.told_failed, one.last_error.clone()),
    };
    Told {
        channel: one.key.channel.as_str(),
        transition: one.transition.as_str(),
        transition_word: transition(one.transition, l),
        state: one.state.as_str(),
        word,
        detail,
    }
}

fn transition(transition: Transition, l: &Labels) -> &'static str {
    match transition {
        Transition::Opened => l.transition_opened,
        Transition::Escalated => l.transition_escalated,
        Transition::Eased => l.transition_eased,
        Transition::Resolved => l.transition_resolved,
    }
}

fn vocabulary(language: Language) -> &'static Vocabulary {
    match language {
        Language::Indonesian => &ID,
        Language::English => &EN,
    }
}
