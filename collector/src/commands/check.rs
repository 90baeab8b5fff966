//! `check`: the settings are readable by now; this looks at what they point to.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::config::{MailEncryption, Settings};

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints what the settings come to; fails when the program could not run with them.
pub async fn execute(_args: Args, settings: Settings) -> Result<()> {
    store_is_reachable(settings.store_url.reveal())?;
    for line in summary(&settings) {
        println!("{line}");
    }
    for warning in warnings(&settings) {
        println!("warning: {warning}");
    }
    Ok(())
}

/// The folder of a SQLite file must be there: the file itself is made at the first start. Nothing is
/// opened, because opening brings the schema up to date, and this command changes nothing.
fn store_is_reachable(url: &str) -> Result<()> {
    let Some(rest) = url.strip_prefix("sqlite:") else { return Ok(()) };
    let path = rest.trim_start_matches("//");
    let path = Path::new(path.split('?').next().unwrap_or(path));
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
