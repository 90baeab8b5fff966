//! `import`: takes bundles, one after the other. What can be read and believed of each is stored.

use std::{collections::HashSet, path::PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{CONSOLE, operator};
use crate::{
    config::Settings,
    domain::now_ms,
    identity,
    ingest::bundle::{Desk, Taken},
    store::{
        Store,
        audit::{Action, AuditEntry},
    },
};

/// What `import` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files of `pantau-agent export`, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does it; works beside a running collector. Fails when a file was not taken to its end.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let folder = &settings.identity.ca_dir;
    let authority = identity::load(folder)?.with_context(|| {
        format!("no CA in {}: no server was ever enrolled by this collector", folder.display())
    })?;
    let store = Store::open(&settings.store_url).await.context("cannot open the store")?;
    let sites: HashSet<_> = settings.sites.iter().map(|site| site.id.clone()).collect();
    let desk = Desk {
        store: &store,
        authority: &authority,
        sites: &sites,
        grace_days: settings.identity.certificate_grace_days.into(),
        now_ms: now_ms(),
    };
    let mut bundles = Vec::new();
    for file in &args.files {
        let name = file.display().to_string();
        let taken = desk.take(file).await;
        audit(&store, &taken, desk.now_ms).await?;
        if !args.json {
            println!("{}", line(&name, &taken));
        }
        bundles.push((name, taken));
    }
    if args.json {
        let bundles: Vec<Value> = bundles.iter().map(|(name, taken)| object(name, taken)).collect();
        println!("{}", json!({ "bundles": bundles }));
    }
    let failed = bundles.iter().filter(|(_, taken)| taken.failure.is_some()).count();
    if failed > 0 {
        bail!("{failed} of {} files were not taken to their end", bundles.len());
    }
    Ok(())
}

async fn audit(store: &Store, taken: &Taken, now_ms: i64) -> Result<()> {
    let Some(server) = &taken.server else { return Ok(()) };
    let entry = AuditEntry::new(now_ms, &operator(), Action::BundleImported, server, CONSOLE);
    Ok(store.audit(&entry).await?)
}

fn line(name: &str, taken: &Taken) -> String {
    let server = taken.server.as_deref().unwrap_or("nobody");
    let Taken { stored, duplicates, .. } = taken;
    let mut line =
        format!("{name}: {stored} batches of {server} stored, {duplicates} were stored before");
    if taken.waiting > 0 {
        line = format!(
            "{line}; {} wait for definitions, which come with its next bundle or call",
            taken.waiting
        );
    }
    match &taken.failure {
        Some(why) => format!("{line}; not taken to its end: {why}"),
        None => line,
    }
}

fn object(name: &str, taken: &Taken) -> Value {
    json!({
        "file": name, "server": taken.server, "stored": taken.stored,
        "duplicates": taken.duplicates, "waiting": taken.waiting,
        "truncated": taken.failure.as_ref().is_some_and(|why| why.is_truncated()),
        "failure": taken.failure.as_ref().map(ToString::to_string),
    })
}
