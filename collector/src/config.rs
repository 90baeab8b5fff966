//! Settings of the collector, in two steps: what was typed (TOML) and what the program needs
//! ([`Settings`]), checked. A wrong setting names file, key, value and what is allowed.

#[cfg(test)]
mod tests;
mod typed;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use pantau_proto::limits;
use serde::Deserialize;

use self::typed::Typed;
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
        toml::from_str::<Typed>(text)?.check()
    }

    /// The site of that id.
    pub fn site(&self, id: &str) -> Result<&Site> {
        self.sites.iter().find(|site| site.id.0 == id).with_context(|| {
            let known: Vec<_> = self.sites.iter().map(|site| site.id.0.as_str()).collect();
            format!("no site \"{id}\" in the settings; known are: {}", known.join(", "))
        })
    }
}

/// The file of a `sqlite:` address.
pub fn sqlite_file(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//");
    Some(Path::new(path.split('?').next().unwrap_or(path)))
}
