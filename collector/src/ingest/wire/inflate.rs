//! Bytes of a batch out of their coding, within a bound.

use std::{borrow::Cow, io::Read};

use super::Malformed;
use crate::domain::batch::Codec;

/// Largest Zstandard window taken, as a power of two: 16 MiB, the size of the largest content.
const WINDOW_LOG_MAX: u32 = 24;

/// The bytes as they were before they were coded.
pub fn bytes(codec: Codec, coded: &[u8], bytes_max: usize) -> Result<Cow<'_, [u8]>, Malformed> {
    let bytes = match codec {
        Codec::Plain => Cow::Borrowed(coded),
        Codec::Zstd => Cow::Owned(decompress(coded, bytes_max)?),
    };
    if bytes.len() > bytes_max {
        return Err(Malformed(format!("larger than {bytes_max} bytes decompressed")));
    }
    Ok(bytes)
}

/// At most one byte more than the bound.
fn decompress(frame: &[u8], bytes_max: usize) -> Result<Vec<u8>, Malformed> {
    let not_zstd = |e: std::io::Error| Malformed(format!("not a Zstandard frame: {e}"));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(frame).map_err(not_zstd)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(not_zstd)?;
    let mut bytes = Vec::new();
    let bounded = decoder.single_frame().take(bytes_max as u64 + 1).read_to_end(&mut bytes);
    bounded.map_err(not_zstd)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 100_000;

    #[test]
    fn a_small_frame_that_grows_beyond_the_bound_is_refused() {
        let bomb = zstd::encode_all(vec![0u8; MAX + 1].as_slice(), 3).unwrap();
        assert!(bomb.len() < 4_096);
        assert!(bytes(Codec::Zstd, &bomb, MAX).unwrap_err().0.contains("larger than"));
        assert!(bytes(Codec::Plain, &[0; MAX + 1], MAX).unwrap_err().0.contains("larger than"));
    }

    #[test]
    fn a_frame_that_wants_a_huge_window_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        std::io::Write::write_all(&mut encoder, b"small").unwrap();
        let frame = encoder.finish().unwrap();
        assert!(bytes(Codec::Zstd, &frame, MAX).unwrap_err().0.contains("Zstandard"));
    }

    #[test]
    fn what_is_small_comes_as_it_is() {
        assert_eq!(&*bytes(Codec::Plain, b"small", MAX).unwrap(), b"small");
    }
}
