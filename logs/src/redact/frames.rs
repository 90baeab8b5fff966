//! Lines of Java traces come again and again, word for word: what they hold is kept. The lines are kept as
//! they are, in memory only.

use std::sync::LazyLock;

use memchr::{memchr, memmem::Finder};
use xxhash_rust::xxh3::xxh3_64;

use super::gate::{Gates, Held};

/// How a line of a trace begins.
static FRAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\n\tat "));
/// Lines kept; one that falls on the place of another takes it.
const LINES_KEPT_MAX: usize = 1_024;
/// Longer lines are not kept.
const LINE_BYTES_MAX: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub struct Frames {
    kept: Vec<Option<(Box<str>, Held)>>,
}

impl Frames {
    /// What a text holds: the same as `gates` tells of it.
    pub fn look(&mut self, gates: &Gates, text: &str) -> Held {
        let (mut held, mut rest) = (Held::default(), text);
        while let Some(at) = FRAME.find(rest.as_bytes()) {
            let (before, from_line) = rest.split_at(at + 1);
            let length = memchr(b'\n', from_line.as_bytes()).unwrap_or(from_line.len());
            let (line, after) = from_line.split_at(length);
            held = held.or(self.line(gates, line));
            if at > 0 {
                held = held.or(gates.look(before));
            }
            rest = after;
        }
        if rest.is_empty() { held } else { held.or(gates.look(rest)) }
    }

    fn line(&mut self, gates: &Gates, line: &str) -> Held {
        if line.len() > LINE_BYTES_MAX {
            return gates.look(line);
        }
        self.kept.resize(LINES_KEPT_MAX, None);
        let place = xxh3_64(line.as_bytes()) as usize % LINES_KEPT_MAX;
        let Some(slot) = self.kept.get_mut(place) else { return gates.look(line) };
        match slot {
            Some((known, held)) if **known == *line => *held,
            _ => {
                let held = gates.look(line);
                *slot = Some((line.into(), held));
                held
            }
        }
    }
}
