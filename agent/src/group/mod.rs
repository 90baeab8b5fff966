//! Normalises and fingerprints: one error, one query, one name in the whole country. Everything here is a
//! pure function of text that is already redacted.

use crate::domain::{ErrorGroup, Origin, QueryGroup, QuerySource, Severity};

mod class;
mod fingerprint;
mod java;
mod normalise;
mod sql;

/// A template of an error is at most this long (the contract's limit).
const ERROR_TEMPLATE_BYTES_MAX: usize = 2_000;
/// A template of a query is at most this long (the contract's limit).
const QUERY_TEMPLATE_BYTES_MAX: usize = 4_000;
/// Of a block without a trace, so many lines that say something name it: title and description.
const TITLE_LINES_MAX: usize = 3;

/// The group of a database error, from its redacted message line(s) without DETAIL and the like.
pub fn database_error(severity: Severity, sqlstate: &str, message: &str) -> ErrorGroup {
    let template = normalise::template(message);
    // Where in the statement, which depends on its values.
    let template = template.strip_suffix(" at character <n>").unwrap_or(&template).to_owned();
    let facts =
        class::Facts { origin: Origin::Database, sqlstate, exceptions: "", message: &template };
    ErrorGroup {
        fingerprint: fingerprint::fingerprint("database", &[severity_name(severity), &template]),
        origin: Origin::Database,
        severity,
        class: class::classify(facts).0,
        sqlstate: sqlstate.to_owned(),
        // Whatever the class: PostgreSQL ends the transaction (ERROR), the session or the server.
        failed_transaction: severity >= Severity::Error,
        template: cut(template, ERROR_TEMPLATE_BYTES_MAX),
    }
}

/// The group of an application error, from its redacted block.
pub fn application_error(severity: Severity, block: &str) -> ErrorGroup {
    let named = java::trace(block)
        .map_or_else(|| name_by_title(block), |trace| name_by_trace(&trace, block));
    let facts = class::Facts {
        origin: Origin::Application,
        sqlstate: "",
        exceptions: &named.exceptions,
        message: &named.template,
    };
    let (class, failed_process) = class::classify(facts);
    let failed = severity >= Severity::Error && (failed_process || block.contains("(500)"));
    let flag = if failed { "failed" } else { "" };
    let parts = [severity_name(severity), flag, &named.exceptions, &named.template, &named.frames];
    ErrorGroup {
        fingerprint: fingerprint::fingerprint("application", &parts),
        origin: Origin::Application,
        severity,
        class,
        sqlstate: String::new(),
        failed_transaction: failed,
        template: cut(named.template, ERROR_TEMPLATE_BYTES_MAX),
    }
}

/// Fingerprint and template of a statement whose literals are already masked.
pub fn statement(masked: &str) -> (u64, String) {
    let canonical = sql::canonical(masked);
    let fingerprint = fingerprint::fingerprint("query", &[&canonical]);
    (fingerprint, cut(canonical, QUERY_TEMPLATE_BYTES_MAX))
}

/// The group of a query.
pub fn query(statement: (u64, String), source: QuerySource, database: String) -> QueryGroup {
    let (fingerprint, template) = statement;
    QueryGroup { fingerprint, source, template, database }
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

    #[test]
    fn the_same_error_with_other_values_is_one_group() {
        let a = database_error(Severity::Error, "", "lelang 123 tidak ada di relation \"lelang\"");
        let b =
            database_error(Severity::Error, "", "lelang <nik> tidak ada di relation \"lelang\"");
        assert_eq!(a, b);
        assert!(a.failed_transaction);
    }

    #[test]
    fn severity_tells_groups_apart_and_a_warning_fails_nothing() {
        let error = database_error(Severity::Error, "", "x");
        let warning = database_error(Severity::Warning, "", "x");
        assert_ne!(error.fingerprint, warning.fingerprint);
        assert!(!warning.failed_transaction);
    }

    #[test]
    fn whether_the_log_gives_a_sqlstate_does_not_rename_an_error() {
        let with = database_error(Severity::Error, "40P01", "deadlock detected");
        let without = database_error(Severity::Error, "", "deadlock detected");
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
        let group = application_error(Severity::Error, &block(88, 1));
        assert_eq!(group.template, "java.lang.NullPointerException at controllers.Lelang.view");
        assert_eq!((group.class, group.failed_transaction), ("application.bug", true));
        assert_eq!(group, application_error(Severity::Error, &block(90, 2)));
    }

    #[test]
    fn a_block_without_a_trace_is_named_by_its_words() {
        let group =
            application_error(Severity::Error, "\n\n@6f02fa9dd\nLogin gagal dari 10.1.2.0/24\n");
        assert_eq!(group.template, "Login gagal dari <n>");
        assert_eq!((group.class, group.failed_transaction), ("application.login", false));
        assert_eq!(application_error(Severity::Error, " \n").template, "(no message)");
    }

    #[test]
    fn templates_keep_the_contracts_limits() {
        let long = "é".repeat(5_000);
        assert!(
            database_error(Severity::Error, "", &long).template.len() <= ERROR_TEMPLATE_BYTES_MAX
        );
        assert!(
            application_error(Severity::Error, &long).template.len() <= ERROR_TEMPLATE_BYTES_MAX
        );
        assert!(statement(&long).1.len() <= QUERY_TEMPLATE_BYTES_MAX);
    }
}
