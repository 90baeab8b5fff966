use super::{
    samples::{error_entry, error_group, query_group, totals},
    *,
};
use pantau_proto::limits::MESSAGE_BYTES_MAX;

use crate::{
    domain::{FileIdentity, GapReason},
    spool::Names,
};

const NOW_MS: i64 = 1_795_300_000_000;

fn window() -> Window {
    let progress =
        |key: &str| SourceProgress { source: key.into(), not_before_ms: None, files: Vec::new() };
    Window::new(vec![progress("play"), progress("postgres")], 15_000)
}

fn place(source: &str, inode: u64) -> SourcePosition {
    SourcePosition {
        source: source.to_owned(),
        path: "/var/log/app.log".to_owned(),
        identity: FileIdentity { inode, ..FileIdentity::default() },
        ..SourcePosition::default()
    }
}

fn query_entry(fingerprint: u64, at_ms: i64, duration_us: u64) -> Entry {
    let event = QueryEvent { group: query_group(fingerprint), duration_us, application: "".into() };
    Entry { event: Some(Event::Query(event)), ..error_entry(0, at_ms, 10) }
}

#[test]
fn an_event_counts_in_its_own_minute_whenever_it_is_read() {
    let mut window = window();
    let long_ago = NOW_MS - 86_400_000;
    window.count(
        &place("play", 1),
        vec![error_entry(7, long_ago, 10), error_entry(7, long_ago + 60_000, 20)],
        NOW_MS,
    );
    let closed = window.content(NOW_MS);
    let minutes: Vec<i64> = closed.content.minutes.iter().map(|m| m.minute).collect();
    assert_eq!(minutes, [long_ago / 60_000, long_ago / 60_000 + 1]);
    assert_eq!((closed.first_minute, closed.last_minute), (minutes[0], minutes[1]));
}

#[test]
fn an_event_without_a_credible_time_counts_now_and_as_estimated() {
    let mut window = window();
    let entry = |at| Entry { at, ..error_entry(7, 0, 10) };
    let absurd = EventTime { ms: NOW_MS + 2 * FUTURE_MS_MAX, estimated: false };
    window.count(&place("play", 1), vec![entry(None), entry(Some(absurd))], NOW_MS);
    let content = window.content(NOW_MS).content;
    let (_, count) = content.minutes[0].errors[0];
    assert_eq!((content.minutes[0].minute, count.count, count.estimated), (NOW_MS / 60_000, 2, 2));
}

#[test]
fn the_position_moves_with_the_counts_and_stays_when_the_window_closes() {
    let mut window = window();
    window.count(&place("play", 1), vec![error_entry(7, NOW_MS, 120)], NOW_MS);
    let told = window.content(NOW_MS).content.positions;
    assert_eq!((told[0].offset, told[0].last_event_ms), (120, NOW_MS));
    window.reset(NOW_MS);
    let closed = window.content(NOW_MS);
    assert!(closed.content.minutes.is_empty());
    assert_eq!(closed.progress[0].files, told);
}

#[test]
fn a_batch_tells_of_each_file_that_was_read_the_last_one_last_and_all_are_remembered() {
    let mut window = window();
    window.note(place("play", 1));
    window.note(place("play", 3));
    window.count(&place("play", 2), vec![error_entry(7, NOW_MS, 30)], NOW_MS);
    let told = |window: &Window| {
        let positions = window.content(NOW_MS).content.positions;
        positions.iter().map(|position| position.identity.inode).collect::<Vec<_>>()
    };
    assert_eq!(told(&window), [1, 3, 2]);
    window.reset(NOW_MS);
    window.count(&place("play", 1), vec![error_entry(7, NOW_MS, 40)], NOW_MS);
    assert_eq!(told(&window), [1], "of files that were not read again nothing is told");
    assert_eq!(window.content(NOW_MS).progress[0].files.len(), 3);
}

#[test]
fn fates_add_up_to_the_lines_read() {
    let mut window = window();
    let fates = [Fate::Counted, Fate::Ignored("checkpoint"), Fate::BeforeStart, Fate::Unparsed];
    let entries = fates.into_iter().zip(1..).map(|(fate, lines)| Entry {
        lines,
        fate,
        event: None,
        ..error_entry(7, NOW_MS, 10)
    });
    window.count(&place("play", 1), entries.collect(), NOW_MS);
    let (source, fates) = window.content(NOW_MS).content.fates.remove(0);
    assert_eq!(&*source, "play");
    assert_eq!(fates, LineFates { read: 10, counted: 1, ignored: 2, before_start: 3, unparsed: 4 });
}

#[test]
fn kinds_beyond_the_limit_are_counted_under_others_and_declared() {
    let mut window = window();
    let kinds = GROUPS_MAX as u64 + 50;
    let entries = (0..kinds).chain(0..kinds).map(|n| error_entry(n, NOW_MS, n)).collect();
    window.count(&place("play", 1), entries, NOW_MS);
    let content = window.content(NOW_MS).content;
    assert_eq!(content.groups.len(), GROUPS_MAX + 1);
    assert_eq!(totals(&content).values().sum::<u64>(), 2 * kinds);
    let others = content.groups.last().unwrap();
    assert_eq!(totals(&content)[&others.fingerprint], 100);
    assert_eq!((content.gaps[0].reason, content.gaps[0].amount), (GapReason::GroupsShed, 100));
}

#[test]
fn queries_beyond_the_limit_keep_their_calls_and_time() {
    let mut window = window();
    let kinds = GROUPS_MAX as u64 + 9;
    let count = QueryCount { calls: 2, total_us: 10, max_us: 6, rows: 1 };
    window.add_queries((0..kinds).map(|n| (query_group(n), count)).collect(), NOW_MS);
    let content = window.content(NOW_MS).content;
    let calls: u64 = content.minutes[0].queries.iter().map(|(_, count)| count.calls).sum();
    assert_eq!((content.queries.len(), calls), (GROUPS_MAX + 1, 2 * kinds));
}

#[test]
fn durations_of_a_quarter_travel_once_when_it_is_over_and_counts_each_time() {
    let mut window = window();
    let quarter_ms = 15 * 60_000;
    let start = NOW_MS - NOW_MS % quarter_ms;
    let mut closed_at = |at_ms: i64| {
        window.count(&place("postgres", 1), vec![query_entry(7, start, 350)], at_ms);
        let content = window.content(at_ms).content;
        window.reset(at_ms);
        let calls: u64 = content.minutes[0].queries.iter().map(|(_, count)| count.calls).sum();
        (calls, content.sketches.iter().map(|(_, _, sketch)| sketch.count()).sum())
    };
    assert_eq!(closed_at(start), (1, 0));
    assert_eq!(closed_at(start + quarter_ms - 1), (1, 0));
    assert_eq!(closed_at(start + quarter_ms), (1, 3));
    assert_eq!(closed_at(start + quarter_ms + 1), (1, 1));
}

#[test]
fn a_restart_goes_on_with_the_open_quarter_and_declares_what_it_cannot_read() {
    let quarter_ms = 15 * 60_000;
    let mut before = window();
    before.count(&place("postgres", 1), vec![query_entry(7, NOW_MS, 350)], NOW_MS);
    let open = before.content(NOW_MS).open;
    let resumed = |open: &[u8]| {
        let mut after = window();
        after.resume(open, &[query_group(7)], NOW_MS);
        after.content(NOW_MS + quarter_ms).content
    };
    assert_eq!(resumed(&open).sketches, before.content(NOW_MS + quarter_ms).content.sketches);
    assert_eq!(resumed(&open).gaps, []);
    assert_eq!(resumed(&open[..open.len() - 1]).gaps[0].reason, GapReason::SpoolLost);
}

#[test]
fn facts_of_a_cluster_travel_when_they_are_news() {
    let mut window = window();
    let facts = |version: &str| DatabaseFacts {
        cluster: "utama".to_owned(),
        version: version.to_owned(),
        ..DatabaseFacts::default()
    };
    let mut told = |version| {
        window.set_facts(facts(version));
        let told = window.content(NOW_MS).content.database_facts;
        window.reset(NOW_MS);
        told.len()
    };
    assert_eq!(["15.18", "15.18", "15.19"].map(&mut told), [1, 0, 1]);
}

#[test]
fn the_newest_occurrence_is_the_exemplar_and_at_most_sixteen_error_ids_go_with_it() {
    let mut window = window();
    let entries = (0..40).map(|n| {
        let event = ErrorEvent {
            group: error_group(7),
            exemplar: format!("occurrence {n}"),
            error_ids: vec![format!("@id{n}")],
            statement: None,
        };
        Entry { event: Some(Event::Error(event)), ..error_entry(7, NOW_MS - n, 10) }
    });
    window.count(&place("play", 1), entries.collect(), NOW_MS);
    let (_, at_ms, text, ids) = window.content(NOW_MS).content.exemplars.remove(0);
    assert_eq!((at_ms, text.as_str(), ids.len()), (NOW_MS, "occurrence 0", 16));
}

#[test]
fn the_text_of_a_group_travels_once_in_six_hours_and_error_ids_each_time() {
    let mut window = window();
    let mut told = |at_ms: i64| {
        window.count(&place("play", 1), vec![error_entry(7, at_ms, 10)], at_ms);
        let (_, _, text, ids) = window.content(at_ms).content.exemplars.remove(0);
        window.reset(at_ms);
        (text.is_empty(), ids.len())
    };
    let later = NOW_MS + EXEMPLAR_EVERY_MS;
    let times = [NOW_MS, NOW_MS + 60_000, later - 1, later, later + 1, later - 60_000];
    let texts = [(false, 1), (true, 1), (true, 1), (false, 1), (true, 1), (false, 1)];
    assert_eq!(times.map(&mut told), texts);
}

#[test]
fn host_samples_of_a_minute_become_means_extremes_and_last_counters() {
    let mut window = window();
    let sample = |cpu, available, received| HostSample {
        cpu_permille: cpu,
        memory_available_bytes: available,
        interfaces: vec![crate::domain::InterfaceSample {
            name: "eth0".to_owned(),
            received_bytes: received,
            received_peak_bytes_per_s: 1_000 - received,
            ..Default::default()
        }],
        ..HostSample::default()
    };
    window.add_host(&sample(100, 50, 10), NOW_MS);
    window.add_host(&sample(500, 20, 20), NOW_MS + 1);
    window.add_host(&sample(300, 90, 30), NOW_MS + 2);
    let host = window.content(NOW_MS).content.minutes[0].host.clone().unwrap();
    assert_eq!((host.cpu_permille, host.cpu_max_permille), (300, 500));
    assert_eq!(host.memory_available_bytes, 20);
    assert_eq!(host.interfaces[0].received_bytes, 30);
    assert_eq!(host.interfaces[0].received_peak_bytes_per_s, 990);
}

#[test]
fn a_window_that_cannot_close_counts_samples_by_the_hour_and_loses_none() {
    let mut window = window();
    let count = QueryCount { calls: 1, ..QueryCount::default() };
    let queries: Vec<_> = (0..1_000).map(|n| (query_group(n), count)).collect();
    for minute in 0..200 {
        window.add_queries(queries.clone(), NOW_MS + minute * 60_000);
    }
    let content = window.content(NOW_MS).content;
    let counts: Vec<u64> =
        content.minutes.iter().flat_map(|m| &m.queries).map(|(_, count)| count.calls).collect();
    assert!(window.is_full());
    assert!(counts.len() <= COUNTS_MAX + 5 * 1_000);
    assert_eq!(counts.iter().sum::<u64>(), 200 * 1_000);
}

#[test]
fn a_window_that_cannot_close_for_a_month_still_fits_one_message() {
    let mut window = window();
    let count = QueryCount { calls: 9, total_us: 90_000, max_us: 0, rows: 9 };
    let queries: Vec<_> = (0..GROUPS_MAX as u64).map(|n| (query_group(n), count)).collect();
    let databases: Vec<_> = (0..20)
        .map(|n| DatabaseSample {
            database: format!("db{n}"),
            commits: 1 << 30,
            ..Default::default()
        })
        .collect();
    let hours = 30 * 24;
    for n in 0..hours {
        let at_ms = NOW_MS + n * 3_600_000;
        window.add_queries(queries.clone(), at_ms);
        window.add_databases(databases.clone(), at_ms);
    }
    let content = window.content(NOW_MS).content;
    let counts = content.minutes.iter().flat_map(|m| &m.queries);
    let calls: u64 = counts.map(|(_, count)| count.calls).sum();
    assert_eq!(calls, 9 * GROUPS_MAX as u64 * hours as u64);
    let payload = crate::ship::encode(&content, NOW_MS, &mut Names::default()).unwrap();
    assert!(payload.data.len() + payload.exemplars.len() < MESSAGE_BYTES_MAX);
    assert!(
        content.minutes.iter().map(|m| m.queries.len()).sum::<usize>() < 2 * COUNTS_BY_HOUR_MAX
    );
}

#[test]
fn many_databases_fill_a_window_as_many_queries_do() {
    let mut window = window();
    let databases: Vec<_> = (0..200)
        .map(|n| DatabaseSample { database: format!("db{n}"), ..Default::default() })
        .collect();
    (0..100).for_each(|n| window.add_databases(databases.clone(), NOW_MS + n * 60_000));
    assert!(window.is_full());
}

#[test]
fn gaps_beyond_their_limit_are_added_to_the_last() {
    let mut window = window();
    for n in 0..GAPS_MAX as i64 + 10 {
        window.add_gap(Gap {
            source: "play".to_owned(),
            from_ms: n,
            to_ms: n + 1,
            reason: GapReason::FileLost,
            detail: String::new(),
            amount: 1,
        });
    }
    let gaps = window.content(NOW_MS).content.gaps;
    assert_eq!(gaps.len(), GAPS_MAX);
    assert_eq!(gaps.iter().map(|gap| gap.amount).sum::<u64>(), GAPS_MAX as u64 + 10);
    assert_eq!(gaps[GAPS_MAX - 1].to_ms, GAPS_MAX as i64 + 10);
}
