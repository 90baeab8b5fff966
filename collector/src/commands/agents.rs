//! `agents`: which servers may send, and revoking them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde_json::json;

use super::{
    CONSOLE,
    listing::{Cell, Listing, Output},
    operator,
};
use crate::{
    config::{Settings, Site},
    domain::{
        AgentId, SiteId,
        identity::Certificate,
        now_ms,
        summary::{Server, Uncounted},
    },
    store::{
        Store,
        audit::{Action, AuditEntry},
    },
};

const DAY_MS: i64 = 86_400_000;

/// What `agents` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: AgentsCommand,
}

#[derive(Debug, Subcommand)]
enum AgentsCommand {
    /// List servers with their certificates: until when, last seen, what state they are in, and how many
    /// of their batches are not counted: `waiting` for definitions of the agent, or set aside as `damaged`
    List {
        /// This site only
        #[arg(long, value_name = "ID")]
        site: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Refuse a server from now on; an open stream ends within 5 seconds. It can be enrolled again
    Revoke {
        /// The site of the server
        #[arg(long, value_name = "ID")]
        site: String,
        /// Its name
        #[arg(long, value_name = "ID")]
        agent: String,
        /// Why, for those who read the list later
        #[arg(long, value_name = "TEXT", default_value = "revoked by hand")]
        reason: String,
    },
}

/// A server and what is known of its identity.
struct Agent<'a> {
    site: &'a Site,
    name: AgentId,
    certificate: Option<Certificate>,
    seen_ms: i64,
    uncounted: Uncounted,
}

/// Does it; works beside a running collector.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let store = Store::open(&settings.store_url).await.context("cannot open the store")?;
    match args.command {
        AgentsCommand::List { site, output } => {
            let chosen: Vec<&Site> = match &site {
                Some(id) => vec![settings.site(id)?],
                None => settings.sites.iter().collect(),
            };
            let agents = known(&store, &chosen).await?;
            let grace_days = settings.identity.certificate_grace_days.into();
            listing(&agents, grace_days, now_ms()).print(output)
        }
        AgentsCommand::Revoke { site, agent, reason } => {
            // A site that is not in the settings any more may still have certificates.
            revoke(&store, &SiteId(site), &AgentId(agent), &reason, now_ms()).await
        }
    }
}

async fn known<'a>(store: &Store, sites: &[&'a Site]) -> Result<Vec<Agent<'a>>> {
    let mut agents = Vec::new();
    for site in sites {
        let new = |name: &AgentId| Agent {
            site,
            name: name.clone(),
            certificate: None,
            seen_ms: 0,
            uncounted: Uncounted::default(),
        };
        let mut of_site: BTreeMap<AgentId, Agent<'_>> = BTreeMap::new();
        for Server { agent, last_seen_ms, uncounted, .. } in store.servers(Some(&site.id)).await? {
            let known = Agent { seen_ms: last_seen_ms, uncounted, ..new(&agent) };
            of_site.insert(agent, known);
        }
        for certificate in store.site_certificates(&site.id).await? {
            let name = certificate.agent.clone();
            let agent = of_site.entry(name).or_insert_with_key(new);
            let shown = &mut agent.certificate;
            // Newest first; one that stands goes before newer ones that do not.
            let better = shown.as_ref().is_none_or(|shown| shown.revoked.is_some())
                && (shown.is_none() || certificate.revoked.is_none());
            if better {
                *shown = Some(certificate);
            }
        }
        agents.extend(of_site.into_values());
    }
    Ok(agents)
}

async fn revoke(
    store: &Store,
    site: &SiteId,
    agent: &AgentId,
    reason: &str,
    now_ms: i64,
) -> Result<()> {
    let revoked = store.revoke_agent(site, agent, reason, now_ms).await?;
    if revoked == 0 {
        bail!(
            "no certificate of \"{}/{}\" stands; see: agents list",
            site.0.escape_debug(),
            agent.0.escape_debug()
        );
    }
    let subject = format!("{site}/{agent}");
    let entry = AuditEntry::new(now_ms, &operator(), Action::AgentRevoked, &subject, CONSOLE);
    store.audit(&entry).await?;
    println!(
        "{subject} is refused from now on ({revoked} certificates); to let it in again: \
         pantau-collector token create --site {site} --agent {agent}"
    );
    Ok(())
}

fn listing(agents: &[Agent<'_>], grace_days: i64, now_ms: i64) -> Listing {
    let until = |agent: &Agent<'_>| agent.certificate.as_ref().map_or(0, |c| c.not_after_ms);
    let count = |batches: u64| Cell::Number(i64::try_from(batches).unwrap_or(i64::MAX));
    let row = |agent: &Agent<'_>| {
        let (state, reason) = state(agent.certificate.as_ref(), grace_days, now_ms);
        vec![
            Cell::text(agent.site.id.0.as_str()),
            Cell::text(agent.name.0.as_str()),
            Cell::text(state),
            Cell::time(until(agent), agent.site),
            Cell::time(agent.seen_ms, agent.site),
            count(agent.uncounted.waiting),
            count(agent.uncounted.damaged),
            if reason.is_empty() { Cell::None } else { Cell::text(reason) },
        ]
    };
    let json = |agent: &Agent<'_>| {
        let (state, reason) = state(agent.certificate.as_ref(), grace_days, now_ms);
        json!({"site": agent.site.id.0, "agent": agent.name.0, "state": state,
            "reason": reason, "certificate_until_ms": until(agent),
            "serial": agent.certificate.as_ref().map(|c| c.serial.to_string()),
            "last_seen_ms": agent.seen_ms, "batches_waiting": agent.uncounted.waiting,
            "batches_damaged": agent.uncounted.damaged})
    };
    Listing {
        title: "Servers and their certificates".to_owned(),
        empty: "None; make a token for the first: pantau-collector token create --site ID",
        columns: vec![
            "site",
            "agent",
            "state",
            "certificate_until",
            "last_seen",
            "waiting",
            "damaged",
            "reason",
        ],
        rows: agents.iter().map(row).collect(),
        json: json!({"agents": agents.iter().map(json).collect::<Vec<_>>()}),
    }
}

/// In which state a server's identity is, and why.
fn state(certificate: Option<&Certificate>, grace_days: i64, now_ms: i64) -> (&'static str, &str) {
    let Some(certificate) = certificate else { return ("not enrolled", "") };
    if let Some((_, reason)) = &certificate.revoked {
        return ("revoked", reason);
    }
    let expired_for_ms = now_ms.saturating_sub(certificate.not_after_ms);
    match expired_for_ms {
        ..=0 if certificate.seen_ms.is_none() => ("enrolled", "has not called yet"),
        ..=0 => ("active", ""),
        1.. if expired_for_ms <= grace_days.saturating_mul(DAY_MS) => {
            ("expired", "renews itself when the server is back")
        }
        _ => ("expired", "needs a new token"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::identity::Serial,
        store::{Issue, fixtures, tests::fresh},
    };

    const NOW_MS: i64 = 1_795_000_000_000;

    fn certificate(serial: u8, agent: &str) -> Certificate {
        Certificate {
            serial: Serial([serial; 16]),
            site: SiteId("demo".into()),
            agent: AgentId(agent.into()),
            der: vec![1],
            key_hash: [serial; 32],
            machine_id: None,
            issued_ms: NOW_MS + i64::from(serial),
            not_before_ms: NOW_MS,
            not_after_ms: NOW_MS + 90 * DAY_MS,
            seen_ms: Some(NOW_MS + 5),
            revoked: None,
        }
    }

    fn site() -> Site {
        let text = "store = \"sqlite:x.db\"\n[[site]]\nid = \"demo\"\nname = \"LPSE Demo\"\nzone = \
                    \"Asia/Makassar\"";
        Settings::parse(text).unwrap().sites.remove(0)
    }

    #[test]
    fn a_state_says_what_happens_next() {
        let whole = certificate(1, "spse-1");
        let new = Certificate { seen_ms: None, ..whole.clone() };
        let gone = Certificate { revoked: Some((1, "stolen".into())), ..whole.clone() };
        let end_ms = whole.not_after_ms;
        assert_eq!(state(None, 400, NOW_MS), ("not enrolled", ""));
        assert_eq!(state(Some(&whole), 400, end_ms), ("active", ""));
        assert_eq!(state(Some(&new), 400, NOW_MS).0, "enrolled");
        assert_eq!(state(Some(&gone), 400, NOW_MS), ("revoked", "stolen"));
        assert!(state(Some(&whole), 400, end_ms + 400 * DAY_MS).1.contains("renews itself"));
        assert!(state(Some(&whole), 400, end_ms + 400 * DAY_MS + 1).1.contains("new token"));
    }

    #[tokio::test]
    async fn each_server_is_listed_once_with_the_certificate_that_stands() {
        let (store, _dir) = fresh().await;
        let superseded = Certificate {
            revoked: Some((NOW_MS, "superseded".into())),
            ..certificate(3, "spse-1")
        };
        for certificate in [certificate(1, "spse-1"), superseded, certificate(2, "spse-2")] {
            let issue = Issue { certificate, token: None, supersedes: vec![] };
            store.issue(&issue, NOW_MS).await.unwrap();
        }
        let site = site();
        let listed = |agents: &[Agent<'_>]| -> Vec<(String, String)> {
            let row = |agent: &serde_json::Value| {
                let text = |key: &str| agent[key].as_str().unwrap_or_default().to_owned();
                (text("agent"), text("state"))
            };
            listing(agents, 400, NOW_MS).json["agents"]
                .as_array()
                .unwrap()
                .iter()
                .map(row)
                .collect()
        };
        let row = |agent: &str, state: &str| (agent.to_owned(), state.to_owned());
        let before = known(&store, &[&site]).await.unwrap();
        assert_eq!(listed(&before), [row("spse-1", "active"), row("spse-2", "active")]);

        revoke(&store, &site.id, &AgentId("spse-1".into()), "stolen", NOW_MS).await.unwrap();
        let after = known(&store, &[&site]).await.unwrap();
        assert_eq!(listed(&after), [row("spse-1", "revoked"), row("spse-2", "active")]);
        let again = revoke(&store, &site.id, &AgentId("spse-1".into()), "x", NOW_MS).await;
        assert!(again.unwrap_err().to_string().contains("agents list"));
        assert_eq!(store.audit_entries(9).await.unwrap()[0].subject, "demo/spse-1");
    }

    #[tokio::test]
    async fn batches_that_are_not_counted_are_listed_with_their_server() {
        let (store, _dir) = fresh().await;
        let mut contents = fixtures::Contents::default();
        let mut junk = contents.naming(1, &[], &[]);
        junk.frame.data = vec![250];
        let waiting = [contents.naming(2, &[], &[7]), contents.naming(3, &[], &[7])];
        store.register(&fixtures::hello(), &contents, NOW_MS).await.unwrap();
        store.save(&[junk]).await.unwrap();
        store.save(&waiting).await.unwrap();
        contents.fold(&store).await;
        let site = Site { id: fixtures::site(), ..site() };
        let agents = known(&store, &[&site]).await.unwrap();
        let told = &listing(&agents, 400, NOW_MS).json["agents"][0];
        assert_eq!((&told["batches_waiting"], &told["batches_damaged"]), (&json!(2), &json!(1)));
    }
}
