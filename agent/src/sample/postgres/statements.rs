//! What `pg_stat_statements` tells: counters per statement, turned into what each did since the sample
//! before.
//!
//! The view holds totals since its last reset and forgets the least used statements when it is full.
//! Hence the first sample is only a baseline; a counter that fell, or whose entry is younger than the
//! sample before, counts from 0; an entry that vanished took the calls of its last seconds with it, and
//! that is declared as a gap. Calls between an agent's stop and its next start stand in no difference
//! either: an agent that ran before declares them at its first sample. One that never ran begins there
//! and has nothing to declare.

use std::collections::{HashMap, HashSet};

use crate::domain::{Gap, GapReason, StatementDelta, is_own_statement};

/// Statements read per sample, those with the most calls first: PostgreSQL's own default of
/// `pg_stat_statements.max`.
pub(super) const STATEMENTS_MAX: usize = 5_000;

/// Texts asked per sample. Statements beyond keep their baseline and are counted in a later sample.
pub(super) const TEXTS_MAX: usize = 1_000;

/// Characters of a text that are read: as much as a template may hold on the wire.
const TEXT_CHARS_MAX: usize = 4_000;

/// Losses of single entries are declared together, this long after the first of them.
const LOSS_DECLARED_AFTER_MS: i64 = 3_600_000;

/// How this server's view is asked, chosen by the columns found in it and not by a version; questions as
/// [`Session::all`](super::session::Session::all) takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// `$1`: names of databases, all when empty. Gives user, database, statement, calls, microseconds,
    /// rows, time of the entry's begin.
    pub counters: String,
    /// `$1`: statements. Gives user, database, statement, text, name of the database.
    pub texts: String,
    /// Counts statements of others that are hidden from this role; `None` where the view cannot tell.
    pub hidden: Option<String>,
}

impl View {
    /// Finds the view and its columns. No rows: the extension is not in this database.
    pub(super) const FIND: &str = "n.nspname::text, a.attname::text \
        FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'pg_stat_statements' \
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
        WHERE e.extname = 'pg_stat_statements'";

    /// `total_exec_time` came with 13, before it was `total_time`; `queryid` and the function that
    /// leaves the texts on disk came with 9.4; `stats_since` with 17; from 14 on one statement can have
    /// two rows (`toplevel`), hence the sums. `None`: none of the known columns for time is there.
    pub(super) fn choose(schema: &str, columns: &[String]) -> Option<View> {
        let has = |name: &str| columns.iter().any(|column| column == name);
        let time = ["total_exec_time", "total_time"].into_iter().find(|name| has(name))?;
        let schema = format!("\"{}\"", schema.replace('"', "\"\""));
        let id = if has("queryid") { "s.queryid" } else { "hashtext(s.query)::bigint" };
        let with_texts = format!("{schema}.pg_stat_statements");
        let entries =
            if has("queryid") { format!("{with_texts}(false)") } else { with_texts.clone() };
        let since = if has("stats_since") {
            "coalesce(extract(epoch FROM min(s.stats_since)) * 1000, 0)::bigint"
        } else {
            "0::bigint"
        };
        let counters = format!(
            "s.userid, s.dbid, {id}, sum(s.calls)::bigint, \
             round(sum(s.{time}) * 1000)::bigint, sum(s.rows)::bigint, {since} \
             FROM {entries} s JOIN pg_database d ON d.oid = s.dbid \
             WHERE {id} IS NOT NULL AND ($1::text[] = '{{}}' OR d.datname::text = ANY($1)) \
             GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT {STATEMENTS_MAX}"
        );
        let texts = format!(
            "s.userid, s.dbid, {id}, left(s.query, {TEXT_CHARS_MAX}), \
             d.datname::text FROM {with_texts} s JOIN pg_database d ON d.oid = s.dbid \
             WHERE {id} = ANY($1)"
        );
        let hidden =
            has("queryid").then(|| format!("count(*) FROM {entries} s WHERE s.queryid IS NULL"));
        Some(View { counters, texts, hidden })
    }
}

/// One statement: of whom, where, which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub user: u32,
    pub database: u32,
    pub statement: i64,
}

/// Totals of one statement, or the difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub calls: u64,
    pub total_us: u64,
    pub rows: u64,
    /// When the view began this entry; 0 where it does not tell.
    pub since_ms: i64,
}

impl Counters {
    /// As if `delta` had not happened yet.
    fn without(self, delta: Counters) -> Counters {
        Counters {
            calls: self.calls.saturating_sub(delta.calls),
            total_us: self.total_us.saturating_sub(delta.total_us),
            rows: self.rows.saturating_sub(delta.rows),
            since_ms: self.since_ms,
        }
    }
}

/// Why a difference is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The counter went on.
    Continued,
    /// The entry is new since the sample before.
    New,
    /// The entry began anew (a reset, or evicted and seen again): counted from 0.
    BeganAnew,
    /// Not read before because of the limit, so nothing can be said of what is new in it.
    Unknown,
}

fn difference(before: Option<Counters>, now: Counters, all_read: bool) -> (Counters, Step) {
    match before {
        None if all_read => (now, Step::New),
        None => (Counters::default(), Step::Unknown),
        Some(before) if before.since_ms != now.since_ms || now.calls < before.calls => {
            (now, Step::BeganAnew)
        }
        Some(before) => (now.without(before), Step::Continued),
    }
}

/// What changed since the sample before. Nothing is taken as counted until [`Baseline::settle`], so a
/// sample that fails half-way loses nothing.
#[derive(Debug)]
pub(super) struct Changes {
    at_ms: i64,
    now: HashMap<Key, Counters>,
    all_read: bool,
    /// Of these the texts are needed, most calls first.
    pub counted: Vec<(Key, Counters)>,
    /// More changed than texts may be asked for.
    postponed: Vec<(Key, Counters)>,
    lost: u64,
}

/// The sample before.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    /// Until when an agent that ran before is sure to have counted.
    watched_until_ms: Option<i64>,
    before: Option<Before>,
    own: HashSet<Key>,
    losses: Option<(i64, u64)>,
}

#[derive(Debug)]
struct Before {
    at_ms: i64,
    counters: HashMap<Key, Counters>,
    all_read: bool,
}

impl Baseline {
    /// `watched_until_ms`: as [`ClusterSampler::new`](super::ClusterSampler::new).
    pub(super) fn new(watched_until_ms: Option<i64>) -> Baseline {
        Baseline { watched_until_ms, ..Baseline::default() }
    }

    /// Compares what was read now; `all_read`: fewer rows than the limit came.
    pub(super) fn compare(
        &self,
        now: HashMap<Key, Counters>,
        all_read: bool,
        at_ms: i64,
    ) -> Changes {
        let mut changes =
            Changes { at_ms, now, all_read, counted: Vec::new(), postponed: Vec::new(), lost: 0 };
        let Some(before) = &self.before else { return changes };
        for (key, now) in &changes.now {
            let known = before.counters.get(key).copied();
            let (delta, step) = difference(known, *now, before.all_read);
            changes.lost += u64::from(step == Step::BeganAnew);
            if delta.calls > 0 && !self.own.contains(key) {
                changes.counted.push((*key, delta));
            }
        }
        if all_read {
            let vanished = before.counters.keys().filter(|key| !changes.now.contains_key(key));
            changes.lost += vanished.count() as u64;
        }
        changes.counted.sort_by_key(|(key, delta)| (std::cmp::Reverse(delta.calls), *key));
        let cut = changes.counted.len().min(TEXTS_MAX);
        changes.postponed = changes.counted.split_off(cut);
        changes
    }

    /// Counts the changes whose text (and name of the database) is known, and makes them the baseline.
    /// A statement without a text keeps its old counters and is asked for again.
    pub(super) fn settle(
        &mut self,
        source: &str,
        changes: Changes,
        texts: &HashMap<Key, (String, String)>,
    ) -> (Vec<StatementDelta>, Vec<Gap>) {
        let gaps = self.losses(source, &changes);
        let Changes { at_ms, mut now, all_read, counted, mut postponed, .. } = changes;
        let mut deltas = Vec::with_capacity(counted.len());
        for (key, delta) in counted {
            match texts.get(&key) {
                Some((text, _)) if is_own_statement(text) => {
                    self.own.insert(key);
                }
                Some((text, database)) => deltas.push(StatementDelta {
                    database: database.clone(),
                    text: text.clone(),
                    calls: delta.calls,
                    total_us: delta.total_us,
                    rows: delta.rows,
                }),
                None => postponed.push((key, delta)),
            }
        }
        for (key, delta) in postponed {
            if let Some(counters) = now.get_mut(&key) {
                *counters = counters.without(delta);
            }
        }
        self.own.retain(|key| now.contains_key(key));
        self.before = Some(Before { at_ms, counters: now, all_read });
        (deltas, gaps)
    }

    /// What could not be counted. At the first sample: what happened while no agent ran. Later: at once when most
    /// of the view is gone (a reset), else gathered over an hour (evictions).
    fn losses(&mut self, source: &str, changes: &Changes) -> Vec<Gap> {
        let gap = |from_ms, amount, detail: &str| Gap {
            source: source.to_owned(),
            from_ms,
            to_ms: changes.at_ms,
            reason: GapReason::BaselineLost,
            detail: detail.to_owned(),
            amount,
        };
        let Some(before) = &self.before else {
            let detail = "calls made in this time are not in the figures of pg_stat_statements: no \
                          agent watched it";
            let from_ms = self.watched_until_ms.map(|from_ms| from_ms.min(changes.at_ms));
            return from_ms.map(|from_ms| gap(from_ms, 0, detail)).into_iter().collect();
        };
        if changes.lost.saturating_mul(2) > before.counters.len() as u64 {
            self.losses = None;
            let detail =
                "calls made just before a reset of pg_stat_statements are not in its figures";
            return vec![gap(before.at_ms, changes.lost, detail)];
        }
        if changes.lost > 0 {
            let (_, amount) = self.losses.get_or_insert((before.at_ms, 0));
            *amount = amount.saturating_add(changes.lost);
        }
        match self.losses {
            Some((from_ms, amount))
                if changes.at_ms.saturating_sub(from_ms) >= LOSS_DECLARED_AFTER_MS =>
            {
                self.losses = None;
                let detail = "pg_stat_statements is full and forgot statements: some of their calls \
                              are not in its figures; raise pg_stat_statements.max";
                vec![gap(from_ms, amount, detail)]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
