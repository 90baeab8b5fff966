//! What a stretch of logs says in all: counts by kind, hour and rule, mergeable in the order of the
//! stretches. Memory is bounded whatever the logs hold.

mod heavy;
mod tallies;

use std::{collections::BTreeMap, sync::Arc};

pub use heavy::{Heavy, Kept, Tally};
pub use tallies::{
    ActivityTally, ErrorSort, ErrorTally, Failures, Hour, Lines, QueryTally, RouteTally, Statuses,
    StepTally,
};

use crate::entry::{
    ActivityKind, Entry, ErrorEvent, Event, EventTime, Fate, QueryEvent, RequestEvent,
};

/// Kinds of error, query and route told apart, of each ranking.
pub const KINDS_MAX: usize = 1_000;
/// Relations and kinds of locks told apart.
const SUBJECTS_MAX: usize = 500;
/// SQLSTATEs told apart (PostgreSQL has some 260), each with severity and class; what comes beyond is counted
/// without.
const SORTS_MAX: usize = 2_000;
/// Rules and steps told apart.
const NAMES_MAX: usize = 500;
/// Hours told apart, a leap year; further ones are counted in the last.
const HOURS_MAX: usize = 8_784;
const HOUR_MS: i64 = 3_600_000;

/// From when, and before when, events are counted: UTC milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Included.
    pub from_ms: Option<i64>,
    /// Excluded.
    pub to_ms: Option<i64>,
}

impl Period {
    /// Whether a moment lies in it. What bears no time lies in an open period only.
    pub fn has(&self, at: Option<EventTime>) -> bool {
        match at {
            Some(at) => {
                self.from_ms.is_none_or(|from| at.ms >= from)
                    && self.to_ms.is_none_or(|to| at.ms < to)
            }
            None => self.from_ms.is_none() && self.to_ms.is_none(),
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Summary {
    period: Period,
    /// Lines by what became of them.
    pub lines: Lines,
    /// First and last moment of what was counted, UTC milliseconds.
    pub span: Option<(i64, i64)>,
    /// Events whose time was taken from their neighbours or the file.
    pub estimated: u64,
    /// Errors by kind.
    pub errors: Heavy<ErrorTally>,
    /// Errors by what is told apart of each; exact whatever comes.
    pub error_sorts: BTreeMap<ErrorSort, u64>,
    /// Queries by kind.
    pub queries: Heavy<QueryTally>,
    /// Failures by the statement (fingerprint of the query) that failed.
    pub failed_statements: Heavy<Failures>,
    /// Requests by kind.
    pub routes: Heavy<RouteTally>,
    /// Requests by business step; the empty one is of those that fit none.
    pub steps: BTreeMap<Arc<str>, StepTally>,
    /// What the database did besides statements.
    pub activity: BTreeMap<(ActivityKind, Arc<str>), ActivityTally>,
    /// By hour since 1970.
    pub hours: BTreeMap<i64, Hour>,
    /// Replacements made, by rule.
    pub redactions: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// Of nothing yet.
    pub fn new(period: Period) -> Summary {
        Summary {
            period,
            lines: Lines::default(),
            span: None,
            estimated: 0,
            errors: Heavy::new(KINDS_MAX),
            error_sorts: BTreeMap::new(),
            queries: Heavy::new(KINDS_MAX),
            failed_statements: Heavy::new(KINDS_MAX),
            routes: Heavy::new(KINDS_MAX),
            steps: BTreeMap::new(),
            activity: BTreeMap::new(),
            hours: BTreeMap::new(),
            redactions: BTreeMap::new(),
        }
    }

    /// Counts an entry.
    pub fn add(&mut self, entry: Entry) {
        let Entry { lines, at, fate, event, .. } = entry;
        let Some(event) = event else { return self.lines.add(fate, lines) };
        if !self.period.has(at) {
            return self.lines.outside += lines;
        }
        self.lines.add(Fate::Counted, lines);
        let ms = self.note_time(at);
        match event {
            Event::Error(error) => self.error(error, ms),
            Event::Query(query) => self.query(&query, ms),
            Event::Activity(activity) => {
                let key = (activity.kind, activity.subject);
                let others =
                    self.activity.len() >= SUBJECTS_MAX && !self.activity.contains_key(&key);
                let key = if others { (key.0, Arc::from("")) } else { key };
                self.activity.entry(key).or_default().add(activity.amount);
            }
            Event::Request(request) => self.request(&request, ms),
        }
    }

    /// Adds replacements made by redaction rules.
    pub fn add_redactions(&mut self, redactions: Vec<(&'static str, u64)>) {
        for (rule, count) in redactions {
            *self.redactions.entry(rule).or_default() += count;
        }
    }

    /// Adds what was counted of a later stretch.
    pub fn merge(&mut self, later: Summary) {
        self.lines.merge(&later.lines);
        self.span = match (self.span, later.span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.estimated += later.estimated;
        self.errors.merge(later.errors);
        for (sort, count) in later.error_sorts {
            *self.sort(sort) += count;
        }
        self.queries.merge(later.queries);
        self.failed_statements.merge(later.failed_statements);
        self.routes.merge(later.routes);
        for (step, tally) in later.steps {
            self.steps.entry(step).or_default().merge(&tally);
        }
        for (key, tally) in later.activity {
            self.activity.entry(key).or_default().merge(&tally);
        }
        for (hour, tally) in later.hours {
            self.hours.entry(hour).or_default().merge(&tally);
        }
        self.add_redactions(later.redactions.into_iter().collect());
    }

    fn note_time(&mut self, at: Option<EventTime>) -> Option<i64> {
        let at = at?;
        self.estimated += u64::from(at.estimated);
        let (first, last) = self.span.unwrap_or((at.ms, at.ms));
        self.span = Some((first.min(at.ms), last.max(at.ms)));
        Some(at.ms)
    }

    fn error(&mut self, error: ErrorEvent, ms: Option<i64>) {
        if let Some(statement) = error.statement {
            self.failed_statements.at(statement, Failures::default).0 += 1;
        }
        if let Some(hour) = self.hour(ms) {
            hour.errors += 1;
            hour.failed += u64::from(error.group.failed_transaction);
        }
        *self.sort(ErrorSort::of(&error.group)) += 1;
        let group = error.group.clone();
        let tally = self.errors.at(group.fingerprint, || ErrorTally::of(group));
        tally.add(error, ms);
    }

    fn query(&mut self, query: &QueryEvent, ms: Option<i64>) {
        if let Some(hour) = self.hour(ms) {
            hour.calls += 1;
            hour.query_us = hour.query_us.saturating_add(query.duration_us);
        }
        let group = &query.group;
        let tally = self.queries.at(tallies::query_key(group), || QueryTally::of(group.clone()));
        tally.add(query);
    }

    fn request(&mut self, request: &RequestEvent, ms: Option<i64>) {
        let failure = request.failure.as_ref();
        if let Some(hour) = self.hour(ms) {
            hour.errors += u64::from(failure.is_some());
            hour.failed += u64::from(failure.is_some_and(|group| group.failed_transaction));
            hour.requests += 1;
            hour.request_errors += u64::from(request.status >= 500);
            hour.visitors.add(request.visitor);
        }
        if let Some(group) = failure {
            *self.sort(ErrorSort::of(group)) += 1;
            self.errors.at(group.fingerprint, || ErrorTally::of(group.clone())).note(ms);
        }
        let route = &request.route;
        self.step(&route.step).add(request);
        self.routes.at(tallies::route_key(route), || RouteTally::of(route.clone())).add(request);
    }

    fn sort(&mut self, sort: ErrorSort) -> &mut u64 {
        let full = self.error_sorts.len() >= SORTS_MAX && !self.error_sorts.contains_key(&sort);
        let sort = if full { ErrorSort { sqlstate: String::new(), ..sort } } else { sort };
        self.error_sorts.entry(sort).or_default()
    }

    fn step(&mut self, step: &Arc<str>) -> &mut StepTally {
        if !self.steps.contains_key(step) && self.steps.len() >= NAMES_MAX {
            return self.steps.entry(Arc::from("")).or_default();
        }
        self.steps.entry(step.clone()).or_default()
    }

    fn hour(&mut self, ms: Option<i64>) -> Option<&mut Hour> {
        let hour = ms?.div_euclid(HOUR_MS);
        if self.hours.len() >= HOURS_MAX && !self.hours.contains_key(&hour) {
            return self
                .hours
                .last_entry()
                .map(std::collections::btree_map::OccupiedEntry::into_mut);
        }
        Some(self.hours.entry(hour).or_default())
    }
}

#[cfg(test)]
mod tests;
