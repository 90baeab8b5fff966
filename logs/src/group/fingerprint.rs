//! The name of an error or a query: a hash of its canonical text, the same everywhere.

use xxhash_rust::xxh3::Xxh3Default;

use crate::entry::FINGERPRINT_VERSION;

/// XXH3 (64 bits) over version, kind and the canonical parts. Parts are separated, so that moving a
/// boundary between them changes the result.
pub fn fingerprint(kind: &str, parts: &[&str]) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.update(&FINGERPRINT_VERSION.to_le_bytes());
    for part in std::iter::once(&kind).chain(parts) {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_same_on_every_machine_and_day() {
        assert_eq!(fingerprint("query", &["select ?"]), 598_274_761_774_355_005);
    }

    #[test]
    fn kind_and_boundaries_count() {
        assert_ne!(fingerprint("query", &["a"]), fingerprint("error", &["a"]));
        assert_ne!(fingerprint("error", &["a", "b"]), fingerprint("error", &["ab", ""]));
    }
}
