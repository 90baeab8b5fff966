//! How people are told: one file and one entry of [`configured`] per channel. A notifier sends one notice and says
//! whether the receiver took it; when to try (again) is decided in `deliver`.

mod mail;
mod webhook;

use anyhow::Result;

use crate::{
    config::{Settings, Site},
    domain::alert::{Channel, Notice},
};

/// A way to tell people, ready for use.
pub enum Notifier {
    /// SMTP.
    Mail(mail::Mail),
    /// HTTP POST.
    Webhook(webhook::Webhook),
}

/// Notifiers of the channels that the settings name. Fails when a setting cannot work.
pub fn configured(settings: &Settings) -> Result<Vec<Notifier>> {
    let mail = settings.mail.as_ref().map(mail::Mail::new).transpose()?.map(Notifier::Mail);
    let webhook =
        settings.webhook.as_ref().map(webhook::Webhook::new).transpose()?.map(Notifier::Webhook);
    Ok([mail, webhook].into_iter().flatten().collect())
}

impl Notifier {
    /// Which channel this is.
    pub fn channel(&self) -> Channel {
        match self {
            Notifier::Mail(_) => Channel::Mail,
            Notifier::Webhook(_) => Channel::Webhook,
        }
    }

    /// Sends one notice. `Ok` means the receiver took it; an error is for people, says what to do and
    /// carries no secret.
    pub async fn send(&self, notice: &Notice, site: &Site) -> Result<()> {
        match self {
            Notifier::Mail(mail) => mail.send(notice, site).await,
            Notifier::Webhook(webhook) => webhook.send(notice, site).await,
        }
    }
}
