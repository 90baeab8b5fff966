//! Probes SPSE's own address: status, time, expected text. One request per check, with a User-Agent of
//! its own, far below the limits of mod_evasive; no connection is kept between checks.

use std::{
    error::Error,
    io,
    time::{Duration, Instant},
};

use anyhow::Context;
use memchr::memmem;
use reqwest::{Client, Response, redirect};

use crate::{
    config::ProbeSettings,
    domain::{State, TargetCheck},
};

/// Bytes of the answer that are read; the expected text must stand within them.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Redirects followed, and only those to the same host: what another host answers says nothing about
/// this one.
const REDIRECTS_MAX: usize = 3;
/// Names the probe in the web server's log.
const USER_AGENT: &str = concat!("pantau-agent/", env!("CARGO_PKG_VERSION"));

/// Checks one address.
pub struct Probe {
    settings: ProbeSettings,
    client: Client,
}

/// What an answer looked like.
struct Answer {
    status: u16,
    /// Whether the expected text was found; true when none is expected.
    text_found: bool,
}

impl Probe {
    /// Builds the client. Fails where no TLS provider is installed or the system's certificates cannot
    /// be read.
    pub fn new(settings: ProbeSettings) -> anyhow::Result<Probe> {
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::custom(follow))
            .pool_max_idle_per_host(0)
            .no_proxy()
            .timeout(settings.timeout)
            .build()
            .with_context(|| format!("cannot build a client for the probe of {}", settings.url))?;
        Ok(Probe { settings, client })
    }

    /// Asks once. Ends within the configured timeout.
    pub async fn check(&self, now_ms: i64) -> TargetCheck {
        let started = Instant::now();
        let answer = self.ask().await;
        let elapsed = started.elapsed();
        let (state, reason) = match answer {
            Ok(answer) => decide(&self.settings, &answer, elapsed),
            Err(error) => (State::Down, reason_of(&error).to_owned()),
        };
        TargetCheck {
            target: self.settings.target,
            state,
            reason,
            latency_ms: u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX),
            subject: self.settings.url.clone(),
            at_ms: now_ms,
        }
    }

    async fn ask(&self) -> reqwest::Result<Answer> {
        let response = self.client.get(&self.settings.url).send().await?;
        let status = response.status().as_u16();
        let body = body(response).await?;
        let text_found = match &self.settings.expect_text {
            Some(text) => memmem::find(&body, text.as_bytes()).is_some(),
            None => true,
        };
        Ok(Answer { status, text_found })
    }
}

/// Pure: what an answer means.
fn decide(settings: &ProbeSettings, answer: &Answer, elapsed: Duration) -> (State, String) {
    if !settings.expect_status.contains(&answer.status) {
        return (State::Down, format!("http_{}", answer.status));
    }
    if !answer.text_found {
        return (State::Down, "text_missing".to_owned());
    }
    if elapsed > settings.slow {
        return (State::Degraded, "slow".to_owned());
    }
    (State::Up, String::new())
}

async fn body(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_BYTES_MAX.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if body.len() >= BODY_BYTES_MAX {
            break;
        }
    }
    Ok(body)
}

fn follow(attempt: redirect::Attempt) -> redirect::Action {
    let same_host =
        attempt.previous().last().is_some_and(|from| from.host() == attempt.url().host());
    if !same_host {
        return attempt.stop();
    }
    if attempt.previous().len() > REDIRECTS_MAX {
        return attempt.error("too many redirects");
    }
    attempt.follow()
}

/// Why no answer came, in a machine's word.
fn reason_of(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    if error.is_redirect() {
        return "redirects";
    }
    if error.is_dns() {
        return "dns";
    }
    if cause::<rustls::Error>(error).is_some() {
        return "tls";
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connect_refused",
        Some(io::ErrorKind::TimedOut) => "timeout",
        _ if error.is_connect() => "connect_failed",
        _ => "broken_answer",
    }
}

/// The first cause of this type; also inside an `io::Error`, where the TLS library puts its own.
fn cause<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::domain::Target;

    fn settings(url: String) -> ProbeSettings {
        ProbeSettings {
            target: Target::Application,
            url,
            expect_text: Some("SPSE".to_owned()),
            expect_status: 200..=399,
            timeout: Duration::from_secs(20),
            slow: Duration::from_secs(20),
        }
    }

    fn probe(settings: ProbeSettings) -> Probe {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Probe::new(settings).unwrap()
    }

    async fn read_head(stream: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// Answers each request with what `answer` makes of its head; gives the address.
    async fn server(answer: impl Fn(&str) -> String + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = read_head(&mut stream).await;
                let _ = stream.write_all(answer(&head).as_bytes()).await;
            }
        });
        url
    }

    fn page(status: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
    }

    async fn outcome(settings: ProbeSettings) -> (State, String) {
        let check = probe(settings).check(7).await;
        assert_eq!(check.at_ms, 7);
        (check.state, check.reason)
    }

    #[tokio::test]
    async fn a_page_with_the_expected_text_is_up_and_the_probe_names_itself() {
        let url = server(|head| {
            assert!(head.contains("user-agent: pantau-agent/"), "{head}");
            page("200 OK", "<title>SPSE v4.5</title>")
        })
        .await;
        assert_eq!(outcome(settings(url)).await, (State::Up, String::new()));
    }

    #[tokio::test]
    async fn a_wrong_status_or_a_missing_text_is_down_with_its_word() {
        let url = server(|_| page("500 Internal Server Error", "SPSE")).await;
        assert_eq!(outcome(settings(url)).await, (State::Down, "http_500".to_owned()));
        let url = server(|_| page("200 OK", "It works!")).await;
        assert_eq!(outcome(settings(url)).await, (State::Down, "text_missing".to_owned()));
    }

    #[tokio::test]
    async fn nothing_that_listens_is_connect_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(outcome(settings(url)).await, (State::Down, "connect_refused".to_owned()));
    }

    #[tokio::test]
    async fn a_name_that_is_not_known_is_dns() {
        let url = "http://no-such-host.invalid/".to_owned();
        assert_eq!(outcome(settings(url)).await, (State::Down, "dns".to_owned()));
    }

    #[tokio::test]
    async fn plain_text_where_tls_was_asked_for_is_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(page("400 Bad Request", "speak TLS").as_bytes()).await;
            }
        });
        assert_eq!(outcome(settings(url)).await, (State::Down, "tls".to_owned()));
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let timeout = Duration::from_millis(50);
        let outcome = outcome(ProbeSettings { timeout, ..settings(url) }).await;
        assert_eq!(outcome, (State::Down, "timeout".to_owned()));
        drop(listener);
    }

    #[tokio::test]
    async fn a_body_without_end_is_read_up_to_its_limit() {
        let filler = "x".repeat(BODY_BYTES_MAX);
        let url =
            server(move |_| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{filler}SPSE"))
                .await;
        assert_eq!(outcome(settings(url)).await, (State::Down, "text_missing".to_owned()));
    }

    #[tokio::test]
    async fn redirects_are_followed_on_the_same_host_and_not_for_ever() {
        let url = server(|head| match head.split(' ').nth(1) {
            Some("/") => {
                "HTTP/1.1 302 Found\r\nlocation: /eproc4\r\nconnection: close\r\n\r\n".into()
            }
            _ => page("200 OK", "SPSE"),
        })
        .await;
        assert_eq!(outcome(settings(url)).await, (State::Up, String::new()));
        let asked = AtomicUsize::new(0);
        let url = server(move |_| {
            assert!(asked.fetch_add(1, Ordering::SeqCst) <= REDIRECTS_MAX);
            "HTTP/1.1 302 Found\r\nlocation: /again\r\nconnection: close\r\n\r\n".into()
        })
        .await;
        assert_eq!(outcome(settings(url)).await, (State::Down, "redirects".to_owned()));
    }

    #[tokio::test]
    async fn a_redirect_to_another_host_is_itself_the_answer() {
        let url = server(|_| {
            "HTTP/1.1 302 Found\r\nlocation: http://elsewhere.invalid/\r\nconnection: close\r\n\r\n"
                .into()
        })
        .await;
        let settings = ProbeSettings { expect_text: None, ..settings(url) };
        assert_eq!(outcome(settings).await, (State::Up, String::new()));
    }

    #[test]
    fn an_answer_slower_than_the_limit_is_degraded() {
        let settings = settings(String::new());
        let answer = Answer { status: 200, text_found: true };
        let of = |elapsed| decide(&settings, &answer, elapsed);
        assert_eq!(of(Duration::from_secs(20)), (State::Up, String::new()));
        assert_eq!(of(Duration::from_secs(21)), (State::Degraded, "slow".to_owned()));
    }
}
