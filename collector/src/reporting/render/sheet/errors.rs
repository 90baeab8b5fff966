//! Annex 3.

use super::{Annex, Block, Style, Table, column, heading, note, text, words};
use crate::{
    labels::classes,
    reporting::{
        format::{Clock, integer},
        model::{ErrorRow, Model},
    },
};

/// A message in the table.
const MESSAGE_CHARS_MAX: usize = 400;
/// An exemplar: a stack trace's first lines.
const EXEMPLAR_CHARS_MAX: usize = 1_600;
const EXEMPLAR_LINES_MAX: usize = 18;

pub(super) fn annex(model: &Model, clock: &Clock) -> Annex {
    let rows = &model.errors.rows;
    let empty = match model.errors.no_logs {
        true => "tidak terukur (tidak ada baris log yang terbaca dalam periode ini)",
        false => "Tidak ada kesalahan yang tercatat dalam periode ini.",
    };
    let mut blocks = vec![Block::Table(table(rows, empty, model, clock))];
    let left_out = model.errors.groups - rows.len() as i64;
    if left_out > 0 {
        blocks.push(note(format!("{} jenis lagi tidak dimuat.", integer(left_out))));
    }
    let estimated: i64 = rows.iter().map(|row| row.estimated).sum();
    if estimated > 0 {
        blocks.push(note(format!(
            "{} kejadian dicatat tanpa tanggal lengkap; waktunya perkiraan.",
            integer(estimated)
        )));
    }
    blocks.extend(exemplars(rows));
    Annex { title: "Kesalahan".to_owned(), blocks }
}

/// Errors, most frequent first.
pub(super) fn table(rows: &[ErrorRow], empty: &str, model: &Model, clock: &Clock) -> Table {
    let zone = &model.site.zone_abbreviation;
    Table {
        columns: vec![
            column("Sidik jari", 0, Style::Mono),
            column("Pesan (tersamar)", 6, Style::Text),
            column("Kelas", 3, Style::Text),
            column("SQLSTATE", 0, Style::Mono),
            column("Tingkat", 0, Style::Text),
            column("Jumlah", 0, Style::Number),
            column(&format!("Terakhir ({zone})"), 2, Style::Text),
        ],
        rows: rows.iter().map(|row| cells(row, clock)).collect(),
        empty: empty.to_owned(),
    }
}

fn cells(row: &ErrorRow, clock: &Clock) -> Vec<String> {
    vec![
        text::line(&row.fingerprint, 16),
        text::line(&row.template, MESSAGE_CHARS_MAX),
        class(&row.class),
        text::line(&row.sqlstate, 5),
        words().severity(row.severity).to_owned(),
        integer(row.count),
        clock.short(row.last_ms),
    ]
}

/// In words, with the class itself beside them; of a class without words, the class.
fn class(class: &str) -> String {
    let (word, raw) = (classes::text(class, words()), text::dotted(class, 40));
    if word == class { raw } else { format!("{word} ({raw})") }
}

fn exemplars(rows: &[ErrorRow]) -> Vec<Block> {
    let quotes: Vec<Block> = rows
        .iter()
        .filter_map(|row| {
            let exemplar = row.exemplar.as_ref()?;
            Some(Block::Quote {
                title: text::line(&row.fingerprint, 16),
                lines: text::lines(exemplar, EXEMPLAR_CHARS_MAX, EXEMPLAR_LINES_MAX),
            })
        })
        .collect();
    match quotes.is_empty() {
        true => Vec::new(),
        false => std::iter::once(heading("Contoh kejadian (tersamar)")).chain(quotes).collect(),
    }
}
