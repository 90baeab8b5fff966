//! Alerts in English.

use super::{FieldWords, Language, RuleWords, Vocabulary};

/// English.
pub static EN: Vocabulary = Vocabulary {
    language: Language::English,
    rules: &[
        (
            "disk_space",
            RuleWords {
                name: "Disk space",
                problem: "disk {part} {value} full (server {server})",
                solved: "disk {part} now {value} used (server {server})",
                advice: "Delete or move what is not needed (old logs, old backups), or enlarge the \
                         disk. On a full disk PostgreSQL and SPSE stop working.",
            },
        ),
        (
            "memory",
            RuleWords {
                name: "Memory",
                problem: "memory {value} used (server {server})",
                solved: "memory now {value} used (server {server})",
                advice: "Look for the processes that use most memory (command top). When memory runs \
                         out, the operating system ends a process: SPSE or PostgreSQL may be it.",
            },
        ),
        (
            "site_down",
            RuleWords {
                name: "SPSE application",
                problem: "SPSE application does not answer: {part} (server {server})",
                solved: "SPSE application answers again: {part} (server {server})",
                advice: "Check that SPSE's service runs and read the last lines of the application's \
                         log.",
            },
        ),
        (
            "database_down",
            RuleWords {
                name: "Database",
                problem: "database does not answer: {part} (server {server})",
                solved: "database answers again: {part} (server {server})",
                advice: "Check that PostgreSQL runs, its disk space, and its number of connections.",
            },
        ),
        (
            "agent_silent",
            RuleWords {
                name: "Agent",
                problem: "agent silent for {value} (server {server})",
                solved: "agent is heard of again (server {server})",
                advice: "This need not be an outage of SPSE: the server's state is not known. Check \
                         the network between server and collector, then the service pantau-agent on \
                         the server.",
            },
        ),
    ],
    other: RuleWords {
        name: "Alert",
        problem: "{part} {value} (server {server})",
        solved: "{part} {value} (server {server})",
        advice: "See Pantau's page of alerts.",
    },
    warning: "WARNING",
    critical: "CRITICAL",
    eased: "EASED",
    resolved: "RESOLVED",
    sample: "SAMPLE",
    sample_line: "SAMPLE: comes from generated sample data, not from a real event.",
    not_watched: "{name}: {part} is no longer watched (server {server})",
    server_removed: "{name}: server {server} is no longer watched",
    fields: FieldWords {
        site: "LPSE",
        server: "Server",
        status: "State",
        threshold: "Threshold",
        free: "Free",
        cause: "Cause",
        at: "Time",
        opened: "Since",
        advice: "What to do",
        number: "Number",
    },
    decimal_mark: '.',
    seconds: "seconds",
    minutes: "minutes",
    hours: "hours",
    days: "days",
};
