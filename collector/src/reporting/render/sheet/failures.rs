//! Annex 5.

use super::{Annex, Block, Style, Table, capacity::details, column, errors, heading, note, text};
use crate::reporting::{
    format::{Clock, binary, integer},
    model::{DatabaseRow, Model},
};

pub(super) fn annex(model: &Model, clock: &Clock) -> Annex {
    let failures = &model.failures;
    let deadlocks: i64 = failures.databases.iter().map(|database| database.deadlocks).sum();
    let mut blocks = vec![
        heading("Database"),
        Block::Table(databases(&failures.databases)),
        note(
            "Rollback ditampilkan tersendiri dan tidak dijumlahkan ke kegagalan: aplikasi juga \
             membatalkan transaksi dengan sengaja.",
        ),
        heading("Kegagalan transaksi dan proses yang terekam"),
        super::paragraph(summary(model, deadlocks)),
        Block::Table(errors::table(
            &failures.errors,
            "Tidak ada kegagalan transaksi yang terekam dalam log.",
            model,
            clock,
        )),
    ];
    for (name, value) in [
        ("Ukuran Database", &model.conditions.database_size),
        ("Jumlah Pengguna", &model.conditions.users),
    ] {
        blocks.extend(details(name, value));
    }
    Annex { title: "Transaksi Gagal".to_owned(), blocks }
}

fn summary(model: &Model, deadlocks: i64) -> String {
    let from_logs = match model.errors.no_logs {
        true => "Kegagalan dari log: tidak terukur (tidak ada baris log yang terbaca).".to_owned(),
        false => {
            format!("Kegagalan dari log: {} kejadian.", integer(model.failures.occurrences))
        }
    };
    let from_counters = match model.failures.databases.iter().all(|d| d.minutes == 0) {
        true => "Deadlock menurut penghitung database: tidak terukur.".to_owned(),
        false => format!("Deadlock menurut penghitung database: {}.", integer(deadlocks)),
    };
    format!("{from_logs} {from_counters}")
}

fn databases(rows: &[DatabaseRow]) -> Table {
    let number = |head: &str| column(head, 2, Style::Number);
    Table {
        columns: vec![
            column("Klaster/database", 4, Style::Mono),
            number("Ukuran akhir"),
            number("Commit"),
            number("Rollback"),
            number("Deadlock"),
            number("Koneksi tertinggi"),
            number("Menit terukur"),
        ],
        rows: rows.iter().map(cells).collect(),
        empty: "tidak terukur (tidak ada database yang dibaca agen dalam periode ini)".to_owned(),
    }
}

fn cells(row: &DatabaseRow) -> Vec<String> {
    let name = text::line(&format!("{}/{}", row.cluster, row.database), 80);
    let size = row.size_last_bytes.map_or_else(|| "tidak terukur".to_owned(), binary);
    if row.minutes == 0 {
        let absent = || "tidak terukur".to_owned();
        return vec![name, size, absent(), absent(), absent(), absent(), integer(0)];
    }
    vec![
        name,
        size,
        integer(row.commits),
        integer(row.rollbacks),
        integer(row.deadlocks),
        format!("{} dari {}", integer(row.connections_peak), integer(row.connections_max)),
        integer(row.minutes),
    ]
}
