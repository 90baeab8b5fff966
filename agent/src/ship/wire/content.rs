//! A closed window as it is stored and travels.
//!
//! Whatever comes again is named by an id of the spool's dictionary; what gets its id here is defined
//! here. Texts of single occurrences are a part of their own, which can be shed.

use std::{collections::BTreeMap, io};

use pantau_proto::v1;
use pantau_sketch::durations::{self, SKETCHES_MAX, Sketch};

use super::{
    coding, columns, definition,
    values::{self, Differences},
};
use crate::{
    domain::{
        BatchContent, DatabaseFacts, Gap, GapReason, Minute, Observation, REDACTION_VERSION,
        SourcePosition,
    },
    spool::{Names, Payload},
};

/// Codes what a window holds, closed at `closed_ms`. Ids come from `names`; those that are new there are
/// defined in the payload.
pub fn encode(content: &BatchContent, closed_ms: i64, names: &mut Names) -> io::Result<Payload> {
    let errors: Vec<u32> =
        content.groups.iter().map(|g| definition::id_of(names, definition::error(g))).collect();
    let exemplars = exemplars(content, &errors);
    let message = message(content, closed_ms, &errors, names)?;
    Ok(Payload {
        data: coding::pack(&message)?,
        exemplars_count: exemplars.exemplars.len() as u32,
        exemplars: coding::pack(&exemplars)?,
    })
}

fn message(
    content: &BatchContent,
    closed_ms: i64,
    errors: &[u32],
    names: &mut Names,
) -> io::Result<v1::BatchContent> {
    let minutes = minutes(content, errors, names);
    let sketches = sketches(content, names);
    let positions = content.positions.iter().map(|p| position(p, closed_ms, names)).collect();
    let observations = content.observations.iter().map(|o| observation(o, closed_ms, names));
    let observations = observations.collect();
    let fates = content.fates.iter().filter(|(_, fates)| fates.read > 0).map(|(source, fates)| {
        v1::LineFates {
            source: definition::id_of(names, definition::name(source)),
            counted: fates.counted,
            ignored: fates.ignored,
            before_start: fates.before_start,
            unparsed: fates.unparsed,
        }
    });
    let fates = fates.collect();
    let redactions = content.redactions.iter().filter(|(_, count)| *count > 0);
    let redactions = redactions.map(|(rule, count)| v1::RedactionCount {
        rule: definition::id_of(names, definition::name(rule)),
        count: *count,
    });
    let redactions = redactions.collect();
    let fresh = names.fresh().iter().map(|(id, coded)| definition::with_id(*id, coded));
    Ok(v1::BatchContent {
        definitions: fresh.collect::<io::Result<_>>()?,
        minutes,
        sketches,
        positions,
        gaps: content.gaps.iter().map(gap).collect(),
        observations,
        fates,
        database_facts: content.database_facts.iter().map(database_facts).collect(),
        redaction_version: REDACTION_VERSION,
        redactions,
    })
}

fn minutes(content: &BatchContent, errors: &[u32], names: &mut Names) -> Vec<v1::Minute> {
    let queries: Vec<u32> =
        content.queries.iter().map(|q| definition::id_of(names, definition::query(q))).collect();
    let mut differences = Differences::default();
    let mut before = content.minutes.first().map_or(0, |minute| minute.minute);
    let coded = content.minutes.iter().map(|minute| {
        let after = minute.minute - std::mem::replace(&mut before, minute.minute);
        let host = minute.host.as_ref().map(|host| {
            let layout = definition::id_of(names, definition::host(host));
            differences.make(layout, host.disks.len() as u32, values::of_host(host))
        });
        let databases = minute.databases.iter().map(|sample| {
            let layout = definition::id_of(names, definition::database(sample));
            differences.make(layout, 0, values::of_database(sample))
        });
        v1::Minute {
            // Minutes of one batch ascend, and are no further apart than clocks are wrong.
            after: u32::try_from(after).unwrap_or(0),
            host,
            databases: databases.collect(),
            errors: columns::errors(&by_id(&minute.errors, errors), minute.minute),
            queries: query_columns(minute, &queries),
        }
    });
    coded.collect()
}

fn query_columns(minute: &Minute, queries: &[u32]) -> Option<v1::QueryCounts> {
    columns::queries(&by_id(&minute.queries, queries))
}

/// Counts by id instead of index, ascending.
fn by_id<C: Copy>(counts: &[(usize, C)], ids: &[u32]) -> Vec<(u32, C)> {
    let with_id = counts.iter().filter_map(|(index, count)| Some((*ids.get(*index)?, *count)));
    with_id.collect::<BTreeMap<u32, C>>().into_iter().collect()
}

fn sketches(content: &BatchContent, names: &mut Names) -> Vec<v1::SketchQuarter> {
    let mut quarters = BTreeMap::<i64, BTreeMap<u32, &Sketch>>::new();
    for (query, quarter, sketch) in &content.sketches {
        let id = definition::id_of(names, definition::query(query));
        quarters.entry(*quarter).or_default().insert(id, sketch);
    }
    let all = quarters.iter().flat_map(|(quarter, by_query)| pieces(*quarter, by_query));
    all.collect()
}

/// The sketches of one quarter, in pieces of the size that the contract allows.
pub(super) fn pieces(quarter: i64, sketches: &BTreeMap<u32, &Sketch>) -> Vec<v1::SketchQuarter> {
    let list: Vec<(u32, &Sketch)> = sketches.iter().map(|(id, sketch)| (*id, *sketch)).collect();
    let piece = |piece: &[(u32, &Sketch)]| {
        let mut ids = columns::Ids::default();
        v1::SketchQuarter {
            quarter,
            query: piece.iter().map(|(id, _)| ids.make(*id)).collect(),
            sketches: durations::pack(piece.iter().map(|(_, sketch)| *sketch)),
        }
    };
    list.chunks(SKETCHES_MAX).map(piece).collect()
}

fn exemplars(content: &BatchContent, errors: &[u32]) -> v1::Exemplars {
    let all = content.exemplars.iter().filter_map(|(group, at_ms, text, ids)| {
        Some(v1::Exemplar {
            group: *errors.get(*group)?,
            at_ms: *at_ms,
            text: text.clone(),
            error_ids: ids.clone(),
        })
    });
    v1::Exemplars { exemplars: all.collect() }
}

fn position(position: &SourcePosition, closed_ms: i64, names: &mut Names) -> v1::Position {
    let file = definition::log_file(position);
    let ago = |ms: i64| closed_ms.saturating_sub(ms);
    v1::Position {
        log: definition::id_of(names, v1::definition::Of::Log(file)),
        offset: position.offset,
        tail_hash: position.tail_hash,
        last_event_ms_ago: Some(position.last_event_ms).filter(|ms| *ms > 0).map(ago),
    }
}

fn observation(observation: &Observation, closed_ms: i64, names: &mut Names) -> v1::Observation {
    let length_ms = observation.to_ms.saturating_sub(observation.from_ms);
    v1::Observation {
        watched: definition::id_of(names, definition::watched(observation)),
        from_ms_ago: closed_ms.saturating_sub(observation.from_ms),
        length_ms: u64::try_from(length_ms).unwrap_or(0),
    }
}

fn gap(gap: &Gap) -> v1::Gap {
    use v1::gap::Reason;
    let reason = match gap.reason {
        GapReason::FileLost => Reason::FileLost,
        GapReason::BaselineLost => Reason::BaselineLost,
        GapReason::SpoolLost => Reason::SpoolLost,
        GapReason::GroupsShed => Reason::GroupsShed,
        GapReason::Merged => Reason::Merged,
        GapReason::ExemplarsShed => Reason::ExemplarsShed,
        GapReason::LinesCut => Reason::LinesCut,
        GapReason::Restored => Reason::Restored,
    };
    v1::Gap {
        source: gap.source.clone(),
        from_ms: gap.from_ms,
        to_ms: gap.to_ms,
        reason: reason.into(),
        detail: gap.detail.clone(),
        amount: gap.amount,
    }
}

fn database_facts(facts: &DatabaseFacts) -> v1::DatabaseFacts {
    v1::DatabaseFacts {
        cluster: facts.cluster.clone(),
        version: facts.version.clone(),
        statements_view: facts.statements_view,
        statements_view_reason: facts.statements_view_reason.clone(),
        log_min_duration_ms: facts.log_min_duration_ms,
    }
}
