//! `/login` and `/logout`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use askama::Template;
use axum::{
    Extension, Form,
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use tower_sessions::Session;

use super::{
    App,
    attempts::Verdict,
    failure::Failure,
    frame::Frame,
    guard::{self, SignedIn},
    html, password,
};
use crate::{
    config::Secret,
    domain::now_ms,
    store::{
        audit::{Action, AuditEntry},
        people::NAME_BYTES_MAX,
    },
};

/// Passwords hashed at the same time: each takes 19 MiB and a core for tens of milliseconds.
pub const HASHES_AT_ONCE: usize = 2;

/// What was typed.
#[derive(Deserialize)]
pub struct Typed {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// What the address carries.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    next: &'a str,
    name: &'a str,
    error: Option<String>,
}

/// Address of the browser (of the proxy, when there is one). `None` only where nothing is connected.
pub type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

/// The form.
pub async fn form(frame: Frame, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    html(&LoginPage { frame, next: guard::safe_next(&asked.next), name: "", error: None })
}

/// A try.
pub async fn submit(
    State(app): State<Arc<App>>,
    frame: Frame,
    peer: Peer,
    session: Session,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, Failure> {
    let peer = address(peer);
    let name: String = typed.name.trim().chars().take(NAME_BYTES_MAX).collect();
    let refuse = |status: StatusCode, error: String| {
        let next = guard::safe_next(&typed.next);
        let page = LoginPage { frame: frame.clone(), next, name: &name, error: Some(error) };
        html(&page).map(|page| (status, page).into_response())
    };
    if let Verdict::Paused(ms) = app.attempts.begin(&name, peer, now_ms()) {
        let wait = format!("{} {}.", frame.l.sign_in_paused, frame.format.span(ms));
        return refuse(StatusCode::TOO_MANY_REQUESTS, wait);
    }
    if !right_password(&app, &name, Secret::new(typed.password.as_str())).await? {
        note(&app, &name, Action::SignInFailed, peer).await?;
        if app.attempts.exhausted(&name, peer) {
            note(&app, &name, Action::SignInPaused, peer).await?;
        }
        return refuse(StatusCode::UNAUTHORIZED, frame.l.sign_in_wrong.to_owned());
    }
    app.attempts.succeeded(&name, peer);
    guard::begin(&session, &name, &headers).await?;
    note(&app, &name, Action::SignIn, peer).await?;
    Ok(Redirect::to(guard::safe_next(&typed.next)).into_response())
}

/// Ends the session.
pub async fn sign_out(
    State(app): State<Arc<App>>,
    Extension(person): Extension<SignedIn>,
    peer: Peer,
    session: Session,
) -> Result<Response, Failure> {
    session.flush().await?;
    note(&app, &person.0, Action::SignOut, address(peer)).await?;
    Ok(Redirect::to("/login").into_response())
}

/// The browser's address.
pub fn address(peer: Peer) -> IpAddr {
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(ConnectInfo(peer))| peer.ip())
}

async fn right_password(app: &App, name: &str, typed: Secret) -> Result<bool, Failure> {
    let stored = app.store.password_hash(name).await?;
    let turn = app.hashes.clone().acquire_owned().await.map_err(|_| Failure::Page)?;
    let work = move || {
        let _turn = turn;
        password::verify(&typed, stored.as_ref())
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::Page)
}

async fn note(app: &App, name: &str, action: Action, peer: IpAddr) -> Result<(), Failure> {
    let entry = AuditEntry::new(now_ms(), name, action, "", &peer.to_string());
    Ok(app.store.audit(&entry).await?)
}
