//! Why a conversation ends: the words for a person, and how long to stay away.

use super::Malformed;
use crate::domain::{AgentId, SiteId};

/// Why a conversation ends, and when the agent may come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the program.
    pub reason: Reason,
    /// For a person: what was wrong and what to do.
    pub detail: String,
    /// Not before this many seconds.
    pub retry_after_s: u32,
    /// Number of the batch that was the cause; 0 when none was.
    pub seq: u64,
}

/// Reasons of a refusal (meanings in the `.proto`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Reason {
    Silent,
    Expired,
    UnknownSite,
    Malformed,
    StoreUnavailable,
    Overloaded,
    ShuttingDown,
    Replaced,
    Clock,
    Revoked,
    NotYou,
    Cloned,
}

/// A person has to change something first.
const AFTER_A_PERSON_S: u32 = 300;
/// Two agents of one name would push each other out at every return.
const AFTER_REPLACED_S: u32 = 60;
/// A store that was restarted, a disk that was cleared.
const AFTER_STORE_S: u32 = 15;
/// Others may have left.
const AFTER_OVERLOAD_S: u32 = 30;
/// A restart takes some seconds.
const AFTER_SHUTDOWN_S: u32 = 5;

impl Refusal {
    fn new(reason: Reason, retry_after_s: u32, detail: impl Into<String>) -> Refusal {
        Refusal { reason, detail: detail.into(), retry_after_s, seq: 0 }
    }

    /// The settings do not name the site.
    pub fn unknown_site(site: &SiteId) -> Refusal {
        let detail = format!(
            "site \"{site}\" is not in the collector's settings; add [[site]] with id = \"{site}\", \
             name and zone there and restart the collector, or correct site in the agent's settings"
        );
        Refusal::new(Reason::UnknownSite, AFTER_A_PERSON_S, detail)
    }

    /// The agent's clock is off by this much.
    pub fn clock(difference_ms: i64) -> Refusal {
        let minutes = difference_ms.unsigned_abs() / 60_000;
        let side = if difference_ms > 0 { "ahead of" } else { "behind" };
        let detail = format!(
            "the server's clock is {minutes} minutes {side} the collector's, so its counts would go \
             into wrong days; set it right (e.g. with chrony), and check the collector's own"
        );
        Refusal::new(Reason::Clock, AFTER_A_PERSON_S, detail)
    }

    /// Nothing of the group that batch `seq` was in is stored.
    pub fn store_unavailable(seq: u64) -> Refusal {
        let detail = "the collector cannot store now; its log says why. Nothing is lost: what is not \
                      acknowledged stays in the agent's spool";
        Refusal { seq, ..Refusal::new(Reason::StoreUnavailable, AFTER_STORE_S, detail) }
    }

    /// Of the numbers that a batch stands for some are stored, with other batches, and some are not.
    pub fn overlaps(first: u64, last: u64) -> Refusal {
        let detail = format!(
            "batch.merged: of the numbers {first} to {last} some are stored already and some are not, so \
             the batch can be neither counted nor dropped; it was merged after it had been sent, or its \
             spool is a copy. Nothing of it is stored; report it"
        );
        Refusal { seq: last, ..Refusal::new(Reason::Malformed, AFTER_A_PERSON_S, detail) }
    }

    /// More streams than there is room for.
    pub fn overloaded() -> Refusal {
        Refusal::new(Reason::Overloaded, AFTER_OVERLOAD_S, "too many streams at this moment")
    }

    /// The collector stops.
    pub fn shutting_down() -> Refusal {
        Refusal::new(Reason::ShuttingDown, AFTER_SHUTDOWN_S, "the collector is stopping")
    }

    /// A newer stream speaks for the same agent.
    pub fn replaced() -> Refusal {
        let detail = "a newer stream speaks for this agent; if that is another server, give it an \
                      agent id of its own";
        Refusal::new(Reason::Replaced, AFTER_REPLACED_S, detail)
    }

    /// The certificate does not hold any more.
    pub fn revoked(site: &SiteId, agent: &AgentId) -> Refusal {
        let detail = format!(
            "the certificate of this server was revoked or replaced; if it is to send again, make a token \
             (pantau-collector token create --site {site} --agent {agent}) and enrol it"
        );
        Refusal::new(Reason::Revoked, AFTER_A_PERSON_S, detail)
    }

    /// Hello names another agent than the certificate, which is `agent` of `site`.
    pub fn not_you(site: &SiteId, agent: &AgentId) -> Refusal {
        let detail = format!(
            "the certificate of this server is for agent \"{agent}\" of site \"{site}\"; set site and \
             agent in its settings so, or enrol it anew by the other name"
        );
        Refusal::new(Reason::NotYou, AFTER_A_PERSON_S, detail)
    }

    /// Another machine is this agent.
    pub fn cloned(agent: &AgentId) -> Refusal {
        let detail = format!(
            "two machines speak as agent \"{agent}\", and this one came later: it is a copy; on it, \
             delete the agent's state folder, give it a name of its own and enrol it with a new token"
        );
        Refusal::new(Reason::Cloned, AFTER_A_PERSON_S, detail)
    }

    /// The certificate has ended while the stream was open.
    pub fn expired() -> Refusal {
        let detail = "the certificate of this server has ended; it calls again with its next one, or \
                      renews this one first: nothing to do unless it stays away";
        Refusal::new(Reason::Expired, 0, detail)
    }

    /// Nothing was heard for longer than a link may be silent.
    pub fn silent() -> Refusal {
        Refusal::new(Reason::Silent, 0, "neither batch nor heartbeat came in time")
    }
}

impl From<Malformed> for Refusal {
    fn from(Malformed(detail): Malformed) -> Refusal {
        Refusal::new(Reason::Malformed, AFTER_A_PERSON_S, detail)
    }
}
