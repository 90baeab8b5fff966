//! Page one: the form of the SOP, its labels to the letter.

use serde::Serialize;

use super::{Annex, Block, note, paragraph, text};
use crate::reporting::{
    format::{Clock, integer},
    model::{ErrorRow, Kind, Model, Value},
};

/// Page one has room for these; the rest stands in annex 3.
const ERRORS_ON_FORM: usize = 7;
/// Two lines of the table.
const ERROR_CHARS_MAX: usize = 150;
/// What explains a value of section A: two lines.
const DETAIL_CHARS_MAX: usize = 150;
/// A reason "tidak terukur" may take two lines.
const VALUE_CHARS_MAX: usize = 90;
/// Lines of the letterhead, and their length.
const LETTERHEAD_LINES_MAX: usize = 4;
const LETTERHEAD_CHARS_MAX: usize = 70;
/// A name below the signature.
const NAME_CHARS_MAX: usize = 44;
/// Section C on page one: lines, and letters in a line of average width. Capital and wide letters
/// count double.
const LESSON_LINES_MAX: usize = 8;
const LESSON_LINE_WIDTH: usize = 88;
/// Number of the annex that holds a lesson too long for page one.
const LESSON_ANNEX: usize = 7;

/// The form.
#[derive(Serialize)]
pub(super) struct Form {
    letterhead: Vec<String>,
    /// Whose and which period, below the title.
    subtitle: String,
    day: String,
    time: String,
    boxes: Vec<TickBox>,
    conditions: Vec<Condition>,
    errors: Vec<FormError>,
    /// Below the errors: what else there is, or why there are none.
    errors_note: String,
    lesson: Vec<String>,
    lesson_note: String,
    administrator: String,
    head: String,
}

#[derive(Serialize)]
struct TickBox {
    label: &'static str,
    ticked: bool,
}

#[derive(Serialize)]
struct Condition {
    label: &'static str,
    value: String,
    measured: bool,
    details: Vec<String>,
}

#[derive(Serialize)]
struct FormError {
    text: String,
    count: String,
    last: String,
}

pub(super) fn form(model: &Model, clock: &Clock) -> Form {
    let (lesson, lesson_note) = lesson(model);
    let letterhead = model.site.letterhead.iter().take(LETTERHEAD_LINES_MAX);
    Form {
        letterhead: letterhead.map(|line| text::line(line, LETTERHEAD_CHARS_MAX)).collect(),
        subtitle: format!(
            "{}. Periode: {}",
            text::line(&model.site.name, super::SITE_CHARS_MAX),
            super::period(model, clock)
        ),
        day: clock.day(model.created_ms),
        time: clock.time(model.created_ms),
        boxes: Kind::ALL
            .map(|kind| TickBox { label: kind.label(), ticked: kind == model.kind })
            .into(),
        conditions: conditions(model),
        errors: model.errors.rows.iter().take(ERRORS_ON_FORM).map(|e| error(e, clock)).collect(),
        errors_note: errors_note(model),
        lesson,
        lesson_note,
        administrator: text::line(&model.site.administrator, NAME_CHARS_MAX),
        head: text::line(&model.site.head, NAME_CHARS_MAX),
    }
}

fn conditions(model: &Model) -> Vec<Condition> {
    let a = &model.conditions;
    [
        ("Ukuran Database", &a.database_size, "Lampiran 5"),
        ("Jumlah Pengguna", &a.users, "Lampiran 5"),
        ("Jumlah Transaksi Database", &a.transactions, "Lampiran 5"),
        ("Bandwidth Upstream", &a.upstream, "Lampiran 2"),
        ("Bandwidth Downstream", &a.downstream, "Lampiran 2"),
    ]
    .map(|(label, value, annex)| condition(label, value, annex))
    .into()
}

fn condition(label: &'static str, value: &Value, annex: &str) -> Condition {
    match value {
        Value::NotMeasured { reason } => Condition {
            label,
            value: format!("tidak terukur ({})", text::line(reason, VALUE_CHARS_MAX)),
            measured: false,
            details: Vec::new(),
        },
        Value::Measured { text, details } => Condition {
            label,
            value: text::line(text, VALUE_CHARS_MAX),
            measured: true,
            details: match details.as_slice() {
                [] => Vec::new(),
                [only] => vec![text::line(only, DETAIL_CHARS_MAX)],
                more => vec![format!("{} bagian, rinciannya pada {annex}", more.len())],
            },
        },
    }
}

fn error(error: &ErrorRow, clock: &Clock) -> FormError {
    FormError {
        text: text::line(&error.template, ERROR_CHARS_MAX),
        count: integer(error.count),
        last: clock.short(error.last_ms),
    }
}

fn errors_note(model: &Model) -> String {
    let annex = &model.errors;
    if annex.no_logs {
        return "Tidak terukur: tidak ada baris log yang terbaca dalam periode ini.".to_owned();
    }
    if annex.rows.is_empty() {
        return "Tidak ada kesalahan yang tercatat dalam periode ini.".to_owned();
    }
    format!(
        "{} kejadian dari {}{} jenis kesalahan. Pesan lengkap dan rincian teknis: Lampiran 3.",
        integer(annex.occurrences),
        if annex.groups_capped { "sedikitnya " } else { "" },
        integer(annex.groups)
    )
}

/// What of the lesson stands on page one, and where the rest is.
fn lesson(model: &Model) -> (Vec<String>, String) {
    let Some(lesson) = &model.lesson else {
        return (Vec::new(), String::new());
    };
    let paragraphs: Vec<String> = lesson.lines().map(text::plain).collect();
    if lines_needed(&paragraphs) <= LESSON_LINES_MAX {
        return (paragraphs, String::new());
    }
    let room = (LESSON_LINES_MAX - 1) * LESSON_LINE_WIDTH;
    (beginning(&paragraphs, room), format!("Teks lengkap pada Lampiran {LESSON_ANNEX}."))
}

/// The whole lesson, when page one cannot hold it.
pub(super) fn lesson_annex(model: &Model) -> Option<Annex> {
    let lesson = model.lesson.as_ref()?;
    let paragraphs: Vec<String> = lesson.lines().map(text::plain).collect();
    (lines_needed(&paragraphs) > LESSON_LINES_MAX).then(|| {
        let mut blocks: Vec<Block> =
            vec![note("Teks lengkap bagian C: URAIAN LESSON LEARNED DAN ANALISISNYA.")];
        blocks.extend(paragraphs.into_iter().filter(|p| !p.trim().is_empty()).map(paragraph));
        Annex { title: "Lesson Learned dan Analisis".to_owned(), blocks }
    })
}

fn lines_needed(paragraphs: &[String]) -> usize {
    paragraphs.iter().map(|text| width(text).div_ceil(LESSON_LINE_WIDTH).max(1)).sum()
}

/// Letters of average width that a text takes.
fn width(text: &str) -> usize {
    text.chars().map(letter_width).sum()
}

fn letter_width(letter: char) -> usize {
    match letter {
        'm' | 'w' => 2,
        letter if letter.is_ascii_uppercase() || !letter.is_ascii() => 2,
        _ => 1,
    }
}

/// Paragraphs from the top, the last one cut, until `room` is used up.
fn beginning(paragraphs: &[String], room: usize) -> Vec<String> {
    let mut left = room;
    let mut kept = Vec::new();
    for paragraph in paragraphs {
        let needed = width(paragraph).max(1).div_ceil(LESSON_LINE_WIDTH) * LESSON_LINE_WIDTH;
        if needed > left {
            kept.push(text::cut(paragraph, letters_in(paragraph, left)));
            return kept;
        }
        left -= needed;
        kept.push(paragraph.clone());
    }
    kept
}

/// How many letters of `text` are at most `room` wide.
fn letters_in(text: &str, room: usize) -> usize {
    let mut wide = 0;
    text.chars()
        .take_while(|letter| {
            wide += letter_width(*letter);
            wide <= room
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_too_long_for_the_form_is_begun_there() {
        let paragraphs: Vec<String> = (0..30).map(|n| format!("keluhan nomor {n}")).collect();
        let begun = beginning(&paragraphs, 3 * LESSON_LINE_WIDTH);
        assert_eq!(begun[..3], paragraphs[..3]);
        assert!(begun.len() <= 4);
        assert!(lines_needed(&paragraphs) > LESSON_LINES_MAX);
    }
}
