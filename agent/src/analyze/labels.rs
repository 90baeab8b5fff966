//! What people read of an analysis, in one place per language.

/// The language of an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Bahasa Indonesia.
    #[default]
    Id,
    /// English.
    En,
}

impl Language {
    /// Its labels.
    pub fn labels(self) -> &'static Labels {
        match self {
            Language::Id => &INDONESIAN,
            Language::En => &ENGLISH,
        }
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Language::Id => "id",
            Language::En => "en",
        }
    }
}

/// Every text of the outputs.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Labels {
    pub title: &'static str,
    pub files: &'static str,
    pub file: &'static str,
    pub format: &'static str,
    pub size: &'static str,
    pub why: &'static str,
    pub same_as: &'static str,
    pub period: &'static str,
    pub nothing: &'static str,
    pub lines: &'static str,
    pub read: &'static str,
    pub counted: &'static str,
    pub outside: &'static str,
    pub unparsed: &'static str,
    pub ignored: &'static str,
    pub estimated: &'static str,
    pub errors: &'static str,
    /// For a count of them.
    pub error_count: &'static str,
    pub warnings: &'static str,
    pub failed_transactions: &'static str,
    pub failed_processes: &'static str,
    pub by_class: &'static str,
    pub by_sqlstate: &'static str,
    pub count: &'static str,
    pub last: &'static str,
    pub message: &'static str,
    pub class: &'static str,
    pub others: &'static str,
    pub at_least: &'static str,
    pub queries: &'static str,
    pub by_calls: &'static str,
    pub by_total: &'static str,
    pub by_p95: &'static str,
    pub by_max: &'static str,
    pub calls: &'static str,
    pub total: &'static str,
    pub mean: &'static str,
    pub slowest: &'static str,
    pub query: &'static str,
    pub failures: &'static str,
    pub applications: &'static str,
    /// Before the time of the fastest query that was logged.
    pub source: &'static str,
    pub steps: &'static str,
    pub routes: &'static str,
    pub requests: &'static str,
    pub step: &'static str,
    pub no_step: &'static str,
    pub answered_5xx: &'static str,
    pub database: &'static str,
    pub activity: &'static str,
    pub subject: &'static str,
    pub hours: &'static str,
    pub hour: &'static str,
    pub redaction: &'static str,
    pub rule: &'static str,
    pub exemplar: &'static str,
    pub cause: &'static str,
}

impl Labels {
    /// Name of an activity of the database.
    pub fn activity_name(&'static self, kind: &str) -> &'static str {
        let table =
            if std::ptr::eq(self, &ENGLISH) { ACTIVITY_ENGLISH } else { ACTIVITY_INDONESIAN };
        table.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name)
    }
}

const ACTIVITY_INDONESIAN: &[(&str, &str)] = &[
    ("lock_wait", "menunggu kunci"),
    ("temporary_file", "berkas sementara"),
    ("checkpoint", "checkpoint"),
    ("vacuum", "vacuum otomatis"),
    ("analyze", "analyze otomatis"),
    ("connected", "koneksi masuk"),
    ("disconnected", "sesi selesai"),
];

const ACTIVITY_ENGLISH: &[(&str, &str)] = &[
    ("lock_wait", "waits for a lock"),
    ("temporary_file", "temporary files"),
    ("checkpoint", "checkpoints"),
    ("vacuum", "automatic vacuum"),
    ("analyze", "automatic analyze"),
    ("connected", "connections"),
    ("disconnected", "sessions ended"),
];

static INDONESIAN: Labels = Labels {
    title: "Analisis log",
    files: "Berkas",
    file: "Berkas",
    format: "Format",
    size: "Ukuran",
    why: "Dasar",
    same_as: "tidak dihitung, isinya sama dengan",
    period: "Periode",
    nothing: "tidak ada",
    lines: "Baris",
    read: "dibaca",
    counted: "dihitung",
    outside: "di luar periode",
    unparsed: "tidak dipahami",
    ignored: "diabaikan",
    estimated: "waktu diperkirakan",
    errors: "Error yang paling sering muncul",
    error_count: "Error",
    warnings: "peringatan",
    failed_transactions: "transaksi database gagal",
    failed_processes: "proses aplikasi gagal",
    by_class: "Menurut jenis",
    by_sqlstate: "Menurut SQLSTATE",
    count: "Jumlah",
    last: "Terakhir",
    message: "Pesan",
    class: "Jenis",
    others: "lainnya",
    at_least: "paling sedikit",
    queries: "Kueri",
    by_calls: "Paling sering",
    by_total: "Waktu total terbesar",
    by_p95: "p95 terbesar",
    by_max: "Paling lambat",
    calls: "Panggilan",
    total: "Total",
    mean: "Rata-rata",
    slowest: "Terlama",
    query: "Kueri",
    failures: "Gagal",
    applications: "Aplikasi",
    source: "Sumber: baris duration pada log. Bila log memakai ambang, semua angka hanya di atas ambang itu; \
             durasi terkecil yang tercatat:",
    steps: "Tahap layanan",
    routes: "Halaman",
    requests: "Permintaan",
    step: "Tahap",
    no_step: "(tanpa tahap)",
    answered_5xx: "Gagal (5xx)",
    database: "Database",
    activity: "Kegiatan",
    subject: "Objek",
    hours: "Per jam",
    hour: "Jam",
    redaction: "Data yang disamarkan",
    rule: "Aturan",
    exemplar: "Contoh (disamarkan)",
    cause: "Penyebab di database",
};

static ENGLISH: Labels = Labels {
    title: "Log analysis",
    files: "Files",
    file: "File",
    format: "Format",
    size: "Size",
    why: "Because",
    same_as: "not counted, says the same as",
    period: "Period",
    nothing: "nothing",
    lines: "Lines",
    read: "read",
    counted: "counted",
    outside: "outside the period",
    unparsed: "not understood",
    ignored: "ignored",
    estimated: "times estimated",
    errors: "Errors by frequency",
    error_count: "Errors",
    warnings: "warnings",
    failed_transactions: "failed database transactions",
    failed_processes: "failed application processes",
    by_class: "By class",
    by_sqlstate: "By SQLSTATE",
    count: "Count",
    last: "Last",
    message: "Message",
    class: "Class",
    others: "others",
    at_least: "at least",
    queries: "Queries",
    by_calls: "Most often",
    by_total: "Most time in total",
    by_p95: "Highest p95",
    by_max: "Slowest",
    calls: "Calls",
    total: "Total",
    mean: "Mean",
    slowest: "Slowest",
    query: "Query",
    failures: "Failed",
    applications: "Applications",
    source: "Source: duration lines of the log. Where the log has a threshold all figures are of queries above \
             it; shortest duration logged:",
    steps: "Business steps",
    routes: "Pages",
    requests: "Requests",
    step: "Step",
    no_step: "(no step)",
    answered_5xx: "Failed (5xx)",
    database: "Database",
    activity: "Activity",
    subject: "Object",
    hours: "By hour",
    hour: "Hour",
    redaction: "What was replaced",
    rule: "Rule",
    exemplar: "Example (redacted)",
    cause: "Caused in the database",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_activity_has_a_name_in_both_languages() {
        for ((kind, _), (other, _)) in ACTIVITY_INDONESIAN.iter().zip(ACTIVITY_ENGLISH) {
            assert_eq!(kind, other);
            assert!(!Language::Id.labels().activity_name(kind).is_empty());
            assert!(!Language::En.labels().activity_name(kind).is_empty());
        }
    }
}
