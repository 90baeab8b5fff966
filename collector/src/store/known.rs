//! Fingerprints whose template is stored, as far as this program remembers: a template is looked up once
//! for each start of the program, not once for each batch.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Fingerprints that are remembered of each kind: a nation's errors and queries several times over, in
/// two megabytes. Beyond it they are forgotten together, and looked up again.
const FINGERPRINTS_MAX: usize = 100_000;

/// What is remembered; cheap to clone, the same for all clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) errors: Fingerprints,
    pub(super) queries: Fingerprints,
}

/// Fingerprints of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprints(Arc<Mutex<HashSet<i64>>>);

impl Fingerprints {
    /// Whether its template is certainly stored.
    pub(super) fn contains(&self, fingerprint: i64) -> bool {
        self.held().contains(&fingerprint)
    }

    /// Notes those whose template is stored and committed.
    pub(super) fn extend(&self, fingerprints: impl Iterator<Item = i64>) {
        let mut held = self.held();
        for fingerprint in fingerprints {
            if held.len() >= FINGERPRINTS_MAX {
                held.clear();
            }
            held.insert(fingerprint);
        }
    }

    fn held(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let known = Fingerprints::default();
        known.extend([5].into_iter());
        assert!(known.contains(5) && !known.contains(6));
        known.extend(10..10 + FINGERPRINTS_MAX as i64);
        assert!(known.held().len() <= FINGERPRINTS_MAX);
        assert!(known.contains(9 + FINGERPRINTS_MAX as i64) && !known.contains(5));
    }
}
