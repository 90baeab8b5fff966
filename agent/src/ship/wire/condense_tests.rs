use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{
        BatchContent, Gap, GapReason, HostSample, LineFates, Minute, Observation, SourcePosition,
        State, Target,
    },
    ship::wire::encode,
    spool::Names,
    window::samples::{error_group, query_group},
};

const FIRST_MINUTE: i64 = 29_921_640;

/// What one minute of a test counts: errors by group, queries by group with their durations.
#[derive(Clone, Debug)]
struct Told {
    errors: BTreeMap<u64, u64>,
    queries: BTreeMap<u64, u64>,
    sketches: BTreeMap<(u64, i64), Vec<u64>>,
}

fn told() -> impl Strategy<Value = Told> {
    let sketches = proptest::collection::btree_map(
        (0..6u64, 0..3i64),
        proptest::collection::vec(0..1_000_000u64, 1..5),
        0..4,
    );
    let counts = || proptest::collection::btree_map(0..6u64, 1..1_000u64, 0..5);
    (counts(), counts(), sketches).prop_map(|(errors, queries, sketches)| Told {
        errors,
        queries,
        sketches,
    })
}

fn content(told: &Told, minute: i64) -> BatchContent {
    let count = |n: &u64| ErrorCount { count: *n, last_ms: minute * MINUTE_MS + 9, estimated: 1 };
    let errors = told.errors.values().enumerate().map(|(at, n)| (at, count(n)));
    let calls = |n: &u64| QueryCount { calls: *n, total_us: n * 350, max_us: n * 10, rows: 0 };
    let queries = told.queries.values().enumerate().map(|(at, n)| (at, calls(n)));
    let sketches = told.sketches.iter().map(|((query, quarter), durations)| {
        let mut sketch = Sketch::default();
        durations.iter().for_each(|us| sketch.add(*us));
        (query_group(*query), *quarter, sketch)
    });
    BatchContent {
        groups: told.errors.keys().map(|n| error_group(*n)).collect(),
        queries: told.queries.keys().map(|n| query_group(*n)).collect(),
        minutes: vec![Minute {
            minute,
            errors: errors.collect(),
            queries: queries.collect(),
            host: Some(HostSample { uptime_s: minute as u32, ..Default::default() }),
            databases: Vec::new(),
        }],
        sketches: sketches.collect(),
        ..BatchContent::default()
    }
}

/// Contents as the spool holds them, a minute each, in one epoch.
fn stored(contents: &[BatchContent], first_minute: i64) -> Vec<Stored> {
    let mut names = Names::default();
    let mut given = 0;
    let batches = contents.iter().zip(first_minute..).zip(1..).map(|((content, minute), seq)| {
        let closed_ms = (minute + 1) * MINUTE_MS;
        let mut payload = encode(content, closed_ms, &mut names).unwrap();
        // The dictionary forgets what is fresh with its record; here there is none.
        let mut data: v1::BatchContent = coding::unpack(&payload.data).unwrap();
        data.definitions.retain(|definition| definition.id > given);
        given = names.fresh().len() as u32;
        payload.data = coding::pack(&data).unwrap();
        Stored {
            seq,
            first_minute: minute,
            last_minute: minute,
            closed_ms,
            data: payload.data,
            exemplars: payload.exemplars,
            exemplars_count: payload.exemplars_count,
            ..Stored::default()
        }
    });
    batches.collect()
}

fn merged(batches: &[Stored]) -> Stored {
    let (first, last) = (batches.first().unwrap(), batches.last().unwrap());
    let payload = condense(batches).unwrap();
    Stored {
        seq: last.seq,
        merged: batches.iter().map(|b| b.merged + 1).sum::<u32>() - 1,
        first_minute: first.first_minute,
        last_minute: last.last_minute,
        closed_ms: last.closed_ms,
        data: payload.data,
        exemplars: payload.exemplars,
        exemplars_count: payload.exemplars_count,
        exemplars_shed: 0,
    }
}

fn read(batch: &Stored) -> v1::BatchContent {
    coding::unpack(&batch.data).unwrap()
}

/// All that is counted, by hour and what it is counted under; and the sketches by quarter.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    errors: BTreeMap<(i64, u64), u64>,
    calls: BTreeMap<(i64, u64), (u64, u64, u64)>,
    sketches: BTreeMap<(i64, u64), Sketch>,
}

fn sums(batches: &[Stored]) -> Sums {
    use v1::definition::Of;
    let (mut sums, mut fingerprints) = (Sums::default(), BTreeMap::new());
    for batch in batches {
        let content = read(batch);
        for definition in &content.definitions {
            match &definition.of {
                Some(Of::Error(group)) => fingerprints.insert(definition.id, group.fingerprint),
                Some(Of::Query(query)) => fingerprints.insert(definition.id, query.fingerprint),
                _ => None,
            };
        }
        let mut at = batch.first_minute;
        for minute in &content.minutes {
            at += i64::from(minute.after);
            assert!((batch.first_minute..=batch.last_minute).contains(&at));
            for (id, count) in minute.errors.iter().flat_map(|c| columns::errors_from(c, at)) {
                *sums.errors.entry((at / 60, fingerprints[&id])).or_default() += count.count;
            }
            for (id, count) in minute.queries.iter().flat_map(columns::queries_from) {
                let sum = sums.calls.entry((at / 60, fingerprints[&id])).or_default();
                *sum = (sum.0 + count.calls, sum.1 + count.total_us, sum.2.max(count.max_us));
            }
        }
        for piece in &content.sketches {
            let mut ids = columns::Ids::default();
            let read = durations::unpack(&piece.sketches, piece.query.len(), &mut 100_000).unwrap();
            for (difference, sketch) in piece.query.iter().zip(&read) {
                let at = (piece.quarter, fingerprints[&ids.read(*difference)]);
                sums.sketches.entry(at).or_default().merge(sketch);
            }
        }
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn merging_keeps_every_sum_of_every_group_hour_and_quarter(
        minutes in proptest::collection::vec(told(), 1..90), cut in 0..90usize, start in 0..60i64,
    ) {
        let first_minute = FIRST_MINUTE + start;
        let contents: Vec<_> = minutes.iter().zip(first_minute..).map(|(t, m)| content(t, m)).collect();
        let batches = stored(&contents, first_minute);
        let once = merged(&batches);
        prop_assert_eq!(sums(std::slice::from_ref(&once)), sums(&batches));
        let hours = read(&once).minutes.len() as i64;
        prop_assert!(hours <= 1 + (start + minutes.len() as i64) / 60);
        let (early, late) = batches.split_at(cut.min(batches.len()));
        let again: Vec<Stored> =
            [early, late].into_iter().filter(|part| !part.is_empty()).map(merged).collect();
        prop_assert_eq!(read(&merged(&again)).minutes.len() as i64, hours);
        prop_assert_eq!(sums(&[merged(&again)]), sums(&batches));
    }

    #[test]
    fn foreign_bytes_are_an_error_and_no_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = condense(&[Stored { data: data.clone(), exemplars: data, ..Stored::default() }]);
    }
}

#[test]
fn what_is_not_a_sum_is_joined_or_the_newest() {
    let second = |n: i64| FIRST_MINUTE * MINUTE_MS + n * 1_000;
    let content = |n: i64| BatchContent {
        groups: vec![error_group(7)],
        exemplars: vec![(0, second(n), format!("occurrence {n}"), vec![format!("@id{n}")])],
        positions: vec![SourcePosition {
            source: "play".to_owned(),
            offset: n as u64,
            last_event_ms: second(n),
            ..Default::default()
        }],
        observations: vec![Observation {
            target: Target::Server,
            state: State::Up,
            from_ms: second(n),
            to_ms: second(n + 10),
            reason: String::new(),
            subject: String::new(),
        }],
        fates: vec![(
            "play".into(),
            LineFates { read: 3, counted: 1, unparsed: 2, ..Default::default() },
        )],
        redactions: vec![("nik", 5)],
        ..BatchContent::default()
    };
    let batches = stored(&[content(10), content(20), content(40)], FIRST_MINUTE);
    let condensed = merged(&batches);
    let read = read(&condensed);
    let position = &read.positions[0];
    let last_event_ms = condensed.closed_ms - position.last_event_ms_ago.unwrap();
    assert_eq!((read.positions.len(), position.offset, last_event_ms), (1, 40, second(40)));
    let seen = read.observations.iter().map(|o| (condensed.closed_ms - o.from_ms_ago, o.length_ms));
    assert_eq!(Vec::from_iter(seen), [(second(10), 20_000), (second(40), 10_000)]);
    assert_eq!((read.fates[0].counted, read.fates[0].unparsed), (3, 6));
    assert_eq!(read.redactions[0].count, 15);
    let ids: BTreeSet<u32> = read.definitions.iter().map(|definition| definition.id).collect();
    assert_eq!(ids.len(), 5);
    let exemplars: v1::Exemplars = coding::unpack(&condensed.exemplars).unwrap();
    assert_eq!(condensed.exemplars_count, 1);
    assert_eq!(exemplars.exemplars[0].text, "occurrence 40");
    assert_eq!(exemplars.exemplars[0].error_ids, ["@id10", "@id20", "@id40"]);
}

#[test]
fn that_minutes_were_given_up_is_declared_once() {
    let gap = Gap {
        source: "play".to_owned(),
        from_ms: 1,
        to_ms: 2,
        reason: GapReason::FileLost,
        detail: String::new(),
        amount: 7,
    };
    let content = BatchContent { gaps: vec![gap], ..BatchContent::default() };
    let batches = stored(&[content.clone(), content.clone(), content], FIRST_MINUTE);
    let again = merged(&[merged(&batches[..2]), batches[2].clone()]);
    let gaps = read(&again).gaps;
    let merged: Vec<_> = gaps.iter().filter(|g| g.reason() == v1::gap::Reason::Merged).collect();
    assert_eq!((gaps.len(), merged.len(), merged[0].amount), (4, 1, 3));
    let from = FIRST_MINUTE * MINUTE_MS;
    assert_eq!((merged[0].from_ms, merged[0].to_ms), (from, from + 3 * MINUTE_MS));
}
