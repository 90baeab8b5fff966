//! The performance report: queried, composed into a model, drawn, kept, scheduled.
//!
//! ```text
//! query (facts) -> compose (model) -> render (sheet -> PDF) -> store
//! ```

mod compose;
mod format;
pub mod model;
pub mod period;
mod query;
pub mod render;
pub mod schedule;

#[cfg(test)]
pub(crate) mod fixture;

use anyhow::{Context, Result, bail};

use crate::{
    config::{Settings, Site},
    domain::period::Period,
    store::{NewReport, ReportHead, SavedReport, Store},
};
pub use compose::Order;
use model::{LESSON_BYTES_MAX, Model};
pub use render::{Rendered, render};

/// How often a report is composed again because another one was kept meanwhile.
const ATTEMPTS_MAX: u32 = 3;

/// The model of a site's report for the part of `period` that has passed at `created_ms`. What is not
/// folded yet is not in it.
///
/// Its revision is the one it would be kept under: that of the latest kept report if the figures are
/// the same, else the next.
pub async fn compose(
    store: &Store,
    settings: &Settings,
    site: &Site,
    period: Period,
    created_ms: i64,
    lesson: Option<String>,
) -> Result<Model> {
    compose_order(store, &Order { settings, site, period, created_ms, lesson }).await
}

async fn compose_order(store: &Store, order: &Order<'_>) -> Result<Model> {
    let site = order.site;
    if order.period.from_ms >= order.created_ms {
        bail!("the period has not begun yet; choose one that begins in the past");
    }
    if order.period.len_ms() == 0 {
        bail!("the period is empty; its end must come after its beginning");
    }
    if order.lesson.as_ref().is_some_and(|lesson| lesson.len() > LESSON_BYTES_MAX) {
        bail!("the text of section C is longer than {LESSON_BYTES_MAX} bytes; shorten it");
    }
    let facts = query::read(store, site, order.covered(), order.created_ms)
        .await
        .with_context(|| format!("figures of site {}", site.id))?;
    let mut model = compose::model(order, &facts)?;
    model.revision = revision(store, &model, site).await?;
    Ok(model)
}

async fn revision(store: &Store, model: &Model, site: &Site) -> Result<i64> {
    let kept = store.list_reports(Some(&site.id)).await?;
    let latest = kept
        .iter()
        .filter(|report| {
            report.kind == model.kind.as_str()
                && (report.period.from_ms, report.period.to_ms) == (model.from_ms, model.to_ms)
        })
        .max_by_key(|report| report.revision);
    Ok(match latest {
        None => 1,
        Some(latest) if latest.digest == model.digest => latest.revision,
        Some(latest) => latest.revision + 1,
    })
}

/// A report that was composed, drawn and kept.
pub struct Written {
    /// What it says.
    pub model: Model,
    /// The file.
    pub pdf: Vec<u8>,
    /// Its pages.
    pub pages: usize,
    /// False when the latest kept revision has the same figures, so that nothing was kept.
    pub kept: bool,
}

/// Composes, draws and keeps a report.
pub async fn write_report(store: &Store, order: &Order<'_>) -> Result<Written> {
    for _ in 0..ATTEMPTS_MAX {
        let model = compose_order(store, order).await?;
        let (model, rendered) = draw(model).await?;
        let saved = store.save_report(&new_report(order, &model, &rendered)?).await?;
        if saved != SavedReport::Overtaken {
            let kept = saved == SavedReport::Kept;
            return Ok(Written { model, pdf: rendered.pdf, pages: rendered.pages, kept });
        }
    }
    bail!(
        "other reports of the same period were kept at the same time, {ATTEMPTS_MAX} times; try again"
    )
}

/// Draws off the async threads and hands the model back.
pub async fn draw(model: Model) -> Result<(Model, Rendered)> {
    tokio::task::spawn_blocking(move || render(&model).map(|rendered| (model, rendered)))
        .await
        .context("drawing the report")?
}

fn new_report(order: &Order<'_>, model: &Model, rendered: &Rendered) -> Result<NewReport> {
    Ok(NewReport {
        head: ReportHead {
            site: order.site.id.clone(),
            kind: model.kind.as_str().to_owned(),
            period: order.period,
            covered_to_ms: model.covered_to_ms,
            revision: model.revision,
            created_ms: model.created_ms,
            digest: model.digest.clone(),
            sample: model.sample,
        },
        lesson: model.lesson.clone(),
        model: serde_json::to_vec(model)?,
        pdf: rendered.pdf.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::fresh;

    #[tokio::test]
    async fn the_same_figures_are_kept_once_and_others_give_the_next_revision() {
        let (store, _dir) = fresh().await;
        let settings = fixture::settings();
        let period = fixture::november(&settings);
        let order = |later_ms: i64, lesson: Option<&str>| Order {
            settings: &settings,
            site: &settings.sites[0],
            period,
            created_ms: period.to_ms + later_ms,
            lesson: lesson.map(str::to_owned),
        };
        let first = write_report(&store, &order(1, None)).await.unwrap();
        assert_eq!((first.model.revision, first.kept), (1, true));
        let again = write_report(&store, &order(60_000, None)).await.unwrap();
        assert_eq!((again.model.revision, again.kept), (1, false));
        let other = write_report(&store, &order(60_000, Some("Keluhan."))).await.unwrap();
        assert_eq!((other.model.revision, other.kept), (2, true));
        let site = &settings.sites[0].id;
        let kept = store.report_pdf(site, "monthly", period, 2).await.unwrap();
        assert_eq!(kept, Some(other.pdf));
    }

    #[tokio::test]
    async fn a_period_to_come_is_refused_and_one_under_way_is_cut_at_the_present() {
        let (store, _dir) = fresh().await;
        let settings = fixture::settings();
        let period = fixture::november(&settings);
        let at = |ms| compose(&store, &settings, &settings.sites[0], period, ms, None);
        let refused = at(period.from_ms).await.unwrap_err().to_string();
        assert!(refused.contains("not begun"), "{refused}");
        let model = at(period.from_ms + fixture::DAY_MS).await.unwrap();
        assert!(model.is_partial());
        assert_eq!(model.kind, model::Kind::Monthly);
        assert_eq!(model.coverage.minutes, 24 * 60);
    }
}
