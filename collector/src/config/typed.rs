//! What was typed (TOML), and what of it is allowed.

use std::{fmt, net::SocketAddr, ops::RangeInclusive, path::PathBuf};

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use pantau_proto::limits;
use serde::Deserialize;

use super::{
    Identity, Mail, MailEncryption, Secret, Settings, Site, Thresholds, Webhook, sqlite_file,
};
use crate::domain::SiteId;

/// What was typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Typed {
    ingest: Option<String>,
    web: Option<String>,
    store: String,
    ca_dir: Option<PathBuf>,
    #[serde(default)]
    tls_1_2: bool,
    certificate_days: Option<u32>,
    certificate_grace_days: Option<u32>,
    fold_interval_s: Option<u64>,
    #[serde(default)]
    site: Vec<TypedSite>,
    #[serde(default)]
    thresholds: Thresholds,
    mail: Option<TypedMail>,
    webhook: Option<TypedWebhook>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedSite {
    id: String,
    name: String,
    zone: String,
    #[serde(default)]
    letterhead: Vec<String>,
    #[serde(default)]
    administrator: String,
    #[serde(default)]
    head: String,
    link_up_mbit_per_s: Option<u64>,
    link_down_mbit_per_s: Option<u64>,
    availability_target_percent: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedMail {
    host: String,
    port: Option<u16>,
    encryption: Option<MailEncryption>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    from: String,
    to: Vec<String>,
}

impl fmt::Debug for TypedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail by {}", self.host)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedWebhook {
    url: String,
}

impl fmt::Debug for TypedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("webhook (hidden)")
    }
}

/// Default of `ingest`.
pub(super) const INGEST_DEFAULT: &str = "127.0.0.1:7411";
/// Default of `web`.
const WEB_DEFAULT: &str = "127.0.0.1:7480";
/// Allowed `thresholds.hysteresis_percent`: more would keep an alert open long after its cause is gone.
pub(super) const HYSTERESIS_PERCENT: RangeInclusive<u32> = 0..=20;
/// Allowed `thresholds.hold_s`; 0 alerts at once.
pub(super) const HOLD_S: RangeInclusive<u32> = 0..=3_600;
/// Allowed `thresholds.down_after_s`.
pub(super) const DOWN_AFTER_S: RangeInclusive<u32> = 1..=3_600;
/// Allowed `thresholds.silent_after_s`: longer than the 30 s between an agent's signs of life.
pub(super) const SILENT_AFTER_S: RangeInclusive<u32> = 40..=86_400;
/// Why it cannot be less.
const SILENT_AFTER_UNIT: &str = "seconds (an agent gives a sign of life every 30 s)";
/// Name of the default of `ca_dir`, beside a SQLite file.
const CA_DIR_NAME: &str = "ca";
/// Default of `ca_dir` when the store is not a file.
pub(super) const CA_DIR_DEFAULT: &str = "/var/lib/pantau-collector/ca";
/// Default of `certificate_days`; agents renew when two thirds have passed.
const CERTIFICATE_DAYS_DEFAULT: u32 = 90;
/// Allowed `certificate_days`.
const CERTIFICATE_DAYS: RangeInclusive<u32> = 1..=825;
/// Default of `certificate_grace_days`: a server that was off for a budget year comes back by itself.
const GRACE_DAYS_DEFAULT: u32 = 400;
/// Allowed `certificate_grace_days`; 0 wants a token from whoever comes late.
const GRACE_DAYS: RangeInclusive<u32> = 0..=3_650;
/// Default of `fold_interval_s`; allowed 1-3600.
const FOLD_INTERVAL_DEFAULT_S: u64 = 30;

impl Typed {
    /// What the program needs.
    pub(super) fn check(self) -> Result<Settings> {
        let ingest = address("ingest", self.ingest.as_deref().unwrap_or(INGEST_DEFAULT))?;
        let web = address("web", self.web.as_deref().unwrap_or(WEB_DEFAULT))?;
        if !(self.store.starts_with("sqlite:") || self.store.starts_with("postgres")) {
            bail!(
                "store: begin it with sqlite: (a file, e.g. sqlite:/var/lib/pantau-collector/pantau.db) \
                 or postgres://"
            );
        }
        let fold_s = self.fold_interval_s.unwrap_or(FOLD_INTERVAL_DEFAULT_S);
        if !(1..=3_600).contains(&fold_s) {
            bail!("fold_interval_s = {fold_s}: allowed are 1 to 3600 seconds");
        }
        self.thresholds.check()?;
        let identity = self.identity()?;
        let sites = self.site.into_iter().map(TypedSite::check).collect::<Result<Vec<_>>>()?;
        if sites.is_empty() {
            bail!("no [[site]]: add one with id, name and zone for each LPSE that may send");
        }
        for (n, site) in sites.iter().enumerate() {
            if sites.iter().take(n).any(|other| other.id == site.id) {
                bail!("site id \"{}\" stands twice; each site needs an id of its own", site.id);
            }
        }
        Ok(Settings {
            ingest,
            web,
            store_url: Secret::new(self.store),
            identity,
            fold_interval: std::time::Duration::from_secs(fold_s),
            sites,
            thresholds: self.thresholds,
            mail: self.mail.map(TypedMail::check).transpose()?,
            webhook: self.webhook.map(TypedWebhook::check).transpose()?,
        })
    }

    fn identity(&self) -> Result<Identity> {
        let certificate_days = self.certificate_days.unwrap_or(CERTIFICATE_DAYS_DEFAULT);
        let certificate_grace_days = self.certificate_grace_days.unwrap_or(GRACE_DAYS_DEFAULT);
        for (key, value, allowed) in [
            ("certificate_days", certificate_days, CERTIFICATE_DAYS),
            ("certificate_grace_days", certificate_grace_days, GRACE_DAYS),
        ] {
            if !allowed.contains(&value) {
                let (least, most) = allowed.into_inner();
                bail!("{key} = {value}: allowed are {least} to {most} days");
            }
        }
        let ca_dir = self.ca_dir.clone().unwrap_or_else(|| match sqlite_file(&self.store) {
            Some(file) => file.with_file_name(CA_DIR_NAME),
            None => CA_DIR_DEFAULT.into(),
        });
        let tls_1_2 = self.tls_1_2;
        Ok(Identity { ca_dir, tls_1_2, certificate_days, certificate_grace_days })
    }
}

impl Thresholds {
    fn check(&self) -> Result<()> {
        for (key, warning, critical) in [
            ("disk", self.disk_warning_percent, self.disk_critical_percent),
            ("memory", self.memory_warning_percent, self.memory_critical_percent),
        ] {
            if !(1..=100).contains(&critical) || warning == 0 || warning > critical {
                bail!(
                    "thresholds.{key}_warning_percent = {warning} and {key}_critical_percent = \
                     {critical}: allowed are 1 to 100, the warning not above the critical one"
                );
            }
        }
        for (key, value, allowed, unit) in [
            ("hysteresis_percent", self.hysteresis_percent, HYSTERESIS_PERCENT, "percent points"),
            ("hold_s", self.hold_s, HOLD_S, "seconds"),
            ("down_after_s", self.down_after_s, DOWN_AFTER_S, "seconds"),
            ("silent_after_s", self.silent_after_s, SILENT_AFTER_S, SILENT_AFTER_UNIT),
        ] {
            if !allowed.contains(&value) {
                let (least, most) = allowed.into_inner();
                bail!("thresholds.{key} = {value}: allowed are {least} to {most} {unit}");
            }
        }
        Ok(())
    }
}

impl TypedSite {
    fn check(self) -> Result<Site> {
        if !limits::is_id(&self.id) {
            bail!("site id \"{}\": 1 to 64 of a-z, 0-9 and - are allowed", self.id);
        }
        let zone = TimeZone::get(&self.zone).with_context(|| {
            format!(
                "site {}: zone \"{}\" is not known; use Asia/Jakarta (WIB), Asia/Makassar (WITA) or \
                 Asia/Jayapura (WIT)",
                self.id, self.zone
            )
        })?;
        let target = self.availability_target_percent.unwrap_or(99.0);
        if !(0.0..=100.0).contains(&target) {
            bail!("site {}: availability_target_percent = {target}: allowed are 0 to 100", self.id);
        }
        let bits = |mbit: Option<u64>| mbit.map(|mbit| mbit.saturating_mul(1_000_000));
        Ok(Site {
            id: SiteId(self.id),
            name: self.name,
            zone,
            letterhead: self.letterhead,
            administrator: self.administrator,
            head: self.head,
            link_up_bits_per_s: bits(self.link_up_mbit_per_s),
            link_down_bits_per_s: bits(self.link_down_mbit_per_s),
            availability_target_permille: (target * 10.0).round() as u32,
        })
    }
}

impl TypedMail {
    fn check(self) -> Result<Mail> {
        let encryption = self.encryption.unwrap_or(MailEncryption::Starttls);
        let port = self.port.unwrap_or(match encryption {
            MailEncryption::Starttls => 587,
            MailEncryption::Tls => 465,
            MailEncryption::None => 25,
        });
        if self.to.is_empty() {
            bail!("mail.to: name at least one recipient");
        }
        let credentials = match (self.user, self.password_file) {
            (None, None) => None,
            (Some(user), Some(file)) => {
                let password = std::fs::read_to_string(&file)
                    .with_context(|| format!("mail.password_file {}", file.display()))?;
                Some((user, Secret::new(password.trim_end_matches(['\r', '\n']))))
            }
            _ => bail!("mail: user and password_file belong together; give both or neither"),
        };
        Ok(Mail { host: self.host, port, encryption, credentials, from: self.from, to: self.to })
    }
}

impl TypedWebhook {
    fn check(self) -> Result<Webhook> {
        if !(self.url.starts_with("http://") || self.url.starts_with("https://")) {
            bail!("webhook.url: begin it with http:// or https://");
        }
        Ok(Webhook { url: Secret::new(self.url) })
    }
}

fn address(key: &str, text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| {
        format!("{key} = \"{text}\": write an address and a port, e.g. {INGEST_DEFAULT}")
    })
}
