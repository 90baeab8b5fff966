use std::io::Write;

use super::*;

fn reader_over(text: &[u8], offset: u64) -> (tempfile::NamedTempFile, Reader) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let open = file.reopen().unwrap();
    let identity = identity::of(&open).unwrap();
    (file, Reader::new(open, identity, offset))
}

fn all(reader: &mut Reader) -> Vec<(String, u64)> {
    let mut lines = Vec::new();
    while reader.advance().unwrap() == Advance::Line {
        let (line, end) = reader.line();
        lines.push((String::from_utf8_lossy(line).into_owned(), end));
    }
    lines
}

#[test]
fn lines_come_with_the_offset_after_them() {
    let (_file, mut reader) = reader_over(b"one\r\n\nthree\n", 0);
    let expected = [("one", 5), ("", 6), ("three", 12)].map(|(l, e)| (l.to_owned(), e));
    assert_eq!(all(&mut reader), expected);
}

#[test]
fn a_last_line_without_newline_is_held_back_until_it_is_whole() {
    let (mut file, mut reader) = reader_over(b"one\ntw", 0);
    assert_eq!(all(&mut reader), [("one".to_owned(), 4)]);
    assert_eq!(reader.end(), 4);
    file.write_all(b"o\n").unwrap();
    assert_eq!(all(&mut reader), [("two".to_owned(), 8)]);
}

#[test]
fn a_last_line_without_newline_counts_when_the_file_ends_for_good() {
    let (_file, mut reader) = reader_over(b"one\ntw", 0);
    all(&mut reader);
    assert_eq!(reader.end_of_file(), Advance::Line);
    assert_eq!(reader.line(), (&b"tw"[..], 6));
    assert_eq!(reader.end_of_file(), Advance::End);
}

#[test]
fn an_endless_line_is_cut_and_is_still_one_line() {
    let mut text = vec![b'x'; 3 * LINE_BYTES_MAX];
    text.extend_from_slice(b"\nnext\n");
    let (_file, mut reader) = reader_over(&text, 0);
    assert_eq!(reader.advance().unwrap(), Advance::Line);
    assert_eq!(reader.line().0.len(), LINE_BYTES_MAX);
    assert_eq!(reader.line().1, 3 * LINE_BYTES_MAX as u64 + 1);
    assert_eq!(all(&mut reader).len(), 1);
}

#[test]
fn a_line_without_an_end_is_gone_through_in_pieces() {
    let mut text = vec![b'x'; 2 * PASSED_BYTES_MAX as usize];
    text.extend_from_slice(b"\nnext\n");
    let (_file, mut reader) = reader_over(&text, 0);
    let mut pieces = 0;
    while reader.advance().unwrap() == Advance::Working {
        pieces += 1;
    }
    assert!((1..=2).contains(&pieces), "{pieces}");
    assert_eq!(reader.line().0.len(), LINE_BYTES_MAX);
    assert_eq!(reader.take_passed().cut_bytes, 2 * PASSED_BYTES_MAX - LINE_BYTES_MAX as u64);
    assert_eq!(all(&mut reader), [("next".to_owned(), text.len() as u64)]);
}

#[test]
fn a_line_longer_than_the_buffer_is_whole() {
    let mut text = vec![b'x'; BUFFER_BYTES + 10];
    text.extend_from_slice(b"\nnext\n");
    let (_file, mut reader) = reader_over(&text, 0);
    assert_eq!(reader.advance().unwrap(), Advance::Line);
    assert_eq!(reader.line().0.len(), BUFFER_BYTES + 10);
    assert_eq!(all(&mut reader), [("next".to_owned(), text.len() as u64)]);
    assert_eq!(reader.take_passed(), Passed::default());
}

#[test]
fn what_completes_a_partial_line_is_not_a_line_of_its_own() {
    let (mut file, mut reader) = reader_over(b"one\ntw", 0);
    all(&mut reader);
    assert!(reader.take_partial());
    assert_eq!(reader.line(), (&b"tw"[..], 6));
    file.write_all(b"o\nthree\n").unwrap();
    assert_eq!(all(&mut reader), [("three".to_owned(), 14)]);
}

#[test]
fn a_reader_that_begins_within_a_line_passes_over_its_rest() {
    let (_file, mut reader) = reader_over(b"one\ntwo\nthree\n", 6);
    assert_eq!(all(&mut reader), [("three".to_owned(), 14)]);
}

#[test]
fn a_hole_is_no_line_and_tears_the_one_before_it() {
    let mut text = b"one\ntw".to_vec();
    text.resize(600_000, 0);
    text.extend_from_slice(b"three\nfo\0ur\n");
    let (_file, mut reader) = reader_over(&text, 0);
    let lines = all(&mut reader);
    let expected = [("one", 4), ("tw", 6), ("three", 600_006), ("fo\0ur", 600_012)];
    assert_eq!(lines, expected.map(|(line, end)| (line.to_owned(), end)));
    assert_eq!(reader.take_passed().hole_bytes, 600_000 - 6);
}

#[test]
fn a_hole_at_the_end_waits_and_is_read_when_it_is_filled_in() {
    let mut text = b"one\n".to_vec();
    text.resize(40_000, 0);
    let (file, mut reader) = reader_over(&text, 0);
    assert_eq!(all(&mut reader).len(), 1);
    assert_eq!(reader.end(), 4);
    std::os::unix::fs::FileExt::write_all_at(file.as_file(), b"two\nthree\n", 4).unwrap();
    let lines: Vec<String> = all(&mut reader).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, ["two", "three"]);
    assert_eq!(reader.take_passed().hole_bytes, 0);
}

#[test]
fn the_tail_hash_is_that_of_the_file_wherever_it_is_asked_for() {
    let text = "a line of some length, with its number\n".repeat(20_000);
    let (file, mut reader) = reader_over(text.as_bytes(), 0);
    let mut ends = Vec::new();
    for (_, end) in all(&mut reader).into_iter().step_by(1_000) {
        ends.push((reader.tail_hash_at(end), end));
    }
    for (hash, end) in ends {
        assert_eq!(hash, identity::tail_hash_at(file.as_file(), end).unwrap());
        assert_ne!(hash, 0);
    }
}

#[test]
fn a_file_rewritten_with_the_same_head_is_noticed_by_its_tail() {
    let head = "x".repeat(300) + "\n";
    let (file, mut reader) = reader_over((head.clone() + "one\n").as_bytes(), 0);
    all(&mut reader);
    std::fs::write(file.path(), head + "two and more than was there\n").unwrap();
    assert_eq!(reader.advance().unwrap(), Advance::Rewritten { lost_bytes: 0 });
}

#[test]
fn a_file_rewritten_in_place_to_the_very_size_that_was_read_is_noticed() {
    let header = "x".repeat(300) + "\n";
    for (before, after) in [
        ("one\n".to_owned(), "two\n".to_owned()),
        (header.clone() + "one\n", header.clone() + "two\n"),
        (header.clone() + "tw", header.clone() + "fo"),
        ("one\n".to_owned() + &header, "two\n".to_owned() + &header),
    ] {
        let (file, mut reader) = reader_over(before.as_bytes(), 0);
        all(&mut reader);
        assert_eq!(reader.advance().unwrap(), Advance::End);
        std::fs::write(file.path(), after).unwrap();
        assert_eq!(reader.advance().unwrap(), Advance::Rewritten { lost_bytes: 0 });
    }
}

proptest::proptest! {
    /// Whatever is in the file and however it comes: as many lines as newlines, none twice.
    #[test]
    fn lines_do_not_depend_on_how_the_file_grew(
        parts in proptest::collection::vec(
            proptest::collection::vec(proptest::sample::select(b"ab\r\n\n\0".to_vec()), 0..60), 1..12),
    ) {
        let (mut file, mut reader) = reader_over(b"", 0);
        let mut read = Vec::new();
        for part in &parts {
            file.write_all(part).unwrap();
            read.extend(all(&mut reader));
        }
        let (_file, mut at_once) = reader_over(&parts.concat(), 0);
        proptest::prop_assert_eq!(read, all(&mut at_once));
    }
}

#[test]
fn truncation_in_place_is_noticed() {
    let (file, mut reader) = reader_over(b"one\ntwo\n", 0);
    all(&mut reader);
    file.as_file().set_len(0).unwrap();
    assert_eq!(reader.advance().unwrap(), Advance::Rewritten { lost_bytes: 0 });
}

#[test]
fn a_file_rewritten_to_more_than_its_old_size_is_noticed_by_its_head() {
    let (file, mut reader) = reader_over(b"one\ntwo\n", 0);
    all(&mut reader);
    std::fs::write(file.path(), b"other lines, and more of them\n").unwrap();
    assert_eq!(reader.advance().unwrap(), Advance::Rewritten { lost_bytes: 0 });
}
