//! What messages of the system mean: system messages carry no severity in the text files of syslog, so what
//! counts is a table of program and message (`system/rules.rs`), and the priority where it is known.

mod rules;

use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;
use rules::{Rule, Shown, TABLE};

use super::{held::Held, plain};
use crate::entry::Severity;

/// Rule for what the table does not have and no priority shows to be a failure.
pub(super) const NOT_IN_TABLE: &str = "system message";
/// Rule for messages of programs whose own logs are read.
pub(super) const OF_ANOTHER_LOG: &str = "message of another log";

/// Programs whose messages are read as their own formats: they would count twice, and their statements
/// carry values that only those formats know to remove.
const OTHER_LOGS: &[&[u8]] =
    &[b"postgres", b"postgresql", b"pgbouncer", b"pantau-agent", b"pantau-collector"];

/// Programs whose lines are those of an application: their words tell.
const APPLICATIONS: &[&[u8]] = &[
    b"java",
    b"spse",
    b"spse4",
    b"play",
    b"tomcat",
    b"catalina.sh",
    b"starter.sh",
    b"docker",
    b"dockerd",
    b"python",
    b"python3",
    b"node",
    b"php-fpm",
    b"pg_dump",
    b"backup",
];

/// Programs that let people in: what they say beyond the table may name any user, and a password typed as
/// the name.
#[rustfmt::skip]
const OF_LOGINS: &[&[u8]] = &[
    b"sshd", b"sshd-session", b"sudo", b"su", b"login", b"vsftpd", b"polkitd", b"gdm-password", b"dovecot",
    b"cockpit-session", b"unix_chkpwd", b"proftpd",
];
/// Stands for such a message.
const WITHHELD: &[u8] = b"(message withheld: it may name a user)";

/// The kernel writes dumps line by line as warnings, so that a warning of it counts only by the table.
const KERNEL: &[u8] = b"kernel";

/// Of each row of the table, what finds the first parts of all its rules in one pass: most messages have
/// none. Where it cannot be built, the rules are tried one by one.
static GATES: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    let parts = |rules: &[Rule]| {
        let first = rules.iter().filter_map(|rule| rule.parts.first());
        let texts: Vec<_> = first.map(|part| regex::escape(part.trim_start_matches('^'))).collect();
        texts.join("|")
    };
    TABLE.iter().map(|(_, rules)| Regex::new(&parts(rules)).ok()).collect()
});

/// Message of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// Its name, without path and process id.
    pub(super) program: &'a [u8],
    /// Severity as syslog counts it: 0 emergency, 7 debug (RFC 5424, 6.2.1).
    pub(super) priority: Option<u8>,
    pub(super) message: &'a [u8],
}

impl<'a> Told<'a> {
    /// `postfix` of `postfix/smtp`, `su` of `su(pam_unix)`.
    pub(super) fn new(program: &'a [u8], priority: Option<u8>, message: &'a [u8]) -> Told<'a> {
        let ends = |byte: &u8| matches!(byte, b'/' | b'(');
        let service = program.iter().position(ends).filter(|at| *at > 0);
        let program = service.and_then(|at| program.get(..at)).unwrap_or(program);
        let message = if program == KERNEL { without_uptime(message) } else { message };
        Told { program, priority, message: once(message) }
    }

    /// A failure and what of its text may be shown, or why it is none.
    pub(super) fn meaning(&self) -> Result<(Severity, &'a [u8]), &'static str> {
        if OTHER_LOGS.contains(&self.program) {
            return Err(OF_ANOTHER_LOG);
        }
        // Before the priority, so that an event has one group whether its file tells priorities or not.
        if let Some((rule, at)) = self.rule() {
            return Ok((rule.severity, rule.shown(self.message, at)));
        }
        let by_words = || match APPLICATIONS.contains(&self.program) {
            true => plain::severity(self.message),
            false => None,
        };
        let severity = by_words().max(self.by_priority()).ok_or(NOT_IN_TABLE)?;
        let is_of_login = OF_LOGINS.contains(&self.program);
        Ok((severity, if is_of_login { WITHHELD } else { self.message }))
    }

    /// Appends program and message to the open entry.
    pub(super) fn tell(&self, shown: &[u8], held: &mut Held) {
        held.text(self.program);
        held.text(b": ");
        held.text(shown);
    }

    fn by_priority(&self) -> Option<Severity> {
        match self.priority? {
            0..=2 => Some(Severity::Fatal),
            3 => Some(Severity::Error),
            4 if self.program != KERNEL => Some(Severity::Warning),
            _ => None,
        }
    }

    fn rule(&self) -> Option<(&'static Rule, usize)> {
        TABLE
            .iter()
            .zip(GATES.iter())
            .filter(|((programs, _), _)| programs.is_empty() || programs.contains(&self.program))
            .filter(|(_, gate)| gate.as_ref().is_none_or(|gate| gate.is_match(self.message)))
            .flat_map(|((_, rules), _)| rules.iter())
            .find_map(|rule| Some((rule, rule.found(self.message)?)))
    }
}

/// What is repeated in `message repeated 5 times: [ x]`, as rsyslog writes it; it counts once.
fn once(message: &[u8]) -> &[u8] {
    let inner = message.strip_prefix(b"message repeated ").and_then(|rest| {
        let at = memmem::find(rest, b" times: [")?;
        rest.get(at + b" times: [".len()..)
    });
    inner.map_or(message, |inner| inner.strip_suffix(b"]").unwrap_or(inner).trim_ascii())
}

/// Without the `[12345.678901] ` of the kernel's clock.
fn without_uptime(message: &[u8]) -> &[u8] {
    let Some(stamp) = message.strip_prefix(b"[") else { return message };
    let inside = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b' ');
    let length = stamp.iter().take_while(|byte| inside(byte)).count();
    let after = stamp.get(length..).and_then(|rest| rest.strip_prefix(b"]"));
    after.map_or(message, <[u8]>::trim_ascii_start)
}

impl Rule {
    /// Where the first part begins.
    fn found(&self, message: &[u8]) -> Option<usize> {
        let mut from = 0;
        let mut first = None;
        for part in self.parts {
            let at = match part.strip_prefix('^') {
                Some(part) => message.starts_with(part.as_bytes()).then_some(0)?,
                None => from + memmem::find(message.get(from..)?, part.as_bytes())?,
            };
            first.get_or_insert(at);
            from = at + part.trim_start_matches('^').len();
        }
        first
    }

    fn shown<'a>(&self, message: &'a [u8], at: usize) -> &'a [u8] {
        let length = self.parts.first().map_or(0, |part| part.trim_start_matches('^').len());
        let shown = match self.shown {
            Shown::Whole => Some(message),
            Shown::From => message.get(at..),
            Shown::Only => message.get(at..at + length),
        };
        shown.unwrap_or(message).trim_ascii()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_knows_its_sample_and_shows_no_more_than_it_may() {
        for (programs, rules) in TABLE {
            for rule in *rules {
                let any: &[u8] = b"any";
                let program = programs.first().unwrap_or(&any);
                let told = Told::new(program, None, rule.sample.as_bytes());
                let (severity, shown) = told.meaning().unwrap();
                let shown = String::from_utf8_lossy(shown).into_owned();
                assert_eq!(
                    (severity, shown.as_str()),
                    (rule.severity, rule.expected),
                    "{}",
                    rule.sample
                );
            }
        }
    }

    #[test]
    fn the_priority_tells_of_what_is_not_in_the_table() {
        for (program, priority, message, expected) in [
            ("dhclient", Some(3), "x", Ok(Severity::Error)),
            ("dhclient", Some(1), "x", Ok(Severity::Fatal)),
            ("dhclient", Some(4), "x", Ok(Severity::Warning)),
            ("dhclient", Some(6), "error", Err(NOT_IN_TABLE)),
            ("dhclient", None, "error", Err(NOT_IN_TABLE)),
            ("kernel", Some(4), "Call Trace:", Err(NOT_IN_TABLE)),
            ("kernel", Some(3), "x", Ok(Severity::Error)),
            ("sshd", Some(3), "Failed password for budi", Ok(Severity::Warning)),
            ("sshd", Some(3), "error: PAM: illegal user budi", Ok(Severity::Error)),
            (
                "sshd",
                None,
                "message repeated 5 times: [ Failed password for budi]",
                Ok(Severity::Warning),
            ),
            ("sshd", None, "message repeated 5 times: [ Connection closed]", Err(NOT_IN_TABLE)),
            ("sshd", None, "message repeated", Err(NOT_IN_TABLE)),
            ("su(pam_unix)", None, "authentication failure; user=budi", Ok(Severity::Warning)),
            ("java", Some(6), "14:03:05,123 ERROR ~ x", Ok(Severity::Error)),
            ("java", Some(6), "selesai", Err(NOT_IN_TABLE)),
            ("postgres", Some(3), "[3-1] ERROR:  x", Err(OF_ANOTHER_LOG)),
        ] {
            let told = Told::new(program.as_bytes(), priority, message.as_bytes());
            assert_eq!(
                told.meaning().map(|(severity, _)| severity),
                expected,
                "{program} {message}"
            );
        }
    }

    #[test]
    fn what_programs_of_logins_say_beyond_the_table_is_withheld() {
        let told = Told::new(b"sudo", Some(1), b"budi : a terminal is required");
        assert_eq!(told.meaning(), Ok((Severity::Fatal, WITHHELD)));
    }

    #[test]
    fn the_kernels_clock_is_no_part_of_its_message() {
        for (message, expected) in [
            ("[12345.678901] x", "x"),
            ("[    0.000000] x", "x"),
            ("[drm] x", "[drm] x"),
            ("[1", "[1"),
        ] {
            assert_eq!(without_uptime(message.as_bytes()), expected.as_bytes());
        }
    }
}
