//! What belongs to no hour: examples, observations, gaps, fates of lines, facts, read positions, and
//! the note of which days changed.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use crate::{
    domain::{
        AgentId, SiteId,
        availability::{Observation, Target},
        batch::{DatabaseFacts, LineFates},
    },
    store::{
        StoreResult,
        calendar::Calendar,
        value::{clean, from_json, head, plus, quantity, to_json},
    },
};

use super::{
    gather::{Example, GapKey},
    spans::{Span, place},
};

/// Longest example that is kept, as in the contract.
const EXAMPLE_BYTES_MAX: usize = 4_000;

/// Keeps the newest example of each fingerprint, and the newest error ids; of two of the same time, the
/// greater, so that the order of folding does not matter.
pub(super) async fn write_exemplars(
    tx: &mut AnyConnection,
    site: &SiteId,
    exemplars: &BTreeMap<i64, Example>,
) -> StoreResult<()> {
    for (fingerprint, example) in exemplars {
        let (ids_at_ms, ids) = &example.error_ids;
        sqlx::query(
            "INSERT INTO exemplar (site_id, fingerprint, at_ms, text, ids_at_ms, error_ids)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (site_id, fingerprint) DO UPDATE SET
                 at_ms = CASE WHEN exemplar.at_ms < excluded.at_ms
                     THEN excluded.at_ms ELSE exemplar.at_ms END,
                 text = CASE WHEN exemplar.at_ms < excluded.at_ms
                         OR (exemplar.at_ms = excluded.at_ms AND exemplar.text < excluded.text)
                     THEN excluded.text ELSE exemplar.text END,
                 ids_at_ms = CASE WHEN exemplar.ids_at_ms < excluded.ids_at_ms
                     THEN excluded.ids_at_ms ELSE exemplar.ids_at_ms END,
                 error_ids = CASE WHEN exemplar.ids_at_ms < excluded.ids_at_ms
                         OR (exemplar.ids_at_ms = excluded.ids_at_ms
                             AND exemplar.error_ids < excluded.error_ids)
                     THEN excluded.error_ids ELSE exemplar.error_ids END",
        )
        .bind(site.0.as_str())
        .bind(*fingerprint)
        .bind(example.text.0)
        .bind(clean(head(&example.text.1, EXAMPLE_BYTES_MAX)).into_owned())
        .bind(*ids_at_ms)
        .bind(ids.as_str())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Adds observations to what is stored, without overlaps.
pub(super) async fn write_observations(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    observations: &[Observation],
) -> StoreResult<()> {
    let mut subjects: BTreeMap<(Target, String), Vec<Span>> = BTreeMap::new();
    for one in observations.iter().filter(|one| one.period.len_ms() > 0) {
        let span = Span {
            from_ms: one.period.from_ms,
            to_ms: one.period.to_ms,
            state: one.state.as_str().to_owned(),
            reason: clean(&one.reason).into_owned(),
        };
        let subject = (one.target, clean(&one.subject).into_owned());
        subjects.entry(subject).or_default().push(span);
    }
    for ((target, subject), mut news) in subjects {
        news.sort();
        place_all(tx, site, agent, target, &subject, news).await?;
    }
    Ok(())
}

async fn place_all(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    target: Target,
    subject: &str,
    news: Vec<Span>,
) -> StoreResult<()> {
    let from_ms = news.iter().map(|span| span.from_ms).min().unwrap_or(0);
    let to_ms = news.iter().map(|span| span.to_ms).max().unwrap_or(0);
    // Those that touch are loaded as well: they may become one with a new one.
    let rows: Vec<(i64, i64, String, String)> = sqlx::query_as(
        "SELECT from_ms, to_ms, state, reason FROM observation
         WHERE site_id = $1 AND agent_id = $2 AND target = $3 AND subject = $4
             AND to_ms >= $5 AND from_ms <= $6 ORDER BY from_ms",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(target.as_str())
    .bind(subject)
    .bind(from_ms)
    .bind(to_ms)
    .fetch_all(&mut *tx)
    .await?;
    let stored: Vec<Span> = rows
        .into_iter()
        .map(|(from_ms, to_ms, state, reason)| Span { from_ms, to_ms, state, reason })
        .collect();
    let placed = news.into_iter().fold(stored.clone(), place);
    for gone in stored.iter().filter(|span| !placed.contains(span)) {
        delete_observation(tx, site, agent, target, subject, gone.from_ms).await?;
    }
    for new in placed.iter().filter(|span| !stored.contains(span)) {
        insert_observation(tx, site, agent, target, subject, new).await?;
    }
    Ok(())
}

async fn delete_observation(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    target: Target,
    subject: &str,
    from_ms: i64,
) -> StoreResult<()> {
    sqlx::query(
        "DELETE FROM observation WHERE site_id = $1 AND agent_id = $2 AND target = $3
             AND subject = $4 AND from_ms = $5",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(target.as_str())
    .bind(subject)
    .bind(from_ms)
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_observation(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    target: Target,
    subject: &str,
    span: &Span,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO observation (site_id, agent_id, target, subject, from_ms, to_ms, state, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(site.0.as_str())
    .bind(agent.0.as_str())
    .bind(target.as_str())
    .bind(subject)
    .bind(span.from_ms)
    .bind(span.to_ms)
    .bind(span.state.as_str())
    .bind(span.reason.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds declared losses.
pub(super) async fn write_gaps(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    gaps: &BTreeMap<GapKey, (String, i64)>,
) -> StoreResult<()> {
    for ((source, from_ms, to_ms, reason), (detail, amount)) in gaps {
        sqlx::query(
            "INSERT INTO gap (site_id, agent_id, source, from_ms, to_ms, reason, detail, amount)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (site_id, agent_id, source, from_ms, to_ms, reason)
             DO UPDATE SET amount = gap.amount + excluded.amount",
        )
        .bind(site.0.as_str())
        .bind(agent.0.as_str())
        .bind(clean(source).into_owned())
        .bind(*from_ms)
        .bind(*to_ms)
        .bind(clean(reason).into_owned())
        .bind(clean(detail).into_owned())
        .bind(*amount)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Adds what became of lines, to the day of the batch that told.
pub(super) async fn write_fates(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    calendar: &Calendar,
    fates: &[(i64, LineFates)],
) -> StoreResult<()> {
    for ((day, source), lines) in by_day(fates, calendar) {
        sqlx::query(
            "INSERT INTO line_fate (site_id, day, agent_id, source, lines_read, counted, ignored,
                 before_start, unparsed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (site_id, day, agent_id, source) DO UPDATE SET
                 lines_read = line_fate.lines_read + excluded.lines_read,
                 counted = line_fate.counted + excluded.counted,
                 ignored = line_fate.ignored + excluded.ignored,
                 before_start = line_fate.before_start + excluded.before_start,
                 unparsed = line_fate.unparsed + excluded.unparsed",
        )
        .bind(site.0.as_str())
        .bind(day)
        .bind(agent.0.as_str())
        .bind(clean(source).into_owned())
        .bind(lines[0])
        .bind(lines[1])
        .bind(lines[2])
        .bind(lines[3])
        .bind(lines[4])
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Lines read, counted, ignored, before the start, unparsed: one row a day and log, however many batches
/// told of them.
fn by_day<'a>(
    fates: &'a [(i64, LineFates)],
    calendar: &Calendar,
) -> BTreeMap<(i64, &'a str), [i64; 5]> {
    let mut sums: BTreeMap<(i64, &str), [i64; 5]> = BTreeMap::new();
    for (at_ms, lines) in fates {
        let more = [lines.read, lines.counted, lines.ignored, lines.before_start, lines.unparsed];
        let sum = sums.entry((calendar.day_of(*at_ms), lines.source.as_str())).or_default();
        sum.iter_mut().zip(more).for_each(|(sum, more)| *sum = plus(*sum, quantity(more)));
    }
    sums
}

/// Adds replacements by rule, to the day of the batch that told.
pub(super) async fn write_redactions(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    calendar: &Calendar,
    redactions: &[(i64, String, i64)],
) -> StoreResult<()> {
    let mut sums: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    for (at_ms, rule, count) in redactions {
        let sum = sums.entry((calendar.day_of(*at_ms), rule)).or_default();
        *sum = plus(*sum, *count);
    }
    for ((day, rule), count) in sums {
        sqlx::query(
            "INSERT INTO redaction_day (site_id, day, agent_id, rule, count)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (site_id, day, agent_id, rule)
             DO UPDATE SET count = redaction_day.count + excluded.count",
        )
        .bind(site.0.as_str())
        .bind(day)
        .bind(agent.0.as_str())
        .bind(clean(rule).into_owned())
        .bind(count)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Facts of clusters as they stand with the server: each with the minute that told them.
pub(in crate::store) type DatedFacts = Vec<(i64, DatabaseFacts)>;

/// Replaces facts of clusters by newer ones.
pub(super) async fn write_facts(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    facts: &BTreeMap<String, (i64, DatabaseFacts)>,
) -> StoreResult<()> {
    if facts.is_empty() {
        return Ok(());
    }
    let stored: Option<(String,)> =
        sqlx::query_as("SELECT database_facts FROM server WHERE site_id = $1 AND agent_id = $2")
            .bind(site.0.as_str())
            .bind(agent.0.as_str())
            .fetch_optional(&mut *tx)
            .await?;
    let stored: DatedFacts = match stored {
        Some((json,)) => from_json("database facts", site, &json)?,
        None => Vec::new(),
    };
    let mut merged: BTreeMap<String, (i64, DatabaseFacts)> = facts.clone();
    for (minute, known) in stored {
        let newest = merged.entry(known.cluster.clone()).or_insert_with(|| (minute, known.clone()));
        if newest.0 < minute {
            *newest = (minute, known);
        }
    }
    let dated: DatedFacts = merged.into_values().collect();
    sqlx::query("UPDATE server SET database_facts = $3 WHERE site_id = $1 AND agent_id = $2")
        .bind(site.0.as_str())
        .bind(agent.0.as_str())
        .bind(to_json(&dated)?)
        .execute(tx)
        .await?;
    Ok(())
}

/// Notes when these days of a site last changed.
pub(super) async fn mark_days(
    tx: &mut AnyConnection,
    site: &SiteId,
    days: &BTreeSet<i64>,
    now_ms: i64,
) -> StoreResult<()> {
    for day in days {
        sqlx::query(
            "INSERT INTO site_change (site_id, day, changed_ms) VALUES ($1, $2, $3)
             ON CONFLICT (site_id, day) DO UPDATE SET changed_ms =
                 CASE WHEN site_change.changed_ms > excluded.changed_ms
                      THEN site_change.changed_ms ELSE excluded.changed_ms END",
        )
        .bind(site.0.as_str())
        .bind(*day)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
