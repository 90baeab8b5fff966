//! In which language a page is written: asked for in the address, else remembered, else what the
//! browser prefers, else Indonesian.

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Uri,
        header::{ACCEPT_LANGUAGE, COOKIE, SET_COOKIE, VARY},
    },
    middleware::Next,
    response::Response,
};

use crate::labels::Language;

/// Remembers the choice; carries nothing else.
const COOKIE_NAME: &str = "pantau_lang";
/// How long, in seconds: a year.
const COOKIE_AGE_S: u32 = 365 * 86_400;

/// Finds the language, hands it to the page and remembers an explicit choice.
pub async fn choose(mut request: Request, next: Next) -> Response {
    let asked = asked(request.uri());
    let language = asked.unwrap_or_else(|| preferred(request.headers()));
    request.extensions_mut().insert(language);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Cookie, Accept-Language"));
    if let Some(language) = asked
        && let Ok(cookie) = format!(
            "{COOKIE_NAME}={}; Path=/; Max-Age={COOKIE_AGE_S}; SameSite=Lax; HttpOnly",
            language.tag()
        )
        .parse()
    {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

fn asked(uri: &Uri) -> Option<Language> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == "lang").find_map(|(_, value)| Language::parse(value))
}

fn preferred(headers: &HeaderMap) -> Language {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let remembered = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .find_map(|(_, value)| Language::parse(value));
    remembered.or_else(|| accepted(headers)).unwrap_or(Language::Indonesian)
}

/// The first language of Accept-Language that is spoken here: browsers list them by preference.
fn accepted(headers: &HeaderMap) -> Option<Language> {
    let listed = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    listed.split(',').find_map(|item| {
        let tag = item.split(';').next().unwrap_or_default().trim();
        Language::parse(tag.split('-').next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: Option<&str>, accept: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(cookie) = cookie {
            headers.insert(COOKIE, cookie.parse().unwrap());
        }
        if let Some(accept) = accept {
            headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_cookie_wins_over_the_browser_and_indonesian_is_the_ground() {
        let en = Some("en-GB,en;q=0.9,id;q=0.5");
        assert_eq!(preferred(&headers(None, None)), Language::Indonesian);
        assert_eq!(preferred(&headers(None, en)), Language::English);
        assert_eq!(preferred(&headers(None, Some("fr, id-ID"))), Language::Indonesian);
        assert_eq!(preferred(&headers(Some("a=b; pantau_lang=id"), en)), Language::Indonesian);
        assert_eq!(preferred(&headers(Some("pantau_lang=xx"), en)), Language::English);
    }

    #[test]
    fn the_address_asks_with_lang() {
        assert_eq!(asked(&"/?a=1&lang=en".parse().unwrap()), Some(Language::English));
        assert_eq!(asked(&"/?lang=fr".parse().unwrap()), None);
        assert_eq!(asked(&"/".parse().unwrap()), None);
    }
}
