//! Every word that users read, one file per language.

pub mod alerts;
