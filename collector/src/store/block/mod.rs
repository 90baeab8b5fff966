//! Blocks: what a server measured in one hour, in one column of bytes.
//!
//! A block is one byte for the format ([`FORMAT`]), then one Zstandard frame of at most
//! [`BLOCK_BYTES_MAX`] bytes of protobuf. Fields and columns are only ever added, so that a block
//! written by an older program stays readable; what an older program does not know it drops.

pub(super) mod minutes;
pub(super) mod queries;
pub(super) mod samples;

use prost::Message;

/// First byte of every block.
const FORMAT: u8 = 1;
/// Largest block, before compression.
const BLOCK_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Higher levels gain 2 % and cost three times the processor.
const ZSTD_LEVEL: i32 = 6;

/// A block's bytes.
fn pack(block: &impl Message) -> Result<Vec<u8>, String> {
    let plain = block.encode_to_vec();
    if plain.len() > BLOCK_BYTES_MAX {
        return Err(format!("{} bytes are more than a block may hold", plain.len()));
    }
    let mut bytes = vec![FORMAT];
    bytes.extend(zstd::bulk::compress(&plain, ZSTD_LEVEL).map_err(|why| why.to_string())?);
    Ok(bytes)
}

/// A block back from its bytes.
fn unpack<T: Message + Default>(bytes: &[u8]) -> Result<T, String> {
    let Some((&FORMAT, frame)) = bytes.split_first() else {
        return Err(format!("its first byte is not format {FORMAT}"));
    };
    let plain = zstd::stream::Decoder::new(frame).and_then(|decoder| {
        let mut plain = Vec::new();
        let mut bounded = std::io::Read::take(decoder, BLOCK_BYTES_MAX as u64 + 1);
        std::io::Read::read_to_end(&mut bounded, &mut plain).map(|_| plain)
    });
    let plain = plain.map_err(|why| why.to_string())?;
    if plain.len() > BLOCK_BYTES_MAX {
        return Err("it is larger than a block may be".to_owned());
    }
    T::decode(plain.as_slice()).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_bytes_are_no_block_and_do_no_harm() {
        for bytes in [&b""[..], b"\x02abc", b"\x01", b"\x01not a frame"] {
            assert!(unpack::<samples::wire::Block>(bytes).is_err(), "{bytes:?}");
        }
    }
}
