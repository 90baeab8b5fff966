//! Names the statements of `pg_stat_statements` as those of the log are named.

use std::{collections::HashMap, sync::Arc};

use pantau_logs::{group::Canonical, understand::name_statement};

use crate::domain::{QueryCount, QueryGroup, QuerySource, StatementDelta};

/// Deltas of a cluster by query; those whose text means the same query are added up.
pub(super) fn name(
    cluster: &str,
    deltas: Vec<StatementDelta>,
) -> Vec<(Arc<QueryGroup>, QueryCount)> {
    let mut canonical = Canonical::default();
    let mut found: Vec<(Arc<QueryGroup>, QueryCount)> = Vec::new();
    let mut places: HashMap<(u64, String), usize> = HashMap::new();
    for delta in deltas {
        let (fingerprint, template) = name_statement(&mut canonical, &delta.text);
        let place =
            *places.entry((fingerprint, delta.database)).or_insert_with_key(|(_, database)| {
                let database = format!("{cluster}/{database}");
                let source = QuerySource::StatementsView;
                let group = QueryGroup { fingerprint, source, template, database };
                found.push((Arc::new(group), QueryCount::default()));
                found.len() - 1
            });
        if let Some((_, count)) = found.get_mut(place) {
            count.calls += delta.calls;
            count.total_us += delta.total_us;
            count.rows += delta.rows;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_mean_the_same_are_added_up() {
        let delta = |text: &str, calls| StatementDelta {
            database: "epns_prod".to_owned(),
            text: text.to_owned(),
            calls,
            total_us: 10,
            rows: 1,
        };
        let named = name(
            "spse",
            vec![
                delta("SELECT * FROM lelang WHERE nama IN ($1, $2) LIMIT $3", 2),
                delta("SELECT * FROM lelang WHERE nama IN ($1) LIMIT $2", 3),
                delta("SELECT 1", 4),
            ],
        );
        assert_eq!(named.len(), 2);
        let (group, count) = &named[0];
        assert_eq!(group.database, "spse/epns_prod");
        assert_eq!(*count, QueryCount { calls: 5, total_us: 20, max_us: 0, rows: 2 });
    }
}
