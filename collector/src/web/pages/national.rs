//! `/`: every site of the settings, worst first.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};

use super::figures::{Gauge, disk_gauge, disk_permille, memory_gauge, memory_permille, site_state};
use crate::{
    config::{Site, Thresholds},
    domain::{SiteId, now_ms, summary::Server},
    labels::{Labels, reasons},
    web::{
        App,
        failure::Failure,
        format::Format,
        frame::Frame,
        html,
        month::Headline,
        shares,
        state::{Decision, SiteState, decide},
    },
};

/// What is known of one site.
struct Facts<'a> {
    site: &'a Site,
    servers: Vec<Server>,
    month: Option<Headline>,
    alerts_open: usize,
}

/// A site's line.
struct Row {
    id: String,
    name: String,
    state: SiteState,
    word: &'static str,
    /// Why, in words; empty when up.
    reason: String,
    /// For how long.
    since: String,
    /// Availability over the measured time.
    available: Option<String>,
    /// How much of the month was measured.
    measured: Option<String>,
    misses: bool,
    alerts: usize,
    cpu: Option<Gauge>,
    memory: Option<Gauge>,
    disk: Option<(String, Gauge)>,
    /// Age of the last sign of life.
    contact: Option<String>,
    sample: bool,
}

/// How many sites stand so.
struct Count {
    state: SiteState,
    word: &'static str,
    sites: usize,
}

#[derive(Template)]
#[template(path = "national.html")]
struct NationalPage {
    frame: Frame,
    list: NationalList,
}

#[derive(Template)]
#[template(path = "national_list.html")]
struct NationalList {
    l: &'static Labels,
    counts: Vec<Count>,
    rows: Vec<Row>,
    at: String,
}

/// The page, or only its list when it refreshes itself.
pub async fn page(
    State(app): State<Arc<App>>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let now = now_ms();
    let facts = gather(&app, now).await?;
    let list = view(&facts, &app.settings.thresholds, frame.format, now);
    if headers.contains_key("hx-request") {
        html(&list)
    } else {
        html(&NationalPage { frame, list })
    }
}

async fn gather(app: &App, now_ms: i64) -> Result<Vec<Facts<'_>>, Failure> {
    let mut servers: HashMap<SiteId, Vec<Server>> = HashMap::new();
    for server in app.store.servers(None).await? {
        servers.entry(server.site.clone()).or_default().push(server);
    }
    refresh_months(app, &servers, now_ms).await?;
    let alerts = app.store.alerts_open(None).await?;
    let facts = app.settings.sites.iter().map(|site| Facts {
        site,
        servers: servers.remove(&site.id).unwrap_or_default(),
        month: app.months.get(&site.id),
        alerts_open: alerts.iter().filter(|alert| alert.about.site == site.id).count(),
    });
    Ok(facts.collect())
}

async fn refresh_months(
    app: &App,
    servers: &HashMap<SiteId, Vec<Server>>,
    now_ms: i64,
) -> Result<(), Failure> {
    let calling = app.settings.sites.iter().filter(|site| servers.contains_key(&site.id));
    for site in app.months.due(calling, now_ms) {
        app.months.refresh(&app.store, site, now_ms).await?;
    }
    Ok(())
}

fn view(facts: &[Facts<'_>], thresholds: &Thresholds, format: Format, now_ms: i64) -> NationalList {
    let l = format.0.labels();
    let mut rows: Vec<Row> =
        facts.iter().map(|facts| row(facts, thresholds, format, now_ms)).collect();
    rows.sort_by_key(|row| (row.state, std::cmp::Reverse(row.alerts)));
    let counts = SiteState::ALL.map(|state| Count {
        state,
        word: site_state(state, l),
        sites: rows.iter().filter(|row| row.state == state).count(),
    });
    let at = facts.first().map(|facts| format.clock(now_ms, facts.site)).unwrap_or_default();
    NationalList { l, counts: counts.into(), rows, at }
}

fn row(facts: &Facts<'_>, thresholds: &Thresholds, format: Format, now_ms: i64) -> Row {
    let Facts { site, servers, month, alerts_open } = facts;
    let decision = decide(servers, now_ms, thresholds.silent_after_s);
    let shares = month.map(|month| month.shares);
    let age = |since: i64| format.span(now_ms.saturating_sub(since));
    Row {
        id: site.id.0.clone(),
        name: site.name.clone(),
        state: decision.state,
        word: site_state(decision.state, format.0.labels()),
        reason: why(&decision, format.0.labels()),
        since: decision.since_ms.map(age).unwrap_or_default(),
        available: shares
            .and_then(|shares| shares.available_of_measured())
            .map(|points| format.basis_points(points)),
        measured: shares.map(|shares| shares::measured(&shares, format)),
        misses: shares.is_some_and(|shares| shares.misses(site.availability_target_permille)),
        alerts: *alerts_open,
        cpu: cpu(servers, decision.state, format),
        memory: memory(servers, decision.state, thresholds, format),
        disk: fullest_disk(servers, decision.state, thresholds, format),
        contact: servers.iter().map(|server| server.last_seen_ms).max().map(age),
        sample: servers.iter().any(|server| server.sample),
    }
}

/// The reason in words, with the check that gave it.
pub fn why(decision: &Decision, l: &Labels) -> String {
    let reason = reasons::text(&decision.reason, l);
    match decision.target {
        Some(target) if !reason.is_empty() => format!("{}: {reason}", l.target(target)),
        _ => reason,
    }
}

/// Figures of a silent agent are old, so none is shown as of now.
fn hosts(
    servers: &[Server],
    state: SiteState,
) -> impl Iterator<Item = &crate::domain::batch::HostSample> {
    let live = state != SiteState::Silent;
    servers.iter().filter(move |_| live).filter_map(|server| server.live.host.as_ref())
}

fn cpu(servers: &[Server], state: SiteState, format: Format) -> Option<Gauge> {
    let highest = hosts(servers, state).map(|host| host.cpu_permille).max()?;
    Some(Gauge::plain(u64::from(highest), format))
}

fn memory(
    servers: &[Server],
    state: SiteState,
    thresholds: &Thresholds,
    format: Format,
) -> Option<Gauge> {
    let highest = hosts(servers, state).map(memory_permille).max()?;
    Some(memory_gauge(highest, thresholds, format))
}

fn fullest_disk(
    servers: &[Server],
    state: SiteState,
    thresholds: &Thresholds,
    format: Format,
) -> Option<(String, Gauge)> {
    let disks = hosts(servers, state).flat_map(|host| &host.disks);
    let fullest = disks.max_by_key(|disk| disk_permille(disk))?;
    Some((fullest.mount.clone(), disk_gauge(disk_permille(fullest), thresholds, format)))
}
