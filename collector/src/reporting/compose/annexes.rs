//! Annexes 3 to 6: errors, queries, failed transactions, and what the figures rest on.

use crate::{
    domain::{
        AgentId,
        period::Period,
        summary::{DatabaseSummary, ErrorSummary, FateSummary, GapSummary, QuerySummary},
    },
    reporting::{
        model::{
            AgentCoverage, Coverage, DatabaseRow, ERRORS_MAX, EXEMPLARS_MAX, ErrorAnnex, ErrorRow,
            FailureAnnex, FateRow, GAPS_MAX, GROUPS_ASKED, GapRow, QueryAnnex, QueryRow,
            SILENCES_MAX,
        },
        query::{Facts, ServerFacts},
    },
};

pub(super) fn errors(facts: &Facts) -> ErrorAnnex {
    let mut rows: Vec<_> = facts.errors.iter().take(ERRORS_MAX).map(error_row).collect();
    rows.iter_mut().skip(EXEMPLARS_MAX).for_each(|row| row.exemplar = None);
    ErrorAnnex {
        rows,
        groups: facts.errors.len() as i64,
        occurrences: occurrences(facts.errors.iter()),
        groups_capped: facts.errors.len() >= GROUPS_ASKED as usize,
        no_logs: facts.fates.iter().all(|fate| fate.read == 0),
    }
}

pub(super) fn queries(facts: &Facts) -> QueryAnnex {
    QueryAnnex {
        by_calls: facts.queries_by_calls.iter().map(query_row).collect(),
        by_total_time: facts.queries_by_total_time.iter().map(query_row).collect(),
    }
}

pub(super) fn failures(facts: &Facts) -> FailureAnnex {
    let failed = || facts.errors.iter().filter(|error| error.failed_transaction);
    let without_exemplar = |error: &ErrorSummary| ErrorRow { exemplar: None, ..error_row(error) };
    FailureAnnex {
        databases: facts.databases.iter().map(database_row).collect(),
        errors: failed().take(ERRORS_MAX).map(without_exemplar).collect(),
        occurrences: occurrences(failed()),
    }
}

pub(super) fn coverage(facts: &Facts, covered: Period) -> Coverage {
    Coverage {
        minutes: covered.len_ms() / 60_000,
        agents: facts
            .servers
            .iter()
            .map(|server| agent_coverage(server, &facts.contacts, covered))
            .collect(),
        gaps: facts.gaps.iter().take(GAPS_MAX).map(gap_row).collect(),
        gaps_left_out: facts.gaps.len().saturating_sub(GAPS_MAX) as i64,
        fates: facts.fates.iter().map(fate_row).collect(),
    }
}

fn occurrences<'a>(errors: impl Iterator<Item = &'a ErrorSummary>) -> i64 {
    errors.fold(0i64, |sum, error| sum.saturating_add(error.count))
}

fn agent_coverage(
    server: &ServerFacts,
    contacts: &[(AgentId, Period)],
    covered: Period,
) -> AgentCoverage {
    let own = contacts.iter().filter(|(agent, _)| *agent == server.agent);
    let silences = silences(own.map(|(_, contact)| *contact), covered);
    AgentCoverage {
        agent: server.agent.0.clone(),
        hostname: server.hostname.clone(),
        host_minutes: server.hours.iter().map(|hour| hour.minutes).sum(),
        silent_ms: silences.iter().map(|(from, to)| to - from).sum(),
        silences_left_out: silences.len().saturating_sub(SILENCES_MAX) as i64,
        silences: silences.into_iter().take(SILENCES_MAX).collect(),
    }
}

/// What ascending contacts leave open of the period.
fn silences(contacts: impl Iterator<Item = Period>, covered: Period) -> Vec<(i64, i64)> {
    let mut silences = Vec::new();
    let mut heard_until = covered.from_ms;
    for contact in contacts {
        if contact.from_ms > heard_until {
            silences.push((heard_until, contact.from_ms.min(covered.to_ms)));
        }
        heard_until = heard_until.max(contact.to_ms);
    }
    if heard_until < covered.to_ms {
        silences.push((heard_until, covered.to_ms));
    }
    silences
}

fn error_row(error: &ErrorSummary) -> ErrorRow {
    ErrorRow {
        fingerprint: error.fingerprint.clone(),
        origin: error.origin,
        severity: error.severity,
        class: error.class.clone(),
        sqlstate: error.sqlstate.clone(),
        template: error.template.clone(),
        failed_transaction: error.failed_transaction,
        count: error.count,
        estimated: error.estimated,
        last_ms: error.last_ms,
        exemplar: error.exemplar.clone(),
    }
}

fn query_row(query: &QuerySummary) -> QueryRow {
    QueryRow {
        fingerprint: query.fingerprint.clone(),
        source: query.source,
        database: query.database.clone(),
        template: query.template.clone(),
        calls: query.calls,
        total_us: query.total_us,
        mean_us: query.mean_us,
        p95_us: query.p95_us,
        max_us: query.max_us,
    }
}

fn database_row(database: &DatabaseSummary) -> DatabaseRow {
    DatabaseRow {
        cluster: database.cluster.clone(),
        database: database.database.clone(),
        size_first_bytes: database.size_first_bytes,
        size_last_bytes: database.size_last_bytes,
        size_last_ms: database.size_last_ms,
        commits: database.commits,
        rollbacks: database.rollbacks,
        deadlocks: database.deadlocks,
        connections_peak: database.connections_peak,
        connections_max: database.connections_max,
        minutes: database.minutes,
    }
}

fn gap_row(gap: &GapSummary) -> GapRow {
    GapRow {
        agent: gap.agent.clone(),
        source: gap.source.clone(),
        from_ms: gap.from_ms,
        to_ms: gap.to_ms,
        reason: gap.reason.clone(),
        detail: gap.detail.clone(),
    }
}

fn fate_row(fate: &FateSummary) -> FateRow {
    FateRow {
        agent: fate.agent.clone(),
        source: fate.source.clone(),
        read: fate.read,
        counted: fate.counted,
        ignored: fate.ignored,
        before_start: fate.before_start,
        unparsed: fate.unparsed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from_ms: i64, to_ms: i64) -> Period {
        Period { from_ms, to_ms }
    }

    #[test]
    fn silence_is_what_contacts_leave_open() {
        let contacts = [period(10, 20), period(15, 40), period(60, 100)];
        assert_eq!(silences(contacts.into_iter(), period(0, 120)), [(0, 10), (40, 60), (100, 120)]);
        assert_eq!(silences([].into_iter(), period(0, 120)), [(0, 120)]);
        assert_eq!(silences([period(0, 120)].into_iter(), period(0, 120)), []);
    }
}
