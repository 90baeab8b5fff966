//! The fold.

use crate::domain::batch::BatchContent;

/// Reads a batch's bytes: what `ingest::wire` does. The store itself knows no wire format.
pub type Decode<'a> = &'a (dyn Fn(&[u8]) -> Result<BatchContent, String> + Send + Sync);
