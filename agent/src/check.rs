//! `pantau-agent check`: tests each piece of the settings and says what to do. Changes nothing, and
//! ends in bounded time whatever does not answer.

mod identity;
mod logs;
mod machine;
mod remote;

use serde::Serialize;

use crate::config::Loaded;

/// What became of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// The agent works, but not fully or not wisely.
    Warn,
    /// The agent cannot do this.
    Fail,
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it went.
    pub verdict: Verdict,
    /// What was tested, as the settings name it, e.g. `log.postgres`.
    pub piece: String,
    /// What was found and, unless all is well, what to do.
    pub text: String,
}

impl Finding {
    fn pass(piece: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Pass, piece: piece.into(), text: text.into() }
    }

    fn warn(piece: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Warn, piece: piece.into(), text: text.into() }
    }

    /// Also what `main` makes of settings that cannot be used.
    pub fn fail(piece: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Fail, piece: piece.into(), text: text.into() }
    }
}

/// Tests every piece, in the order of the settings.
pub async fn run(loaded: &Loaded, now_ms: i64) -> Vec<Finding> {
    let settings = &loaded.settings;
    let mut findings = vec![Finding::pass("settings", "every key is understood")];
    findings.extend(loaded.warnings.iter().map(|text| Finding::warn("settings", text)));
    findings.extend(machine::user());
    findings.push(machine::clock(now_ms));
    findings.extend(machine::spool(&settings.spool));
    let (clusters, facts) = remote::clusters(&settings.clusters, now_ms).await;
    findings.extend(logs::all(&settings.logs, &facts, now_ms));
    findings.extend(clusters);
    findings.extend(remote::probes(&settings.probes, now_ms).await);
    findings.extend(identity::all(settings, now_ms).await);
    findings
}

/// Whether something failed.
pub fn failed(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Fail)
}

/// For people: one line per finding, and how many there are of each.
pub fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.piece.chars().count()).max().unwrap_or(0);
    let mut lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            let word = word(finding.verdict);
            format!("{word}  {:width$}  {}", finding.piece, finding.text)
        })
        .collect();
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    lines.push(format!(
        "{} passed, {} warned, {} failed",
        count(Verdict::Pass),
        count(Verdict::Warn),
        count(Verdict::Fail)
    ));
    lines.join("\n")
}

/// For programs: an array of objects with `verdict`, `piece` and `text`.
pub fn json(findings: &[Finding]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(findings)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "WARN",
        Verdict::Fail => "FAIL",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_table_has_one_line_per_finding_and_a_sum() {
        let findings = [Finding::pass("clock", "it runs"), Finding::fail("log.spse", "missing")];
        assert_eq!(
            table(&findings),
            "pass  clock     it runs\nFAIL  log.spse  missing\n1 passed, 0 warned, 1 failed"
        );
        assert!(failed(&findings) && !failed(&findings[..1]));
        assert!(json(&findings).unwrap().contains("\"verdict\": \"fail\""));
    }

    #[tokio::test]
    async fn each_piece_that_does_not_work_is_named_with_what_to_do() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "zone = \"Asia/Jakarta\"\ncollector = \"{address}\"\n\
             state_dir = \"{}\"\n[[log]]\nkey = \"spse\"\npath = \"/nowhere/application.log\"\n\
             format = \"play\"\n[[postgres]]\nkey = \"utama\"\nhost = \"127.0.0.1\"\nport = {}\n\
             user = \"pantau\"\ndatabase = \"epns_prod\"\n",
            dir.path().display(),
            address.port()
        );
        let loaded = crate::config::parse(Path::new("agent.toml"), &text).unwrap();
        let findings = run(&loaded, 1_900_000_000_000).await;
        for (piece, text) in [
            ("log.spse", "/nowhere/application.log"),
            ("database.utama", "start PostgreSQL"),
            ("identity", "pantau-agent enroll"),
            ("collector", "does not answer"),
        ] {
            let found = findings.iter().find(|finding| finding.piece == piece).unwrap();
            assert_eq!(found.verdict, Verdict::Fail, "{found:?}");
            assert!(found.text.contains(text), "{found:?}");
        }
    }
}
