//! Who may pass: signed-in people, and changes that come from our own pages. Also the headers that
//! tell a browser what our pages never do.

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Uri,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, SET_COOKIE,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use tower_sessions::{Expiry, Session};

use super::failure::Failure;
use crate::{domain::now_ms, store::sessions::PERSON_KEY};

/// A session ends after twelve hours in which no page of it was asked for. A page that refreshes itself
/// counts: the national list hangs on a wall.
pub const SESSION_IDLE_S: i64 = 12 * 3_600;
/// And in any case this long after the sign-in: seven days.
const SESSION_LIFE_MS: i64 = 7 * 86_400 * 1_000;
/// A session in use is written back at most this often: five minutes.
const SESSION_TOUCH_MS: i64 = 5 * 60 * 1_000;
/// Key of a session's data: when it began.
const SINCE_KEY: &str = "since_ms";
/// Key of a session's data: when it was last written back.
const SEEN_KEY: &str = "seen_ms";
/// Key of a session's data: whether the browser came by HTTPS.
const TLS_KEY: &str = "tls";

/// Everything from here, nothing inline, in no frame.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; object-src 'self'; frame-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// Name of the person whose session this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn(pub String);

/// Mark on a response whose session belongs to a browser that came by HTTPS.
#[derive(Clone, Copy, Debug)]
struct ByTls;

/// How sessions expire.
pub fn expiry() -> Expiry {
    Expiry::OnInactivity(time::Duration::seconds(SESSION_IDLE_S))
}

/// Begins a session for `person` under a fresh id (an id planted before the sign-in is worth nothing).
pub async fn begin(session: &Session, person: &str, headers: &HeaderMap) -> Result<(), Failure> {
    session.cycle_id().await?;
    let now = now_ms();
    session.insert(PERSON_KEY, person).await?;
    session.insert(SINCE_KEY, now).await?;
    session.insert(SEEN_KEY, now).await?;
    session.insert(TLS_KEY, came_by_tls(headers)).await?;
    Ok(())
}

/// Lets signed-in people pass; sends others to the sign-in, tells the API 401.
pub async fn require_person(session: Session, mut request: Request, next: Next) -> Response {
    let found = match person_of(&session, now_ms()).await {
        Ok(found) => found,
        Err(failure) => return failure.into_response(),
    };
    let Some(person) = found else { return to_sign_in(&request) };
    let by_tls = session.get::<bool>(TLS_KEY).await.ok().flatten().unwrap_or_default();
    request.extensions_mut().insert(person);
    let mut response = next.run(request).await;
    if by_tls {
        response.extensions_mut().insert(ByTls);
    }
    response
}

async fn person_of(session: &Session, now_ms: i64) -> Result<Option<SignedIn>, Failure> {
    let Some(person) = session.get::<String>(PERSON_KEY).await? else { return Ok(None) };
    let since = session.get::<i64>(SINCE_KEY).await?.unwrap_or_default();
    if now_ms.saturating_sub(since) > SESSION_LIFE_MS {
        session.flush().await?;
        return Ok(None);
    }
    let seen = session.get::<i64>(SEEN_KEY).await?.unwrap_or_default();
    if now_ms.saturating_sub(seen) > SESSION_TOUCH_MS {
        session.insert(SEEN_KEY, now_ms).await?;
    }
    Ok(Some(SignedIn(person)))
}

fn to_sign_in(request: &Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") {
        return Failure::SignInFirst.into_response();
    }
    if request.headers().contains_key("hx-request") {
        let mut response = Failure::SignInFirst.into_response();
        let whole = HeaderName::from_static("hx-refresh");
        response.headers_mut().insert(whole, HeaderValue::from_static("true"));
        response.extensions_mut().remove::<Failure>();
        return response;
    }
    if path == "/" || request.method() != Method::GET {
        return Redirect::to("/login").into_response();
    }
    Redirect::to(&format!("/login?next={path}")).into_response()
}

/// Where to go after the sign-in: a path of ours, never another host.
pub fn safe_next(next: &str) -> &str {
    let plain = next.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b));
    let ours = next.starts_with('/') && !next.starts_with("//");
    if plain && ours { next } else { "/" }
}

/// Refuses a change (anything but GET and HEAD) that another site's page caused. The cookie's
/// SameSite=Strict says the same; this also holds for the sign-in itself, which needs no cookie.
pub async fn same_origin(request: Request, next: Next) -> Response {
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD);
    if harmless || is_same_origin(request.headers(), request.uri()) {
        next.run(request).await
    } else {
        Failure::ForeignOrigin.into_response()
    }
}

fn is_same_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(&HOST).or_else(|| uri.authority().map(|authority| authority.as_str()));
    let origin = text(&ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    host.is_some_and(|host| origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)))
}

/// By the browser's own word: it sends its page's origin with every form. X-Forwarded-Proto is not
/// asked, anybody can write it.
fn came_by_tls(headers: &HeaderMap) -> bool {
    headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

/// Marks cookies Secure for a browser that came by HTTPS (through a proxy: we ourselves speak plain
/// HTTP on loopback, where a Secure cookie would never come back).
pub async fn secure_cookies(request: Request, next: Next) -> Response {
    let by_tls = came_by_tls(request.headers());
    let mut response = next.run(request).await;
    if by_tls || response.extensions().get::<ByTls>().is_some() {
        let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().cloned().collect();
        response.headers_mut().remove(SET_COOKIE);
        for cookie in cookies {
            let secure = [cookie.as_bytes(), b"; Secure"].concat();
            let secure = HeaderValue::from_bytes(&secure).unwrap_or(cookie);
            response.headers_mut().append(SET_COOKIE, secure);
        }
    }
    response
}

/// Headers of every response.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // Not no-referrer: with that, browsers send "Origin: null" with our own forms.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_sign_in_only_a_path_of_ours_is_followed() {
        assert_eq!(safe_next("/site/demo"), "/site/demo");
        for wrong in
            ["", "site", "//evil.example", "https://evil.example", "/\\evil", "/a b", "/a:b"]
        {
            assert_eq!(safe_next(wrong), "/", "{wrong}");
        }
    }

    #[test]
    fn a_change_must_name_our_own_host_as_its_origin() {
        let verdict = |origin: Option<&str>, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            is_same_origin(&headers, &Uri::from_static("/login"))
        };
        assert!(verdict(Some("http://127.0.0.1:7480"), "127.0.0.1:7480"));
        assert!(verdict(Some("https://Pantau.example"), "pantau.example"));
        assert!(!verdict(Some("http://127.0.0.1:8080"), "127.0.0.1:7480"));
        assert!(!verdict(Some("https://evil.example"), "pantau.example"));
        assert!(!verdict(Some("null"), "pantau.example"));
        assert!(!verdict(None, "pantau.example"));
    }
}
