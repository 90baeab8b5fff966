//! Machine words for what is concluded here. Words of observed states (`http_500`, …) are the agent's.

/// Before the first contact with the site.
pub const NOT_WATCHED_YET: &str = "not_watched_yet";
/// No probe of this target is known.
pub const NO_PROBE: &str = "no_probe_configured";
/// The agent is in contact; what it saw then has not arrived yet.
pub const PENDING: &str = "pending";
/// The collector was not running, and no observation from then has arrived.
pub const COLLECTOR_OFF: &str = "collector_off";
/// The agent was not heard, and no observation from then has arrived.
pub const AGENT_SILENT: &str = "agent_silent";
/// The agent watched other targets then; of this one it could not tell (a database that refuses its
/// role).
pub const CANNOT_TELL: &str = "cannot_tell";
/// The machine ran (it has not booted since), the agent did not.
pub const AGENT_NOT_RUNNING: &str = "agent_not_running";
/// The machine booted at the end of the interval, and nothing was seen of it within.
pub const MACHINE_REBOOTED: &str = "machine_rebooted";
/// Link: the collector was running and heard nothing.
pub const NO_CONTACT: &str = "no_contact";
