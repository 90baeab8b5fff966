//! One file per log format: lines to entries with a meaning.
