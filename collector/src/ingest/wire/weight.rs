//! How many messages and numbers a content holds, counted before any is decoded: an empty message is two
//! bytes on the wire and some hundred in memory, so a bound on bytes alone would let 16 MiB become
//! gigabytes.

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

use super::Malformed;

/// Messages inside one content. A day of the reference server's minutes has 12,000; a dictionary told
/// anew some thousand more.
pub const MESSAGES_MAX: usize = 200_000;
/// Numbers in columns inside one content. A day of the reference server's minutes has 400,000.
pub const NUMBERS_MAX: usize = 4_000_000;

/// Which message the bytes are of, as far as it holds others or columns.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A `BatchContent`.
    Content,
    /// An `Exemplars`.
    Exemplars,
    Definition,
    HostLayout,
    Minute,
    Exemplar,
    Columns,
    Leaf,
}

#[derive(Default)]
struct Weight {
    messages: usize,
    numbers: usize,
}

/// Refuses an encoded message that would need more memory than its kind ever should.
pub fn check(bytes: &[u8], kind: Kind) -> Result<(), Malformed> {
    let mut weight = Weight::default();
    weigh(bytes, kind, &mut weight).map_err(|why| Malformed(why.to_string()))?;
    if weight.messages > MESSAGES_MAX {
        return Err(Malformed(format!("more than {MESSAGES_MAX} messages inside")));
    }
    if weight.numbers > NUMBERS_MAX {
        return Err(Malformed(format!("more than {NUMBERS_MAX} numbers inside")));
    }
    Ok(())
}

/// Field numbers as in the `.proto`.
fn inner(kind: Kind, field: u32) -> Option<Kind> {
    match (kind, field) {
        (Kind::Content, 1) => Some(Kind::Definition),
        (Kind::Content, 2) => Some(Kind::Minute),
        (Kind::Content, 3) => Some(Kind::Columns),
        (Kind::Definition, 4) => Some(Kind::HostLayout),
        (Kind::Minute, 2..=5) => Some(Kind::Columns),
        (Kind::Exemplars, 1) => Some(Kind::Exemplar),
        (Kind::Content, 4..=8 | 10)
        | (Kind::Definition, 2..=7)
        | (Kind::HostLayout, 3 | 4)
        | (Kind::Exemplar, 4) => Some(Kind::Leaf),
        _ => None,
    }
}

fn weigh(mut bytes: &[u8], kind: Kind, weight: &mut Weight) -> Result<(), DecodeError> {
    while !bytes.is_empty() && weight.messages <= MESSAGES_MAX && weight.numbers <= NUMBERS_MAX {
        let (field, wire_type) = decode_key(&mut bytes)?;
        if wire_type != WireType::LengthDelimited {
            weight.numbers += 1;
            skip_field(wire_type, field, &mut bytes, DecodeContext::default())?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
        // Cut short: decoding will say so.
        let Some((within, after)) = bytes.split_at_checked(length) else { return Ok(()) };
        bytes = after;
        match inner(kind, field) {
            // Each number of a packed column ends with a byte below 128.
            None if matches!(kind, Kind::Columns) => {
                weight.numbers += within.iter().filter(|byte| **byte < 0x80).count();
            }
            None => {}
            Some(Kind::Leaf) => weight.messages += 1,
            Some(kind) => {
                weight.messages += 1;
                weigh(within, kind, weight)?;
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
    fn messages_and_numbers_are_counted_at_every_depth() {
        let layout = v1::HostLayout {
            disks: vec![v1::DiskLayout::default(); 2],
            interfaces: vec![v1::InterfaceLayout::default(); 3],
            ..Default::default()
        };
        let host = v1::Definition { id: 1, of: Some(v1::definition::Of::Host(layout)) };
        let errors =
            v1::ErrorCounts { group: vec![1, 2], count: vec![1, 300], ..Default::default() };
        let minute = v1::Minute {
            errors: Some(errors),
            host: Some(v1::Values { layout: 1, values: vec![5; 7], disks: 0 }),
            databases: vec![v1::Values::default()],
            ..Default::default()
        };
        let content = v1::BatchContent {
            definitions: vec![host],
            minutes: vec![minute.clone(), minute],
            redactions: vec![v1::RedactionCount::default()],
            redaction_version: 7,
            ..Default::default()
        };
        let mut weight = Weight::default();
        weigh(&content.encode_to_vec(), Kind::Content, &mut weight).unwrap();
        assert_eq!(weight.messages, (1 + 1 + 5) + 2 * (1 + 3) + 1);
        assert_eq!(weight.numbers, (1 + 1) + 2 * (2 + 2 + 1 + 7));
    }

    #[test]
    fn a_content_of_millions_of_small_things_is_refused_before_it_is_decoded() {
        let minutes = [0x12, 0x00].repeat(MESSAGES_MAX + 1);
        assert!(check(&minutes, Kind::Content).unwrap_err().0.contains("messages inside"));
        let errors = v1::ErrorCounts { group: vec![1; NUMBERS_MAX + 1], ..Default::default() };
        let minute = v1::Minute { errors: Some(errors), ..Default::default() };
        let content = v1::BatchContent { minutes: vec![minute], ..Default::default() };
        let refused = check(&content.encode_to_vec(), Kind::Content).unwrap_err();
        assert!(refused.0.contains("numbers inside"));
    }
}
