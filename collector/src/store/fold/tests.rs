//! What the fold promises, from a stored batch to what a page asks.

use proptest::prelude::*;

use crate::{
    domain::{availability::State, batch::*, period::Period, summary::QueryOrder},
    store::{SaveOutcome, Store, fixtures::*, tests::fresh},
};

async fn errors_in(store: &Store, period: Period) -> Option<i64> {
    store.errors(&site(), period, 10).await.unwrap().first().map(|error| error.count)
}

async fn calls_in(store: &Store, period: Period) -> Option<i64> {
    let queries = store.queries(&site(), period, QueryOrder::Calls, 10).await.unwrap();
    queries.first().map(|query| query.calls)
}

#[tokio::test]
async fn a_batch_stored_twice_and_folded_twice_counts_once() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batch = contents.batch(1, counts(MINUTE, 4));
    assert_eq!(store.save(std::slice::from_ref(&batch)).await.unwrap(), [SaveOutcome::Stored]);
    let twice = store.save(&[batch.clone(), batch.clone()]).await.unwrap();
    assert_eq!(twice, [SaveOutcome::Duplicate; 2]);
    assert_eq!(contents.fold(&store).await.batches, 1);
    assert_eq!(store.save(&[batch]).await.unwrap(), [SaveOutcome::Duplicate]);
    assert_eq!(contents.fold(&store).await.batches, 0);
    assert_eq!(errors_in(&store, hours(0, 1)).await, Some(4));
    assert_eq!(calls_in(&store, hours(0, 1)).await, Some(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_folds_at_the_same_time_count_each_batch_once() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches: Vec<_> =
        (0..200).map(|n| contents.batch(n as u64 + 1, counts(MINUTE + n, 1))).collect();
    store.save(&batches).await.unwrap();
    let (one, two, three) =
        tokio::join!(contents.fold(&store), contents.fold(&store), contents.fold(&store));
    assert_eq!(one.batches + two.batches + three.batches, 200);
    assert_eq!(errors_in(&store, hours(0, 4)).await, Some(200));
    assert_eq!(calls_in(&store, hours(0, 4)).await, Some(200));
}

#[tokio::test]
async fn a_fold_that_fails_midway_changes_nothing_and_is_made_good_later() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches = [contents.batch(1, counts(MINUTE, 4)), contents.batch(2, counts(MINUTE + 1, 5))];
    store.save(&batches[..1]).await.unwrap();
    contents.fold(&store).await;
    let broken = b"junk".as_slice();
    let kept: (Vec<u8>,) =
        sqlx::query_as("SELECT data FROM query_block").fetch_one(&store.pool).await.unwrap();
    let put = async |data: &[u8]| {
        let update = sqlx::query("UPDATE query_block SET data = $1 WHERE site_id = 'gorontalo'");
        update.bind(data.to_vec()).execute(&store.pool).await.unwrap();
    };
    put(broken).await;
    store.save(&batches[1..]).await.unwrap();
    let report = contents.fold(&store).await;
    assert_eq!((report.batches, report.failed), (0, 1));
    assert_eq!(errors_in(&store, hours(0, 1)).await, Some(4), "nothing of the failed fold stays");
    put(&kept.0).await;
    assert_eq!(contents.fold(&store).await.batches, 1);
    assert_eq!(errors_in(&store, hours(0, 1)).await, Some(9));
    assert_eq!(calls_in(&store, hours(0, 1)).await, Some(9));
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_set_aside_and_holds_up_no_other() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let mut junk = contents.batch(1, counts(MINUTE, 1));
    junk.frame.data = vec![250];
    let undefined = BatchContent { groups: Vec::new(), ..counts(MINUTE, 1) };
    let batches = [junk, contents.batch(2, undefined), contents.batch(3, counts(MINUTE, 6))];
    store.save(&batches).await.unwrap();
    let report = contents.fold(&store).await;
    assert_eq!((report.servers, report.batches, report.damaged), (1, 1, 2));
    assert_eq!(errors_in(&store, hours(0, 1)).await, Some(6));
    let kept: Vec<(i64, String, Vec<u8>)> =
        sqlx::query_as("SELECT seq, why, data FROM batch_damaged ORDER BY seq")
            .fetch_all(&store.pool)
            .await
            .unwrap();
    assert_eq!(kept[0], (1, "not a batch".to_owned(), vec![250]));
    assert!(kept[1].1.contains("does not define"), "{}", kept[1].1);
    assert_eq!(store.pending().await.unwrap(), []);
    let gaps = store.gaps(&site(), hours(0, 1)).await.unwrap();
    let gaps: Vec<_> = gaps.iter().map(|gap| (gap.reason.as_str(), gap.amount)).collect();
    assert_eq!(gaps, [("batch_damaged", 2)], "what is not counted is declared");
}

#[tokio::test]
async fn a_late_batch_goes_into_its_old_hour_and_marks_its_day_as_changed() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches = [contents.batch(9, counts(MINUTE, 2)), contents.batch(3, counts(MINUTE, 3))];
    store.save(&batches[..1]).await.unwrap();
    contents.fold(&store).await;
    store.save(&batches[1..]).await.unwrap();
    let later = MS + 86_400_000;
    store.fold(&contents, later).await.unwrap();
    assert_eq!(errors_in(&store, hours(0, 1)).await, Some(5));
    assert_eq!(errors_in(&store, hours(1, 30)).await, None);
    assert_eq!(store.last_change_ms(&site(), hours(0, 1)).await.unwrap(), Some(later));
    assert_eq!(store.last_change_ms(&site(), hours(48, 49)).await.unwrap(), None);
}

#[tokio::test]
async fn a_period_counts_its_own_minutes_however_it_is_made_of_days_and_hours() {
    let (store, _dir) = fresh().await;
    let site_of = (site(), "LPSE Gorontalo".to_owned(), "Asia/Makassar".to_owned());
    store.put_sites(&[site_of]).await.unwrap();
    let mut contents = Contents::default();
    // One in every hour of four days, each at its half.
    let batches: Vec<_> =
        (0..96).map(|n| contents.batch(n as u64 + 1, counts(MINUTE + n * 60 + 30, 1))).collect();
    store.save(&batches).await.unwrap();
    contents.fold(&store).await;
    for (from, to) in [(0i64, 96i64), (0, 1), (13, 37), (12, 38), (-40, 200), (5, 9)] {
        let expected = to.min(96) - from.max(0);
        let period = hours(from, to);
        assert_eq!(errors_in(&store, period).await, Some(expected), "errors of {from}-{to}");
        assert_eq!(calls_in(&store, period).await, Some(expected), "queries of {from}-{to}");
    }
    let half = Period { from_ms: MS + 31 * 60_000, to_ms: MS + 30 * 3_600_000 + 31 * 60_000 };
    assert_eq!(errors_in(&store, half).await, Some(30));
    assert_eq!(calls_in(&store, half).await, Some(30));
    let by_hour = store.errors_by_hour(&site(), hours(2, 5)).await.unwrap();
    assert_eq!(by_hour.iter().map(|hour| hour.count).collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test]
async fn what_a_page_shows_of_an_error_and_a_query_is_what_was_sent() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let mut content = counts(MINUTE, 3);
    let example = |at_ms, text: &str| Exemplar {
        group: 0,
        at_ms,
        text: text.to_owned(),
        error_ids: vec!["6k1ad2n9c".to_owned()],
    };
    content.exemplars = vec![example(MS + 5, "newer\0"), example(MS, "older")];
    store.save(&[contents.batch(1, content)]).await.unwrap();
    contents.fold(&store).await;
    let error = store.errors(&site(), hours(0, 1), 1).await.unwrap().remove(0);
    assert_eq!(error.fingerprint, "fffffffffffffffb");
    assert_eq!(error.template, "deadlock detected (-5)");
    assert_eq!(error.exemplar.as_deref(), Some("newer"));
    assert_eq!(error.error_ids, ["6k1ad2n9c"]);
    assert_eq!((error.severity, error.failed_transaction), (Severity::Error, true));
    assert_eq!(error.last_ms, MS + 30_000);
    let queries = store.queries(&site(), hours(0, 1), QueryOrder::TotalTime, 5).await.unwrap();
    let query = &queries[0];
    assert_eq!((query.calls, query.total_us, query.mean_us), (3, 3_000, 1_000));
    assert_eq!((query.max_us, query.rows), (Some(1_000), 1));
    let p95 = query.p95_us.unwrap();
    assert!((990..=1_010).contains(&p95), "{p95}");
}

#[tokio::test]
async fn counters_count_over_hours_resets_and_reboots_in_any_order_of_folding() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches = [
        contents.batch(3, sampled(MINUTE + 62, 40, 70)),
        contents.batch(1, sampled(MINUTE + 59, 1_000, 500)),
        contents.batch(2, sampled(MINUTE + 60, 1_600, 560)),
        contents.batch(4, sampled(MINUTE + 58, 400, 450)),
    ];
    for batch in batches {
        store.save(&[batch]).await.unwrap();
        contents.fold(&store).await;
    }
    let traffic = store.traffic(&site(), &agent(), hours(0, 2)).await.unwrap().unwrap();
    assert_eq!((traffic.sent_bytes, traffic.received_bytes), (600 + 600 + 40, 2_480));
    assert_eq!(traffic.interface, "eth0");
    let second = store.traffic(&site(), &agent(), hours(1, 2)).await.unwrap().unwrap();
    assert_eq!(second.sent_bytes, 640, "what grew since the hour before belongs to the later hour");
    let databases = store.databases(&site(), hours(0, 2)).await.unwrap();
    assert_eq!(databases[0].commits, 50 + 60 + 70);
    assert_eq!(databases[0].size_first_bytes, Some(4_500));
    assert_eq!(databases[0].size_last_bytes, Some(700));
    assert_eq!(databases[0].minutes, 4);
    let series = store.live_series(&site(), &agent(), hours(0, 2)).await.unwrap();
    let sent: Vec<_> = series.iter().map(|minute| minute.sent_bytes_per_s).collect();
    assert_eq!(sent, [None, Some(10), Some(10), Some(0)]);
    assert_eq!(series[0].memory_used_permille, 750);
    let by_hour = store.host_hours(&site(), &agent(), hours(0, 2)).await.unwrap();
    assert_eq!(by_hour.iter().map(|hour| hour.minutes).collect::<Vec<_>>(), [2, 2]);
}

#[tokio::test]
async fn time_that_an_agent_lives_twice_is_observed_once() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let observed = |observations| BatchContent { observations, ..BatchContent::default() };
    let batches = [
        contents.batch(1, observed(vec![seen(State::Up, 0, 10), seen(State::Up, 10, 20)])),
        contents.batch(2, observed(vec![seen(State::Down, 5, 30)])),
        contents.batch(3, observed(vec![seen(State::Down, 30, 40)])),
    ];
    for batch in batches {
        store.save(&[batch]).await.unwrap();
        contents.fold(&store).await;
    }
    let stored = store.observations(&site(), hours(0, 1)).await.unwrap();
    let expected = [(agent(), seen(State::Up, 0, 20)), (agent(), seen(State::Down, 20, 40))];
    assert_eq!(stored, expected);
    let clipped = Period { from_ms: MS + 60_000, to_ms: MS + 120_000 };
    let stored = store.observations(&site(), clipped).await.unwrap();
    assert_eq!(stored, [(agent(), seen(State::Up, 1, 2))]);
}

#[tokio::test]
async fn losses_fates_and_facts_are_kept_with_the_server() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let facts = |version: &str| {
        let (cluster, version) = ("utama".to_owned(), version.to_owned());
        vec![DatabaseFacts { cluster, version, ..DatabaseFacts::default() }]
    };
    let gap = Gap {
        source: "log.postgres".to_owned(),
        from_ms: MS,
        to_ms: MS,
        reason: "file_lost".to_owned(),
        detail: "rotated away".to_owned(),
        amount: 12,
    };
    let fates = LineFates {
        source: "log.postgres".to_owned(),
        read: 10,
        counted: 4,
        ignored: 5,
        unparsed: 1,
        before_start: 0,
    };
    let told = |minute, version| BatchContent {
        database_facts: facts(version),
        gaps: vec![gap.clone()],
        fates: vec![fates.clone()],
        redactions: vec![("nik".to_owned(), 3)],
        ..counts(minute, 1)
    };
    let batches =
        [contents.batch(2, told(MINUTE + 1, "15.18")), contents.batch(1, told(MINUTE, "9.6.24"))];
    for batch in batches {
        store.save(&[batch]).await.unwrap();
        contents.fold(&store).await;
    }
    let gaps = store.gaps(&site(), hours(0, 1)).await.unwrap();
    assert_eq!((gaps.len(), gaps[0].amount, gaps[0].reason.as_str()), (1, 24, "file_lost"));
    let fates = store.fates(&site(), hours(0, 1)).await.unwrap();
    assert_eq!((fates[0].read, fates[0].counted, fates[0].unparsed), (20, 8, 2));
    let redactions = store.redactions(&site(), hours(0, 1)).await.unwrap();
    assert_eq!(redactions, [("nik".to_owned(), 6)]);
    let servers = store.servers(Some(&site())).await.unwrap();
    assert_eq!(servers[0].database_facts, facts("15.18"));
}

/// Everything a page could ask, as text.
async fn answers(store: &Store) -> String {
    let (site, agent, period) = (site(), agent(), hours(-1, 4));
    let series = store.live_series(&site, &agent, period).await.unwrap();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        store.errors(&site, period, 10).await.unwrap(),
        store.queries(&site, period, QueryOrder::Calls, 10).await.unwrap(),
        store.traffic(&site, &agent, period).await.unwrap(),
        store.databases(&site, period).await.unwrap(),
        store.host_hours(&site, &agent, period).await.unwrap(),
        store.observations(&site, period).await.unwrap(),
        series,
    )
}

/// Counts, samples (with a reboot) and observations over three hours.
fn a_morning(contents: &mut Contents) -> Vec<IncomingBatch> {
    let batch = |n: i64, contents: &mut Contents| {
        let mut content = counts(MINUTE + n * 20, n as u64 % 3 + 1);
        let counter = (if n < 5 { n + 1 } else { n - 4 }) as u64 * 6_000;
        content.minutes.extend(sampled(MINUTE + n * 20 + 1, counter, counter).minutes);
        let state = if n % 4 == 3 { State::Down } else { State::Up };
        content.observations = vec![seen(state, n * 20, n * 20 + 20)];
        let text = format!("example {n}");
        content.exemplars = vec![Exemplar { group: 0, at_ms: MS + n, text, error_ids: Vec::new() }];
        contents.batch(n as u64 + 1, content)
    };
    (0..9).map(|n| batch(n, contents)).collect()
}

async fn answers_after(order: &[usize], at_once: usize) -> String {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches = a_morning(&mut contents);
    for part in order.chunks(at_once) {
        let part: Vec<_> = part.iter().map(|n| batches[*n].clone()).collect();
        store.save(&part).await.unwrap();
        contents.fold(&store).await;
    }
    answers(&store).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn the_order_of_folding_does_not_matter(
        order in Just((0..9).collect::<Vec<usize>>()).prop_shuffle(),
        at_once in 1usize..10,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let straight: Vec<usize> = (0..9).collect();
        let (expected, got) = runtime.block_on(async {
            (answers_after(&straight, 9).await, answers_after(&order, at_once).await)
        });
        prop_assert_eq!(got, expected);
    }
}

async fn sources(store: &Store) -> Vec<(String, i64)> {
    let fates = store.fates(&site(), hours(0, 1)).await.unwrap();
    fates.into_iter().map(|fates| (fates.source, fates.read)).collect()
}

async fn wanted(store: &Store) -> Vec<u32> {
    store.wanted(&site(), &agent(), &epoch()).await.unwrap()
}

async fn defined(store: &Store, known: &[(u32, &str)], lost: &[u32]) {
    let known: Vec<_> = known.iter().map(|(id, name)| (*id, name.as_bytes().to_vec())).collect();
    store.define(&site(), &agent(), &epoch(), &known, lost).await.unwrap();
}

#[tokio::test]
async fn an_id_means_in_every_later_batch_what_it_was_defined_as() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches = [contents.naming(1, &[(7, "play")], &[7]), contents.naming(2, &[], &[7])];
    for batch in batches {
        store.save(&[batch]).await.unwrap();
        contents.fold(&store).await;
    }
    assert_eq!(sources(&store).await, [("play".to_owned(), 2)]);
    assert_eq!(wanted(&store).await, Vec::<u32>::new());
}

#[tokio::test]
async fn a_batch_whose_ids_are_not_defined_waits_alone_and_is_folded_when_they_are() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches = [
        contents.naming(5, &[], &[7, 300]),
        contents.naming(6, &[(8, "nginx")], &[8]),
        contents.naming(9, &[(9, "own")], &[7, 9]),
    ];
    store.save(&batches).await.unwrap();
    let report = contents.fold(&store).await;
    assert_eq!((report.batches, report.waiting, report.damaged), (1, 2, 0));
    assert_eq!(sources(&store).await, [("nginx".to_owned(), 1)]);
    assert_eq!(wanted(&store).await, [7, 300]);
    assert_eq!(store.pending().await.unwrap(), [], "a waiting batch is not looked at again");
    assert_eq!(store.waiting_of(&site(), &agent()).await.unwrap(), 2);
    // A bundle brings the older batch that defines one of them.
    let older = contents.naming(4, &[(7, "play")], &[7]);
    store.save(&[older]).await.unwrap();
    contents.fold(&store).await;
    assert_eq!(contents.fold(&store).await.batches, 1);
    assert_eq!(wanted(&store).await, [300]);
    let known = [("nginx".to_owned(), 1), ("own".to_owned(), 1), ("play".to_owned(), 2)];
    assert_eq!(sources(&store).await, known);
    // The agent answers for the other.
    defined(&store, &[(300, "postgres")], &[]).await;
    assert_eq!(contents.fold(&store).await.batches, 1);
    assert_eq!(
        (wanted(&store).await, store.waiting_of(&site(), &agent()).await.unwrap()),
        (vec![], 0)
    );
    assert_eq!(errors_in(&store, hours(0, 1)).await, Some(4));
}

#[tokio::test]
async fn a_definition_that_stands_in_a_later_batch_of_the_same_fold_wakes_the_earlier() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches = [contents.naming(1, &[], &[7]), contents.naming(2, &[(7, "play")], &[7])];
    store.save(&batches).await.unwrap();
    contents.fold(&store).await;
    contents.fold(&store).await;
    assert_eq!(sources(&store).await, [("play".to_owned(), 2)]);
    assert_eq!(
        (wanted(&store).await, store.waiting_of(&site(), &agent()).await.unwrap()),
        (vec![], 0)
    );
}

#[tokio::test]
async fn what_is_counted_under_a_lost_definition_is_kept_and_a_definition_that_turns_up_is_used() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    store.save(&[contents.naming(1, &[], &[7])]).await.unwrap();
    contents.fold(&store).await;
    defined(&store, &[], &[7]).await;
    assert_eq!(contents.fold(&store).await.batches, 1);
    assert_eq!(sources(&store).await, [("lost".to_owned(), 1)]);
    store.save(&[contents.naming(2, &[(7, "play")], &[7])]).await.unwrap();
    assert_eq!(contents.fold(&store).await.damaged, 0);
    assert_eq!(sources(&store).await, [("lost".to_owned(), 1), ("play".to_owned(), 1)]);
    defined(&store, &[], &[7]).await;
    store.save(&[contents.naming(3, &[], &[7])]).await.unwrap();
    contents.fold(&store).await;
    assert_eq!(sources(&store).await, [("lost".to_owned(), 1), ("play".to_owned(), 2)]);
}

#[tokio::test]
async fn the_first_definition_of_an_id_stays_and_a_batch_that_contradicts_it_is_set_aside() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    store.save(&[contents.naming(1, &[(7, "play")], &[7])]).await.unwrap();
    contents.fold(&store).await;
    store.save(&[contents.naming(2, &[(7, "other")], &[7])]).await.unwrap();
    let report = contents.fold(&store).await;
    assert_eq!((report.batches, report.damaged), (0, 1));
    defined(&store, &[(7, "third")], &[]).await;
    store.save(&[contents.naming(3, &[(7, "play")], &[7])]).await.unwrap();
    assert_eq!(contents.fold(&store).await.damaged, 0);
    assert_eq!(sources(&store).await, [("play".to_owned(), 2)]);
}

#[tokio::test]
async fn an_id_of_another_epoch_is_another_id() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let mut other = contents.naming(1, &[], &[7]);
    other.epoch = crate::domain::Epoch([8; 16]);
    store.save(&[contents.naming(1, &[(7, "play")], &[7]), other]).await.unwrap();
    let report = contents.fold(&store).await;
    assert_eq!((report.batches, report.waiting), (1, 1));
    assert_eq!(wanted(&store).await, Vec::<u32>::new());
}

#[tokio::test]
async fn newer_error_ids_without_a_text_join_the_text_that_is_known() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let mut with = |seq, at_ms, text: &str, id: &str| {
        let (text, error_ids) = (text.to_owned(), vec![id.to_owned()]);
        let exemplars = vec![Exemplar { group: 0, at_ms, text, error_ids }];
        contents.batch(seq, BatchContent { exemplars, ..counts(MINUTE, 1) })
    };
    let batches =
        [with(3, MS + 9, "", "new"), with(1, MS, "trace", "old"), with(2, MS + 5, "", "mid")];
    for batch in batches {
        store.save(&[batch]).await.unwrap();
        contents.fold(&store).await;
        let error = store.errors(&site(), hours(0, 1), 1).await.unwrap().remove(0);
        assert_eq!(error.error_ids, ["new"]);
    }
    let error = store.errors(&site(), hours(0, 1), 1).await.unwrap().remove(0);
    assert_eq!(error.exemplar.as_deref(), Some("trace"));
}
