//! The table of error classes. SQLSTATE decides first, then the exception's class, then the message,
//! because messages may be translated. The first row that fits wins.

use crate::entry::{Origin, Severity};

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
    // Of the web server: the request that failed is counted from the access log, these give its cause.
    // They stand first because they name what they tell of more exactly than the words of others.
    class("application.blocked", false, &[], &[], &["modsecurity rule", "modsecurity: access denied", "mod_evasive", "client denied by server configuration", "access forbidden by rule", "limiting requests", "limiting connections", "cannot serve directory", "directory index of"]),
    class("application.not_found", false, &[], &[], &["file does not exist: <path>", "not found or unable to stat", "failed (<n>: no such file or directory)", "is not found (<n>: no such file or directory)"]),
    class("application.upstream_timeout", false, &[], &[], &["upstream timed out", "error reading status line from remote server", "the timeout specified has expired"]),
    class("application.upstream_down", false, &[], &[], &["while connecting to upstream", "while reading response header from upstream", "while reading upstream", "while sending request to upstream", "no live upstreams", "upstream sent invalid header", "http: attempt to connect to", "https: attempt to connect to", "ajp: attempt to connect to", "failed to make connection to backend", "disabling worker for", "error reading from remote server"]),

    class("database.deadlock", true, &["40P01"], &["LockAcquisitionException"], &["deadlock detected", "terdeteksi 'deadlock'"]),
    class("database.serialization", true, &["40001"], &[], &["could not serialize access", "tidak bisa men-serialisasi akses", "tak dapat men-serial-kan akses"]),
    class("database.unique_violation", true, &["23505"], &[], &["duplicate key value violates", "nilai kunci ganda melanggar"]),
    class("database.foreign_key_violation", true, &["23503"], &[], &["violates foreign key constraint", "aturan foreign key"]),
    class("database.not_null_violation", true, &["23502"], &[], &["violates not-null constraint", "melanggar not-null constraint"]),
    class("database.check_violation", true, &["23514", "23P01"], &[], &["violates check constraint", "violates exclusion constraint", "melanggar pemeriksaan constraint", "melanggar eksklusif constraint"]),
    class("database.constraint_violation", true, &["23"], &["ConstraintViolationException"], &[]),
    class("database.disk_full", true, &["53100"], &[], &["could not extend file", "could not write to file", "could not write block", "tak dapat memperbesar file", "tidak dapat menulis ke file", "tak dapat menulis blok"]),
    class("database.out_of_memory", true, &["53200"], &[], &["out of memory detail", "out of shared memory", "memory exhausted", "could not fork new process for connection", "kehabisan memori 'shared'"]),
    class("database.too_many_connections", true, &["53300"], &[], &["too many clients already", "remaining connection slots", "too many connections for", "no more connections allowed", "terlalu banyak klien yang sudah ada", "slot koneksi yang tersisa", "terlalu banyak koneksi untuk"]),
    class("database.authentication", false, &["28"], &[], &["password authentication failed", "no pg_hba.conf entry", "authentication failed for user", "peer authentication", "pooler error: no such user", "pooler error: auth failed", "password gagal diotentikasi", "tidak ada entry pg_hba.conf"]),
    class("database.unknown_database", false, &["3D000"], &[], &["database \"<text>\" does not exist"]),
    class("database.lock_wait", true, &["55P03"], &[], &["could not obtain lock", "canceling statement due to lock timeout", "tidak mendapatkan kunci", "tidak mendapatkan 'lock'", "kunci kehabisan waktu tunggu"]),
    class("database.timeout", true, &["57014", "25P03"], &[], &["canceling statement due to", "due to idle-in-transaction timeout", "canceling autovacuum", "query_wait_timeout", "client_login_timeout", "perintah kehabisan waktu tunggu", "perintah karena permintaan pengguna"]),
    class("database.archive", true, &[], &[], &["archive command failed", "archive command was terminated", "archive command exited", "archiver process (pid", "archiving write-ahead log file", "archiving transaction log file", "perintah arsip gagal", "perintah arsip telah dihentikan", "proses pengarsipan (pid"]),
    class("database.crash", true, &["57P02"], &[], &["(pid <n>) was terminated by", "(pid <n>) exited with", "terminating any other active server processes", "all server processes terminated", "abnormal database system shutdown", "database system was interrupted", "database system shutdown was interrupted", "database system was not properly shut down", "because of crash of another server process", "(pid <n>) telah dihentikan oleh", "(pid <n>) keluar dengan", "mengakhiri setiap proses server aktif", "semua proses server dibatalkan", "sistem database terganggu", "sistem database mati tidak baik", "karena proses server lain mati"]),
    class("database.replication", true, &[], &[], &["replication terminated by primary server", "due to replication timeout", "terminating walreceiver", "from wal stream", "could not connect to the primary server", "requested wal segment", "replikasi diputus oleh server utama", "karena waktu replikasi", "dari stream wal"]),
    class("database.checkpoints", true, &[], &[], &["checkpoints are occurring too frequently", "terlalu sering terjadi (setiap"]),
    class("database.shutdown", true, &["57P"], &[], &["the database system is", "due to administrator command", "terminating connection due to", "sistem database dinyalakan", "sistem database dimatikan", "sistem database dalam mode pemulihan", "karena perintah administrator"]),
    class("database.read_only", true, &["25006"], &[], &["in a read-only transaction", "dalam transaksi hanya-baca"]),
    class("database.transaction_aborted", true, &["25P02"], &[], &["current transaction is aborted", "transaksi saat ini dibatalkan"]),
    class("database.connection", true, &["08"], &[], &["could not receive data from client", "could not send data to client", "connection to client lost", "unexpected eof on client", "could not accept ssl connection", "server conn crashed?", "server login failed", "tidak dapat menerima data dari klien", "tidak dapat mengirim data ke klien", "koneksi ke klien hilang", "tidak dapat menerima koneksi ssl", "tidak terduga pada koneksi klien", "tidak disuga pada sambungan client", "connection refused. check that the hostname", "an i/o error occurred while sending to the backend", "this connection has been closed"]),
    class("database.corruption", true, &["XX001", "XX002"], &[], &["invalid page in block", "missing chunk number", "could not read block", "unexpected chunk number"]),
    class("database.permission", true, &["42501"], &[], &["permission denied for", "must be owner of"]),
    class("database.missing_object", true, &["42P01", "42703", "42883", "3F000", "42704"], &[], &["does not exist"]),
    class("database.syntax", true, &["42601"], &[], &["syntax error at"]),
    class("database.statement", true, &["42"], &["SQLGrammarException"], &["operator does not exist", "column reference", "must appear in the group by clause"]),
    class("database.invalid_value", true, &["22"], &[], &["invalid input syntax", "value too long for type", "out of range", "division by zero", "invalid byte sequence", "invalid input value"]),

    // Messages of the system (`parse/system/rules.rs`), each behind its program.
    class("system.oom", false, &[], &[], &["kernel: out of memory", "kernel: memory cgroup out of memory"]),
    class("system.disk", false, &[], &[], &["kernel: blk_update_request", "kernel: buffer i/o error", "kernel: ext4-fs", "kernel: xfs", "kernel: sd ", "kernel: ata", "kernel: md/raid", "kernel: nvme", "kernel: critical medium error", "kernel: i/o error", "smartd: ", "mdadm: ", "systemd: failed to mount "]),
    class("system.network", false, &[], &[], &["kernel: nf_conntrack", "kernel: tcp: "]),
    class("system.kernel", false, &[], &[], &["kernel: "]),
    class("system.unit_failed", false, &[], &[], &["systemd: "]),
    class("system.authentication", false, &[], &[], &["sshd: ", "sshd-session: ", "sudo: ", "su: ", "login: ", "vsftpd: ", "polkitd: ", "gdm-password: ", "dovecot: authentication", "cockpit-session: "]),
    class("system.cron", false, &[], &[], &["cron: ", "crond: ", "anacron: "]),
    class("system.mail", false, &[], &[], &["postfix: ", "sendmail: ", "sm-mta: "]),
    class("system.clock", false, &[], &[], &["chronyd: ", "ntpd: ", "systemd-timesyncd: "]),
    class("system.logs_lost", false, &[], &[], &["systemd-journald: suppressed", "systemd-journal: suppressed", "rsyslogd: imjournal"]),
];

/// What the status of an answer says of a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusFailure {
    /// Its class.
    pub class: &'static str,
    /// How bad.
    pub severity: Severity,
    /// A request is one failed transaction or process.
    pub failed_transaction: bool,
}

/// From status to status. RFC 9110, section 15; 499 is nginx's own. A body that is too large is a failed
/// upload; who goes away before the answer may have been waiting too long, or only have clicked again. With
/// 500 the application answers itself, and its own log tells of the failure: here it is none more.
#[rustfmt::skip]
const STATUSES: &[(u16, u16, StatusFailure)] = &[
    (408, 408, StatusFailure { class: "application.http_aborted", severity: Severity::Warning, failed_transaction: false }),
    (413, 413, StatusFailure { class: "application.upload", severity: Severity::Error, failed_transaction: true }),
    (499, 499, StatusFailure { class: "application.http_aborted", severity: Severity::Warning, failed_transaction: false }),
    (500, 500, StatusFailure { class: "application.http_5xx", severity: Severity::Error, failed_transaction: false }),
    (501, 599, StatusFailure { class: "application.http_5xx", severity: Severity::Error, failed_transaction: true }),
];

/// What a status tells of a failure, if it does.
pub fn of_status(status: u16) -> Option<StatusFailure> {
    let row = STATUSES.iter().find(|(first, last, _)| (*first..=*last).contains(&status));
    row.map(|(_, _, failure)| *failure)
}

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
    // Rows of the system begin with a program and are more particular than any that only knows words.
    let of_system = |class: &&Class| {
        class.name.starts_with("system.") && starts_with_any(&message, class.messages)
    };
    let found = rows()
        .find(by_state)
        .or_else(|| rows().filter(|_| is_sql(facts)).find(of_database))
        .or_else(|| rows().find(by_exception))
        .or_else(|| rows().filter(|_| facts.origin == Origin::Application).find(of_system))
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
            ("server process (PID <n>) was terminated by signal <n>: Killed", "database.crash"),
            ("all server processes terminated; reinitializing", "database.crash"),
            (
                "database system was not properly shut down; automatic recovery in progress",
                "database.crash",
            ),
            ("terminating connection because of crash of another server process", "database.crash"),
            ("canceling statement due to lock timeout", "database.lock_wait"),
            ("could not obtain lock on row in relation \"peserta\"", "database.lock_wait"),
            ("archive command failed with exit code <n>", "database.archive"),
            ("archiver process (PID <n>) exited with exit code <n>", "database.archive"),
            ("terminating walsender process due to replication timeout", "database.replication"),
            (
                "checkpoints are occurring too frequently (<n> seconds apart)",
                "database.checkpoints",
            ),
            ("could not accept SSL connection: EOF detected", "database.connection"),
            ("pooler error: query_wait_timeout", "database.timeout"),
            (
                "pooler error: no more connections allowed (max_client_conn)",
                "database.too_many_connections",
            ),
            ("server login failed: FATAL x", "database.connection"),
        ] {
            assert_eq!(database("", message), class, "{message}");
        }
    }

    #[test]
    fn the_servers_translation_has_the_class_of_the_english_message() {
        for (message, class) in [
            ("nilai kunci ganda melanggar batasan unik « a »", "database.unique_violation"),
            ("terdeteksi 'deadlock'", "database.deadlock"),
            ("pembatalan perintah karena kunci kehabisan waktu tunggu", "database.lock_wait"),
            ("pembatalan perintah karena perintah kehabisan waktu tunggu", "database.timeout"),
            ("maaf, terlalu banyak klien yang sudah ada", "database.too_many_connections"),
            ("sistem database dinyalakan", "database.shutdown"),
            ("memutus koneksi karena perintah administrator", "database.shutdown"),
            ("memutus koneksi karena proses server lain mati (crash)", "database.crash"),
            ("proses server (PID <n>) telah dihentikan oleh sinyal <n>", "database.crash"),
            ("perintah arsip gagal dengan kode exit <n>", "database.archive"),
            ("tak dapat memperbesar file « a »", "database.disk_full"),
            ("tidak dapat menerima data dari klien : x", "database.connection"),
        ] {
            assert_eq!(database("", message), class, "{message}");
        }
    }

    #[test]
    fn messages_of_the_system_go_by_their_program() {
        for (message, class) in [
            ("kernel: Out of memory: Killed process <n> (java)", "system.oom"),
            ("kernel: blk_update_request: I/O error, dev sdb, sector <n>", "system.disk"),
            ("kernel: EXT4-fs (sda2): Remounting filesystem read-only", "system.disk"),
            ("kernel: nf_conntrack: table full, dropping packet", "system.network"),
            ("kernel: java[<n>]: segfault at <n>", "system.kernel"),
            ("smartd: Device: /dev/sda, FAILED SMART self-check", "system.disk"),
            ("systemd: spse.service: Failed with result", "system.unit_failed"),
            ("systemd: Failed to mount /home/file.", "system.disk"),
            ("sshd: Failed password for", "system.authentication"),
            ("crond: (root) FAILED to open PAM security session", "system.cron"),
            ("postfix: status=deferred (Connection timed out)", "system.mail"),
            ("chronyd: System clock wrong by <n> seconds", "system.clock"),
            ("rsyslogd: imjournal: <n> messages lost due to rate-limiting", "system.logs_lost"),
            ("java: Out of memory", "application.other"),
            ("kasus: gagal masuk", "application.login"),
        ] {
            assert_eq!(application("", message), (class, false), "{message}");
        }
    }

    #[test]
    fn errors_of_the_web_server_have_the_class_of_their_cause() {
        for (message, class) in [
            (
                "upstream timed out (<n>: Connection timed out) while reading response header from upstream",
                "application.upstream_timeout",
            ),
            (
                "(<n>)The timeout specified has expired: <id>: error reading status line from remote server <n>",
                "application.upstream_timeout",
            ),
            (
                "connect() failed (<n>: Connection refused) while connecting to upstream",
                "application.upstream_down",
            ),
            (
                "(<n>)Connection refused: <id>: HTTP: attempt to connect to <n> (<n>) failed",
                "application.upstream_down",
            ),
            ("client intended to send too large body: <n> bytes", "application.upload"),
            (
                "SSL_do_handshake() failed (SSL: error:<id>) while SSL handshaking",
                "application.tls",
            ),
            ("ModSecurity rule 920350: Host header is a numeric IP address", "application.blocked"),
            ("client denied by server configuration: <path>", "application.blocked"),
            ("File does not exist: <path>", "application.not_found"),
            ("open() \"<text>\" failed (<n>: No such file or directory)", "application.not_found"),
            ("limiting requests, excess: <n> by zone \"<text>\"", "application.blocked"),
        ] {
            assert_eq!(application("", message).0, class, "{message}");
        }
    }

    #[test]
    fn a_status_tells_of_a_failure_or_not() {
        for (status, expected) in [
            (200, None),
            (404, None),
            (408, Some(("application.http_aborted", false))),
            (413, Some(("application.upload", true))),
            (499, Some(("application.http_aborted", false))),
            (500, Some(("application.http_5xx", false))),
            (504, Some(("application.http_5xx", true))),
        ] {
            let found = of_status(status).map(|found| (found.class, found.failed_transaction));
            assert_eq!(found, expected, "{status}");
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
