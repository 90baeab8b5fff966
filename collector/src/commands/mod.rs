//! The command line. One command, one file: `pub struct Args` (clap) and
//! `pub async fn execute(args: Args, settings: Settings) -> anyhow::Result<()>`; registered by its
//! `mod` line, its line in [`Command`] and its line in [`Command::execute`].

mod agents;
mod availability;
mod check;
mod errors;
mod gaps;
mod import;
mod listing;
mod queries;
mod report;
mod run;
mod sites;
mod token;
mod user;
mod window;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    config::{Settings, Site},
    domain::{now_ms, period::Period},
    ingest,
    store::Store,
};

/// Where the settings lie unless `--config` says otherwise.
const CONFIG_DEFAULT: &str = "/etc/pantau-collector/collector.toml";

/// Heading of the options that every command has.
const GENERAL: &str = "General options";

/// Takes what Pantau's agents send, keeps it, and makes pages, alerts and reports of it.
#[derive(Debug, Parser)]
#[command(name = "pantau-collector", version, about, max_term_width = 100)]
pub struct Cli {
    /// Settings file
    #[arg(long, global = true, help_heading = GENERAL, value_name = "FILE", default_value = CONFIG_DEFAULT)]
    pub config: PathBuf,
    /// How the program's own log is written
    #[arg(long, global = true, help_heading = GENERAL, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What the log tells: error, warn, info, debug or trace, or a filter such as
    /// `info,pantau_collector::ingest=debug`; also taken from RUST_LOG. Default: info for `run`,
    /// warn otherwise
    #[arg(long, global = true, help_heading = GENERAL, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text each.
    Text,
    /// One JSON object each.
    Json,
}

/// Every command, in the order in which `--help` shows them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take batches, show pages, send alerts, make reports; ends in order on SIGTERM
    Run(run::Args),
    /// List sites and servers as they are now, with the share of time the application was up
    Sites(sites::Args),
    /// List error groups of a site, most frequent first
    Errors(errors::Args),
    /// List queries of a site, most frequent or most costly first
    Queries(queries::Args),
    /// List what a site's agents declared as lost, and why
    Gaps(gaps::Args),
    /// Show how a site's time divides among up, down and unknown, and why
    Availability(availability::Args),
    /// Write the performance report (LAPORAN KINERJA APLIKASI SPSE) of a site and period as PDF
    Report(report::Args),
    /// Say what is wrong with the settings, and change nothing
    #[command(visible_alias = "check-config")]
    Check(check::Args),
    /// Make, list and withdraw the one-time tokens with which servers are enrolled
    Token(token::Args),
    /// List which servers may send, and revoke them
    Agents(agents::Args),
    /// Take bundles that agents have exported to files, each batch once, whatever came by the link
    Import(import::Args),
    /// Say who may sign in to the pages
    User(user::Args),
}

impl Command {
    /// Does it; what it has to say goes to standard output.
    pub async fn execute(self, settings: Settings) -> Result<()> {
        match self {
            Command::Run(args) => run::execute(args, settings).await,
            Command::Sites(args) => sites::execute(args, settings).await,
            Command::Errors(args) => errors::execute(args, settings).await,
            Command::Queries(args) => queries::execute(args, settings).await,
            Command::Gaps(args) => gaps::execute(args, settings).await,
            Command::Availability(args) => availability::execute(args, settings).await,
            Command::Report(args) => report::execute(args, settings).await,
            Command::Check(args) => check::execute(args, settings).await,
            Command::Token(args) => token::execute(args, settings).await,
            Command::Agents(args) => agents::execute(args, settings).await,
            Command::Import(args) => import::execute(args, settings).await,
            Command::User(args) => user::execute(args, settings).await,
        }
    }

    /// What the log tells unless it is said otherwise: a command's answer is not to be drowned.
    pub fn log_level_default(&self) -> &'static str {
        match self {
            // The scheduler tells of its own insides at info.
            Command::Run(_) => "info,tokio_cron_scheduler=warn",
            _ => "warn",
        }
    }
}

/// The store with the newest batches counted in. Works beside a running collector.
async fn folded_store(settings: &Settings) -> Result<Store> {
    let store = Store::open(&settings.store_url).await.context("cannot open the store")?;
    store.fold(&ingest::Wire, now_ms()).await.context("cannot count the newest batches in")?;
    Ok(store)
}

/// Where a command comes from, in the audit log.
const CONSOLE: &str = "console";

/// The user of the operating system, for the audit log.
fn operator() -> String {
    let named = ["SUDO_USER", "USER"].into_iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_else(|| "?".to_owned())
}

/// The line above a table: what, where, when.
fn title(site: &Site, period: Period, what: &str) -> String {
    let time = |ms| listing::time_for_people(ms, site);
    let (from, to) = (time(period.from_ms), time(period.to_ms));
    format!("{} ({}): {what} from {from} to {to}", site.name, site.id)
}
