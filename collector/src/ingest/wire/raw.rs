//! First step of reading a batch: bytes to what they say, every bound checked, things still under their
//! ids.

use std::collections::BTreeSet;

use pantau_proto::{
    limits, v1,
    weight::{self, Kind},
};
use pantau_sketch::durations;
use prost::Message;

use super::{
    Malformed,
    bounds::{
        NAME_BYTES_MAX, SENTENCE_BYTES_MAX, WORD_BYTES_MAX, is_minute, lines, quantity, text,
        time_ms,
    },
    columns, define, inflate,
    values::{Running, Values},
};
use crate::domain::{
    batch::{DatabaseFacts, ErrorCount, Frame, Gap, LineFates, QueryCount},
    definition::{Defined, LogPosition},
    period::Period,
};

/// Text of an exemplar, in bytes (the contract's figure).
const EXEMPLAR_BYTES_MAX: usize = 4_000;
/// Play error ids of an exemplar (the contract's figure).
const ERROR_IDS_MAX: usize = 16;
/// Bins of all sketches of one batch: four days of the reference server.
const BINS_MAX: usize = 4_000_000;
/// Minutes of a quarter of an hour.
const QUARTER_MINUTES: i64 = 15;

/// What a batch says, under ids.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    pub definitions: Vec<Defined>,
    pub minutes: Vec<Minute>,
    pub sketches: Vec<Sketch>,
    pub exemplars: Vec<Exemplar>,
    pub positions: Vec<LogPosition>,
    pub gaps: Vec<Gap>,
    /// Each with the id of what was watched.
    pub observations: Vec<(u32, Period)>,
    /// Each with the id of its log's name.
    pub fates: Vec<(u32, LineFates)>,
    pub database_facts: Vec<DatabaseFacts>,
    /// Each with the id of its rule's name.
    pub redactions: Vec<(u32, u64)>,
}

#[derive(Clone, Debug, Default)]
pub struct Minute {
    pub minute: i64,
    pub errors: Vec<(u32, ErrorCount)>,
    pub queries: Vec<(u32, QueryCount)>,
    pub host: Option<Values>,
    pub databases: Vec<Values>,
}

#[derive(Clone, Debug)]
pub struct Sketch {
    pub query: u32,
    pub first_minute: i64,
    pub sketch: durations::Sketch,
}

#[derive(Clone, Debug)]
pub struct Exemplar {
    pub group: u32,
    pub at_ms: i64,
    pub text: String,
    pub error_ids: Vec<String>,
}

impl Raw {
    /// Every id that must be known before the batch can be counted.
    pub fn mentioned(&self) -> BTreeSet<u32> {
        let mut ids = BTreeSet::new();
        for minute in &self.minutes {
            ids.extend(minute.errors.iter().map(|(id, _)| *id));
            ids.extend(minute.queries.iter().map(|(id, _)| *id));
            ids.extend(minute.host.iter().chain(&minute.databases).map(|values| values.layout));
        }
        ids.extend(self.sketches.iter().map(|sketch| sketch.query));
        ids.extend(self.exemplars.iter().map(|exemplar| exemplar.group));
        ids.extend(self.positions.iter().map(|position| position.log));
        ids.extend(self.observations.iter().map(|(id, _)| *id));
        ids.extend(self.fates.iter().map(|(id, _)| *id));
        ids.extend(self.redactions.iter().map(|(id, _)| *id));
        ids
    }
}

/// Reads a frame.
pub fn read(frame: &Frame) -> Result<Raw, Malformed> {
    let bytes = inflate::bytes(frame.codec, &frame.data, limits::CONTENT_BYTES_MAX)?;
    weight::check(&bytes, Kind::Content)?;
    let wire = v1::BatchContent::decode(&*bytes).map_err(|why| Malformed(why.to_string()))?;
    let mut raw = content(wire, frame)?;
    match exemplars(frame) {
        Ok(exemplars) => raw.exemplars = exemplars,
        // Counts are worth more than their examples.
        Err(why) => raw.gaps.push(examples_gap(frame, 0, why.0)),
    }
    if frame.exemplars_shed > 0 {
        raw.gaps.push(examples_gap(frame, frame.exemplars_shed, String::new()));
    }
    Ok(raw)
}

fn content(wire: v1::BatchContent, frame: &Frame) -> Result<Raw, Malformed> {
    Ok(Raw {
        definitions: define::stored(wire.definitions)?,
        minutes: minutes(wire.minutes, frame.first_minute)?,
        sketches: sketches(wire.sketches)?,
        exemplars: Vec::new(),
        positions: positions(wire.positions, frame.closed_ms)?,
        gaps: wire.gaps.into_iter().map(gap).collect(),
        observations: observations(&wire.observations, frame.closed_ms)?,
        fates: each(wire.fates, fates)?,
        database_facts: wire.database_facts.into_iter().map(database_facts).collect(),
        redactions: each(wire.redactions, |wire| {
            Ok((id("redactions.rule", wire.rule)?, quantity(wire.count)))
        })?,
    })
}

fn each<W, T>(
    wire: Vec<W>,
    convert: impl Fn(W) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    wire.into_iter().map(convert).collect()
}

fn id(field: &str, id: u32) -> Result<u32, Malformed> {
    if id > 0 { Ok(id) } else { Err(Malformed(format!("{field} 0: ids begin at 1"))) }
}

fn minutes(wire: Vec<v1::Minute>, first_minute: i64) -> Result<Vec<Minute>, Malformed> {
    let mut running = Running::default();
    let mut at = first_minute;
    let mut minutes = Vec::with_capacity(wire.len());
    for wire in wire {
        at = at.saturating_add(i64::from(wire.after));
        if !is_minute(at) || (wire.after == 0 && !minutes.is_empty()) {
            return Err(Malformed(format!("minute {at}: out of range, or not ascending")));
        }
        minutes.push(minute(wire, at, &mut running)?);
    }
    Ok(minutes)
}

fn minute(wire: v1::Minute, minute: i64, running: &mut Running) -> Result<Minute, Malformed> {
    Ok(Minute {
        minute,
        errors: columns::errors(&wire.errors.unwrap_or_default(), minute)?,
        queries: columns::queries(&wire.queries.unwrap_or_default())?,
        host: wire.host.map(|values| running.next(values)).transpose()?,
        databases: wire
            .databases
            .into_iter()
            .map(|values| running.next(values))
            .collect::<Result<_, _>>()?,
    })
}

fn sketches(wire: Vec<v1::SketchQuarter>) -> Result<Vec<Sketch>, Malformed> {
    let mut bins_left = BINS_MAX;
    let mut sketches = Vec::new();
    for wire in wire {
        let first_minute = wire.quarter.saturating_mul(QUARTER_MINUTES);
        if !is_minute(first_minute) {
            return Err(Malformed(format!("quarter {} is out of range", wire.quarter)));
        }
        let ids = columns::ids("sketches.query", &wire.query)?;
        let unpacked = durations::unpack(&wire.sketches, ids.len(), &mut bins_left)
            .map_err(|why| Malformed(format!("sketches of quarter {}: {why}", wire.quarter)))?;
        let of_quarter = ids.into_iter().zip(unpacked);
        sketches.extend(of_quarter.map(|(query, sketch)| Sketch { query, first_minute, sketch }));
    }
    Ok(sketches)
}

fn exemplars(frame: &Frame) -> Result<Vec<Exemplar>, Malformed> {
    if frame.exemplars.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = inflate::bytes(frame.exemplars_codec, &frame.exemplars, limits::CONTENT_BYTES_MAX)?;
    weight::check(&bytes, Kind::Exemplars)?;
    let wire = v1::Exemplars::decode(&*bytes).map_err(|why| Malformed(why.to_string()))?;
    each(wire.exemplars, exemplar)
}

fn exemplar(wire: v1::Exemplar) -> Result<Exemplar, Malformed> {
    let ids = wire.error_ids.into_iter().take(ERROR_IDS_MAX);
    Ok(Exemplar {
        group: id("exemplar.group", wire.group)?,
        at_ms: time_ms(wire.at_ms),
        text: lines(wire.text, EXEMPLAR_BYTES_MAX),
        error_ids: ids.map(|id| text(id, WORD_BYTES_MAX)).collect(),
    })
}

/// By the day, so that the many batches of a day under pressure are one line.
fn examples_gap(frame: &Frame, amount: u64, detail: String) -> Gap {
    const DAY_MS: i64 = 86_400_000;
    let from_ms = frame.first_minute.saturating_mul(60_000).div_euclid(DAY_MS) * DAY_MS;
    Gap {
        source: "exemplars".to_owned(),
        from_ms,
        to_ms: from_ms.saturating_add(DAY_MS),
        reason: "exemplars_shed".to_owned(),
        detail,
        amount: quantity(amount),
    }
}

/// How far logs were counted when the batch was closed.
pub fn positions(wire: Vec<v1::Position>, closed_ms: i64) -> Result<Vec<LogPosition>, Malformed> {
    each(wire, |wire| {
        Ok(LogPosition {
            log: id("positions.log", wire.log)?,
            offset: wire.offset,
            tail_hash: wire.tail_hash,
            last_event_ms: wire
                .last_event_ms_ago
                .map_or(0, |ago| time_ms(closed_ms.saturating_sub(ago))),
        })
    })
}

fn gap(wire: v1::Gap) -> Gap {
    use v1::gap::Reason;
    let reason = match Reason::try_from(wire.reason).unwrap_or_default() {
        Reason::Unspecified => "unspecified",
        Reason::FileLost => "file_lost",
        Reason::BaselineLost => "baseline_lost",
        Reason::SpoolLost => "spool_lost",
        Reason::GroupsShed => "groups_shed",
        Reason::Merged => "merged",
        Reason::ExemplarsShed => "exemplars_shed",
        Reason::Restored => "restored",
        Reason::LinesCut => "lines_cut",
    };
    let from_ms = time_ms(wire.from_ms);
    Gap {
        source: text(wire.source, NAME_BYTES_MAX),
        from_ms,
        to_ms: time_ms(wire.to_ms).max(from_ms),
        reason: reason.to_owned(),
        detail: text(wire.detail, SENTENCE_BYTES_MAX),
        amount: quantity(wire.amount),
    }
}

/// What was watched for no time at all is left out.
fn observations(wire: &[v1::Observation], closed_ms: i64) -> Result<Vec<(u32, Period)>, Malformed> {
    let mut observations = Vec::with_capacity(wire.len());
    for wire in wire {
        let watched = id("observations.watched", wire.watched)?;
        let from_ms = closed_ms.saturating_sub(wire.from_ms_ago);
        let length_ms = i64::try_from(wire.length_ms).unwrap_or(i64::MAX);
        let to_ms = time_ms(from_ms.saturating_add(length_ms));
        let period = Period { from_ms: time_ms(from_ms), to_ms };
        if period.len_ms() > 0 {
            observations.push((watched, period));
        }
    }
    Ok(observations)
}

/// Lines read are the sum of their fates.
fn fates(wire: v1::LineFates) -> Result<(u32, LineFates), Malformed> {
    let fates = [wire.counted, wire.ignored, wire.before_start, wire.unparsed].map(quantity);
    let [counted, ignored, before_start, unparsed] = fates;
    let lines = LineFates {
        source: String::new(),
        read: fates.iter().sum(),
        counted,
        ignored,
        before_start,
        unparsed,
    };
    Ok((id("fates.source", wire.source)?, lines))
}

fn database_facts(wire: v1::DatabaseFacts) -> DatabaseFacts {
    DatabaseFacts {
        cluster: text(wire.cluster, NAME_BYTES_MAX),
        version: text(wire.version, WORD_BYTES_MAX),
        statements_view: wire.statements_view,
        statements_view_reason: text(wire.statements_view_reason, SENTENCE_BYTES_MAX),
        log_min_duration_ms: wire.log_min_duration_ms,
    }
}
