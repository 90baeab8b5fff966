//! Batch numbers as merged ranges.

/// Numbers `first..=last`, both included.
pub type SeqRange = (u64, u64);

/// The fewest ranges that hold exactly these numbers, ascending.
pub fn merged(mut numbers: Vec<u64>) -> Vec<SeqRange> {
    numbers.sort_unstable();
    numbers.dedup();
    let mut ranges: Vec<SeqRange> = Vec::new();
    for n in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(n) => *last = n,
            _ => ranges.push((n, n)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range_and_holes_stay_holes() {
        assert_eq!(merged(vec![5, 1, 2, 2, 3, 9]), [(1, 3), (5, 5), (9, 9)]);
        assert_eq!(merged(vec![u64::MAX, u64::MAX - 1]), [(u64::MAX - 1, u64::MAX)]);
        assert!(merged(vec![]).is_empty());
    }
}
