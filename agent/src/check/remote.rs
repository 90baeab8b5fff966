//! What answers over a socket: clusters, probes.

use tokio_postgres::config::Host;

use super::Finding;
use crate::{
    config::{ClusterSettings, ProbeSettings},
    domain::{DatabaseFacts, State, TargetCheck},
    sample::{
        postgres::{ClusterReport, ClusterSampler},
        probe::Probe,
    },
};

/// Samples each cluster once; the facts are for the logs' check.
pub(super) async fn clusters(
    clusters: &[ClusterSettings],
    now_ms: i64,
) -> (Vec<Finding>, Vec<DatabaseFacts>) {
    let (mut findings, mut facts) = (Vec::new(), Vec::new());
    for settings in clusters {
        let report = ClusterSampler::new(settings.clone(), None).sample(now_ms).await;
        findings.extend(cluster(settings, &report));
        facts.extend(report.facts);
    }
    (findings, facts)
}

fn cluster(settings: &ClusterSettings, report: &ClusterReport) -> Vec<Finding> {
    let piece = format!("database.{}", settings.key);
    let mut findings = Vec::new();
    if let Some(facts) = &report.facts {
        findings.push(Finding::pass(&*piece, answers(facts, report)));
        findings.push(statements(&piece, facts));
    }
    for problem in &report.problems {
        findings.push(match report.facts {
            None => Finding::fail(&*problem.subject, &*problem.text),
            Some(_) => Finding::warn(&*problem.subject, &*problem.text),
        });
    }
    if settings.connection.get_hosts().iter().any(is_elsewhere) {
        let text = "the connection to another machine is not encrypted: let an agent on that machine \
                    watch it, or carry the port through an SSH tunnel";
        findings.push(Finding::warn(piece, text));
    }
    findings
}

fn answers(facts: &DatabaseFacts, report: &ClusterReport) -> String {
    let names: Vec<_> = report.samples.iter().map(|sample| sample.database.as_str()).collect();
    let latency_ms = report.check.as_ref().map_or(0, |check| check.latency_ms);
    format!(
        "PostgreSQL {} answers in {latency_ms} ms; databases: {}",
        facts.version,
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    )
}

/// Query times come from the view or, less fully, from the log; with neither there are none.
fn statements(piece: &str, facts: &DatabaseFacts) -> Finding {
    let piece = format!("{piece}.statements");
    if facts.statements_view {
        return Finding::pass(piece, "pg_stat_statements answers");
    }
    let instead = match facts.log_min_duration_ms {
        ms if ms < 0 => "; queries are not timed until then".to_owned(),
        ms => format!("; until then only queries of {ms} ms and more are timed, from the log"),
    };
    Finding::warn(piece, format!("{}{instead}", facts.statements_view_reason))
}

fn is_elsewhere(host: &Host) -> bool {
    match host {
        Host::Unix(_) => false,
        Host::Tcp(name) => {
            name != "localhost"
                && !name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

/// Asks each address once.
pub(super) async fn probes(probes: &[ProbeSettings], now_ms: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for settings in probes {
        findings.push(match Probe::new(settings.clone()) {
            Ok(probe) => judge_probe(&probe.check(now_ms).await),
            Err(error) => Finding::fail("probe", format!("{error:#}")),
        });
    }
    findings
}

fn judge_probe(check: &TargetCheck) -> Finding {
    let (url, ms, reason) = (&check.subject, check.latency_ms, check.reason.as_str());
    match check.state {
        State::Up => Finding::pass("probe", format!("{url} answers in {ms} ms")),
        State::Degraded => {
            Finding::warn("probe", format!("{url} answers in {ms} ms, slower than slow_ms"))
        }
        State::Down => {
            let advice = match reason {
                "connect_refused" => "start the application, or correct the port in url",
                "dns" => "the name is not known on this machine: correct url or its DNS",
                "tls" => "the certificate is not valid for this name, or this port speaks no TLS",
                "timeout" => "it is overloaded, or a firewall drops the packets",
                "text_missing" => "the page lacks expect_text: correct one of the two",
                _ if reason.starts_with("http_") => {
                    "see the application's log, or correct url or expect_status"
                }
                _ => "try it by hand with curl -v",
            };
            Finding::fail("probe", format!("{url} fails ({reason}): {advice}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};
    use crate::domain::Target;

    #[test]
    fn a_failed_probe_says_what_to_do_for_each_reason() {
        let check = |reason: &str| TargetCheck {
            target: Target::Application,
            state: State::Down,
            reason: reason.to_owned(),
            latency_ms: 1,
            subject: "http://127.0.0.1:9009/".to_owned(),
            at_ms: 0,
        };
        for (reason, advice) in [
            ("connect_refused", "start the application"),
            ("http_500", "application's log"),
            ("text_missing", "expect_text"),
            ("broken_answer", "curl"),
        ] {
            let finding = judge_probe(&check(reason));
            assert_eq!(finding.verdict, Verdict::Fail);
            assert!(finding.text.contains(advice) && finding.text.contains(reason), "{finding:?}");
        }
    }

    #[test]
    fn only_a_cluster_on_another_machine_is_warned_of() {
        for (host, elsewhere) in
            [("127.0.0.1", false), ("localhost", false), ("::1", false), ("10.0.0.7", true)]
        {
            assert_eq!(is_elsewhere(&Host::Tcp(host.to_owned())), elsewhere, "{host}");
        }
        assert!(!is_elsewhere(&Host::Unix("/run/postgresql".into())));
    }

    #[test]
    fn without_the_view_the_log_times_queries_where_it_does() {
        let facts = DatabaseFacts {
            statements_view_reason: "CREATE EXTENSION".to_owned(),
            log_min_duration_ms: 250,
            ..DatabaseFacts::default()
        };
        assert!(statements("database.utama", &facts).text.contains("250 ms and more"));
        let facts = DatabaseFacts { log_min_duration_ms: -1, ..facts };
        assert!(statements("database.utama", &facts).text.contains("not timed"));
        let facts = DatabaseFacts { statements_view: true, ..facts };
        assert_eq!(statements("database.utama", &facts).verdict, Verdict::Pass);
    }
}
