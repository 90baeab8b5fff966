//! Pages and API, behind a sign-in.

pub mod password;
