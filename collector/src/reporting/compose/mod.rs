//! From facts to the document model: pure functions, one file per part of the form.

mod annexes;
mod availability;
mod capacity;
mod conditions;

use super::{
    format::Clock,
    model::{Kind, MODEL_FORMAT, Model, SiteHead, ThresholdUsed},
    query::Facts,
};
use crate::{
    config::{Settings, Site},
    domain::period::Period,
};

/// What a report is about, apart from the facts.
pub struct Order<'a> {
    /// Thresholds in use.
    pub settings: &'a Settings,
    /// Whose.
    pub site: &'a Site,
    /// The period asked for.
    pub period: Period,
    /// The present.
    pub created_ms: i64,
    /// Section C.
    pub lesson: Option<String>,
}

impl Order<'_> {
    /// The part of the period that has passed.
    pub fn covered(&self) -> Period {
        self.period.until(self.created_ms)
    }
}

/// The model of these facts; its revision is not known yet (0).
pub fn model(order: &Order<'_>, facts: &Facts) -> anyhow::Result<Model> {
    let (site, covered) = (order.site, order.covered());
    let clock = clock(site, covered.to_ms);
    let mut model = Model {
        format: MODEL_FORMAT,
        site: site_head(site, covered.to_ms),
        kind: kind(order.period, site),
        from_ms: order.period.from_ms,
        to_ms: order.period.to_ms,
        covered_to_ms: covered.to_ms,
        created_ms: order.created_ms,
        revision: 0,
        digest: String::new(),
        sample: facts.servers.iter().any(|server| server.sample),
        conditions: conditions::conditions(facts, site, covered, &clock),
        lesson: order.lesson.clone(),
        availability: availability::targets(&facts.ledger, site, covered),
        capacity: facts
            .servers
            .iter()
            .map(|server| capacity::server(server, order.settings, site, covered))
            .collect(),
        errors: annexes::errors(facts),
        queries: annexes::queries(facts),
        failures: annexes::failures(facts),
        coverage: annexes::coverage(facts, covered),
        thresholds: thresholds(order.settings, site),
    };
    model.digest = model.figures_digest()?;
    Ok(model)
}

/// Which box a period ticks: a calendar month or half-year of the site's zone is routine.
pub fn kind(period: Period, site: &Site) -> Kind {
    let Ok(start) = jiff::Timestamp::from_millisecond(period.from_ms) else {
        return Kind::Incidental;
    };
    let first = start.to_zoned(site.zone.clone()).date();
    if Period::month_of(first, &site.zone) == Some(period) {
        Kind::Monthly
    } else if super::period::half_year_of(first, &site.zone) == Some(period) {
        Kind::HalfYearly
    } else {
        Kind::Incidental
    }
}

/// Times as the site reads them.
fn clock(site: &Site, at_ms: i64) -> Clock {
    Clock::new(site.zone.clone(), &site.zone_abbreviation(at_ms))
}

fn site_head(site: &Site, at_ms: i64) -> SiteHead {
    SiteHead {
        id: site.id.0.clone(),
        name: site.name.clone(),
        letterhead: site.letterhead.clone(),
        zone: site.zone.iana_name().unwrap_or("UTC").to_owned(),
        zone_abbreviation: site.zone_abbreviation(at_ms),
        administrator: site.administrator.clone(),
        head: site.head.clone(),
    }
}

fn thresholds(settings: &Settings, site: &Site) -> Vec<ThresholdUsed> {
    let used = &settings.thresholds;
    let percent = |name: &str, value: u32| ThresholdUsed {
        name: name.to_owned(),
        value: format!("{value} %"),
    };
    let seconds = |name: &str, value: u32| ThresholdUsed {
        name: name.to_owned(),
        value: format!("{value} detik"),
    };
    vec![
        ThresholdUsed {
            name: "Sasaran ketersediaan".to_owned(),
            value: super::format::permille(site.availability_target_permille.into()),
        },
        percent("Disk terpakai, peringatan", used.disk_warning_percent),
        percent("Disk terpakai, kritis", used.disk_critical_percent),
        percent("Memori terpakai, peringatan", used.memory_warning_percent),
        percent("Memori terpakai, kritis", used.memory_critical_percent),
        percent("Jarak pulih di bawah ambang", used.hysteresis_percent),
        seconds("Lama bertahan sebelum peringatan", used.hold_s),
        seconds("Pemeriksaan gagal sebelum dinyatakan mati", used.down_after_s),
        seconds("Agen dinyatakan diam setelah", used.silent_after_s),
    ]
}
