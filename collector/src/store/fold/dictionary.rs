//! What the ids of one epoch stand for, as far as a fold has met them. Loaded by pages: ids that are used
//! together were given at about the same time.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::AnyConnection;

use crate::{
    domain::definition::{Defined, Definition, Named, Names},
    store::{
        Coding, StoreResult,
        definitions::{self, Of},
    },
};

/// Ids of one page.
const PAGE_IDS: u32 = 64;

/// Definitions of one epoch.
#[derive(Default)]
pub(super) struct Dictionary {
    names: Names,
    /// As stored, to tell a repetition from a contradiction.
    data: HashMap<u32, Vec<u8>>,
    pages: HashSet<u32>,
}

impl Dictionary {
    /// What ids stand for.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Loads what is stored of these ids.
    pub(super) async fn load(
        &mut self,
        connection: &mut AnyConnection,
        of: Of<'_>,
        coding: &dyn Coding,
        ids: impl Iterator<Item = u32>,
    ) -> StoreResult<()> {
        let pages: BTreeSet<u32> = ids.map(|id| id / PAGE_IDS).collect();
        for page in pages {
            if !self.pages.insert(page) {
                continue;
            }
            let first = page.saturating_mul(PAGE_IDS);
            let last = first.saturating_add(PAGE_IDS - 1);
            for (id, data) in definitions::load(&mut *connection, of, first, last).await? {
                let named = named(of, id, &data, coding);
                self.names.insert(id, named);
                self.data.insert(id, data);
            }
        }
        Ok(())
    }

    /// Whether the id stands for something else, and goes on to do so. Asked behind [`Dictionary::load`] of
    /// its id, as the next one.
    pub(super) fn denies(&self, id: u32, data: &[u8]) -> bool {
        self.data.get(&id).is_some_and(|known| !known.is_empty() && known != data)
    }

    /// Notes a definition that a batch brings; whether it is new.
    pub(super) fn learn(&mut self, id: u32, data: &[u8], definition: Definition) -> bool {
        if self.data.get(&id).is_some_and(|known| !known.is_empty()) {
            return false;
        }
        self.data.insert(id, data.to_vec());
        self.names.insert(id, Named::As(definition));
        true
    }

    /// Those of the ids that are not known.
    pub(super) fn missing(&self, ids: &BTreeSet<u32>) -> Vec<u32> {
        ids.iter().copied().filter(|id| !self.names.contains_key(id)).collect()
    }
}

/// A definition that cannot be read any more is as good as lost: what is counted under it is kept.
fn named(of: Of<'_>, id: u32, data: &[u8], coding: &dyn Coding) -> Named {
    if data.is_empty() {
        return Named::Lost;
    }
    match coding.definition(data) {
        Ok(definition) => Named::As(definition),
        Err(why) => {
            tracing::error!(
                site = %of.site, agent = %of.agent, id, why,
                "a stored definition cannot be read: what is counted under it is kept under a group that \
                 says so; report it"
            );
            Named::Lost
        }
    }
}

/// Definitions that a pass has learned and the store does not have yet.
pub(super) type News = Vec<Defined>;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Definition {
        Definition::Name(text.to_owned())
    }

    #[test]
    fn the_first_definition_of_an_id_stays() {
        let mut dictionary = Dictionary::default();
        assert!(dictionary.learn(7, b"play", name("play")));
        assert!(!dictionary.denies(7, b"play") && !dictionary.learn(7, b"play", name("play")));
        assert!(dictionary.denies(7, b"other"));
        assert_eq!(dictionary.names().get(&7), Some(&Named::As(name("play"))));
        assert_eq!(dictionary.missing(&BTreeSet::from([6, 7, 8])), [6, 8]);
    }
}
