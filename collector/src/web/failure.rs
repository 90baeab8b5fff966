//! What went wrong with a request, and the page or JSON that says so.

use askama::Template;
use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{frame::Frame, html};
use crate::{labels::Labels, store::StoreError};

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No such page, site or report.
    NotFound,
    /// The address exists, not with this method.
    Method,
    /// What was sent cannot be read, e.g. a form without its fields.
    Malformed,
    /// A change that did not come from one of our own pages.
    ForeignOrigin,
    /// Nobody is signed in (API only; pages go to the sign-in).
    SignInFirst,
    /// The store does not answer; the cause is in the log.
    Store,
    /// A page could not be written; the cause is in the log.
    Page,
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Failure::NotFound => StatusCode::NOT_FOUND,
            Failure::Method => StatusCode::METHOD_NOT_ALLOWED,
            Failure::Malformed => StatusCode::BAD_REQUEST,
            Failure::ForeignOrigin => StatusCode::FORBIDDEN,
            Failure::SignInFirst => StatusCode::UNAUTHORIZED,
            Failure::Store => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Page => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Title and advice.
    fn words(&self, l: &Labels) -> (&'static str, &'static str) {
        match self {
            Failure::NotFound => (l.error_not_found, l.error_not_found_advice),
            Failure::Method | Failure::Malformed => (l.error_malformed, l.error_malformed_advice),
            Failure::ForeignOrigin => (l.error_foreign, l.error_foreign_advice),
            Failure::SignInFirst => (l.error_sign_in, l.error_sign_in_advice),
            Failure::Store => (l.error_store, l.error_store_advice),
            Failure::Page => (l.error_page, l.error_page_advice),
        }
    }

    /// The word in JSON.
    fn code(&self) -> &'static str {
        match self {
            Failure::NotFound => "not_found",
            Failure::Method => "method_not_allowed",
            Failure::Malformed => "malformed",
            Failure::ForeignOrigin => "foreign_origin",
            Failure::SignInFirst => "sign_in_first",
            Failure::Store => "store_unavailable",
            Failure::Page => "internal",
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        tracing::error!(%error, "a page could not be answered from the store");
        Failure::Store
    }
}

impl From<tower_sessions::session::Error> for Failure {
    fn from(error: tower_sessions::session::Error) -> Failure {
        tracing::error!(%error, "a session could not be read or written");
        Failure::Store
    }
}

impl IntoResponse for Failure {
    /// Bare; [`dress`] writes the page around it.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    frame: Frame,
    status: u16,
    title: &'static str,
    advice: &'static str,
}

/// Gives failures their page in house style, or their JSON under `/api/`.
pub async fn dress(frame: Frame, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let failure = response.extensions().get::<Failure>().cloned();
    let Some(failure) = failure.or_else(|| unread(response.status())) else { return response };
    let status = failure.status();
    let mut dressed = if api {
        Json(serde_json::json!({ "error": failure.code() })).into_response()
    } else {
        let (title, advice) = failure.words(frame.l);
        html(&FailurePage { frame, status: status.as_u16(), title, advice })
            .unwrap_or_else(|_| title.into_response())
    };
    *dressed.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        dressed.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    }
    dressed
}

/// What the framework refuses before a page sees it: an address, a form that cannot be read.
fn unread(status: StatusCode) -> Option<Failure> {
    let unread = [
        StatusCode::BAD_REQUEST,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    unread.contains(&status).then_some(Failure::Malformed)
}
