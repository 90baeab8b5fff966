//! What stands in for a definition that an agent has lost: counts under it are kept, under a name that
//! says so.

use crate::domain::batch::{ErrorGroup, Gap, Origin, QueryGroup, QuerySource, Severity};

/// Fingerprint of both, above all that agents give out in practice and the same at every site.
const FINGERPRINT: i64 = 0x4c4f_5354_4c4f_5354;
/// Class of errors whose definition is lost; the labels know it.
pub const CLASS: &str = "collector.definition_lost";
/// Reason of a gap for what cannot be read without its definition; the labels know it.
pub const REASON: &str = "definition_lost";
/// Name of a log or rule whose name is lost.
pub const NAME: &str = "definition_lost";

pub fn error() -> ErrorGroup {
    ErrorGroup {
        fingerprint: FINGERPRINT,
        fingerprint_version: 0,
        origin: Origin::Application,
        severity: Severity::Error,
        class: CLASS.to_owned(),
        sqlstate: String::new(),
        template: "(the agent has lost the text of this error; its count is exact)".to_owned(),
        failed_transaction: false,
    }
}

pub fn query() -> QueryGroup {
    QueryGroup {
        fingerprint: FINGERPRINT,
        fingerprint_version: 0,
        source: QuerySource::Log,
        template: "(the agent has lost the text of this query; its figures are exact)".to_owned(),
        database: String::new(),
    }
}

/// Samples or observations that cannot be told apart any more.
pub fn gap(source: &str, from_ms: i64, to_ms: i64, amount: u64) -> Gap {
    Gap {
        source: source.to_owned(),
        from_ms,
        to_ms,
        reason: REASON.to_owned(),
        detail: String::new(),
        amount,
    }
}
