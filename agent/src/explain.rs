//! `pantau-agent explain`: how a line is read, redacted and grouped, step by step.

use std::fmt::Write as _;

use anyhow::bail;
use jiff::{Timestamp, tz::TimeZone};
use pantau_logs::{
    detect::{self, Detected, Sample},
    entry::{Entry, Event, Fate},
    format::{Format, Layout},
    parse::{Line, Parsed, Said},
    understand::LogStream,
};

use crate::analyze::{format_named, zone};

/// What was typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A line of a log, or several lines of one entry.
    #[arg(value_name = "LINE")]
    pub line: String,
    /// Its format, instead of finding out.
    #[arg(long, value_name = "NAME", value_parser = format_named)]
    pub format: Option<&'static Format>,
    /// log_line_prefix of PostgreSQL, or the pattern of log4j, logback, nginx or Apache.
    #[arg(long, value_name = "TEXT")]
    pub layout: Option<String>,
    /// Zone of a time that names none.
    #[arg(long, value_name = "ZONE", default_value = "Asia/Jakarta", value_parser = zone)]
    pub tz: TimeZone,
}

/// The explanation, for people.
pub fn run(args: &Args, now_ms: i64) -> anyhow::Result<String> {
    let (format, found, why) = match args.format {
        Some(format) => (format, None, "--format".to_owned()),
        None => recognised(&args.line, now_ms)?,
    };
    let text = args.layout.clone().or(found).filter(|_| format.layout.is_some());
    let layout = Layout { text, zone: args.tz.clone() };
    let mut out = format!("format       {} ({why})\n", format.name);
    let raw = parsed(format, &layout, &args.line, now_ms);
    for (parsed, (entry, replaced)) in
        raw.iter().zip(understood(format, &layout, &args.line, now_ms))
    {
        entry_steps(&mut out, parsed, &entry, &replaced, &args.tz);
    }
    Ok(out)
}

fn recognised(
    line: &str,
    now_ms: i64,
) -> anyhow::Result<(&'static Format, Option<String>, String)> {
    let sample = Sample { name: "", begin: line.as_bytes(), end: b"" };
    let Detected::Text(ranked) = detect::detect(&sample, now_ms) else {
        bail!("nothing to explain: the line is empty or no text");
    };
    // One line is little evidence: the best guess is taken and told as one.
    let Some(best) = ranked.candidates.into_iter().next() else {
        bail!("no format reads this line; name one with --format");
    };
    Ok((best.format, best.layout, format!("{} %: {}", best.confidence, best.why)))
}

fn lines(text: &str) -> impl Iterator<Item = (&[u8], u64)> {
    let mut end = 0;
    text.split_inclusive('\n').map(move |line| {
        end += line.len() as u64;
        (line.strip_suffix('\n').unwrap_or(line).as_bytes(), end)
    })
}

fn parsed(format: &Format, layout: &Layout, text: &str, now_ms: i64) -> Vec<Parsed<'static>> {
    let mut parser = (format.open)(layout);
    let mut all = Vec::new();
    let mut out = |parsed: Parsed<'_>| all.push(parsed.into_owned());
    for (bytes, end) in lines(text) {
        parser.line(Line { bytes, end, now_ms }, &mut out);
    }
    parser.finish(&mut out);
    all
}

/// Replacements made, by rule.
type Replaced = Vec<(&'static str, u64)>;

/// Entries, each with what was replaced in it.
fn understood(format: &Format, layout: &Layout, text: &str, now_ms: i64) -> Vec<(Entry, Replaced)> {
    let mut stream = LogStream::new(format, layout, "", None);
    let mut all = Vec::new();
    for (bytes, end) in lines(text) {
        let mut told = Vec::new();
        stream.line(Line { bytes, end, now_ms }, |entry| told.push(entry));
        all.extend(told.into_iter().map(|entry| (entry, stream.take_redactions())));
    }
    let mut told = Vec::new();
    stream.finish(|entry| told.push(entry));
    all.extend(told.into_iter().map(|entry| (entry, stream.take_redactions())));
    all
}

fn entry_steps(
    out: &mut String,
    parsed: &Parsed<'_>,
    entry: &Entry,
    replaced: &Replaced,
    zone: &TimeZone,
) {
    let mut step = |name: &str, text: &str| {
        let _ = writeln!(out, "{name:<13}{}", text.replace('\n', "\n             "));
    };
    step("lines", &parsed.lines.to_string());
    step("time", &time(parsed, zone));
    for (name, text) in said(&parsed.said) {
        step(name, &text);
    }
    match entry.fate {
        Fate::Counted => step("fate", "counted"),
        Fate::Ignored(rule) => step("fate", &format!("ignored: {rule}")),
        Fate::BeforeStart => step("fate", "before the start of counting"),
        Fate::Unparsed => step("fate", "not understood"),
    }
    let rules: Vec<_> = replaced.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    if !rules.is_empty() {
        step("replaced", &rules.join(", "));
    }
    for (name, text) in entry.event.iter().flat_map(event) {
        step(name, &text);
    }
}

fn time(parsed: &Parsed<'_>, zone: &TimeZone) -> String {
    let Some(at) = parsed.at else { return "none".to_owned() };
    let shown = Timestamp::from_millisecond(at.ms).unwrap_or_default().to_zoned(zone.clone());
    let estimated = if at.estimated { " (estimated: the line bears no full date)" } else { "" };
    format!("{}{estimated}", shown.strftime("%Y-%m-%d %H:%M:%S%.3f %:z"))
}

/// What the parser made of it, not redacted.
fn said(said: &Said<'_>) -> Vec<(&'static str, String)> {
    match said {
        Said::Database(failure) => {
            let mut steps = vec![
                ("is", format!("{:?} of the database", failure.severity)),
                ("sqlstate", failure.sqlstate.to_string()),
                ("message", failure.message.to_string()),
            ];
            steps.extend(
                failure
                    .parts
                    .iter()
                    .map(|part| ("part", format!("{:?}: {}", part.kind, part.text))),
            );
            steps
        }
        Said::Application(failure) => vec![
            ("is", format!("{:?} of the application", failure.severity)),
            ("message", failure.block.to_string()),
            ("error ids", failure.error_ids.join(" ")),
        ],
        Said::Executed(execution) => vec![
            ("is", format!("a statement, {} us", execution.duration_us)),
            ("database", execution.database.to_string()),
            ("application", execution.application.to_string()),
            ("statement", execution.statement.to_string()),
        ],
        Said::Active(activity) => vec![
            ("is", format!("{:?}, {}", activity.kind, activity.amount)),
            ("of", activity.subject.to_string()),
        ],
        Said::Server(failure) => vec![
            ("is", format!("{:?} of the web server", failure.severity)),
            ("message", failure.message.to_string()),
        ],
        Said::Requested(request) => vec![
            ("is", format!("a request, answered with {}", request.status)),
            ("request", format!("{} {}", request.method, request.path)),
        ],
        Said::Ignored(_) | Said::Unparsed => Vec::new(),
    }
}

/// What is counted, redacted.
fn event(event: &Event) -> Vec<(&'static str, String)> {
    match event {
        Event::Error(error) => vec![
            ("class", error.group.class.to_owned()),
            ("failed", if error.group.failed_transaction { "yes" } else { "no" }.to_owned()),
            ("template", error.group.template.clone()),
            ("fingerprint", format!("{:016x}", error.group.fingerprint)),
            ("exemplar", error.exemplar.clone()),
        ],
        Event::Query(query) => vec![
            ("template", query.group.template.clone()),
            ("fingerprint", format!("{:016x}", query.group.fingerprint)),
        ],
        Event::Activity(activity) => vec![("of", activity.subject.to_string())],
        Event::Request(request) => vec![
            ("route", format!("{} {}", request.route.method, request.route.template)),
            ("step", request.route.step.to_string()),
            ("class", request.failure.as_ref().map_or("", |group| group.class).to_owned()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_explained_from_its_format_to_its_fingerprint() {
        let line = "2026-11-21 14:03:05.123 WIB [812] epns@epns_prod ERROR:  duplicate key value violates unique constraint \"peserta_nik_key\"\n2026-11-21 14:03:05.123 WIB [812] epns@epns_prod DETAIL:  Key (nik)=(3201234567890123) already exists.\n";
        let args = Args {
            line: line.to_owned(),
            format: Format::named("postgres-stderr"),
            layout: None,
            tz: TimeZone::UTC,
        };
        let told = run(&args, 1_795_305_600_000).unwrap();
        for part in [
            "format       postgres-stderr",
            "time         2026-11-21 07:03:05.123 +00:00",
            "is           Error of the database",
            "part         Detail: Key (nik)=(3201234567890123) already exists.",
            "class        database.unique_violation",
            "failed       yes",
            "             DETAIL:  Key (nik)=(<value>) already exists.",
        ] {
            assert!(told.contains(part), "{part} in\n{told}");
        }
    }
}
