//! Content of some batches of one server, sorted by the hour it belongs to. Pure: no SQL here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{
        availability::Observation,
        batch::{
            BatchContent, DatabaseFacts, ErrorGroup, Exemplar, Gap, LineFates, Minute, QueryGroup,
        },
    },
    store::{
        block::{
            minutes::{ByMinute, Occurrences},
            queries::{Calls, Queries, QueryHour, QueryKey},
            samples::Samples,
        },
        calendar::{Calendar, HOUR_MS, MINUTE_MS, hour_and_minute},
        positions::{Bearer, Newest},
        value::{clean, plus, quantity},
    },
};

use super::Head;

/// Most hours that one batch may speak of: more than a year. An agent's spool holds 30 days.
const HOURS_PER_BATCH_MAX: usize = 10_000;
/// Most days that one observation marks as changed.
const DAYS_PER_OBSERVATION_MAX: i64 = 400;

/// Most error ids kept with an example, as in the contract.
const ERROR_IDS_MAX: usize = 16;

/// One error in one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorHour {
    /// Latest occurrence.
    pub(super) last_ms: i64,
    pub(super) minutes: ByMinute,
}

/// One hour of a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Hour {
    /// By fingerprint.
    pub(super) errors: BTreeMap<i64, ErrorHour>,
    pub(super) queries: Queries,
    pub(super) samples: Samples,
}

/// What is kept of one error for reading. Each part is the newest, of two of one time the greater, so
/// that the order of folding does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Example {
    /// Time and text of an occurrence; none when only error ids came.
    pub(super) text: (i64, String),
    /// Time and error ids, as a JSON list.
    pub(super) error_ids: (i64, String),
}

impl Example {
    fn merge(&mut self, exemplar: Exemplar) {
        if !exemplar.text.is_empty()
            && (exemplar.at_ms, &exemplar.text) > (self.text.0, &self.text.1)
        {
            self.text = (exemplar.at_ms, exemplar.text);
        }
        let ids: Vec<&String> = exemplar.error_ids.iter().take(ERROR_IDS_MAX).collect();
        // A list of texts is always JSON.
        let ids = (exemplar.at_ms, serde_json::to_string(&ids).unwrap_or_default());
        self.error_ids = ids.max(std::mem::take(&mut self.error_ids));
    }
}

/// What a gap is told apart by: source, beginning, end, reason.
pub(super) type GapKey = (String, i64, i64, String);

/// Everything that was gathered.
#[derive(Default)]
pub(super) struct Gathered {
    /// By fingerprint.
    pub(super) groups: BTreeMap<i64, ErrorGroup>,
    /// By fingerprint.
    pub(super) queries: BTreeMap<i64, QueryGroup>,
    pub(super) hours: BTreeMap<i64, Hour>,
    /// Newest of each fingerprint.
    pub(super) exemplars: BTreeMap<i64, Example>,
    pub(super) positions: Newest,
    /// Detail and amount.
    pub(super) gaps: BTreeMap<GapKey, (String, i64)>,
    pub(super) observations: Vec<Observation>,
    /// With the time of the batch that brought them.
    pub(super) fates: Vec<(i64, LineFates)>,
    /// Replacements by rule, with the time of the batch that brought them.
    pub(super) redactions: Vec<(i64, String, i64)>,
    /// By cluster, with the minute of the batch that brought them.
    pub(super) facts: BTreeMap<String, (i64, DatabaseFacts)>,
}

/// Whether a batch can be counted whole: every count names a group that the batch defines, and it
/// speaks of no more hours than an agent ever sends.
pub(super) fn checked(content: BatchContent) -> Result<BatchContent, String> {
    let hours: BTreeSet<i64> =
        content.minutes.iter().map(|minute| hour_and_minute(minute.minute).0).collect();
    if hours.len() > HOURS_PER_BATCH_MAX {
        return Err(format!(
            "it speaks of {} hours; {HOURS_PER_BATCH_MAX} are the most",
            hours.len()
        ));
    }
    let errors = content.minutes.iter().flat_map(|m| m.errors.iter().map(|(group, _)| *group));
    let errors = errors.chain(content.exemplars.iter().map(|exemplar| exemplar.group));
    if let Some(group) = errors.max().filter(|group| *group >= content.groups.len()) {
        return Err(format!("it counts error group {group}, which it does not define"));
    }
    let queries = content.minutes.iter().flat_map(|m| m.queries.iter().map(|(query, _)| *query));
    let queries = queries.chain(content.sketches.iter().map(|sketch| sketch.query));
    if let Some(query) = queries.max().filter(|query| *query >= content.queries.len()) {
        return Err(format!("it counts query {query}, which it does not define"));
    }
    Ok(content)
}

impl Gathered {
    /// Adds a batch that was [`checked`].
    pub(super) fn absorb(&mut self, head: &Head, content: BatchContent) {
        let keys: Vec<QueryKey> = content.queries.iter().map(key_of).collect();
        for minute in &content.minutes {
            self.absorb_minute(&content.groups, &keys, minute);
        }
        for sketch in &content.sketches {
            let Some(key) = keys.get(sketch.query) else { continue };
            let (hour, _) = hour_and_minute(sketch.first_minute);
            self.query(hour, key).sketch.merge(&sketch.sketch);
        }
        for exemplar in content.exemplars {
            let Some(group) = content.groups.get(exemplar.group) else { continue };
            self.exemplars.entry(group.fingerprint).or_default().merge(exemplar);
        }
        for group in content.groups {
            self.groups.entry(group.fingerprint).or_insert(group);
        }
        for query in content.queries {
            self.queries.entry(query.fingerprint).or_insert(query);
        }
        for (place, position) in (0..).zip(content.positions) {
            let bearer = Bearer { seq: head.seq, place, closed_ms: head.closed_ms };
            self.positions.keep(bearer, position);
        }
        content.gaps.into_iter().for_each(|gap| self.absorb_gap(gap));
        self.observations.extend(content.observations);
        self.fates.extend(content.fates.into_iter().map(|fates| (head.at_ms(), fates)));
        let redactions = content.redactions.into_iter();
        self.redactions
            .extend(redactions.map(|(rule, count)| (head.at_ms(), rule, quantity(count))));
        for facts in content.database_facts {
            let newest = self.facts.entry(facts.cluster.clone()).or_default();
            if head.last_minute >= newest.0 {
                *newest = (head.last_minute, facts);
            }
        }
    }

    fn absorb_minute(&mut self, groups: &[ErrorGroup], keys: &[QueryKey], minute: &Minute) {
        let (hour, of_hour) = hour_and_minute(minute.minute);
        let content = self.hours.entry(hour).or_default();
        for (group, count) in &minute.errors {
            let Some(group) = groups.get(*group) else { continue };
            let error = content.errors.entry(group.fingerprint).or_default();
            error.last_ms = error.last_ms.max(count.last_ms);
            error.minutes.entry(of_hour).or_default().add(Occurrences {
                count: quantity(count.count),
                estimated: quantity(count.estimated),
            });
        }
        if let Some(host) = &minute.host {
            content.samples.add_host(of_hour, host);
        }
        for database in &minute.databases {
            content.samples.add_database(of_hour, database);
        }
        for (query, count) in &minute.queries {
            let Some(key) = keys.get(*query) else { continue };
            let of_query = self.query(hour, key);
            of_query.max_us = of_query.max_us.max(quantity(count.max_us));
            of_query.minutes.entry(of_hour).or_default().add(Calls {
                calls: quantity(count.calls),
                total_us: quantity(count.total_us),
                rows: quantity(count.rows),
            });
        }
    }

    /// Adds a loss.
    pub(super) fn absorb_gap(&mut self, gap: Gap) {
        let key = (gap.source, gap.from_ms, gap.to_ms, gap.reason);
        let declared = self.gaps.entry(key).or_insert((gap.detail, 0));
        declared.1 = plus(declared.1, quantity(gap.amount));
    }

    fn query(&mut self, hour: i64, key: &QueryKey) -> &mut QueryHour {
        self.hours.entry(hour).or_default().queries.entry(key.clone()).or_default()
    }

    /// The site's days that this changes.
    pub(super) fn days(&self, calendar: &Calendar) -> BTreeSet<i64> {
        let spans = self.observations.iter().map(|o| (o.period.from_ms, o.period.to_ms));
        let spans = spans.chain(self.gaps.keys().map(|(_, from_ms, to_ms, _)| (*from_ms, *to_ms)));
        let of_spans =
            spans.filter(|(from_ms, to_ms)| from_ms < to_ms).flat_map(|(from_ms, to_ms)| {
                let last = calendar.day_of(to_ms.saturating_sub(1));
                let first = calendar.day_of(from_ms).max(last - DAYS_PER_OBSERVATION_MAX);
                first..=last
            });
        let of_hours = self.hours.keys().map(|hour| calendar.day_of(hour.saturating_mul(HOUR_MS)));
        let of_fates = self.fates.iter().map(|(at_ms, _)| calendar.day_of(*at_ms));
        of_spans.chain(of_hours).chain(of_fates).collect()
    }
}

impl Head {
    /// The time that speaks for the whole batch: its last minute, or when it came if it holds none.
    fn at_ms(&self) -> i64 {
        if self.last_minute > 0 {
            self.last_minute.saturating_mul(MINUTE_MS)
        } else {
            self.received_ms
        }
    }
}

fn key_of(query: &QueryGroup) -> QueryKey {
    QueryKey {
        fingerprint: query.fingerprint,
        source: query.source,
        database: clean(&query.database).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::batch::ErrorCount;

    use super::*;

    #[test]
    fn a_batch_that_counts_what_it_does_not_define_is_refused_whole() {
        let errors = vec![(0, ErrorCount { count: 1, ..ErrorCount::default() })];
        let minutes = vec![Minute { minute: 7, errors, ..Minute::default() }];
        let content = BatchContent { minutes, ..BatchContent::default() };
        assert!(checked(content).unwrap_err().contains("error group 0"));
    }

    #[test]
    fn a_batch_that_speaks_of_too_many_hours_is_refused_whole() {
        let minutes = (0..=HOURS_PER_BATCH_MAX as i64)
            .map(|hour| Minute { minute: hour * 60, ..Minute::default() })
            .collect();
        let content = BatchContent { minutes, ..BatchContent::default() };
        assert!(checked(content).unwrap_err().contains("hours"));
    }
}
