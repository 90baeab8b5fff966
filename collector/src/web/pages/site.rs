//! `/site/{id}`: everything about one site. Two parts refresh by themselves: what is of now, and what is
//! of the month.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    live::{self, LiveView},
    month::{self, Facts, MonthView},
};
use crate::{
    availability,
    config::Site,
    domain::{
        now_ms,
        summary::{QueryOrder, Server},
    },
    labels::Labels,
    web::{App, failure::Failure, frame::Frame, html, month::running},
};

/// Error groups read for a page; the most frequent of each origin are among them.
const ERRORS_READ_MAX: u32 = 200;

/// What the address carries.
#[derive(Deserialize)]
pub struct Asked {
    /// `time` ranks queries by total time, anything else by calls.
    #[serde(default)]
    queries: String,
}

#[derive(Template)]
#[template(path = "site.html")]
struct SitePage {
    frame: Frame,
    name: String,
    /// `?queries=time`, or nothing.
    query: &'static str,
    agents: Vec<String>,
    /// In which the charts count.
    zone: String,
    live: LivePart,
    month: MonthPart,
}

#[derive(Template)]
#[template(path = "site_live.html")]
struct LivePart {
    l: &'static Labels,
    live: LiveView,
}

#[derive(Template)]
#[template(path = "site_month.html")]
struct MonthPart {
    l: &'static Labels,
    month: MonthView,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    frame: Frame,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let (site, servers) = find(&app, &id).await?;
    let order = order(&asked);
    let page = SitePage {
        name: site.name.clone(),
        query: if order == QueryOrder::TotalTime { "?queries=time" } else { "" },
        zone: site.zone.iana_name().unwrap_or("UTC").to_owned(),
        agents: servers.iter().map(|server| server.agent.0.clone()).collect(),
        live: live_part(&app, site, &servers, &frame),
        month: month_part(&app, site, &servers, order, &frame).await?,
        frame,
    };
    html(&page)
}

/// The part that is of now.
pub async fn live(
    State(app): State<Arc<App>>,
    frame: Frame,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let (site, servers) = find(&app, &id).await?;
    html(&live_part(&app, site, &servers, &frame))
}

/// The part that is of the month.
pub async fn month(
    State(app): State<Arc<App>>,
    frame: Frame,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let (site, servers) = find(&app, &id).await?;
    html(&month_part(&app, site, &servers, order(&asked), &frame).await?)
}

fn order(asked: &Asked) -> QueryOrder {
    if asked.queries == "time" { QueryOrder::TotalTime } else { QueryOrder::Calls }
}

async fn find<'a>(app: &'a App, id: &str) -> Result<(&'a Site, Vec<Server>), Failure> {
    let site = app.settings.site(id).map_err(|_| Failure::NotFound)?;
    Ok((site, app.store.servers(Some(&site.id)).await?))
}

fn live_part(app: &App, site: &Site, servers: &[Server], frame: &Frame) -> LivePart {
    let live = live::view(site, servers, &app.settings.thresholds, frame.format, now_ms());
    LivePart { l: frame.l, live }
}

async fn month_part(
    app: &App,
    site: &Site,
    servers: &[Server],
    order: QueryOrder,
    frame: &Frame,
) -> Result<MonthPart, Failure> {
    let facts = gather(app, site, order).await?;
    Ok(MonthPart { l: frame.l, month: month::view(site, servers, &facts, frame.format) })
}

async fn gather(app: &App, site: &Site, order: QueryOrder) -> Result<Facts, Failure> {
    let now = now_ms();
    let period = running(site, now).ok_or(Failure::Page)?;
    let store = &app.store;
    let queries_max = u32::try_from(month::ROWS_MAX).unwrap_or(u32::MAX);
    Ok(Facts {
        period,
        ledger: availability::ledger(store, site, period, now).await?,
        databases: store.databases(&site.id, period).await?,
        errors: store.errors(&site.id, period, ERRORS_READ_MAX).await?,
        queries: store.queries(&site.id, period, order, queries_max).await?,
        order,
        gaps: store.gaps(&site.id, period).await?,
    })
}
