//! Normalises and fingerprints: one error, one query, one name in the whole country.
