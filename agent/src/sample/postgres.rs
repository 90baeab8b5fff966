//! PostgreSQL: one connection per cluster, asked once per interval. The first answer decides whether
//! the cluster is up; what fails after it is a problem of its own and stops nothing else.
//!
//! Each question is a transaction of its own in the database the agent connects to: three to five a
//! minute of its commits are the agent's.

mod figures;
mod refusal;
mod session;
mod statements;
mod view;

use std::time::{Duration, Instant};

use tokio::time::timeout;

use self::{
    figures::Overview,
    refusal::Refusal,
    session::Session,
    statements::{Baseline, STATEMENTS_MAX, View},
    view::NoView,
};
use super::standing::Standing;
use crate::{
    config::ClusterSettings,
    domain::{
        DatabaseFacts, DatabaseSample, Gap, Problem, State, StatementDelta, Target, TargetCheck,
    },
};

/// All questions after the first, together.
const DETAILS_TIMEOUT: Duration = Duration::from_secs(20);
/// Sizes and accounts are asked this often: both read much for a figure that moves slowly.
const SLOW_FIGURES_EVERY_MS: i64 = 300_000;
/// A question that the server refused is asked again after this: each try is an error in the very log
/// that is counted.
const REFUSED_RETRY_MS: i64 = 3_600_000;
/// A role that is not let in tries again after this, twice as long each time, for the same reason; not
/// as long, because until its success nothing can be told of the cluster. Other refusals of a connection
/// leave no trace and are tried in every sample.
const AUTH_RETRY_FIRST_MS: i64 = 60_000;
/// Longest time between two tries of a role that is not let in.
const AUTH_RETRY_MAX_MS: i64 = 900_000;

/// What one sample of one cluster found.
#[derive(Debug)]
pub struct ClusterReport {
    /// How the cluster is, and why; `None` where it cannot be told ([`refusal`]).
    pub check: Option<TargetCheck>,
    /// One per database; sizes and accounts every 5 minutes.
    pub samples: Vec<DatabaseSample>,
    /// `None` when the cluster did not answer.
    pub facts: Option<DatabaseFacts>,
    /// What each statement did since the sample before.
    pub statements: Vec<StatementDelta>,
    /// What of the statements could not be counted.
    pub gaps: Vec<Gap>,
    /// What a person should see to.
    pub problems: Vec<Problem>,
}

/// Samples one cluster: keeps the connection, the statements' baseline and since when a problem stands.
pub struct ClusterSampler {
    settings: ClusterSettings,
    session: Option<Session>,
    view: Option<View>,
    /// Why the view does not answer, and when it is asked again.
    no_view: Option<(String, i64)>,
    baseline: Baseline,
    slow_figures_due_ms: i64,
    /// Problems with the slow figures stand until these are asked again.
    slow_found: Found,
    refused: Option<Refused>,
    standing: Standing,
}

/// The last refusal, while it lasts.
struct Refused {
    refusal: Refusal,
    times: u32,
    retry_ms: i64,
}

/// Subject and text of each problem.
type Found = Vec<(String, String)>;

impl ClusterSampler {
    /// Keeps the settings; the first connection is made by the first sample. `watched_until_ms`: until
    /// when an agent that ran before is sure to have counted; `None` when none ran on this machine.
    pub fn new(settings: ClusterSettings, watched_until_ms: Option<i64>) -> ClusterSampler {
        ClusterSampler {
            settings,
            session: None,
            view: None,
            no_view: None,
            baseline: Baseline::new(watched_until_ms),
            slow_figures_due_ms: i64::MIN,
            slow_found: Found::new(),
            refused: None,
            standing: Standing::default(),
        }
    }

    /// Asks everything once. Ends within 35 s whatever the server does: 5 s to connect, twice at most,
    /// and the questions' own bounds. While a role that is not let in waits for its next try, nothing is
    /// asked and nothing can be told.
    pub async fn sample(&mut self, now_ms: i64) -> ClusterReport {
        if let Some(refused) = self.refused.as_ref().filter(|refused| now_ms < refused.retry_ms) {
            let refusal = refused.refusal.clone();
            return self.unanswered(None, &refusal, now_ms);
        }
        let started = Instant::now();
        let answer = self.first_answer().await;
        let latency_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
        match answer {
            Ok((session, overview)) => {
                self.refused = None;
                let check = self.check(State::Up, String::new(), latency_ms, now_ms);
                self.details(session, overview, check, now_ms).await
            }
            Err(refusal) => {
                self.note_refusal(&refusal, now_ms);
                let state = refusal.state();
                let check =
                    state.map(|state| self.check(state, refusal.reason(), latency_ms, now_ms));
                self.unanswered(check, &refusal, now_ms)
            }
        }
    }

    /// Asks the first question on the open connection; when that broke since (the server was
    /// restarted), once more on a new one.
    async fn first_answer(&mut self) -> Result<(Session, Overview), Refusal> {
        if let Some(session) = self.session.take().filter(Session::is_open) {
            match figures::overview(&session, &self.settings.key).await {
                Ok(overview) => return Ok((session, overview)),
                Err(Refusal::Timeout) => return Err(Refusal::Timeout),
                Err(_) => {}
            }
        }
        (self.view, self.no_view) = (None, None);
        let session = Session::open(&self.settings.connection, None).await?;
        let overview = figures::overview(&session, &self.settings.key).await?;
        Ok((session, overview))
    }

    async fn details(
        &mut self,
        session: Session,
        overview: Overview,
        check: TargetCheck,
        now_ms: i64,
    ) -> ClusterReport {
        let mut report = ClusterReport {
            check: Some(check),
            samples: Vec::new(),
            facts: Some(overview.facts.clone()),
            statements: Vec::new(),
            gaps: Vec::new(),
            problems: Vec::new(),
        };
        let mut found = Found::new();
        if overview.connections_hidden > 0 {
            found.push((self.subject(".connections"), self.hidden_connections()));
        }
        let asked = async {
            self.databases(&session, &overview, &mut report, &mut found, now_ms).await;
            self.statements(&session, &mut report, now_ms).await;
        };
        if timeout(DETAILS_TIMEOUT, asked).await.is_ok() {
            self.session = Some(session);
        } else {
            let text = format!(
                "not every figure was answered within {} s: the machine is overloaded, or a database \
                 has very many files",
                DETAILS_TIMEOUT.as_secs()
            );
            found.push((self.subject(""), text));
        }
        report.problems = self.standing.dated(found, now_ms);
        report
    }

    async fn databases(
        &mut self,
        session: &Session,
        overview: &Overview,
        report: &mut ClusterReport,
        found: &mut Found,
        now_ms: i64,
    ) {
        let names = &self.settings.databases;
        match figures::databases(session, names, &self.settings.key, overview).await {
            Ok(samples) => report.samples = samples,
            Err(refusal) => {
                found.push((self.subject(""), refusal.advice(&self.settings.connection)));
                return;
            }
        }
        for missing in missing(names, &report.samples) {
            let text = format!(
                "there is no database \"{missing}\" in this cluster: correct databases in [[postgres]]"
            );
            found.push((self.subject(&format!(".{missing}")), text));
        }
        if now_ms >= self.slow_figures_due_ms {
            self.slow_figures_due_ms = now_ms.saturating_add(REFUSED_RETRY_MS);
            let mut slow_found = Found::new();
            self.sizes(session, &mut report.samples, &mut slow_found).await;
            self.accounts(session, &mut report.samples, &mut slow_found).await;
            if slow_found.is_empty() {
                self.slow_figures_due_ms = now_ms.saturating_add(SLOW_FIGURES_EVERY_MS);
            }
            self.slow_found = slow_found;
        }
        found.extend(self.slow_found.iter().cloned());
    }

    async fn sizes(&self, session: &Session, samples: &mut [DatabaseSample], found: &mut Found) {
        for sample in samples {
            match figures::size_bytes(session, &sample.database).await {
                Ok(size) => sample.size_bytes = Some(size),
                Err(refusal) => {
                    let database = &sample.database;
                    let text = format!(
                        "the size of {database} is not known ({}): GRANT CONNECT ON DATABASE \
                         {database}, or GRANT pg_monitor, to the agent's role",
                        refusal.reason()
                    );
                    found.push((self.subject(&format!(".{database}.size")), text));
                }
            }
        }
    }

    async fn accounts(&self, session: &Session, samples: &mut [DatabaseSample], found: &mut Found) {
        let Some((sql, database)) = &self.settings.accounts else { return };
        match self.ask_accounts(session, sql, database).await {
            Ok(accounts) => {
                let of_database = samples.iter().position(|sample| sample.database == *database);
                if let Some(sample) = samples.get_mut(of_database.unwrap_or(0)) {
                    sample.accounts = Some(accounts);
                }
            }
            Err(refusal) => {
                let text = format!(
                    "accounts_sql does not answer in {database} ({}): try it there with the agent's \
                     role; it must give one whole number within 5 s",
                    refusal.reason()
                );
                found.push((self.subject(".accounts"), text));
            }
        }
    }

    async fn ask_accounts(
        &self,
        session: &Session,
        sql: &str,
        database: &str,
    ) -> Result<u64, Refusal> {
        if self.settings.connection.get_dbname() == Some(database) {
            return figures::accounts(session, sql).await;
        }
        let session = Session::open(&self.settings.connection, Some(database)).await?;
        figures::accounts(&session, sql).await
    }

    async fn statements(&mut self, session: &Session, report: &mut ClusterReport, now_ms: i64) {
        if self.no_view.as_ref().is_none_or(|(_, retry_ms)| now_ms >= *retry_ms) {
            let asked = self.ask_statements(session, report, now_ms).await;
            self.no_view = asked.err().map(|no_view| {
                let wait_ms = if no_view.left_an_error { REFUSED_RETRY_MS } else { 0 };
                (no_view.reason, now_ms.saturating_add(wait_ms))
            });
        }
        if let Some(facts) = &mut report.facts {
            let reason = self.no_view.as_ref().map(|(reason, _)| reason.clone());
            facts.statements_view = reason.is_none();
            facts.statements_view_reason = reason.unwrap_or_default();
        }
    }

    async fn ask_statements(
        &mut self,
        session: &Session,
        report: &mut ClusterReport,
        now_ms: i64,
    ) -> Result<(), NoView> {
        if self.view.is_none() {
            self.view = Some(view::find(session, &self.settings).await?);
        }
        let Some(view) = &self.view else { return Ok(()) };
        let counters = view::counters(session, view, &self.settings).await?;
        let all_read = counters.len() < STATEMENTS_MAX;
        let changes = self.baseline.compare(counters, all_read, now_ms);
        let texts = view::texts(session, view, &self.settings, &changes.counted).await?;
        (report.statements, report.gaps) =
            self.baseline.settle(&self.settings.key, changes, &texts);
        Ok(())
    }

    fn hidden_connections(&self) -> String {
        let role = self.settings.connection.get_user().unwrap_or("?");
        format!(
            "which connections are active is hidden from {role}: GRANT pg_monitor TO {role} \
             (PostgreSQL 10 and newer)"
        )
    }

    fn check(&self, state: State, reason: String, latency_ms: u32, at_ms: i64) -> TargetCheck {
        let subject = self.settings.key.to_string();
        TargetCheck { target: Target::Database, state, reason, latency_ms, subject, at_ms }
    }

    fn note_refusal(&mut self, refusal: &Refusal, now_ms: i64) {
        let same = self.refused.take().filter(|before| before.refusal == *refusal);
        let times = same.map_or(0, |before| before.times).saturating_add(1);
        let retry_ms = now_ms.saturating_add(retry_after_ms(refusal, times));
        self.refused = Some(Refused { refusal: refusal.clone(), times, retry_ms });
    }

    fn unanswered(
        &mut self,
        check: Option<TargetCheck>,
        refusal: &Refusal,
        now_ms: i64,
    ) -> ClusterReport {
        let found = vec![(self.subject(""), refusal.advice(&self.settings.connection))];
        ClusterReport {
            check,
            samples: Vec::new(),
            facts: None,
            statements: Vec::new(),
            gaps: Vec::new(),
            problems: self.standing.dated(found, now_ms),
        }
    }

    fn subject(&self, part: &str) -> String {
        format!("database.{}{part}", self.settings.key)
    }
}

/// Time until the next try after the `times`-th refusal of this kind in a row.
fn retry_after_ms(refusal: &Refusal, times: u32) -> i64 {
    match refusal {
        Refusal::AuthFailed => {
            let doublings = times.saturating_sub(1).min(10);
            (AUTH_RETRY_FIRST_MS << doublings).min(AUTH_RETRY_MAX_MS)
        }
        _ => 0,
    }
}

fn missing<'a>(
    names: &'a [String],
    samples: &'a [DatabaseSample],
) -> impl Iterator<Item = &'a String> {
    names.iter().filter(|name| !samples.iter().any(|sample| sample.database == **name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(port: u16) -> ClusterSettings {
        let mut connection = tokio_postgres::Config::new();
        connection.host("127.0.0.1").port(port).user("pantau").dbname("epns_prod");
        connection.password("rahasia");
        ClusterSettings { key: "utama".into(), connection, databases: Vec::new(), accounts: None }
    }

    fn free_port() -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_down_with_one_problem_that_keeps_its_begin() {
        let mut sampler = ClusterSampler::new(settings(free_port()), None);
        let first = sampler.sample(1_000).await;
        let check = first.check.unwrap();
        assert_eq!((check.state, &*check.reason), (State::Down, "connect_refused"));
        assert_eq!(check.subject, "utama");
        let again = sampler.sample(61_000).await;
        assert_eq!(again.check.as_ref().unwrap().at_ms, 61_000);
        assert_eq!(again.problems.len(), 1);
        assert_eq!(again.problems[0].since_ms, 1_000);
        assert!(!format!("{again:?}").contains("rahasia"));
    }

    #[tokio::test]
    async fn what_does_not_speak_postgresql_tells_nothing_and_is_a_problem() {
        let report = sampled(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        assert_eq!(report.check, None);
        assert!(report.problems[0].text.contains("does not speak as PostgreSQL"), "{report:?}");
    }

    #[tokio::test]
    async fn a_role_that_is_not_let_in_is_no_evidence_of_an_outage() {
        let report = sampled(&error("28P01")).await;
        assert_eq!(report.check, None);
        assert_eq!(report.problems.len(), 1);
        assert!(report.problems[0].text.contains("does not let the role pantau in"));
    }

    #[tokio::test]
    async fn a_cluster_without_a_free_connection_serves_those_who_are_in() {
        let check = sampled(&error("53300")).await.check.unwrap();
        assert_eq!((check.state, &*check.reason), (State::Degraded, "too_many_connections"));
    }

    /// An ErrorResponse of PostgreSQL's protocol 3.
    fn error(sqlstate: &str) -> Vec<u8> {
        let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0Mrefused\0\0");
        let mut message = vec![b'E'];
        message.extend_from_slice(&(fields.len() as u32 + 4).to_be_bytes());
        message.extend_from_slice(fields.as_bytes());
        message
    }

    /// One sample of a server that says `greeting` to everyone.
    async fn sampled(greeting: &[u8]) -> ClusterReport {
        let greeting = greeting.to_vec();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1_024]).await;
                let _ = stream.write_all(&greeting).await;
            }
        });
        let report = ClusterSampler::new(settings(port), None).sample(0).await;
        server.abort();
        report
    }

    #[test]
    fn only_a_role_that_is_not_let_in_waits_and_ever_longer() {
        assert_eq!(retry_after_ms(&Refusal::ConnectRefused, 9), 0);
        let waits: Vec<_> =
            [1, 2, 3, 5, 99].map(|n| retry_after_ms(&Refusal::AuthFailed, n) / 60_000).to_vec();
        assert_eq!(waits, [1, 2, 4, 15, 15]);
    }
}
