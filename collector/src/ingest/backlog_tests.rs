//! The backlog of the reference server, from encoded batches to what a page asks: counts are exact, and
//! (when asked for) how long it takes.
//!
//! `DAYS=2 cargo test -p pantau-collector --lib a_backlog -- --ignored --nocapture` prints the times; without
//! DAYS of 30 days.

use std::time::Instant;

use pantau_proto::v1;
use pantau_sketch::durations;
use prost::Message;
use v1::definition::Of;

use super::Wire;
use crate::{
    domain::{
        AgentId, Epoch, SiteId,
        batch::{Codec, Frame, IncomingBatch},
        period::Period,
        summary::QueryOrder,
    },
    store::{Store, tests::fresh},
};

/// 2026-11-01T00:00Z.
const FIRST_MINUTE: i64 = 29_891_520;
const QUERIES: u32 = 400;
const ERRORS: u32 = 60;
/// Queries and errors of one minute.
const QUERIES_A_MINUTE: u32 = 50;
const ERRORS_A_MINUTE: u32 = 5;
const CALLS: u64 = 50;
/// Ids: queries, then errors, then the rest.
const FIRST_QUERY: u32 = 1;
const FIRST_ERROR: u32 = FIRST_QUERY + QUERIES;
const HOST: u32 = FIRST_ERROR + ERRORS;
const DATABASE: u32 = HOST + 1;
const UP: u32 = HOST + 3;
const FIRST_LOG: u32 = HOST + 4;
const FIRST_NAME: u32 = FIRST_LOG + 4;

fn defined(id: u32, of: Of) -> v1::Definition {
    v1::Definition { id, of: Some(of) }
}

/// All that the server ever speaks of, told in its first batch.
fn definitions() -> Vec<v1::Definition> {
    let query = |n| v1::QueryGroup {
        fingerprint: u64::from(n) * 0x9E37_79B9,
        template: format!("SELECT * FROM paket_{n} WHERE pkt_id = $1 AND sts_id IN (?)"),
        database: "utama/spse_prod".into(),
        ..Default::default()
    };
    let error = |n| v1::ErrorGroup {
        fingerprint: u64::from(n) * 0x0051_ED27,
        class: "database.deadlock".into(),
        template: format!("deadlock detected in relation {n}"),
        ..Default::default()
    };
    let disk =
        |n| v1::DiskLayout { mount: format!("/d{n}"), total_bytes: 1 << 39, ..Default::default() };
    let host = v1::HostLayout {
        memory_total_bytes: 32 << 30,
        disks: (0..4).map(disk).collect(),
        interfaces: (0..2)
            .map(|n| v1::InterfaceLayout { name: format!("eth{n}"), outside: n == 0 })
            .collect(),
        ..Default::default()
    };
    let up = v1::Watched {
        target: v1::Target::Application.into(),
        state: v1::State::Up.into(),
        ..Default::default()
    };
    let queries = (0..QUERIES).map(|n| defined(FIRST_QUERY + n, Of::Query(query(n + 1))));
    let errors = (0..ERRORS).map(|n| defined(FIRST_ERROR + n, Of::Error(error(n + 1))));
    let database = |n| v1::DatabaseLayout { database: format!("db{n}"), ..Default::default() };
    let databases = (0..2).map(|n| defined(DATABASE + n, Of::Database(database(n))));
    let log = |n| v1::LogFile { source: format!("log.{n}"), inode: n, ..Default::default() };
    let logs = (0..4).map(|n| defined(FIRST_LOG + n, Of::Log(log(u64::from(n)))));
    let names = (0..4).map(|n| defined(FIRST_NAME + n, Of::Name(format!("log.{n}"))));
    let rest = [defined(HOST, Of::Host(host)), defined(UP, Of::Watched(up))];
    queries.chain(errors).chain(databases).chain(logs).chain(names).chain(rest).collect()
}

/// Ids that are equally far apart, as differences; other ones each minute.
fn ids(first: u32, of: u32, a_minute: u32, minute: u32) -> Vec<u32> {
    let step = of / a_minute;
    let mut differences = vec![step; a_minute as usize];
    differences[0] = first + minute % step;
    differences
}

/// Some digits that follow from `n`.
fn noise(n: u64) -> u64 {
    let n = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (n ^ (n >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40
}

fn minute(n: u32) -> v1::Minute {
    let (queries, errors) = (QUERIES_A_MINUTE as usize, ERRORS_A_MINUTE as usize);
    let differing = |base: i64, k: usize| base + (noise(u64::from(n) * 64 + k as u64) % 997) as i64;
    v1::Minute {
        errors: Some(v1::ErrorCounts {
            group: ids(FIRST_ERROR, ERRORS, ERRORS_A_MINUTE, n),
            count: vec![2; errors],
            last_ms: (0..errors).map(|k| differing(1_000, k)).collect(),
            ..Default::default()
        }),
        queries: Some(v1::QueryCounts {
            query: ids(FIRST_QUERY, QUERIES, QUERIES_A_MINUTE, n),
            calls: vec![CALLS; queries],
            total_us: (0..queries).map(|k| differing(90_000, k).unsigned_abs()).collect(),
            max_us: (0..queries).map(|k| differing(3_000, k).unsigned_abs()).collect(),
            ..Default::default()
        }),
        host: Some(v1::Values {
            layout: HOST,
            values: (0..6 + 4 * 4 + 2 * 6).map(|k| differing(1 << 20, k)).collect(),
            disks: 4,
        }),
        databases: (0..2)
            .map(|n| v1::Values {
                layout: DATABASE + n,
                values: (0..7).map(|k| differing(1 << 20, k)).collect(),
                disks: 0,
            })
            .collect(),
        ..Default::default()
    }
}

/// Of all queries, each with what 15 minutes bring.
fn quarter(minute: i64) -> v1::SketchQuarter {
    let sketches: Vec<_> = (0..u64::from(QUERIES))
        .map(|query| {
            let mut sketch = durations::Sketch::default();
            (0..94).for_each(|n| sketch.add(300 * (query + 1) + noise(n) % 4_000));
            sketch
        })
        .collect();
    let mut query = vec![1; QUERIES as usize];
    query[0] = FIRST_QUERY;
    v1::SketchQuarter { quarter: minute / 15, query, sketches: durations::pack(&sketches) }
}

fn content(n: u32) -> v1::BatchContent {
    let at = FIRST_MINUTE + i64::from(n);
    v1::BatchContent {
        definitions: if n == 0 { definitions() } else { Vec::new() },
        minutes: vec![minute(n)],
        sketches: if at % 15 == 14 { vec![quarter(at)] } else { Vec::new() },
        positions: (0..4)
            .map(|log| v1::Position {
                log: FIRST_LOG + log,
                offset: u64::from(n) * 90_000,
                tail_hash: n,
                last_event_ms_ago: Some(400),
            })
            .collect(),
        observations: vec![v1::Observation { watched: UP, from_ms_ago: 60_000, length_ms: 60_000 }],
        fates: (0..4)
            .map(|name| v1::LineFates {
                source: FIRST_NAME + name,
                counted: 600,
                ignored: 900,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

fn batch(n: u32) -> IncomingBatch {
    let minute = FIRST_MINUTE + i64::from(n);
    let exemplar = v1::Exemplar {
        group: FIRST_ERROR,
        at_ms: minute * 60_000,
        text: format!("ERROR: deadlock detected at {n}"),
        ..Default::default()
    };
    let exemplars = v1::Exemplars { exemplars: vec![exemplar] };
    IncomingBatch {
        site: SiteId("demo".into()),
        agent: AgentId("spse-1".into()),
        epoch: Epoch([7; 16]),
        seq: u64::from(n) + 1,
        merged: 0,
        frame: Frame {
            codec: Codec::Zstd,
            first_minute: minute,
            last_minute: minute,
            closed_ms: (minute + 1) * 60_000,
            data: zstd::encode_all(content(n).encode_to_vec().as_slice(), 3).unwrap(),
            exemplars_codec: Codec::Plain,
            exemplars: exemplars.encode_to_vec(),
            exemplars_shed: 0,
        },
        received_ms: (minute + 1) * 60_000,
        live: None,
    }
}

async fn check(store: &Store, minutes: u32) {
    let (from_ms, minutes) = (FIRST_MINUTE * 60_000, i64::from(minutes));
    let period = Period { from_ms, to_ms: from_ms + minutes * 60_000 };
    let site = SiteId("demo".into());
    let errors = store.errors(&site, period, 1_000).await.unwrap();
    let counted: i64 = errors.iter().map(|error| error.count).sum();
    assert_eq!(counted, minutes * 2 * i64::from(ERRORS_A_MINUTE));
    let queries = store.queries(&site, period, QueryOrder::Calls, 1_000).await.unwrap();
    let calls: i64 = queries.iter().map(|query| query.calls).sum();
    assert_eq!(calls, minutes * CALLS as i64 * i64::from(QUERIES_A_MINUTE));
    assert!(queries.iter().all(|query| query.p95_us.is_some()));
    let fates = store.fates(&site, period).await.unwrap();
    assert_eq!(fates.iter().map(|log| log.read).sum::<i64>(), minutes * 4 * 1_500);
    let waiting = store.waiting_of(&site, &AgentId("spse-1".into())).await.unwrap();
    assert_eq!((store.pending().await.unwrap().len(), waiting), (0, 0));
}

/// Stores and folds so many minutes; prints how long it took.
async fn drain(minutes: u32) {
    let (store, _dir) = fresh().await;
    let site = (SiteId("demo".into()), "LPSE Demo".into(), "Asia/Jakarta".into());
    store.put_sites(&[site]).await.unwrap();
    let batches: Vec<_> = (0..minutes).map(batch).collect();
    let bytes: usize = batches.iter().map(|batch| batch.frame.data.len()).sum();
    let begun = Instant::now();
    for group in batches.chunks(512) {
        store.save(group).await.unwrap();
    }
    let saved = begun.elapsed();
    let report = store.fold(&Wire, FIRST_MINUTE * 60_000).await.unwrap();
    assert_eq!((report.batches, report.damaged), (u64::from(minutes), 0));
    let folded = begun.elapsed() - saved;
    println!("{minutes} batches of {bytes} bytes: stored in {saved:?}, folded in {folded:?}");
    check(&store, minutes).await;
}

#[tokio::test]
async fn two_hours_of_the_reference_server_are_counted_exactly() {
    drain(120).await;
}

#[tokio::test]
#[ignore = "a measurement: minutes long without optimisation"]
async fn a_backlog_of_the_reference_server_is_counted_exactly() {
    let days = std::env::var("DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(30);
    drain(days * 1_440).await;
}
