//! An offline bundle: the messages of a stream in a file, signed (`bundle.proto`).

use std::io::{self, Write};

use pantau_proto::{
    bundle::{MAGIC, Writer},
    v1::{self, bundle_part::Part},
};

use super::messages::{self, Greeting};
use crate::spool::Stored;

/// What is in a batch is compressed already; definitions and frames shrink well at the lowest level.
const LEVEL: i32 = 1;

/// A bundle that is being written.
pub struct Bundle<W: Write, S> {
    writer: Writer<zstd::Encoder<'static, W>, S>,
    epoch: [u8; 16],
    batches: u64,
}

impl<W: Write, S: Fn(&[u8]) -> io::Result<Vec<u8>>> Bundle<W, S> {
    /// Begins it. `sign` signs with the key of the certificate (DER).
    pub fn begin(
        mut out: W,
        greeting: &Greeting<'_>,
        certificate: &[u8],
        sign: S,
    ) -> io::Result<Bundle<W, S>> {
        out.write_all(&MAGIC)?;
        let head = v1::BundleHead {
            id: uuid::Uuid::new_v4().into_bytes().to_vec(),
            hello: Some(messages::who(greeting)),
            certificate: certificate.to_vec(),
            created_ms: greeting.clock_ms,
        };
        let writer = Writer::begin(zstd::Encoder::new(out, LEVEL)?, &head, sign)?;
        Ok(Bundle { writer, epoch: greeting.epoch, batches: 0 })
    }

    /// Coded definitions under their ids, before the batches that mention them.
    pub fn definitions(&mut self, found: &[(u32, Vec<u8>)]) -> io::Result<()> {
        for message in messages::defined(found, Vec::new()) {
            self.part(Part::Definitions(message))?;
        }
        Ok(())
    }

    /// A batch of the greeting's epoch.
    pub fn batch(&mut self, stored: Stored) -> io::Result<()> {
        let epoch = self.epoch.to_vec();
        self.batches += 1;
        self.part(Part::Batch(v1::Batch { epoch, ..messages::closed(stored) }))
    }

    /// Says that this was all; gives back what was written to, nothing left in between.
    pub fn end(mut self) -> io::Result<W> {
        self.part(Part::End(v1::BundleEnd { batches: self.batches }))?;
        self.writer.into_inner().finish()
    }

    fn part(&mut self, part: Part) -> io::Result<()> {
        self.writer.part(&v1::BundlePart { part: Some(part) })
    }
}
