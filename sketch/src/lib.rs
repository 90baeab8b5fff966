//! Sketches that agents make and the collector merges: small, exactly mergeable in any order, the same
//! bytes for the same observations.

pub mod distinct;

pub mod durations;
