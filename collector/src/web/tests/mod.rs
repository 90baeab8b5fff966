//! The whole router, as a browser meets it: requests in, pages out, a store in a file of its own.

mod pages;
mod sign_in;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode, header},
};
use tower::ServiceExt;

use super::{State, password, router};
use crate::{
    config::{Secret, Settings},
    store::{Store, people::Role},
};

const NAME: &str = "siti";
const PASSWORD: &str = "kata-sandi-yang-benar";
const HOST: &str = "pantau.example";

/// Two sites: one that sends, one that never called. A name that would be HTML were it not escaped.
const SETTINGS: &str = r#"
    store = "sqlite:unused"
    [[site]]
    id = "gorontalo"
    name = "LPSE <script>alert(1)</script> & Co"
    zone = "Asia/Makassar"
    [[site]]
    id = "sunyi"
    name = "LPSE Sunyi"
    zone = "Asia/Jayapura"
"#;

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

/// A browser with its cookies, at a collector.
struct Browser {
    router: Router,
    store: Store,
    cookies: Vec<String>,
    origin: String,
    _dir: tempfile::TempDir,
}

impl Browser {
    /// At a fresh collector with one person, not signed in.
    async fn fresh() -> Browser {
        let (store, _dir) = crate::store::tests::fresh().await;
        let hash = password::hash(&Secret::new(PASSWORD)).unwrap();
        assert!(store.add_person(NAME, Role::Ito, &hash, 1).await.unwrap());
        let settings = Arc::new(Settings::parse(SETTINGS).unwrap());
        let router = router(State { store: store.clone(), settings });
        Browser { router, store, cookies: Vec::new(), origin: format!("http://{HOST}"), _dir }
    }

    /// The same, signed in.
    async fn signed_in() -> Browser {
        let mut browser = Browser::fresh().await;
        let answer = browser.sign_in(NAME, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    async fn post(&mut self, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header(header::ORIGIN, &self.origin)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Body::from(form.to_owned())).await
    }

    async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.post("/login", &format!("name={name}&password={password}&next=/")).await
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Answer {
        let mut request = request.header(header::HOST, HOST);
        for cookie in &self.cookies {
            request = request.header(header::COOKIE, cookie);
        }
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4_711))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        self.keep_cookies(&parts.headers);
        let bytes = axum::body::to_bytes(body, 4 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            let name = cookie.split('=').next().unwrap().to_owned();
            self.cookies.retain(|kept| !kept.starts_with(&format!("{name}=")));
            self.cookies.push(cookie);
        }
    }

    /// Actions in the audit log, in alphabetical order.
    async fn audit(&self) -> Vec<String> {
        let entries = self.store.audit_entries(1_000).await.unwrap();
        let mut actions: Vec<_> = entries.into_iter().map(|entry| entry.action).collect();
        actions.sort();
        actions
    }
}
