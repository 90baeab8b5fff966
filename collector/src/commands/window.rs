//! Which site and which time a command is about.

use anyhow::{Context, Result, bail};

use crate::{
    config::{Settings, Site},
    domain::period::{Period, minute_end},
};

/// The options of an answer about one site and one time.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Scope {
    /// Site; may be left out where the settings name one only
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    #[command(flatten)]
    window: Window,
}

impl Scope {
    /// The site and the time meant.
    pub fn of<'a>(&self, settings: &'a Settings, now_ms: i64) -> Result<(&'a Site, Period)> {
        let site = site(settings, self.site.as_deref())?;
        Ok((site, self.window.of(site, now_ms)?))
    }
}

/// The options that choose a time.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Window {
    /// First instant: 2026-11-21, 2026-11-21T14:00 (both in the site's zone) or an RFC 3339 time.
    /// Default: the first of this month
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// First instant after, written as --from. Default: the end of the running minute
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// A whole month in the site's zone, e.g. 2026-11
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"])]
    period: Option<String>,
}

impl Window {
    /// The time meant, at a site.
    pub fn of(&self, site: &Site, now_ms: i64) -> Result<Period> {
        if let Some(month) = &self.period {
            return Period::month(month, &site.zone).context("--period");
        }
        let instant = |key: &'static str, text: &Option<String>| {
            text.as_ref().map(|text| Period::instant(text, &site.zone).context(key)).transpose()
        };
        let to_ms =
            instant("--to", &self.to)?.unwrap_or_else(|| minute_end(now_ms.saturating_add(1)));
        let from_ms = match instant("--from", &self.from)? {
            Some(from_ms) => from_ms,
            None => month_start(site, to_ms).context("--to: not a time that a calendar has")?,
        };
        if from_ms >= to_ms {
            bail!("--from must lie before --to (which is now unless it is given)");
        }
        Ok(Period { from_ms, to_ms })
    }
}

/// Start of the month that the last instant before `to_ms` lies in.
fn month_start(site: &Site, to_ms: i64) -> Option<i64> {
    let last = jiff::Timestamp::from_millisecond(to_ms.checked_sub(1)?).ok()?;
    let day = last.to_zoned(site.zone.clone()).date();
    Period::month_of(day, &site.zone).map(|month| month.from_ms)
}

/// The site that `--site` names; it may be left out where there is only one.
pub fn site<'a>(settings: &'a Settings, named: Option<&str>) -> Result<&'a Site> {
    match (named, settings.sites.as_slice()) {
        (Some(id), _) => settings.site(id),
        (None, [only]) => Ok(only),
        (None, sites) => {
            let known: Vec<_> = sites.iter().map(|site| site.id.0.as_str()).collect();
            bail!("--site is missing; known are: {}", known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(ids: &[&str]) -> Settings {
        let site = |id: &&str| {
            format!("[[site]]\nid = \"{id}\"\nname = \"LPSE\"\nzone = \"Asia/Makassar\"\n")
        };
        let sites: String = ids.iter().map(site).collect();
        Settings::parse(&format!("store = \"sqlite:x.db\"\n{sites}")).unwrap()
    }

    fn ms(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    fn window(from: Option<&str>, to: Option<&str>, period: Option<&str>) -> Window {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Window { from: owned(from), to: owned(to), period: owned(period) }
    }

    #[test]
    fn nothing_said_is_this_month_so_far_in_the_sites_zone() {
        let settings = settings(&["demo"]);
        // In Makassar it is the first of December already.
        let now_ms = ms("2026-11-30T17:30:12Z");
        let period = window(None, None, None).of(&settings.sites[0], now_ms).unwrap();
        let to_ms = ms("2026-11-30T17:31:00Z");
        assert_eq!(period, Period { from_ms: ms("2026-11-30T16:00:00Z"), to_ms });
    }

    #[test]
    fn an_end_at_a_months_beginning_means_the_month_before() {
        let settings = settings(&["demo"]);
        let period = window(None, Some("2026-11-01"), None).of(&settings.sites[0], 0).unwrap();
        assert_eq!(period.from_ms, ms("2026-09-30T16:00:00Z"));
        assert_eq!(period.to_ms, ms("2026-10-31T16:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_named_with_its_option() {
        let settings = settings(&["demo"]);
        let cases = [
            (window(Some("kemarin"), None, None), "--from"),
            (window(None, Some("2026-99-01"), None), "--to"),
            (window(None, None, Some("November")), "--period"),
            (window(Some("2026-11-02"), Some("2026-11-02"), None), "before --to"),
        ];
        for (window, expected) in cases {
            let error = format!("{:#}", window.of(&settings.sites[0], 0).unwrap_err());
            assert!(error.contains(expected), "{error} should name {expected}");
        }
    }

    #[test]
    fn the_site_may_be_left_out_where_there_is_one() {
        assert_eq!(site(&settings(&["demo"]), None).unwrap().id.0, "demo");
        let two = settings(&["demo", "gorontalo"]);
        assert!(site(&two, None).unwrap_err().to_string().contains("demo, gorontalo"));
        assert!(site(&two, Some("x")).unwrap_err().to_string().contains("demo, gorontalo"));
    }
}
