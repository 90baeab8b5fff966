//! Since when a problem stands: the same subject in two samples running is one problem.

use std::collections::HashMap;

use crate::domain::Problem;

/// Problems of the sample before, by subject.
#[derive(Debug, Default)]
pub(super) struct Standing {
    since_ms: HashMap<String, i64>,
}

impl Standing {
    /// Gives each problem (subject, text) the time at which its subject first came; what is not named
    /// any more is over.
    pub(super) fn dated(&mut self, found: Vec<(String, String)>, now_ms: i64) -> Vec<Problem> {
        let before = std::mem::take(&mut self.since_ms);
        let mut problems = Vec::with_capacity(found.len());
        for (subject, text) in found {
            let since_ms = before.get(&subject).copied().unwrap_or(now_ms);
            self.since_ms.insert(subject.clone(), since_ms);
            problems.push(Problem { subject, text, since_ms });
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_keeps_its_begin_until_it_is_over() {
        let mut standing = Standing::default();
        let found = || vec![("host.cpu".to_owned(), "unreadable".to_owned())];
        assert_eq!(standing.dated(found(), 10)[0].since_ms, 10);
        assert_eq!(standing.dated(found(), 20)[0].since_ms, 10);
        assert!(standing.dated(Vec::new(), 30).is_empty());
        assert_eq!(standing.dated(found(), 40)[0].since_ms, 40);
    }
}
