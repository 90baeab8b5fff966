//! Style, scripts and their libraries, embedded in the program. No page asks another host for anything.

use axum::{
    extract::Path,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use super::failure::Failure;

/// Addresses carry the content's hash, so a browser may keep what it has.
const CACHE_FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Bytes of the content's hash in its address.
const HASH_BYTES: usize = 6;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// Where an asset is found, e.g. `/assets/app.css?v=0a1b2c3d4e5f`.
pub fn address(name: &str) -> String {
    let hash = Assets::get(name).map(|file| file.metadata.sha256_hash()).unwrap_or_default();
    let hash: String = hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{name}?v={hash}")
}

/// Serves one.
pub async fn serve(Path(name): Path<String>) -> Result<Response, Failure> {
    let file = Assets::get(&name).ok_or(Failure::NotFound)?;
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    };
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE_FOR_EVER));
    Ok(response)
}
