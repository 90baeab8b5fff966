//! `report`: the performance report of one site and period as PDF.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{folded_store, window};
use crate::{
    config::{Settings, Site},
    domain::{now_ms, period::Period},
    reporting::{self, Order, Written, model::LESSON_BYTES_MAX, period},
    store::Store,
};

/// What `report` takes.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("span").required(true).args(["period", "from"]))]
pub struct Args {
    /// Site, as the settings name it; may be left out where there is only one
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    /// Month (2026-11) or half-year (2026-S1) in the site's zone; one that is not over is reported so
    /// far
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// Begin of any other period: a date, a date and time in the site's zone, or RFC 3339
    #[arg(long, value_name = "TIME", requires = "to", conflicts_with = "period")]
    from: Option<String>,
    /// End of it, not included
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Plain text of section C (lesson learned and its analysis), UTF-8; without it the section is
    /// ruled to be filled in by hand
    #[arg(long, value_name = "FILE")]
    lesson: Option<PathBuf>,
    /// Keep it in the store too: a new revision if its figures differ from the latest one
    #[arg(long)]
    save: bool,
}

/// Folds what has arrived, composes the report and writes it.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let site = window::site(&settings, args.site.as_deref())?;
    let order = Order {
        settings: &settings,
        site,
        period: chosen(&args, site)?,
        created_ms: now_ms(),
        lesson: args.lesson.as_deref().map(read_lesson).transpose()?,
    };
    let store = folded_store(&settings).await?;
    let written = match args.save {
        true => reporting::write_report(&store, &order).await?,
        false => draw_only(&store, &order).await?,
    };
    std::fs::write(&args.out, &written.pdf)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    println!("{}", summary(&args, &written));
    Ok(())
}

async fn draw_only(store: &Store, order: &Order<'_>) -> Result<Written> {
    let (settings, site) = (order.settings, order.site);
    let lesson = order.lesson.clone();
    let model =
        reporting::compose(store, settings, site, order.period, order.created_ms, lesson).await?;
    let (model, drawn) = reporting::draw(model).await?;
    Ok(Written { model, pdf: drawn.pdf, pages: drawn.pages, kept: false })
}

fn chosen(args: &Args, site: &Site) -> Result<Period> {
    match (&args.period, &args.from, &args.to) {
        (Some(text), None, None) => period::parse(text, &site.zone),
        (None, Some(from), Some(to)) => {
            let period = Period {
                from_ms: Period::instant(from, &site.zone)?,
                to_ms: Period::instant(to, &site.zone)?,
            };
            if period.len_ms() == 0 {
                bail!("--to {to} is not after --from {from}");
            }
            Ok(period)
        }
        _ => bail!("give --period, or --from and --to"),
    }
}

fn read_lesson(path: &Path) -> Result<String> {
    let bytes =
        std::fs::read(path).with_context(|| format!("cannot read --lesson {}", path.display()))?;
    if bytes.len() > LESSON_BYTES_MAX {
        bail!(
            "--lesson {} has {} bytes; section C takes {LESSON_BYTES_MAX}",
            path.display(),
            bytes.len()
        );
    }
    String::from_utf8(bytes)
        .with_context(|| format!("--lesson {} is not UTF-8 text", path.display()))
}

fn summary(args: &Args, written: &Written) -> String {
    let model = &written.model;
    let kept = match (args.save, written.kept) {
        (false, _) => "not kept in the store (no --save)",
        (true, true) => "kept in the store",
        (true, false) => "the store has this revision with the same figures already",
    };
    format!(
        "{}: {} pages, revision {}, digest {}\n{kept}",
        args.out.display(),
        written.pages,
        model.revision,
        model.digest
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(rest: &[&str]) -> Result<Args, clap::Error> {
        let head = ["report", "--site", "demo", "--out", "laporan.pdf"];
        Line::try_parse_from(head.iter().chain(rest)).map(|line| line.args)
    }

    fn site() -> Site {
        let text =
            "store = \"sqlite:x\"\n[[site]]\nid = \"demo\"\nname = \"D\"\nzone = \"Asia/Jakarta\"";
        Settings::parse(text).unwrap().sites.remove(0)
    }

    #[test]
    fn a_period_is_named_or_given_by_both_ends() {
        for wrong in [
            &[][..],
            &["--from", "2026-11-01"],
            &["--to", "2026-11-02"],
            &["--period", "2026-11", "--from", "2026-11-01", "--to", "2026-11-02"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
        let month = chosen(&parsed(&["--period", "2026-11"]).unwrap(), &site()).unwrap();
        let days = ["--from", "2026-11-01", "--to", "2026-12-01"];
        assert_eq!(chosen(&parsed(&days).unwrap(), &site()).unwrap(), month);
        let turned = ["--from", "2026-12-01", "--to", "2026-11-01"];
        assert!(chosen(&parsed(&turned).unwrap(), &site()).is_err());
    }

    #[test]
    fn a_lesson_too_long_or_not_text_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.txt");
        std::fs::write(&file, vec![b'a'; LESSON_BYTES_MAX + 1]).unwrap();
        assert!(read_lesson(&file).unwrap_err().to_string().contains("c.txt"));
        std::fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(read_lesson(&file).unwrap_err().to_string().contains("UTF-8"));
        std::fs::write(&file, "Keluhan.").unwrap();
        assert_eq!(read_lesson(&file).unwrap(), "Keluhan.");
    }
}
