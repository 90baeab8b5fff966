//! What `make run SAMPLE=1` watches on a machine without SPSE: a throw-away PostgreSQL under load, the
//! log of a Play application, and SPSE's page, which now and then fails. All of it is marked CONTOH.
//!
//! `pantau-sample FILE` writes the agent's tables for it to FILE once all runs, and goes on until
//! SIGTERM or SIGINT; then nothing of it is left.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use pantau_tests::{
    agent,
    collector::ZONE,
    play::{self, PlayLog},
    postgres::Postgres,
    scratch::Scratch,
    spse::{FOOTER, Spse},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::Client;

const DATABASE: &str = "epns_prod";
const WATCHER: &str = "pantau";
/// Accounts, as SPSE keeps them: one row each.
const ACCOUNTS_SQL: &str = "SELECT count(*) FROM usrsession";

const SCHEMA: &str = "
    CREATE EXTENSION pg_stat_statements;
    CREATE TABLE paket (pkt_id int PRIMARY KEY, pkt_nama text, pkt_pagu bigint);
    CREATE TABLE lelang_seleksi (lls_id int PRIMARY KEY, pkt_id int REFERENCES paket, lls_status int);
    CREATE TABLE peserta (psr_id serial PRIMARY KEY, lls_id int REFERENCES lelang_seleksi, rkn_id int,
                          UNIQUE (lls_id, rkn_id));
    CREATE TABLE usrsession (userid text PRIMARY KEY, sessiontime timestamptz);
    INSERT INTO paket SELECT n, 'Paket pekerjaan ' || n, n * 1000000 FROM generate_series(1, 2000) n;
    INSERT INTO lelang_seleksi SELECT n, n, n % 3 FROM generate_series(1, 2000) n;
    INSERT INTO usrsession SELECT 'rekanan' || n, now() FROM generate_series(1, 431) n;
    GRANT SELECT ON usrsession TO pantau;";

#[tokio::main]
async fn main() -> ExitCode {
    let Some(out) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: pantau-sample FILE   (writes the agent's tables for the sample to FILE)");
        return ExitCode::from(2);
    };
    match run(&out).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pantau-sample: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(out: &std::path::Path) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let scratch = Scratch::new()?;
    let mut postgres = Postgres::start(&scratch, "pg", "log_min_duration_statement = 0").await?;
    let admin = postgres.connect("postgres").await?;
    admin.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await?;
    postgres.watcher_role(WATCHER).await?;
    let client = postgres.connect(DATABASE).await?;
    client.batch_execute(SCHEMA).await?;
    let log = scratch.file("application.log", "")?;
    let spse = Spse::start().await?;
    let tables = [
        agent::play_log(&log),
        agent::postgres_log(&postgres.log()),
        agent::cluster(postgres.port, WATCHER, DATABASE),
        format!("accounts_sql = \"{ACCOUNTS_SQL}\"\n"),
        agent::probe(&spse.url(), FOOTER),
    ]
    .join("\n");
    std::fs::write(out, tables).with_context(|| out.display().to_string())?;
    let play = PlayLog::open(&log, ZONE)?;
    tokio::select! {
        result = load(client) => result?,
        result = users(play) => result?,
        () = outages(&spse) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    postgres.stop().await
}

/// Some twenty statements a second, one in thirty of which fails.
async fn load(client: Client) -> Result<()> {
    for n in 1u32.. {
        let id = n.wrapping_mul(7_919) % 2_000 + 1;
        let statement = match n % 30 {
            0 => format!("INSERT INTO paket VALUES ({id}, 'ganda', 0)"),
            7 => format!("INSERT INTO peserta (lls_id, rkn_id) VALUES ({}, {n})", id + 5_000),
            11 => format!(
                "SELECT count(*) FROM peserta p JOIN lelang_seleksi l USING (lls_id) WHERE l.lls_status = {}",
                n % 3
            ),
            13 if n % 90 == 13 => format!("SELECT pkt_nama::int FROM paket WHERE pkt_id = {id}"),
            17 => format!(
                "BEGIN; UPDATE paket SET pkt_pagu = pkt_pagu + {n} WHERE pkt_id = {id}; ROLLBACK"
            ),
            20..=24 => format!(
                "INSERT INTO peserta (lls_id, rkn_id) VALUES ({id}, {n}) ON CONFLICT DO NOTHING"
            ),
            25..=28 => {
                format!("UPDATE lelang_seleksi SET lls_status = {} WHERE lls_id = {id}", n % 3)
            }
            _ => format!("SELECT pkt_nama, pkt_pagu FROM paket WHERE pkt_id = {id}"),
        };
        // One in thirty is meant to fail; that it fails is in the log.
        let _ = client.batch_execute(&statement).await;
        anyhow::ensure!(!client.is_closed(), "the throw-away PostgreSQL has gone");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The application's log: a page every 200 ms, an error every 4 s.
async fn users(mut play: PlayLog) -> Result<()> {
    for n in 0usize.. {
        if n % 20 == 0 {
            // Kinds differ in how often they come, as in life.
            play.error([0, 0, 0, 2, 2, 3, 4, 1][n / 20 % 8] % play::KINDS)?;
        } else {
            play.info()?;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Half a minute of HTTP 503 every ten minutes, the first after three.
async fn outages(spse: &Spse) {
    let mut quiet = Duration::from_secs(180);
    loop {
        tokio::time::sleep(quiet).await;
        spse.answer(503);
        tokio::time::sleep(Duration::from_secs(30)).await;
        spse.answer(200);
        quiet = Duration::from_secs(570);
    }
}
