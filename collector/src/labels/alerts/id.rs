//! Alerts in Indonesian.

use super::{FieldWords, Language, RuleWords, Vocabulary};

/// Indonesian.
pub static ID: Vocabulary = Vocabulary {
    language: Language::Indonesian,
    rules: &[
        (
            "disk_space",
            RuleWords {
                name: "Ruang disk",
                problem: "disk {part} {value} penuh (server {server})",
                solved: "disk {part} kini {value} terpakai (server {server})",
                advice: "Hapus atau pindahkan berkas yang tidak diperlukan (log lama, cadangan lama), \
                         atau perbesar disk. Bila disk penuh, PostgreSQL dan SPSE berhenti bekerja.",
            },
        ),
        (
            "memory",
            RuleWords {
                name: "Memori",
                problem: "memori {value} terpakai (server {server})",
                solved: "memori kini {value} terpakai (server {server})",
                advice: "Periksa proses yang paling banyak memakai memori (perintah top). Bila memori \
                         habis, sistem operasi menghentikan proses, bisa SPSE atau PostgreSQL.",
            },
        ),
        (
            "site_down",
            RuleWords {
                name: "Aplikasi SPSE",
                problem: "aplikasi SPSE tidak menjawab: {part} (server {server})",
                solved: "aplikasi SPSE menjawab lagi: {part} (server {server})",
                advice: "Periksa apakah layanan SPSE berjalan dan baca baris terakhir log aplikasi.",
            },
        ),
        (
            "database_down",
            RuleWords {
                name: "Basis data",
                problem: "basis data tidak menjawab: {part} (server {server})",
                solved: "basis data menjawab lagi: {part} (server {server})",
                advice: "Periksa apakah PostgreSQL berjalan, ruang disknya, dan jumlah koneksinya.",
            },
        ),
        (
            "agent_silent",
            RuleWords {
                name: "Agen",
                problem: "agen tidak memberi kabar selama {value} (server {server})",
                solved: "agen memberi kabar lagi (server {server})",
                advice: "Ini belum tentu gangguan SPSE: keadaan server tidak diketahui. Periksa \
                         jaringan antara server dan kolektor, lalu layanan pantau-agent di server.",
            },
        ),
    ],
    other: RuleWords {
        name: "Peringatan",
        problem: "{part} {value} (server {server})",
        solved: "{part} {value} (server {server})",
        advice: "Lihat halaman peringatan Pantau.",
    },
    warning: "PERINGATAN",
    critical: "KRITIS",
    eased: "MEREDA",
    resolved: "PULIH",
    sample: "CONTOH",
    sample_line: "CONTOH: berasal dari data contoh buatan, bukan kejadian nyata.",
    not_watched: "{name}: {part} tidak lagi dipantau (server {server})",
    server_removed: "{name}: server {server} tidak lagi dipantau",
    fields: FieldWords {
        site: "LPSE",
        server: "Server",
        status: "Keadaan",
        threshold: "Ambang",
        free: "Sisa",
        cause: "Sebab",
        at: "Waktu",
        opened: "Sejak",
        advice: "Yang perlu dilakukan",
        number: "Nomor",
    },
    decimal_mark: ',',
    seconds: "detik",
    minutes: "menit",
    hours: "jam",
    days: "hari",
};
