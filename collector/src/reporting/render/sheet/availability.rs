//! Annex 1.

use super::{
    Annex, Bars, Block, Style, Table, column, heading, note, paragraph, text, ticks, words,
};
use crate::{
    domain::availability::{State, Target},
    labels::reasons,
    reporting::{
        format::{Clock, centipercent, duration, integer, permille},
        model::{IntervalRow, Model, TargetAvailability, Verdict},
    },
};

pub(super) fn annex(model: &Model, clock: &Clock) -> Annex {
    let mut blocks = vec![
        Block::Table(shares(model)),
        note(
            "Ketersediaan dihitung dari waktu aktif dan terganggu terhadap waktu di luar \
             pemeliharaan. Waktu tanpa data dinyatakan tidak diketahui, tidak pernah aktif. \
             Sasaran \"belum dapat dinilai\" bila waktu yang tidak diketahui menentukan hasilnya.",
        ),
    ];
    for target in &model.availability {
        blocks.push(heading(name(&target.target)));
        match target.verdict {
            Verdict::NotMeasured => blocks.push(paragraph(not_measured(target))),
            _ => blocks.extend(observed(target, model, clock)),
        }
    }
    Annex { title: "Ketersediaan".to_owned(), blocks }
}

fn shares(model: &Model) -> Table {
    let number = |head: &str| column(head, 3, Style::Number);
    let state = |state: State| number(&format!("{} %", words().state(state)));
    let mut columns = vec![column("Objek", 5, Style::Text)];
    columns.extend(State::ALL.map(state));
    columns.extend([number("Sasaran"), column("Hasil", 4, Style::Text)]);
    Table {
        columns,
        rows: model.availability.iter().map(share_row).collect(),
        empty: "Tidak ada objek yang dipantau.".to_owned(),
    }
}

fn share_row(target: &TargetAvailability) -> Vec<String> {
    let mut row = vec![name(&target.target)];
    row.extend(target.shares_centipercent.iter().map(|share| match (target.verdict, share) {
        (Verdict::NotMeasured, 0) => "–".to_owned(),
        _ => centipercent(*share),
    }));
    row.push(permille(target.target_permille));
    row.push(verdict(target.verdict).to_owned());
    row
}

/// A target in words; one that is not known is shown as it is.
fn name(target: &str) -> String {
    Target::parse(target).map_or(target, |known| words().target(known)).to_owned()
}

/// As above, a state.
fn state(state: &str) -> String {
    State::parse(state).map_or(state, |known| words().state(known)).to_owned()
}

fn reason(word: &str) -> String {
    reasons::text(if word.is_empty() { "unspecified" } else { word }, words())
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "tercapai",
        Verdict::Missed => "tidak tercapai",
        Verdict::Undecided => "belum dapat dinilai",
        Verdict::NotMeasured => "tidak terukur",
    }
}

fn not_measured(target: &TargetAvailability) -> String {
    let mut reasons: Vec<String> =
        target.intervals.iter().map(|interval| reason(&interval.reason)).collect();
    reasons.sort();
    reasons.dedup();
    match reasons.is_empty() {
        true => "tidak terukur (tidak ada pengamatan)".to_owned(),
        false => format!("tidak terukur ({})", reasons.join("; ")),
    }
}

fn observed(target: &TargetAvailability, model: &Model, clock: &Clock) -> Vec<Block> {
    let starts: Vec<i64> = target.days.iter().map(|day| day.from_ms).collect();
    let mut blocks = vec![
        Block::Bars(Bars {
            bars: target.days.iter().map(|day| day.shares_centipercent).collect(),
            ticks: ticks(&starts, clock),
        }),
        Block::Table(intervals(&target.intervals, model, clock)),
    ];
    if target.intervals_left_out > 0 {
        let more = integer(target.intervals_left_out);
        blocks.push(note(format!("{more} selang lagi tidak dimuat dalam daftar ini.")));
    }
    blocks
}

fn intervals(rows: &[IntervalRow], model: &Model, clock: &Clock) -> Table {
    let zone = &model.site.zone_abbreviation;
    Table {
        columns: vec![
            column("Keadaan", 3, Style::Text),
            column(&format!("Mulai ({zone})"), 3, Style::Text),
            column(&format!("Selesai ({zone})"), 3, Style::Text),
            column("Lama", 3, Style::Text),
            column("Sebab", 6, Style::Text),
        ],
        rows: rows
            .iter()
            .map(|row| {
                vec![
                    state(&row.state),
                    clock.short(row.from_ms),
                    clock.short(row.to_ms),
                    duration(row.to_ms - row.from_ms),
                    text::line(&reason(&row.reason), 120),
                ]
            })
            .collect(),
        empty: "Aktif sepanjang periode, tanpa selang lain.".to_owned(),
    }
}
