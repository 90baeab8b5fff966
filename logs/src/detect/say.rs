//! The sentence for people.

use super::Weighed;
use crate::parse::Fit;

/// Why a format is likely, with the figures.
pub(super) fn why(weighed: &Weighed, layout: Option<&str>) -> String {
    let lines = weighed.fits.len() as u64;
    let [begins, belongs, foreign] =
        [Fit::Begins, Fit::Belongs, Fit::Foreign].map(|fit| weighed.count(fit));
    let noun = if lines == 1 { "line" } else { "lines" };
    let mut text = if weighed.format.specificity == 0 {
        format!("any text can be read as this: {} {noun}", number(lines))
    } else {
        format!("{} of {} {noun} begin an entry", number(begins), number(lines))
    };
    if belongs > 0 && weighed.format.specificity > 0 {
        text.push_str(&format!(", {} belong to one", number(belongs)));
    }
    if foreign > 0 {
        text.push_str(&format!(", {} look like something else", number(foreign)));
    }
    if let Some(layout) = layout {
        text.push_str(&format!("; prefix '{layout}'"));
    }
    text
}

/// `1,998`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_998, 1_000_000].map(number), ["0", "999", "1,998", "1,000,000"]);
    }
}
