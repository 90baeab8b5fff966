//! Bundles: batches that come in a file, signed by the agent. They are stored as those that come by the
//! link, under the same numbers, so that both ways together count once. A server whose batches come so has
//! not called: no contact is noted.
//!
//! What stands before a part that cannot be read or believed is taken; nothing behind it is.

use std::{
    collections::HashSet,
    io::{self, Read},
    path::Path,
};

use pantau_proto::bundle::{MAGIC, ReadError};

use super::{
    Wire,
    wire::{
        Batch,
        bundle::{self as wire, Head, Part, Unreadable},
    },
};
use crate::{
    domain::{
        SiteId,
        batch::{Hello, IncomingBatch},
    },
    identity::{Authority, certificate::Presented},
    store::{SaveOutcome, Store, StoreError},
};

/// Batches of one transaction.
const GROUP_MAX: usize = 256;
/// And their bytes.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Memory that a file may ask of its reader: a window of 16 MiB.
const WINDOW_LOG_MAX: u32 = 24;
const DAY_MS: i64 = 86_400_000;

/// By what a bundle is judged and where it goes.
pub struct Desk<'a> {
    /// Where it is stored.
    pub store: &'a Store,
    /// Who must have signed the certificate.
    pub authority: &'a Authority,
    /// Those of the settings.
    pub sites: &'a HashSet<SiteId>,
    /// So long after its end a certificate still signs.
    pub grace_days: i64,
    /// UTC milliseconds.
    pub now_ms: i64,
}

/// What became of a bundle.
#[derive(Debug, Default)]
pub struct Taken {
    /// `site/agent`, once its certificate is believed.
    pub server: Option<String>,
    /// Batches stored now.
    pub stored: u64,
    /// Batches that were stored before.
    pub duplicates: u64,
    /// Batches of this server that wait for definitions.
    pub waiting: u64,
    /// Why it was not taken to its end; `None` when it was.
    pub failure: Option<Failure>,
}

/// Why a bundle was not taken, or not to its end.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Failure {
    #[error("it cannot be opened: {0}")]
    Unopened(io::Error),
    #[error("it is no bundle of an agent")]
    NoBundle,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("its certificate is none of an agent of this collector")]
    NotOurs,
    #[error("its certificate is of {certificate}, but it says to be of {said}")]
    NotYou { certificate: String, said: String },
    #[error(
        "the certificate of {0} was revoked: if the server is to be believed, enrol it again and export \
         again"
    )]
    Revoked(String),
    #[error(
        "its certificate ended too long before (batch {0}): let the server renew it or enrol again, \
         and export again"
    )]
    Expired(u64),
    #[error("site \"{0}\" is not in the settings: add it, then import again")]
    UnknownSite(SiteId),
    #[error(
        "some numbers of batch {0} are stored and some are not: nothing of it is stored; report it"
    )]
    Overlaps(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    /// Whether the file ends before its end is told.
    pub fn is_truncated(&self) -> bool {
        matches!(self, Failure::Unreadable(Unreadable::Framing(ReadError::CutShort)))
    }
}

impl Desk<'_> {
    /// Takes what the file holds, as far as it can be read and believed, and counts it in.
    pub async fn take(&self, file: &Path) -> Taken {
        let mut taken = Taken::default();
        let read = match opened(file) {
            Ok(input) => self.read(input, &mut taken).await,
            Err(failure) => Err(failure),
        };
        taken.failure = read.err();
        taken
    }

    async fn read(&self, input: impl Read, taken: &mut Taken) -> Result<(), Failure> {
        let (head, unverified) = wire::head(input)?;
        let presented = self.believed(&head).await?;
        let point = presented.point.clone();
        let verify = move |bytes: &[u8], signature: &[u8]| point.verifies(bytes, signature);
        let mut reader = unverified.verify(verify).map_err(Unreadable::from)?;
        let name = format!("{}/{}", presented.site, presented.agent);
        taken.server = Some(name);
        let mut group = Group::of(self, &head.hello, taken);
        let ended = loop {
            let part = wire::part(&mut reader);
            let done = match part {
                Ok(Part::End) => break Ok(()),
                Ok(Part::Definitions(known)) => group.define(&known).await,
                Ok(Part::Batch(batch)) if !self.may_sign(&presented, batch.frame.closed_ms) => {
                    Err(Failure::Expired(batch.seq))
                }
                Ok(Part::Batch(batch)) => group.add(*batch).await,
                Ok(Part::Unknown) => Ok(()),
                Err(why) => Err(why.into()),
            };
            if done.is_err() {
                break done;
            }
        };
        // What came before stands on its own signatures.
        let stored = group.store().await;
        self.store.fold(&Wire, self.now_ms).await?;
        taken.waiting = self.store.waiting_of(&presented.site, &presented.agent).await?;
        stored.and(ended)
    }

    /// The certificate of the head, when it may speak for whom the head names.
    async fn believed(&self, head: &Head) -> Result<Presented, Failure> {
        let presented = Presented::read(&head.certificate).map_err(|_| Failure::NotOurs)?;
        if !self.authority.signed(&presented) {
            return Err(Failure::NotOurs);
        }
        let (certificate, said) = (
            format!("{}/{}", presented.site, presented.agent),
            format!("{}/{}", head.hello.site, head.hello.agent),
        );
        if certificate != said {
            return Err(Failure::NotYou { certificate, said });
        }
        let known = self.store.certificate(presented.serial).await?;
        if known.is_some_and(|known| known.revoked.is_some()) {
            return Err(Failure::Revoked(certificate));
        }
        if !self.sites.contains(&presented.site) {
            return Err(Failure::UnknownSite(presented.site));
        }
        Ok(presented)
    }

    /// A certificate that holds, or ended within the grace, signs all; an older one what was closed in its
    /// time.
    fn may_sign(&self, presented: &Presented, closed_ms: i64) -> bool {
        let until_ms = presented.not_after_ms;
        self.now_ms <= until_ms.saturating_add(self.grace_days.saturating_mul(DAY_MS))
            || (presented.not_before_ms..=until_ms).contains(&closed_ms)
    }
}

fn opened(file: &Path) -> Result<impl Read, Failure> {
    let mut file = std::fs::File::open(file).map_err(Failure::Unopened)?;
    let mut magic = [0; MAGIC.len()];
    match file.read_exact(&mut magic) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            return Err(Failure::Unopened(error));
        }
        Err(_) => return Err(Failure::NoBundle),
        Ok(()) if magic != MAGIC => return Err(Failure::NoBundle),
        Ok(()) => {}
    }
    let mut decoder = zstd::Decoder::new(file).map_err(Failure::Unopened)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(Failure::Unopened)?;
    Ok(decoder)
}

/// Batches that are stored together.
struct Group<'a> {
    desk: &'a Desk<'a>,
    hello: &'a Hello,
    taken: &'a mut Taken,
    is_introduced: bool,
    batches: Vec<IncomingBatch>,
    bytes: usize,
}

impl<'a> Group<'a> {
    fn of(desk: &'a Desk<'a>, hello: &'a Hello, taken: &'a mut Taken) -> Group<'a> {
        Group { desk, hello, taken, is_introduced: false, batches: Vec::new(), bytes: 0 }
    }

    async fn define(
        &mut self,
        known: &[crate::domain::definition::Defined],
    ) -> Result<(), Failure> {
        let Hello { site, agent, epoch, .. } = self.hello;
        Ok(self.desk.store.define(site, agent, epoch, known, &[]).await?)
    }

    async fn add(&mut self, batch: Batch) -> Result<(), Failure> {
        self.bytes += batch.frame.data.len() + batch.frame.exemplars.len();
        self.batches.push(IncomingBatch {
            site: self.hello.site.clone(),
            agent: self.hello.agent.clone(),
            epoch: batch.epoch.unwrap_or(self.hello.epoch),
            seq: batch.seq,
            merged: batch.merged,
            frame: batch.frame,
            received_ms: self.desk.now_ms,
            live: None,
        });
        match self.batches.len() >= GROUP_MAX || self.bytes >= GROUP_BYTES_MAX {
            true => self.store().await,
            false => Ok(()),
        }
    }

    async fn store(&mut self) -> Result<(), Failure> {
        let batches = std::mem::take(&mut self.batches);
        self.bytes = 0;
        let Some(first) = batches.first() else { return Ok(()) };
        if !self.is_introduced {
            let since_ms = first.frame.closed_ms.min(self.desk.now_ms);
            self.desk.store.introduce(self.hello, since_ms).await?;
            self.is_introduced = true;
        }
        let outcomes = self.desk.store.save_brought(&batches).await?;
        let number = |such| outcomes.iter().filter(|outcome| **outcome == such).count() as u64;
        self.taken.stored += number(SaveOutcome::Stored);
        self.taken.duplicates += number(SaveOutcome::Duplicate);
        let overlaps = |(_, outcome): &(_, &SaveOutcome)| **outcome == SaveOutcome::Overlaps;
        match batches.iter().zip(&outcomes).find(overlaps) {
            Some((batch, _)) => Err(Failure::Overlaps(batch.seq)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
