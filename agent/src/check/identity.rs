//! Who this server is to the collector, and whether the collector takes it for that.
//!
//! A connection is made as the agent makes it, through the proxy, up to the first bytes of HTTP/2 that the
//! collector sends once it has accepted the certificate. No greeting is sent: an agent that runs keeps its
//! stream, and whether the site is known there shows only in its log.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::Finding;
use crate::{
    config::Settings,
    identity::{self, Due, Enrolled, Store, due},
    ship::{Alerts, Dialer, Meter},
};

/// How every client begins HTTP/2 (RFC 9113 section 3.4): the preface and empty settings.
const HTTP2_BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const WAITS: &str = "until then batches wait in the spool";

/// The identity on disk, then the collector.
pub(super) async fn all(settings: &Settings, now_ms: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let enrolled = match identity::load(settings) {
        Ok(enrolled) => Some(enrolled),
        Err(error) => {
            findings.push(Finding::fail("identity", format!("{error:#}")));
            None
        }
    };
    if let Some(enrolled) = &enrolled {
        findings.push(validity(enrolled, now_ms));
        findings.push(permissions(&Store::within(&settings.state_dir)));
    }
    findings.push(collector(settings, enrolled.as_ref(), now_ms).await);
    findings
}

fn validity(enrolled: &Enrolled, now_ms: i64) -> Finding {
    let Enrolled { site_id, agent_id, not_after_ms, .. } = enrolled;
    let until = jiff::Timestamp::from_millisecond(*not_after_ms).unwrap_or_default();
    let text = format!("{agent_id} of site {site_id}, until {}", until.strftime("%Y-%m-%d"));
    match due(enrolled, now_ms, false) {
        Due::WrongClock(text) => Finding::fail("identity", text),
        Due::Later => Finding::pass("identity", text),
        Due::Now if enrolled.is_expired(now_ms) => Finding::warn(
            "identity",
            format!("{text}: it is over; start the agent, which asks for the next one"),
        ),
        Due::Now => Finding::pass("identity", format!("{text}; the agent is about to renew it")),
    }
}

fn permissions(store: &Store) -> Finding {
    let (piece, file) = ("identity.key", store.file());
    let (shown, dir) = (file.display(), file.parent().unwrap_or(&file).display());
    match store.open_to_others() {
        Ok(false) => Finding::pass(piece, "only its owner can read it"),
        Ok(true) => Finding::fail(
            piece,
            format!(
                "others can read {shown}: do chmod 700 {dir} and chmod 600 {shown}, then enrol again"
            ),
        ),
        Err(error) => Finding::fail(piece, format!("{shown} cannot be read ({error})")),
    }
}

async fn collector(settings: &Settings, enrolled: Option<&Enrolled>, now_ms: i64) -> Finding {
    let piece = "collector";
    let known = enrolled.map(|enrolled| enrolled.collector.clone());
    let Some(address) = settings.collector.address.clone().or(known) else {
        return Finding::fail(piece, "not known yet: enrolment says it, or set `collector`");
    };
    let meter = Meter::open(settings.state_dir.join("traffic.json"), settings.zone.clone(), now_ms);
    let dialer = Dialer::new(address.clone(), settings.collector.proxy.clone(), Arc::new(meter));
    let Some(enrolled) = enrolled else {
        return match dialer.reach().await {
            Ok(()) => {
                let text = format!("{address} takes connections; more shows after enrolment");
                Finding::warn(piece, text)
            }
            Err(error) => {
                Finding::fail(piece, format!("{error:#}: correct the address, or start it"))
            }
        };
    };
    match accepted(&dialer, enrolled, settings.collector.tls_1_2).await {
        Ok(()) => Finding::pass(
            piece,
            format!(
                "{address} is the one enrolled with and accepts the certificate (no greeting was sent)"
            ),
        ),
        Err(error) => Finding::fail(piece, format!("{error:#}; {WAITS}")),
    }
}

/// With TLS 1.3 the collector judges our certificate after our side of the handshake is done, so only
/// what comes behind it tells.
async fn accepted(dialer: &Dialer, enrolled: &Enrolled, tls_1_2: bool) -> anyhow::Result<()> {
    let alerts = Arc::<Alerts>::default();
    let tls = enrolled.tls(tls_1_2)?;
    let mut connection = dialer.dial(tls.into(), alerts.clone()).await?;
    let asked = async {
        connection.write_all(HTTP2_BEGIN).await?;
        connection.flush().await?;
        connection.read_u8().await
    };
    let answered = timeout(ANSWER_TIMEOUT, asked).await;
    if let Some(alert) = alerts.last() {
        anyhow::bail!("{}", alert.advice());
    }
    match answered {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => anyhow::bail!("the connection ended ({error}): see the collector's log"),
        Err(_) => anyhow::bail!("no answer within {} s", ANSWER_TIMEOUT.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};
    use crate::identity::samples::{Day, HOLDS, OVER, Office, enrol_at, enrol_into};

    fn settings(dir: &std::path::Path, more: &str) -> Settings {
        let text = format!("zone = \"Asia/Jakarta\"\nstate_dir = \"{}\"\n{more}", dir.display());
        crate::config::parse(std::path::Path::new("agent.toml"), &text).unwrap().settings
    }

    async fn checked(life: (Day, Day)) -> Vec<(Verdict, String)> {
        let (office, address) = Office::new().open().await;
        let dir = tempfile::tempdir().unwrap();
        enrol_at(&office, address, dir.path(), life);
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let findings = all(&settings(dir.path(), ""), now_ms).await;
        assert!(office.renewals.lock().unwrap().is_empty(), "a check changes nothing");
        findings.into_iter().map(|finding| (finding.verdict, finding.text)).collect()
    }

    #[tokio::test]
    async fn a_collector_that_takes_the_certificate_passes() {
        let findings = checked(HOLDS).await;
        assert!(findings.iter().all(|(verdict, _)| *verdict == Verdict::Pass), "{findings:?}");
        assert!(findings[0].1.contains("app-1 of site lpse-contoh, until 2120-01-01"));
    }

    #[tokio::test]
    async fn a_certificate_that_is_over_is_told_by_this_side_and_by_the_collector() {
        let findings = checked(OVER).await;
        assert_eq!(findings[0].0, Verdict::Warn);
        let (verdict, text) = &findings[2];
        assert!(*verdict == Verdict::Fail && text.contains("expired"), "{text}");
    }

    #[tokio::test]
    async fn names_that_disagree_and_files_open_to_others_fail() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        enrol_into(dir.path());
        let findings = all(&settings(dir.path(), "site = \"lpse-lain\""), 0).await;
        assert!(findings[0].text.contains("enrolled as \"lpse-contoh\""), "{findings:?}");
        let file = Store::within(dir.path()).file();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let findings = all(&settings(dir.path(), ""), 0).await;
        assert!(findings[0].text.contains("clock"), "{findings:?}");
        assert_eq!(findings[1].verdict, Verdict::Fail);
    }
}
