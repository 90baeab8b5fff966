//! Annex 4.

use super::{Annex, Block, Style, Table, column, heading, note, text, words};
use crate::{
    domain::batch::QuerySource,
    reporting::{
        format::{integer, query_time},
        model::{Model, QueryRow},
    },
};

/// A statement in the table.
const STATEMENT_CHARS_MAX: usize = 320;

pub(super) fn annex(model: &Model) -> Annex {
    let mut blocks = vec![
        heading("Query yang paling sering digunakan"),
        Block::Table(table(&model.queries.by_calls)),
        heading("Query dengan jumlah waktu terbesar"),
        Block::Table(table(&model.queries.by_total_time)),
        note(
            "Query yang sama dari dua sumber dimuat sebagai dua baris dan tidak dijumlahkan. \
             Persentil 95 dihitung dari sketsa dengan galat relatif 1 %.",
        ),
    ];
    let rows = model.queries.by_calls.iter().chain(&model.queries.by_total_time);
    if rows.into_iter().any(|row| row.p95_us.is_none()) {
        blocks.push(note(format!(
            "Tidak terukur: sumber {} tidak memberi persentil maupun waktu terlama per periode.",
            words().source(QuerySource::StatementsView)
        )));
    }
    Annex { title: "Waktu Transaksi Query".to_owned(), blocks }
}

fn table(rows: &[QueryRow]) -> Table {
    let number = |head: &str| column(head, 2, Style::Number);
    Table {
        columns: vec![
            column("No.", 0, Style::Number),
            column("Query", 8, Style::Mono),
            column("Database dan sumber", 3, Style::Text),
            number("Panggilan"),
            number("Jumlah waktu"),
            number("Rata-rata"),
            number("Persentil 95"),
            number("Terlama"),
        ],
        rows: rows.iter().enumerate().map(|(index, row)| cells(index + 1, row)).collect(),
        empty: "tidak terukur (tidak ada log durasi query maupun pg_stat_statements dalam periode \
                ini)"
            .to_owned(),
    }
}

fn cells(number: usize, row: &QueryRow) -> Vec<String> {
    let or_not_measured =
        |us: Option<i64>| us.map_or_else(|| "tidak terukur".to_owned(), query_time);
    vec![
        number.to_string(),
        text::line(&row.template, STATEMENT_CHARS_MAX),
        format!(
            "{} ({})",
            text::dotted(&row.database, 40),
            text::dotted(words().source(row.source), 40)
        ),
        integer(row.calls),
        query_time(row.total_us),
        query_time(row.mean_us),
        or_not_measured(row.p95_us),
        or_not_measured(row.max_us),
    ]
}
