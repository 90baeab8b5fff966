//! Annex 2.

use super::{
    Annex, Block, Lines, Series, Style, Table, column, heading, note, paragraph, text, ticks,
};
use crate::reporting::{
    format::{Clock, binary, bits, decimal, integer, permille, rate},
    model::{
        CapacityPoint, Conditions, DiskLevel, DiskRow, Model, ServerCapacity, TrafficDirection,
        TrafficRow, Usage, Value,
    },
};

pub(super) fn annex(model: &Model, clock: &Clock) -> Annex {
    let mut blocks = Vec::new();
    if model.capacity.is_empty() {
        blocks.push(paragraph("tidak terukur (belum ada agen yang mengirim data untuk LPSE ini)"));
    }
    for server in &model.capacity {
        blocks.extend(of_server(server, clock));
    }
    blocks.extend(bandwidth(&model.conditions));
    blocks.push(note(
        "KiB, MiB, GiB: pangkat 1.024 (biner). kB, MB, GB dan bit/s: pangkat 1.000 (desimal). \
         Memori dan swap: yang tertinggi tiap jam. Persentil 95: dari rata-rata tiap menit. \
         Garis terputus: tidak ada sampel.",
    ));
    Annex { title: "Kapasitas".to_owned(), blocks }
}

fn of_server(server: &ServerCapacity, clock: &Clock) -> Vec<Block> {
    let name = text::line(&server.hostname, 60);
    let mut blocks = vec![heading(format!("Server {name}"))];
    if server.minutes == 0 {
        blocks.push(paragraph("tidak terukur (tidak ada sampel dari server ini dalam periode)"));
        return blocks;
    }
    blocks.push(paragraph(format!(
        "{} prosesor, memori {}; terukur {} menit.",
        integer(server.cpus),
        binary(server.memory_bytes),
        integer(server.minutes)
    )));
    blocks.push(Block::Table(usages(server, clock)));
    blocks.push(Block::Lines(chart(server, clock)));
    blocks.push(Block::Table(disks(&server.disks, clock)));
    blocks.push(Block::Table(traffic(server.traffic.as_ref())));
    blocks
}

fn usages(server: &ServerCapacity, clock: &Clock) -> Table {
    let row = |name: &str, usage: Option<&Usage>, absent: &str| match usage {
        Some(usage) => vec![
            name.to_owned(),
            permille(usage.mean_permille),
            permille(usage.max_permille),
            clock.short(usage.max_hour_ms),
        ],
        None => vec![name.to_owned(), absent.to_owned(), String::new(), String::new()],
    };
    Table {
        columns: vec![
            column("Sumber daya", 3, Style::Text),
            column("Rata-rata terpakai", 3, Style::Number),
            column("Tertinggi", 2, Style::Number),
            column("Pada jam", 3, Style::Text),
        ],
        rows: vec![
            row("Prosesor", server.cpu.as_ref(), "tidak terukur"),
            row("Memori", server.memory.as_ref(), "tidak terukur"),
            row("Swap", server.swap.as_ref(), "tidak ada swap"),
        ],
        empty: String::new(),
    }
}

fn chart(server: &ServerCapacity, clock: &Clock) -> Lines {
    let starts: Vec<i64> = server.points.iter().map(|point| point.from_ms).collect();
    let series = |name: &str, of: fn(&CapacityPoint) -> Option<i64>| Series {
        name: name.to_owned(),
        points: server.points.iter().map(of).collect(),
    };
    Lines {
        series: vec![
            series("prosesor (rata-rata)", |point| point.cpu_permille),
            series("memori (tertinggi)", |point| point.memory_permille),
            series("disk terpenuh", |point| point.disk_permille),
        ],
        ticks: ticks(&starts, clock),
    }
}

fn disks(rows: &[DiskRow], clock: &Clock) -> Table {
    Table {
        columns: vec![
            column("Sistem berkas terpenuh", 4, Style::Mono),
            column("Ukuran", 2, Style::Number),
            column("Sisa", 2, Style::Number),
            column("Terpakai", 2, Style::Number),
            column("Terhadap ambang", 2, Style::Text),
            column("Pada jam", 3, Style::Text),
        ],
        rows: rows
            .iter()
            .map(|disk| {
                vec![
                    text::line(&disk.mount, 80),
                    binary(disk.total_bytes),
                    binary(disk.free_bytes),
                    permille(disk.used_permille),
                    level(disk.level).to_owned(),
                    clock.short(disk.at_ms),
                ]
            })
            .collect(),
        empty: "Disk: tidak terukur (tidak ada sampel disk dalam periode)".to_owned(),
    }
}

fn level(level: DiskLevel) -> &'static str {
    match level {
        DiskLevel::Normal => "normal",
        DiskLevel::Warning => "peringatan",
        DiskLevel::Critical => "kritis",
    }
}

fn traffic(row: Option<&TrafficRow>) -> Table {
    let rows = row.map(|traffic| {
        vec![
            direction("Upstream (dikirim)", &traffic.interface, &traffic.sent),
            direction("Downstream (diterima)", &traffic.interface, &traffic.received),
        ]
    });
    Table {
        columns: vec![
            column("Bandwidth", 4, Style::Text),
            column("Antarmuka", 2, Style::Mono),
            column("Total", 2, Style::Number),
            column("Puncak", 3, Style::Number),
            column("Persentil 95", 3, Style::Number),
            column("Kontrak", 3, Style::Number),
        ],
        rows: rows.unwrap_or_default(),
        empty: "Bandwidth: tidak terukur (lalu lintas antarmuka luar tidak terbaca)".to_owned(),
    }
}

fn direction(name: &str, interface: &str, way: &TrafficDirection) -> Vec<String> {
    vec![
        name.to_owned(),
        text::line(interface, 20),
        decimal(way.bytes),
        rate(way.peak_bytes_per_s),
        rate(way.p95_bytes_per_s),
        way.link_bits_per_s.map_or_else(|| "tidak diatur".to_owned(), bits),
    ]
}

/// Where section A had to leave details out, they stand here.
fn bandwidth(conditions: &Conditions) -> Vec<Block> {
    [("Bandwidth Upstream", &conditions.upstream), ("Bandwidth Downstream", &conditions.downstream)]
        .into_iter()
        .flat_map(|(name, value)| details(name, value))
        .collect()
}

/// The lines of a value of section A that has more than one.
pub(super) fn details(name: &str, value: &Value) -> Vec<Block> {
    match value {
        Value::Measured { details, .. } if details.len() > 1 => {
            let lines = details.iter().map(|detail| paragraph(text::line(detail, 200)));
            std::iter::once(heading(format!("{name} menurut bagiannya"))).chain(lines).collect()
        }
        _ => Vec::new(),
    }
}
