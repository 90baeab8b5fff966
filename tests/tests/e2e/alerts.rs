//! Each state change reaches people once, by mail and by webhook.

use std::time::Duration;

use anyhow::{Context, Result};
use pantau_tests::{
    agent::{self, Agent},
    collector::Collector,
    eventually,
    mail::MailSink,
    scratch::Scratch,
    spse::{FOOTER, Spse},
    webhook::Webhook,
};
use serde_json::Value;

/// Disk and memory never alert here: only the site does.
const SETTINGS: &str = "[thresholds]\nhold_s = 1\ndown_after_s = 2\ndisk_warning_percent = 100\n\
     disk_critical_percent = 100\nmemory_warning_percent = 100\nmemory_critical_percent = 100\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_goes_down_and_comes_up_is_told_once_each_by_mail_and_by_webhook() -> Result<()>
{
    let scratch = Scratch::new()?;
    let (mail, webhook, spse) =
        (MailSink::start().await?, Webhook::start().await?, Spse::start().await?);
    let settings = [SETTINGS, &mail.settings(), &webhook.settings()].concat();
    let mut collector = Collector::new(&scratch, &settings)?;
    collector.start().await?;
    let mut agent = Agent::new(&scratch, collector.ingest()?, &agent::probe(&spse.url(), FOOTER))?;
    collector.enrol(&agent)?;
    agent.start()?;
    eventually("the first probe", || async { (spse.requests() > 2).then_some(()) }).await?;

    spse.answer(503);
    told(&mail, &webhook, 1).await.with_context(|| collector.printed())?;
    // A collector that is killed and comes back does not tell again.
    collector.program()?.kill()?;
    collector.start().await?;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(site_down(&webhook).len(), 1, "{:#?}", webhook.bodies());

    spse.answer(200);
    told(&mail, &webhook, 2).await.with_context(|| collector.printed())?;
    let transitions: Vec<_> =
        site_down(&webhook).iter().map(|body| body["transition"].clone()).collect();
    assert_eq!(transitions, ["opened", "resolved"]);
    assert_eq!(mail.messages().len(), 2, "{:#?}", mail.messages());
    Ok(())
}

async fn told(mail: &MailSink, webhook: &Webhook, times: usize) -> Result<()> {
    eventually(&format!("{times} by mail and webhook"), || async {
        (mail.messages().len() >= times && site_down(webhook).len() >= times).then_some(())
    })
    .await
}

fn site_down(webhook: &Webhook) -> Vec<Value> {
    webhook.bodies().into_iter().filter(|body| body["rule"] == "site_down").collect()
}
