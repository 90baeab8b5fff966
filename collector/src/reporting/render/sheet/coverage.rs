//! Annex 6.

use super::{Annex, Block, Style, Table, column, heading, note, paragraph, text, words};
use crate::{
    labels::reasons,
    reporting::{
        format::{Clock, duration, integer, ratio},
        model::{AgentCoverage, Coverage, Model},
    },
};

pub(super) fn annex(model: &Model, clock: &Clock) -> Annex {
    let coverage = &model.coverage;
    let mut blocks = vec![
        paragraph(format!(
            "Periode {} sampai {}: {} menit.",
            clock.moment(model.from_ms),
            clock.moment(model.covered_to_ms),
            integer(coverage.minutes)
        )),
        heading("Agen"),
        Block::Table(agents(coverage)),
        heading("Waktu agen tidak memberi kabar"),
        Block::Table(silences(model, clock)),
        heading("Kehilangan yang dinyatakan"),
        Block::Table(gaps(model, clock)),
    ];
    if coverage.gaps_left_out > 0 {
        blocks.push(note(format!("{} lagi tidak dimuat.", integer(coverage.gaps_left_out))));
    }
    blocks.push(heading("Baris log yang dibaca"));
    blocks.push(Block::Table(fates(coverage)));
    blocks.push(heading("Ambang dan pengaturan yang dipakai"));
    blocks.push(Block::Table(thresholds(model)));
    blocks.push(heading("Keaslian"));
    blocks.push(paragraph(format!(
        "Sidik digital angka laporan ini (SHA-256): {}. Revisi {}.",
        text::line(&model.digest, 64),
        integer(model.revision)
    )));
    Annex { title: "Cakupan Data".to_owned(), blocks }
}

fn agents(coverage: &Coverage) -> Table {
    let row = |agent: &AgentCoverage| {
        vec![
            text::line(&agent.agent, 64),
            text::line(&agent.hostname, 64),
            integer(agent.host_minutes),
            format!("{} %", share(agent.host_minutes, coverage.minutes)),
            duration(agent.silent_ms),
        ]
    };
    Table {
        columns: vec![
            column("Agen", 3, Style::Mono),
            column("Server", 3, Style::Text),
            column("Menit terukur", 2, Style::Number),
            column("Dari periode", 2, Style::Number),
            column("Tanpa kabar", 3, Style::Text),
        ],
        rows: coverage.agents.iter().map(row).collect(),
        empty: "Belum ada agen yang mengirim data untuk LPSE ini.".to_owned(),
    }
}

/// Percent with two decimals; rounding never turns "almost" into 100,00.
fn share(part: i64, whole: i64) -> String {
    match whole {
        ..=0 => "0,00".to_owned(),
        _ => {
            let centi = i128::from(part) * 10_000 / i128::from(whole);
            ratio(i64::try_from(centi).unwrap_or(i64::MAX), 100, 2)
        }
    }
}

fn silences(model: &Model, clock: &Clock) -> Table {
    let zone = &model.site.zone_abbreviation;
    let mut rows = Vec::new();
    for agent in &model.coverage.agents {
        let name = text::line(&agent.agent, 64);
        rows.extend(agent.silences.iter().map(|(from, to)| {
            vec![name.clone(), clock.short(*from), clock.short(*to), duration(to - from)]
        }));
        if agent.silences_left_out > 0 {
            let more = format!("dan {} selang lagi", integer(agent.silences_left_out));
            rows.push(vec![name, more, String::new(), String::new()]);
        }
    }
    Table {
        columns: vec![
            column("Agen", 3, Style::Mono),
            column(&format!("Mulai ({zone})"), 3, Style::Text),
            column(&format!("Selesai ({zone})"), 3, Style::Text),
            column("Lama", 3, Style::Text),
        ],
        rows,
        empty: "Tidak ada.".to_owned(),
    }
}

fn gaps(model: &Model, clock: &Clock) -> Table {
    let zone = &model.site.zone_abbreviation;
    Table {
        columns: vec![
            column("Agen dan sumber", 3, Style::Mono),
            column(&format!("Mulai ({zone})"), 3, Style::Text),
            column(&format!("Selesai ({zone})"), 3, Style::Text),
            column("Sebab", 7, Style::Text),
        ],
        rows: model
            .coverage
            .gaps
            .iter()
            .map(|gap| {
                let reason = reasons::text(&gap.reason, words());
                vec![
                    text::line(&format!("{} {}", gap.agent, gap.source), 80),
                    match gap.from_ms {
                        ..=0 => words().before_watching.to_owned(),
                        _ => clock.short(gap.from_ms),
                    },
                    clock.short(gap.to_ms),
                    match gap.detail.is_empty() {
                        true => reason,
                        false => format!("{reason}: {}", text::line(&gap.detail, 200)),
                    },
                ]
            })
            .collect(),
        empty: "Tidak ada.".to_owned(),
    }
}

fn fates(coverage: &Coverage) -> Table {
    let number = |head: &str| column(head, 2, Style::Number);
    Table {
        columns: vec![
            column("Agen dan log", 4, Style::Mono),
            number("Dibaca"),
            number("Dihitung"),
            number("Diabaikan"),
            number("Sebelum mulai"),
            number("Tidak dipahami"),
        ],
        rows: coverage
            .fates
            .iter()
            .map(|fate| {
                vec![
                    text::line(&format!("{} {}", fate.agent, fate.source), 80),
                    integer(fate.read),
                    integer(fate.counted),
                    integer(fate.ignored),
                    integer(fate.before_start),
                    integer(fate.unparsed),
                ]
            })
            .collect(),
        empty: "Tidak ada baris log yang dibaca dalam periode ini.".to_owned(),
    }
}

fn thresholds(model: &Model) -> Table {
    Table {
        columns: vec![column("Pengaturan", 4, Style::Text), column("Nilai", 1, Style::Number)],
        rows: model
            .thresholds
            .iter()
            .map(|used| vec![used.name.clone(), used.value.clone()])
            .collect(),
        empty: String::new(),
    }
}
