//! The last sample of each database in a minute.

use std::collections::BTreeMap;

use crate::domain::DatabaseSample;

/// Replaces the sample before; what is asked less often is kept from it.
pub(super) fn merge(
    databases: &mut BTreeMap<(String, String), DatabaseSample>,
    mut sample: DatabaseSample,
) {
    let key = (sample.cluster.clone(), sample.database.clone());
    if let Some(before) = databases.get(&key) {
        sample.size_bytes = sample.size_bytes.or(before.size_bytes);
        sample.accounts = sample.accounts.or(before.accounts);
    }
    databases.insert(key, sample);
}
