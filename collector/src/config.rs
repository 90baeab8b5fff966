//! Settings of the collector, in two steps: what was typed (TOML) and what the program needs
//! ([`Settings`]), checked. A wrong setting names file, key, value and what is allowed.

use std::{
    fmt,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use pantau_proto::limits;
use serde::Deserialize;

use crate::domain::SiteId;

/// What the program needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where agents call, always under TLS.
    pub ingest: SocketAddr,
    /// Where browsers call.
    pub web: SocketAddr,
    /// `sqlite:/path/to/file.db` or `postgres://…`.
    pub store_url: Secret,
    /// How agents are known.
    pub identity: Identity,
    /// How often batches are folded into hours and days.
    pub fold_interval: std::time::Duration,
    /// Sites that may send, in the order in which they are shown.
    pub sites: Vec<Site>,
    /// Thresholds of alerts; each report prints the values used.
    pub thresholds: Thresholds,
    /// Where alerts go by mail.
    pub mail: Option<Mail>,
    /// Where alerts go by HTTP POST.
    pub webhook: Option<Webhook>,
}

/// How agents are known: the collector's own certificate authority and its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Folder of the authority's key and certificate.
    pub ca_dir: PathBuf,
    /// Whether TLS 1.2 is spoken beside 1.3.
    pub tls_1_2: bool,
    /// Life of an agent's certificate, days.
    pub certificate_days: u32,
    /// For how many days after its end it still buys the next one.
    pub certificate_grace_days: u32,
}

/// One site (LPSE).
#[derive(Clone, Debug)]
pub struct Site {
    /// Its id, 1-64 of `[a-z0-9-]`.
    pub id: SiteId,
    /// As people call it, e.g. "LPSE Provinsi Gorontalo".
    pub name: String,
    /// In which its days and months are counted.
    pub zone: TimeZone,
    /// Lines at the head of its reports.
    pub letterhead: Vec<String>,
    /// Who signs as Administrator; empty prints dots.
    pub administrator: String,
    /// Who signs as Pimpinan; empty prints dots.
    pub head: String,
    /// Contracted link, bits per second up and down; `None` leaves the share out of the report.
    pub link_up_bits_per_s: Option<u64>,
    /// As above, down.
    pub link_down_bits_per_s: Option<u64>,
    /// Availability aimed at, permille of the period. No document gives one; default 990.
    pub availability_target_permille: u32,
}

impl Site {
    /// Abbreviation of the site's zone at `ms`: WIB, WITA, WIT, or the zone's own.
    pub fn zone_abbreviation(&self, ms: i64) -> String {
        match self.zone.iana_name() {
            Some("Asia/Jakarta" | "Asia/Pontianak") => "WIB".to_owned(),
            Some("Asia/Makassar") => "WITA".to_owned(),
            Some("Asia/Jayapura") => "WIT".to_owned(),
            _ => jiff::Timestamp::from_millisecond(ms)
                .map(|t| self.zone.to_offset_info(t).abbreviation().to_owned())
                .unwrap_or_default(),
        }
    }
}

/// When a figure becomes an alert. No document gives these numbers (DOMAIN: 80 and 90 %).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Used share of a disk, percent: warning.
    pub disk_warning_percent: u32,
    /// Used share of a disk, percent: critical.
    pub disk_critical_percent: u32,
    /// Used share of memory, percent: warning.
    pub memory_warning_percent: u32,
    /// Used share of memory, percent: critical.
    pub memory_critical_percent: u32,
    /// An alert ends only when the figure is this many percent points below its threshold.
    pub hysteresis_percent: u32,
    /// A figure or state must hold for this many seconds before an alert begins or ends.
    pub hold_s: u32,
    /// A site is down when its probe has failed for this many seconds.
    pub down_after_s: u32,
    /// An agent is silent after this many seconds without a sign of life.
    pub silent_after_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            disk_warning_percent: 80,
            disk_critical_percent: 90,
            memory_warning_percent: 80,
            memory_critical_percent: 90,
            hysteresis_percent: 3,
            hold_s: 60,
            down_after_s: 60,
            silent_after_s: limits::LINK_DEAD_AFTER_S as u32,
        }
    }
}

/// SMTP.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Host name of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub encryption: MailEncryption,
    /// User and password, when it asks for them.
    pub credentials: Option<(String, Secret)>,
    /// Sender.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
}

/// How a mail connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailEncryption {
    /// TLS after STARTTLS, required.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: loopback relays only.
    None,
}

/// HTTP POST of alerts as JSON.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// May carry a token in its path, so it is not printed.
    pub url: Secret,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What was typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
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
const INGEST_DEFAULT: &str = "127.0.0.1:7411";
/// Default of `web`.
const WEB_DEFAULT: &str = "127.0.0.1:7480";
/// Allowed `thresholds.hysteresis_percent`: more would keep an alert open long after its cause is gone.
const HYSTERESIS_PERCENT: RangeInclusive<u32> = 0..=20;
/// Allowed `thresholds.hold_s`; 0 alerts at once.
const HOLD_S: RangeInclusive<u32> = 0..=3_600;
/// Allowed `thresholds.down_after_s`.
const DOWN_AFTER_S: RangeInclusive<u32> = 1..=3_600;
/// Allowed `thresholds.silent_after_s`: longer than the 30 s between an agent's signs of life.
const SILENT_AFTER_S: RangeInclusive<u32> = 40..=86_400;
/// Why it cannot be less.
const SILENT_AFTER_UNIT: &str = "seconds (an agent gives a sign of life every 30 s)";
/// Name of the default of `ca_dir`, beside a SQLite file.
const CA_DIR_NAME: &str = "ca";
/// Default of `ca_dir` when the store is not a file.
const CA_DIR_DEFAULT: &str = "/var/lib/pantau-collector/ca";
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

impl Settings {
    /// Reads and checks the file.
    pub fn load(path: &Path) -> Result<Settings> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("cannot read the settings {}; give another file with --config", path.display())
        })?;
        Settings::parse(&text).with_context(|| format!("settings {}", path.display()))
    }

    /// Checks what was typed.
    pub fn parse(text: &str) -> Result<Settings> {
        let typed: Typed = toml::from_str(text)?;
        let ingest = address("ingest", typed.ingest.as_deref().unwrap_or(INGEST_DEFAULT))?;
        let web = address("web", typed.web.as_deref().unwrap_or(WEB_DEFAULT))?;
        if !(typed.store.starts_with("sqlite:") || typed.store.starts_with("postgres")) {
            bail!(
                "store: begin it with sqlite: (a file, e.g. sqlite:/var/lib/pantau-collector/pantau.db) \
                 or postgres://"
            );
        }
        let fold_s = typed.fold_interval_s.unwrap_or(FOLD_INTERVAL_DEFAULT_S);
        if !(1..=3_600).contains(&fold_s) {
            bail!("fold_interval_s = {fold_s}: allowed are 1 to 3600 seconds");
        }
        typed.thresholds.check()?;
        let identity = typed.identity()?;
        let sites = typed.site.into_iter().map(TypedSite::check).collect::<Result<Vec<_>>>()?;
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
            store_url: Secret::new(typed.store),
            identity,
            fold_interval: std::time::Duration::from_secs(fold_s),
            sites,
            thresholds: typed.thresholds,
            mail: typed.mail.map(TypedMail::check).transpose()?,
            webhook: typed.webhook.map(TypedWebhook::check).transpose()?,
        })
    }

    /// The site of that id.
    pub fn site(&self, id: &str) -> Result<&Site> {
        self.sites.iter().find(|site| site.id.0 == id).with_context(|| {
            let known: Vec<_> = self.sites.iter().map(|site| site.id.0.as_str()).collect();
            format!("no site \"{id}\" in the settings; known are: {}", known.join(", "))
        })
    }
}

impl Typed {
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

/// The file of a `sqlite:` address.
pub fn sqlite_file(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//");
    Some(Path::new(path.split('?').next().unwrap_or(path)))
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

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        store = "sqlite:/tmp/pantau.db"
        [[site]]
        id = "demo"
        name = "LPSE Demo"
        zone = "Asia/Makassar"
    "#;

    #[test]
    fn the_smallest_file_gives_sane_defaults() {
        let settings = Settings::parse(SMALL).unwrap();
        assert_eq!(settings.ingest.to_string(), INGEST_DEFAULT);
        assert_eq!(settings.thresholds, Thresholds::default());
        assert_eq!(settings.sites[0].zone_abbreviation(0), "WITA");
        assert_eq!(settings.sites[0].availability_target_permille, 990);
    }

    #[test]
    fn the_ca_lies_beside_the_store_unless_it_is_said_otherwise() {
        let ca_dir = |text: &str| Settings::parse(text).unwrap().identity.ca_dir;
        assert_eq!(ca_dir(SMALL), Path::new("/tmp/ca"));
        let postgres = SMALL.replace("sqlite:/tmp/pantau.db", "postgres://db/pantau");
        assert_eq!(ca_dir(&postgres), Path::new(CA_DIR_DEFAULT));
        assert_eq!(ca_dir(&format!("ca_dir = \"/etc/ca\"\n{postgres}")), Path::new("/etc/ca"));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        let cases = [
            (
                format!("certificate_days = 0\n{SMALL}"),
                "certificate_days = 0: allowed are 1 to 825",
            ),
            (format!("certificate_grace_days = 4000\n{SMALL}"), "0 to 3650 days"),
            (format!("web = \"here\"\n{SMALL}"), "web = \"here\""),
            (SMALL.replace("Asia/Makassar", "WITA"), "Asia/Makassar (WITA)"),
            (SMALL.replace("\"demo\"", "\"Demo LPSE\""), "a-z"),
            (format!("{SMALL}{}", SMALL.replace("store = \"sqlite:/tmp/pantau.db\"", "")), "twice"),
            (SMALL.replace("sqlite:", "mysql:"), "sqlite:"),
            (format!("{SMALL}\n[thresholds]\ndisk_warning_percent = 95"), "disk_warning_percent"),
            (format!("{SMALL}\n[thresholds]\ndisk = 95"), "disk"),
            ("store = \"sqlite:/x\"".to_owned(), "[[site]]"),
        ];
        for (text, expected) in cases {
            let error = format!("{:#}", Settings::parse(&text).unwrap_err());
            assert!(error.contains(expected), "{error} should name {expected}");
        }
    }

    #[test]
    fn thresholds_are_taken_within_their_bounds_and_refused_beyond() {
        let bounds = [
            ("hysteresis_percent", HYSTERESIS_PERCENT),
            ("hold_s", HOLD_S),
            ("down_after_s", DOWN_AFTER_S),
            ("silent_after_s", SILENT_AFTER_S),
        ];
        let typed = |key: &str, value: u32| format!("{SMALL}\n[thresholds]\n{key} = {value}");
        for (key, allowed) in bounds {
            let (least, most) = allowed.into_inner();
            assert!(Settings::parse(&typed(key, least)).is_ok(), "{key} = {least}");
            assert!(Settings::parse(&typed(key, most)).is_ok(), "{key} = {most}");
            for value in [least.checked_sub(1), most.checked_add(1)].into_iter().flatten() {
                let error = format!("{:#}", Settings::parse(&typed(key, value)).unwrap_err());
                let expected =
                    format!("thresholds.{key} = {value}: allowed are {least} to {most} ");
                assert!(error.contains(&expected), "{error} should say {expected}");
            }
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let text = format!("{SMALL}\n[webhook]\nurl = \"https://hook.example/T0K3N\"");
        let printed = format!("{:?}", Settings::parse(&text).unwrap());
        assert!(!printed.contains("T0K3N"), "{printed}");
    }
}
