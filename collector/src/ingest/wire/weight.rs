//! How many messages a content holds, counted before any is decoded: an empty one is two bytes on the
//! wire and some hundred in memory, so a bound on bytes alone would let 16 MiB become gigabytes.

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

/// Messages inside one content. A full content of the smallest that agents send, counts of about 14
/// bytes, holds slightly more; a day of the reference server's minutes a tenth.
pub const MESSAGES_MAX: usize = 1_000_000;

/// Which message the bytes are of, as far as it holds others.
#[derive(Clone, Copy)]
enum Kind {
    Content,
    Minute,
    HostSample,
    Leaf,
}

/// Messages inside an encoded `BatchContent`; stops counting beyond [`MESSAGES_MAX`].
pub fn messages(content: &[u8]) -> Result<usize, DecodeError> {
    let mut found = 0;
    count(content, Kind::Content, &mut found)?;
    Ok(found)
}

/// Field numbers as in the `.proto`.
fn inner(kind: Kind, field: u32) -> Option<Kind> {
    match (kind, field) {
        (Kind::Content, 3) => Some(Kind::Minute),
        (Kind::Content, 1..=10 | 12) => Some(Kind::Leaf),
        (Kind::Minute, 4) => Some(Kind::HostSample),
        (Kind::Minute, 2 | 3 | 5) => Some(Kind::Leaf),
        (Kind::HostSample, 8 | 9) => Some(Kind::Leaf),
        _ => None,
    }
}

fn count(mut bytes: &[u8], kind: Kind, found: &mut usize) -> Result<(), DecodeError> {
    while !bytes.is_empty() && *found <= MESSAGES_MAX {
        let (field, wire_type) = decode_key(&mut bytes)?;
        match inner(kind, field).filter(|_| wire_type == WireType::LengthDelimited) {
            None => skip_field(wire_type, field, &mut bytes, DecodeContext::default())?,
            Some(Kind::Leaf) => {
                *found += 1;
                skip_field(wire_type, field, &mut bytes, DecodeContext::default())?;
            }
            Some(kind) => {
                *found += 1;
                let length = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
                // Cut short: decoding will say so.
                let Some((within, after)) = bytes.split_at_checked(length) else { return Ok(()) };
                count(within, kind, found)?;
                bytes = after;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pantau_proto::v1;
    use prost::Message;

    use super::*;

    #[test]
    fn messages_are_counted_at_every_depth() {
        let host = v1::HostSample {
            disks: vec![v1::DiskSample::default(); 2],
            interfaces: vec![v1::InterfaceSample::default(); 3],
            ..Default::default()
        };
        let minute = v1::Minute {
            errors: vec![v1::ErrorCount::default(); 4],
            host: Some(host),
            databases: vec![v1::DatabaseSample::default()],
            ..Default::default()
        };
        let content = v1::BatchContent {
            groups: vec![v1::ErrorGroup::default(); 5],
            minutes: vec![minute.clone(), minute],
            redactions: vec![v1::RedactionCount::default()],
            redaction_version: 7,
            ..Default::default()
        };
        assert_eq!(messages(&content.encode_to_vec()).unwrap(), 5 + 1 + 2 * (1 + 4 + 1 + 5 + 1));
    }
}
