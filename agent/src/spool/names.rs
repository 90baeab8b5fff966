//! Short ids for what comes again: definitions, already coded, that a batch mentions by number.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_128;

/// The dictionary of one epoch. An id is given once, from 1 on, and never reused.
#[derive(Default)]
pub struct Names {
    ids: HashMap<u128, u32>,
    last: u32,
    fresh: Vec<(u32, Vec<u8>)>,
}

impl Names {
    /// The id of a definition; a new one is given where it has none.
    pub fn id(&mut self, definition: &[u8]) -> u32 {
        let key = xxh3_128(definition);
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        self.last += 1;
        self.ids.insert(key, self.last);
        self.fresh.push((self.last, definition.to_vec()));
        self.last
    }

    /// Ids given for the batch that is being encoded, ascending: it must carry their definitions.
    pub fn fresh(&self) -> &[(u32, Vec<u8>)] {
        &self.fresh
    }

    pub(super) fn keep(&mut self) {
        self.fresh.clear();
    }

    pub(super) fn forget(&mut self) {
        for (_, definition) in self.fresh.drain(..) {
            self.ids.remove(&xxh3_128(&definition));
        }
    }
}
