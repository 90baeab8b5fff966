//! Pages and API, behind a sign-in.

mod api;
mod assets;
mod attempts;
mod failure;
mod format;
mod frame;
mod guard;
mod health;
mod language;
mod month;
mod pages;
pub mod password;
mod shares;
mod sign_in;
pub mod state;

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::from_fn,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use tokio::sync::Semaphore;
use tower_http::{
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    timeout::TimeoutLayer,
};
use tower_sessions::SessionManagerLayer;

use crate::{
    config::Settings,
    store::{Store, sessions::Sessions},
};
use attempts::Attempts;
use failure::Failure;
use month::Months;

/// Largest body a browser may send: a form of a few fields.
const BODY_BYTES_MAX: usize = 16 * 1_024;
/// A request that takes longer than this is given up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Smaller answers fit in one packet as they are.
const COMPRESS_BYTES_MIN: u64 = 1_024;
/// Name of the session's cookie.
const SESSION_COOKIE: &str = "pantau_session";

/// What the web needs from the rest.
#[derive(Clone)]
pub struct State {
    /// Everything that is known.
    pub store: Store,
    /// Sites and thresholds.
    pub settings: Arc<Settings>,
}

/// The same, with what the web itself remembers while it runs.
struct App {
    store: Store,
    settings: Arc<Settings>,
    attempts: Attempts,
    hashes: Arc<Semaphore>,
    months: Months,
}

/// All pages. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: attempts to sign in
/// are limited per address.
pub fn router(state: State) -> Router {
    let sessions = SessionManagerLayer::new(Sessions::new(state.store.clone()))
        .with_name(SESSION_COOKIE)
        .with_http_only(true)
        .with_same_site(tower_sessions::cookie::SameSite::Strict)
        .with_secure(false) // `guard::secure_cookies` adds it where the browser came by HTTPS
        .with_expiry(guard::expiry());
    let app = Arc::new(App {
        store: state.store,
        settings: state.settings,
        attempts: Attempts::default(),
        hashes: Arc::new(Semaphore::new(sign_in::HASHES_AT_ONCE)),
        months: Months::default(),
    });
    let open = Router::new()
        .route("/login", get(sign_in::form).post(sign_in::submit))
        .route("/healthz", get(health::healthz))
        .route("/assets/{*name}", get(assets::serve))
        .fallback(async || Failure::NotFound)
        .method_not_allowed_fallback(async || Failure::Method);
    pages()
        .merge(open)
        .layer(from_fn(guard::same_origin))
        .layer(from_fn(failure::dress))
        .layer(from_fn(language::choose))
        .layer(sessions)
        .layer(from_fn(guard::secure_cookies))
        .layer(from_fn(guard::headers))
        .layer(compression())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .with_state(app)
}

/// Pages pass over thin links, and are text that repeats itself. A PDF is compressed within. No page
/// holds a secret beside text that others choose (cookies stand in headers, and there are no tokens in
/// forms), so that the length of an answer tells nothing (BREACH, CVE-2013-3587).
fn compression() -> CompressionLayer<impl Predicate> {
    let worth =
        SizeAbove::new(COMPRESS_BYTES_MIN).and(NotForContentType::const_new("application/pdf"));
    CompressionLayer::new().compress_when(worth)
}

/// What only signed-in people see.
fn pages() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(pages::national::page))
        .route("/site/{id}", get(pages::site::page))
        .route("/site/{id}/live", get(pages::site::live))
        .route("/site/{id}/month", get(pages::site::month))
        .route("/alerts", get(pages::alerts::page))
        .route("/reports", get(pages::reports::page))
        .route("/reports/{site}/{kind}/{from_ms}/{to_ms}/{revision}", get(pages::reports::pdf))
        .route("/api/v1/sites", get(api::sites))
        .route("/api/v1/sites/{id}/series", get(api::series))
        .route("/logout", post(sign_in::sign_out))
        .route_layer(from_fn(guard::require_person))
}

/// Writes a page.
fn html(page: &impl Template) -> Result<Response, Failure> {
    match page.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            Err(Failure::Page)
        }
    }
}

#[cfg(test)]
mod tests;
