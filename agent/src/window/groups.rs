//! Groups and queries of one window, their number bounded: what comes beyond the limit is counted,
//! exactly, under "others", and declared.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use xxhash_rust::xxh3::xxh3_64;

use super::GROUPS_MAX;
use crate::domain::{ErrorGroup, Gap, GapReason, Origin, QueryGroup};

/// Template of the groups that hold the remainder.
pub(super) const OTHERS: &str = "(others: more kinds than one window tells apart)";
/// Error ids kept with one exemplar (see the `.proto`).
const ERROR_IDS_MAX: usize = 16;
/// Fingerprints remembered to tell how many kinds were shed.
const SHED_REMEMBERED_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Groups {
    errors: Vec<Arc<ErrorGroup>>,
    error_index: HashMap<(u64, Origin), usize>,
    errors_shed: Shed,
    queries: Vec<Arc<QueryGroup>>,
    query_index: HashMap<Arc<QueryGroup>, usize>,
    queries_shed: Shed,
    text_bytes: usize,
}

#[derive(Default)]
struct Shed {
    kinds: HashSet<u64>,
    events: u64,
}

impl Groups {
    /// Index of the group, or of its "others".
    pub(super) fn error(&mut self, group: &Arc<ErrorGroup>) -> usize {
        if let Some(index) = self.error_index.get(&(group.fingerprint, group.origin)) {
            return *index;
        }
        if self.errors.len() < GROUPS_MAX {
            return self.define_error(group.clone());
        }
        self.errors_shed.note(group.fingerprint);
        let others = other_errors(group);
        match self.error_index.get(&(others.fingerprint, others.origin)) {
            Some(index) => *index,
            None => self.define_error(Arc::new(others)),
        }
    }

    /// Index of the query, or of its "others".
    pub(super) fn query(&mut self, group: &Arc<QueryGroup>) -> usize {
        if let Some(index) = self.query_index.get(group) {
            return *index;
        }
        if self.queries.len() < GROUPS_MAX {
            return self.define_query(group.clone());
        }
        self.queries_shed.note(group.fingerprint);
        let others = Arc::new(other_queries(group));
        match self.query_index.get(&others) {
            Some(index) => *index,
            None => self.define_query(others),
        }
    }

    /// The query of an index.
    pub(super) fn query_at(&self, index: usize) -> Option<&Arc<QueryGroup>> {
        self.queries.get(index)
    }

    pub(super) fn errors(&self) -> Vec<Arc<ErrorGroup>> {
        self.errors.clone()
    }

    pub(super) fn queries(&self) -> Vec<Arc<QueryGroup>> {
        self.queries.clone()
    }

    /// Declares what was counted under "others".
    pub(super) fn shed(&self, from_ms: i64, to_ms: i64) -> Vec<Gap> {
        let gap = |shed: &Shed, source: &str, what: &str| {
            (shed.events > 0).then(|| Gap {
                source: source.to_owned(),
                from_ms,
                to_ms,
                reason: GapReason::GroupsShed,
                detail: format!(
                    "{} kinds of {what} beyond the {GROUPS_MAX} of one window are counted as others",
                    shed.kinds.len()
                ),
                amount: shed.events,
            })
        };
        [gap(&self.errors_shed, "errors", "error"), gap(&self.queries_shed, "queries", "query")]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Bytes of all templates.
    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    fn define_error(&mut self, group: Arc<ErrorGroup>) -> usize {
        self.text_bytes += group.template.len();
        self.error_index.insert((group.fingerprint, group.origin), self.errors.len());
        self.errors.push(group);
        self.errors.len() - 1
    }

    fn define_query(&mut self, group: Arc<QueryGroup>) -> usize {
        self.text_bytes += group.template.len();
        self.query_index.insert(group.clone(), self.queries.len());
        self.queries.push(group);
        self.queries.len() - 1
    }
}

impl Shed {
    fn note(&mut self, fingerprint: u64) {
        self.events += 1;
        if self.kinds.len() < SHED_REMEMBERED_MAX {
            self.kinds.insert(fingerprint);
        }
    }
}

/// What reports add up apart (origin, severity, failed transactions) stays apart.
fn other_errors(group: &ErrorGroup) -> ErrorGroup {
    let name = format!("others {:?} {}", group.severity, group.failed_transaction);
    ErrorGroup {
        fingerprint: xxh3_64(name.as_bytes()),
        origin: group.origin,
        severity: group.severity,
        class: "others",
        sqlstate: String::new(),
        template: OTHERS.to_owned(),
        failed_transaction: group.failed_transaction,
        cause: None,
    }
}

/// One per source and cluster.
fn other_queries(group: &QueryGroup) -> QueryGroup {
    let cluster = group.database.split('/').next().unwrap_or_default();
    QueryGroup {
        fingerprint: xxh3_64(b"others"),
        source: group.source,
        template: OTHERS.to_owned(),
        database: cluster.to_owned(),
    }
}

/// The newest occurrence of each group.
#[derive(Default)]
pub(super) struct Exemplars {
    by_group: BTreeMap<usize, Exemplar>,
    text_bytes: usize,
}

#[derive(Default)]
struct Exemplar {
    at_ms: i64,
    text: String,
    error_ids: VecDeque<String>,
}

impl Exemplars {
    /// Keeps the text if it is the newest, and the newest error ids.
    pub(super) fn offer(&mut self, group: usize, at_ms: i64, text: String, ids: Vec<String>) {
        let exemplar = self.by_group.entry(group).or_default();
        if exemplar.text.is_empty() || at_ms >= exemplar.at_ms {
            self.text_bytes = self.text_bytes + text.len() - exemplar.text.len();
            exemplar.at_ms = at_ms;
            exemplar.text = text;
        }
        for id in ids {
            if exemplar.error_ids.contains(&id) {
                continue;
            }
            if exemplar.error_ids.len() == ERROR_IDS_MAX {
                exemplar.error_ids.pop_front();
            }
            exemplar.error_ids.push_back(id);
        }
    }

    /// Group, time, text, error ids.
    pub(super) fn list(&self) -> Vec<(usize, i64, String, Vec<String>)> {
        let list = self.by_group.iter().map(|(group, exemplar)| {
            let ids = exemplar.error_ids.iter().cloned().collect();
            (*group, exemplar.at_ms, exemplar.text.clone(), ids)
        });
        list.collect()
    }

    /// Bytes of all texts.
    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}
