//! Which of a few words a text holds, in any case. Three letters at a time are looked up in a map of the
//! beginnings of all words; unlike a chain of states, one lookup does not wait for the one before.

/// Words at most: each is a bit.
const WORDS_MAX: usize = 64;
/// Bits that one byte takes in the map.
const BYTE_BITS: usize = 5;
/// Beginnings of three bytes.
const MAP_BITS: usize = 1 << (3 * BYTE_BITS);

/// See the module.
pub struct Words {
    words: Vec<&'static str>,
    /// A bit for each beginning.
    map: Vec<u64>,
    /// The words of each beginning that has some, and their bits.
    by_beginning: Vec<Vec<(&'static str, u64)>>,
    /// For each beginning where its words are, if it has some.
    places: Vec<u16>,
}

impl Default for Words {
    fn default() -> Words {
        Words {
            words: Vec::new(),
            map: vec![0; MAP_BITS / 64],
            by_beginning: Vec::new(),
            places: vec![0; MAP_BITS],
        }
    }
}

impl Words {
    /// Adds a word of two bytes or more, ASCII and lower case, if it is new; gives its bit. Words beyond
    /// the limit share the last bit, which then says less.
    pub fn add(&mut self, word: &'static str) -> u64 {
        let known = self.words.iter().position(|known| *known == word);
        let index = known.unwrap_or(self.words.len());
        let bit = 1 << index.min(WORDS_MAX - 1);
        if known.is_none() {
            self.words.push(word);
            self.mark(word, bit);
        }
        bit
    }

    /// The bits of the words in a text.
    pub fn find(&self, text: &[u8]) -> u64 {
        let (mut found, mut key) = (0, 0);
        for (end, byte) in text.iter().enumerate() {
            key = (key << BYTE_BITS | fold(*byte)) & (MAP_BITS - 1);
            found |= self.at(key, text, end);
        }
        // A byte behind the text lets a word of two bytes at its end be found.
        found | self.at((key << BYTE_BITS) & (MAP_BITS - 1), text, text.len())
    }

    /// The bits of the words that begin two bytes before `end`.
    fn at(&self, key: usize, text: &[u8], end: usize) -> u64 {
        match self.map.get(key / 64).is_some_and(|bits| bits >> (key % 64) & 1 != 0) {
            true => self.words_at(key, text.get(end.saturating_sub(2)..).unwrap_or_default()),
            false => 0,
        }
    }

    fn words_at(&self, key: usize, text: &[u8]) -> u64 {
        let begins = |word: &str| {
            text.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()))
        };
        let place = self.places.get(key).map(|place| usize::from(*place));
        let words = place.and_then(|place| self.by_beginning.get(place)).into_iter().flatten();
        words.filter(|(word, _)| begins(word)).fold(0, |bits, (_, bit)| bits | bit)
    }

    fn mark(&mut self, word: &'static str, bit: u64) {
        let byte = |at: usize| word.as_bytes().get(at).copied();
        let first = byte(0).map_or(0, fold);
        let third = byte(2).map_or(0..1 << BYTE_BITS, |byte| fold(byte)..fold(byte) + 1);
        let beginning = first << BYTE_BITS | byte(1).map_or(0, fold);
        for third in third {
            let key = beginning << BYTE_BITS | third;
            let (Some(bits), Some(place)) = (self.map.get_mut(key / 64), self.places.get_mut(key))
            else {
                continue;
            };
            if *bits >> (key % 64) & 1 == 0 {
                *bits |= 1 << (key % 64);
                // There are fewer words than fill a place's range, each of 32 beginnings at most.
                *place = u16::try_from(self.by_beginning.len()).unwrap_or(u16::MAX);
                self.by_beginning.push(Vec::new());
            }
            if let Some(words) = self.by_beginning.get_mut(usize::from(*place)) {
                words.push((word, bit));
            }
        }
    }
}

/// Five bits of a byte, the same for both cases of a letter.
fn fold(byte: u8) -> usize {
    usize::from(byte & 0x1f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: &[&str] = &["rp", "nik", "://", ")=(", "nilai baris", "kirim", "ab", "abc", "bab"];

    proptest! {
        #[test]
        fn exactly_the_words_of_a_text_are_found(text in "([a-cA-C]|rp|[nN]ik|://|\\)=\\(|nilai| |baris|é|=){0,12}") {
            let mut words = Words::default();
            for word in WORDS {
                let bit = words.add(word);
                let holds = text.to_ascii_lowercase().contains(word);
                prop_assert_eq!(words.find(text.as_bytes()) & bit != 0, holds, "{}", word);
            }
        }
    }
}
