//! A month of a site that is not there, for tests.

use super::{
    compose::{self, Order},
    model::Model,
    query::{Facts, ServerFacts},
};
use crate::{
    config::Settings,
    domain::{
        AgentId,
        availability::{Interval, State, Target},
        batch::{Origin, QuerySource, Severity},
        period::Period,
        summary::*,
    },
};

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// Two sites would be one too many.
pub(crate) fn settings() -> Settings {
    Settings::parse(
        r#"
        store = "sqlite:/nowhere.db"
        [[site]]
        id = "demo"
        name = "LPSE Kabupaten Tanjung Rejo"
        zone = "Asia/Makassar"
        letterhead = [
            "PEMERINTAH KABUPATEN TANJUNG REJO",
            "SEKRETARIAT DAERAH",
            "Bagian Pengadaan Barang/Jasa, Layanan Pengadaan Secara Elektronik",
            "Jalan Merdeka Nomor 10, Tanjung Rejo 96100",
        ]
        administrator = "Sutrisno Wibowo, S.Kom"
        head = "Dra. Ratna Puspitasari, M.Si"
        link_up_mbit_per_s = 20
        link_down_mbit_per_s = 50
        availability_target_percent = 99.5
        "#,
    )
    .unwrap()
}

/// November 2026 in the site's zone.
pub(crate) fn november(settings: &Settings) -> Period {
    Period::month("2026-11", &settings.sites[0].zone).unwrap()
}

/// The model of these facts, written two hours after the month's end.
pub(crate) fn model(facts: &Facts, lesson: Option<&str>) -> Model {
    let settings = settings();
    let period = november(&settings);
    let order = Order {
        settings: &settings,
        site: &settings.sites[0],
        period,
        created_ms: period.to_ms + 2 * HOUR_MS,
        lesson: lesson.map(str::to_owned),
    };
    let mut model = compose::model(&order, facts).unwrap();
    model.revision = 1;
    model
}

/// A month with a bit of everything.
pub(crate) fn facts() -> Facts {
    let settings = settings();
    let month = november(&settings);
    Facts {
        servers: vec![server(month)],
        errors: ERRORS.iter().enumerate().map(|(n, row)| error(n, row, month)).collect(),
        queries_by_calls: QUERIES.iter().enumerate().map(|(n, text)| query(n, text)).collect(),
        queries_by_total_time: QUERIES
            .iter()
            .rev()
            .enumerate()
            .map(|(n, text)| query(n, text))
            .collect(),
        databases: databases(month),
        ledger: ledger(month),
        gaps: vec![GapSummary {
            agent: "spse-1".to_owned(),
            source: "log.catalina".to_owned(),
            from_ms: month.from_ms + 3 * DAY_MS,
            to_ms: month.from_ms + 3 * DAY_MS + HOUR_MS,
            reason: "file_lost".to_owned(),
            detail: "catalina.out dikosongkan sebelum selesai dibaca".to_owned(),
            amount: 1_024,
        }],
        fates: vec![FateSummary {
            agent: "spse-1".to_owned(),
            source: "log.postgres".to_owned(),
            read: 1_250_000,
            counted: 1_200_000,
            ignored: 49_000,
            before_start: 900,
            unparsed: 100,
        }],
        contacts: vec![
            (agent(), Period { to_ms: month.from_ms + 8 * DAY_MS, ..month }),
            (agent(), Period { from_ms: month.from_ms + 8 * DAY_MS + 2 * HOUR_MS, ..month }),
        ],
    }
}

fn agent() -> AgentId {
    AgentId("spse-1".to_owned())
}

fn server(month: Period) -> ServerFacts {
    ServerFacts {
        agent: agent(),
        hostname: "spse-app.tanjungrejo.example".to_owned(),
        cpus: 8,
        memory_bytes: 16 << 30,
        sample: true,
        hours: (0..30 * 24).filter(|n| !(193..=194).contains(n)).map(|n| hour(n, month)).collect(),
        traffic: Some(Traffic {
            interface: "ens192".to_owned(),
            minutes: 43_080,
            sent_bytes: 412_345_678_901,
            received_bytes: 98_765_432_109,
            sent_peak_bytes_per_s: 2_400_000,
            received_peak_bytes_per_s: 1_900_000,
            sent_p95_bytes_per_s: 1_150_000,
            received_p95_bytes_per_s: 310_000,
        }),
    }
}

fn hour(n: i64, month: Period) -> HostHour {
    let by_day = [80, 60, 50, 60, 90, 150, 260, 420, 560, 610, 580, 480][(n % 24 / 2) as usize];
    HostHour {
        from_ms: month.from_ms + n * HOUR_MS,
        minutes: 60,
        cpu_mean_permille: by_day,
        cpu_max_permille: (by_day * 3 / 2).min(1_000),
        memory_total_bytes: 16 << 30,
        memory_available_bytes: (16 << 30) / 1_000 * (420 - by_day / 4),
        swap_total_bytes: 4 << 30,
        swap_used_bytes: 300 << 20,
        disk_mount: "/var/lib/pgsql".to_owned(),
        disk_total_bytes: 500 << 30,
        disk_free_bytes: (120 << 30) - n * (30 << 20),
    }
}

type ErrorLine = (&'static str, &'static str, Origin, &'static str, bool, i64);

const ERRORS: [ErrorLine; 10] = [
    (
        "duplicate key value violates unique constraint \"peserta_pkey\"",
        "database.unique_violation",
        Origin::Database,
        "23505",
        true,
        18_204,
    ),
    (
        "play.exceptions.JavaExecutionException: NullPointerException di controllers.EvaluasiCtr.index",
        "application.bug",
        Origin::Application,
        "",
        false,
        9_411,
    ),
    (
        "canceling statement due to statement timeout",
        "database.timeout",
        Origin::Database,
        "57014",
        true,
        2_050,
    ),
    ("deadlock detected", "database.deadlock", Origin::Database, "40P01", true, 877),
    (
        "Gagal mengunggah dokumen penawaran: ukuran berkas melebihi <n> MB",
        "application.upload",
        Origin::Application,
        "",
        true,
        640,
    ),
    (
        "remaining connection slots are reserved for non-replication superuser connections",
        "database.too_many_connections",
        Origin::Database,
        "53300",
        true,
        312,
    ),
    (
        "java.net.SocketTimeoutException: Read timed out (layanan ADP)",
        "application.timeout",
        Origin::Application,
        "",
        false,
        201,
    ),
    (
        "could not receive data from client: Connection reset by peer",
        "database.connection",
        Origin::Database,
        "08006",
        false,
        44,
    ),
    (
        "maaf operasi yang anda lakukan salah",
        "application.other",
        Origin::Application,
        "",
        false,
        12,
    ),
    (
        "column \"<id>\" does not exist",
        "database.missing_object",
        Origin::Database,
        "42703",
        false,
        3,
    ),
];

fn error(n: usize, row: &ErrorLine, month: Period) -> ErrorSummary {
    let (template, class, origin, sqlstate, failed, count) = *row;
    ErrorSummary {
        fingerprint: format!("{:016x}", 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(n as u64 + 1)),
        origin,
        severity: Severity::Error,
        class: class.to_owned(),
        sqlstate: sqlstate.to_owned(),
        template: template.to_owned(),
        failed_transaction: failed,
        count,
        estimated: 0,
        last_ms: month.to_ms - (n as i64 + 1) * 7 * HOUR_MS,
        exemplar: Some(format!(
            "2026-11-30 10:11:12.131 WITA [4411] spse@spse_prod ERROR: {template}\n\
             \tDETAIL: Key (id)=(<n>) already exists.\n\tSTATEMENT: INSERT INTO peserta VALUES (<n>)"
        )),
        error_ids: vec![],
    }
}

const QUERIES: [&str; 3] = [
    "SELECT l.lls_id, l.lls_nama FROM lelang_seleksi l WHERE l.lls_status = ? AND l.lls_tgl > ?",
    "UPDATE sesi SET terakhir = ? WHERE id = ?",
    "SELECT count(*) FROM dok_penawaran d JOIN peserta p ON p.psr_id = d.psr_id WHERE p.lls_id = ?",
];

fn query(n: usize, text: &str) -> QuerySummary {
    let from_log = n.is_multiple_of(2);
    QuerySummary {
        fingerprint: format!("{n:016x}"),
        source: if from_log { QuerySource::Log } else { QuerySource::StatementsView },
        database: "spse/spse_prod".to_owned(),
        template: text.to_owned(),
        calls: 4_567_890 / (n as i64 + 1),
        total_us: 98_765_432_100,
        mean_us: 21_600,
        max_us: from_log.then_some(12_300_000),
        p50_us: from_log.then_some(9_000),
        p95_us: from_log.then_some(88_000),
        rows: 1,
    }
}

fn databases(month: Period) -> Vec<DatabaseSummary> {
    vec![DatabaseSummary {
        cluster: "utama".to_owned(),
        database: "spse_prod".to_owned(),
        size_first_bytes: Some(18 << 30),
        size_last_bytes: Some((18 << 30) + (700 << 20)),
        size_last_ms: month.to_ms - 5 * 60_000,
        commits: 81_234_567,
        rollbacks: 45_678,
        deadlocks: 877,
        connections_peak: 92,
        connections_max: 100,
        accounts: None,
        minutes: 43_080,
    }]
}

fn ledger(month: Period) -> Vec<Interval> {
    let interval = |target, state, from_ms, to_ms, reason: &str| Interval {
        target,
        period: Period { from_ms, to_ms },
        state,
        reason: reason.to_owned(),
    };
    let (start, end) = (month.from_ms, month.to_ms);
    let down = start + 8 * DAY_MS;
    let mut ledger =
        vec![interval(Target::Edge, State::Unknown, start, end, "no_probe_configured")];
    for target in [Target::Application, Target::Database, Target::Server, Target::Link] {
        let reason = if target == Target::Application { "http_500" } else { "connect_refused" };
        ledger.extend([
            interval(target, State::Up, start, down, ""),
            interval(target, State::Down, down, down + HOUR_MS, reason),
            interval(target, State::Unknown, down + HOUR_MS, down + 2 * HOUR_MS, "agent_silent"),
            interval(target, State::Up, down + 2 * HOUR_MS, down + 12 * HOUR_MS, ""),
            interval(target, State::Degraded, down + 12 * HOUR_MS, down + 13 * HOUR_MS, "slow"),
            interval(target, State::Up, down + 13 * HOUR_MS, end, ""),
        ]);
    }
    ledger
}
