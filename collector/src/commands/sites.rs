//! `sites`: every site and its servers, as they are now, and how long the application was up.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    folded_store,
    listing::{Cell, Listing, Output},
    window::Window,
};
use crate::{
    availability,
    config::{Settings, Site},
    domain::{
        availability::{Shares, State, Target},
        now_ms,
        period::Period,
        summary::Server,
    },
};

/// What `sites` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// This site only
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    #[command(flatten)]
    window: Window,
    #[command(flatten)]
    output: Output,
}

/// A site, and what is known of it.
struct Known<'a> {
    site: &'a Site,
    period: Period,
    /// Of the application.
    shares: Shares,
    servers: Vec<Server>,
}

/// Prints them.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let now_ms = now_ms();
    let chosen: Vec<&Site> = match &args.site {
        Some(id) => vec![settings.site(id)?],
        None => settings.sites.iter().collect(),
    };
    let store = folded_store(&settings).await?;
    let mut known = Vec::new();
    for site in chosen {
        let period = args.window.of(site, now_ms)?;
        let ledger = availability::ledger(&store, site, period, now_ms).await?;
        let shares = availability::shares(&ledger, Target::Application);
        known.push(Known { site, period, shares, servers: store.servers(Some(&site.id)).await? });
    }
    let silent_after_ms = i64::from(settings.thresholds.silent_after_s) * 1_000;
    listing(&known, now_ms, silent_after_ms).print(args.output)
}

fn listing(known: &[Known<'_>], now_ms: i64, silent_after_ms: i64) -> Listing {
    let is_silent = |server: &Server| now_ms - server.last_seen_ms > silent_after_ms;
    Listing {
        title: format!("{} sites", known.len()),
        empty: "",
        columns: vec![
            "site",
            "name",
            "agent",
            "contact",
            "last_seen",
            "application",
            "database",
            "problems",
            "up",
            "unknown",
        ],
        rows: known.iter().flat_map(|known| rows(known, &is_silent)).collect(),
        json: json!({
            "sites": known.iter().map(|k| site_json(k, &is_silent)).collect::<Vec<_>>(),
        }),
    }
}

/// One row per server, or one that says that none has called yet.
fn rows(known: &Known<'_>, is_silent: &impl Fn(&Server) -> bool) -> Vec<Vec<Cell>> {
    let Known { site, shares, servers, .. } = known;
    let names = || [Cell::text(&site.id.0), Cell::text(&site.name)];
    let whole = whole_ms(shares);
    let figures = [Cell::share(shares.up_ms, whole), Cell::share(shares.unknown_ms, whole)];
    let row = |cells: Vec<Cell>| names().into_iter().chain(cells).chain(figures.clone()).collect();
    if servers.is_empty() {
        let none = || Cell::None;
        return vec![row(vec![none(), Cell::text("never"), none(), none(), none(), none()])];
    }
    let of_server = |server: &Server| {
        let silent = is_silent(server);
        row(vec![
            Cell::text(&server.agent.0),
            Cell::text(if silent { "silent" } else { "alive" }),
            Cell::time(server.last_seen_ms, site),
            Cell::text(newest(server, Target::Application, silent)),
            Cell::text(newest(server, Target::Database, silent)),
            Cell::Number(i64::try_from(server.live.problems.len()).unwrap_or(i64::MAX)),
        ])
    };
    servers.iter().map(of_server).collect()
}

fn site_json(known: &Known<'_>, is_silent: &impl Fn(&Server) -> bool) -> Value {
    let servers: Vec<Value> = known
        .servers
        .iter()
        .map(|server| {
            json!({
                "agent": server.agent.0, "version": server.version, "sample": server.sample,
                "silent": is_silent(server), "first_seen_ms": server.first_seen_ms,
                "last_seen_ms": server.last_seen_ms, "clock_offset_ms": server.clock_offset_ms,
                "host": server.host, "live": server.live,
            })
        })
        .collect();
    json!({
        "site": known.site.id.0, "name": known.site.name,
        "from_ms": known.period.from_ms, "to_ms": known.period.to_ms,
        "application": {
            "up_ms": known.shares.up_ms, "degraded_ms": known.shares.degraded_ms,
            "down_ms": known.shares.down_ms, "maintenance_ms": known.shares.maintenance_ms,
            "unknown_ms": known.shares.unknown_ms,
        },
        "servers": servers,
    })
}

fn whole_ms(s: &Shares) -> i64 {
    s.up_ms + s.degraded_ms + s.down_ms + s.maintenance_ms + s.unknown_ms
}

/// The newest state of a target on a server, the failing check first; the last words of a silent agent
/// say nothing of now.
fn newest(server: &Server, target: Target, silent: bool) -> String {
    let checks = || server.live.targets.iter().filter(|live| live.target == target.as_str());
    if silent {
        return State::Unknown.as_str().to_owned();
    }
    let failing = checks().find(|check| check.state != State::Up.as_str());
    match failing.or_else(|| checks().next()) {
        None => "-".to_owned(),
        Some(check) if check.reason.is_empty() => check.state.clone(),
        Some(check) => format!("{} ({})", check.state, check.reason),
    }
}
