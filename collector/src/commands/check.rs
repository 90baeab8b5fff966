//! `check`: the settings are readable by now; this looks at what they point to.

use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use crate::{
    config::{MailEncryption, Settings, sqlite_file},
    domain::now_ms,
    identity::{self, certificate},
};

/// An authority that ends within this is pointed out: every server must be enrolled anew under the next.
const CA_ENDS_SOON_MS: i64 = 365 * 86_400_000;

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints what the settings come to; fails when the program could not run with them.
pub async fn execute(_args: Args, settings: Settings) -> Result<()> {
    store_is_reachable(settings.store_url.reveal())?;
    let authority = authority(&settings.identity.ca_dir, now_ms())?;
    for line in summary(&settings) {
        println!("{line}");
    }
    println!("{authority}");
    for warning in warnings(&settings) {
        println!("warning: {warning}");
    }
    Ok(())
}

/// The folder of a SQLite file must be there: the file itself is made at the first start. Nothing is
/// opened, because opening brings the schema up to date, and this command changes nothing.
fn store_is_reachable(url: &str) -> Result<()> {
    let Some(path) = sqlite_file(url) else { return Ok(()) };
    if path.is_dir() {
        bail!("store: {} is a folder; name a file in it", path.display());
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let facts = std::fs::metadata(folder).with_context(|| {
        format!("store: the folder {} is not there; make it first", folder.display())
    })?;
    if !facts.is_dir() {
        bail!("store: {} is no folder", folder.display());
    }
    Ok(())
}

/// What there is to say of the authority in `folder`; fails when it cannot be used.
fn authority(folder: &Path, now_ms: i64) -> Result<String> {
    let Some(authority) = identity::load(folder)? else {
        return Ok(format!("CA: none in {} yet; the first start makes it", folder.display()));
    };
    // The same steps as at the start: a key that cannot sign is found here.
    authority.server_certificate(now_ms)?;
    let not_after_ms = certificate::not_after_ms(authority.certificate())?;
    let until = Timestamp::from_millisecond(not_after_ms)?.strftime("%F");
    if not_after_ms <= now_ms {
        bail!(
            "the CA in {} ended on {until}: delete ca_dir and enrol every server",
            folder.display()
        );
    }
    let sha256: String = authority.sha256().iter().map(|byte| format!("{byte:02x}")).collect();
    let soon = if not_after_ms - now_ms < CA_ENDS_SOON_MS {
        "; warning: it ends within a year, plan to enrol every server anew"
    } else {
        ""
    };
    Ok(format!("CA: {} until {until}, SHA-256 {sha256}{soon}", folder.display()))
}

fn summary(settings: &Settings) -> Vec<String> {
    let mut lines = vec![
        format!("agents call {}, browsers call {}", settings.ingest, settings.web),
        format!("batches are folded every {} s", settings.fold_interval.as_secs()),
    ];
    lines.extend(settings.sites.iter().map(|site| {
        let zone = site.zone.iana_name().unwrap_or("own rules");
        format!("site {}: {} ({zone})", site.id, site.name)
    }));
    lines
}

/// What works, and still is probably not meant.
fn warnings(settings: &Settings) -> Vec<String> {
    let mut found = Vec::new();
    if settings.mail.is_none() && settings.webhook.is_none() {
        found.push("no [mail] and no [webhook]: alerts show on the pages only".to_owned());
    }
    if let Some(mail) = &settings.mail
        && mail.encryption == MailEncryption::None
        && !matches!(mail.host.as_str(), "localhost" | "127.0.0.1" | "::1")
    {
        found.push(format!(
            "mail.encryption = \"none\" to {}: alerts travel readable; use starttls or tls",
            mail.host
        ));
    }
    if !settings.web.ip().is_loopback() {
        found.push(format!(
            "web = \"{}\": pages and passwords travel unencrypted; put a TLS proxy in front and \
             listen on 127.0.0.1",
            settings.web
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &str) -> Settings {
        let text = format!(
            "{more}\nstore = \"sqlite:x.db\"\n[[site]]\nid = \"demo\"\nname = \"LPSE Demo\"\nzone = \
             \"Asia/Jakarta\""
        );
        Settings::parse(&text).unwrap()
    }

    #[test]
    fn settings_without_any_way_out_for_alerts_are_pointed_out() {
        assert!(warnings(&settings(""))[0].contains("alerts show on the pages only"));
    }

    #[test]
    fn a_page_that_travels_readable_is_pointed_out() {
        let found = warnings(&settings("web = \"0.0.0.0:80\""));
        assert!(found.iter().any(|w| w.contains("unencrypted")), "{found:?}");
    }

    #[test]
    fn the_sample_settings_are_read_as_they_are_and_with_every_example_taken() {
        let sample = include_str!("../../../deploy/collector.toml");
        Settings::parse(sample).unwrap();
        let taken: String = sample
            .lines()
            .map(|line| {
                line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line)
            })
            .filter(|line| !line.starts_with("user =") && !line.starts_with("password_file ="))
            .map(|line| format!("{line}\n"))
            .collect();
        let taken = Settings::parse(&taken).unwrap();
        assert_eq!(taken.thresholds, Default::default(), "the sample shows the defaults");
        assert!(taken.mail.is_some() && taken.webhook.is_some());
    }

    #[test]
    fn the_authority_is_looked_at_and_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ca");
        let now_ms = 1_795_000_000_000;
        assert!(authority(&folder, now_ms).unwrap().contains("none in"));
        assert!(!folder.exists(), "checking makes no folder");
        identity::load_or_create(&folder, now_ms).unwrap();
        let said = authority(&folder, now_ms).unwrap();
        assert!(said.contains("until 2036-11") && said.contains("SHA-256"), "{said}");
        let old = authority(&folder, now_ms + 3_400 * 86_400_000).unwrap();
        assert!(old.contains("ends within a year"), "{old}");
        assert!(authority(&folder, now_ms + 3_650 * 86_400_000).is_err());
    }

    #[test]
    fn the_folder_of_the_store_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let url = |name: &str| format!("sqlite:{}", dir.path().join(name).display());
        store_is_reachable(&url("pantau.db")).unwrap();
        let missing = store_is_reachable(&url("gone/pantau.db")).unwrap_err();
        assert!(format!("{missing:#}").contains("make it first"));
        let folder = store_is_reachable(&format!("sqlite://{}", dir.path().display())).unwrap_err();
        assert!(folder.to_string().contains("name a file in it"));
        assert!(!dir.path().join("pantau.db").exists(), "checking makes no file");
    }
}
