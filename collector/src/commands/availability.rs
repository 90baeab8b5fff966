//! `availability`: how a site's time divides among the states, and when each began and ended.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    folded_store,
    listing::{Cell, Listing, Output},
    title,
    window::Scope,
};
use crate::{
    availability,
    config::{Settings, Site},
    domain::{
        availability::{Interval, Target},
        now_ms,
        period::Period,
    },
};

/// What `availability` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,
    /// List every interval with its reason instead of the shares (JSON has both)
    #[arg(long)]
    intervals: bool,
    #[command(flatten)]
    output: Output,
}

/// Prints it.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let now_ms = now_ms();
    let (site, period) = args.scope.of(&settings, now_ms)?;
    let store = folded_store(&settings).await?;
    let ledger = availability::ledger(&store, site, period, now_ms).await?;
    let listing = Listing {
        title: title(site, period.until(now_ms), "availability"),
        empty: "This time has not begun yet.",
        json: json(site, period.until(now_ms), &ledger),
        ..if args.intervals { intervals(site, &ledger) } else { shares(&ledger) }
    };
    listing.print(args.output)
}

fn shares(ledger: &[Interval]) -> Listing {
    let row = |target: Target| {
        let s = availability::shares(ledger, target);
        let parts = [s.up_ms, s.degraded_ms, s.down_ms, s.maintenance_ms, s.unknown_ms];
        let whole = parts.iter().sum();
        let shares = parts.into_iter().map(|part| Cell::share(part, whole));
        [Cell::text(target.as_str())]
            .into_iter()
            .chain(shares)
            .chain([Cell::Number(s.down_ms / 1_000)])
            .collect()
    };
    let targets = if ledger.is_empty() { &[][..] } else { &Target::ALL[..] };
    Listing {
        title: String::new(),
        empty: "",
        columns: vec!["target", "up", "degraded", "down", "maintenance", "unknown", "down_s"],
        rows: targets.iter().copied().map(row).collect(),
        json: Value::Null,
    }
}

fn intervals(site: &Site, ledger: &[Interval]) -> Listing {
    let row = |interval: &Interval| {
        vec![
            Cell::text(interval.target.as_str()),
            Cell::time(interval.period.from_ms, site),
            Cell::time(interval.period.to_ms, site),
            Cell::Number(interval.period.len_ms() / 1_000),
            Cell::text(interval.state.as_str()),
            Cell::text(&interval.reason),
        ]
    };
    Listing {
        title: String::new(),
        empty: "",
        columns: vec!["target", "from", "to", "seconds", "state", "reason"],
        rows: ledger.iter().map(row).collect(),
        json: Value::Null,
    }
}

fn json(site: &Site, period: Period, ledger: &[Interval]) -> Value {
    let target = |target: Target| {
        let s = availability::shares(ledger, target);
        let intervals: Vec<Value> = ledger
            .iter()
            .filter(|interval| interval.target == target)
            .map(|i| {
                json!({
                    "from_ms": i.period.from_ms, "to_ms": i.period.to_ms,
                    "state": i.state.as_str(), "reason": i.reason,
                })
            })
            .collect();
        json!({
            "target": target.as_str(), "up_ms": s.up_ms, "degraded_ms": s.degraded_ms,
            "down_ms": s.down_ms, "maintenance_ms": s.maintenance_ms, "unknown_ms": s.unknown_ms,
            "intervals": intervals,
        })
    };
    json!({
        "site": site.id.0, "from_ms": period.from_ms, "to_ms": period.to_ms,
        "targets": Target::ALL.map(target),
    })
}
