//! `/reports`: the kept reports, newest period first, to be read here or taken along.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{
        HeaderValue,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    config::Settings,
    domain::{SiteId, now_ms, period::Period},
    labels::Labels,
    store::{
        ReportHead,
        audit::{Action, AuditEntry},
    },
    web::{
        App,
        failure::Failure,
        format::Format,
        frame::Frame,
        guard::SignedIn,
        html,
        sign_in::{Peer, address},
    },
};

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsPage {
    frame: Frame,
    rows: Vec<Row>,
}

/// A report.
struct Row {
    site: String,
    site_name: String,
    kind: String,
    kind_word: String,
    period: String,
    revision: i64,
    made: String,
    sample: bool,
    path: String,
}

/// The list.
pub async fn page(State(app): State<Arc<App>>, frame: Frame) -> Result<Response, Failure> {
    let heads = app.store.list_reports(None).await?;
    let rows = heads.iter().filter_map(|head| row(head, &app.settings, frame.format)).collect();
    html(&ReportsPage { frame, rows })
}

/// `None` for a site that is no longer in the settings: its zone is not known.
fn row(head: &ReportHead, settings: &Settings, format: Format) -> Option<Row> {
    let site = settings.site(&head.site.0).ok()?;
    let last_ms = head.covered_to_ms.saturating_sub(1);
    let Period { from_ms, to_ms } = head.period;
    Some(Row {
        site: head.site.0.clone(),
        site_name: site.name.clone(),
        kind: head.kind.clone(),
        kind_word: kind(&head.kind, format.0.labels()),
        period: format!("{} – {}", format.day(from_ms, site), format.day(last_ms, site)),
        revision: head.revision,
        made: format.time(head.created_ms, site),
        sample: head.sample,
        path: format!("/reports/{}/{}/{from_ms}/{to_ms}/{}", head.site, head.kind, head.revision),
    })
}

fn kind(word: &str, l: &Labels) -> String {
    match word {
        "incidental" => l.kind_incidental.to_owned(),
        "monthly" => l.kind_monthly.to_owned(),
        "half_yearly" => l.kind_half_yearly.to_owned(),
        other => other.to_owned(),
    }
}

/// Which report.
#[derive(Deserialize)]
pub struct Named {
    site: String,
    kind: String,
    from_ms: i64,
    to_ms: i64,
    revision: i64,
}

/// What the address carries beside it.
#[derive(Deserialize)]
pub struct Asked {
    /// Present to save the file, absent to read it in the browser.
    download: Option<String>,
}

/// The file of one report; the audit log says who took it.
pub async fn pdf(
    State(app): State<Arc<App>>,
    Extension(person): Extension<SignedIn>,
    peer: Peer,
    Path(named): Path<Named>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let site = SiteId(named.site);
    let period = Period { from_ms: named.from_ms, to_ms: named.to_ms };
    let found = app.store.report_pdf(&site, &named.kind, period, named.revision).await?;
    let file = found.ok_or(Failure::NotFound)?;
    let zone = &app.settings.site(&site.0).map_err(|_| Failure::NotFound)?.zone;
    let day = jiff::Timestamp::from_millisecond(named.from_ms).map_err(|_| Failure::NotFound)?;
    let day = day.to_zoned(zone.clone()).date();
    let name = format!("laporan-{site}-{}-{day}-r{}.pdf", named.kind, named.revision);
    let (action, how) = match asked.download {
        Some(_) => (Action::ReportDownloaded, "attachment"),
        None => (Action::ReportViewed, "inline"),
    };
    let entry = AuditEntry::new(now_ms(), &person.0, action, &name, &address(peer).to_string());
    app.store.audit(&entry).await?;
    let mut response = file.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    let disposition = format!("{how}; filename=\"{name}\"").parse().map_err(|_| Failure::Page)?;
    headers.insert(CONTENT_DISPOSITION, disposition);
    Ok(response)
}
