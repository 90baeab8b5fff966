//! `errors`: error groups of a site, most frequent first.

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
    domain::{now_ms, period::Period, summary::ErrorSummary},
};

/// What `errors` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Most rows to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    output: Output,
}

/// Prints them.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let (site, period) = args.scope.of(&settings, now_ms())?;
    let store = folded_store(&settings).await?;
    let errors = store.errors(&site.id, period, args.limit).await?;
    listing(site, period, &errors).print(args.output)
}

fn listing(site: &Site, period: Period, errors: &[ErrorSummary]) -> Listing {
    let row = |error: &ErrorSummary| {
        vec![
            Cell::Number(error.count),
            Cell::text(error.severity.as_str()),
            Cell::text(&error.class),
            Cell::text(&error.sqlstate),
            Cell::time(error.last_ms, site),
            Cell::text(&error.template),
            Cell::text(&error.fingerprint),
        ]
    };
    Listing {
        title: title(site, period, "errors"),
        empty: "No errors were counted in this time.",
        columns: vec!["count", "severity", "class", "sqlstate", "last", "message", "fingerprint"],
        rows: errors.iter().map(row).collect(),
        json: json!({
            "site": site.id.0, "from_ms": period.from_ms, "to_ms": period.to_ms, "errors": errors,
        }),
    }
}
