//! A small site on a clock of seconds: what is known on one side, the ledger on the other.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Epoch, SiteId,
    batch::{HostFacts, LiveState, TargetState},
};

/// The period of all tests here, and the present unless a test says otherwise; seconds.
const END_S: i64 = 10_000;

fn seconds(from: i64, to: i64) -> Period {
    Period { from_ms: from * 1_000, to_ms: to * 1_000 }
}

fn agent_id(n: u8) -> AgentId {
    AgentId(format!("spse-{n}"))
}

fn server(n: u8, first_seen_s: i64) -> Server {
    Server {
        site: SiteId("demo".into()),
        agent: agent_id(n),
        version: "0.1.0".into(),
        epoch: Epoch([0; 16]),
        boot_id: [0; 16],
        host: HostFacts { boot_time_ms: -1_000_000, ..Default::default() },
        sample: false,
        first_seen_ms: first_seen_s * 1_000,
        last_seen_ms: 0,
        clock_offset_ms: 0,
        live: LiveState::default(),
        database_facts: Vec::new(),
        uncounted: Default::default(),
    }
}

/// One server, watched from before the period by a collector that ran all the time.
fn watched() -> Facts {
    Facts {
        servers: vec![server(1, -100)],
        collector_runs: vec![seconds(-1_000, END_S)],
        ..Default::default()
    }
}

fn saw(n: u8, target: Target, state: State, from: i64, to: i64) -> (AgentId, Observation) {
    let reason = if state == State::Up { "" } else { "http_500" }.to_owned();
    let period = seconds(from, to);
    (agent_id(n), Observation { target, state, period, reason, subject: "127.0.0.1:80".into() })
}

fn contact(n: u8, from: i64, to: i64) -> (AgentId, Period) {
    (agent_id(n), seconds(from, to))
}

fn live(target: Target, state: State, since_s: i64, at_s: i64) -> LiveState {
    LiveState {
        at_ms: at_s * 1_000,
        targets: vec![TargetState {
            target: target.as_str().to_owned(),
            state: state.as_str().to_owned(),
            since_ms: since_s * 1_000,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// `from-to state reason`, in seconds.
fn lines(facts: &Facts, target: Target) -> Vec<String> {
    conclude(facts, seconds(0, END_S), END_S * 1_000)
        .into_iter()
        .filter(|interval| interval.target == target)
        .map(|i| {
            let (from, to) = (i.period.from_ms / 1_000, i.period.to_ms / 1_000);
            format!("{from}-{to} {} {}", i.state.as_str(), i.reason).trim_end().to_owned()
        })
        .collect()
}

#[test]
fn what_was_observed_stands_with_its_reason() {
    let mut facts = watched();
    facts.contacts = vec![contact(1, 0, END_S)];
    facts.observations = vec![
        saw(1, Target::Application, State::Up, 0, 4_000),
        saw(1, Target::Application, State::Down, 4_000, 4_600),
        saw(1, Target::Application, State::Up, 4_600, END_S),
    ];
    assert_eq!(
        lines(&facts, Target::Application),
        ["0-4000 up", "4000-4600 down http_500", "4600-10000 up"]
    );
    assert_eq!(lines(&facts, Target::Database), ["0-10000 unknown no_probe_configured"]);
    assert_eq!(lines(&facts, Target::Edge), ["0-10000 unknown no_probe_configured"]);
}

#[test]
fn before_the_first_contact_nothing_is_known() {
    let mut facts = watched();
    facts.servers = vec![server(1, 3_000)];
    facts.contacts = vec![contact(1, 3_000, END_S)];
    facts.observations = vec![saw(1, Target::Application, State::Up, 3_000, END_S)];
    for target in [Target::Application, Target::Server, Target::Link] {
        assert_eq!(lines(&facts, target), ["0-3000 unknown not_watched_yet", "3000-10000 up"]);
    }
    facts.servers.clear();
    assert_eq!(lines(&facts, Target::Link), ["0-10000 unknown not_watched_yet"]);
}

#[test]
fn what_the_spool_brought_later_counts_from_before_the_first_contact() {
    let mut facts = watched();
    facts.servers = vec![server(1, 3_000)];
    facts.contacts = vec![contact(1, 3_000, END_S)];
    facts.observations = vec![saw(1, Target::Application, State::Up, 1_000, END_S)];
    assert_eq!(
        lines(&facts, Target::Application),
        ["0-1000 unknown not_watched_yet", "1000-10000 up"]
    );
    assert_eq!(lines(&facts, Target::Link), ["0-3000 unknown not_watched_yet", "3000-10000 up"]);
}

#[test]
fn a_cut_link_is_unknown_until_the_backlog_settles_it() {
    let mut facts = watched();
    facts.contacts = vec![contact(1, 0, 2_000), contact(1, 5_000, END_S)];
    facts.observations = vec![
        saw(1, Target::Application, State::Up, 0, 2_000),
        saw(1, Target::Application, State::Up, 5_000, END_S),
    ];
    let later = facts.observations.pop();
    assert_eq!(
        lines(&facts, Target::Application),
        ["0-2000 up", "2000-5000 unknown agent_silent", "5000-10000 unknown pending"]
    );
    // Batches come oldest first: what is later than the hole says that nothing will fill it.
    facts.observations.extend(later);
    let cut = ["0-2000 up", "2000-5000 unknown agent_not_running", "5000-10000 up"];
    assert_eq!(lines(&facts, Target::Application), cut);
    assert_eq!(lines(&facts, Target::Server), cut);

    facts.observations = vec![saw(1, Target::Application, State::Up, 0, END_S)];
    assert_eq!(lines(&facts, Target::Application), ["0-10000 up"]);
    assert_eq!(lines(&facts, Target::Server), ["0-10000 up"]);
    assert_eq!(
        lines(&facts, Target::Link),
        ["0-2000 up", "2000-5000 down no_contact", "5000-10000 up"]
    );
}

#[test]
fn while_the_collector_was_off_it_cannot_say_that_the_link_was_down() {
    let mut facts = watched();
    facts.collector_runs = vec![seconds(-1_000, 2_020), seconds(5_000, END_S)];
    facts.contacts = vec![contact(1, 0, 2_000), contact(1, 5_030, END_S)];
    let expected = ["0-2020 up", "2020-5030 unknown collector_off", "5030-10000 up"];
    assert_eq!(lines(&facts, Target::Link), expected);
    assert_eq!(lines(&facts, Target::Server), expected);
}

#[test]
fn an_agent_that_stays_away_after_the_collectors_return_is_missed() {
    let mut facts = watched();
    facts.collector_runs = vec![seconds(-1_000, 2_000), seconds(5_000, END_S)];
    facts.contacts = vec![contact(1, 0, 2_000), contact(1, 6_000, END_S)];
    assert_eq!(
        lines(&facts, Target::Link),
        [
            "0-2000 up",
            "2000-5075 unknown collector_off",
            "5075-6000 down no_contact",
            "6000-10000 up"
        ]
    );
}

#[test]
fn a_reboot_is_down_from_the_last_sign_to_the_boot() {
    let mut facts = watched();
    facts.servers[0].host.boot_time_ms = 2_600 * 1_000;
    facts.contacts = vec![contact(1, 0, 2_000), contact(1, 2_700, END_S)];
    facts.observations = vec![
        saw(1, Target::Server, State::Up, 0, 2_010),
        saw(1, Target::Server, State::Up, 2_690, END_S),
    ];
    assert_eq!(
        lines(&facts, Target::Server),
        [
            "0-2010 up",
            "2010-2600 down machine_rebooted",
            "2600-2690 unknown agent_not_running",
            "2690-10000 up"
        ]
    );
}

#[test]
fn a_quick_reboot_is_not_hidden_by_the_contact_that_bridges_it() {
    let mut facts = watched();
    facts.servers[0].host.boot_time_ms = 2_040 * 1_000;
    facts.contacts = vec![contact(1, 0, END_S)];
    facts.observations = vec![
        saw(1, Target::Server, State::Up, 0, 2_010),
        saw(1, Target::Server, State::Up, 2_050, END_S),
    ];
    assert_eq!(
        lines(&facts, Target::Server),
        [
            "0-2010 up",
            "2010-2040 down machine_rebooted",
            "2040-2050 unknown agent_not_running",
            "2050-10000 up"
        ]
    );
}

#[test]
fn a_contact_that_bridges_a_dead_agent_does_not_make_its_server_up() {
    let mut facts = watched();
    facts.contacts = vec![contact(1, 0, END_S)];
    facts.observations = vec![
        saw(1, Target::Server, State::Up, 0, 2_000),
        saw(1, Target::Application, State::Up, 0, 2_000),
        saw(1, Target::Server, State::Up, 2_065, END_S),
        saw(1, Target::Application, State::Up, 2_065, END_S),
    ];
    let expected = ["0-2000 up", "2000-2065 unknown agent_not_running", "2065-10000 up"];
    assert_eq!(lines(&facts, Target::Server), expected);
    assert_eq!(lines(&facts, Target::Application), expected);
}

#[test]
fn a_contact_that_bridges_a_dead_collector_does_not_make_the_link_up() {
    let mut facts = watched();
    facts.collector_runs = vec![seconds(-1_000, 2_000), seconds(2_037, END_S)];
    facts.contacts = vec![contact(1, 0, END_S)];
    facts.observations = vec![saw(1, Target::Application, State::Up, 0, END_S)];
    assert_eq!(
        lines(&facts, Target::Link),
        ["0-2000 up", "2000-2037 unknown collector_off", "2037-10000 up"]
    );
    assert_eq!(lines(&facts, Target::Application), ["0-10000 up"]);
}

#[test]
fn a_target_that_a_running_agent_says_nothing_of_is_one_it_cannot_tell() {
    let mut facts = watched();
    facts.contacts = vec![contact(1, 0, END_S)];
    facts.observations = vec![
        saw(1, Target::Server, State::Up, 0, END_S),
        saw(1, Target::Database, State::Up, 0, 4_000),
        saw(1, Target::Database, State::Up, 6_000, END_S),
    ];
    assert_eq!(
        lines(&facts, Target::Database),
        ["0-4000 up", "4000-6000 unknown cannot_tell", "6000-10000 up"]
    );
}

#[test]
fn the_newest_minutes_are_the_heartbeats_state_since_its_beginning() {
    let mut facts = watched();
    facts.contacts = vec![contact(1, 0, END_S - 20)];
    facts.servers[0].live = live(Target::Application, State::Down, END_S - 50, END_S - 20);
    facts.observations = vec![saw(1, Target::Application, State::Up, 0, END_S - 100)];
    assert_eq!(
        lines(&facts, Target::Application),
        ["0-9900 up", "9900-9950 unknown pending", "9950-10000 down"]
    );
    assert_eq!(lines(&facts, Target::Link), ["0-10000 up"]);
}

#[test]
fn an_old_heartbeat_says_nothing_of_now() {
    let mut facts = watched();
    facts.contacts = vec![contact(1, 0, 5_000)];
    facts.servers[0].live = live(Target::Application, State::Up, 100, 5_000);
    facts.observations = vec![saw(1, Target::Application, State::Up, 0, 4_950)];
    assert_eq!(
        lines(&facts, Target::Application),
        ["0-5000 up", "5000-10000 unknown agent_silent"]
    );
    assert_eq!(lines(&facts, Target::Link), ["0-5000 up", "5000-10000 down no_contact"]);
}

#[test]
fn of_several_probes_the_worst_counts_and_a_silent_one_is_missed() {
    let mut facts = watched();
    facts.servers.push(server(2, -100));
    facts.contacts = vec![contact(1, 0, END_S), contact(2, 0, 6_000)];
    facts.observations = vec![
        saw(1, Target::Application, State::Up, 0, END_S),
        saw(2, Target::Application, State::Up, 1_000, 3_000),
        saw(2, Target::Application, State::Down, 3_000, 4_000),
        saw(2, Target::Application, State::Up, 4_000, 6_000),
    ];
    assert_eq!(
        lines(&facts, Target::Application),
        ["0-3000 up", "3000-4000 down http_500", "4000-6000 up", "6000-10000 unknown agent_silent"]
    );
}

#[test]
fn a_second_server_leaves_the_time_before_it_as_it_was() {
    let mut facts = watched();
    facts.servers.push(server(2, 8_000));
    facts.contacts = vec![contact(1, 0, END_S), contact(2, 8_000, END_S)];
    for target in [Target::Server, Target::Link] {
        assert_eq!(lines(&facts, target), ["0-10000 up"]);
    }
}

#[test]
fn an_agent_in_contact_that_never_probed_has_no_probe() {
    let mut facts = watched();
    facts.contacts = vec![contact(1, 0, END_S)];
    facts.observations = vec![saw(1, Target::Database, State::Up, 7_000, END_S)];
    assert_eq!(lines(&facts, Target::Application), ["0-10000 unknown no_probe_configured"]);
    assert_eq!(
        lines(&facts, Target::Database),
        ["0-7000 unknown no_probe_configured", "7000-10000 up"]
    );
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let span = || (-200i64..END_S + 200, 0i64..4_000).prop_map(|(from, len)| (from, from + len));
    let target = || prop::sample::select(Target::ALL.to_vec());
    let state = || prop::sample::select(State::ALL.to_vec());
    let seen = (1u8..3, target(), state(), span())
        .prop_map(|(n, target, state, (from, to))| saw(n, target, state, from, to));
    let contacts = (1u8..3, span()).prop_map(|(n, (from, to))| contact(n, from, to));
    let servers = (1u8..3, -500i64..END_S, -500i64..END_S, target(), state(), span()).prop_map(
        |(n, first, boot, target, state, (since, at))| {
            let mut server = server(n, first);
            server.host.boot_time_ms = boot * 1_000;
            server.live = live(target, state, since, at);
            server
        },
    );
    (
        prop::collection::vec(servers, 0..3),
        prop::collection::vec(seen, 0..12),
        prop::collection::vec(contacts, 0..8),
        prop::collection::vec(span().prop_map(|(from, to)| seconds(from, to)), 0..4),
    )
        .prop_map(|(servers, observations, contacts, collector_runs)| Facts {
            servers,
            observations,
            contacts,
            collector_runs,
        })
}

proptest! {
    #[test]
    fn whatever_is_known_the_states_add_up_to_the_whole(facts in any_facts(), now_s in 0i64..=END_S) {
        let period = seconds(0, END_S);
        let ledger = conclude(&facts, period, now_s * 1_000);
        for target in Target::ALL {
            let mut at_ms = 0;
            let of_target: Vec<_> = ledger.iter().filter(|i| i.target == target).collect();
            for interval in &of_target {
                prop_assert_eq!(interval.period.from_ms, at_ms, "a hole or an overlap");
                prop_assert!(interval.period.len_ms() > 0);
                at_ms = interval.period.to_ms;
            }
            prop_assert_eq!(at_ms, now_s * 1_000);
            let differ = |w: &[&Interval]| (w[0].state, &w[0].reason) != (w[1].state, &w[1].reason);
            prop_assert!(of_target.windows(2).all(differ), "neighbours are merged");
            let s = shares(&ledger, target);
            let sum = s.up_ms + s.down_ms + s.degraded_ms + s.maintenance_ms + s.unknown_ms;
            prop_assert_eq!(sum, now_s * 1_000);
        }
    }

    #[test]
    fn without_any_evidence_nothing_is_up(first_s in -500i64..END_S) {
        let facts = Facts { servers: vec![server(1, first_s)], ..watched() };
        let ledger = conclude(&facts, seconds(0, END_S), END_S * 1_000);
        prop_assert!(ledger.iter().all(|interval| interval.state != State::Up));
    }
}
