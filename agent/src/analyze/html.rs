//! An analysis as one file for a browser: nothing is loaded from elsewhere, no script runs.

use askama::Template;

use super::{
    amounts::{bytes, grouped, time},
    document::{Activity, Answers, Document, Query},
    labels::{Labels, Language},
    terminal::{ranked, rankings},
};

/// Height of the chart in its own units; its width is 1,000.
const CHART_HEIGHT: f64 = 140.0;
const CHART_WIDTH: f64 = 1_000.0;
/// Bars of the chart at most; of more hours several share one.
const BARS_MAX: usize = 250;

#[derive(Template)]
#[template(path = "analyze.html")]
struct Page<'a> {
    document: &'a Document,
    labels: &'static Labels,
    language: &'static str,
    separator: char,
    rankings: Vec<(&'static str, Vec<&'a Query>)>,
    bars: Vec<Bar>,
}

/// One or several hours of the chart.
struct Bar {
    title: String,
    x: String,
    width: String,
    calls_y: String,
    calls_height: String,
    errors_y: String,
    errors_height: String,
}

/// Renders the document in a language.
pub fn render(document: &Document, language: Language) -> askama::Result<String> {
    let labels = language.labels();
    let kinds = &document.queries.kinds;
    Page {
        document,
        labels,
        language: language.code(),
        separator: if language == Language::Id { '.' } else { ',' },
        rankings: rankings(labels).map(|(label, by)| (label, ranked(kinds, by))).into(),
        bars: bars(document),
    }
    .render()
}

impl<'a> Page<'a> {
    fn n(&self, number: &u64) -> String {
        grouped(*number, self.separator)
    }

    fn count(&self, count: &u64, missing_max: &u64) -> String {
        let mark = if *missing_max > 0 { "≥ " } else { "" };
        format!("{mark}{}", grouped(*count, self.separator))
    }

    fn t(&self, ms: &f64) -> String {
        time(*ms)
    }

    fn o(&self, ms: &Option<f64>) -> String {
        ms.map_or_else(|| "–".to_owned(), time)
    }

    /// To the second; the zone stands at the top.
    fn moment(&self, at: &Option<String>) -> String {
        let seconds = at.as_deref().and_then(|at| at.get(.."2026-11-21T14:03:05".len()));
        seconds.unwrap_or_default().replace('T', " ")
    }

    fn b(&self, amount: &u64) -> String {
        bytes(*amount)
    }

    fn span(&self) -> String {
        let name = |at: Option<&super::document::HourCounts>| {
            at.map(|hour| hour.hour.clone()).unwrap_or_default()
        };
        format!("{} – {}", name(self.document.hours.first()), name(self.document.hours.last()))
    }

    fn answers(&self) -> [(&'static str, &'a [Answers]); 2] {
        let requests = &self.document.requests;
        [(self.labels.steps, &requests.steps), (self.labels.routes, &requests.routes)]
    }
}

impl Activity {
    fn shown(&self, amount: &u64) -> String {
        match self.unit {
            "us" => time(*amount as f64 / 1_000.0),
            "bytes" => bytes(*amount),
            _ => String::new(),
        }
    }
}

fn bars(document: &Document) -> Vec<Bar> {
    let hours = &document.hours;
    let per_bar = hours.len().div_ceil(BARS_MAX).max(1);
    let sums: Vec<_> = hours
        .chunks(per_bar)
        .map(|hours| {
            let calls = hours.iter().map(|hour| hour.counts.calls + hour.counts.requests).sum();
            let errors = hours.iter().map(|hour| hour.counts.errors).sum();
            (hours.first().map_or("", |hour| hour.hour.as_str()), calls, errors)
        })
        .collect();
    let most =
        |of: fn(&(&str, u64, u64)) -> u64| sums.iter().map(of).max().unwrap_or(0).max(1) as f64;
    let (calls_max, errors_max) = (most(|sum| sum.1), most(|sum| sum.2));
    let step = CHART_WIDTH / sums.len().max(1) as f64;
    let bar = |(at, (title, calls, errors)): (usize, &(&str, u64, u64))| {
        // Errors below, to a scale of their own: few among many calls are still seen.
        let (calls_height, errors_height) = (
            *calls as f64 / calls_max * CHART_HEIGHT * 0.65,
            *errors as f64 / errors_max * CHART_HEIGHT * 0.3,
        );
        Bar {
            title: format!("{title}: {calls} / {errors}"),
            x: format!("{:.2}", at as f64 * step),
            width: format!("{:.2}", (step * 0.9).max(0.5)),
            calls_y: format!("{:.1}", CHART_HEIGHT * 0.65 - calls_height),
            calls_height: format!("{calls_height:.1}"),
            errors_y: format!("{:.1}", CHART_HEIGHT - errors_height),
            errors_height: format!("{errors_height:.1}"),
        }
    };
    sums.iter().enumerate().map(bar).collect()
}
