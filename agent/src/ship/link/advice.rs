//! What a person does about a refusal.

use crate::ship::wire::{RefusalReason, Refused};

/// See the module.
pub(super) fn advice(refused: &Refused) -> String {
    let what = match refused.reason {
        RefusalReason::UnknownSite => {
            "the collector does not know this site; add it there, or correct `site` in the settings here"
        }
        RefusalReason::Malformed => {
            "the collector found a message malformed; agent and collector may be of too different versions: update both"
        }
        RefusalReason::StoreUnavailable => {
            "the collector cannot store now; look at its disk and database"
        }
        RefusalReason::Overloaded => "the collector is overloaded; nothing to do here",
        RefusalReason::ShuttingDown => "the collector is stopping; nothing to do here",
        RefusalReason::Replaced => {
            "another stream speaks for this agent; if it lasts, two servers are enrolled by the same name: enrol one of them by a name of its own, with `pantau-agent enroll --replace --agent NAME`"
        }
        RefusalReason::Clock => {
            "this machine's clock and the collector's differ too much; set both by NTP"
        }
        RefusalReason::Revoked => {
            "this server's certificate was revoked; ask for a token and run `pantau-agent enroll --replace`"
        }
        RefusalReason::NotYou => {
            "`site` and `agent` in the settings are not those this server was enrolled by; correct them"
        }
        RefusalReason::Cloned => {
            "this machine is a copy of another that speaks for the same agent; empty `state_dir` here and run `pantau-agent enroll` with a name of its own"
        }
        RefusalReason::NotSaid => {
            "the collector refuses for a reason that this agent does not know; update the agent"
        }
    };
    format!("{what} (collector: {}); batches wait in the spool", refused.detail)
}
