//! Makes the document of what was counted.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use pantau_logs::{
    entry::{ActivityKind, Origin, REDACTION_VERSION, Severity},
    summary::{
        ActivityTally, ErrorTally, Hour, Kept, QueryTally, RouteTally, StepTally, Summary, Tally,
    },
};
use pantau_sketch::durations::Sketch;

use super::{
    document::{
        Activity, Answers, Counts, Document, ErrorKind, Errors, File, HourCounts, LineCounts,
        Queries, Query, Redaction, Requests, VERSION,
    },
    work::{Job, Read},
};

/// Makes the document.
pub struct Maker<'a> {
    /// What was counted.
    pub summary: &'a Summary,
    /// Times are told in it.
    pub zone: &'a TimeZone,
    /// Kinds told of each ranking.
    pub kinds_max: usize,
}

impl Maker<'_> {
    /// The document of these logs; `files` also of those that were not read.
    pub fn document(&self, files: Vec<File>) -> Document {
        let summary = self.summary;
        let zone = self.zone.iana_name().unwrap_or("UTC");
        Document {
            version: VERSION,
            program: format!("pantau-agent {}", env!("CARGO_PKG_VERSION")),
            zone: zone.to_owned(),
            from: summary.span.map(|span| self.time(span.0)),
            to: summary.span.map(|span| self.time(span.1)),
            files,
            lines: lines(summary),
            estimated_times: summary.estimated,
            errors: self.errors(),
            queries: self.queries(),
            requests: self.requests(),
            database: self.activity(),
            hours: self.hours(),
            redaction: Redaction {
                version: REDACTION_VERSION,
                replaced: summary.redactions.clone(),
            },
        }
    }

    fn time(&self, ms: i64) -> String {
        let at = Timestamp::from_millisecond(ms).unwrap_or_default();
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }

    fn errors(&self) -> Errors {
        let mut errors = Errors {
            total: 0,
            warnings: 0,
            failed_transactions: 0,
            failed_processes: 0,
            by_severity: BTreeMap::new(),
            by_class: BTreeMap::new(),
            by_sqlstate: BTreeMap::new(),
            others: self.summary.errors.others().count,
            kinds: Vec::new(),
        };
        for (sort, count) in &self.summary.error_sorts {
            *errors.by_severity.entry(severity(sort.severity)).or_default() += count;
            if sort.severity == Severity::Warning {
                errors.warnings += count;
                continue;
            }
            errors.total += count;
            match sort.origin {
                Origin::Database if sort.failed => errors.failed_transactions += count,
                Origin::Application if sort.failed => errors.failed_processes += count,
                _ => {}
            }
            *errors.by_class.entry(sort.class).or_default() += count;
            if !sort.sqlstate.is_empty() {
                *errors.by_sqlstate.entry(sort.sqlstate.clone()).or_default() += count;
            }
        }
        let ranked = self.summary.errors.ranked();
        errors.kinds =
            ranked.iter().take(self.kinds_max).filter_map(|(_, kept)| self.error(kept)).collect();
        errors
    }

    fn error(&self, kept: &Kept<ErrorTally>) -> Option<ErrorKind> {
        let tally = &kept.tally;
        let group = tally.group()?;
        Some(ErrorKind {
            fingerprint: format!("{:016x}", group.fingerprint),
            origin: match group.origin {
                Origin::Database => "database",
                Origin::Application => "application",
            },
            severity: severity(group.severity),
            class: group.class,
            sqlstate: group.sqlstate.clone(),
            template: group.template.clone(),
            count: tally.count,
            missing_max: kept.missing_max,
            failed: group.failed_transaction,
            first: tally.span.map(|span| self.time(span.0)),
            last: tally.span.map(|span| self.time(span.1)),
            exemplar: tally.exemplar.clone(),
            error_ids: tally.error_ids.clone(),
            cause: group
                .cause
                .filter(|cause| self.summary.errors.get(*cause).is_some())
                .map(|cause| format!("{cause:016x}")),
        })
    }

    fn queries(&self) -> Queries {
        let ranked = self.summary.queries.ranked();
        let all = ranked.iter().map(|(_, kept)| &kept.tally);
        let mut sum = self.summary.queries.others().clone();
        all.for_each(|tally| sum.merge(tally));
        // The highest of each ranking that is printed.
        let rankings: [Rank<QueryTally>; 4] = [
            |tally| tally.calls,
            |tally| tally.total_us,
            |tally| tally.durations.quantile(950).unwrap_or(0),
            |tally| tally.max_us,
        ];
        let chosen = highest(&ranked, self.kinds_max, &rankings);
        Queries {
            calls: sum.calls,
            total_ms: ms(sum.total_us),
            min_ms: (sum.calls > 0).then(|| ms(sum.min_us)),
            others: self.summary.queries.others().calls,
            kinds: chosen.into_iter().filter_map(|kept| self.query(kept)).collect(),
        }
    }

    fn query(&self, kept: &Kept<QueryTally>) -> Option<Query> {
        let tally = &kept.tally;
        let group = tally.group()?;
        // A sketch tells a value near the true one; none lies beyond the extremes.
        let within = |us: u64| ms(us.clamp(tally.min_us, tally.max_us));
        let quantile = |permille| tally.durations.quantile(permille).map(within);
        let failed = self.summary.failed_statements.get(group.fingerprint);
        Some(Query {
            fingerprint: format!("{:016x}", group.fingerprint),
            database: group.database.clone(),
            template: group.template.clone(),
            calls: tally.calls,
            missing_max: kept.missing_max,
            total_ms: ms(tally.total_us),
            mean_ms: ms(tally.total_us) / tally.calls.max(1) as f64,
            min_ms: ms(tally.min_us),
            max_ms: ms(tally.max_us),
            p50_ms: quantile(500),
            p95_ms: quantile(950),
            p99_ms: quantile(990),
            errors: failed.map_or(0, |failed| failed.tally.0),
            applications: tally.applications.iter().map(|(n, c)| (n.to_string(), *c)).collect(),
        })
    }

    fn requests(&self) -> Requests {
        let routes = self.summary.routes.ranked();
        let steps = self.summary.steps.iter();
        let all: Vec<_> = steps.clone().map(|(_, tally)| tally).collect();
        let mut by_requests: Vec<_> =
            steps.map(|(name, tally)| answers(name, name, tally)).collect();
        by_requests.sort_by(|a, b| b.requests.cmp(&a.requests).then(a.name.cmp(&b.name)));
        let top = routes.into_iter().take(self.kinds_max);
        Requests {
            total: all.iter().map(|tally| tally.requests).sum(),
            bytes: all.iter().map(|tally| tally.bytes).sum(),
            failed: all.iter().map(|tally| tally.statuses.failed()).sum(),
            others: self.summary.routes.others().requests.requests,
            steps: by_requests,
            routes: top.filter_map(|(_, kept)| route(kept)).collect(),
        }
    }

    fn activity(&self) -> Vec<Activity> {
        let all = self.summary.activity.iter();
        all.map(|((kind, subject), tally)| activity(*kind, subject, tally)).collect()
    }

    fn hours(&self) -> Vec<HourCounts> {
        let hours = self.summary.hours.iter();
        hours
            .map(|(hour, tally)| HourCounts {
                hour: self.time(hour.saturating_mul(3_600_000)),
                counts: counts(tally),
            })
            .collect()
    }
}

/// What kinds are ranked by.
type Rank<T> = fn(&T) -> u64;

/// Kinds that stand among the first of any ranking, in the order given.
fn highest<'a, T>(
    ranked: &[(u64, &'a Kept<T>)],
    first: usize,
    rankings: &[Rank<T>],
) -> Vec<&'a Kept<T>> {
    let mut bars = Vec::new();
    for rank in rankings {
        let mut values: Vec<_> = ranked.iter().map(|(_, kept)| rank(&kept.tally)).collect();
        values.sort_unstable_by(|a, b| b.cmp(a));
        bars.push(values.get(first.saturating_sub(1)).copied().unwrap_or(0));
    }
    let stands =
        |kept: &&Kept<T>| rankings.iter().zip(&bars).any(|(rank, bar)| rank(&kept.tally) >= *bar);
    ranked.iter().map(|(_, kept)| *kept).filter(stands).collect()
}

fn lines(summary: &Summary) -> LineCounts {
    LineCounts {
        read: summary.lines.read(),
        counted: summary.lines.counted,
        outside_period: summary.lines.outside,
        unparsed: summary.lines.unparsed,
        ignored: summary.lines.ignored.clone(),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Fatal => "fatal",
        Severity::Panic => "panic",
    }
}

fn route(kept: &Kept<RouteTally>) -> Option<Answers> {
    let route = kept.tally.route()?;
    let name = format!("{} {}", route.method, route.template);
    let answers = answers(&name, &route.step, &kept.tally.requests);
    Some(Answers { missing_max: kept.missing_max, ..answers })
}

fn answers(name: &str, step: &str, tally: &StepTally) -> Answers {
    let timed = timed(&tally.durations);
    Answers {
        name: name.to_owned(),
        step: step.to_owned(),
        requests: tally.requests,
        missing_max: 0,
        statuses: tally.statuses.0,
        bytes: tally.bytes,
        mean_ms: timed.map(|count| ms(tally.total_us) / count as f64),
        p95_ms: tally.durations.quantile(950).map(|us| ms(us.min(tally.max_us))),
        max_ms: timed.map(|_| ms(tally.max_us)),
    }
}

fn timed(durations: &Sketch) -> Option<u64> {
    Some(durations.count()).filter(|count| *count > 0)
}

fn activity(kind: ActivityKind, subject: &str, tally: &ActivityTally) -> Activity {
    let (kind, unit) = match kind {
        ActivityKind::LockWait => ("lock_wait", "us"),
        ActivityKind::TemporaryFile => ("temporary_file", "bytes"),
        ActivityKind::Checkpoint => ("checkpoint", "us"),
        ActivityKind::Vacuum => ("vacuum", "us"),
        ActivityKind::Analyze => ("analyze", "us"),
        ActivityKind::Connected => ("connected", "times"),
        ActivityKind::Disconnected => ("disconnected", "us"),
    };
    let ActivityTally { count, total, max } = *tally;
    Activity { kind, unit, subject: subject.to_owned(), count, total, max }
}

fn counts(hour: &Hour) -> Counts {
    Counts {
        errors: hour.errors,
        failed: hour.failed,
        calls: hour.calls,
        query_ms: ms(hour.query_us),
        requests: hour.requests,
        request_errors: hour.request_errors,
        visitors: hour.visitors.count(),
    }
}

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

/// What is told of a log.
pub fn file(job: &Job, why: &str, read: Read) -> File {
    File {
        name: job.input.name(),
        format: job.format.name.to_owned(),
        why: why.to_owned(),
        bytes: read.bytes,
        lines: read.lines,
        unparsed: read.unparsed,
        fault: read.fault,
        same_as: None,
    }
}
