//! `queries`: queries of a site by how often they ran or how long they took. A query that both sources
//! know (log and `pg_stat_statements`) stands in two rows; they are not added up.

use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;

use super::{
    folded_store,
    listing::{Cell, Listing, Output},
    title,
    window::Scope,
};
use crate::{
    config::{Settings, Site},
    domain::{
        now_ms,
        period::Period,
        summary::{QueryOrder, QuerySummary},
    },
};

/// What `queries` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Which come first. Frequent is not slow
    #[arg(long, value_enum, default_value_t = Order::Calls)]
    order: Order,
    /// Most rows to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    output: Output,
}

/// By which figure queries are ranked.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    /// Most calls
    Calls,
    /// Most time in all
    Time,
}

/// Prints them.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let (site, period) = args.scope.of(&settings, now_ms())?;
    let order = match args.order {
        Order::Calls => QueryOrder::Calls,
        Order::Time => QueryOrder::TotalTime,
    };
    let store = folded_store(&settings).await?;
    let queries = store.queries(&site.id, period, order, args.limit).await?;
    listing(site, period, &queries).print(args.output)
}

fn listing(site: &Site, period: Period, queries: &[QuerySummary]) -> Listing {
    let row = |query: &QuerySummary| {
        vec![
            Cell::Number(query.calls),
            Cell::Duration(query.total_us),
            Cell::Duration(query.mean_us),
            Cell::duration(query.p95_us),
            Cell::duration(query.max_us),
            Cell::Number(query.rows),
            Cell::text(query.source.as_str()),
            Cell::text(&query.database),
            Cell::text(&query.template),
            Cell::text(&query.fingerprint),
        ]
    };
    Listing {
        title: title(site, period, "queries"),
        empty: "No queries were counted in this time.",
        columns: vec![
            "calls",
            "total_us",
            "mean_us",
            "p95_us",
            "max_us",
            "rows",
            "source",
            "database",
            "statement",
            "fingerprint",
        ],
        rows: queries.iter().map(row).collect(),
        json: json!({
            "site": site.id.0, "from_ms": period.from_ms, "to_ms": period.to_ms,
            "queries": queries,
        }),
    }
}
