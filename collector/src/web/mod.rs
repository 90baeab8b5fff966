//! Pages and API, behind a sign-in.
