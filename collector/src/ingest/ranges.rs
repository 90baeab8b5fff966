//! Batch numbers as merged ranges.

/// Numbers `first..=last`, both included.
pub type SeqRange = (u64, u64);

/// The fewest ranges that hold exactly these numbers, ascending.
pub fn merged(mut parts: Vec<SeqRange>) -> Vec<SeqRange> {
    parts.sort_unstable();
    let mut ranges: Vec<SeqRange> = Vec::new();
    for (first, last) in parts {
        match ranges.last_mut() {
            Some((_, before)) if first <= before.saturating_add(1) => *before = last.max(*before),
            _ => ranges.push((first, last)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range_and_holes_stay_holes() {
        let single = [5, 1, 2, 2, 3, 9].map(|n| (n, n));
        assert_eq!(merged(single.to_vec()), [(1, 3), (5, 5), (9, 9)]);
        assert_eq!(merged(vec![(7, 9), (1, 6), (2, 3), (11, 12)]), [(1, 9), (11, 12)]);
        let highest = vec![(u64::MAX, u64::MAX), (u64::MAX - 1, u64::MAX - 1)];
        assert_eq!(merged(highest), [(u64::MAX - 1, u64::MAX)]);
        assert!(merged(vec![]).is_empty());
    }
}
