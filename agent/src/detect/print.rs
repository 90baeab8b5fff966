//! What was found, for people and for programs.

use pantau_logs::{
    detect::{Candidate, Detected, Ranked},
    format::LayoutKind,
};
use serde::Serialize;

use super::Looked;
use crate::{inputs::STDIN, tail::packing_of};

/// Longest key of a log made from a file name; the settings allow more.
const KEY_BYTES_MAX: usize = 32;

/// For people: a line per file, and the settings for those that were recognised.
pub(super) fn table(looked: &[Looked]) -> String {
    let rows: Vec<_> = looked.iter().map(row).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let (file, format) = (width(0), width(1));
    let mut lines: Vec<String> = rows
        .iter()
        .map(|[name, kind, sure, why]| format!("{name:file$}  {kind:format$}  {sure:>4}  {why}"))
        .collect();
    let settings = settings(looked);
    if settings.iter().any(Option::is_some) {
        lines.push("\nFor agent.toml; correct paths and keys where they are wrong:".to_owned());
        lines.extend(settings.into_iter().flatten().map(|text| format!("\n{text}")));
    }
    lines.join("\n")
}

/// File, format, confidence, why.
fn row(looked: &Looked) -> [String; 4] {
    let file = shown(looked);
    let (format, sure, why) = match &looked.found {
        Err(why) => ("unreadable", String::new(), why.clone()),
        Ok(Detected::Empty) => ("empty", String::new(), "no line yet".to_owned()),
        Ok(Detected::Binary(why)) => ("binary", String::new(), (*why).to_owned()),
        Ok(Detected::Text(ranked)) => match ranked.candidates.first() {
            None => ("unknown", String::new(), "no format makes anything of it".to_owned()),
            Some(best) => (best.format.name, format!("{}%", best.confidence), why(ranked, best)),
        },
    };
    [file, format.to_owned(), sure, why]
}

fn why(ranked: &Ranked, best: &Candidate) -> String {
    let mut text = best.why.clone();
    if let Some((format, lines)) = &ranked.mixed {
        text.push_str(&format!("; mixed: {lines} lines are {}", format.name));
    }
    if ranked.recognised().is_none() {
        text.push_str("; not sure enough to follow it");
    }
    text
}

/// A path without anything that a terminal would obey.
fn shown(looked: &Looked) -> String {
    let harmless = |c: char| if c.is_control() { '?' } else { c };
    looked.path.to_string_lossy().chars().map(harmless).collect()
}

/// The `[[log]]` of each file that was recognised.
fn settings(looked: &[Looked]) -> Vec<Option<String>> {
    let mut keys: Vec<String> = Vec::new();
    looked
        .iter()
        .map(|one| {
            let Ok(Detected::Text(ranked)) = &one.found else { return None };
            Some(setting(one, ranked.recognised()?, &mut keys))
        })
        .collect()
}

fn setting(looked: &Looked, best: &Candidate, keys: &mut Vec<String>) -> String {
    let path = path_to_follow(looked);
    let key = new_key(&path, keys);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut lines = vec!["[[log]]".to_owned(), format!("key = {}", quoted(&key))];
    let packed =
        if packing_of(&looked.path).1.is_some() { "  # the log that this file was" } else { "" };
    lines.push(format!("path = {}{packed}", quoted(&path)));
    lines.push(format!("format = {}", quoted(best.format.name)));
    if best.format.of_cluster {
        lines.push(
            "cluster = \"utama\"  # key of its [[postgres]], or a name of its own".to_owned(),
        );
    }
    let layout = best.layout.as_deref().zip(best.format.layout);
    lines.extend(layout.map(|(text, kind)| format!("{} = {}", key_of(kind), quoted(text))));
    lines.join("\n")
}

fn key_of(kind: LayoutKind) -> &'static str {
    match kind {
        LayoutKind::Prefix => "prefix",
        LayoutKind::Pattern => "pattern",
    }
}

/// The whole path, without the ending of a compressed file.
fn path_to_follow(looked: &Looked) -> String {
    if looked.path.as_os_str() == STDIN {
        return "/path/of/the.log".to_owned();
    }
    let whole = std::path::absolute(&looked.path).unwrap_or_else(|_| looked.path.clone());
    let plain = if packing_of(&looked.path).1.is_some() { whole.with_extension("") } else { whole };
    plain.to_string_lossy().into_owned()
}

/// A key made from the file name, which no other has.
fn new_key(path: &str, keys: &mut Vec<String>) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let stem: String = stem.chars().filter(allowed).take(KEY_BYTES_MAX).collect();
    let stem = if stem.is_empty() { "log".to_owned() } else { stem };
    let numbered = (2..).map(|n: usize| format!("{stem}-{n}"));
    let mut names = std::iter::once(stem.clone()).chain(numbered);
    let key = names.find(|name| !keys.contains(name)).unwrap_or(stem);
    keys.push(key.clone());
    key
}

/// One file, for programs.
#[derive(Serialize)]
struct Told<'a> {
    file: String,
    /// The surest format, also where it is not sure enough; `null` where there is none.
    format: Option<&'a str>,
    confidence: u8,
    recognised: bool,
    /// Or why it has no format.
    why: String,
    layout: Option<&'a str>,
    mixed: Option<&'a str>,
    candidates: Vec<ToldCandidate<'a>>,
    /// The `[[log]]` of the settings.
    settings: Option<String>,
}

#[derive(Serialize)]
struct ToldCandidate<'a> {
    format: &'a str,
    confidence: u8,
    why: &'a str,
}

/// For programs: an array with an object for each file.
pub(super) fn json(looked: &[Looked]) -> serde_json::Result<String> {
    let told: Vec<_> =
        looked.iter().zip(settings(looked)).map(|(one, settings)| told(one, settings)).collect();
    serde_json::to_string_pretty(&told)
}

fn told(looked: &Looked, settings: Option<String>) -> Told<'_> {
    let [file, _, _, why] = row(looked);
    let ranked = match &looked.found {
        Ok(Detected::Text(ranked)) => Some(ranked),
        _ => None,
    };
    let best = ranked.and_then(|ranked| ranked.candidates.first());
    let candidates = ranked.map(|ranked| ranked.candidates.as_slice()).unwrap_or_default();
    let candidate = |one| {
        let Candidate { format, confidence, why, .. }: &Candidate = one;
        ToldCandidate { format: format.name, confidence: *confidence, why }
    };
    Told {
        file,
        format: best.map(|best| best.format.name),
        confidence: best.map_or(0, |best| best.confidence),
        recognised: ranked.is_some_and(|ranked| ranked.recognised().is_some()),
        why,
        layout: best.and_then(|best| best.layout.as_deref()),
        mixed: ranked.and_then(|ranked| ranked.mixed).map(|(format, _)| format.name),
        candidates: candidates.iter().map(candidate).collect(),
        settings,
    }
}
