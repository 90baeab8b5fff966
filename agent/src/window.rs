//! The window being counted: events and samples by their own UTC minute, until the batch closes.
//!
//! The window owns the read positions too: counts and positions are changed by the same call, so that
//! the record made of them cannot disagree with itself.

mod database;
mod groups;
mod host;
mod observe;
mod sketches;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::domain::{
    BatchContent, DatabaseFacts, DatabaseSample, Entry, ErrorCount, ErrorEvent, ErrorGroup, Event,
    EventTime, Fate, FileKey, Gap, GapReason, HostSample, LineFates, Minute, Origin, QueryCount,
    QueryEvent, QueryGroup, SourceKey, SourcePosition, SourceProgress,
};
use groups::{Exemplars, Groups};
use host::HostMinute;
pub use observe::Observer;
use sketches::Sketches;

/// Kinds of error, and kinds of query, told apart in one window; the rest is counted under "others".
pub const GROUPS_MAX: usize = 2_000;
/// Lines after which a window closes before its time: a backlog travels in pieces.
pub const LINES_MAX: u64 = 50_000;
/// Counts (group or database, and minute) after which it closes, or, when it cannot, after which samples
/// are counted by the hour.
pub const COUNTS_MAX: usize = 20_000;
/// Counts after which, when it still cannot close, samples are counted by the day: a month of them and
/// what was there before fit a message of the wire, at some 16 bytes each.
pub const COUNTS_BY_HOUR_MAX: usize = 100_000;
/// Bytes of templates and exemplars after which it closes: far below the wire's limit of a message.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Gaps declared one by one in one batch; further ones are added to the last.
pub const GAPS_MAX: usize = 100;
/// Minutes with host samples of their own in one window; further ones are merged by the hour.
pub const HOST_MINUTES_MAX: usize = 1_440;
/// The text of a group's occurrence travels at most this often; error ids travel each time.
const EXEMPLAR_EVERY_MS: i64 = 6 * 3_600_000;
/// Groups remembered whose occurrence was told; all are told again when there are more.
const EXEMPLARS_TOLD_MAX: usize = 10_000;
/// An event this far in the future is a wrong date: it is counted now, as estimated.
const FUTURE_MS_MAX: i64 = 24 * 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// What a closed window gives.
#[derive(Debug)]
pub struct Closed {
    /// What the batch carries.
    pub content: BatchContent,
    /// First minute it holds counts for.
    pub first_minute: i64,
    /// Last minute it holds counts for.
    pub last_minute: i64,
    /// From where logs are read on after it.
    pub progress: Vec<SourceProgress>,
    /// The sketches of the quarter of an hour that is still open, for a restart.
    pub open: Vec<u8>,
}

/// See the module.
pub struct Window {
    counts: Counts,
    progress: Vec<SourceProgress>,
    sketches: Sketches,
    facts: BTreeMap<String, DatabaseFacts>,
    /// Clusters whose facts are not part of a batch yet.
    facts_untold: BTreeSet<String>,
    /// When the text of a group's occurrence travelled last, by fingerprint and origin.
    exemplars_told: HashMap<(u64, Origin), i64>,
    /// What the checks saw; its open intervals outlive the window.
    pub observer: Observer,
}

/// What is emptied when the window closes.
#[derive(Default)]
struct Counts {
    groups: Groups,
    exemplars: Exemplars,
    minutes: BTreeMap<i64, MinuteCounts>,
    counts: usize,
    lines: u64,
    gaps: Vec<Gap>,
    fates: BTreeMap<SourceKey, LineFates>,
    /// Files whose position moved, of each log.
    moved: BTreeMap<String, BTreeSet<FileKey>>,
    redactions: BTreeMap<&'static str, u64>,
}

#[derive(Default)]
struct MinuteCounts {
    errors: BTreeMap<usize, ErrorCount>,
    queries: BTreeMap<usize, QueryCount>,
    host: Option<HostMinute>,
    databases: BTreeMap<(String, String), DatabaseSample>,
}

impl Window {
    /// An empty window that goes on from `progress`; checks of targets come each `sample_interval_ms`.
    pub fn new(progress: Vec<SourceProgress>, sample_interval_ms: i64) -> Window {
        Window {
            counts: Counts::default(),
            progress,
            sketches: Sketches::default(),
            facts: BTreeMap::new(),
            facts_untold: BTreeSet::new(),
            exemplars_told: HashMap::new(),
            observer: Observer::new(sample_interval_ms),
        }
    }

    /// Goes on with the sketches of the quarter of an hour that was open when the newest batch was closed
    /// ([`Closed::open`]). `known`: the queries of this epoch. What cannot be read is declared as a gap.
    pub fn resume(&mut self, open: &[u8], known: &[Arc<QueryGroup>], now_ms: i64) {
        let Err(lost) = self.sketches.restore(open, known) else { return };
        self.add_gap(Gap {
            source: "queries".to_owned(),
            from_ms: now_ms,
            to_ms: now_ms,
            reason: GapReason::SpoolLost,
            detail:
                "durations of the quarter of an hour in which the agent stopped; calls are counted"
                    .to_owned(),
            amount: lost.observations,
        });
    }

    /// Counts entries of one file; the position moves behind the last of them.
    pub fn count(&mut self, place: &SourcePosition, entries: Vec<Entry>, now_ms: i64) {
        let mut position = place.clone();
        position.last_event_ms = self.last_event_ms(place).max(place.last_event_ms);
        for entry in entries {
            position.offset = entry.end;
            let newest = entry.at.map_or(0, |at| at.ms).min(now_ms);
            position.last_event_ms = position.last_event_ms.max(newest);
            self.counts.entry(&mut self.sketches, &place.source, entry, now_ms);
        }
        self.note(position);
    }

    /// A file is known up to this position without anything counted: opened, or settled.
    pub fn note(&mut self, position: SourcePosition) {
        if let Some(progress) = self.progress.iter_mut().find(|p| *p.source == *position.source) {
            let moved = self.counts.moved.entry(position.source.clone()).or_default();
            moved.insert(position.file_key());
            progress.note(position);
        }
    }

    /// Adds replacements made by redaction rules.
    pub fn add_redactions(&mut self, redactions: Vec<(&'static str, u64)>) {
        for (rule, count) in redactions {
            let sum = self.counts.redactions.entry(rule).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds queries that were counted elsewhere (`pg_stat_statements`) to the minute of `now_ms`.
    pub fn add_queries(&mut self, queries: Vec<(Arc<QueryGroup>, QueryCount)>, now_ms: i64) {
        let minute = self.counts.sample_minute(now_ms);
        for (group, count) in queries {
            self.counts.query(&group, minute, &count);
        }
    }

    /// Merges a host sample into its minute.
    pub fn add_host(&mut self, sample: &HostSample, now_ms: i64) {
        let mut minute = now_ms.div_euclid(MINUTE_MS);
        if self.counts.minutes.len() >= HOST_MINUTES_MAX {
            minute = start_of_hour(minute);
        }
        self.counts.minutes.entry(minute).or_default().host.get_or_insert_default().merge(sample);
    }

    /// Keeps the last sample of each database in its minute.
    pub fn add_databases(&mut self, samples: Vec<DatabaseSample>, now_ms: i64) {
        let minute = self.counts.sample_minute(now_ms);
        let databases = &mut self.counts.minutes.entry(minute).or_default().databases;
        let before = databases.len();
        samples.into_iter().for_each(|sample| database::merge(databases, sample));
        self.counts.counts += databases.len() - before;
    }

    /// Keeps what is known of a cluster; it goes with the next batch when it is news.
    pub fn set_facts(&mut self, facts: DatabaseFacts) {
        let cluster = facts.cluster.clone();
        if self.facts.insert(cluster.clone(), facts.clone()) != Some(facts) {
            self.facts_untold.insert(cluster);
        }
    }

    /// Declares what is lost.
    pub fn add_gap(&mut self, gap: Gap) {
        let gaps = &mut self.counts.gaps;
        let full = gaps.len() >= GAPS_MAX;
        match gaps.last_mut().filter(|_| full) {
            Some(last) => {
                last.from_ms = last.from_ms.min(gap.from_ms);
                last.to_ms = last.to_ms.max(gap.to_ms);
                last.amount = last.amount.saturating_add(gap.amount);
            }
            None => gaps.push(gap),
        }
    }

    /// Whether the window holds so much that it closes before its time.
    pub fn is_full(&self) -> bool {
        self.counts.lines >= LINES_MAX
            || self.counts.counts >= COUNTS_MAX
            || self.counts.groups.text_bytes() + self.counts.exemplars.text_bytes()
                >= TEXT_BYTES_MAX
    }

    /// Whether nothing was read or lost since the last batch: what there is can wait for the next one.
    pub fn is_quiet(&self) -> bool {
        self.counts.lines == 0 && self.counts.gaps.is_empty() && self.counts.moved.is_empty()
    }

    /// All that is needed to resume now.
    pub fn progress(&self) -> &[SourceProgress] {
        &self.progress
    }

    /// What a batch closed now carries. The window keeps it until [`Window::reset`], so that nothing is
    /// lost when the batch cannot be written.
    pub fn content(&self, now_ms: i64) -> Closed {
        let now_minute = now_ms.div_euclid(MINUTE_MS);
        let minutes = &self.counts.minutes;
        let content = BatchContent {
            groups: self.counts.groups.errors(),
            queries: self.counts.groups.queries(),
            minutes: minutes.iter().map(|(minute, counts)| counts.close(*minute)).collect(),
            sketches: self.sketches.leaving(now_ms),
            exemplars: self.exemplars(now_ms),
            positions: self.moved_positions(),
            gaps: self.counts.all_gaps(now_ms),
            observations: self.observer.observations(),
            fates: self.counts.fates.iter().map(|(key, fates)| (key.clone(), *fates)).collect(),
            database_facts: self.untold_facts(),
            redactions: self.counts.redactions.iter().map(|(rule, n)| (*rule, *n)).collect(),
        };
        Closed {
            content,
            first_minute: minutes.keys().next().copied().unwrap_or(now_minute),
            last_minute: minutes.keys().next_back().copied().unwrap_or(now_minute),
            progress: self.progress.clone(),
            open: self.sketches.open(now_ms),
        }
    }

    /// The batch that [`Window::content`] gave for `closed_ms` is written: counting begins anew.
    /// Positions, facts, open observations and the open quarter's sketches stay.
    pub fn reset(&mut self, closed_ms: i64) {
        self.note_exemplars(closed_ms);
        self.counts = Counts::default();
        self.sketches.left(closed_ms);
        self.facts_untold.clear();
        self.observer.delivered();
    }

    /// Newest occurrences; those of groups that were told of lately with their error ids alone.
    fn exemplars(&self, now_ms: i64) -> Vec<(usize, i64, String, Vec<String>)> {
        let groups = self.counts.groups.errors();
        let list = self.counts.exemplars.list().into_iter().filter_map(|(at, at_ms, text, ids)| {
            if self.is_exemplar_due(groups.get(at)?, now_ms) {
                return Some((at, at_ms, text, ids));
            }
            (!ids.is_empty()).then(|| (at, 0, String::new(), ids))
        });
        list.collect()
    }

    fn is_exemplar_due(&self, group: &ErrorGroup, now_ms: i64) -> bool {
        let told_ms = self.exemplars_told.get(&(group.fingerprint, group.origin));
        // A clock set back tells it again.
        !told_ms.is_some_and(|ms| (0..EXEMPLAR_EVERY_MS).contains(&now_ms.saturating_sub(*ms)))
    }

    fn note_exemplars(&mut self, closed_ms: i64) {
        let due = self.counts.groups.errors();
        for group in
            due.iter().filter(|group| self.is_exemplar_due(group, closed_ms)).collect::<Vec<_>>()
        {
            if self.exemplars_told.len() >= EXEMPLARS_TOLD_MAX {
                self.exemplars_told.clear();
            }
            self.exemplars_told.insert((group.fingerprint, group.origin), closed_ms);
        }
    }

    /// Of each log the file that is being read is the last.
    fn moved_positions(&self) -> Vec<SourcePosition> {
        let has_moved = |position: &&SourcePosition| {
            let moved = self.counts.moved.get(&position.source);
            moved.is_some_and(|files| files.contains(&position.file_key()))
        };
        let known = self.progress.iter().flat_map(|progress| &progress.files);
        known.filter(has_moved).cloned().collect()
    }

    fn untold_facts(&self) -> Vec<DatabaseFacts> {
        self.facts_untold.iter().filter_map(|cluster| self.facts.get(cluster).cloned()).collect()
    }

    fn last_event_ms(&self, place: &SourcePosition) -> i64 {
        let progress = self.progress.iter().find(|p| *p.source == *place.source);
        let last = progress.and_then(|p| p.files.last());
        last.map_or(0, |position| position.last_event_ms)
    }
}

impl Counts {
    fn entry(&mut self, sketches: &mut Sketches, source: &str, entry: Entry, now_ms: i64) {
        self.lines = self.lines.saturating_add(entry.lines);
        let fates = self.fates.entry(source.into()).or_default();
        add_fate(fates, &entry.fate, entry.lines);
        let at = counted_at(entry.at, now_ms);
        match entry.event {
            Some(Event::Error(error)) => self.error(error, at),
            Some(Event::Query(query)) => self.logged_query(sketches, &query, at),
            Some(Event::Request(request)) => {
                if let Some(group) = request.failure {
                    let (exemplar, error_ids) = (group.template.clone(), Vec::new());
                    self.error(ErrorEvent { group, exemplar, error_ids, statement: None }, at);
                }
            }
            // No batch carries it.
            Some(Event::Activity(_)) | None => {}
        }
    }

    fn error(&mut self, error: ErrorEvent, at: EventTime) {
        let group = self.groups.error(&error.group);
        let minute = self.minutes.entry(at.ms.div_euclid(MINUTE_MS)).or_default();
        let before = minute.errors.len();
        let count = minute.errors.entry(group).or_default();
        count.count += 1;
        count.last_ms = count.last_ms.max(at.ms);
        count.estimated += u64::from(at.estimated);
        self.counts += minute.errors.len() - before;
        self.exemplars.offer(group, at.ms, error.exemplar, error.error_ids);
    }

    fn logged_query(&mut self, sketches: &mut Sketches, query: &QueryEvent, at: EventTime) {
        let us = query.duration_us;
        let count = QueryCount { calls: 1, total_us: us, max_us: us, rows: 0 };
        let minute = at.ms.div_euclid(MINUTE_MS);
        let index = self.query(&query.group, minute, &count);
        if let Some(query) = self.groups.query_at(index) {
            sketches.add(query, minute, us);
        }
    }

    fn query(&mut self, group: &Arc<QueryGroup>, minute: i64, add: &QueryCount) -> usize {
        let index = self.groups.query(group);
        let minute = self.minutes.entry(minute).or_default();
        let before = minute.queries.len();
        let count = minute.queries.entry(index).or_default();
        count.calls = count.calls.saturating_add(add.calls);
        count.total_us = count.total_us.saturating_add(add.total_us);
        count.max_us = count.max_us.max(add.max_us);
        count.rows = count.rows.saturating_add(add.rows);
        self.counts += minute.queries.len() - before;
        index
    }

    /// The minute that samples of now are counted in. A window that cannot close because the spool is
    /// full goes on by the hour, then by the day: it loses resolution, never counts.
    fn sample_minute(&self, now_ms: i64) -> i64 {
        let minute = now_ms.div_euclid(MINUTE_MS);
        match self.counts {
            ..COUNTS_MAX => minute,
            COUNTS_MAX..COUNTS_BY_HOUR_MAX => start_of_hour(minute),
            _ => start_of_day(minute),
        }
    }

    fn all_gaps(&self, now_ms: i64) -> Vec<Gap> {
        let first = self.minutes.keys().next().map_or(now_ms, |minute| minute * MINUTE_MS);
        self.gaps.iter().cloned().chain(self.groups.shed(first.min(now_ms), now_ms)).collect()
    }
}

impl MinuteCounts {
    fn close(&self, minute: i64) -> Minute {
        Minute {
            minute,
            errors: self.errors.iter().map(|(group, count)| (*group, *count)).collect(),
            queries: self.queries.iter().map(|(query, count)| (*query, *count)).collect(),
            host: self.host.as_ref().map(HostMinute::close),
            databases: self.databases.values().cloned().collect(),
        }
    }
}

/// When an event counts: at its own time, or, where that is unknown or absurd, now and as estimated.
fn counted_at(at: Option<EventTime>, now_ms: i64) -> EventTime {
    at.filter(|at| at.ms >= 0 && at.ms <= now_ms.saturating_add(FUTURE_MS_MAX))
        .unwrap_or(EventTime { ms: now_ms, estimated: true })
}

fn add_fate(fates: &mut LineFates, fate: &Fate, lines: u64) {
    fates.read += lines;
    match fate {
        Fate::Counted => fates.counted += lines,
        Fate::Ignored(_) => fates.ignored += lines,
        Fate::BeforeStart => fates.before_start += lines,
        Fate::Unparsed => fates.unparsed += lines,
    }
}

/// First minute of the UTC hour that `minute` lies in.
fn start_of_hour(minute: i64) -> i64 {
    minute - minute.rem_euclid(60)
}

/// First minute of the UTC day that `minute` lies in.
fn start_of_day(minute: i64) -> i64 {
    minute - minute.rem_euclid(24 * 60)
}

/// Groups as the tests of this crate make them.
#[cfg(test)]
pub(crate) mod samples {
    use std::collections::HashMap;

    use super::*;
    use crate::domain::{ErrorGroup, Origin, QuerySource, Severity};

    pub(crate) fn error_group(fingerprint: u64) -> Arc<ErrorGroup> {
        Arc::new(ErrorGroup {
            fingerprint,
            origin: Origin::Application,
            severity: Severity::Error,
            class: "application.bug",
            sqlstate: String::new(),
            template: format!("error {fingerprint}"),
            failed_transaction: true,
            cause: None,
        })
    }

    pub(crate) fn query_group(fingerprint: u64) -> Arc<QueryGroup> {
        Arc::new(QueryGroup {
            fingerprint,
            source: QuerySource::Log,
            template: format!("select {fingerprint}"),
            database: "spse/epns_prod".to_owned(),
        })
    }

    pub(crate) fn error_entry(fingerprint: u64, at_ms: i64, end: u64) -> Entry {
        let event = ErrorEvent {
            group: error_group(fingerprint),
            exemplar: "an occurrence".to_owned(),
            error_ids: vec!["@6f02fa9dd".to_owned()],
            statement: None,
        };
        Entry {
            lines: 1,
            end,
            at: Some(EventTime { ms: at_ms, estimated: false }),
            fate: Fate::Counted,
            event: Some(Event::Error(event)),
        }
    }

    /// Errors by fingerprint, over all minutes.
    pub(crate) fn totals(content: &BatchContent) -> HashMap<u64, u64> {
        let mut sums = HashMap::new();
        for (group, count) in content.minutes.iter().flat_map(|minute| &minute.errors) {
            *sums.entry(content.groups[*group].fingerprint).or_default() += count.count;
        }
        sums
    }
}

#[cfg(test)]
#[path = "window/tests.rs"]
mod tests;
