//! Joins parse, redact and group: lines of one log in, counted entries out.

use crate::{
    config::LogFormat,
    domain::{Entry, QueryCount, QueryGroup, StatementDelta},
};

/// What is understood of one log file, line by line. Holds at most one unfinished entry.
pub struct LogStream;

impl LogStream {
    /// `prefix`: the server's `log_line_prefix` where it is known (settings, or asked). `not_before_ms`:
    /// older entries get the fate `BeforeStart`.
    pub fn new(
        _format: &LogFormat,
        _prefix: Option<&str>,
        _zone: jiff::tz::TimeZone,
        _not_before_ms: Option<i64>,
    ) -> LogStream {
        unimplemented!()
    }

    /// Takes one line without its line end; `end` is the offset after it. Returns the entry before it when
    /// this line shows that it was complete. `now_ms` bounds guesses of a missing date.
    pub fn line(&mut self, _bytes: &[u8], _end: u64, _now_ms: i64) -> Option<Entry> {
        unimplemented!()
    }

    /// No further line has come for a while, or the file ends here: closes the unfinished entry.
    pub fn finish(&mut self) -> Option<Entry> {
        unimplemented!()
    }

    /// Replacements made by each redaction rule since the last call.
    pub fn take_redactions(&mut self) -> Vec<(&'static str, u64)> {
        unimplemented!()
    }
}

/// Groups what `pg_stat_statements` told; deltas whose text means the same query are added up.
pub fn statements(
    _cluster: &str,
    _deltas: Vec<StatementDelta>,
) -> Vec<(std::sync::Arc<QueryGroup>, QueryCount)> {
    unimplemented!()
}
