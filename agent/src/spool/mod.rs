//! Batches on disk that are not acknowledged yet, each with the read positions it accounts for.
