//! The table of error classes. SQLSTATE decides first, then the exception's class, then the message,
//! because messages may be translated. The first row that fits wins.

use crate::entry::Origin;

mod application;

use application::{CENTRAL_NAMES, CENTRAL_SYSTEM, TOWARDS_OTHERS};

/// What is known of an error when it is classified.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where it was logged.
    pub origin: Origin,
    /// Five characters, or empty.
    pub sqlstate: &'a str,
    /// Classes of the exception and of its causes, or empty.
    pub exceptions: &'a str,
    /// The template of its message.
    pub message: &'a str,
    /// The application's own frames, or empty.
    pub frames: &'a str,
}

/// One row.
struct Class {
    name: &'static str,
    /// Whether an application error of this class is a failed process even where no HTTP 500 says so.
    failed_process: bool,
    /// Beginnings of SQLSTATEs (PostgreSQL 15, appendix A).
    sqlstates: &'static [&'static str],
    /// Parts of exception class names.
    exceptions: &'static [&'static str],
    /// Parts of messages, lower case. SPSE's own are Indonesian; "irim" is what "kirim", "mengirim" and
    /// "terkirim" have in common.
    messages: &'static [&'static str],
    /// Exceptions and messages of errors that are of it.
    #[cfg(test)]
    samples: &'static [(&'static str, &'static str)],
}

const fn class(
    name: &'static str,
    failed_process: bool,
    sqlstates: &'static [&'static str],
    exceptions: &'static [&'static str],
    messages: &'static [&'static str],
) -> Class {
    Class {
        name,
        failed_process,
        sqlstates,
        exceptions,
        messages,
        #[cfg(test)]
        samples: &[],
    }
}

#[rustfmt::skip]
const CLASSES: &[Class] = &[
    class("database.deadlock", true, &["40P01"], &["LockAcquisitionException"], &["deadlock detected"]),
    class("database.serialization", true, &["40001"], &[], &["could not serialize access"]),
    class("database.unique_violation", true, &["23505"], &[], &["duplicate key value violates"]),
    class("database.foreign_key_violation", true, &["23503"], &[], &["violates foreign key constraint"]),
    class("database.not_null_violation", true, &["23502"], &[], &["violates not-null constraint"]),
    class("database.check_violation", true, &["23514", "23P01"], &[], &["violates check constraint", "violates exclusion constraint"]),
    class("database.constraint_violation", true, &["23"], &["ConstraintViolationException"], &[]),
    class("database.disk_full", true, &["53100"], &[], &["could not extend file", "could not write to file", "could not write block"]),
    class("database.out_of_memory", true, &["53200"], &[], &["out of memory detail", "out of shared memory", "memory exhausted"]),
    class("database.too_many_connections", true, &["53300"], &[], &["too many clients already", "remaining connection slots", "too many connections for"]),
    class("database.authentication", false, &["28"], &[], &["password authentication failed", "no pg_hba.conf entry", "authentication failed for user", "peer authentication"]),
    class("database.unknown_database", false, &["3D000"], &[], &["database \"<text>\" does not exist"]),
    class("database.timeout", true, &["57014", "25P03", "55P03"], &[], &["canceling statement due to", "due to idle-in-transaction timeout", "could not obtain lock", "canceling autovacuum"]),
    class("database.shutdown", true, &["57P"], &[], &["the database system is", "due to administrator command", "terminating connection because of crash", "terminating connection due to"]),
    class("database.read_only", true, &["25006"], &[], &["in a read-only transaction"]),
    class("database.transaction_aborted", true, &["25P02"], &[], &["current transaction is aborted"]),
    class("database.connection", true, &["08"], &[], &["could not receive data from client", "could not send data to client", "connection to client lost", "unexpected eof on client", "connection refused. check that the hostname", "an i/o error occurred while sending to the backend", "this connection has been closed"]),
    class("database.corruption", true, &["XX001", "XX002"], &[], &["invalid page in block", "missing chunk number", "could not read block", "unexpected chunk number"]),
    class("database.permission", true, &["42501"], &[], &["permission denied for", "must be owner of"]),
    class("database.missing_object", true, &["42P01", "42703", "42883", "3F000", "42704"], &[], &["does not exist"]),
    class("database.syntax", true, &["42601"], &[], &["syntax error at"]),
    class("database.statement", true, &["42"], &["SQLGrammarException"], &["operator does not exist", "column reference", "must appear in the group by clause"]),
    class("database.invalid_value", true, &["22"], &[], &["invalid input syntax", "value too long for type", "out of range", "division by zero", "invalid byte sequence", "invalid input value"]),
];

/// Class name, and whether an application error of it is a failed process.
pub fn classify(facts: Facts<'_>) -> (&'static str, bool) {
    let message = facts.message.to_lowercase();
    let by_state = |class: &&Class| {
        !facts.sqlstate.is_empty() && starts_with_any(facts.sqlstate, class.sqlstates)
    };
    let by_exception = |class: &&Class| contains_any(facts.exceptions, class.exceptions);
    let by_message = |class: &&Class| {
        let own = facts.origin == Origin::Application || class.name.starts_with("database.");
        own && contains_any(&message, class.messages)
    };
    let rows = || CLASSES.iter().chain(application::CLASSES);
    // What the database said inside an exception tells more than the driver's exception class.
    let of_database = |class: &&Class| class.name.starts_with("database.") && by_message(class);
    let found = rows()
        .find(by_state)
        .or_else(|| rows().filter(|_| is_sql(facts)).find(of_database))
        .or_else(|| rows().find(by_exception))
        .or_else(|| rows().find(by_message));
    let (name, failed_process) = match (found, facts.origin) {
        (Some(class), _) => (class.name, class.failed_process),
        (None, Origin::Database) => ("database.other", true),
        (None, Origin::Application) => ("application.other", false),
    };
    let is_central = TOWARDS_OTHERS.contains(&name)
        && (names_central_system(&message) || names_central_system(&facts.frames.to_lowercase()));
    if is_central { (CENTRAL_SYSTEM, true) } else { (name, failed_process) }
}

/// Whether a word of a text begins with the name of a central system.
fn names_central_system(text: &str) -> bool {
    let begins_word = |at: usize| {
        let before = text.as_bytes().get(at.wrapping_sub(1));
        !before.is_some_and(u8::is_ascii_alphanumeric)
    };
    CENTRAL_NAMES.iter().any(|name| text.match_indices(name).any(|(at, _)| begins_word(at)))
}

/// Whether the message may be PostgreSQL's own.
fn is_sql(facts: Facts<'_>) -> bool {
    facts.origin == Origin::Database || facts.exceptions.contains("PSQLException")
}

fn starts_with_any(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| text.starts_with(beginning))
}

fn contains_any(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(sqlstate: &str, message: &str) -> &'static str {
        classify(Facts { origin: Origin::Database, sqlstate, exceptions: "", message, frames: "" })
            .0
    }

    fn application(exceptions: &str, message: &str) -> (&'static str, bool) {
        let (origin, sqlstate, frames) = (Origin::Application, "", "");
        classify(Facts { origin, sqlstate, exceptions, message, frames })
    }

    fn rows() -> impl Iterator<Item = &'static Class> {
        CLASSES.iter().chain(application::CLASSES)
    }

    #[test]
    fn a_row_of_the_same_name_says_the_same_and_patterns_can_match() {
        for row in rows() {
            let mut same = rows().filter(|other| other.name == row.name);
            assert!(same.all(|other| other.failed_process == row.failed_process));
            assert!(row.messages.iter().all(|message| *message == message.to_lowercase()));
        }
    }

    #[test]
    fn every_sample_of_an_application_error_has_the_class_of_its_row() {
        for row in application::CLASSES {
            assert!(!row.samples.is_empty(), "{}", row.name);
            for (exceptions, message) in row.samples {
                let expected = (row.name, row.failed_process);
                assert_eq!(application(exceptions, message), expected, "{exceptions} {message}");
            }
        }
    }

    #[test]
    fn only_what_fails_on_the_way_to_a_central_system_is_of_its_class() {
        for (exceptions, message, class) in [
            ("java.lang.NullPointerException", "x at services.AdpClient.kirim", "application.bug"),
            ("", "Gagal mengirim surel tentang ADP", "application.mail"),
            ("java.net.SocketTimeoutException", "tadpole", "application.timeout"),
            ("java.net.SocketTimeoutException", "host=adp.contoh.go.id", CENTRAL_SYSTEM),
        ] {
            assert_eq!(application(exceptions, message).0, class, "{exceptions} {message}");
        }
        let frames = "utils.Http.kirim\nservices.AdpClient.kirim";
        let exceptions = "java.net.SocketTimeoutException";
        let origin = Origin::Application;
        let facts = Facts { origin, sqlstate: "", exceptions, message: "x", frames };
        assert_eq!(classify(facts).0, CENTRAL_SYSTEM);
    }

    #[test]
    fn the_sqlstate_decides_before_a_translated_message() {
        assert_eq!(database("40P01", "terjadi kebuntuan"), "database.deadlock");
        assert_eq!(database("23505", "nilai kunci ganda"), "database.unique_violation");
        assert_eq!(database("23999", "x"), "database.constraint_violation");
    }

    #[test]
    fn without_a_sqlstate_the_message_decides() {
        for (message, class) in [
            ("deadlock detected", "database.deadlock"),
            ("duplicate key value violates unique constraint \"a\"", "database.unique_violation"),
            ("could not extend file \"<text>\": No space left on device", "database.disk_full"),
            ("sorry, too many clients already", "database.too_many_connections"),
            ("syntax error at or near \"<text>\"", "database.syntax"),
            ("relation \"lelang\" does not exist", "database.missing_object"),
            ("canceling statement due to statement timeout", "database.timeout"),
            ("the database system is starting up", "database.shutdown"),
            ("something new", "database.other"),
        ] {
            assert_eq!(database("", message), class, "{message}");
        }
    }

    #[test]
    fn application_errors_go_by_exception_then_by_message() {
        for (exceptions, message, class) in [
            ("java.lang.NullPointerException", "", ("application.bug", true)),
            ("java.net.SocketTimeoutException", "Read timed out", ("application.timeout", true)),
            (
                "javax.net.ssl.SSLHandshakeException",
                "PKIX path building failed",
                ("application.tls", true),
            ),
            ("java.io.IOException", "No space left on device", ("application.disk_full", true)),
            ("java.lang.OutOfMemoryError", "Java heap space", ("application.out_of_memory", true)),
            ("javax.crypto.BadPaddingException", "", ("application.decrypt", true)),
            ("org.apache.commons.mail.EmailException", "", ("application.mail", true)),
            (
                "org.postgresql.util.PSQLException",
                "ERROR: deadlock detected",
                ("database.deadlock", true),
            ),
            ("org.postgresql.util.PSQLException", "odd", ("application.database", true)),
            ("", "Login gagal dari <n>", ("application.login", false)),
            ("", "Sertifikat badan usaha belum diisi", ("application.other", false)),
            ("", "sesuatu", ("application.other", false)),
        ] {
            assert_eq!(application(exceptions, message), class, "{exceptions} {message}");
        }
    }
}
