//! Who may call: the collector's own certificate authority, one-time tokens, and what is decided about
//! them. Deciding is pure (`decide`); the [`Desk`] reads, decides and acts.

pub mod authority;
pub mod certificate;
pub mod decide;
mod desk;
mod folder;
mod revoked;
#[cfg(test)]
pub(crate) mod testing;
mod tokens;

pub use authority::Authority;
pub use desk::{Denied, Desk, EnrolRequest, Granted, RenewRequest, Terms};
pub use folder::{load, load_or_create};
pub use revoked::Revoked;
pub use tokens::new_token;
