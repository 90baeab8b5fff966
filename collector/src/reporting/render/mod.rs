//! From the document model to PDF, by typst as a library: the only module that knows it.
//!
//! The model is first laid out as a [sheet] of ready texts; the template `report.typ` only draws it.
//! Same model, same bytes: the creation date is the model's, the identifier comes from its digest.

mod sheet;
mod world;

use anyhow::Result;
use jiff::{Timestamp, tz::TimeZone};
use typst::{
    diag::{SourceDiagnostic, Warned},
    foundations::{Datetime, Smart},
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandards};

use super::model::Model;
use world::ReportWorld;

/// A written report.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The file.
    pub pdf: Vec<u8>,
    /// Its pages.
    pub pages: usize,
}

/// Draws a report. CPU-heavy (about a second unoptimised): call it from a blocking thread.
pub fn render(model: &Model) -> Result<Rendered> {
    let document = lay_out(model)?;
    let options = PdfOptions {
        ident: Smart::Custom(format!("{}-{}", model.digest, model.revision)),
        creator: Smart::Custom(Some("Pantau".to_owned())),
        timestamp: created(model),
        page_ranges: None,
        standards: PdfStandards::default(),
        tagged: true,
        pretty: false,
    };
    let pdf = typst_pdf::pdf(&document, &options).map_err(|errors| failure(&errors))?;
    forget();
    Ok(Rendered { pdf, pages: document.pages().len() })
}

fn lay_out(model: &Model) -> Result<PagedDocument> {
    let sheet = sheet::sheet(model)?;
    let world = ReportWorld::new(serde_json::to_vec(&sheet)?)?;
    let Warned { output, .. } = typst::compile::<PagedDocument>(&world);
    output.map_err(|errors| failure(&errors))
}

/// Typst keeps what it computed for the next compilation of the same text; reports are months apart.
fn forget() {
    typst::comemo::evict(0);
}

fn created(model: &Model) -> Option<typst_pdf::Timestamp> {
    let at = Timestamp::from_millisecond(model.created_ms).ok()?.to_zoned(TimeZone::UTC);
    let part = |value: i8| u8::try_from(value).ok();
    let datetime = Datetime::from_ymd_hms(
        at.year().into(),
        part(at.month())?,
        part(at.day())?,
        part(at.hour())?,
        part(at.minute())?,
        part(at.second())?,
    )?;
    Some(typst_pdf::Timestamp::new_utc(datetime))
}

fn failure(errors: &[SourceDiagnostic]) -> anyhow::Error {
    let texts: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    anyhow::anyhow!("the report's template does not compile: {}", texts.join("; "))
}

#[cfg(test)]
mod tests;
