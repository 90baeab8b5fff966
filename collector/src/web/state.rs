//! The state of a site as of now: a pure decision with its reason.

use crate::domain::{availability::Target, batch::TargetState, summary::Server};

/// How a site stands. The order is the order of the national list: worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SiteState {
    /// A check fails at this moment.
    Down,
    /// An agent is not heard: what it would see is not known. Its last words are old, never "up".
    Silent,
    /// Answers, but too slowly or not as expected.
    Degraded,
    /// No agent of this site has ever called.
    Never,
    /// Every check of every server passes.
    Up,
}

impl SiteState {
    /// Every state, worst first.
    pub const ALL: [SiteState; 5] =
        [SiteState::Down, SiteState::Silent, SiteState::Degraded, SiteState::Never, SiteState::Up];

    /// The word in `data-state` and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            SiteState::Down => "down",
            SiteState::Silent => "silent",
            SiteState::Degraded => "degraded",
            SiteState::Never => "never",
            SiteState::Up => "up",
        }
    }
}

/// What was decided, and from what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How it stands.
    pub state: SiteState,
    /// Machine word for why: the check's own, `agent_silent`, `never_connected`, `contact_only` (in
    /// contact, no check reports yet); empty when up.
    pub reason: String,
    /// Which check decided, where one did.
    pub target: Option<Target>,
    /// Since when, UTC milliseconds, where known.
    pub since_ms: Option<i64>,
}

/// Whether a server's agent is silent at `now_ms`.
pub fn is_silent(server: &Server, now_ms: i64, silent_after_s: u32) -> bool {
    now_ms.saturating_sub(server.last_seen_ms) > i64::from(silent_after_s).saturating_mul(1_000)
}

/// The site's state: the worst of its servers', each the worst of its checks.
pub fn decide(servers: &[Server], now_ms: i64, silent_after_s: u32) -> Decision {
    servers
        .iter()
        .map(|server| decide_server(server, now_ms, silent_after_s))
        .min_by_key(|decision| (decision.state, decision.since_ms.unwrap_or(i64::MAX)))
        .unwrap_or_else(|| Decision {
            state: SiteState::Never,
            reason: "never_connected".to_owned(),
            target: None,
            since_ms: None,
        })
}

fn decide_server(server: &Server, now_ms: i64, silent_after_s: u32) -> Decision {
    if is_silent(server, now_ms, silent_after_s) {
        return Decision {
            state: SiteState::Silent,
            reason: "agent_silent".to_owned(),
            target: None,
            since_ms: Some(server.last_seen_ms),
        };
    }
    let known = server.live.targets.iter().filter_map(|check| Some((state_of(check)?, check)));
    match known.min_by_key(|(state, check)| (*state, check.since_ms)) {
        Some((state, check)) => Decision {
            state,
            reason: check.reason.clone(),
            target: Target::parse(&check.target),
            since_ms: Some(check.since_ms),
        },
        None => Decision {
            state: SiteState::Up,
            reason: "contact_only".to_owned(),
            target: None,
            since_ms: None,
        },
    }
}

/// `None` for a check that tells nothing now (unknown, or announced maintenance).
fn state_of(check: &TargetState) -> Option<SiteState> {
    match check.state.as_str() {
        "up" => Some(SiteState::Up),
        "degraded" => Some(SiteState::Degraded),
        "down" => Some(SiteState::Down),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::{
        AgentId, Epoch, SiteId,
        batch::{HostFacts, LiveState},
    };

    const NOW: i64 = 1_795_300_000_000;
    const SILENT_AFTER_S: u32 = 75;

    /// A server last seen `age_s` seconds before `now_ms`, with checks as (target, state, reason).
    pub(crate) fn server(now_ms: i64, age_s: i64, checks: &[(&str, &str, &str)]) -> Server {
        let check = |(target, state, reason): &(&str, &str, &str)| TargetState {
            target: (*target).to_owned(),
            state: (*state).to_owned(),
            since_ms: now_ms - 600_000,
            reason: (*reason).to_owned(),
            latency_ms: 12,
            subject: "http://127.0.0.1:9090/eproc4".to_owned(),
        };
        Server {
            site: SiteId("demo".to_owned()),
            agent: AgentId("app-1".to_owned()),
            version: "0.1.0".to_owned(),
            epoch: Epoch([1; 16]),
            boot_id: [2; 16],
            host: HostFacts::default(),
            sample: false,
            first_seen_ms: now_ms - 86_400_000,
            last_seen_ms: now_ms - age_s * 1_000,
            clock_offset_ms: 0,
            live: LiveState {
                at_ms: now_ms - age_s * 1_000,
                targets: checks.iter().map(check).collect(),
                ..LiveState::default()
            },
            database_facts: Vec::new(),
            uncounted: Default::default(),
        }
    }

    fn state(servers: &[Server]) -> (SiteState, String) {
        let decision = decide(servers, NOW, SILENT_AFTER_S);
        (decision.state, decision.reason)
    }

    #[test]
    fn the_state_of_a_site_follows_this_table() {
        use SiteState::*;
        let up = ("application", "up", "");
        let slow = ("application", "degraded", "slow");
        let down = ("application", "down", "http_500");
        let database_down = ("database", "down", "connect_refused");
        let unknown = ("database", "unknown", "pending");
        let of = |age_s, checks: &[_]| server(NOW, age_s, checks);
        let table = [
            (vec![], Never, "never_connected"),
            (vec![of(5, &[up])], Up, ""),
            (vec![of(75, &[up])], Up, ""),
            (vec![of(76, &[up])], Silent, "agent_silent"),
            (vec![of(76, &[down])], Silent, "agent_silent"),
            (vec![of(-5, &[up])], Up, ""),
            (vec![of(5, &[slow])], Degraded, "slow"),
            (vec![of(5, &[slow, database_down])], Down, "connect_refused"),
            (vec![of(5, &[up, unknown])], Up, ""),
            (vec![of(5, &[unknown])], Up, "contact_only"),
            (vec![of(5, &[])], Up, "contact_only"),
            (vec![of(5, &[up]), of(500, &[up])], Silent, "agent_silent"),
            (vec![of(500, &[up]), of(5, &[down])], Down, "http_500"),
            (vec![of(5, &[slow]), of(500, &[up])], Silent, "agent_silent"),
        ];
        for (servers, expected, reason) in table {
            assert_eq!(state(&servers), (expected, reason.to_owned()), "{servers:?}");
        }
    }

    #[test]
    fn a_silent_site_counts_its_silence_from_the_last_sign_of_life() {
        let decision = decide(&[server(NOW, 500, &[])], NOW, SILENT_AFTER_S);
        assert_eq!(decision.since_ms, Some(NOW - 500_000));
    }

    #[test]
    fn the_check_that_decided_is_named() {
        let checks = [("application", "up", ""), ("database", "down", "connect_refused")];
        let decision = decide(&[server(NOW, 1, &checks)], NOW, SILENT_AFTER_S);
        assert_eq!(decision.target, Some(Target::Database));
    }
}
