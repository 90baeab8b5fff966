//! Normalises and fingerprints: one error, one query, one name in the whole country. Everything here is a
//! pure function of text that is already redacted.

use crate::entry::{ErrorGroup, Origin, QueryGroup, QuerySource, Route, Severity};

mod class;
mod fingerprint;
mod java;
mod normalise;
mod sql;

pub use sql::Canonical;

/// A template of an error is at most this long (the contract's limit).
const ERROR_TEMPLATE_BYTES_MAX: usize = 2_000;
/// A template of a query is at most this long (the contract's limit).
const QUERY_TEMPLATE_BYTES_MAX: usize = 4_000;
/// Of a block without a trace, so many lines that say something name it: title and description.
const TITLE_LINES_MAX: usize = 3;

/// An error that has its name; its class is looked up only when its group is made.
pub struct NamedError<'a> {
    origin: Origin,
    severity: Severity,
    sqlstate: &'a str,
    /// An HTTP 500 tells of it.
    is_internal_error: bool,
    /// Fingerprint of the database error that caused it.
    cause: Option<u64>,
    named: Named,
}

/// A database error, from its redacted message line(s) without DETAIL and the like.
pub fn database_error<'a>(severity: Severity, sqlstate: &'a str, message: &str) -> NamedError<'a> {
    let mut template = normalise::template(message);
    // Where in the statement, which depends on its values.
    if let Some(stripped) = template.strip_suffix(" at character <n>") {
        template.truncate(stripped.len());
    }
    let named = Named { template, exceptions: String::new(), frames: String::new() };
    NamedError {
        origin: Origin::Database,
        severity,
        sqlstate,
        is_internal_error: false,
        cause: None,
        named,
    }
}

/// An application error, from its redacted block.
pub fn application_error(severity: Severity, block: &str) -> NamedError<'static> {
    let named = java::trace(block)
        .map_or_else(|| name_by_title(block), |trace| name_by_trace(&trace, block));
    NamedError {
        origin: Origin::Application,
        severity,
        sqlstate: "",
        is_internal_error: block.contains("(500)"),
        cause: database_cause(block),
        named,
    }
}

/// What a rule of mod_security found, from its number and redacted message. The number is a name: it stays.
pub fn rule_error(severity: Severity, rule: &str, message: &str) -> NamedError<'static> {
    let template = format!("ModSecurity rule {rule}: {}", normalise::template(message));
    let named = Named { template, exceptions: String::new(), frames: String::new() };
    NamedError {
        origin: Origin::Application,
        severity,
        sqlstate: "",
        is_internal_error: false,
        cause: None,
        named,
    }
}

/// The group of requests to a route that failed with a status, if that status tells of a failure.
pub fn request_error(status: u16, route: &Route) -> Option<ErrorGroup> {
    // Without a request nothing failed: a connection was opened and not used, or spoke something else.
    let failure = class::of_status(status).filter(|_| !route.method.is_empty())?;
    let template = format!("HTTP {status} {} {}", route.method, route.template);
    Some(ErrorGroup {
        fingerprint: fingerprint::fingerprint("request", &[&template]),
        origin: Origin::Application,
        severity: failure.severity,
        class: failure.class,
        sqlstate: String::new(),
        failed_transaction: failure.failed_transaction,
        cause: None,
        template: cut(template, ERROR_TEMPLATE_BYTES_MAX),
    })
}

/// Fingerprint of the database error that caused an application error, as the group of the database's own
/// log has it: of what the server said inside an SQL exception of the redacted block. Pure: the two are
/// matched by it without anything being kept.
pub fn database_cause(block: &str) -> Option<u64> {
    let (severity, message) = java::database_message(block)?;
    Some(database_error(severity, "", &message).fingerprint(false))
}

impl NamedError<'_> {
    /// Tells apart all that [`NamedError::group`] tells apart.
    pub fn key(&self) -> u64 {
        let flag = if self.is_internal_error { "500" } else { "" };
        let Named { template, exceptions, frames } = &self.named;
        let kind = self.kind();
        let severity = severity_name(self.severity);
        fingerprint::fingerprint(
            kind,
            &[severity, flag, self.sqlstate, exceptions, template, frames],
        ) ^ self.cause.unwrap_or_default()
    }

    fn fingerprint(&self, failed: bool) -> u64 {
        let Named { template, exceptions, frames } = &self.named;
        let severity = severity_name(self.severity);
        match self.origin {
            Origin::Database => fingerprint::fingerprint(self.kind(), &[severity, template]),
            Origin::Application => {
                let flag = if failed { "failed" } else { "" };
                let parts = [severity, flag, exceptions, template, frames];
                fingerprint::fingerprint(self.kind(), &parts)
            }
        }
    }

    /// Its group.
    pub fn group(self) -> ErrorGroup {
        let Named { template, exceptions, frames } = &self.named;
        let facts = class::Facts {
            origin: self.origin,
            sqlstate: self.sqlstate,
            exceptions,
            message: template,
            frames,
        };
        let (class, failed_process) = class::classify(facts);
        let serious = self.severity >= Severity::Error;
        let failed_transaction = match self.origin {
            // Whatever the class: PostgreSQL ends the transaction (ERROR), the session or the server.
            Origin::Database => serious,
            Origin::Application => serious && (failed_process || self.is_internal_error),
        };
        let fingerprint = self.fingerprint(failed_transaction);
        ErrorGroup {
            fingerprint,
            origin: self.origin,
            severity: self.severity,
            class,
            sqlstate: self.sqlstate.to_owned(),
            failed_transaction,
            cause: self.cause,
            template: cut(self.named.template, ERROR_TEMPLATE_BYTES_MAX),
        }
    }

    fn kind(&self) -> &'static str {
        match self.origin {
            Origin::Database => "database",
            Origin::Application => "application",
        }
    }
}

/// Fingerprint of a redacted message that nothing else is known of; its template is written into `template`.
pub fn message(redacted: &str, template: &mut String) -> u64 {
    normalise::template_into(redacted, template);
    fingerprint::fingerprint("message", &[template])
}

/// A statement that has its name.
#[derive(Clone, Copy, Debug)]
pub struct NamedStatement<'a> {
    /// Of its canonical text.
    pub fingerprint: u64,
    /// Values replaced in it.
    pub replaced: u64,
    canonical: &'a str,
}

/// Names a statement as it was executed: making its text canonical redacts it.
pub fn statement<'a>(canonical: &'a mut Canonical, sql: &str) -> NamedStatement<'a> {
    let (canonical, replaced) = canonical.of(sql);
    let fingerprint = fingerprint::fingerprint("query", &[canonical]);
    NamedStatement { fingerprint, replaced, canonical }
}

impl NamedStatement<'_> {
    /// Its canonical text, as long as a template may be.
    pub fn template(&self) -> String {
        cut(self.canonical.to_owned(), QUERY_TEMPLATE_BYTES_MAX)
    }

    /// The group of its executions.
    pub fn group(&self, source: QuerySource, database: String) -> QueryGroup {
        QueryGroup { fingerprint: self.fingerprint, source, template: self.template(), database }
    }
}

/// What an application error is named by.
struct Named {
    template: String,
    exceptions: String,
    frames: String,
}

fn name_by_trace(trace: &java::Trace, block: &str) -> Named {
    let message = normalise::template(&trace.message);
    let mut template = String::new();
    // Play wraps every exception; its wrapper says nothing.
    if trace.exception != trace.root && !trace.exception.starts_with("play.exceptions.") {
        template = format!("{} caused by ", trace.exception);
    }
    template.push_str(&trace.root);
    if !message.is_empty() {
        template = format!("{template}: {message}");
    }
    match trace.frames.first() {
        Some(frame) => template = format!("{template} at {frame}"),
        // No own frame says where: the words logged with it do.
        None => template = with_title(&template, &trace.exception, block),
    }
    let exceptions = format!("{} {}", trace.exception, trace.root);
    Named { template, exceptions, frames: trace.frames.join("\n") }
}

fn with_title(template: &str, exception: &str, block: &str) -> String {
    match title_lines(block).next() {
        Some(title) if !title.starts_with(exception) => {
            format!("{}: {template}", normalise::template(title))
        }
        _ => template.to_owned(),
    }
}

fn name_by_title(block: &str) -> Named {
    let title: Vec<_> = title_lines(block).take(TITLE_LINES_MAX).collect();
    let template = match title.is_empty() {
        true => "(no message)".to_owned(),
        false => normalise::template(&title.join(" ")),
    };
    Named { template, exceptions: String::new(), frames: String::new() }
}

/// Lines that say something: neither blank nor the error id.
fn title_lines(block: &str) -> impl Iterator<Item = &str> {
    block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('@'))
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Fatal => "fatal",
        Severity::Panic => "panic",
    }
}

fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(sqlstate: &str, message: &str) -> ErrorGroup {
        database_error(Severity::Error, sqlstate, message).group()
    }

    fn application(block: &str) -> ErrorGroup {
        application_error(Severity::Error, block).group()
    }

    #[test]
    fn the_same_error_with_other_values_is_one_group() {
        let a = database("", "lelang 123 tidak ada di relation \"lelang\"");
        let b = database("", "lelang <nik> tidak ada di relation \"lelang\"");
        assert_eq!(a, b);
        assert!(a.failed_transaction);
    }

    #[test]
    fn severity_tells_groups_apart_and_a_warning_fails_nothing() {
        let error = database("", "x");
        let warning = database_error(Severity::Warning, "", "x").group();
        assert_ne!(error.fingerprint, warning.fingerprint);
        assert!(!warning.failed_transaction);
    }

    #[test]
    fn whether_the_log_gives_a_sqlstate_does_not_rename_an_error() {
        let with = database("40P01", "deadlock detected");
        let without = database("", "deadlock detected");
        assert_eq!((with.fingerprint, with.class), (without.fingerprint, without.class));
    }

    #[test]
    fn a_trace_is_named_by_root_cause_and_own_frame_whatever_the_line_numbers() {
        let block = |line: u32, id: u32| {
            format!(
                "\n@6f02fa9dd\nInternal Server Error (500) for request GET /lelang/{id}\n\nOops: NullPointerException\n\
                 play.exceptions.JavaExecutionException\n\tat play.mvc.ActionInvoker.invoke(ActionInvoker.java:1)\n\
                 Caused by: java.lang.NullPointerException\n\tat controllers.Lelang.view(Lelang.java:{line})\n"
            )
        };
        let group = application(&block(88, 1));
        assert_eq!(group.template, "java.lang.NullPointerException at controllers.Lelang.view");
        assert_eq!((group.class, group.failed_transaction), ("application.bug", true));
        assert_eq!(group, application(&block(90, 2)));
    }

    #[test]
    fn a_block_without_a_trace_is_named_by_its_words() {
        let group = application("\n\n@6f02fa9dd\nLogin gagal dari 10.1.2.0/24\n");
        assert_eq!(group.template, "Login gagal dari <host>");
        assert_eq!((group.class, group.failed_transaction), ("application.login", false));
        assert_eq!(application(" \n").template, "(no message)");
    }

    #[test]
    fn a_rule_keeps_its_number_and_a_request_its_status() {
        let group = rule_error(Severity::Error, "920350", "Host header is 10.1.2.3").group();
        assert_eq!(group.template, "ModSecurity rule 920350: Host header is <host>");
        assert_eq!((group.class, group.failed_transaction), ("application.blocked", false));
        let route = |method: &str| Route {
            method: method.to_owned(),
            template: "/eproc4/lelang/<n>".to_owned(),
            step: "".into(),
        };
        let group = request_error(502, &route("GET")).unwrap();
        assert_eq!(group.template, "HTTP 502 GET /eproc4/lelang/<n>");
        assert_eq!((group.class, group.failed_transaction), ("application.http_5xx", true));
        assert_eq!(request_error(404, &route("GET")), None);
        assert_eq!(request_error(408, &route("")), None);
    }

    #[test]
    fn templates_keep_the_contracts_limits() {
        let long = "é".repeat(5_000);
        assert!(database("", &long).template.len() <= ERROR_TEMPLATE_BYTES_MAX);
        assert!(application(&long).template.len() <= ERROR_TEMPLATE_BYTES_MAX);
        assert!(
            statement(&mut Canonical::default(), &long).template().len()
                <= QUERY_TEMPLATE_BYTES_MAX
        );
    }

    #[test]
    fn an_application_error_names_the_database_error_that_caused_it() {
        let message = "duplicate key value violates unique constraint \"peserta_pkey\"";
        let block = format!(
            "gagal\njavax.persistence.PersistenceException: x\n\tat models.Peserta.simpan(Peserta.java:57)\n\
             Caused by: org.postgresql.util.PSQLException: ERROR: {message}\n  Detail: Key (id)=(<value>) already exists.\n\t... 30 more"
        );
        let of_database = database("23505", message);
        assert_eq!(application(&block).cause, Some(of_database.fingerprint));
        assert_eq!(database_cause(&block), Some(of_database.fingerprint));
        assert_eq!((of_database.cause, database_cause("gagal")), (None, None));
        let position = "org.postgresql.util.PSQLException: ERROR: relation \"x\" does not exist\n  Position: 15";
        let logged = database("42P01", "relation \"x\" does not exist at character 15");
        assert_eq!(database_cause(position), Some(logged.fingerprint));
    }
}
