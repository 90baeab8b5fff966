//! Words of alerts: one file per language, one entry per rule.
//!
//! Names of servers, mounts and addresses come from agents; they are put in as they are (one line, see
//! `alerting::facts`), never read as placeholders.

mod en;
mod id;

use jiff::Timestamp;

use crate::{
    config::Site,
    domain::alert::{AlertKey, Event, Level, Reason, Transition, Unit},
};

pub use en::EN;
pub use id::ID;

use super::{Language, reasons};

/// Everything alerts say in one language.
pub struct Vocabulary {
    language: Language,
    rules: &'static [(&'static str, RuleWords)],
    other: RuleWords,
    warning: &'static str,
    critical: &'static str,
    eased: &'static str,
    resolved: &'static str,
    sample: &'static str,
    sample_line: &'static str,
    not_watched: &'static str,
    server_removed: &'static str,
    fields: FieldWords,
    decimal_mark: char,
    seconds: &'static str,
    minutes: &'static str,
    hours: &'static str,
    days: &'static str,
}

/// What one rule says. `{server}`, `{part}`, `{value}` and the rule's `{name}` stand for what is put in.
struct RuleWords {
    name: &'static str,
    problem: &'static str,
    solved: &'static str,
    advice: &'static str,
}

/// Names of the lines of a mail.
struct FieldWords {
    site: &'static str,
    server: &'static str,
    status: &'static str,
    threshold: &'static str,
    free: &'static str,
    cause: &'static str,
    at: &'static str,
    opened: &'static str,
    advice: &'static str,
    number: &'static str,
}

impl Language {
    /// What alerts say in it.
    pub fn alerts(self) -> &'static Vocabulary {
        match self {
            Language::Indonesian => &ID,
            Language::English => &EN,
        }
    }
}

impl Vocabulary {
    /// Name of a rule for tables, e.g. "Ruang disk".
    pub fn rule(&self, name: &str) -> &'static str {
        self.words(name).name
    }

    /// A level, e.g. "KRITIS".
    pub fn level(&self, level: Level) -> &'static str {
        match level {
            Level::Warning => self.warning,
            Level::Critical => self.critical,
        }
    }

    /// What a transition is announced as: the level of an alert that worsens, else that it eased or ended.
    pub fn status(&self, event: &Event) -> &'static str {
        match event.transition {
            Transition::Opened | Transition::Escalated => self.level(event.level),
            Transition::Eased => self.eased,
            Transition::Resolved => self.resolved,
        }
    }

    /// What is the matter, in one line without site or level.
    pub fn statement(&self, about: &AlertKey, event: &Event) -> String {
        let words = self.words(&about.rule);
        let template = match (event.transition, event.reason) {
            (Transition::Resolved, Reason::NotWatched) => self.not_watched,
            (Transition::Resolved, Reason::ServerRemoved) => self.server_removed,
            (Transition::Resolved, _) => words.solved,
            _ => words.problem,
        };
        let value = event.value.map(|value| self.quantity(value, event.unit)).unwrap_or_default();
        fill(
            template,
            &[
                ("name", words.name),
                ("server", &about.agent.0),
                ("part", &about.part),
                ("value", &value),
            ],
        )
    }

    /// One line with everything that matters: "KRITIS: LPSE X: disk / 92 % penuh (server app-1)".
    pub fn headline(&self, site_name: &str, about: &AlertKey, event: &Event) -> String {
        let sample = if event.sample { format!("[{}] ", self.sample) } else { String::new() };
        let statement = self.statement(about, event);
        format!("{sample}{}: {site_name}: {statement}", self.status(event))
    }

    /// The text of a mail in this language: one line per fact.
    pub fn body(&self, site: &Site, alert_id: &str, about: &AlertKey, event: &Event) -> String {
        let mut text = String::new();
        if event.sample {
            text.push_str(self.sample_line);
            text.push_str("\n\n");
        }
        text.push_str(&self.headline(&site.name, about, event));
        text.push_str("\n\n");
        for (name, value) in self.lines(site, alert_id, about, event) {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if event.transition != Transition::Resolved {
            let advice = self.words(&about.rule).advice;
            text.push_str(&format!("\n{}: {advice}\n", self.fields.advice));
        }
        text
    }

    /// A figure with its unit: "92,3 %", "5 menit".
    pub fn quantity(&self, value: i64, unit: Unit) -> String {
        match unit {
            Unit::Permille => self.percent(value),
            Unit::Seconds => self.duration(value),
        }
    }

    fn lines(
        &self,
        site: &Site,
        alert_id: &str,
        about: &AlertKey,
        event: &Event,
    ) -> Vec<(&'static str, String)> {
        let words = &self.fields;
        let level = self.level(event.level);
        let status = match event.transition {
            Transition::Resolved => format!("{} ({level})", self.resolved),
            Transition::Eased => format!("{}: {level}", self.eased),
            Transition::Opened | Transition::Escalated => level.to_owned(),
        };
        let mut lines = vec![
            (words.site, format!("{} ({})", site.name, site.id)),
            (words.server, about.agent.0.clone()),
            (words.status, status),
            (words.threshold, self.quantity(event.threshold, event.unit)),
        ];
        if let (Some(free), Some(total)) = (event.detail.free_bytes, event.detail.total_bytes) {
            lines.push((words.free, format!("{} / {}", self.bytes(free), self.bytes(total))));
        }
        if !event.detail.cause.is_empty() {
            let cause = reasons::text(&event.detail.cause, self.language.labels());
            lines.push((words.cause, cause));
        }
        lines.push((words.at, local_time(site, event.at_ms)));
        lines.push((words.opened, local_time(site, event.opened_ms)));
        lines.push((words.number, alert_id.to_owned()));
        lines
    }

    fn words(&self, rule: &str) -> &RuleWords {
        self.rules.iter().find(|(name, _)| *name == rule).map_or(&self.other, |(_, words)| words)
    }

    fn percent(&self, permille: i64) -> String {
        match (permille / 10, permille % 10) {
            (whole, 0) => format!("{whole} %"),
            (whole, tenth) => format!("{whole}{}{tenth} %", self.decimal_mark),
        }
    }

    /// In the largest unit of which there are two, so that nothing is rounded by more than a third.
    fn duration(&self, seconds: i64) -> String {
        let units =
            [(86_400, self.days), (3_600, self.hours), (60, self.minutes), (1, self.seconds)];
        let fits = |(length, _): &&(i64, &str)| seconds >= 2 * length || *length == 1;
        let (length, name) = units.iter().find(fits).copied().unwrap_or((1, self.seconds));
        format!("{} {name}", seconds / length)
    }

    /// In decimal units, as disks are sold: "8,1 GB".
    fn bytes(&self, bytes: u64) -> String {
        let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB")];
        match units.iter().find(|(size, _)| bytes >= *size) {
            Some((size, name)) => {
                let tenths = u128::from(bytes) * 10 / u128::from(*size);
                format!("{}{}{} {name}", tenths / 10, self.decimal_mark, tenths % 10)
            }
            None => format!("{} kB", bytes / 1_000),
        }
    }
}

/// "2026-11-21 14:05:30 WITA" in the site's own zone.
fn local_time(site: &Site, ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => {
            let local = time.to_zoned(site.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
            format!("{local} {}", site.zone_abbreviation(ms))
        }
        Err(_) => String::new(),
    }
}

/// Puts values for `{names}`, in one pass: what is put in is not read again. Spaces that an empty value
/// leaves behind are closed up.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
        text.push_str(value);
        rest = if value.is_empty() { after.trim_start() } else { after };
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Settings,
        domain::{AgentId, SiteId, alert::Detail},
    };

    fn disk() -> AlertKey {
        AlertKey {
            site: SiteId("demo".to_owned()),
            rule: "disk_space".to_owned(),
            agent: AgentId("app-1".to_owned()),
            part: "/".to_owned(),
        }
    }

    fn event() -> Event {
        Event {
            opened_ms: 0,
            number: 1,
            transition: Transition::Opened,
            level: Level::Critical,
            value: Some(923),
            threshold: 900,
            unit: Unit::Permille,
            detail: Detail {
                free_bytes: Some(3_080_000_000),
                total_bytes: Some(40_000_000_000),
                cause: String::new(),
            },
            reason: Reason::Reached,
            at_ms: 0,
            sample: false,
        }
    }

    #[test]
    fn a_rule_of_another_version_still_has_a_name() {
        assert_eq!(ID.rule("of_a_later_version"), "Peringatan");
    }

    #[test]
    fn a_headline_says_level_site_and_what_is_the_matter() {
        let say = |words: &Vocabulary, event: &Event| words.headline("LPSE X", &disk(), event);
        assert_eq!(say(&ID, &event()), "KRITIS: LPSE X: disk / 92,3 % penuh (server app-1)");
        assert_eq!(say(&EN, &event()), "CRITICAL: LPSE X: disk / 92.3 % full (server app-1)");
        let sample = Event { sample: true, value: Some(920), ..event() };
        assert_eq!(say(&ID, &sample), "[CONTOH] KRITIS: LPSE X: disk / 92 % penuh (server app-1)");
        let solved = Event {
            transition: Transition::Resolved,
            value: Some(700),
            reason: Reason::Cleared,
            ..event()
        };
        assert_eq!(say(&ID, &solved), "PULIH: LPSE X: disk / kini 70 % terpakai (server app-1)");
        let gone = Event { value: None, reason: Reason::NotWatched, ..solved };
        assert_eq!(
            say(&ID, &gone),
            "PULIH: LPSE X: Ruang disk: / tidak lagi dipantau (server app-1)"
        );
    }

    #[test]
    fn a_silent_agent_reads_otherwise_than_an_application_that_is_down() {
        let silent = AlertKey { rule: "agent_silent".to_owned(), part: String::new(), ..disk() };
        let down = AlertKey { rule: "site_down".to_owned(), ..disk() };
        let event = Event { value: Some(90), unit: Unit::Seconds, ..event() };
        assert_eq!(
            ID.statement(&silent, &event),
            "agen tidak memberi kabar selama 90 detik (server app-1)"
        );
        assert_eq!(ID.statement(&down, &event), "aplikasi SPSE tidak menjawab: / (server app-1)");
    }

    #[test]
    fn names_from_an_agent_are_not_read_as_placeholders() {
        let odd = AlertKey { part: "{value}{x".to_owned(), ..disk() };
        assert_eq!(ID.statement(&odd, &event()), "disk {value}{x 92,3 % penuh (server app-1)");
    }

    #[test]
    fn a_body_names_time_in_the_sites_zone_and_what_to_do() {
        let settings = Settings::parse(
            "store = \"sqlite:x\"\n[[site]]\nid = \"demo\"\nname = \"LPSE X\"\nzone = \"Asia/Jayapura\"",
        )
        .unwrap();
        let body = ID.body(&settings.sites[0], "abc", &disk(), &event());
        for line in
            ["Waktu: 1970-01-01 09:00:00 WIT\n", "Ambang: 90 %\n", "Sisa: 3,0 GB / 40,0 GB\n"]
        {
            assert!(body.contains(line), "{line} in\n{body}");
        }
        assert!(body.contains("Yang perlu dilakukan: "));
        assert!(!body.contains("CONTOH"));
        let sample = Event { sample: true, ..event() };
        assert!(ID.body(&settings.sites[0], "abc", &disk(), &sample).starts_with("CONTOH: "));
    }

    #[test]
    fn durations_are_told_in_the_unit_that_fits() {
        for (seconds, expected) in [
            (0, "0 detik"),
            (119, "119 detik"),
            (120, "2 menit"),
            (7_200, "2 jam"),
            (172_800, "2 hari"),
        ] {
            assert_eq!(ID.quantity(seconds, Unit::Seconds), expected);
        }
    }
}
