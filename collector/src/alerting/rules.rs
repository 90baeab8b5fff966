//! What is watched: one entry per rule. A rule says what one server shows of it and where its bounds
//! lie; everything else (hold times, hysteresis, storing, telling) is the same for all.
//!
//! To add a rule: one entry here, one entry of texts in each language of `labels::alerts`.

use crate::{
    config::Thresholds,
    domain::{
        alert::{Detail, Unit},
        availability::{State, Target},
        batch::{DiskSample, TargetState},
        summary::Server,
    },
};

use super::decide::{Bounds, Moment, Reading};

/// Every rule.
pub const RULES: [Rule; 5] = [
    Rule { name: "disk_space", unit: Unit::Permille, bounds: disk_bounds, read: read_disks },
    Rule { name: "memory", unit: Unit::Permille, bounds: memory_bounds, read: read_memory },
    Rule { name: "site_down", unit: Unit::Seconds, bounds: down_bounds, read: read_application },
    Rule { name: "database_down", unit: Unit::Seconds, bounds: down_bounds, read: read_database },
    Rule { name: "agent_silent", unit: Unit::Seconds, bounds: silent_bounds, read: read_silence },
];

/// One rule.
pub struct Rule {
    /// As it stands in the store and in webhooks; never renamed.
    pub name: &'static str,
    /// Unit of its figures and thresholds.
    pub unit: Unit,
    /// Its bounds under these settings.
    pub bounds: fn(&Thresholds) -> Bounds,
    /// What one server shows now.
    pub read: fn(&Server, &Thresholds, Moment) -> Report,
}

/// What one server shows of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Its state is too old, or it has not told that figure yet.
    Unknown,
    /// Every part that there is. A part that had an alert and is not in here is gone.
    Parts(Vec<Part>),
}

/// One part of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// A mount, a checked address; empty for the whole server.
    pub name: String,
    /// What is seen of it.
    pub reading: Reading,
    /// Figures for the text.
    pub detail: Detail,
}

/// File systems that are full by nature: images that cannot be written to.
const ALWAYS_FULL: [&str; 5] = ["squashfs", "erofs", "cramfs", "iso9660", "udf"];

fn disk_bounds(t: &Thresholds) -> Bounds {
    share_bounds(t, t.disk_warning_percent, t.disk_critical_percent)
}

fn memory_bounds(t: &Thresholds) -> Bounds {
    share_bounds(t, t.memory_warning_percent, t.memory_critical_percent)
}

fn share_bounds(t: &Thresholds, warning_percent: u32, critical_percent: u32) -> Bounds {
    let permille = |percent: u32| i64::from(percent) * 10;
    Bounds {
        warning: Some(permille(warning_percent)),
        critical: Some(permille(critical_percent)),
        hysteresis: permille(t.hysteresis_percent),
        open_hold_ms: seconds_ms(t.hold_s),
        clear_hold_ms: seconds_ms(t.hold_s),
    }
}

fn down_bounds(t: &Thresholds) -> Bounds {
    Bounds {
        warning: None,
        critical: Some(i64::from(t.down_after_s)),
        hysteresis: 0,
        open_hold_ms: seconds_ms(t.down_after_s),
        clear_hold_ms: seconds_ms(t.hold_s),
    }
}

/// Silence is a warning: what is not heard of need not be down. It has no hold time before it opens,
/// because the silence itself is one.
fn silent_bounds(t: &Thresholds) -> Bounds {
    Bounds {
        warning: Some(i64::from(t.silent_after_s)),
        critical: None,
        hysteresis: 0,
        open_hold_ms: 0,
        clear_hold_ms: seconds_ms(t.hold_s),
    }
}

fn read_disks(server: &Server, t: &Thresholds, moment: Moment) -> Report {
    let Some(host) = server.live.host.as_ref().filter(|_| is_fresh(server, t, moment)) else {
        return Report::Unknown;
    };
    if host.disks.is_empty() {
        return Report::Unknown;
    }
    let watched = |disk: &&DiskSample| !ALWAYS_FULL.contains(&disk.file_system.as_str());
    let part = |disk: &DiskSample| share(&disk.mount, disk.total_bytes, disk.free_bytes);
    Report::Parts(host.disks.iter().filter(watched).filter_map(part).collect())
}

fn read_memory(server: &Server, t: &Thresholds, moment: Moment) -> Report {
    let Some(host) = server.live.host.as_ref().filter(|_| is_fresh(server, t, moment)) else {
        return Report::Unknown;
    };
    match share("", host.memory_total_bytes, host.memory_available_bytes) {
        Some(part) => Report::Parts(vec![part]),
        None => Report::Unknown,
    }
}

fn read_application(server: &Server, t: &Thresholds, moment: Moment) -> Report {
    read_target(Target::Application, server, t, moment)
}

fn read_database(server: &Server, t: &Thresholds, moment: Moment) -> Report {
    read_target(Target::Database, server, t, moment)
}

fn read_target(target: Target, server: &Server, t: &Thresholds, moment: Moment) -> Report {
    if !is_fresh(server, t, moment) {
        return Report::Unknown;
    }
    let checks = server.live.targets.iter().filter(|check| check.target == target.as_str());
    let part = |check: &TargetState| {
        let since_ms = check.since_ms.saturating_sub(server.clock_offset_ms);
        let reading = match State::parse(&check.state) {
            Some(State::Down) => Reading::Bad { lasting_s: lasting_s(since_ms, moment) },
            Some(State::Up | State::Degraded) => Reading::Good,
            Some(State::Maintenance | State::Unknown) | None => Reading::Unknown,
        };
        let detail = Detail { cause: check.reason.clone(), ..Detail::default() };
        Part { name: check.subject.clone(), reading, detail }
    };
    Report::Parts(checks.map(part).collect())
}

/// The time before this collector looked, and the time it was off, is not an agent's silence: after a
/// restart each agent has the whole time again to call.
fn read_silence(server: &Server, t: &Thresholds, moment: Moment) -> Report {
    let limit_ms = seconds_ms(t.silent_after_s);
    let watched_from_ms = server.last_seen_ms.max(moment.watching_since_ms);
    let reading = if moment.now_ms.saturating_sub(server.last_seen_ms) < limit_ms {
        Reading::Good
    } else if moment.now_ms.saturating_sub(watched_from_ms) < limit_ms {
        Reading::Unknown
    } else {
        Reading::Bad { lasting_s: lasting_s(server.last_seen_ms, moment) }
    };
    Report::Parts(vec![Part { name: String::new(), reading, detail: Detail::default() }])
}

/// Whether the newest state still says something: the agent was heard of, and the state is not an old one
/// that a late batch left standing.
fn is_fresh(server: &Server, t: &Thresholds, moment: Moment) -> bool {
    let taken_ms = server.live.at_ms.saturating_sub(server.clock_offset_ms);
    let limit_ms = seconds_ms(t.silent_after_s);
    server.live.at_ms > 0
        && moment.now_ms.saturating_sub(taken_ms) < limit_ms
        && moment.now_ms.saturating_sub(server.last_seen_ms) < limit_ms
}

/// Used share in permille; `None` where nothing was measured.
fn share(name: &str, total_bytes: u64, free_bytes: u64) -> Option<Part> {
    let used = u128::from(total_bytes.saturating_sub(free_bytes));
    let permille = (used * 1_000).checked_div(u128::from(total_bytes))?;
    let detail = Detail {
        free_bytes: Some(free_bytes),
        total_bytes: Some(total_bytes),
        cause: String::new(),
    };
    let reading = Reading::Figure(i64::try_from(permille).ok()?);
    Some(Part { name: name.to_owned(), reading, detail })
}

fn lasting_s(since_ms: i64, moment: Moment) -> i64 {
    (moment.now_ms.saturating_sub(since_ms) / 1_000).max(0)
}

fn seconds_ms(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{alerting::testing::server, labels};

    const NOW: Moment = Moment { now_ms: 1_000_000, watching_since_ms: 0 };

    fn read(name: &str, server: &Server) -> Report {
        let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
        (rule.read)(server, &Thresholds::default(), NOW)
    }

    fn readings(report: Report) -> Vec<(String, Reading)> {
        match report {
            Report::Unknown => vec![("unknown".to_owned(), Reading::Unknown)],
            Report::Parts(parts) => parts.into_iter().map(|p| (p.name, p.reading)).collect(),
        }
    }

    #[test]
    fn each_rule_has_its_words_in_both_languages() {
        for words in [&labels::alerts::ID, &labels::alerts::EN] {
            let names: BTreeSet<_> = RULES.iter().map(|rule| words.rule(rule.name)).collect();
            assert_eq!(names.len(), RULES.len(), "a name of its own for each of {names:?}");
            assert!(!names.contains(words.rule("unknown")));
        }
    }

    #[test]
    fn each_disk_is_a_part_except_those_full_by_nature() {
        let mut server = server("app-1", NOW.now_ms);
        let host = server.live.host.as_mut().unwrap();
        host.disks.push(DiskSample {
            mount: "/snap/core/1".to_owned(),
            file_system: "squashfs".to_owned(),
            total_bytes: 100,
            ..DiskSample::default()
        });
        host.disks.push(DiskSample { mount: "/empty".to_owned(), ..DiskSample::default() });
        let expected = [("/".to_owned(), Reading::Figure(500))];
        assert_eq!(readings(read("disk_space", &server)), expected);
        assert_eq!(readings(read("memory", &server)), [(String::new(), Reading::Figure(250))]);
    }

    #[test]
    fn a_stale_state_says_nothing_of_disks_and_checks_but_the_agent_is_silent() {
        let mut server = server("app-1", NOW.now_ms - 75_000);
        server.live.targets = vec![target("application", "down")];
        for rule in ["disk_space", "memory", "site_down", "database_down"] {
            assert_eq!(read(rule, &server), Report::Unknown, "{rule}");
        }
        let silent = Reading::Bad { lasting_s: 75 };
        assert_eq!(readings(read("agent_silent", &server)), [(String::new(), silent)]);
    }

    #[test]
    fn a_late_batch_is_a_sign_of_life_but_its_old_state_is_not_news() {
        let mut server = server("app-1", NOW.now_ms - 600_000);
        server.last_seen_ms = NOW.now_ms;
        assert_eq!(read("disk_space", &server), Report::Unknown);
        assert_eq!(readings(read("agent_silent", &server)), [(String::new(), Reading::Good)]);
    }

    #[test]
    fn a_clock_that_is_wrong_does_not_make_a_state_stale() {
        let mut server = server("app-1", NOW.now_ms);
        server.live.at_ms -= 500_000;
        server.clock_offset_ms = -500_000;
        assert_ne!(read("disk_space", &server), Report::Unknown);
    }

    #[test]
    fn silence_is_not_counted_while_the_collector_was_not_looking() {
        let server = server("app-1", 0);
        let rule = RULES.iter().find(|rule| rule.name == "agent_silent").unwrap();
        let at = |now_ms| {
            let moment = Moment { now_ms, watching_since_ms: 3_600_000 };
            readings((rule.read)(&server, &Thresholds::default(), moment))[0].1
        };
        assert_eq!(at(3_600_000), Reading::Unknown);
        assert_eq!(at(3_674_999), Reading::Unknown);
        assert_eq!(at(3_675_000), Reading::Bad { lasting_s: 3_675 });
    }

    #[test]
    fn a_check_is_bad_only_when_it_says_down() {
        let mut server = server("app-1", NOW.now_ms);
        for (word, expected) in [
            ("down", Reading::Bad { lasting_s: 40 }),
            ("up", Reading::Good),
            ("degraded", Reading::Good),
            ("unknown", Reading::Unknown),
            ("", Reading::Unknown),
        ] {
            server.live.targets = vec![target("application", word), target("database", "up")];
            let name = "http://127.0.0.1:9000/".to_owned();
            assert_eq!(readings(read("site_down", &server)), [(name, expected)], "{word}");
        }
    }

    fn target(target: &str, state: &str) -> TargetState {
        TargetState {
            target: target.to_owned(),
            state: state.to_owned(),
            since_ms: NOW.now_ms - 40_000,
            reason: "connect_refused".to_owned(),
            latency_ms: 0,
            subject: "http://127.0.0.1:9000/".to_owned(),
        }
    }
}
