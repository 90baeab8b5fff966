//! What is drawn, read back from typst's own frames: no tool outside the project is needed.

use typst::layout::{Frame, FrameItem};

use super::*;
use crate::{
    domain::summary::{DatabaseSummary, ErrorSummary},
    reporting::{
        fixture,
        model::{Kind, Value},
        query::Facts,
    },
};

/// The words of each page in the order in which they are laid out; places to break are left out.
fn pages(model: &Model) -> Vec<String> {
    let document = lay_out(model).unwrap();
    let mut pages = Vec::new();
    for page in document.pages() {
        let mut words = Vec::new();
        collect(&page.frame, &mut words);
        pages.push(
            words
                .join(" ")
                .replace('\u{200b}', "")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    pages
}

fn collect(frame: &Frame, words: &mut Vec<String>) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Text(text) => words.push(text.text.to_string()),
            FrameItem::Group(group) => collect(&group.frame, words),
            _ => {}
        }
    }
}

/// That `words` stand in `page` in this order.
fn assert_in_order(page: &str, words: &[&str]) {
    let mut rest = page;
    for word in words {
        let Some((_, after)) = rest.split_once(word) else {
            panic!("'{word}' is missing after what came before it in: {page}");
        };
        rest = after;
    }
}

#[test]
fn page_one_is_the_form_with_its_labels_in_order() {
    let pages = pages(&fixture::model(&fixture::facts(), None));
    assert_in_order(
        &pages[0],
        &[
            "PEMERINTAH KABUPATEN TANJUNG REJO",
            "LAPORAN KINERJA APLIKASI SPSE",
            "November 2026",
            "Hari/Tanggal",
            "Selasa, 1 Desember 2026",
            "Waktu",
            "02.00 WITA",
            "INSIDENTAL",
            "X RUTIN BULANAN",
            "RUTIN SEMESTERAN",
            "A. URAIAN KONDISI TERKINI",
            "1. Ukuran Database",
            "18,68 GiB",
            "bertambah 700,00 MiB (3,7 %)",
            "2. Jumlah Pengguna",
            "tidak terukur (SQL penghitung akun belum diatur",
            "3. Jumlah Transaksi Database",
            "81.280.245",
            "commit 81.234.567; rollback 45.678",
            "4. Bandwidth Upstream",
            "412,35 GB total",
            "46,0 % dari 20,00 Mbit/s kontrak",
            "5. Bandwidth Downstream",
            "98,77 GB total",
            "B. URAIAN ERROR YANG PALING SERING MUNCUL",
            "duplicate key value",
            "18.204",
            "C. URAIAN LESSON LEARNED DAN ANALISISNYA",
            "Administrator",
            "[ Sutrisno Wibowo, S.Kom ]",
            "Pimpinan",
            "[ Dra. Ratna Puspitasari, M.Si ]",
            "Halaman 1 dari",
        ],
    );
    assert_eq!(pages[0].matches(" X ").count(), 1);
}

#[test]
fn annexes_follow_and_every_page_of_sample_data_says_so() {
    let pages = pages(&fixture::model(&fixture::facts(), None));
    for page in &pages {
        assert!(page.contains("CONTOH"), "{page}");
    }
    assert_in_order(
        &pages[1..].join(" "),
        &[
            "Lampiran 1. Ketersediaan",
            "tidak terukur (pemeriksaan belum diatur pada agen)",
            "status HTTP 500",
            "Lampiran 2. Kapasitas",
            "/var/lib/pgsql",
            "Lampiran 3. Kesalahan",
            "Contoh kejadian",
            "Lampiran 4. Waktu Transaksi Query",
            "tidak terukur",
            "Lampiran 5. Transaksi Gagal",
            "Rollback ditampilkan tersendiri",
            "Lampiran 6. Cakupan Data",
            "2 jam",
            "berkas log hilang",
            "Disk terpakai, kritis",
        ],
    );
}

#[test]
fn data_that_is_no_sample_bears_no_mark() {
    let mut facts = fixture::facts();
    facts.servers[0].sample = false;
    let pages = pages(&fixture::model(&facts, None));
    assert!(pages.iter().all(|page| !page.contains("CONTOH")));
}

#[test]
fn without_any_data_everything_is_not_measured_and_nothing_is_zero() {
    let pages = pages(&fixture::model(&Facts::default(), None));
    assert_eq!(pages[0].matches("tidak terukur (").count(), 5, "{}", pages[0]);
    assert_in_order(&pages[0], &["B. URAIAN ERROR", "Tidak terukur: tidak ada baris log"]);
    let annexes = pages[1..].join(" ");
    assert_in_order(&annexes, &["belum ada agen yang mengirim data", "tidak ada log durasi query"]);
}

/// 40 errors of 2,000 bytes, 10 databases, long names everywhere, a long lesson.
fn extreme(text: &str) -> Model {
    let mut facts = fixture::facts();
    let error = facts.errors[0].clone();
    let long: String = text.chars().cycle().take(2_000).collect();
    facts.errors = (0..40)
        .map(|n| ErrorSummary {
            template: long.clone(),
            class: long.clone(),
            exemplar: Some(long.clone()),
            count: i64::MAX / 64 - n,
            ..error.clone()
        })
        .collect();
    let database = facts.databases[0].clone();
    facts.databases = (0..10)
        .map(|n| DatabaseSummary { database: format!("{n}{long}"), ..database.clone() })
        .collect();
    facts.servers = (0..3)
        .map(|_| crate::reporting::query::ServerFacts {
            hostname: long.clone(),
            hours: facts.servers[0].hours.iter().take(24).cloned().collect(),
            ..facts.servers[0].clone()
        })
        .collect();
    let mut model = fixture::model(&facts, Some(&long.repeat(8)));
    model.site.letterhead = vec![long.clone(); 9];
    model.site.name = long.clone();
    model.site.administrator = long.clone();
    model.site.head = long;
    model
}

#[test]
fn page_one_stays_one_page_whatever_the_texts() {
    for text in ["W", "iW ", "kalimat yang wajar panjangnya. ", "ミ", "\n", "a\u{0301}"] {
        let pages = pages(&extreme(text));
        assert_in_order(
            &pages[0],
            &["A. URAIAN", "B. URAIAN", "C. URAIAN", "Pimpinan", "Halaman 1"],
        );
        assert!(!pages[1].contains("Pimpinan"), "{text}: {}", pages[1]);
        assert_in_order(&pages[1], &["Lampiran 1. Ketersediaan"]);
    }
}

#[test]
fn texts_from_outside_are_never_markup() {
    let hostile = [
        "#let x = 1; #panic(\"x\")",
        "$ x^2 $ *tebal* _miring_ `kode` @rujukan <label>",
        "= Judul #include \"/etc/passwd\" #read(\"x\")",
        "\\u{48} // komentar /* buka",
        "]] #} ]) \" '",
    ];
    for text in hostile {
        let mut facts = fixture::facts();
        facts.errors[0].template = text.to_owned();
        facts.queries_by_calls[0].template = text.to_owned();
        facts.servers[0].hostname = text.to_owned();
        let pages = pages(&fixture::model(&facts, Some(text)));
        let written = |page: &str| page.replace(' ', "").contains(&text.replace(' ', ""));
        assert!(written(&pages[0]), "{text} in {}", pages[0]);
        assert!(written(&pages.join(" ")), "{text}");
    }
}

#[test]
fn a_lesson_stands_on_the_form_or_begins_there_and_ends_in_annex_seven() {
    let short =
        pages(&fixture::model(&fixture::facts(), Some("Keluhan unggah.\nAnalisis: tautan.")));
    assert_in_order(&short[0], &["C. URAIAN", "Keluhan unggah.", "Analisis: tautan.", "Pimpinan"]);
    assert!(!short.join(" ").contains("Lampiran 7"));
    let text = format!("{}Ini akhirnya.", "Keluhan pengguna yang berulang. ".repeat(60));
    let long = pages(&fixture::model(&fixture::facts(), Some(&text)));
    assert_in_order(&long[0], &["C. URAIAN", "Keluhan", "Lampiran 7", "Pimpinan"]);
    assert_in_order(&long[1..].join(" "), &["Lampiran 7. Lesson Learned", "Keluhan", "akhirnya"]);
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let model = fixture::model(&fixture::facts(), None);
    let first = render(&model).unwrap();
    assert_eq!(first.pdf, render(&model.clone()).unwrap().pdf);
    let text = String::from_utf8_lossy(&first.pdf);
    assert!(text.starts_with("%PDF-"));
    assert!(text.contains("D:20261130180000"), "the creation date is the model's");
}

#[test]
fn a_period_that_is_not_over_says_how_far_it_goes() {
    let settings = fixture::settings();
    let period = fixture::november(&settings);
    let mut model = fixture::model(&fixture::facts(), None);
    model.covered_to_ms = period.from_ms + 5 * fixture::DAY_MS;
    let pages = pages(&model);
    assert_in_order(&pages[0], &["November 2026, sampai 6 November 2026 pukul 00.00 WITA"]);
}

#[test]
fn a_half_year_and_any_other_period_tick_their_own_box() {
    for (kind, ticked) in
        [(Kind::HalfYearly, "X RUTIN SEMESTERAN"), (Kind::Incidental, "X INSIDENTAL")]
    {
        let model = Model { kind, ..fixture::model(&fixture::facts(), None) };
        let pages = pages(&model);
        assert!(pages[0].contains(ticked), "{}", pages[0]);
        assert_eq!(pages[0].matches(" X ").count(), 1);
    }
}

#[test]
fn a_value_in_parts_points_to_the_annex_that_lists_them() {
    let mut model = fixture::model(&fixture::facts(), None);
    let details = vec!["srv-1/eth0: 12,00 GB".to_owned(), "srv-2/eth0: 3,00 GB".to_owned()];
    model.conditions.upstream = Value::Measured { text: "15,00 GB total".to_owned(), details };
    let pages = pages(&model);
    assert_in_order(&pages[0], &["15,00 GB total", "2 bagian, rinciannya pada Lampiran 2"]);
    assert_in_order(&pages[1..].join(" "), &["Lampiran 2.", "srv-1/eth0: 12,00 GB", "srv-2/eth0"]);
}
