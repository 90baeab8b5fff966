//! Merges batches of minutes into one of hours: what a spool under pressure gives up is resolution,
//! never counts.
//!
//! Ids stay what they are, so nothing but the batches themselves is needed. An hour is named by its
//! first minute, or by the batches' first minute where they begin within it. Of a host or database there
//! is one row an hour; one that was merged before counts as one minute in a mean. Times that a batch
//! gives as distance to its closing are given to the closing of the newest batch.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
};

use pantau_proto::v1;
use pantau_sketch::durations::{self, Sketch};

use super::{
    coding, columns,
    content::pieces,
    values::{Absolute, Differences, Merged},
};
use crate::{
    domain::{ErrorCount, QueryCount},
    spool::{Payload, Stored},
};

/// Bins of all sketches of one batch: damage cannot make more.
const BINS_MAX: usize = 8_000_000;
/// Gaps told one by one in one batch; further ones are added to the last.
const GAPS_MAX: usize = 200;
/// Error ids kept with one exemplar (see the `.proto`).
const ERROR_IDS_MAX: usize = 16;
const MINUTE_MS: i64 = 60_000;

/// Merges batches, oldest first. See the module.
///
/// Errors: a batch cannot be read; nothing is merged then.
pub fn condense(batches: &[Stored]) -> io::Result<Payload> {
    let Some((first, newest)) = batches.first().zip(batches.last()) else {
        return Ok(Payload::default());
    };
    let first_minute = batches.iter().map(|b| b.first_minute).min().unwrap_or(first.first_minute);
    let mut merging = Merging::new(first_minute);
    batches.iter().try_for_each(|batch| merging.add(batch))?;
    let exemplars = v1::Exemplars { exemplars: merging.exemplars.values().cloned().collect() };
    merging.declare(batches);
    Ok(Payload {
        exemplars_count: exemplars.exemplars.len() as u32,
        exemplars: coding::pack(&exemplars)?,
        data: coding::pack(&merging.close(newest.closed_ms))?,
    })
}

#[derive(Default)]
struct Hour {
    errors: BTreeMap<u32, ErrorCount>,
    queries: BTreeMap<u32, QueryCount>,
    host: Option<Merged>,
    databases: BTreeMap<u32, Merged>,
}

/// An interval of one watched state, in absolute time.
struct Seen {
    watched: u32,
    from_ms: i64,
    to_ms: i64,
}

#[derive(Default)]
struct Merging {
    first_minute: i64,
    definitions: BTreeMap<u32, v1::Definition>,
    hours: BTreeMap<i64, Hour>,
    sketches: BTreeMap<i64, BTreeMap<u32, Sketch>>,
    bins_left: usize,
    /// In the order of reading; the time of the newest event is absolute.
    positions: Vec<(v1::Position, Option<i64>)>,
    gaps: Vec<v1::Gap>,
    seen: Vec<Seen>,
    fates: BTreeMap<u32, v1::LineFates>,
    facts: BTreeMap<String, v1::DatabaseFacts>,
    redaction_version: u32,
    redactions: BTreeMap<u32, u64>,
    exemplars: BTreeMap<u32, v1::Exemplar>,
}

impl Merging {
    fn new(first_minute: i64) -> Merging {
        Merging { first_minute, bins_left: BINS_MAX, ..Merging::default() }
    }

    fn add(&mut self, batch: &Stored) -> io::Result<()> {
        let content: v1::BatchContent = coding::unpack(&batch.data)?;
        self.minutes(content.minutes, batch.first_minute);
        self.sketches(content.sketches)?;
        content.positions.into_iter().for_each(|p| self.position(p, batch.closed_ms));
        content.gaps.into_iter().for_each(|gap| self.gap(gap));
        content.observations.iter().for_each(|o| self.observation(o, batch.closed_ms));
        content.fates.iter().for_each(|fates| self.line_fates(fates));
        let facts = content.database_facts.into_iter().map(|facts| (facts.cluster.clone(), facts));
        self.facts.extend(facts);
        self.redaction_version = self.redaction_version.max(content.redaction_version);
        for redaction in content.redactions {
            let sum = self.redactions.entry(redaction.rule).or_default();
            *sum = sum.saturating_add(redaction.count);
        }
        let definitions = content.definitions.into_iter();
        self.definitions.extend(definitions.map(|definition| (definition.id, definition)));
        let exemplars: v1::Exemplars = coding::unpack(&batch.exemplars)?;
        exemplars.exemplars.into_iter().for_each(|exemplar| self.exemplar(exemplar));
        Ok(())
    }

    fn minutes(&mut self, minutes: Vec<v1::Minute>, first_minute: i64) {
        let mut differences = Differences::default();
        let mut at = first_minute;
        for minute in minutes {
            at = at.saturating_add(i64::from(minute.after));
            let hour = self.hours.entry(at.div_euclid(60)).or_default();
            for (id, count) in minute.errors.iter().flat_map(|c| columns::errors_from(c, at)) {
                hour.error(id, count);
            }
            for (id, count) in minute.queries.iter().flat_map(columns::queries_from) {
                hour.query(id, count);
            }
            if let Some(values) = minute.host {
                hour.host(differences.read(values));
            }
            for values in minute.databases {
                hour.database(differences.read(values));
            }
        }
    }

    fn sketches(&mut self, pieces: Vec<v1::SketchQuarter>) -> io::Result<()> {
        for piece in pieces {
            let read = durations::unpack(&piece.sketches, piece.query.len(), &mut self.bins_left);
            let read = read.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let quarter = self.sketches.entry(piece.quarter).or_default();
            let mut ids = columns::Ids::default();
            for (difference, sketch) in piece.query.iter().zip(read) {
                quarter.entry(ids.read(*difference)).or_default().merge(&sketch);
            }
        }
        Ok(())
    }

    /// Keeps the newest of each file; the file read last stays last.
    fn position(&mut self, position: v1::Position, closed_ms: i64) {
        let last_event_ms = position.last_event_ms_ago.map(|ago| closed_ms.saturating_sub(ago));
        self.positions.retain(|(known, _)| known.log != position.log);
        self.positions.push((position, last_event_ms));
    }

    fn gap(&mut self, gap: v1::Gap) {
        let full = self.gaps.len() >= GAPS_MAX;
        let is_merged = |g: &v1::Gap| g.reason() == v1::gap::Reason::Merged;
        let alike = self.gaps.iter().position(|known| is_merged(known) && is_merged(&gap));
        let into = alike.or(full.then_some(GAPS_MAX - 1)).and_then(|at| self.gaps.get_mut(at));
        match into {
            Some(known) => {
                known.from_ms = known.from_ms.min(gap.from_ms);
                known.to_ms = known.to_ms.max(gap.to_ms);
                known.amount = known.amount.saturating_add(gap.amount);
            }
            None => self.gaps.push(gap),
        }
    }

    /// Says that minutes were given up; the amount is the batches merged.
    fn declare(&mut self, batches: &[Stored]) {
        let last_minute = batches.iter().map(|b| b.last_minute).max().unwrap_or(self.first_minute);
        let is_minutes = |batch: &&Stored| batch.merged == 0;
        self.gap(v1::Gap {
            source: "spool".to_owned(),
            from_ms: self.first_minute.saturating_mul(MINUTE_MS),
            to_ms: last_minute.saturating_add(1).saturating_mul(MINUTE_MS),
            reason: v1::gap::Reason::Merged.into(),
            detail: "minutes were merged to hours: the spool ran short of room".to_owned(),
            amount: batches.iter().filter(is_minutes).count() as u64,
        });
    }

    /// Joins what one batch saw with what the batch before saw of the same, where nothing lies between.
    fn observation(&mut self, observation: &v1::Observation, closed_ms: i64) {
        let from_ms = closed_ms.saturating_sub(observation.from_ms_ago);
        let length_ms = i64::try_from(observation.length_ms).unwrap_or(i64::MAX);
        let (watched, to_ms) = (observation.watched, from_ms.saturating_add(length_ms));
        let mut known = self.seen.iter_mut().rev();
        match known.find(|seen| seen.watched == watched && seen.to_ms == from_ms) {
            Some(before) => before.to_ms = to_ms,
            None => self.seen.push(Seen { watched, from_ms, to_ms }),
        }
    }

    fn line_fates(&mut self, fates: &v1::LineFates) {
        let empty = v1::LineFates { source: fates.source, ..Default::default() };
        let sum = self.fates.entry(fates.source).or_insert(empty);
        sum.counted = sum.counted.saturating_add(fates.counted);
        sum.ignored = sum.ignored.saturating_add(fates.ignored);
        sum.before_start = sum.before_start.saturating_add(fates.before_start);
        sum.unparsed = sum.unparsed.saturating_add(fates.unparsed);
    }

    /// Keeps the newest text and the newest error ids.
    fn exemplar(&mut self, exemplar: v1::Exemplar) {
        let Some(known) = self.exemplars.get_mut(&exemplar.group) else {
            self.exemplars.insert(exemplar.group, exemplar);
            return;
        };
        if !exemplar.text.is_empty() && (known.text.is_empty() || exemplar.at_ms >= known.at_ms) {
            (known.at_ms, known.text) = (exemplar.at_ms, exemplar.text);
        }
        let mut ids: VecDeque<String> = std::mem::take(&mut known.error_ids).into();
        ids.retain(|id| !exemplar.error_ids.contains(id));
        ids.extend(exemplar.error_ids);
        let surplus = ids.len().saturating_sub(ERROR_IDS_MAX);
        known.error_ids = ids.into_iter().skip(surplus).collect();
    }

    fn close(self, closed_ms: i64) -> v1::BatchContent {
        let sketches = self.sketches.iter().flat_map(|(quarter, by_query)| {
            pieces(*quarter, &by_query.iter().map(|(id, sketch)| (*id, sketch)).collect())
        });
        let sketches = sketches.collect();
        let ago = |ms: i64| closed_ms.saturating_sub(ms);
        let positions = self.positions.into_iter().map(|(position, last_event_ms)| v1::Position {
            last_event_ms_ago: last_event_ms.map(ago),
            ..position
        });
        let observations = self.seen.iter().map(|seen| v1::Observation {
            watched: seen.watched,
            from_ms_ago: ago(seen.from_ms),
            length_ms: u64::try_from(seen.to_ms.saturating_sub(seen.from_ms)).unwrap_or(0),
        });
        let redactions = self
            .redactions
            .iter()
            .map(|(rule, count)| v1::RedactionCount { rule: *rule, count: *count });
        v1::BatchContent {
            definitions: self.definitions.into_values().collect(),
            minutes: close_hours(self.hours, self.first_minute),
            sketches,
            positions: positions.collect(),
            gaps: self.gaps,
            observations: observations.collect(),
            fates: self.fates.into_values().collect(),
            database_facts: self.facts.into_values().collect(),
            redaction_version: self.redaction_version,
            redactions: redactions.collect(),
        }
    }
}

impl Hour {
    fn error(&mut self, id: u32, count: ErrorCount) {
        let sum = self.errors.entry(id).or_default();
        sum.count = sum.count.saturating_add(count.count);
        sum.last_ms = sum.last_ms.max(count.last_ms);
        sum.estimated = sum.estimated.saturating_add(count.estimated);
    }

    fn query(&mut self, id: u32, count: QueryCount) {
        let sum = self.queries.entry(id).or_default();
        sum.calls = sum.calls.saturating_add(count.calls);
        sum.total_us = sum.total_us.saturating_add(count.total_us);
        sum.max_us = sum.max_us.max(count.max_us);
        sum.rows = sum.rows.saturating_add(count.rows);
    }

    fn host(&mut self, values: Absolute) {
        match &mut self.host {
            Some(merged) => merged.add(values),
            None => self.host = Some(Merged::host(values)),
        }
    }

    fn database(&mut self, values: Absolute) {
        match self.databases.get_mut(&values.layout) {
            Some(merged) => merged.add(values),
            None => {
                self.databases.insert(values.layout, Merged::database(values));
            }
        }
    }
}

fn close_hours(hours: BTreeMap<i64, Hour>, first_minute: i64) -> Vec<v1::Minute> {
    let mut differences = Differences::default();
    let mut before = first_minute;
    let minutes = hours.into_iter().map(|(hour, counts)| {
        let minute = hour.saturating_mul(60).max(first_minute);
        let after = minute - std::mem::replace(&mut before, minute);
        let mut coded =
            |absolute: Absolute| differences.make(absolute.layout, absolute.disks, absolute.values);
        v1::Minute {
            after: u32::try_from(after).unwrap_or(0),
            host: counts.host.map(|merged| coded(merged.close())),
            databases: counts.databases.into_values().map(|m| coded(m.close())).collect(),
            errors: columns::errors(&Vec::from_iter(counts.errors), minute),
            queries: columns::queries(&Vec::from_iter(counts.queries)),
        }
    });
    minutes.collect()
}

#[cfg(test)]
#[path = "condense_tests.rs"]
mod tests;
