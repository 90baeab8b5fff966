//! Asks an HTTP proxy to pass the connection on (CONNECT, RFC 9110 section 9.3.6).

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::config::{Address, Proxy};

/// Longest head of an answer: more is no proxy.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// After it, the stream leads to `target`. Errors say what to do and hold no password.
pub(super) async fn connect<S>(
    stream: &mut S,
    proxy: &Proxy,
    target: &Address,
) -> anyhow::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request(proxy, target).as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= ANSWER_BYTES_MAX {
            anyhow::bail!("the proxy's answer has no end; is {} an HTTP proxy?", proxy.address);
        }
        // Byte by byte: what follows the head is the collector's.
        let Ok(byte) = stream.read_u8().await else {
            anyhow::bail!("the proxy {} closed the connection without an answer", proxy.address);
        };
        head.push(byte);
    }
    judge(&head, proxy, target)
}

fn request(proxy: &Proxy, target: &Address) -> String {
    let credentials = proxy.credentials.as_ref().map(|(user, password)| {
        let basic = STANDARD.encode(format!("{user}:{}", password.reveal()));
        format!("Proxy-Authorization: Basic {basic}\r\n")
    });
    let credentials = credentials.unwrap_or_default();
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{credentials}\r\n")
}

fn judge(head: &[u8], proxy: &Proxy, target: &Address) -> anyhow::Result<()> {
    let address = &proxy.address;
    let what = match status(head) {
        Some(200..=299) => return Ok(()),
        Some(407) if proxy.credentials.is_none() => {
            "asks for a user and a password (407): give them in proxy.url or proxy.password_file"
                .to_owned()
        }
        Some(407) => "refuses the user or the password (407): correct proxy.url or \
                      proxy.password_file"
            .to_owned(),
        Some(status @ (403 | 405)) => {
            format!("does not allow connections to {target} ({status}): ask its keeper for it")
        }
        Some(status @ (502..=504)) => {
            format!("cannot reach {target} ({status}): correct `collector`, or ask its keeper")
        }
        Some(status) => format!("answers {status} to CONNECT {target}: ask its keeper"),
        None => "does not speak HTTP: correct proxy.url".to_owned(),
    };
    anyhow::bail!("the proxy {address} {what}")
}

/// Of the first line, e.g. `HTTP/1.1 200 Connection established`.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let digits = rest.get(..3).filter(|_| version.starts_with("HTTP/1."))?;
    digits.parse().ok().filter(|status| (100..=599).contains(status))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Secret;

    fn proxy(credentials: Option<(&str, &str)>) -> Proxy {
        Proxy {
            address: "proxy.lan:3128".parse().unwrap(),
            credentials: credentials.map(|(user, secret)| (user.to_owned(), Secret::new(secret))),
        }
    }

    fn collector() -> Address {
        "pantau.example:7411".parse().unwrap()
    }

    /// What a proxy hears, and what comes of its answer.
    async fn asked(proxy: &Proxy, answer: &[u8]) -> (String, anyhow::Result<()>) {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(answer).await.unwrap();
        let result = connect(&mut near, proxy, &collector()).await;
        drop(near);
        let mut heard = String::new();
        far.read_to_string(&mut heard).await.unwrap();
        (heard, result)
    }

    #[tokio::test]
    async fn a_proxy_is_asked_with_credentials_and_what_follows_its_answer_is_left() {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nTLS").await.unwrap();
        connect(&mut near, &proxy(Some(("lpse", "rahasia"))), &collector()).await.unwrap();
        let mut rest = [0; 3];
        near.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"TLS");
        drop(near);
        let mut heard = String::new();
        far.read_to_string(&mut heard).await.unwrap();
        assert!(heard.starts_with("CONNECT pantau.example:7411 HTTP/1.1\r\n"), "{heard}");
        // base64 of "lpse:rahasia"
        assert!(heard.contains("\r\nProxy-Authorization: Basic bHBzZTpyYWhhc2lh\r\n"), "{heard}");
    }

    #[tokio::test]
    async fn each_refusal_says_what_to_do_and_shows_no_password() {
        for (credentials, answer, advice) in [
            (None, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "asks for a user"),
            (Some(("lpse", "rahasia")), "HTTP/1.0 407 No\r\n\r\n", "refuses the user"),
            (None, "HTTP/1.1 403 Forbidden\r\n\r\n", "does not allow"),
            (None, "HTTP/1.1 503 Unavailable\r\n\r\n", "cannot reach pantau.example:7411"),
            (None, "SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        ] {
            let (_, result) = asked(&proxy(credentials), answer.as_bytes()).await;
            let told = format!("{:#}", result.unwrap_err());
            assert!(told.contains(advice) && !told.contains("rahasia"), "{told}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_given_up() {
        let endless = vec![b'x'; ANSWER_BYTES_MAX + 1];
        let (_, result) = asked(&proxy(None), &endless).await;
        assert!(result.unwrap_err().to_string().contains("no end"));
    }

    proptest! {
        #[test]
        fn any_bytes_of_a_proxy_are_judged(head in any::<Vec<u8>>()) {
            let is_ok = judge(&head, &proxy(None), &collector()).is_ok();
            prop_assert_eq!(is_ok, status(&head).is_some_and(|status| (200..300).contains(&status)));
        }
    }
}
