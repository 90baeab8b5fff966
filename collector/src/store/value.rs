//! How values from outside become columns: every quantity an `i64`, every text without NUL.

use std::borrow::Cow;

use crate::domain::SiteId;

use super::StoreError;

/// Most that one stored quantity counts (70 million million): a row at this limit is nonsense from
/// outside, and 100,000 such rows still add up within a BIGINT.
pub(super) const QUANTITY_MAX: i64 = 1 << 46;

/// A count, duration or size that will be added to others.
pub(super) fn quantity(value: u64) -> i64 {
    raw(value).min(QUANTITY_MAX)
}

/// A value that is only compared and subtracted.
pub(super) fn raw(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The sum of two quantities.
pub(super) fn plus(a: i64, b: i64) -> i64 {
    a.saturating_add(b).clamp(0, QUANTITY_MAX)
}

/// A stored number back as it was.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Text without NUL, which PostgreSQL refuses.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

/// At most `bytes_max` bytes of `text`, cut between characters.
pub(super) fn head(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

/// A record as JSON text. Our own types have no key that JSON could refuse.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|why| sqlx::Error::Encode(Box::new(why)).into())
}

/// A record back from its JSON text.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    site: &SiteId,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|why| damaged(what, site, why))
}

/// The error for a record of `site` that cannot be read back.
pub(super) fn damaged(what: &'static str, site: &SiteId, why: impl ToString) -> StoreError {
    StoreError::Damaged { what, site: site.clone(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_from_outside_stays_within_a_column() {
        assert_eq!(quantity(u64::MAX), QUANTITY_MAX);
        assert_eq!(raw(u64::MAX), i64::MAX);
        assert_eq!(plus(QUANTITY_MAX, QUANTITY_MAX), QUANTITY_MAX);
        assert_eq!(plus(2, 3), 5);
    }

    #[test]
    fn text_loses_nul_and_is_cut_between_characters() {
        assert_eq!(clean("a\0b"), "ab");
        assert_eq!(head("aéb", 2), "a");
        assert_eq!(head("aéb", 9), "aéb");
    }
}
