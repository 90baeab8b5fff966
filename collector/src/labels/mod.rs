//! Every word that users read, one file per language. A word that is missing in one does not compile.

pub mod alerts;
pub mod classes;
mod en;
mod id;
pub mod reasons;

use crate::domain::{
    availability::{State, Target},
    batch::{QuerySource, Severity},
};

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// What the pages speak when nothing else is asked for.
    Indonesian,
    /// For engineers.
    English,
}

impl Language {
    /// Its tag (BCP 47), as in the `lang` attribute.
    pub fn tag(self) -> &'static str {
        match self {
            Language::Indonesian => "id",
            Language::English => "en",
        }
    }

    /// Reverse of [`Language::tag`].
    pub fn parse(tag: &str) -> Option<Language> {
        [Language::Indonesian, Language::English].into_iter().find(|one| one.tag() == tag)
    }

    /// Its words.
    pub fn labels(self) -> &'static Labels {
        match self {
            Language::Indonesian => &id::LABELS,
            Language::English => &en::LABELS,
        }
    }
}

/// The words of the pages; each name says where it stands.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Labels {
    pub skip: &'static str,
    pub navigation: &'static str,
    pub nav_national: &'static str,
    pub nav_alerts: &'static str,
    pub nav_reports: &'static str,
    pub offline: &'static str,
    pub back: &'static str,
    pub sign_in: &'static str,
    pub sign_out: &'static str,
    pub name: &'static str,
    pub password: &'static str,
    pub sign_in_wrong: &'static str,
    pub sign_in_paused: &'static str,
    pub sign_in_help: &'static str,
    pub error_not_found: &'static str,
    pub error_not_found_advice: &'static str,
    pub error_malformed: &'static str,
    pub error_malformed_advice: &'static str,
    pub error_foreign: &'static str,
    pub error_foreign_advice: &'static str,
    pub error_sign_in: &'static str,
    pub error_sign_in_advice: &'static str,
    pub error_store: &'static str,
    pub error_store_advice: &'static str,
    pub error_page: &'static str,
    pub error_page_advice: &'static str,
    pub state_up: &'static str,
    pub state_down: &'static str,
    pub state_degraded: &'static str,
    pub state_silent: &'static str,
    pub state_never: &'static str,
    pub state_maintenance: &'static str,
    pub state_unknown: &'static str,
    pub target_edge: &'static str,
    pub target_application: &'static str,
    pub target_database: &'static str,
    pub target_server: &'static str,
    pub target_link: &'static str,
    pub national_title: &'static str,
    pub counts: &'static str,
    pub col_site: &'static str,
    pub col_state: &'static str,
    pub col_availability: &'static str,
    pub col_alerts: &'static str,
    pub col_disk: &'static str,
    pub col_contact: &'static str,
    pub below_target: &'static str,
    pub measured: &'static str,
    pub of_measured: &'static str,
    pub never: &'static str,
    pub updated: &'static str,
    pub month_note: &'static str,
    pub sample: &'static str,
    pub sample_note: &'static str,
    pub since: &'static str,
    pub for_span: &'static str,
    pub time: &'static str,
    pub last_contact: &'static str,
    pub last_known: &'static str,
    pub silent_note: &'static str,
    pub silent_advice: &'static str,
    pub clock_off: &'static str,
    pub clock_off_advice: &'static str,
    pub empty_never: &'static str,
    pub empty_never_advice: &'static str,
    pub empty_checks: &'static str,
    pub empty_host: &'static str,
    pub empty_database: &'static str,
    pub empty_database_advice: &'static str,
    pub cpu: &'static str,
    pub memory: &'static str,
    pub swap: &'static str,
    pub no_swap: &'static str,
    pub load: &'static str,
    pub uptime: &'static str,
    pub disks: &'static str,
    pub mount: &'static str,
    pub used: &'static str,
    pub free: &'static str,
    pub inodes: &'static str,
    pub network: &'static str,
    pub interface: &'static str,
    pub outside: &'static str,
    pub net_up: &'static str,
    pub net_down: &'static str,
    pub net_errors: &'static str,
    pub databases_now: &'static str,
    pub database: &'static str,
    pub size: &'static str,
    pub connections: &'static str,
    pub active: &'static str,
    pub spool_waiting: &'static str,
    pub batches_waiting: &'static str,
    pub batches_waiting_advice: &'static str,
    pub batches_damaged: &'static str,
    pub batches_damaged_advice: &'static str,
    pub bytes_today: &'static str,
    pub problems: &'static str,
    pub day_title: &'static str,
    pub chart_wait: &'static str,
    pub chart_empty: &'static str,
    pub chart_failed: &'static str,
    pub availability: &'static str,
    pub intervals: &'static str,
    pub more_intervals: &'static str,
    pub before_watching: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub duration: &'static str,
    pub reason: &'static str,
    pub databases_month: &'static str,
    pub empty_database_month: &'static str,
    pub growth: &'static str,
    pub transactions: &'static str,
    pub rollbacks: &'static str,
    pub deadlocks: &'static str,
    pub connections_peak: &'static str,
    pub not_measured: &'static str,
    pub errors_database: &'static str,
    pub errors_application: &'static str,
    pub empty_errors: &'static str,
    pub count: &'static str,
    pub message: &'static str,
    pub last_seen: &'static str,
    pub estimated: &'static str,
    pub failed_transaction: &'static str,
    pub exemplar: &'static str,
    pub error_ids: &'static str,
    pub queries: &'static str,
    pub order: &'static str,
    pub by_calls: &'static str,
    pub by_time: &'static str,
    pub no_view: &'static str,
    pub no_view_advice: &'static str,
    pub empty_queries: &'static str,
    pub calls: &'static str,
    pub query: &'static str,
    pub total: &'static str,
    pub mean: &'static str,
    pub max: &'static str,
    pub source: &'static str,
    pub source_log: &'static str,
    pub source_view: &'static str,
    pub not_measured_view: &'static str,
    pub gaps: &'static str,
    pub no_gaps: &'static str,
    pub facts: &'static str,
    pub fact_host: &'static str,
    pub fact_system: &'static str,
    pub fact_cpus: &'static str,
    pub fact_memory: &'static str,
    pub fact_boot: &'static str,
    pub fact_agent: &'static str,
    pub fact_database: &'static str,
    pub reason_http_status: &'static str,
    pub reason_sqlstate: &'static str,
    pub severity_warning: &'static str,
    pub severity_error: &'static str,
    pub severity_fatal: &'static str,
    pub severity_panic: &'static str,
    pub unit_second: &'static str,
    pub unit_minute: &'static str,
    pub unit_hour: &'static str,
    pub unit_day: &'static str,
    pub alerts_open: &'static str,
    pub alerts_history: &'static str,
    pub alerts_none: &'static str,
    pub alerts_never: &'static str,
    pub alert: &'static str,
    pub level: &'static str,
    pub transition_opened: &'static str,
    pub transition_escalated: &'static str,
    pub transition_eased: &'static str,
    pub transition_resolved: &'static str,
    pub told_sent: &'static str,
    pub told_pending: &'static str,
    pub told_failed: &'static str,
    pub began: &'static str,
    pub ended: &'static str,
    pub still_open: &'static str,
    pub notified: &'static str,
    pub not_notified: &'static str,
    pub reports_title: &'static str,
    pub reports_none: &'static str,
    pub kind_incidental: &'static str,
    pub kind_monthly: &'static str,
    pub kind_half_yearly: &'static str,
    pub report_kind: &'static str,
    pub report_period: &'static str,
    pub report_revision: &'static str,
    pub report_made: &'static str,
    pub report_view: &'static str,
    pub report_download: &'static str,
    /// Short names, January first.
    pub months: [&'static str; 12],
    /// Long names, January first.
    pub months_long: [&'static str; 12],
    /// Machine words for why (of states and of losses), and what people read.
    pub reasons: [(&'static str, &'static str); 36],
    /// Classes of errors, and what people read.
    pub classes: [(&'static str, &'static str); 68],
}

impl Labels {
    /// The name of a target.
    pub fn target(&self, target: Target) -> &'static str {
        match target {
            Target::Edge => self.target_edge,
            Target::Application => self.target_application,
            Target::Database => self.target_database,
            Target::Server => self.target_server,
            Target::Link => self.target_link,
        }
    }

    /// The word for a state.
    pub fn state(&self, state: State) -> &'static str {
        match state {
            State::Up => self.state_up,
            State::Down => self.state_down,
            State::Degraded => self.state_degraded,
            State::Maintenance => self.state_maintenance,
            State::Unknown => self.state_unknown,
        }
    }

    /// How bad an error is.
    pub fn severity(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Warning => self.severity_warning,
            Severity::Error => self.severity_error,
            Severity::Fatal => self.severity_fatal,
            Severity::Panic => self.severity_panic,
        }
    }

    /// Where a query's figures come from.
    pub fn source(&self, source: QuerySource) -> &'static str {
        match source {
            QuerySource::Log => self.source_log,
            QuerySource::StatementsView => self.source_view,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::availability::reason;

    const BOTH: [Language; 2] = [Language::Indonesian, Language::English];

    /// Words of the agent's probe (`sample/probe.rs`) and of its questions to PostgreSQL
    /// (`sample/postgres/refusal.rs`).
    const OBSERVED: [&str; 16] = [
        "http_503",
        "text_missing",
        "slow",
        "timeout",
        "redirects",
        "dns",
        "tls",
        "connect_refused",
        "connect_failed",
        "broken_answer",
        "auth_failed",
        "too_many_connections",
        "starting_up",
        "connection_lost",
        "protocol",
        "sqlstate_3d000",
    ];
    /// Words that the collector concludes.
    const CONCLUDED: [&str; 11] = [
        reason::NOT_WATCHED_YET,
        reason::NO_PROBE,
        reason::PENDING,
        reason::COLLECTOR_OFF,
        reason::AGENT_SILENT,
        reason::AGENT_NOT_RUNNING,
        reason::CANNOT_TELL,
        reason::MACHINE_REBOOTED,
        reason::NO_CONTACT,
        "never_connected",
        "contact_only",
    ];
    /// Reasons of losses in the contract, and those that the collector finds.
    const LOSSES: [&str; 11] = [
        "unspecified",
        "file_lost",
        "baseline_lost",
        "spool_lost",
        "groups_shed",
        "merged",
        "exemplars_shed",
        "restored",
        "lines_cut",
        "definition_lost",
        "batch_damaged",
    ];
    /// The class that the collector gives itself.
    const OWN_CLASS: &str = "collector.definition_lost";

    #[test]
    fn both_languages_know_the_same_reasons_and_classes() {
        let [id, en] = BOTH.map(Language::labels);
        assert_eq!(id.reasons.map(|(word, _)| word), en.reasons.map(|(word, _)| word));
        assert_eq!(id.classes.map(|(word, _)| word), en.classes.map(|(word, _)| word));
    }

    #[test]
    fn every_reason_that_is_produced_has_words_and_no_words_are_left_over() {
        let produced = || OBSERVED.into_iter().chain(CONCLUDED).chain(LOSSES);
        for l in BOTH.map(Language::labels) {
            for word in produced() {
                let text = reasons::text(word, l);
                assert!(text != word && text.contains(' '), "{word}: {text}");
            }
            for (word, _) in l.reasons {
                assert!(produced().any(|one| one == word), "nothing produces {word}");
            }
        }
    }

    #[test]
    fn every_class_of_the_agents_table_has_words() {
        let table = concat!(
            include_str!("../../../logs/src/group/class.rs"),
            include_str!("../../../logs/src/group/class/application.rs"),
        );
        let names: Vec<_> = table
            .split('"')
            .filter(|text| {
                ["database.", "application.", "system."].iter().any(|kind| text.starts_with(kind))
            })
            .filter(|text| text.bytes().all(|b| b.is_ascii_lowercase() || b"._5".contains(&b)))
            .filter(|text| !text.ends_with('.'))
            .collect();
        assert!(names.contains(&"database.deadlock") && names.contains(&"application.other"));
        for l in BOTH.map(Language::labels) {
            for name in &names {
                assert_ne!(classes::text(name, l), *name);
            }
            assert_ne!(classes::text(OWN_CLASS, l), OWN_CLASS);
            for (word, _) in l.classes {
                assert!(names.contains(&word) || word == OWN_CLASS, "no error is of class {word}");
            }
        }
    }

    #[test]
    fn no_word_is_empty_and_none_was_left_untranslated() {
        let printed = |language: Language| format!("{:?}", language.labels());
        let (id, en) = (printed(Language::Indonesian), printed(Language::English));
        assert!(!id.contains("\"\"") && !en.contains("\"\""));
        let sentences = |text: &str| -> Vec<String> {
            text.split('"').filter(|part| part.split(' ').count() > 4).map(str::to_owned).collect()
        };
        let english = sentences(&en);
        assert!(english.len() > 20);
        assert!(sentences(&id).iter().all(|sentence| !english.contains(sentence)));
    }

    #[test]
    fn a_reason_that_is_not_in_the_table_is_shown_as_it_is() {
        let l = Language::Indonesian.labels();
        assert_eq!(reasons::text("http_500", l), "aplikasi menjawab dengan status HTTP 500");
        assert_eq!(reasons::text("connect_refused", l), "sambungan ditolak");
        assert_eq!(reasons::text("gremlins", l), "gremlins");
        assert_eq!(reasons::text("", l), "");
        assert_eq!(reasons::text("sqlstate_3d000", l), "basis data menjawab dengan SQLSTATE 3D000");
        assert_eq!(classes::text("database.gremlins", l), "database.gremlins");
    }
}
