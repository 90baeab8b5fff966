//! What the report calls the machine words of ledger, gaps and errors.

use crate::domain::batch::{Origin, QuerySource, Severity};

/// A target of availability.
pub fn target(word: &str) -> &str {
    match word {
        "edge" => "Alamat publik",
        "application" => "Aplikasi SPSE",
        "database" => "Database",
        "server" => "Server",
        "link" => "Jalur agen ke kolektor",
        other => other,
    }
}

/// A state of a target.
pub fn state(word: &str) -> &str {
    match word {
        "up" => "tersedia",
        "down" => "tidak tersedia",
        "degraded" => "terganggu",
        "maintenance" => "pemeliharaan",
        "unknown" => "tidak diketahui",
        other => other,
    }
}

/// Why a target was in a state; a word that is not known is shown as it is.
pub fn reason(word: &str) -> String {
    if let Some(status) = word.strip_prefix("http_") {
        return format!("jawaban HTTP {status}");
    }
    match word {
        "" => "tanpa keterangan",
        "agent_silent" => "agen tidak terdengar",
        "agent_not_running" => "agen tidak berjalan",
        "collector_off" => "kolektor tidak berjalan",
        "no_contact" => "tidak ada kabar dari agen",
        "pending" => "hasil pemeriksaan belum sampai",
        "not_watched_yet" => "belum dipantau",
        "no_probe" | "no_probe_configured" => "pemeriksaan belum diatur pada agen",
        "machine_rebooted" => "server dinyalakan ulang",
        "connect_refused" => "sambungan ditolak",
        "connect_failed" => "sambungan gagal",
        "connect_timeout" => "sambungan tidak dijawab",
        "timeout" => "tidak menjawab tepat waktu",
        "slow" => "menjawab terlalu lambat",
        "text_missing" => "teks yang diharapkan tidak ada di halaman",
        "dns_failed" => "nama host tidak ditemukan",
        "tls_failed" => "sambungan TLS gagal",
        "auth_failed" => "database menolak peran atau kata sandinya",
        "too_many_connections" => "koneksi database habis",
        other => other,
    }
    .to_owned()
}

/// Why something could not be counted.
pub fn gap(word: &str) -> &str {
    match word {
        "file_lost" => "berkas log hilang sebelum selesai dibaca",
        "baseline_lost" => "penghitung mulai ulang atau tidak terpantau",
        "spool_lost" => "antrean agen rusak atau terhapus",
        "groups_shed" => "jenis terlalu banyak, digabung sebagai lain-lain",
        "unspecified" => "sebab tidak disebut",
        other => other,
    }
}

/// How bad an error is.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "peringatan",
        Severity::Error => "kesalahan",
        Severity::Fatal => "fatal",
        Severity::Panic => "panik",
    }
}

/// Where an error comes from.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Database => "database",
        Origin::Application => "aplikasi",
    }
}

/// Where a query's figures come from.
pub fn source(source: QuerySource) -> &'static str {
    match source {
        QuerySource::Log => "log PostgreSQL",
        QuerySource::StatementsView => "pg_stat_statements",
    }
}
