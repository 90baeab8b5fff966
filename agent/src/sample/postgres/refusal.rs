//! Why a database refuses: what that says about its state, in a machine's word for the ledger, and in a
//! sentence for a person.
//!
//! | refusal | state | because |
//! | --- | --- | --- |
//! | nothing listens, no answer in time, starting or stopping, connection broken | down | it serves nobody |
//! | no connection left; SQLSTATE 53 (no resources), 58 and XX (its own errors) | degraded | it serves those who are in |
//! | role not let in, any other SQLSTATE, does not speak as PostgreSQL, cannot be asked | cannot tell | the fault lies with our role, settings or machine |
//!
//! An outage has legal weight, so only what shows one says down ([`Refusal::state`]).

use std::io;

use crate::domain::State;

/// Why a database did not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing listens at the address or socket.
    ConnectRefused,
    /// It answers, and does not let this role in.
    AuthFailed,
    /// All connections are taken.
    TooManyConnections,
    /// It is starting, or being stopped.
    StartingUp,
    /// No answer within the time allowed.
    Timeout,
    /// The connection broke.
    Closed,
    /// Another error of the server, five characters.
    Sqlstate(String),
    /// What answers does not speak as PostgreSQL does.
    Protocol,
    /// The question did not leave this machine: a name that is not known, a limit of the agent's own.
    NotAsked,
}

impl Refusal {
    /// Decides from what the client library saw. `has_password`: a password is configured; without one
    /// the library itself gives up when the server asks for it.
    pub(crate) fn of(error: &tokio_postgres::Error, has_password: bool) -> Refusal {
        if let Some(code) = error.code() {
            return Refusal::of_sqlstate(code.code());
        }
        if let Some(kind) = io_kind(error) {
            return Refusal::of_io(kind);
        }
        match (error.is_closed(), has_password) {
            (true, _) => Refusal::Closed,
            (false, false) => Refusal::AuthFailed,
            (false, true) => Refusal::Protocol,
        }
    }

    /// PostgreSQL's documentation, appendix A.
    fn of_sqlstate(code: &str) -> Refusal {
        match code {
            "53300" => Refusal::TooManyConnections,
            "57P01" | "57P02" | "57P03" => Refusal::StartingUp,
            "57014" => Refusal::Timeout,
            code if code.starts_with("28") => Refusal::AuthFailed,
            code => Refusal::Sqlstate(code.to_owned()),
        }
    }

    fn of_io(kind: io::ErrorKind) -> Refusal {
        use io::ErrorKind as Kind;
        match kind {
            // A socket file that is not there: the server is stopped, or its folder is another.
            Kind::ConnectionRefused | Kind::NotFound => Refusal::ConnectRefused,
            Kind::HostUnreachable | Kind::NetworkUnreachable => Refusal::ConnectRefused,
            Kind::TimedOut => Refusal::Timeout,
            // The socket's folder or file is closed to the agent's user.
            Kind::PermissionDenied => Refusal::AuthFailed,
            // `Other` is what the client library makes itself of bytes it cannot read.
            Kind::InvalidData | Kind::InvalidInput | Kind::Other => Refusal::Protocol,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => Refusal::Closed,
            Kind::UnexpectedEof | Kind::NotConnected => Refusal::Closed,
            _ => Refusal::NotAsked,
        }
    }

    /// What it says about the state of the cluster (table of the module); `None`: it cannot be told.
    pub(crate) fn state(&self) -> Option<State> {
        match self {
            Refusal::ConnectRefused | Refusal::Timeout | Refusal::StartingUp | Refusal::Closed => {
                Some(State::Down)
            }
            Refusal::TooManyConnections => Some(State::Degraded),
            Refusal::Sqlstate(code) => {
                let own = ["53", "58", "XX"].iter().any(|class| code.starts_with(class));
                own.then_some(State::Degraded)
            }
            Refusal::AuthFailed | Refusal::Protocol | Refusal::NotAsked => None,
        }
    }

    /// The word for the ledger.
    pub(crate) fn reason(&self) -> String {
        match self {
            Refusal::ConnectRefused => "connect_refused".to_owned(),
            Refusal::AuthFailed => "auth_failed".to_owned(),
            Refusal::TooManyConnections => "too_many_connections".to_owned(),
            Refusal::StartingUp => "starting_up".to_owned(),
            Refusal::Timeout => "timeout".to_owned(),
            Refusal::Closed => "connection_lost".to_owned(),
            Refusal::Sqlstate(code) => format!("sqlstate_{}", code.to_ascii_lowercase()),
            Refusal::Protocol => "protocol".to_owned(),
            Refusal::NotAsked => "not_asked".to_owned(),
        }
    }

    /// What is wrong and what to do. Never holds a password.
    pub(crate) fn advice(&self, config: &tokio_postgres::Config) -> String {
        let place = place(config);
        let role = config.get_user().unwrap_or("?");
        match self {
            Refusal::ConnectRefused => format!(
                "nothing answers at {place}: start PostgreSQL, or correct host and port in \
                 [[postgres]]"
            ),
            Refusal::AuthFailed => format!(
                "{place} does not let the role {role} in: check user, password_file and database in \
                 [[postgres]], the line for this role in pg_hba.conf, and that the agent's user may \
                 use the socket"
            ),
            Refusal::TooManyConnections => format!(
                "{place} takes no further connection: raise max_connections or find what holds them; \
                 the agent needs one"
            ),
            Refusal::StartingUp => format!("{place} is starting or stopping; it is asked again"),
            Refusal::Timeout => format!(
                "{place} did not answer in time: the machine is overloaded, or a firewall drops the \
                 packets"
            ),
            Refusal::Closed => format!("{place} broke the connection; it is opened again"),
            Refusal::Sqlstate(code) => format!(
                "{place} answers with SQLSTATE {code}; its own message is shown by: pantau-agent \
                 check --log-level debug"
            ),
            Refusal::Protocol => format!(
                "what answers at {place} does not speak as PostgreSQL does: check host and port in \
                 [[postgres]]"
            ),
            Refusal::NotAsked => format!(
                "{place} cannot be asked from here: check that its name is known on this machine and \
                 that the agent's limit of open files is not reached"
            ),
        }
    }
}

/// Where the cluster is, for people: `/var/run/postgresql:5432`.
pub(crate) fn place(config: &tokio_postgres::Config) -> String {
    use tokio_postgres::config::Host;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "?".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5_432);
    format!("{host}:{port}")
}

fn io_kind(error: &tokio_postgres::Error) -> Option<io::ErrorKind> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_the_server_has_its_word() {
        for (code, reason) in [
            ("53300", "too_many_connections"),
            ("57P03", "starting_up"),
            ("28P01", "auth_failed"),
            ("28000", "auth_failed"),
            ("57014", "timeout"),
            ("3D000", "sqlstate_3d000"),
        ] {
            assert_eq!(Refusal::of_sqlstate(code).reason(), reason);
        }
    }

    #[test]
    fn only_a_refusal_that_shows_an_outage_says_down() {
        let sqlstate = |code: &str| Refusal::of_sqlstate(code).state();
        for down in ["57P01", "57P02", "57P03", "57014"] {
            assert_eq!(sqlstate(down), Some(State::Down), "{down}");
        }
        for degraded in ["53300", "53100", "58030", "XX001"] {
            assert_eq!(sqlstate(degraded), Some(State::Degraded), "{degraded}");
        }
        for unknown in ["28P01", "28000", "3D000", "42501", "0A000"] {
            assert_eq!(sqlstate(unknown), None, "{unknown}");
        }
        for (kind, state) in [
            (io::ErrorKind::ConnectionRefused, Some(State::Down)),
            (io::ErrorKind::ConnectionReset, Some(State::Down)),
            (io::ErrorKind::TimedOut, Some(State::Down)),
            (io::ErrorKind::PermissionDenied, None),
            (io::ErrorKind::InvalidData, None),
            (io::ErrorKind::OutOfMemory, None),
        ] {
            assert_eq!(Refusal::of_io(kind).state(), state, "{kind}");
        }
    }

    #[test]
    fn a_missing_socket_is_a_stopped_server_and_a_closed_one_is_not() {
        assert_eq!(Refusal::of_io(io::ErrorKind::NotFound), Refusal::ConnectRefused);
        assert_eq!(Refusal::of_io(io::ErrorKind::ConnectionRefused), Refusal::ConnectRefused);
        assert_eq!(Refusal::of_io(io::ErrorKind::PermissionDenied), Refusal::AuthFailed);
        assert_eq!(Refusal::of_io(io::ErrorKind::ConnectionReset), Refusal::Closed);
    }

    #[test]
    fn advice_names_the_place_and_never_the_password() {
        let mut config = tokio_postgres::Config::new();
        config.host("/run/postgresql").port(5433).user("pantau").password("rahasia");
        for refusal in [
            Refusal::ConnectRefused,
            Refusal::AuthFailed,
            Refusal::TooManyConnections,
            Refusal::StartingUp,
            Refusal::Timeout,
            Refusal::Closed,
            Refusal::Sqlstate("3D000".to_owned()),
            Refusal::Protocol,
            Refusal::NotAsked,
        ] {
            let advice = refusal.advice(&config);
            assert!(advice.contains("/run/postgresql:5433"), "{advice}");
            assert!(!advice.contains("rahasia"), "{advice}");
        }
    }
}
