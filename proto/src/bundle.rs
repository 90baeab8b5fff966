//! The framing of an offline bundle, the same on both sides; what lies inside and what is signed stands in
//! `bundle.proto`. Signing and compressing are the caller's.

use std::io::{self, Read, Write};

use prost::Message;

use crate::{
    limits::BUNDLE_PART_BYTES_MAX,
    v1::{BundleHead, BundlePart, SignedPart},
};

/// The first bytes of the file, before the Zstandard frame: format and version.
pub const MAGIC: [u8; 8] = *b"PANTAUB\x01";
const SIGNED_FOR: &[u8] = b"pantau bundle";

/// Why a bundle cannot be read on. What was read before is whole and signed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file ends before its end is told.
    #[error("it is cut short; copy it again, or export it again: what came before is taken")]
    CutShort,
    /// A part breaks the format.
    #[error("part {place} is damaged ({what}); copy the file again")]
    Damaged {
        /// Its place; the head's is 0.
        place: u64,
        /// In what way.
        what: &'static str,
    },
    /// The signature is not that of the head's certificate.
    #[error(
        "the signature of part {place} is wrong: it was changed on the way, or made by another key"
    )]
    Forged {
        /// Its place; the head's is 0.
        place: u64,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes parts; the end too is the caller's to write.
pub struct Writer<W, S> {
    out: W,
    sign: S,
    id: Vec<u8>,
    place: u64,
}

impl<W: Write, S: Fn(&[u8]) -> io::Result<Vec<u8>>> Writer<W, S> {
    /// Begins with the head. `sign` signs with the key of the head's certificate.
    pub fn begin(out: W, head: &BundleHead, sign: S) -> io::Result<Writer<W, S>> {
        let mut writer = Writer { out, sign, id: head.id.clone(), place: 0 };
        writer.write(head.encode_to_vec())?;
        Ok(writer)
    }

    /// Writes one part.
    pub fn part(&mut self, part: &BundlePart) -> io::Result<()> {
        self.write(part.encode_to_vec())
    }

    /// Gives back what was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write(&mut self, message: Vec<u8>) -> io::Result<()> {
        let signature = (self.sign)(&signed_bytes(&self.id, self.place, &message))?;
        let part = SignedPart { message, signature }.encode_to_vec();
        if part.len() > BUNDLE_PART_BYTES_MAX {
            return Err(io::Error::other("a batch is larger than a part of a bundle may be"));
        }
        self.out.write_all(&(part.len() as u32).to_le_bytes())?;
        self.out.write_all(&part)?;
        self.place += 1;
        Ok(())
    }
}

/// Reads parts and checks the signature of each.
pub struct Reader<R, V> {
    input: R,
    verify: V,
    id: Vec<u8>,
    place: u64,
}

/// The head as it stands in the file, its signature not checked yet: its certificate says with which key.
pub struct Unverified<R> {
    input: R,
    head: BundleHead,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl<R: Read> Unverified<R> {
    /// Reads the head.
    pub fn read(mut input: R) -> Result<Unverified<R>, ReadError> {
        let SignedPart { message, signature } = next(&mut input, 0)?;
        let head = BundleHead::decode(message.as_slice())
            .map_err(|_| ReadError::Damaged { place: 0, what: "no head" })?;
        if head.id.len() != 16 {
            return Err(ReadError::Damaged { place: 0, what: "its id is not 16 bytes long" });
        }
        Ok(Unverified { input, head, message, signature })
    }

    /// What the head says; not to be believed before [`Unverified::verify`].
    pub fn head(&self) -> &BundleHead {
        &self.head
    }

    /// Checks the head's signature; `verify` is given the signed bytes and a signature.
    pub fn verify<V: Fn(&[u8], &[u8]) -> bool>(self, verify: V) -> Result<Reader<R, V>, ReadError> {
        let Unverified { input, head, message, signature } = self;
        if !verify(&signed_bytes(&head.id, 0, &message), &signature) {
            return Err(ReadError::Forged { place: 0 });
        }
        Ok(Reader { input, verify, id: head.id, place: 1 })
    }
}

impl<R: Read, V: Fn(&[u8], &[u8]) -> bool> Reader<R, V> {
    /// The next part. After an end nothing more is to be asked.
    pub fn part(&mut self) -> Result<BundlePart, ReadError> {
        let place = self.place;
        let SignedPart { message, signature } = next(&mut self.input, place)?;
        if !(self.verify)(&signed_bytes(&self.id, place, &message), &signature) {
            return Err(ReadError::Forged { place });
        }
        self.place += 1;
        BundlePart::decode(message.as_slice())
            .map_err(|_| ReadError::Damaged { place, what: "no part of a bundle" })
    }
}

fn next(input: &mut impl Read, place: u64) -> Result<SignedPart, ReadError> {
    let mut length = [0; 4];
    fill(input, &mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > BUNDLE_PART_BYTES_MAX {
        return Err(ReadError::Damaged { place, what: "it is too long" });
    }
    let mut bytes = vec![0; length];
    fill(input, &mut bytes)?;
    SignedPart::decode(bytes.as_slice())
        .map_err(|_| ReadError::Damaged { place, what: "no signed part" })
}

fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), ReadError> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::CutShort,
        _ => ReadError::Io(error),
    })
}

fn signed_bytes(id: &[u8], place: u64, message: &[u8]) -> Vec<u8> {
    [SIGNED_FOR, id, &place.to_le_bytes(), message].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::v1::{Batch, BundleEnd, bundle_part::Part};

    /// Stands for a signature: the bytes added up, and how many they are.
    fn sum(bytes: &[u8]) -> Vec<u8> {
        let sum =
            bytes.iter().enumerate().map(|(n, b)| (n as u64 + 1) * u64::from(*b)).sum::<u64>();
        [sum.to_le_bytes(), (bytes.len() as u64).to_le_bytes()].concat()
    }

    fn check(bytes: &[u8], signature: &[u8]) -> bool {
        sum(bytes) == signature
    }

    fn batch(seq: u64) -> BundlePart {
        BundlePart { part: Some(Part::Batch(Batch { seq, ..Batch::default() })) }
    }

    fn bundle(batches: u64) -> Vec<u8> {
        let head = BundleHead { id: vec![7; 16], ..BundleHead::default() };
        let mut writer = Writer::begin(Vec::new(), &head, |bytes| Ok(sum(bytes))).unwrap();
        (1..=batches).for_each(|seq| writer.part(&batch(seq)).unwrap());
        writer.part(&BundlePart { part: Some(Part::End(BundleEnd { batches })) }).unwrap();
        writer.into_inner()
    }

    /// Numbers of the batches that can be read, and how it ended.
    fn read(bytes: &[u8]) -> (Vec<u64>, Result<(), ReadError>) {
        let mut seqs = Vec::new();
        let begun = Unverified::read(bytes).and_then(|head| head.verify(check));
        let ended = begun.and_then(|mut reader| {
            loop {
                match reader.part()?.part {
                    Some(Part::Batch(batch)) => seqs.push(batch.seq),
                    Some(Part::End(_)) => return Ok(()),
                    _ => {}
                }
            }
        });
        (seqs, ended)
    }

    #[test]
    fn what_is_written_is_read() {
        let (seqs, ended) = read(&bundle(3));
        assert_eq!(seqs, [1, 2, 3]);
        ended.unwrap();
    }

    #[test]
    fn a_bundle_that_was_cut_short_gives_what_came_before() {
        let whole = bundle(3);
        // An end is as long as a batch here: this is within the third batch.
        let (seqs, ended) = read(&whole[..bundle(2).len() - 5]);
        assert_eq!(seqs, [1, 2]);
        assert!(matches!(ended, Err(ReadError::CutShort)));
    }

    #[test]
    fn a_part_that_is_taken_out_shows() {
        let (one, two) = (bundle(1), bundle(2));
        let begin = bundle(0).len() - (two.len() - one.len());
        let mut cut = two.clone();
        let part = two.len() - one.len();
        cut.drain(begin..begin + part);
        let (_, ended) = read(&cut);
        assert!(ended.is_err());
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_gives_a_batch_that_was_not_written(at in 0usize..400, flip in 1u8..) {
            let mut bytes = bundle(3);
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let (seqs, ended) = read(&bytes);
            prop_assert!(ended.is_err() || seqs == [1, 2, 3]);
            prop_assert!([1, 2, 3].starts_with(&seqs));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
