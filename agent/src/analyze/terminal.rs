//! An analysis as a page of text.

use std::fmt::Write;

use super::{
    amounts::{bytes, grouped, time},
    document::{Answers, Document, Query},
    labels::{Labels, Language},
};

/// Columns of a page where the terminal does not tell.
const WIDTH_DEFAULT: usize = 120;
/// Rows of each table.
const ROWS_MAX: usize = 10;
/// Characters of a bar of the hours.
const BAR_MAX: usize = 40;
/// Hours shown; of more, days are.
const HOURS_MAX: usize = 48;

/// The page.
pub struct Page<'a> {
    document: &'a Document,
    labels: &'static Labels,
    separator: char,
    width: usize,
    out: String,
}

/// Renders the document in a language, as wide as `columns`.
pub fn render(document: &Document, language: Language, columns: Option<usize>) -> String {
    let separator = if language == Language::Id { '.' } else { ',' };
    let width = columns.unwrap_or(WIDTH_DEFAULT).max(60);
    let labels = language.labels();
    let mut page = Page { document, labels, separator, width, out: String::new() };
    page.head();
    page.errors();
    page.queries();
    page.requests();
    page.database();
    page.hours();
    page.out
}

impl Page<'_> {
    fn head(&mut self) {
        let Labels { title, period, nothing, lines, read, counted, .. } = self.labels;
        let document = self.document;
        self.line(&format!("{title} — {}", document.program));
        for file in &document.files {
            let size = bytes(file.bytes);
            let fault = file.fault.iter().map(|fault| format!("  ! {fault}"));
            let same =
                file.same_as.iter().map(|other| format!("  ({} {other})", self.labels.same_as));
            let notes: String = fault.chain(same).collect();
            self.line(&format!("  {}  {}  {size}{notes}", file.name, file.format));
        }
        let span = match (&document.from, &document.to) {
            (Some(from), Some(to)) => format!("{from} – {to} ({})", document.zone),
            _ => (*nothing).to_owned(),
        };
        self.line(&format!("{period}: {span}"));
        let counts = &document.lines;
        let ignored: u64 = counts.ignored.values().sum();
        let mut parts = vec![
            format!("{} {read}", self.number(counts.read)),
            format!("{} {counted}", self.number(counts.counted)),
        ];
        for (amount, label) in [
            (counts.outside_period, self.labels.outside),
            (ignored, self.labels.ignored),
            (counts.unparsed, self.labels.unparsed),
            (document.estimated_times, self.labels.estimated),
        ] {
            if amount > 0 {
                parts.push(format!("{} {label}", self.number(amount)));
            }
        }
        self.line(&format!("{lines}: {}", parts.join(", ")));
    }

    fn errors(&mut self) {
        let errors = &self.document.errors;
        self.heading(self.labels.errors);
        let summary = format!(
            "{} + {} {}; {} {}; {} {}",
            self.number(errors.total),
            self.number(errors.warnings),
            self.labels.warnings,
            self.number(errors.failed_transactions),
            self.labels.failed_transactions,
            self.number(errors.failed_processes),
            self.labels.failed_processes,
        );
        self.line(&summary);
        for kind in errors.kinds.iter().take(ROWS_MAX) {
            let state = if kind.sqlstate.is_empty() { kind.class } else { &kind.sqlstate };
            let count = self.count(kind.count, kind.missing_max);
            self.line(&format!(
                "{count:>12}  {:<8}{:<34}{}",
                kind.severity,
                state,
                one_line(&kind.template)
            ));
        }
        self.others(errors.others);
        let states: Vec<_> =
            errors.by_sqlstate.iter().map(|(s, n)| format!("{s} {}", self.number(*n))).collect();
        if !states.is_empty() {
            self.line(&format!("{}: {}", self.labels.by_sqlstate, states.join(", ")));
        }
    }

    fn queries(&mut self) {
        let queries = &self.document.queries;
        let Some(min_ms) = queries.min_ms else { return };
        self.heading(self.labels.queries);
        self.line(&format!(
            "{} {}, {} {}",
            self.number(queries.calls),
            self.labels.calls.to_lowercase(),
            self.labels.total.to_lowercase(),
            time(queries.total_ms)
        ));
        self.wrapped(&format!("{} {}", self.labels.source, time(min_ms)));
        for (label, ranking) in rankings(self.labels) {
            self.line("");
            self.line(label);
            self.query_head();
            for query in ranked(&queries.kinds, ranking) {
                self.query(query);
            }
        }
        self.others(queries.others);
    }

    fn query_head(&mut self) {
        let Labels { calls, total, mean, slowest, failures, query, .. } = self.labels;
        self.line(&format!(
            "{calls:>12}{total:>12}{mean:>12}{:>12}{slowest:>12}{failures:>8}  {query}",
            "p95"
        ));
    }

    fn query(&mut self, query: &Query) {
        let p95 = query.p95_ms.map_or_else(String::new, time);
        self.line(&format!(
            "{:>12}{:>12}{:>12}{p95:>12}{:>12}{:>8}  {}",
            self.count(query.calls, query.missing_max),
            time(query.total_ms),
            time(query.mean_ms),
            time(query.max_ms),
            self.number(query.errors),
            one_line(&query.template)
        ));
    }

    fn requests(&mut self) {
        let requests = &self.document.requests;
        if requests.total == 0 {
            return;
        }
        self.heading(self.labels.requests);
        self.line(&format!(
            "{}, {}, {} {}",
            self.number(requests.total),
            bytes(requests.bytes),
            self.number(requests.failed),
            self.labels.answered_5xx
        ));
        for (label, answers) in
            [(self.labels.steps, &requests.steps), (self.labels.routes, &requests.routes)]
        {
            self.line("");
            self.answers(label, answers);
        }
        self.others(requests.others);
    }

    fn answers(&mut self, label: &str, answers: &[Answers]) {
        let Labels { requests, answered_5xx, mean, slowest, no_step, .. } = self.labels;
        self.line(&format!(
            "{requests:>12}{answered_5xx:>14}{mean:>12}{:>12}{slowest:>12}  {label}",
            "p95"
        ));
        for answer in answers.iter().take(ROWS_MAX) {
            let [.., failed] = answer.statuses;
            let shown = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), time);
            let name = if answer.name.is_empty() { no_step } else { answer.name.as_str() };
            self.line(&format!(
                "{:>12}{:>14}{:>12}{:>12}{:>12}  {name}",
                self.count(answer.requests, answer.missing_max),
                self.number(failed),
                shown(answer.mean_ms),
                shown(answer.p95_ms),
                shown(answer.max_ms),
            ));
        }
    }

    fn database(&mut self) {
        if self.document.database.is_empty() {
            return;
        }
        self.heading(self.labels.database);
        let Labels { count, total, slowest, activity, .. } = self.labels;
        self.line(&format!("{count:>12}{total:>12}{slowest:>12}  {activity}"));
        for activity in &self.document.database {
            let shown = |amount: u64| match activity.unit {
                "us" => time(amount as f64 / 1_000.0),
                "bytes" => bytes(amount),
                _ => String::new(),
            };
            let name = self.labels.activity_name(activity.kind);
            self.line(&format!(
                "{:>12}{:>12}{:>12}  {name} {}",
                self.number(activity.count),
                shown(activity.total),
                shown(activity.max),
                activity.subject
            ));
        }
    }

    fn hours(&mut self) {
        let hours = &self.document.hours;
        if hours.is_empty() {
            return;
        }
        let by_day = hours.len() > HOURS_MAX;
        let length = if by_day { "2026-11-21".len() } else { "2026-11-21T14".len() };
        let mut rows: Vec<(&str, [u64; 3])> = Vec::new();
        for hour in hours {
            let name = hour.hour.get(..length).unwrap_or(&hour.hour);
            let counts = [hour.counts.errors, hour.counts.calls, hour.counts.requests];
            match rows.last_mut().filter(|(last, _)| *last == name) {
                Some((_, sums)) => sums.iter_mut().zip(counts).for_each(|(sum, more)| *sum += more),
                None => rows.push((name, counts)),
            }
        }
        self.heading(self.labels.hours);
        let Labels { error_count, calls, requests, .. } = self.labels;
        self.line(&format!("{:<14}{error_count:>10}{calls:>14}{requests:>14}", ""));
        let most = rows.iter().map(|(_, [_, calls, requests])| calls + requests).max().unwrap_or(0);
        for (name, [errors, calls, requests]) in rows {
            let bar = (calls + requests) as usize * BAR_MAX / most.max(1) as usize;
            self.line(&format!(
                "{:<14}{:>10}{:>14}{:>14}  {}",
                name.replace('T', " "),
                self.number(errors),
                self.number(calls),
                self.number(requests),
                "█".repeat(bar)
            ));
        }
    }

    fn others(&mut self, amount: u64) {
        if amount > 0 {
            let count = self.number(amount);
            self.line(&format!("{count:>12}  ({})", self.labels.others));
        }
    }

    fn heading(&mut self, text: &str) {
        let rule = "─".repeat(self.width.saturating_sub(text.chars().count() + 4));
        let _ = write!(self.out, "\n── {text} {rule}\n");
    }

    /// Prose, on as many lines as it needs.
    fn wrapped(&mut self, text: &str) {
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.chars().count() + word.chars().count() >= self.width {
                self.line(&std::mem::take(&mut line));
            }
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
        self.line(&line);
    }

    /// A line no wider than the page, without anything that a terminal would obey.
    fn line(&mut self, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match text.char_indices().nth(self.width) {
            Some((_, _)) => {
                let end = text.char_indices().nth(self.width - 1).map_or(text.len(), |(at, _)| at);
                let _ = writeln!(self.out, "{}…", text.get(..end).unwrap_or(&text));
            }
            None => {
                let _ = writeln!(self.out, "{text}");
            }
        }
    }

    fn number(&self, number: u64) -> String {
        grouped(number, self.separator)
    }

    fn count(&self, count: u64, missing_max: u64) -> String {
        let mark = if missing_max > 0 { "≥ " } else { "" };
        format!("{mark}{}", self.number(count))
    }
}

/// How queries are ranked.
#[derive(Clone, Copy)]
pub enum Ranking {
    /// By calls.
    Calls,
    /// By time in total.
    Total,
    /// By p95.
    P95,
    /// By the slowest.
    Max,
}

/// Rankings and what they are called.
pub fn rankings(labels: &'static Labels) -> [(&'static str, Ranking); 4] {
    [
        (labels.by_calls, Ranking::Calls),
        (labels.by_total, Ranking::Total),
        (labels.by_p95, Ranking::P95),
        (labels.by_max, Ranking::Max),
    ]
}

/// The first of a ranking.
pub fn ranked(queries: &[Query], ranking: Ranking) -> Vec<&Query> {
    let key = |query: &Query| match ranking {
        Ranking::Calls => query.calls as f64,
        Ranking::Total => query.total_ms,
        Ranking::P95 => query.p95_ms.unwrap_or(0.0),
        Ranking::Max => query.max_ms,
    };
    let mut list: Vec<_> = queries.iter().collect();
    list.sort_by(|a, b| key(b).total_cmp(&key(a)).then_with(|| a.template.cmp(&b.template)));
    list.truncate(ROWS_MAX);
    list
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\t'], " ")
}
