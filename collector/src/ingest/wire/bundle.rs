//! The parts of a bundle (`bundle.proto`) as the collector knows them.

use std::io::Read;

use pantau_proto::{
    bundle::{ReadError, Reader, Unverified},
    v1::{self, bundle_part},
};

use super::{Batch, FromAgent, Malformed, batch, definitions, hello};
use crate::domain::{batch::Hello, definition::Defined};

/// Who speaks, not to be believed before its signature is checked.
#[derive(Clone, Debug)]
pub struct Head {
    /// As in a stream.
    pub hello: Hello,
    /// The agent's certificate, DER.
    pub certificate: Vec<u8>,
}

/// What follows.
#[derive(Clone, Debug)]
pub enum Part {
    /// What ids stand for that the batches behind it mention.
    Definitions(Vec<Defined>),
    /// A closed window.
    Batch(Box<Batch>),
    /// It was all.
    End,
    /// Of a newer contract.
    Unknown,
}

/// Why a bundle is not read on. What was read before is whole and signed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Unreadable {
    #[error(transparent)]
    Framing(#[from] ReadError),
    #[error("it breaks the contract: {0}")]
    Malformed(#[from] Malformed),
}

/// The head, and what the rest is read from.
pub fn head<R: Read>(input: R) -> Result<(Head, Unverified<R>), Unreadable> {
    let unverified = Unverified::read(input)?;
    let told = unverified.head().clone();
    let head =
        Head { hello: hello(told.hello.unwrap_or_default())?, certificate: told.certificate };
    Ok((head, unverified))
}

/// The next part, its signature checked.
pub fn part<R: Read, V: Fn(&[u8], &[u8]) -> bool>(
    reader: &mut Reader<R, V>,
) -> Result<Part, Unreadable> {
    Ok(from_wire(reader.part()?)?)
}

fn from_wire(wire: v1::BundlePart) -> Result<Part, Malformed> {
    match wire.part {
        Some(bundle_part::Part::Definitions(wire)) => match definitions(wire)? {
            FromAgent::Definitions { known, .. } => Ok(Part::Definitions(known)),
            _ => Ok(Part::Unknown),
        },
        Some(bundle_part::Part::Batch(wire)) => Ok(Part::Batch(Box::new(batch(wire)?))),
        Some(bundle_part::Part::End(_)) => Ok(Part::End),
        None => Ok(Part::Unknown),
    }
}
