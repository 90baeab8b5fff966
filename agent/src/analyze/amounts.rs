//! Amounts as people read them.

/// `1.234.567` in Indonesian, `1,234,567` in English: grouped by thousands.
pub fn grouped(number: u64, separator: char) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

/// Bytes with a decimal unit.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if unit == "B" || value >= 99.95 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// A time in milliseconds with the unit that suits it.
pub fn time(ms: f64) -> String {
    match ms {
        ms if ms < 1_000.0 => format!("{} ms", digits(ms)),
        ms if ms < 120_000.0 => format!("{} s", digits(ms / 1_000.0)),
        ms if ms < 7_200_000.0 => format!("{} min", digits(ms / 60_000.0)),
        ms => format!("{} h", digits(ms / 3_600_000.0)),
    }
}

/// Three digits that count.
fn digits(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_have_their_unit() {
        assert_eq!(
            [grouped(0, '.'), grouped(999, '.'), grouped(1_234_567, '.')],
            ["0", "999", "1.234.567"]
        );
        assert_eq!(
            [bytes(0), bytes(1_500), bytes(305_625_161), bytes(u64::MAX)],
            ["0 B", "1.5 kB", "306 MB", "18446744 TB"]
        );
        assert_eq!(
            [time(0.034), time(12.5), time(1_500.0), time(600_000.0), time(7_200_000.0)],
            ["0.03 ms", "12.5 ms", "1.50 s", "10.0 min", "2.00 h"]
        );
    }
}
