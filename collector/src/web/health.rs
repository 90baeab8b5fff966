//! `/healthz`, for what watches the watcher: no sign-in, no names, no figures.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};

use super::App;

/// The store has this long to answer.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// 200 when the store answers, else 503.
pub async fn healthz(State(app): State<Arc<App>>) -> impl IntoResponse {
    let answered = tokio::time::timeout(STORE_ANSWERS_WITHIN, app.store.ping()).await;
    let (status, word, store) = match answered {
        Ok(Ok(())) => (StatusCode::OK, "ok", "ok"),
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "failing", "unreachable"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "failing", "slow"),
    };
    let version = env!("CARGO_PKG_VERSION");
    (status, Json(serde_json::json!({ "status": word, "store": store, "version": version })))
}
