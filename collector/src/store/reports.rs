//! Reports as they were written, by site, kind and period, in revisions.

use sqlx::AnyConnection;

use crate::domain::{SiteId, period::Period};

use super::{Store, StoreResult, value::clean};

/// A report to be kept.
#[derive(Clone, Debug)]
pub struct NewReport {
    /// What it is, with the revision printed on it.
    pub head: ReportHead,
    /// Section C as entered.
    pub lesson: Option<String>,
    /// The document model as JSON.
    pub model: Vec<u8>,
    /// The file.
    pub pdf: Vec<u8>,
}

/// A kept report without its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportHead {
    /// Whose.
    pub site: SiteId,
    /// Word of the form's box, see `reporting::model::Kind`.
    pub kind: String,
    /// The period it is about, whole.
    pub period: Period,
    /// End of what it covers; before the period's end when it was written before that.
    pub covered_to_ms: i64,
    /// 1, 2, 3 ... of this site, kind and period.
    pub revision: i64,
    /// When it was written.
    pub created_ms: i64,
    /// Of its figures, hexadecimal.
    pub digest: String,
    /// From generated samples.
    pub sample: bool,
}

/// What became of a report that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedReport {
    /// Kept under its revision.
    Kept,
    /// The latest revision has the same figures; nothing was written.
    Unchanged,
    /// Its revision is not the next one (another report was kept meanwhile); compose it again.
    Overtaken,
}

/// zstd's own default.
const MODEL_ZSTD_LEVEL: i32 = 3;

type HeadRow = (String, String, i64, i64, i64, i64, i64, String, i64);

impl Store {
    /// Keeps a report if its figures differ from those of the latest revision of its period and its
    /// revision is the next one.
    pub async fn save_report(&self, report: &NewReport) -> StoreResult<SavedReport> {
        let head = &report.head;
        let model =
            zstd::encode_all(report.model.as_slice(), MODEL_ZSTD_LEVEL).map_err(sqlx::Error::Io)?;
        let mut tx = self.begin_write().await?;
        let next = match latest(&mut tx, head).await? {
            Some((_, digest)) if digest == head.digest => return Ok(SavedReport::Unchanged),
            Some((revision, _)) => revision + 1,
            None => 1,
        };
        if head.revision != next || !insert(&mut tx, report, model).await? {
            return Ok(SavedReport::Overtaken);
        }
        tx.commit().await?;
        Ok(SavedReport::Kept)
    }

    /// Every kept report of every site, or of one; newest period first, then newest revision.
    pub async fn list_reports(&self, site: Option<&SiteId>) -> StoreResult<Vec<ReportHead>> {
        let rows: Vec<HeadRow> = match site {
            Some(site) => sqlx::query_as(
                "SELECT site_id, kind, from_ms, period_to_ms, covered_to_ms, revision, created_ms, digest,
                         sample
                     FROM report WHERE site_id = $1
                     ORDER BY from_ms DESC, kind, period_to_ms DESC, revision DESC",
            )
            .bind(&site.0)
            .fetch_all(&self.pool)
            .await?,
            None => sqlx::query_as(
                "SELECT site_id, kind, from_ms, period_to_ms, covered_to_ms, revision, created_ms, digest,
                         sample
                     FROM report
                     ORDER BY from_ms DESC, site_id, kind, period_to_ms DESC, revision DESC",
            )
            .fetch_all(&self.pool)
            .await?,
        };
        Ok(rows.into_iter().map(head).collect())
    }

    /// The file of one kept report.
    pub async fn report_pdf(
        &self,
        site: &SiteId,
        kind: &str,
        period: Period,
        revision: i64,
    ) -> StoreResult<Option<Vec<u8>>> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as(
            "SELECT pdf FROM report
             WHERE site_id = $1 AND kind = $2 AND from_ms = $3 AND period_to_ms = $4
                 AND revision = $5",
        )
        .bind(&site.0)
        .bind(kind)
        .bind(period.from_ms)
        .bind(period.to_ms)
        .bind(revision)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(pdf,)| pdf))
    }
}

/// Number and digest of the latest revision of a period.
async fn latest(tx: &mut AnyConnection, head: &ReportHead) -> StoreResult<Option<(i64, String)>> {
    let row = sqlx::query_as(
        "SELECT revision, digest FROM report
         WHERE site_id = $1 AND kind = $2 AND from_ms = $3 AND period_to_ms = $4
         ORDER BY revision DESC LIMIT 1",
    )
    .bind(&head.site.0)
    .bind(&head.kind)
    .bind(head.period.from_ms)
    .bind(head.period.to_ms)
    .fetch_optional(tx)
    .await?;
    Ok(row)
}

/// Writes a revision; false when another transaction has written it before.
async fn insert(tx: &mut AnyConnection, report: &NewReport, model: Vec<u8>) -> StoreResult<bool> {
    let head = &report.head;
    let written = sqlx::query(
        "INSERT INTO report (site_id, kind, from_ms, period_to_ms, covered_to_ms, revision,
             created_ms, digest, sample, lesson, model, pdf)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (site_id, kind, from_ms, period_to_ms, revision) DO NOTHING",
    )
    .bind(&head.site.0)
    .bind(&head.kind)
    .bind(head.period.from_ms)
    .bind(head.period.to_ms)
    .bind(head.covered_to_ms)
    .bind(head.revision)
    .bind(head.created_ms)
    .bind(&head.digest)
    .bind(i64::from(head.sample))
    .bind(clean(report.lesson.as_deref().unwrap_or_default()).into_owned())
    .bind(model)
    .bind(report.pdf.as_slice())
    .execute(tx)
    .await?;
    Ok(written.rows_affected() == 1)
}

fn head(row: HeadRow) -> ReportHead {
    let (site, kind, from_ms, to_ms, covered_to_ms, revision, created_ms, digest, sample) = row;
    ReportHead {
        site: SiteId(site),
        kind,
        period: Period { from_ms, to_ms },
        covered_to_ms,
        revision,
        created_ms,
        digest,
        sample: sample != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::fresh;

    fn report(revision: i64, digest: &str) -> NewReport {
        NewReport {
            head: ReportHead {
                site: SiteId("demo".to_owned()),
                kind: "monthly".to_owned(),
                period: Period { from_ms: 1_000, to_ms: 9_000 },
                covered_to_ms: 9_000,
                revision,
                created_ms: 9_500,
                digest: digest.to_owned(),
                sample: true,
            },
            lesson: Some("keluhan\0 unggah".to_owned()),
            model: br#"{"format":1}"#.to_vec(),
            pdf: format!("%PDF {digest}").into_bytes(),
        }
    }

    #[tokio::test]
    async fn a_revision_is_kept_only_when_the_figures_differ_and_it_is_the_next_one() {
        let (store, _dir) = fresh().await;
        assert_eq!(store.save_report(&report(1, "aa")).await.unwrap(), SavedReport::Kept);
        assert_eq!(store.save_report(&report(2, "aa")).await.unwrap(), SavedReport::Unchanged);
        assert_eq!(store.save_report(&report(1, "bb")).await.unwrap(), SavedReport::Overtaken);
        assert_eq!(store.save_report(&report(3, "bb")).await.unwrap(), SavedReport::Overtaken);
        assert_eq!(store.save_report(&report(2, "bb")).await.unwrap(), SavedReport::Kept);
        let kept = store.list_reports(None).await.unwrap();
        assert_eq!(kept, [report(2, "bb").head, report(1, "aa").head]);
    }

    #[tokio::test]
    async fn a_file_is_found_by_site_kind_period_and_revision() {
        let (store, _dir) = fresh().await;
        let new = report(1, "aa");
        store.save_report(&new).await.unwrap();
        let (site, period) = (&new.head.site, new.head.period);
        let pdf = |revision| store.report_pdf(site, "monthly", period, revision);
        assert_eq!(pdf(1).await.unwrap(), Some(new.pdf.clone()));
        assert_eq!(pdf(2).await.unwrap(), None);
        let other = SiteId("other".to_owned());
        assert_eq!(store.list_reports(Some(&other)).await.unwrap(), []);
        assert_eq!(store.report_pdf(&other, "monthly", period, 1).await.unwrap(), None);
    }
}
