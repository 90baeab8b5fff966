//! What was done equals what the store and the report say, whatever is killed on the way.

use anyhow::{Context, Result};
use pantau_tests::{
    agent::{self, Agent},
    collector::Collector,
    eventually, play,
    postgres::Postgres,
    scratch::Scratch,
};
use serde_json::Value;

const WATCHER: &str = "pantau";
const DATABASE: &str = "epns_prod";

/// Statements and how often each is run.
const GOOD: [(&str, i64); 3] = [
    ("SELECT pkt_nama FROM paket WHERE pkt_id = {n}", 40),
    ("UPDATE paket SET pkt_nama = 'paket {n}' WHERE pkt_id = {n}", 25),
    ("INSERT INTO peserta (psr_id, pkt_id) VALUES ({n}, {n})", 20),
];
/// Statements that fail, their SQLSTATE's class, and how often each is run.
const BAD: [(&str, &str, i64); 3] = [
    ("INSERT INTO paket (pkt_id, pkt_nama) VALUES (1, 'x{n}')", "duplicate key", 17),
    ("SELECT 1 / (pkt_id - pkt_id) FROM paket WHERE pkt_id = {n}", "division by zero", 11),
    ("SELECT * FROM tabel_yang_tidak_ada WHERE id = {n}", "does not exist", 7),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_in_the_database_and_the_application_is_what_the_report_says() -> Result<()> {
    let scratch = Scratch::new()?;
    let postgres = database(&scratch, "log_min_duration_statement = 0").await?;
    let log = scratch.file("application.log", "")?;
    let mut play = play::PlayLog::open(&log, pantau_tests::collector::ZONE)?;

    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let sources = [
        agent::play_log(&log),
        agent::postgres_log(&postgres.log()),
        agent::cluster(postgres.port, WATCHER, DATABASE),
    ]
    .concat();
    let mut agent = Agent::new(&scratch, collector.ingest()?, &sources)?;
    collector.enrol(&agent)?;
    agent.start()?;

    work(&postgres).await?;
    for n in 0..60 {
        play.error(n % play::KINDS)?;
        play.info()?;
    }

    let wanted = 60 + BAD.iter().map(|(_, _, times)| times).sum::<i64>();
    eventually("every error in the store", || async {
        collector.errors().ok().filter(|(count, _)| *count >= wanted)
    })
    .await
    .with_context(|| [agent.printed(), collector.printed()].concat())?;
    let errors = collector.ask(&["errors"])?;
    for (_, message, times) in BAD {
        assert_eq!(sum(&errors, "template", message, "count"), times, "{message}: {errors:#}");
    }
    assert_eq!(collector.errors()?, (wanted, play::KINDS + BAD.len()), "{errors:#}");

    for (statement, times) in GOOD {
        let (verb_and_table, _) = statement.split_once('{').context("a statement has a value")?;
        let start = verb_and_table.to_lowercase();
        let start = start.split(['=', '(', '\'']).next().unwrap_or_default().trim();
        let counted = eventually(statement, || async {
            let queries = collector.ask(&["queries"]).ok()?;
            let calls = sum_by(&queries, |query| {
                query["source"] == "log"
                    && query["template"].as_str().unwrap_or("").to_lowercase().starts_with(start)
            });
            (calls >= times).then_some(calls)
        })
        .await?;
        assert_eq!(counted, times, "{statement}");
    }

    agent.program()?.stop().await?;
    let text = collector.report_text()?;
    for label in [
        "LAPORAN KINERJA APLIKASI SPSE",
        "Hari/Tanggal",
        "INSIDENTAL",
        "RUTIN BULANAN",
        "RUTIN SEMESTERAN",
        "A. URAIAN KONDISI TERKINI",
        "1. Ukuran Database",
        "2. Jumlah Pengguna",
        "3. Jumlah Transaksi Database",
        "4. Bandwidth Upstream",
        "5. Bandwidth Downstream",
        "B. URAIAN ERROR YANG PALING SERING MUNCUL",
        "C. URAIAN LESSON LEARNED DAN ANALISISNYA",
        "Administrator",
        "Pimpinan",
    ] {
        assert!(text.contains(label), "{label} is missing in:\n{text}");
    }
    for (_, message, times) in BAD {
        assert!(has_count(&text, message, times), "{times} times {message} in:\n{text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_lines_with_137_errors_count_exactly_while_the_agent_is_killed_three_times()
-> Result<()> {
    let scratch = Scratch::new()?;
    let log = scratch.file("application.log", "")?;
    let mut play = play::PlayLog::open(&log, pantau_tests::collector::ZONE)?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let mut agent = Agent::new(&scratch, collector.ingest()?, &agent::play_log(&log))?;
    collector.enrol(&agent)?;
    agent.start()?;

    let (mut lines, mut errors) = (0, 0usize);
    let mut kills = 0;
    while lines < 10_000 {
        if errors < 137 && lines >= errors * 70 {
            lines += play.error(errors % play::KINDS)?;
            errors += 1;
        } else {
            play.info()?;
            lines += 1;
        }
        if lines % 100 == 0 {
            // Slow enough that the agent reads, counts and ships while the log grows.
            tokio::time::sleep(std::time::Duration::from_millis(40)).await;
        }
        if lines / 2_500 > kills && kills < 3 {
            kills += 1;
            agent.program()?.kill()?;
            agent.start()?;
        }
    }
    assert_eq!((errors, kills), (137, 3));

    eventually("all 137 errors", || async {
        collector.errors().ok().filter(|(count, _)| *count >= 137)
    })
    .await
    .with_context(|| agent.printed())?;
    agent.program()?.stop().await?;
    assert_eq!(collector.errors()?, (137, 5));
    let report = collector.report_text()?;
    assert!(report.contains("137 kejadian dari 5 jenis kesalahan"), "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_collector_takes_up_where_it_was_and_counts_nothing_twice() -> Result<()> {
    let scratch = Scratch::new()?;
    let log = scratch.file("application.log", "")?;
    let mut play = play::PlayLog::open(&log, pantau_tests::collector::ZONE)?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let mut agent = Agent::new(&scratch, collector.ingest()?, &agent::play_log(&log))?;
    collector.enrol(&agent)?;
    agent.start()?;

    for round in 0..3 {
        for n in 0..20 {
            play.error((round + n) % play::KINDS)?;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        collector.program()?.kill()?;
        for n in 0..10 {
            play.error((round + n) % play::KINDS)?;
        }
        collector.start().await?;
    }
    eventually("all 90 errors", || async {
        collector.errors().ok().filter(|(count, _)| *count >= 90)
    })
    .await
    .with_context(|| [agent.printed(), collector.printed()].concat())?;
    agent.program()?.stop().await?;
    assert_eq!(collector.errors()?.0, 90);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_writes_three_formats_is_counted_from_one() -> Result<()> {
    let scratch = Scratch::new()?;
    let formats = "log_destination = 'stderr,csvlog,jsonlog'";
    let postgres = database(&scratch, formats).await?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    // The folder is matched as a whole: the csv and json files lie beside the stderr log.
    let pattern = postgres.log_dir.join("postgresql*");
    let sources =
        [agent::postgres_log(&pattern), agent::cluster(postgres.port, WATCHER, DATABASE)].concat();
    let mut agent = Agent::new(&scratch, collector.ingest()?, &sources)?;
    collector.enrol(&agent)?;
    agent.start()?;
    work(&postgres).await?;
    let wanted: i64 = BAD.iter().map(|(_, _, times)| times).sum();
    eventually("every error in the store", || async {
        collector.errors().ok().filter(|(count, _)| *count >= wanted)
    })
    .await
    .with_context(|| agent.printed())?;
    agent.program()?.stop().await?;
    assert_eq!(collector.errors()?, (wanted, BAD.len()));
    Ok(())
}

async fn database(scratch: &Scratch, settings: &str) -> Result<Postgres> {
    let postgres = Postgres::start(scratch, "pg", settings).await?;
    postgres
        .connect("postgres")
        .await?
        .batch_execute(&format!("CREATE DATABASE {DATABASE}"))
        .await?;
    postgres.watcher_role(WATCHER).await?;
    postgres
        .connect(DATABASE)
        .await?
        .batch_execute(
            "CREATE EXTENSION pg_stat_statements;
             CREATE TABLE paket (pkt_id int PRIMARY KEY, pkt_nama text);
             CREATE TABLE peserta (psr_id int, pkt_id int);
             INSERT INTO paket SELECT n, 'paket' FROM generate_series(1, 100) AS n;",
        )
        .await?;
    Ok(postgres)
}

async fn work(postgres: &Postgres) -> Result<()> {
    let client = postgres.connect(DATABASE).await?;
    for (statement, times) in GOOD {
        for n in 1..=times {
            client.batch_execute(&statement.replace("{n}", &n.to_string())).await?;
        }
    }
    for (statement, _, times) in BAD {
        for n in 1..=times {
            let failed = client.batch_execute(&statement.replace("{n}", &n.to_string())).await;
            assert!(failed.is_err(), "{statement} is meant to fail");
        }
    }
    Ok(())
}

fn sum(rows: &Value, key: &str, part: &str, figure: &str) -> i64 {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter()
        .filter(|row| row[key].as_str().is_some_and(|text| text.contains(part)))
        .filter_map(|row| row[figure].as_i64())
        .sum()
}

fn sum_by(rows: &Value, wanted: impl Fn(&Value) -> bool) -> i64 {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter(|row| wanted(row)).filter_map(|row| row["calls"].as_i64()).sum()
}

/// Whether a line of the report, or one close to it, holds both the message and the figure.
fn has_count(report: &str, message: &str, times: i64) -> bool {
    let lines: Vec<&str> = report.lines().collect();
    let figure = times.to_string();
    lines.iter().enumerate().filter(|(_, line)| line.contains(message)).any(|(at, _)| {
        let near = &lines[at.saturating_sub(2)..(at + 3).min(lines.len())];
        near.iter().any(|line| line.split(|c: char| !c.is_ascii_digit()).any(|w| w == figure))
    })
}
