//! What stands around every page: language, person, links, versions of the assets.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{assets, format::Format, guard::SignedIn};
use crate::labels::{Labels, Language};

/// The frame of one page.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Frame {
    pub language: Language,
    pub l: &'static Labels,
    pub format: Format,
    /// Who is signed in.
    pub person: Option<String>,
    /// Path of the page, for the link to the other language.
    pub path: String,
    pub version: &'static str,
}

impl Frame {
    /// A frame by itself.
    pub fn new(language: Language, person: Option<String>, path: &str) -> Frame {
        Frame {
            language,
            l: language.labels(),
            format: Format(language),
            person,
            path: path.to_owned(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Address of an asset, changing with its content so that browsers may keep it for ever.
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// Whether this page is the one at `path`.
    pub fn current(&self, path: &str) -> bool {
        self.path == path
    }
}

impl<S: Sync> FromRequestParts<S> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Frame, Infallible> {
        let language = parts.extensions.get::<Language>().copied().unwrap_or(Language::Indonesian);
        let person = parts.extensions.get::<SignedIn>().map(|person| person.0.clone());
        Ok(Frame::new(language, person, parts.uri.path()))
    }
}
