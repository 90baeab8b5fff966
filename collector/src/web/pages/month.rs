//! The part of a site's page that is of the running month: availability, databases, errors, queries,
//! losses.

use crate::{
    availability,
    config::Site,
    domain::{
        availability::{Interval, Shares, State, Target},
        batch::Origin,
        period::Period,
        summary::{DatabaseSummary, ErrorSummary, GapSummary, QueryOrder, QuerySummary, Server},
    },
    labels::{Labels, classes, reasons},
    web::{format::Format, shares},
};

/// Errors shown per origin, and queries shown.
pub const ROWS_MAX: usize = 15;
/// Pieces drawn in one bar; finer ones would be thinner than a pixel.
const BAR_PIECES_MAX: usize = 400;
/// Width of a bar in its own units.
const BAR_WIDTH: i64 = 10_000;
/// Intervals listed per target, newest first.
const INTERVALS_MAX: usize = 20;

/// What was read for the month.
pub struct Facts {
    pub period: Period,
    pub ledger: Vec<Interval>,
    pub databases: Vec<DatabaseSummary>,
    pub errors: Vec<ErrorSummary>,
    pub queries: Vec<QuerySummary>,
    pub order: QueryOrder,
    pub gaps: Vec<GapSummary>,
}

/// The month as it is shown.
pub struct MonthView {
    pub id: String,
    pub month: String,
    pub targets: Vec<TargetView>,
    pub databases: Vec<DatabaseView>,
    pub database_errors: Vec<ErrorView>,
    pub application_errors: Vec<ErrorView>,
    pub queries: Vec<QueryView>,
    pub by_time: bool,
    pub gaps: Vec<GapView>,
    pub facts: Vec<ServerFacts>,
}

/// A target's availability.
pub struct TargetView {
    pub target: &'static str,
    pub name: &'static str,
    pub bar: Vec<Piece>,
    pub shares: Vec<ShareView>,
    /// Over the time since it is watched; `None` when nothing was measured.
    pub measured: Option<MeasuredView>,
    pub intervals: Vec<IntervalView>,
    /// Intervals that are not listed.
    pub more: usize,
}

/// A piece of a bar.
pub struct Piece {
    pub x: i64,
    pub width: i64,
    pub state: &'static str,
    pub title: String,
}

/// A state's share.
pub struct ShareView {
    pub state: &'static str,
    pub word: &'static str,
    pub text: String,
}

/// Availability over the measured time: what a site shows that is watched only since some day.
pub struct MeasuredView {
    pub available: String,
    pub misses: bool,
    pub span: String,
    pub since: String,
}

/// A time that was not up.
pub struct IntervalView {
    pub state: &'static str,
    pub word: &'static str,
    pub from: String,
    pub to: String,
    pub span: String,
    pub reason: String,
}

/// A database over the month.
pub struct DatabaseView {
    pub cluster: String,
    pub database: String,
    pub size: Option<String>,
    pub growth: Option<String>,
    pub transactions: String,
    pub rollbacks: String,
    pub deadlocks: String,
    pub connections: String,
}

/// An error group.
pub struct ErrorView {
    pub fingerprint: String,
    pub template: String,
    /// In words.
    pub class: String,
    /// The class itself, and the SQLSTATE where there is one.
    pub class_raw: String,
    pub count: String,
    pub estimated: Option<String>,
    pub last: String,
    pub exemplar: Option<String>,
    pub error_ids: Vec<String>,
    pub failed_transaction: bool,
}

/// A query.
pub struct QueryView {
    pub fingerprint: String,
    pub template: String,
    pub database: String,
    pub calls: String,
    pub total: String,
    pub mean: String,
    pub p95: Option<String>,
    pub max: Option<String>,
    pub source: &'static str,
}

/// A declared loss.
pub struct GapView {
    pub source: String,
    pub from: String,
    pub to: String,
    /// In words.
    pub reason: String,
    /// The reason itself.
    pub reason_raw: String,
    pub detail: String,
}

/// What is known of a server.
pub struct ServerFacts {
    pub agent: String,
    pub lines: Vec<(&'static str, String)>,
    /// Clusters whose statements view does not answer, and why.
    pub no_view: Vec<(String, String)>,
}

/// Builds the view.
pub fn view(site: &Site, servers: &[Server], facts: &Facts, format: Format) -> MonthView {
    let page = Page { site, format, l: format.0.labels() };
    let errors = |origin| {
        let of_origin = facts.errors.iter().filter(move |error| error.origin == origin);
        of_origin.take(ROWS_MAX).map(|error| page.error(error)).collect()
    };
    MonthView {
        id: site.id.0.clone(),
        month: format.month(facts.period.from_ms, site),
        targets: page.targets(facts),
        databases: facts.databases.iter().map(|one| page.database(one)).collect(),
        database_errors: errors(Origin::Database),
        application_errors: errors(Origin::Application),
        queries: facts.queries.iter().take(ROWS_MAX).map(|one| page.query(one)).collect(),
        by_time: facts.order == QueryOrder::TotalTime,
        gaps: facts.gaps.iter().map(|gap| page.gap(gap)).collect(),
        facts: servers.iter().map(|server| page.facts(server)).collect(),
    }
}

struct Page<'a> {
    site: &'a Site,
    format: Format,
    l: &'static Labels,
}

impl Page<'_> {
    /// Targets of which anything is known, and the application in any case.
    fn targets(&self, facts: &Facts) -> Vec<TargetView> {
        let known = |target: &Target| {
            let points = availability::shares(&facts.ledger, *target).basis_points();
            *target == Target::Application
                || shares::of(&points, State::Unknown) < points.iter().sum()
        };
        Target::ALL.into_iter().filter(known).map(|target| self.target(target, facts)).collect()
    }

    fn target(&self, target: Target, facts: &Facts) -> TargetView {
        let intervals: Vec<_> =
            facts.ledger.iter().filter(|interval| interval.target == target).collect();
        let divided = availability::shares(&facts.ledger, target);
        let points = divided.basis_points();
        let share = |(state, points): (State, u32)| ShareView {
            state: state.as_str(),
            word: self.l.state(state),
            text: self.format.basis_points(points),
        };
        let troubles = intervals.iter().filter(|interval| interval.state != State::Up);
        let troubles: Vec<_> = troubles.rev().collect();
        TargetView {
            target: target.as_str(),
            name: self.l.target(target),
            bar: self.bar(&intervals, facts.period),
            shares: State::ALL.into_iter().zip(points).filter(|(_, p)| *p > 0).map(share).collect(),
            measured: self.measured(&divided, &intervals),
            intervals: troubles.iter().take(INTERVALS_MAX).map(|one| self.interval(one)).collect(),
            more: troubles.len().saturating_sub(INTERVALS_MAX),
        }
    }

    fn measured(&self, divided: &Shares, intervals: &[&Interval]) -> Option<MeasuredView> {
        let available = divided.available_of_measured()?;
        let known = |interval: &&&Interval| interval.state != State::Unknown;
        let since_ms = intervals.iter().filter(known).map(|one| one.period.from_ms).min()?;
        Some(MeasuredView {
            available: self.format.basis_points(available),
            misses: divided.misses(self.site.availability_target_permille),
            span: self.format.span(divided.measured_ms()),
            since: self.format.time(since_ms, self.site),
        })
    }

    /// The whole month from left to right; what has not passed stays empty. Of more pieces than can be
    /// drawn, the longest are.
    fn bar(&self, intervals: &[&Interval], period: Period) -> Vec<Piece> {
        let mut drawn: Vec<&Interval> = intervals.to_vec();
        if drawn.len() > BAR_PIECES_MAX {
            drawn.sort_by_key(|one| std::cmp::Reverse(one.period.len_ms()));
            drawn.truncate(BAR_PIECES_MAX);
        }
        let at = |ms: i64| scaled(ms - period.from_ms, period.len_ms());
        let piece = |interval: &&Interval| Piece {
            x: at(interval.period.from_ms),
            width: (at(interval.period.to_ms) - at(interval.period.from_ms)).max(1),
            state: interval.state.as_str(),
            title: self.title(interval),
        };
        drawn.iter().map(piece).collect()
    }

    fn title(&self, interval: &Interval) -> String {
        let word = self.l.state(interval.state);
        let from = self.format.time(interval.period.from_ms, self.site);
        let to = self.format.time(interval.period.to_ms, self.site);
        format!("{word}: {from} – {to} {}", reasons::text(&interval.reason, self.l))
    }

    fn interval(&self, interval: &Interval) -> IntervalView {
        IntervalView {
            state: interval.state.as_str(),
            word: self.l.state(interval.state),
            from: self.format.time(interval.period.from_ms, self.site),
            to: self.format.time(interval.period.to_ms, self.site),
            span: self.format.span(interval.period.len_ms()),
            reason: reasons::text(&interval.reason, self.l),
        }
    }

    fn database(&self, one: &DatabaseSummary) -> DatabaseView {
        let format = self.format;
        let growth = one.size_last_bytes.zip(one.size_first_bytes).map(|(last, first)| {
            let sign = if last < first { "−" } else { "+" };
            format!("{sign}{}", format.bytes(last.abs_diff(first)))
        });
        let bytes = |size: i64| format.bytes(u64::try_from(size).unwrap_or(0));
        let increase = |n: i64| match one.has_increases() {
            true => format.integer(n),
            false => "–".to_owned(),
        };
        DatabaseView {
            cluster: one.cluster.clone(),
            database: one.database.clone(),
            size: one.size_last_bytes.map(bytes),
            growth,
            transactions: increase(one.commits.saturating_add(one.rollbacks)),
            rollbacks: increase(one.rollbacks),
            deadlocks: increase(one.deadlocks),
            connections: format!("{} / {}", one.connections_peak, one.connections_max),
        }
    }

    fn error(&self, error: &ErrorSummary) -> ErrorView {
        let raw = [error.class.as_str(), error.sqlstate.as_str()];
        let raw: Vec<_> = raw.into_iter().filter(|word| !word.is_empty()).collect();
        ErrorView {
            fingerprint: error.fingerprint.clone(),
            template: error.template.clone(),
            class: classes::text(&error.class, self.l).to_owned(),
            class_raw: raw.join(" "),
            count: self.format.integer(error.count),
            estimated: (error.estimated > 0).then(|| self.format.integer(error.estimated)),
            last: self.format.time(error.last_ms, self.site),
            exemplar: error.exemplar.clone(),
            error_ids: error.error_ids.clone(),
            failed_transaction: error.failed_transaction,
        }
    }

    fn query(&self, query: &QuerySummary) -> QueryView {
        let time = |us: i64| self.format.microseconds(us);
        QueryView {
            fingerprint: query.fingerprint.clone(),
            template: query.template.clone(),
            database: query.database.clone(),
            calls: self.format.integer(query.calls),
            total: time(query.total_us),
            mean: time(query.mean_us),
            p95: query.p95_us.map(time),
            max: query.max_us.map(time),
            source: self.l.source(query.source),
        }
    }

    fn gap(&self, gap: &GapSummary) -> GapView {
        GapView {
            source: format!("{} · {}", gap.agent, gap.source),
            from: self.beginning(gap.from_ms),
            to: self.format.time(gap.to_ms, self.site),
            reason: reasons::text(&gap.reason, self.l),
            reason_raw: gap.reason.clone(),
            detail: gap.detail.clone(),
        }
    }

    /// A loss may reach back to before the agent was there: then it begins nowhere.
    fn beginning(&self, from_ms: i64) -> String {
        match from_ms {
            ..=0 => self.l.before_watching.to_owned(),
            _ => self.format.time(from_ms, self.site),
        }
    }

    fn facts(&self, server: &Server) -> ServerFacts {
        let (l, host) = (self.l, &server.host);
        let mut lines = vec![
            (l.fact_host, host.hostname.clone()),
            (l.fact_system, format!("{} · {}", host.os, host.kernel)),
            (l.fact_cpus, host.cpus.to_string()),
            (l.fact_memory, self.format.bytes(host.memory_bytes)),
            (l.fact_boot, self.format.time(host.boot_time_ms, self.site)),
            (l.fact_agent, server.version.clone()),
        ];
        for cluster in &server.database_facts {
            lines.push((
                l.fact_database,
                format!("{} · PostgreSQL {}", cluster.cluster, cluster.version),
            ));
        }
        let no_view = server.database_facts.iter().filter(|cluster| !cluster.statements_view);
        ServerFacts {
            agent: server.agent.0.clone(),
            lines,
            no_view: no_view
                .map(|c| (c.cluster.clone(), c.statements_view_reason.clone()))
                .collect(),
        }
    }
}

/// `part` of `whole` on a bar.
fn scaled(part: i64, whole: i64) -> i64 {
    let at = i128::from(part) * i128::from(BAR_WIDTH) / i128::from(whole.max(1));
    i64::try_from(at.clamp(0, i128::from(BAR_WIDTH))).unwrap_or(BAR_WIDTH)
}
