//! What is known at a tick: one fact for each part of each server and rule, and one for each remembered
//! key that nothing is said of any more.

use std::collections::{BTreeMap, HashMap};

use crate::{
    config::Thresholds,
    domain::{
        AgentId, SiteId,
        alert::{AlertKey, Detail, Reason},
        summary::Server,
    },
};

use super::{
    decide::{Moment, Reading},
    rules::{Part, RULES, Report, Rule},
};

/// Parts of one server that one rule looks at; further ones are left out. Far above what a server has,
/// and keeps an agent that reports nonsense from filling the store.
const PARTS_PER_SERVER_MAX: usize = 64;
/// Longest name of a part, in characters.
const PART_CHARS_MAX: usize = 200;

/// What is seen of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Of what.
    pub key: AlertKey,
    /// What.
    pub reading: Reading,
    /// Figures for the text.
    pub detail: Detail,
    /// The server watches generated sample data.
    pub sample: bool,
}

/// Facts of all `servers`, and of the keys in `remembered` that these say nothing of.
pub fn gather<'a>(
    servers: &[Server],
    remembered: impl Iterator<Item = &'a AlertKey>,
    thresholds: &Thresholds,
    moment: Moment,
) -> Vec<Fact> {
    let mut facts = BTreeMap::new();
    for server in servers {
        for rule in &RULES {
            for fact in told(rule, server, thresholds, moment) {
                facts.entry(fact.key.clone()).or_insert(fact);
            }
        }
    }
    let by_name = servers.iter().map(|server| ((&server.site, &server.agent), server)).collect();
    for key in remembered {
        facts.entry(key.clone()).or_insert_with(|| untold(key, &by_name, thresholds, moment));
    }
    facts.into_values().collect()
}

fn told(rule: &Rule, server: &Server, thresholds: &Thresholds, moment: Moment) -> Vec<Fact> {
    let Report::Parts(parts) = (rule.read)(server, thresholds, moment) else { return Vec::new() };
    let fact = |part: Part| Fact {
        key: AlertKey {
            site: server.site.clone(),
            rule: rule.name.to_owned(),
            agent: server.agent.clone(),
            part: printable(&part.name),
        },
        reading: part.reading,
        detail: Detail { cause: printable(&part.detail.cause), ..part.detail },
        sample: server.sample,
    };
    parts.into_iter().take(PARTS_PER_SERVER_MAX).map(fact).collect()
}

fn untold(
    key: &AlertKey,
    servers: &HashMap<(&SiteId, &AgentId), &Server>,
    thresholds: &Thresholds,
    moment: Moment,
) -> Fact {
    let server = servers.get(&(&key.site, &key.agent));
    let rule = RULES.iter().find(|rule| rule.name == key.rule);
    let reading = match (server, rule) {
        (None, _) => Reading::Gone(Reason::ServerRemoved),
        (Some(_), None) => Reading::Gone(Reason::NotWatched),
        (Some(server), Some(rule)) => match (rule.read)(server, thresholds, moment) {
            Report::Unknown => Reading::Unknown,
            Report::Parts(_) => Reading::Gone(Reason::NotWatched),
        },
    };
    let sample = server.is_some_and(|server| server.sample);
    Fact { key: key.clone(), reading, detail: Detail::default(), sample }
}

/// Names come from agents and go into mail headers: one line, bounded.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(PART_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::testing::server;

    const NOW: Moment = Moment { now_ms: 1_000_000, watching_since_ms: 0 };

    fn key(rule: &str, agent: &str, part: &str) -> AlertKey {
        AlertKey {
            site: SiteId("demo".to_owned()),
            rule: rule.to_owned(),
            agent: AgentId(agent.to_owned()),
            part: part.to_owned(),
        }
    }

    fn reading(servers: &[Server], key: &AlertKey) -> Reading {
        let remembered = [key.clone()];
        let facts = gather(servers, remembered.iter(), &Thresholds::default(), NOW);
        facts.into_iter().find(|fact| fact.key == *key).unwrap().reading
    }

    #[test]
    fn a_remembered_key_without_a_fact_says_why_there_is_none() {
        let fresh = [server("app-1", NOW.now_ms)];
        let silent = [server("app-1", 0)];
        let gone = key("disk_space", "app-1", "/data");
        assert_eq!(reading(&fresh, &gone), Reading::Gone(Reason::NotWatched));
        assert_eq!(reading(&silent, &gone), Reading::Unknown);
        assert_eq!(reading(&[], &gone), Reading::Gone(Reason::ServerRemoved));
        let of_a_later_version = key("inodes", "app-1", "");
        assert_eq!(reading(&fresh, &of_a_later_version), Reading::Gone(Reason::NotWatched));
        assert_eq!(reading(&fresh, &key("disk_space", "app-1", "/")), Reading::Figure(500));
    }

    #[test]
    fn names_from_an_agent_are_one_bounded_line_and_few() {
        let mut odd = server("app-1", NOW.now_ms);
        let disks = &mut odd.live.host.as_mut().unwrap().disks;
        let like = disks[0].clone();
        disks[0].mount = format!("/a\r\nBcc: x\0{}", "y".repeat(500));
        for n in 0..1_000 {
            disks.push(crate::domain::batch::DiskSample { mount: format!("/{n}"), ..like.clone() });
        }
        let facts = gather(&[odd], [].iter(), &Thresholds::default(), NOW);
        let mounts: Vec<_> = facts.iter().filter(|f| f.key.rule == "disk_space").collect();
        assert_eq!(mounts.len(), PARTS_PER_SERVER_MAX);
        assert!(mounts.iter().all(|f| !f.key.part.contains(char::is_control)));
        assert!(mounts.iter().all(|f| f.key.part.chars().count() <= PART_CHARS_MAX));
    }
}
