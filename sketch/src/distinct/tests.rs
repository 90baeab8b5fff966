use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::*;

/// The sketch of `count` things that no other seed has.
fn of(seed: u64, count: u64) -> Distinct {
    let mut sketch = Distinct::default();
    (0..count).for_each(|n| sketch.add(xxh3_64_with_seed(&n.to_le_bytes(), seed)));
    sketch
}

fn merged(a: &Distinct, b: &Distinct) -> Distinct {
    let mut both = a.clone();
    both.merge(b);
    both
}

#[test]
fn the_count_is_within_three_standard_errors() {
    for count in [0, 1, 2, 10, 100, 1_000, 5_000, 20_000, 200_000, 1_000_000] {
        for seed in 0..5 {
            let (counted, count) = (of(seed, count).count() as f64, count as f64);
            let error_max = 3.0 * 1.04 / 64.0 * count;
            assert!((counted - count).abs() <= error_max.max(1.0), "{counted} of {count}");
        }
    }
}

#[test]
fn what_is_added_twice_is_counted_once() {
    let once = of(7, 3_000);
    let mut twice = once.clone();
    (0..3_000_u64).for_each(|n| twice.add(xxh3_64_with_seed(&n.to_le_bytes(), 7)));
    assert_eq!(once, twice);
}

#[test]
fn the_written_form_is_small_while_few_are_counted_and_has_a_limit() {
    assert_eq!(Distinct::default().encode(), [VERSION, SPARSE]);
    assert_eq!(of(1, 50).encode().len(), 2 + 50 * SPARSE_BYTES);
    assert_eq!(of(1, 50_000).encode().len(), ENCODED_BYTES_MAX);
}

#[test]
fn the_written_form_never_changes() {
    let mut sketch = Distinct::default();
    [0, u64::MAX, 0x0010_0000_0000_0001].into_iter().for_each(|hash| sketch.add(hash));
    let expected = [1, 0, 0x00, 0x50, 0x03, 0x01, 0x40, 0x03, 0xff, 0x1f, 0x00];
    assert_eq!(sketch.encode(), expected);
}

#[test]
fn hashes_of_nothing_but_ones_or_zeros_are_counted() {
    let mut sketch = Distinct::default();
    (0..4_096_u64).for_each(|register| sketch.add(register << 52));
    assert!(sketch.count() > 1 << 40);
    assert_eq!(Distinct::decode(&sketch.encode()), Some(sketch));
}

#[test]
fn forms_that_are_not_the_one_are_refused() {
    let small = [VERSION, SPARSE, 0x00, 0x10, 0x00];
    assert!(Distinct::decode(&small).is_some());
    for wrong in [
        &[][..],
        &[2, SPARSE],
        &[VERSION, 2],
        &[VERSION, SPARSE, 0],
        &[VERSION, SPARSE, 0x00, 0x00, 0x00],
        &[VERSION, SPARSE, 0x00, 0x60, 0x03],
        &[VERSION, SPARSE, 0x01, 0x10, 0x00, 0x00, 0x10, 0x00],
        &[VERSION, SPARSE, 0x01, 0x10, 0x00, 0x01, 0x10, 0x00],
        &[VERSION, DENSE, 0],
        &[&[VERSION, DENSE][..], &[0; DENSE_BYTES]].concat(),
        &[&[VERSION, DENSE][..], &[0xff; DENSE_BYTES]].concat(),
    ] {
        assert_eq!(Distinct::decode(wrong), None, "{:?}", &wrong[..wrong.len().min(12)]);
    }
}

fn sketch() -> impl Strategy<Value = Distinct> {
    (any::<u64>(), prop_oneof![0..40_u64, 900..1_600_u64, 5_000..9_000_u64])
        .prop_map(|(seed, count)| of(seed, count))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn merging_knows_no_order_and_no_repetition(a in sketch(), b in sketch(), c in sketch()) {
        let ab = merged(&a, &b);
        prop_assert_eq!(&ab, &merged(&b, &a));
        prop_assert_eq!(merged(&ab, &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&ab, &b), ab);
    }

    #[test]
    fn merging_is_as_adding_both(seed in any::<u64>(), parts in prop::collection::vec(0..3_000_u64, 1..4)) {
        let most = parts.iter().copied().max().unwrap_or(0);
        let all = parts.iter().fold(Distinct::default(), |sum, part| merged(&sum, &of(seed, *part)));
        prop_assert_eq!(all, of(seed, most));
    }

    #[test]
    fn what_is_written_is_read(sketch in sketch()) {
        prop_assert_eq!(Distinct::decode(&sketch.encode()), Some(sketch));
    }

    #[test]
    fn any_bytes_are_read_as_written_or_refused(
        bytes in any::<Vec<u8>>(), dense in prop::collection::vec(any::<u8>(), DENSE_BYTES), form in 0..3_u8
    ) {
        let bytes = match form {
            0 => bytes,
            1 => [&[VERSION, SPARSE], bytes.as_slice()].concat(),
            _ => [&[VERSION, DENSE], dense.as_slice()].concat(),
        };
        if let Some(sketch) = Distinct::decode(&bytes) {
            prop_assert_eq!(sketch.encode(), bytes);
            sketch.count();
        }
    }
}
