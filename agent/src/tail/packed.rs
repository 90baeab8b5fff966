//! Streams of what is inside compressed rolled files. Everything is read in pieces as it is asked for: a
//! file that unpacks to a thousand times its size costs time, never memory.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::Path,
};

use bzip2::read::MultiBzDecoder;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use xz4rust::XzDecoder;

/// Bytes of the compressed file read at once.
const INPUT_BYTES: usize = 64 * 1024;
/// What a decompressor may keep of what it unpacked: `xz -9` and `zstd --ultra -21` ask for this much. A
/// file that asks for more is told as damaged.
const WINDOW_LOG_MAX: u32 = 26;
/// First size of xz's window; it grows to what the file asks for.
const XZ_WINDOW_BYTES: usize = 64 * 1024;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zip,
    Bzip2,
    Xz,
    Zstd,
}

/// Endings of the names of compressed files.
const ENDINGS: [(&[u8], Packing); 5] = [
    (b".gz", Packing::Gzip),
    (b".zip", Packing::Zip),
    (b".bz2", Packing::Bzip2),
    (b".xz", Packing::Xz),
    (b".zst", Packing::Zstd),
];

/// What the file was called before it was compressed, and how it was.
pub(crate) fn split_name(name: &OsStr) -> (&[u8], Option<Packing>) {
    let name = name.as_bytes();
    let found =
        ENDINGS.iter().find_map(|(end, packing)| Some((name.strip_suffix(*end)?, *packing)));
    match found {
        Some((plain, packing)) => (plain, Some(packing)),
        None => (name, None),
    }
}

/// The same of a path, its file name as text.
pub(crate) fn packing_of(path: &Path) -> (String, Option<Packing>) {
    let (name, packing) = split_name(path.file_name().unwrap_or_default());
    (String::from_utf8_lossy(name).into_owned(), packing)
}

/// What is inside, from its beginning.
pub(crate) fn unpack(file: File, packing: Packing) -> io::Result<Box<dyn Read + Send>> {
    let input = BufReader::with_capacity(INPUT_BYTES, FromStart { file, at: 0 });
    Ok(match packing {
        Packing::Gzip => Box::new(MultiGzDecoder::new(input)),
        Packing::Zip => zip_entry(input)?,
        Packing::Bzip2 => Box::new(MultiBzDecoder::new(input)),
        Packing::Xz => Box::new(XzStreams::new(input)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    })
}

/// Whether the error says that the content is not what its name promises, or not yet all of it: a disk
/// that fails gives an error of the system.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

/// Reads by offset, so that other readers of the same open file are not moved.
struct FromStart {
    file: File,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// One stream after the other, as `xz` appends them.
struct XzStreams<R> {
    input: R,
    decoder: Box<XzDecoder<'static>>,
    /// A stream has ended: the input may end here.
    is_between: bool,
}

impl<R: BufRead> XzStreams<R> {
    fn new(input: R) -> XzStreams<R> {
        let window_bytes = (XZ_WINDOW_BYTES, 1 << WINDOW_LOG_MAX);
        let decoder = XzDecoder::in_heap_with_alloc_dict_size(window_bytes.0, window_bytes.1);
        XzStreams { input, decoder, is_between: false }
    }
}

impl<R: BufRead> Read for XzStreams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let packed = self.input.fill_buf()?;
            if packed.is_empty() {
                return if self.is_between {
                    Ok(0)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            if self.is_between && packed.first() == Some(&0) {
                // What pads the streams to four bytes.
                self.input.consume(1);
                continue;
            }
            let step = self.decoder.decode(packed, buffer).map_err(io::Error::other)?;
            self.input.consume(step.input_consumed());
            self.is_between = step.is_end_of_stream();
            if self.is_between {
                self.decoder.reset();
            }
            if step.output_produced() > 0 {
                return Ok(step.output_produced());
            }
            if !step.made_progress() && !self.is_between {
                return Err(io::Error::other("the xz stream stands still"));
            }
        }
        Ok(0)
    }
}

/// The header of a zip entry (APPNOTE 4.3.7): 30 bytes, then its name and its extra fields.
const ZIP_HEADER_BYTES: usize = 30;
const ZIP_SIGNATURE: &[u8] = b"PK\x03\x04";
const ZIP_FLAG_ENCRYPTED: u16 = 1;
/// The sizes stand behind the data.
const ZIP_FLAG_STREAMED: u16 = 8;
const ZIP_STORED: u16 = 0;
const ZIP_DEFLATED: u16 = 8;

/// The first entry: who rolls a log puts one file into each archive. A crate for zip would bring its
/// directory, its writers and its ciphers for the 30 bytes that are read here.
fn zip_entry(mut input: BufReader<FromStart>) -> io::Result<Box<dyn Read + Send>> {
    let mut header = [0; ZIP_HEADER_BYTES];
    input.read_exact(&mut header)?;
    let number = |at: usize| {
        header.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes)
    };
    let (flags, method, names) = (number(6), number(8), [number(26), number(28)]);
    let stored_bytes = u64::from(number(18)) | u64::from(number(20)) << 16;
    if !header.starts_with(ZIP_SIGNATURE) || flags & ZIP_FLAG_ENCRYPTED != 0 {
        return Err(io::Error::other("no readable entry at the beginning of the archive"));
    }
    let names_bytes = names.iter().copied().map(u64::from).sum();
    io::copy(&mut input.by_ref().take(names_bytes), &mut io::sink())?;
    match method {
        ZIP_DEFLATED => Ok(Box::new(DeflateDecoder::new(input))),
        ZIP_STORED if flags & ZIP_FLAG_STREAMED == 0 => Ok(Box::new(input.take(stored_bytes))),
        _ => Err(io::Error::other(format!("compressed by method {method}, which is not known"))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// Compresses as the tools of the system do. A zip is written here: few machines have the tool.
    pub(in crate::tail) fn pack(text: &[u8], to: &Path) {
        let ending = to.extension().and_then(OsStr::to_str).unwrap();
        let packed = match ending {
            "gz" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            "bz2" => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), Default::default());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            "zst" => zstd::encode_all(text, 3).unwrap(),
            "zip" => zipped(text),
            other => panic!("no writer of {other} here"),
        };
        std::fs::write(to, packed).unwrap();
    }

    /// As a program writes it that does not know the size beforehand.
    fn zipped(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        encoder.write_all(text).unwrap();
        let mut zip = b"PK\x03\x04\x14\x00\x08\x00\x08\x00".to_vec();
        zip.resize(26, 0);
        zip.extend_from_slice(b"\x07\x00\x03\x00app.log\x01\x02\x03");
        zip.extend(encoder.finish().unwrap());
        zip.extend_from_slice(b"PK\x07\x08 and the directory");
        zip
    }

    fn unpacked(path: &Path) -> io::Result<Vec<u8>> {
        let (_, packing) = split_name(path.file_name().unwrap());
        let mut text = Vec::new();
        unpack(File::open(path)?, packing.unwrap())?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_was_compressed_comes_out_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let text = "a line of a log, long enough\n".repeat(20_000);
        for name in ["app.log.1.gz", "app.log.1.zip", "app.log.1.bz2", "app.log.1.zst"] {
            let path = folder.path().join(name);
            pack(text.as_bytes(), &path);
            assert!(unpacked(&path).unwrap() == text.as_bytes(), "{name}");
        }
    }

    /// `printf 'a line of a log\n' | xz -c` twice.
    const XZ_TWICE: &[u8] = include_bytes!("fixtures/two-streams.log.xz");

    #[test]
    fn xz_streams_one_after_the_other_are_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log.1.xz");
        std::fs::write(&path, XZ_TWICE).unwrap();
        assert_eq!(unpacked(&path).unwrap(), b"a line of a log\n".repeat(2));
    }

    #[test]
    fn a_file_cut_short_is_damaged_and_nothing_panics() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["app.log.1.gz", "app.log.1.zip", "app.log.1.bz2", "app.log.1.zst"] {
            let path = folder.path().join(name);
            let text: Vec<u8> =
                (0..40_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
            pack(&text, &path);
            let whole = std::fs::read(&path).unwrap();
            std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
            assert!(is_damage(&unpacked(&path).unwrap_err()), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let folder = tempfile::tempdir().unwrap();
            for (magic, name) in [
                (&b""[..], "a.gz"), (b"\x1f\x8b\x08", "b.gz"), (b"PK\x03\x04\x14\x00\x00\x00\x08\x00", "a.zip"),
                (b"BZh9", "a.bz2"), (b"\xfd7zXZ\x00", "a.xz"), (b"\x28\xb5\x2f\xfd", "a.zst"),
            ] {
                let path = folder.path().join(name);
                std::fs::write(&path, [magic, &bytes].concat()).unwrap();
                let mut input = unpack(File::open(&path).unwrap(), split_name(path.file_name().unwrap()).1.unwrap());
                if let Ok(stream) = &mut input {
                    let _ = io::copy(&mut stream.take(1 << 20), &mut io::sink());
                }
            }
        }
    }
}
