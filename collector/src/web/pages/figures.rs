//! Small views that several pages show.

use crate::{
    config::Thresholds,
    domain::batch::{DiskSample, HostSample},
    labels::Labels,
    web::{format::Format, state::SiteState},
};

/// A used share with a bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// e.g. `81,3 %`.
    pub text: String,
    /// Width of the bar, 0-100.
    pub percent: u64,
    /// `ok`, `warning` or `critical`, by the settings' thresholds.
    pub level: &'static str,
}

impl Gauge {
    /// A share in permille against two thresholds in percent.
    pub fn new(permille: u64, warning: u32, critical: u32, format: Format) -> Gauge {
        let level = match permille {
            share if share >= u64::from(critical) * 10 => "critical",
            share if share >= u64::from(warning) * 10 => "warning",
            _ => "ok",
        };
        Gauge { text: format.permille(permille), percent: (permille / 10).min(100), level }
    }

    /// A share that no threshold watches.
    pub fn plain(permille: u64, format: Format) -> Gauge {
        Gauge { text: format.permille(permille), percent: (permille / 10).min(100), level: "ok" }
    }
}

/// `part` of `whole` in permille; 0 of nothing is 0.
pub fn permille(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * 1_000 / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(1_000).min(1_000)
}

/// Used share of memory, permille.
pub fn memory_permille(host: &HostSample) -> u64 {
    let used = host.memory_total_bytes.saturating_sub(host.memory_available_bytes);
    permille(used, host.memory_total_bytes)
}

/// Used share of a disk, permille.
pub fn disk_permille(disk: &DiskSample) -> u64 {
    permille(disk.total_bytes.saturating_sub(disk.free_bytes), disk.total_bytes)
}

/// A disk's gauge.
pub fn disk_gauge(permille: u64, thresholds: &Thresholds, format: Format) -> Gauge {
    Gauge::new(permille, thresholds.disk_warning_percent, thresholds.disk_critical_percent, format)
}

/// A memory's gauge.
pub fn memory_gauge(permille: u64, thresholds: &Thresholds, format: Format) -> Gauge {
    Gauge::new(
        permille,
        thresholds.memory_warning_percent,
        thresholds.memory_critical_percent,
        format,
    )
}

/// A state of a site in words.
pub fn site_state(state: SiteState, l: &Labels) -> &'static str {
    match state {
        SiteState::Down => l.state_down,
        SiteState::Silent => l.state_silent,
        SiteState::Degraded => l.state_degraded,
        SiteState::Never => l.state_never,
        SiteState::Up => l.state_up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Language;

    #[test]
    fn a_gauge_changes_level_at_its_thresholds() {
        let format = Format(Language::Indonesian);
        let level = |permille| Gauge::new(permille, 80, 90, format).level;
        assert_eq!([799, 800, 899, 900].map(level), ["ok", "warning", "warning", "critical"]);
    }

    #[test]
    fn shares_of_nothing_and_beyond_the_whole_stay_within_the_bar() {
        assert_eq!(permille(0, 0), 0);
        assert_eq!(permille(5, 0), 1_000);
        assert_eq!(permille(u64::MAX, u64::MAX), 1_000);
        assert_eq!(permille(1, 3), 333);
    }
}
