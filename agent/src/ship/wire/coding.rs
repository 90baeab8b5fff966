//! Bytes of a part of a batch: one Zstandard frame, or plain where that is smaller.
//!
//! Which of both is told by the first bytes: a frame begins with a magic number, and no message of the
//! contract does. So the spool keeps the bytes alone.

use std::io;

use pantau_proto::{limits::CONTENT_BYTES_MAX, v1};
use prost::Message;

/// Level of compression: the default; higher ones cost the application its processor.
const ZSTD_LEVEL: i32 = 3;
/// First bytes of a Zstandard frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A message as it is stored and travels.
pub(super) fn pack(message: &impl Message) -> io::Result<Vec<u8>> {
    let plain = message.encode_to_vec();
    let frame = zstd::bulk::compress(&plain, ZSTD_LEVEL)?;
    Ok(if frame.len() < plain.len() { frame } else { plain })
}

/// Reverse of [`pack`].
pub(super) fn unpack<M: Message + Default>(packed: &[u8]) -> io::Result<M> {
    let damaged = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    if codec_of(packed) == v1::Codec::Zstd {
        let plain = zstd::bulk::decompress(packed, CONTENT_BYTES_MAX)?;
        return M::decode(&*plain).map_err(damaged);
    }
    M::decode(packed).map_err(damaged)
}

pub(super) fn codec_of(packed: &[u8]) -> v1::Codec {
    if packed.starts_with(&ZSTD_MAGIC) { v1::Codec::Zstd } else { v1::Codec::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_shrink_travels_as_it_is_and_both_are_read() {
        let minutes = |count| v1::BatchContent {
            minutes: vec![v1::Minute { after: 1, ..Default::default() }; count],
            ..Default::default()
        };
        for (count, codec) in [(1, v1::Codec::Plain), (1_000, v1::Codec::Zstd)] {
            let packed = pack(&minutes(count)).unwrap();
            assert_eq!(codec_of(&packed), codec);
            assert_eq!(unpack::<v1::BatchContent>(&packed).unwrap(), minutes(count));
        }
        assert!(unpack::<v1::BatchContent>(&[0xff; 9]).is_err());
    }
}
