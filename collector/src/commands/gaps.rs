//! `gaps`: what a site's agents declared as lost, oldest first.

use anyhow::Result;
use serde_json::json;

use super::{
    folded_store,
    listing::{Cell, Listing, Output},
    title,
    window::Scope,
};
use crate::{
    config::{Settings, Site},
    domain::{now_ms, period::Period, summary::GapSummary},
};

/// What `gaps` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    output: Output,
}

/// Prints them.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let (site, period) = args.scope.of(&settings, now_ms())?;
    let store = folded_store(&settings).await?;
    let gaps = store.gaps(&site.id, period).await?;
    listing(site, period, &gaps).print(args.output)
}

fn listing(site: &Site, period: Period, gaps: &[GapSummary]) -> Listing {
    let row = |gap: &GapSummary| {
        vec![
            Cell::time(gap.from_ms, site),
            Cell::time(gap.to_ms, site),
            Cell::text(&gap.agent),
            Cell::text(&gap.source),
            Cell::text(&gap.reason),
            Cell::Number(gap.amount),
            Cell::text(&gap.detail),
        ]
    };
    Listing {
        title: title(site, period, "declared gaps"),
        empty: "No gap was declared in this time.",
        columns: vec!["from", "to", "server", "source", "reason", "amount", "detail"],
        rows: gaps.iter().map(row).collect(),
        json: json!({
            "site": site.id.0, "from_ms": period.from_ms, "to_ms": period.to_ms, "gaps": gaps,
        }),
    }
}
