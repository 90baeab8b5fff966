//! Alerts: what is watched, what was decided, and what people are told.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{AgentId, SiteId};

/// Defines an enum together with the word each variant has in the store, in JSON and on the command line.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every value, in its order.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word used in the store, in JSON and on the command line.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// Reverse of `as_str`.
            pub fn parse(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

words! {
    /// How grave an alert is; the order is the gravity.
    Level {
        /// Someone should look at it in working hours.
        Warning = "warning",
        /// Someone should look at it now.
        Critical = "critical",
    }
}

words! {
    /// A change of an alert that people are told.
    Transition {
        /// There is an alert where none was.
        Opened = "opened",
        /// A warning became critical.
        Escalated = "escalated",
        /// A critical alert became a warning.
        Eased = "eased",
        /// The alert ended.
        Resolved = "resolved",
    }
}

words! {
    /// Why a decision came out as it did.
    Reason {
        /// No alert, and nothing points to one.
        Calm = "calm",
        /// An alert is open and its cause persists.
        Steady = "steady",
        /// A change has begun but has not held long enough.
        Holding = "holding",
        /// At or above the threshold (or bad) for the hold time.
        Reached = "reached",
        /// Below the threshold by the hysteresis (or good) for the hold time.
        Cleared = "cleared",
        /// Nothing is known now, so nothing changes.
        Unknown = "unknown",
        /// The server is no longer in the store or its site no longer in the settings.
        ServerRemoved = "server_removed",
        /// The server lives, but no longer has or checks what the alert was about.
        NotWatched = "not_watched",
    }
}

words! {
    /// A way by which people are told.
    Channel {
        /// SMTP.
        Mail = "mail",
        /// HTTP POST of JSON.
        Webhook = "webhook",
    }
}

words! {
    /// Unit of an alert's value and threshold.
    Unit {
        /// Thousandths of a whole.
        Permille = "permille",
        /// Seconds that a bad state has lasted.
        Seconds = "seconds",
    }
}

words! {
    /// What became of a notification.
    DeliveryState {
        /// Not sent yet; it will be tried (again).
        Pending = "pending",
        /// The receiver took it.
        Sent = "sent",
        /// Given up.
        Failed = "failed",
    }
}

/// What an alert is about: one rule for one part of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertKey {
    /// Whose.
    pub site: SiteId,
    /// Name of the rule, e.g. `disk_space`.
    pub rule: String,
    /// On which server.
    pub agent: AgentId,
    /// Which part of it: a mount, a checked address; empty for the whole server.
    pub part: String,
}

impl AlertKey {
    /// Name of the alert of this key that began at `opened_ms`: 32 hexadecimal digits, the same whoever
    /// works it out.
    pub fn alert_id(&self, opened_ms: i64) -> String {
        let text = [&self.site.0, &self.rule, &self.agent.0, &self.part].map(String::as_str);
        let digest = Sha256::digest(format!("{}\n{opened_ms}", text.join("\n")));
        digest.iter().take(ALERT_ID_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Bytes of the digest that name an alert: enough that two never meet by chance.
const ALERT_ID_BYTES: usize = 16;

/// One threshold's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latch {
    /// The threshold counts as crossed.
    pub on: bool,
    /// Since when the figure has asked for the opposite without interruption.
    pub since_ms: Option<i64>,
}

/// What is remembered of a key between two ticks. A key without one is calm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertState {
    /// Memory of the warning threshold.
    pub warning: Latch,
    /// Memory of the critical threshold.
    pub critical: Latch,
    /// When the open alert began; 0 when none is open.
    pub opened_ms: i64,
    /// Transitions of the open alert so far.
    pub transitions: i64,
}

impl AlertState {
    /// Level of the open alert.
    pub fn level(&self) -> Option<Level> {
        match (self.critical.on, self.warning.on) {
            (true, _) => Some(Level::Critical),
            (false, true) => Some(Level::Warning),
            (false, false) => None,
        }
    }
}

/// Figures behind a transition that its text mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// Bytes still free (disk, memory).
    pub free_bytes: Option<u64>,
    /// Bytes in all.
    pub total_bytes: Option<u64>,
    /// Machine word of the check that failed, e.g. `http_500`; empty when there is none.
    pub cause: String,
}

/// A transition with everything that has to be told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When the alert began: with the key it names the alert.
    pub opened_ms: i64,
    /// Counts the transitions of the alert from 1.
    pub number: i64,
    /// What changed.
    pub transition: Transition,
    /// Level after the change; of a resolved alert, the level it had.
    pub level: Level,
    /// Figure at the change; `None` when it is no longer known.
    pub value: Option<i64>,
    /// The threshold that was crossed, in the same unit.
    pub threshold: i64,
    /// Unit of both.
    pub unit: Unit,
    /// Further figures.
    pub detail: Detail,
    /// Why.
    pub reason: Reason,
    /// When, by the collector's clock.
    pub at_ms: i64,
    /// The server watches generated sample data.
    pub sample: bool,
}

/// What a tick decided for one key, to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of what.
    pub key: AlertKey,
    /// State to remember; `None` when calm again.
    pub next: Option<AlertState>,
    /// The transition, when there is one.
    pub event: Option<Event>,
}

/// Names one notification: the same after a crash, so that a receiver recognises a repetition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotificationKey {
    /// Whose.
    pub site: SiteId,
    /// Of which alert.
    pub alert_id: String,
    /// Its transition, counted from 1.
    pub number: i64,
    /// By which channel.
    pub channel: Channel,
}

impl NotificationKey {
    /// The key as text: Message-ID and `Idempotency-Key` are made of it.
    pub fn text(&self) -> String {
        format!("{}-{}-{}", self.alert_id, self.number, self.channel.as_str())
    }
}

/// One notification to send.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its name.
    pub key: NotificationKey,
    /// What the alert is about.
    pub about: AlertKey,
    /// What happened.
    pub event: Event,
    /// Tries so far.
    pub attempts: i64,
    /// Not to be tried before.
    pub next_try_ms: i64,
}

/// An alert as pages show it.
#[derive(Clone, Debug)]
pub struct AlertSummary {
    /// 32 hexadecimal digits.
    pub id: String,
    /// What it is about.
    pub about: AlertKey,
    /// Its newest transition; of an open alert, that which made it what it is.
    pub last: Event,
    /// When it ended; `None` while open.
    pub resolved_ms: Option<i64>,
    /// Who was told, by transition and channel.
    pub deliveries: Vec<Delivery>,
}

/// One notification as pages show it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its name.
    pub key: NotificationKey,
    /// Of which change.
    pub transition: Transition,
    /// What became of it.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i64,
    /// When the receiver took it.
    pub sent_ms: Option<i64>,
    /// Why the last try failed; empty when none did.
    pub last_error: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_as_what_it_was_written_for() {
        assert!(Level::ALL.iter().all(|v| Level::parse(v.as_str()) == Some(*v)));
        assert!(Transition::ALL.iter().all(|v| Transition::parse(v.as_str()) == Some(*v)));
        assert!(Reason::ALL.iter().all(|v| Reason::parse(v.as_str()) == Some(*v)));
        assert!(Channel::ALL.iter().all(|v| Channel::parse(v.as_str()) == Some(*v)));
        assert!(Unit::ALL.iter().all(|v| Unit::parse(v.as_str()) == Some(*v)));
        assert!(DeliveryState::ALL.iter().all(|v| DeliveryState::parse(v.as_str()) == Some(*v)));
        assert_eq!(Level::parse("nothing"), None);
        assert!(Level::Critical > Level::Warning);
    }

    #[test]
    fn an_alert_is_named_by_its_key_and_its_beginning() {
        let key = |agent: &str, part: &str| AlertKey {
            site: SiteId("demo".to_owned()),
            rule: "disk_space".to_owned(),
            agent: AgentId(agent.to_owned()),
            part: part.to_owned(),
        };
        let id = key("app-1", "/").alert_id(1);
        assert_eq!(id.len(), 32);
        assert_eq!(id, key("app-1", "/").alert_id(1));
        assert_ne!(id, key("app-1", "/").alert_id(2));
        assert_ne!(id, key("app-1", "/data").alert_id(1));
        assert_ne!(id, key("app-2", "/").alert_id(1));
    }
}
