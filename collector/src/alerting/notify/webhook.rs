//! Alerts by HTTP POST of JSON. The fields are a contract (docs/ALERTS.md): none is renamed or removed,
//! new ones may come. `Idempotency-Key` is the notification's key: a receiver that has seen it drops the
//! repetition that a crash can cause.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode, Url, redirect};
use serde::Serialize;

use crate::{
    config::{self, Site},
    domain::alert::Notice,
    labels::alerts::{EN, ID},
};

/// For the whole request.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// POSTs to the URL of the settings, which may carry a token and is never printed.
pub struct Webhook {
    client: Client,
    url: Url,
}

/// What is posted.
#[derive(Serialize)]
struct Payload<'a> {
    /// The alert; the same for all its transitions.
    id: &'a str,
    site: &'a str,
    site_name: &'a str,
    server: &'a str,
    rule: &'a str,
    /// Mount or checked address; empty for the whole server.
    subject: &'a str,
    level: &'a str,
    transition: &'a str,
    /// `reached`, `cleared`, `not_watched` or `server_removed`.
    reason: &'a str,
    /// In `unit`; null when no longer known.
    value: Option<i64>,
    threshold: i64,
    /// `permille` or `seconds`.
    unit: &'a str,
    opened_ms: i64,
    at_ms: i64,
    sample: bool,
    text_id: String,
    text_en: String,
}

impl Webhook {
    /// Checks the URL; does not connect.
    pub fn new(settings: &config::Webhook) -> Result<Webhook> {
        // The HTTP client panics without one. When one is there already, that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = settings.url.reveal().parse().map_err(|error| {
            anyhow::anyhow!(
                "webhook.url is not an address ({error}); write it as https://host/path"
            )
        })?;
        // A redirected POST becomes a GET without the alert.
        let client = Client::builder()
            .timeout(SEND_TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("pantau-collector/", env!("CARGO_PKG_VERSION")))
            .build()
            .context(
                "cannot set up the webhook's HTTP client; check this system's CA certificates",
            )?;
        Ok(Webhook { client, url })
    }

    /// Posts one notice; any 2xx means that it was taken.
    pub async fn send(&self, notice: &Notice, site: &Site) -> Result<()> {
        let request = self
            .client
            .post(self.url.clone())
            .header("Idempotency-Key", notice.key.text())
            .json(&payload(notice, site));
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => bail!(explain(answer.status())),
            Err(error) if error.is_timeout() => bail!(
                "the webhook did not answer within {} s; check that its receiver is reachable from here",
                SEND_TIMEOUT.as_secs()
            ),
            Err(error) => Err(anyhow::Error::new(error.without_url()).context(
                "the webhook cannot be reached; check webhook.url and that its receiver runs",
            )),
        }
    }
}

fn payload<'a>(notice: &'a Notice, site: &'a Site) -> Payload<'a> {
    let (about, event) = (&notice.about, &notice.event);
    Payload {
        id: &notice.key.alert_id,
        site: &site.id.0,
        site_name: &site.name,
        server: &about.agent.0,
        rule: &about.rule,
        subject: &about.part,
        level: event.level.as_str(),
        transition: event.transition.as_str(),
        reason: event.reason.as_str(),
        value: event.value,
        threshold: event.threshold,
        unit: event.unit.as_str(),
        opened_ms: event.opened_ms,
        at_ms: event.at_ms,
        sample: event.sample,
        text_id: ID.headline(&site.name, about, event),
        text_en: EN.headline(&site.name, about, event),
    }
}

fn explain(status: StatusCode) -> String {
    let hint = match status.as_u16() {
        300..=399 => "it redirects; put the final address into webhook.url",
        401 | 403 => "it refuses the token; renew webhook.url",
        404 | 410 => "it does not know that path; check webhook.url",
        400..=499 => "it does not accept the message; see the receiver's log",
        _ => "only 2xx counts as taken; see the receiver's log",
    };
    format!("the webhook answered {}: {hint}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn an_error_never_prints_the_address() {
        let wrong = config::Webhook { url: Secret::new("https://host:port/rahasia") };
        let error = format!("{:#}", Webhook::new(&wrong).err().unwrap());
        assert!(error.contains("webhook.url") && !error.contains("rahasia"), "{error}");
    }

    #[test]
    fn each_kind_of_answer_says_what_to_do() {
        for (status, hint) in [
            (StatusCode::FOUND, "final address"),
            (StatusCode::FORBIDDEN, "renew"),
            (StatusCode::NOT_FOUND, "path"),
            (StatusCode::BAD_REQUEST, "receiver's log"),
            (StatusCode::BAD_GATEWAY, "2xx"),
        ] {
            assert!(explain(status).contains(hint), "{status}");
        }
    }
}
