//! Reading some batches: what can be counted, what has to wait, what cannot be read.

use crate::{
    domain::{
        batch::{BatchContent, Frame, Gap},
        definition::Opened,
    },
    store::{Coding, Store, StoreResult, calendar::MINUTE_MS, definitions::Of},
};

use super::{
    Head,
    dictionary::{Dictionary, News},
    gather::{self, Gathered},
};

/// Where the loss of a batch that cannot be read was found.
const GAP_SOURCE: &str = "collector";
/// Reason of that loss; the labels know it.
const GAP_REASON: &str = "batch_damaged";

/// What some batches came to.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) gathered: Gathered,
    /// Definitions that are not stored yet.
    pub(super) news: News,
    /// Those that cannot be read, and why.
    pub(super) unread: Vec<(Head, String)>,
    /// Those that mention ids without a definition, and these ids, ascending.
    pub(super) waiting: Vec<(Head, Vec<u32>)>,
}

/// What one batch came to.
enum Read {
    Whole(Box<BatchContent>),
    Waits(Vec<u32>),
}

impl Store {
    /// Reads batches one after the other: only one is open at a time, however large they are.
    pub(super) async fn read_batches(
        &self,
        of: Of<'_>,
        batches: Vec<(Head, Frame)>,
        coding: &dyn Coding,
        dictionary: &mut Dictionary,
    ) -> StoreResult<Reading> {
        let mut reading = Reading::default();
        let mut connection = self.pool.acquire().await?;
        for (head, frame) in batches {
            let opened = match coding.open(&frame) {
                Ok(opened) => opened,
                Err(why) => {
                    reading.set_aside(head, &frame, why);
                    continue;
                }
            };
            let defined = opened.definitions.iter().map(|(id, _)| *id);
            let ids = opened.mentioned.iter().copied().chain(defined);
            dictionary.load(&mut connection, of, coding, ids).await?;
            match reading.read(opened, coding, dictionary) {
                Ok(Read::Whole(content)) => reading.gathered.absorb(&head, *content),
                Ok(Read::Waits(missing)) => reading.waiting.push((head, missing)),
                Err(why) => reading.set_aside(head, &frame, why),
            }
        }
        Ok(reading)
    }
}

impl Reading {
    /// What such a batch counts is missing from its minutes, which is declared.
    fn set_aside(&mut self, head: Head, frame: &Frame, why: String) {
        self.gathered.absorb_gap(Gap {
            source: GAP_SOURCE.to_owned(),
            from_ms: frame.first_minute.saturating_mul(MINUTE_MS),
            to_ms: frame.last_minute.saturating_add(1).saturating_mul(MINUTE_MS),
            reason: GAP_REASON.to_owned(),
            detail: why.clone(),
            amount: 1,
        });
        self.unread.push((head, why));
    }

    fn read(
        &mut self,
        opened: Opened,
        coding: &dyn Coding,
        dictionary: &mut Dictionary,
    ) -> Result<Read, String> {
        let read = |(id, data): (u32, Vec<u8>)| Ok((id, coding.definition(&data)?, data));
        // All or none: a batch that cannot be read defines nothing.
        let definitions: Vec<_> =
            opened.definitions.into_iter().map(read).collect::<Result<_, String>>()?;
        if let Some((id, ..)) =
            definitions.iter().find(|(id, _, data)| dictionary.denies(*id, data))
        {
            return Err(format!("id {id} is defined anew as something else"));
        }
        for (id, definition, data) in definitions {
            if dictionary.learn(id, &data, definition) {
                self.news.push((id, data));
            }
        }
        let missing = dictionary.missing(&opened.mentioned);
        if !missing.is_empty() {
            return Ok(Read::Waits(missing));
        }
        let content = (opened.resolve)(dictionary.names()).and_then(gather::checked)?;
        Ok(Read::Whole(Box::new(content)))
    }
}
