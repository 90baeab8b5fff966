//! What the store asks of the contract: it keeps bytes, and knows no wire format.

use crate::domain::{
    batch::{Frame, SourcePosition},
    definition::{Definition, LogFile, LogPosition, Opened, Positions},
};

/// Reads what agents encode. Errors say what is wrong with the bytes; the same bytes will never be read.
pub trait Coding: Send + Sync {
    /// Reads a batch as far as that is possible without knowing what its ids stand for.
    fn open(&self, frame: &Frame) -> Result<Opened, String>;

    /// Reads a definition.
    fn definition(&self, data: &[u8]) -> Result<Definition, String>;

    /// Reads of a batch only how far logs are counted in it.
    fn positions(&self, frame: &Frame) -> Result<Positions, String>;

    /// A position with all that its definition says.
    fn position(&self, log: &LogFile, position: LogPosition) -> SourcePosition;
}
