//! What is counted of one kind.

use std::{collections::BTreeMap, sync::Arc};

use pantau_sketch::{distinct::Distinct, durations::Sketch};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Tally;
use crate::entry::{
    ErrorEvent, ErrorGroup, Fate, Origin, QueryEvent, QueryGroup, RequestEvent, Route, Severity,
};

/// Applications told apart of one query.
const APPLICATIONS_MAX: usize = 8;
/// Error ids kept of one kind: the newest.
const ERROR_IDS_MAX: usize = 16;

/// Lines by what became of them; their sum is the lines read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Part of entries that were counted.
    pub counted: u64,
    /// Part of entries outside the period asked for.
    pub outside: u64,
    /// Understood and of no interest, by rule.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Not understood.
    pub unparsed: u64,
}

impl Lines {
    pub(super) fn add(&mut self, fate: Fate, lines: u64) {
        match fate {
            Fate::Counted => self.counted += lines,
            Fate::BeforeStart => self.outside += lines,
            Fate::Ignored(rule) => *self.ignored.entry(rule).or_default() += lines,
            Fate::Unparsed => self.unparsed += lines,
        }
    }

    pub(super) fn merge(&mut self, other: &Lines) {
        self.counted += other.counted;
        self.outside += other.outside;
        self.unparsed += other.unparsed;
        for (rule, lines) in &other.ignored {
            *self.ignored.entry(rule).or_default() += lines;
        }
    }

    /// All lines read.
    pub fn read(&self) -> u64 {
        self.counted + self.outside + self.unparsed + self.ignored.values().sum::<u64>()
    }
}

/// One hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Hour {
    pub errors: u64,
    /// Errors that ended a transaction or a process.
    pub failed: u64,
    pub calls: u64,
    pub query_us: u64,
    pub requests: u64,
    /// Requests answered with 500 and above.
    pub request_errors: u64,
    pub visitors: Distinct,
}

impl Hour {
    pub(super) fn merge(&mut self, other: &Hour) {
        self.errors += other.errors;
        self.failed += other.failed;
        self.calls += other.calls;
        self.query_us = self.query_us.saturating_add(other.query_us);
        self.requests += other.requests;
        self.request_errors += other.request_errors;
        self.visitors.merge(&other.visitors);
    }
}

/// What reports tell apart of errors beside their kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct ErrorSort {
    pub origin: Origin,
    pub severity: Severity,
    pub class: &'static str,
    pub sqlstate: String,
    /// It ended a transaction or a process.
    pub failed: bool,
}

impl ErrorSort {
    pub(super) fn of(group: &ErrorGroup) -> ErrorSort {
        ErrorSort {
            origin: group.origin,
            severity: group.severity,
            class: group.class,
            sqlstate: group.sqlstate.clone(),
            failed: group.failed_transaction,
        }
    }
}

/// One kind of error.
#[derive(Clone, Debug, Default)]
pub struct ErrorTally {
    group: Option<Arc<ErrorGroup>>,
    /// Occurrences.
    pub count: u64,
    /// First and last, UTC milliseconds, where any bore a time.
    pub span: Option<(i64, i64)>,
    /// The newest, redacted.
    pub exemplar: String,
    /// The newest error ids.
    pub error_ids: Vec<String>,
}

impl ErrorTally {
    pub(super) fn of(group: Arc<ErrorGroup>) -> ErrorTally {
        ErrorTally { group: Some(group), ..ErrorTally::default() }
    }

    /// What they have in common; `None` of those that are not told by kind.
    pub fn group(&self) -> Option<&ErrorGroup> {
        self.group.as_deref()
    }

    /// One occurrence of which no text is kept.
    pub(super) fn note(&mut self, ms: Option<i64>) {
        self.count += 1;
        self.span = joined(self.span, ms.map(|ms| (ms, ms)));
    }

    pub(super) fn add(&mut self, error: ErrorEvent, ms: Option<i64>) {
        self.count += 1;
        let at = ms.map(|ms| (ms, ms));
        if self.exemplar.is_empty() || at.map(|at| at.1) >= self.span.map(|span| span.1) {
            self.exemplar = error.exemplar;
        }
        self.span = joined(self.span, at);
        self.add_ids(error.error_ids);
    }

    fn add_ids(&mut self, ids: Vec<String>) {
        self.error_ids.extend(ids);
        let surplus = self.error_ids.len().saturating_sub(ERROR_IDS_MAX);
        self.error_ids.drain(..surplus);
    }
}

impl Tally for ErrorTally {
    fn merge(&mut self, other: &ErrorTally) {
        self.count += other.count;
        if self.exemplar.is_empty() || other.span.map(|span| span.1) >= self.span.map(|span| span.1)
        {
            self.exemplar.clone_from(&other.exemplar);
        }
        self.span = joined(self.span, other.span);
        self.add_ids(other.error_ids.clone());
    }

    fn ranks(&self) -> [u64; 2] {
        [self.count, 0]
    }

    fn text_bytes(&self) -> usize {
        // The exemplar comes later and is as long at most.
        self.group.as_ref().map_or(0, |group| 2 * group.template.len())
    }
}

fn joined(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

/// Failures of one statement.
#[derive(Clone, Debug, Default)]
pub struct Failures(pub u64);

impl Tally for Failures {
    fn merge(&mut self, other: &Failures) {
        self.0 += other.0;
    }

    fn ranks(&self) -> [u64; 2] {
        [self.0, 0]
    }

    fn text_bytes(&self) -> usize {
        0
    }
}

/// One kind of query.
#[derive(Clone, Debug, Default)]
pub struct QueryTally {
    group: Option<Arc<QueryGroup>>,
    /// Executions.
    pub calls: u64,
    /// Time of all.
    pub total_us: u64,
    /// Time of the fastest; 0 where there is none.
    pub min_us: u64,
    /// Time of the slowest.
    pub max_us: u64,
    /// Times of all.
    pub durations: Sketch,
    /// Executions by application; the empty one is of those that named none or came after the limit.
    pub applications: BTreeMap<Arc<str>, u64>,
}

impl QueryTally {
    pub(super) fn of(group: Arc<QueryGroup>) -> QueryTally {
        QueryTally { group: Some(group), ..QueryTally::default() }
    }

    /// What they have in common; `None` of those that are not told by kind.
    pub fn group(&self) -> Option<&QueryGroup> {
        self.group.as_deref()
    }

    pub(super) fn add(&mut self, query: &QueryEvent) {
        let us = query.duration_us;
        self.min_us = if self.calls == 0 { us } else { self.min_us.min(us) };
        self.max_us = self.max_us.max(us);
        self.calls += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.durations.add(us);
        *self.application(&query.application) += 1;
    }

    fn application(&mut self, name: &Arc<str>) -> &mut u64 {
        if self.applications.len() < APPLICATIONS_MAX || self.applications.contains_key(name) {
            return self.applications.entry(name.clone()).or_default();
        }
        self.applications.entry(Arc::from("")).or_default()
    }
}

impl Tally for QueryTally {
    fn merge(&mut self, other: &QueryTally) {
        if other.calls > 0 {
            let only = self.calls == 0;
            self.min_us = if only { other.min_us } else { self.min_us.min(other.min_us) };
        }
        self.max_us = self.max_us.max(other.max_us);
        self.calls += other.calls;
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.durations.merge(&other.durations);
        for (name, calls) in &other.applications {
            *self.application(name) += calls;
        }
    }

    fn ranks(&self) -> [u64; 2] {
        [self.calls, self.total_us]
    }

    fn text_bytes(&self) -> usize {
        self.group.as_ref().map_or(0, |group| group.template.len())
    }
}

/// Answers by the hundred of their status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statuses(pub [u64; 6]);

impl Statuses {
    fn add(&mut self, status: u16) {
        let at = usize::from(status / 100);
        // What is no status stands first.
        let at = if at < self.0.len() { at } else { 0 };
        if let Some(count) = self.0.get_mut(at) {
            *count += 1;
        }
    }

    fn merge(&mut self, other: &Statuses) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// Answers with 500 and above.
    pub fn failed(&self) -> u64 {
        let [.., failed] = self.0;
        failed
    }
}

/// Requests of a business step.
#[derive(Clone, Debug, Default)]
pub struct StepTally {
    /// How many.
    pub requests: u64,
    /// How they were answered.
    pub statuses: Statuses,
    /// Bytes of the answers.
    pub bytes: u64,
    /// Time of those of which the log tells it.
    pub total_us: u64,
    /// The slowest.
    pub max_us: u64,
    /// Times of those of which the log tells them.
    pub durations: Sketch,
}

impl StepTally {
    pub(super) fn add(&mut self, request: &RequestEvent) {
        self.requests += 1;
        self.statuses.add(request.status);
        self.bytes = self.bytes.saturating_add(request.bytes);
        if let Some(us) = request.duration_us {
            self.total_us = self.total_us.saturating_add(us);
            self.max_us = self.max_us.max(us);
            self.durations.add(us);
        }
    }

    pub(super) fn merge(&mut self, other: &StepTally) {
        self.requests += other.requests;
        self.statuses.merge(&other.statuses);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
        self.durations.merge(&other.durations);
    }
}

/// One kind of request.
#[derive(Clone, Debug, Default)]
pub struct RouteTally {
    route: Option<Arc<Route>>,
    /// What is counted of its requests.
    pub requests: StepTally,
}

/// Tells queries apart, the same statement in two databases too.
pub(super) fn query_key(group: &QueryGroup) -> u64 {
    xxh3_64_with_seed(group.database.as_bytes(), group.fingerprint)
}

/// Tells routes apart.
pub(super) fn route_key(route: &Route) -> u64 {
    let method = xxh3_64_with_seed(route.method.as_bytes(), 0);
    xxh3_64_with_seed(route.template.as_bytes(), method)
}

impl RouteTally {
    pub(super) fn of(route: Arc<Route>) -> RouteTally {
        RouteTally { route: Some(route), ..RouteTally::default() }
    }

    /// What they have in common; `None` of those that are not told by kind.
    pub fn route(&self) -> Option<&Route> {
        self.route.as_deref()
    }

    pub(super) fn add(&mut self, request: &RequestEvent) {
        self.requests.add(request);
    }
}

impl Tally for RouteTally {
    fn merge(&mut self, other: &RouteTally) {
        self.requests.merge(&other.requests);
    }

    fn ranks(&self) -> [u64; 2] {
        [self.requests.requests, self.requests.total_us]
    }

    fn text_bytes(&self) -> usize {
        self.route.as_ref().map_or(0, |route| route.template.len())
    }
}

/// What the database did of one kind to one subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityTally {
    /// How often.
    pub count: u64,
    /// In the unit of the kind.
    pub total: u64,
    /// In the unit of the kind.
    pub max: u64,
}

impl ActivityTally {
    pub(super) fn add(&mut self, amount: u64) {
        self.count += 1;
        self.total = self.total.saturating_add(amount);
        self.max = self.max.max(amount);
    }

    pub(super) fn merge(&mut self, other: &ActivityTally) {
        self.count += other.count;
        self.total = self.total.saturating_add(other.total);
        self.max = self.max.max(other.max);
    }
}
