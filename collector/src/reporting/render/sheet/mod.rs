//! The report as ready texts: what stands where, in words; the template decides only how it looks.

mod availability;
mod capacity;
mod coverage;
mod errors;
mod failures;
mod form;
mod queries;
mod text;

use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::{
    domain::{availability::State, text::one_line},
    labels::{Labels, Language},
    reporting::{
        format::{Clock, integer},
        model::{Kind, Model},
    },
};
use form::Form;

/// Everything the template draws.
#[derive(Serialize)]
pub(super) struct Sheet {
    /// Of the PDF's metadata.
    title: String,
    author: String,
    site: String,
    period: String,
    /// "revisi 1 · a1b2c3d4e5f60718".
    stamp: String,
    sample: bool,
    /// Words of the states, in the order of the bars' shares.
    states: [&'static str; 5],
    /// Page one.
    form: Form,
    annexes: Vec<Annex>,
}

/// One annex; its number is its place.
#[derive(Serialize)]
struct Annex {
    title: String,
    blocks: Vec<Block>,
}

/// What an annex is made of.
#[derive(Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Block {
    Heading { text: String },
    Paragraph { text: String },
    Note { text: String },
    Table(Table),
    Bars(Bars),
    Lines(Lines),
    Quote { title: String, lines: Vec<String> },
}

/// A table that may run over pages; its head is repeated.
#[derive(Serialize)]
struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    /// Stands in the table's place when there are no rows.
    empty: String,
}

#[derive(Serialize)]
struct Column {
    head: String,
    /// Share of the width; 0 is as wide as its content.
    share: u32,
    style: Style,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Style {
    Text,
    Number,
    Mono,
}

/// Stacked bars, one per day: shares in hundredths of a percent by state.
#[derive(Serialize)]
struct Bars {
    bars: Vec<[i64; 5]>,
    ticks: Vec<Tick>,
}

/// Lines over time, permille; `None` breaks a line.
#[derive(Serialize)]
struct Lines {
    series: Vec<Series>,
    ticks: Vec<Tick>,
}

#[derive(Serialize)]
struct Series {
    name: String,
    points: Vec<Option<i64>>,
}

/// A label below a chart.
#[derive(Serialize)]
struct Tick {
    /// Place from the left, thousandths of the width.
    at: i64,
    label: String,
}

/// The sheet of a model.
pub(super) fn sheet(model: &Model) -> Result<Sheet> {
    let zone = TimeZone::get(&model.site.zone)
        .with_context(|| format!("time zone {} is not on this machine", model.site.zone))?;
    let clock = Clock::new(zone, &model.site.zone_abbreviation);
    let mut annexes = vec![
        availability::annex(model, &clock),
        capacity::annex(model, &clock),
        errors::annex(model, &clock),
        queries::annex(model),
        failures::annex(model, &clock),
        coverage::annex(model, &clock),
    ];
    annexes.extend(form::lesson_annex(model));
    let period = period(model, &clock);
    Ok(Sheet {
        title: format!(
            "Laporan Kinerja Aplikasi SPSE, {}, {period}",
            text::cut(&one_line(&model.site.name), SITE_CHARS_MAX)
        ),
        author: text::cut(&one_line(&model.site.name), SITE_CHARS_MAX),
        site: text::line(&model.site.name, SITE_CHARS_MAX),
        period,
        stamp: format!(
            "revisi {} · {}",
            integer(model.revision),
            model.digest.get(..DIGEST_CHARS).unwrap_or(&model.digest)
        ),
        sample: model.sample,
        states: State::ALL.map(|state| words().state(state)),
        form: form::form(model, &clock),
        annexes,
    })
}

/// In headers; longer names are cut.
const SITE_CHARS_MAX: usize = 70;
/// Of the digest, on each page; the whole of it stands in annex 6.
const DIGEST_CHARS: usize = 16;

/// "November 2026", "Semester I 2026", or two moments; a period that is not over says how far it goes.
fn period(model: &Model, clock: &Clock) -> String {
    let whole = match model.kind {
        Kind::Monthly => clock.month(model.from_ms),
        Kind::HalfYearly => {
            let (year, half) = clock.half_year(model.from_ms);
            format!("Semester {} {year}", if half == 1 { "I" } else { "II" })
        }
        Kind::Incidental => {
            let end = clock.moment(model.covered_to_ms);
            return format!("{} sampai {end}", clock.moment(model.from_ms));
        }
    };
    if model.is_partial() {
        format!("{whole}, sampai {}", clock.moment(model.covered_to_ms))
    } else {
        whole
    }
}

/// The report speaks Indonesian.
fn words() -> &'static Labels {
    Language::Indonesian.labels()
}

fn heading(text: impl Into<String>) -> Block {
    Block::Heading { text: text.into() }
}

fn paragraph(text: impl Into<String>) -> Block {
    Block::Paragraph { text: text.into() }
}

fn note(text: impl Into<String>) -> Block {
    Block::Note { text: text.into() }
}

fn column(head: &str, share: u32, style: Style) -> Column {
    Column { head: head.to_owned(), share, style }
}

/// About six labels at even places among `starts`.
fn ticks(starts: &[i64], clock: &Clock) -> Vec<Tick> {
    let step = starts.len().div_ceil(TICKS_ABOUT).max(1);
    let place = |index: usize| (index * 1_000 / starts.len().max(1)) as i64;
    starts
        .iter()
        .enumerate()
        .step_by(step)
        .map(|(index, ms)| Tick { at: place(index), label: clock.tick(*ms) })
        .collect()
}

const TICKS_ABOUT: usize = 8;
