//! One segment of a route pattern: `abc`, `*`, `abc*`, `*abc`, `*abc*`. Case does not count.

/// Letters of a segment.
const TEXT_BYTES_MAX: usize = 64;

/// See the module.
#[derive(Clone, Debug)]
pub struct Glob {
    /// Lower case.
    text: Box<str>,
    /// Something may stand before the text.
    before: bool,
    /// Something may stand after it.
    after: bool,
}

impl Glob {
    /// `None` where the pattern has stars elsewhere, is too long, or holds what no route holds.
    pub fn new(pattern: &str) -> Option<Glob> {
        let text = pattern.strip_prefix('*').unwrap_or(pattern);
        let before = text.len() < pattern.len();
        let (text, after) = match text.strip_suffix('*') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let is_right =
            |byte: u8| byte.is_ascii_graphic() && !b"*?#%;".contains(&byte) || byte == b' ';
        let fits = text.len() <= TEXT_BYTES_MAX && text.bytes().all(is_right);
        let text = text.to_ascii_lowercase().into();
        fits.then_some(Glob { text, before, after })
    }

    /// Whether a segment is so.
    pub fn fits(&self, segment: &str) -> bool {
        let (segment, text) = (segment.as_bytes(), self.text.as_bytes());
        let Some(over) = segment.len().checked_sub(text.len()) else { return false };
        let is_at = |at: usize| {
            segment.get(at..at + text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text))
        };
        match (self.before, self.after) {
            (false, false) => over == 0 && is_at(0),
            (false, true) => is_at(0),
            (true, false) => is_at(over),
            (true, true) => (0..=over).any(is_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_before_and_after() {
        for (pattern, fitting, other) in [
            ("login", "LOGIN", "login2"),
            ("log*", "login", "xlog"),
            ("*in", "login", "inx"),
            ("*ogi*", "login", "logn"),
            ("<static*", "<static css>", "<n>"),
        ] {
            let glob = Glob::new(pattern).unwrap();
            assert!(glob.fits(fitting) && !glob.fits(other), "{pattern}");
        }
        assert!(Glob::new("*").unwrap().fits("<n>"));
    }

    #[test]
    fn what_no_segment_can_be_is_refused() {
        for pattern in ["a*b", "***", "a?", "%41", "é", &"a".repeat(65)] {
            assert!(Glob::new(pattern).is_none(), "{pattern}");
        }
    }
}
