//! What must never be printed.

use std::{convert::Infallible, fmt, str::FromStr};

/// A password, a token. Neither `Debug` nor `Display` shows it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes it out of sight.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// For the one place that hands it over.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Secret, Infallible> {
        Ok(Secret::new(text))
    }
}
