//! What belongs to no hour: examples, observations, gaps, fates of lines, facts, read positions, and
//! the note of which days changed.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use crate::{
    domain::{
        AgentId, Epoch, SiteId,
        availability::{Observation, Target},
        batch::{DatabaseFacts, LineFates, SourcePosition},
    },
    store::{
        StoreResult,
        calendar::Calendar,
        value::{clean, from_json, head, quantity, raw, to_json},
    },
};

use super::{
    gather::{Example, GapKey},
    spans::{Span, place},
};

/// Longest example that is kept, as in the contract.
const EXAMPLE_BYTES_MAX: usize = 4_000;
/// Most error ids kept with an example, as in the contract.
const ERROR_IDS_MAX: usize = 16;

/// Keeps the newest example of each fingerprint; of two of the same time, the greater text, so that the
/// order of folding does not matter.
pub(super) async fn write_exemplars(
    tx: &mut AnyConnection,
    site: &SiteId,
    exemplars: &BTreeMap<i64, Example>,
) -> StoreResult<()> {
    for (fingerprint, example) in exemplars {
        let ids: Vec<&String> = example.error_ids.iter().take(ERROR_IDS_MAX).collect();
        sqlx::query(
            "INSERT INTO exemplar (site_id, fingerprint, at_ms, text, error_ids)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (site_id, fingerprint) DO UPDATE SET at_ms = excluded.at_ms,
                 text = excluded.text, error_ids = excluded.error_ids
             WHERE exemplar.at_ms < excluded.at_ms
                 OR (exemplar.at_ms = excluded.at_ms AND exemplar.text < excluded.text)",
        )
        .bind(site.0.as_str())
        .bind(*fingerprint)
        .bind(example.at_ms)
        .bind(clean(head(&example.text, EXAMPLE_BYTES_MAX)).into_owned())
        .bind(to_json(&ids)?)
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
    for (at_ms, lines) in fates {
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
        .bind(calendar.day_of(*at_ms))
        .bind(agent.0.as_str())
        .bind(clean(&lines.source).into_owned())
        .bind(quantity(lines.read))
        .bind(quantity(lines.counted))
        .bind(quantity(lines.ignored))
        .bind(quantity(lines.before_start))
        .bind(quantity(lines.unparsed))
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

/// Notes the read positions of the highest batch of each epoch.
pub(super) async fn write_positions(
    tx: &mut AnyConnection,
    site: &SiteId,
    agent: &AgentId,
    positions: &BTreeMap<Epoch, (u64, Vec<SourcePosition>)>,
) -> StoreResult<()> {
    for (epoch, (seq, of_batch)) in positions {
        sqlx::query(
            "INSERT INTO agent_position (site_id, agent_id, epoch, seq, positions)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (site_id, agent_id, epoch) DO UPDATE SET
                 seq = excluded.seq, positions = excluded.positions
             WHERE agent_position.seq < excluded.seq",
        )
        .bind(site.0.as_str())
        .bind(agent.0.as_str())
        .bind(epoch.0.as_slice())
        .bind(raw(*seq))
        .bind(to_json(of_batch)?)
        .execute(&mut *tx)
        .await?;
    }
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
