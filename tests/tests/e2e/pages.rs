//! A person at a browser.

use anyhow::{Context, Result};
use pantau_tests::{
    agent::{self, Agent},
    browser::Browser,
    collector::{Collector, PASSWORD, SITE, USER},
    eventually,
    scratch::Scratch,
    spse::{FOOTER, Spse},
};
use thirtyfour::By;

/// Quick alerts and a quick eye for silence.
const SETTINGS: &str = "[thresholds]\nhold_s = 1\ndown_after_s = 1\nsilent_after_s = 40\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_sees_the_site_come_up_and_go_down_and_the_agent_fall_silent()
-> Result<()> {
    let scratch = Scratch::new()?;
    let spse = Spse::start().await?;
    let mut collector = Collector::new(&scratch, SETTINGS)?;
    collector.start().await?;
    collector.add_user()?;
    let browser = Browser::start(&scratch).await?;
    let home = format!("http://{}/", collector.web()?);

    sign_in(&browser, &home).await?;
    state(&browser, &home, "never").await?;

    let sources = agent::probe(&spse.url(), FOOTER);
    let mut agent = Agent::new(&scratch, collector.ingest()?, &sources)?;
    collector.enrol(&agent)?;
    agent.start()?;
    state(&browser, &home, "up").await.with_context(|| agent.printed())?;
    spse.answer(500);
    state(&browser, &home, "down").await?;
    spse.answer(200);
    state(&browser, &home, "up").await?;

    browser.driver.goto(format!("{home}site/{SITE}")).await?;
    let page = browser.driver.find(By::Css("body")).await?.text().await?;
    assert!(page.contains("LPSE Kabupaten Contoh"), "{page}");

    agent.program()?.kill()?;
    state(&browser, &home, "silent").await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_page_without_signing_in() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let web = collector.web()?;
    pantau_tests::install_crypto();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    for path in ["/", "/site/demo", "/alerts", "/reports"] {
        let answer = client.get(format!("http://{web}{path}")).send().await?;
        assert!(answer.status().is_redirection(), "{path}: {}", answer.status());
        assert!(!answer.text().await?.contains("LPSE Kabupaten"), "{path}");
    }
    let health = client.get(format!("http://{web}/healthz")).send().await?;
    assert_eq!(health.status(), 200);
    Ok(())
}

async fn sign_in(browser: &Browser, home: &str) -> Result<()> {
    let driver = &browser.driver;
    driver.goto(home).await?;
    driver.find(By::Name("name")).await?.send_keys(USER).await?;
    driver.find(By::Name("password")).await?.send_keys(PASSWORD).await?;
    driver.find(By::Css("button[type=submit]")).await?.click().await?;
    Ok(())
}

/// Waits until the list shows the site in that state, by itself: the page is opened once.
async fn state(browser: &Browser, home: &str, wanted: &str) -> Result<()> {
    browser.driver.goto(home).await?;
    let selector = format!("[data-site='{SITE}'][data-state='{wanted}']");
    let shown = eventually(&format!("the site shown as {wanted}"), || async {
        browser.driver.find(By::Css(selector.as_str())).await.ok().map(drop)
    })
    .await;
    match shown {
        Ok(()) => Ok(()),
        Err(error) => Err(error.context(browser.driver.source().await?)),
    }
}
