//! `token`: one-time tokens with which servers are enrolled.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use pantau_proto::limits;
use serde_json::json;

use super::{
    CONSOLE,
    listing::{Cell, Listing, Output, time_anywhere},
    operator,
};
use crate::{
    config::Settings,
    domain::{
        AgentId,
        identity::{Token, TokenId},
        now_ms,
    },
    identity::{self, new_token},
    store::{
        Store,
        audit::{Action, AuditEntry},
    },
};

/// Tokens that are listed, newest first.
const LISTED_MAX: u32 = 500;
/// Longest life of a token: what lies around that long is found by somebody.
const LIFE_MAX_MS: i64 = 30 * 86_400_000;

/// What `token` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token that enrols one server; it is shown this once
    Create(Create),
    /// List tokens, newest first, without their secrets
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Withdraw a token that was not used; what was enrolled with it stays (see: agents revoke)
    Revoke {
        /// Its number, as `token list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The site that the server belongs to
    #[arg(long, value_name = "ID")]
    site: String,
    /// Only for the server of this name; needed when a new machine takes over the name of another
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// How long it can be used: a number and s, m, h or d, at most 30d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = life_ms)]
    expires: i64,
    /// Print JSON; times are UTC milliseconds
    #[arg(long)]
    json: bool,
}

/// Does it; works beside a running collector.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let store = Store::open(&settings.store_url).await.context("cannot open the store")?;
    match args.command {
        TokenCommand::Create(create) => {
            print!("{}", make(&create, &store, &settings, now_ms()).await?);
            Ok(())
        }
        TokenCommand::List { output } => {
            listing(&store.tokens(LISTED_MAX).await?, &settings, now_ms()).print(output)
        }
        TokenCommand::Revoke { id } => {
            revoke(&id, &store, now_ms()).await?;
            println!("token {id} withdrawn");
            Ok(())
        }
    }
}

async fn make(create: &Create, store: &Store, settings: &Settings, now_ms: i64) -> Result<String> {
    let site = settings.site(&create.site)?.id.clone();
    if let Some(agent) = create.agent.as_ref().filter(|agent| !limits::is_id(agent)) {
        bail!("--agent \"{}\": 1 to 64 of a-z, 0-9 and - are allowed", agent.escape_debug());
    }
    let authority = identity::load_or_create(&settings.identity.ca_dir, now_ms)?;
    let (agent, by) = (create.agent.clone().map(AgentId), operator());
    let (token, text) = new_token(site, agent, &by, authority.sha256(), now_ms, create.expires);
    store.add_token(&token).await?;
    let entry = AuditEntry::new(now_ms, &by, Action::TokenCreated, &subject(&token), CONSOLE);
    store.audit(&entry).await?;
    if create.json {
        let answer = json!({"token": text, "id": token.id.to_string(), "site": token.site.0,
            "agent": create.agent, "expires_ms": token.expires_ms});
        return Ok(format!("{answer:#}\n"));
    }
    Ok(told(&token, &text, settings))
}

fn told(token: &Token, text: &str, settings: &Settings) -> String {
    let until = time_anywhere(token.expires_ms, settings.site(&token.site.0).ok());
    let (id, port) = (token.id, settings.ingest.port());
    format!(
        "token {id} for {}, until {until}; it is shown this once and works once\n\n  {text}\n\n\
         on the server: pantau-agent enroll --collector <this host>:{port} --token <token>\n",
        whom(token)
    )
}

async fn revoke(id: &str, store: &Store, now_ms: i64) -> Result<()> {
    let unknown = || {
        format!("there is no token \"{}\" that could be used; see: token list", id.escape_debug())
    };
    let id = TokenId::parse(id).with_context(unknown)?;
    let token =
        store.token(id).await?.filter(|token| token.used.is_none()).with_context(unknown)?;
    if !store.revoke_token(id, now_ms).await? {
        bail!(unknown());
    }
    let by = operator();
    let entry = AuditEntry::new(now_ms, &by, Action::TokenRevoked, &subject(&token), CONSOLE);
    Ok(store.audit(&entry).await?)
}

fn subject(token: &Token) -> String {
    format!("{} for {}", token.id, whom(token))
}

fn whom(token: &Token) -> String {
    match &token.agent {
        Some(agent) => format!("{}/{agent}", token.site),
        None => format!("{}/*", token.site),
    }
}

fn listing(tokens: &[Token], settings: &Settings, now_ms: i64) -> Listing {
    let row = |token: &Token| {
        let site = settings.site(&token.site.0).ok();
        vec![
            Cell::text(token.id.to_string()),
            Cell::text(token.site.0.as_str()),
            token.agent.as_ref().map_or(Cell::None, |agent| Cell::text(agent.0.as_str())),
            Cell::text(state(token, now_ms)),
            Cell::time_anywhere(token.expires_ms, site),
            Cell::time_anywhere(token.created_ms, site),
            Cell::text(token.created_by.as_str()),
        ]
    };
    let json = |token: &Token| {
        json!({"id": token.id.to_string(), "site": token.site.0, "state": state(token, now_ms),
            "agent": token.agent.as_ref().map(|agent| agent.0.as_str()),
            "created_by": token.created_by, "created_ms": token.created_ms,
            "expires_ms": token.expires_ms, "used_ms": token.used.map(|(ms, _)| ms),
            "revoked_ms": token.revoked_ms})
    };
    Listing {
        title: "Tokens for enrolment".to_owned(),
        empty: "None; make one: pantau-collector token create --site ID",
        columns: vec!["id", "site", "agent", "state", "expires", "created", "by"],
        rows: tokens.iter().map(row).collect(),
        json: json!({"token": tokens.iter().map(json).collect::<Vec<_>>()}),
    }
}

fn state(token: &Token, now_ms: i64) -> &'static str {
    match token {
        Token { used: Some(_), .. } => "used",
        Token { revoked_ms: Some(_), .. } => "withdrawn",
        Token { expires_ms, .. } if *expires_ms <= now_ms => "expired",
        _ => "open",
    }
}

/// A life such as `24h` in milliseconds.
fn life_ms(text: &str) -> Result<i64, String> {
    let allowed =
        || format!("write a number and s, m, h or d, up to {}d", LIFE_MAX_MS / 86_400_000);
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(allowed)?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ms: i64 = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(allowed()),
    };
    let life_ms = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit_ms));
    life_ms.filter(|ms| (1_000..=LIFE_MAX_MS).contains(ms)).ok_or_else(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::fresh;

    const NOW_MS: i64 = 1_795_000_000_000;

    fn settings(dir: &std::path::Path) -> Settings {
        let text = format!(
            "store = \"sqlite:{}\"\n[[site]]\nid = \"demo\"\nname = \"LPSE Demo\"\nzone = \
             \"Asia/Makassar\"",
            dir.join("pantau.db").display()
        );
        Settings::parse(&text).unwrap()
    }

    fn create(agent: Option<&str>, json: bool) -> Create {
        Create { site: "demo".into(), agent: agent.map(Into::into), expires: 3_600_000, json }
    }

    #[tokio::test]
    async fn a_made_token_carries_the_hash_of_the_authority_and_its_secret_is_not_kept() {
        let (store, dir) = fresh().await;
        let settings = settings(dir.path());
        let said = make(&create(None, true), &store, &settings, NOW_MS).await.unwrap();
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let token = pantau_proto::token::Token::parse(said["token"].as_str().unwrap()).unwrap();
        let authority = identity::load(&settings.identity.ca_dir).unwrap().unwrap();
        assert_eq!(token.ca_sha256, authority.sha256());
        assert_eq!(token.expires_s, 1_795_003_600);
        let kept = store.token(TokenId(token.id)).await.unwrap().unwrap();
        assert_ne!(&kept.secret_hash[..16], token.secret.as_slice());
        assert_eq!(said["id"], kept.id.to_string());
    }

    #[tokio::test]
    async fn people_read_for_whom_until_when_and_what_to_do() {
        let (store, dir) = fresh().await;
        let settings = settings(dir.path());
        let said = make(&create(Some("spse-1"), false), &store, &settings, NOW_MS).await.unwrap();
        for expected in ["demo/spse-1", "WITA", "pantau1.", "pantau-agent enroll", ":7411"] {
            assert!(said.contains(expected), "{said} should contain {expected}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_done_says_what_to_do() {
        let (store, dir) = fresh().await;
        let settings = settings(dir.path());
        let wrong_agent = make(&create(Some("SPSE 1"), false), &store, &settings, NOW_MS).await;
        assert!(wrong_agent.unwrap_err().to_string().contains("a-z"));
        let other = Create { site: "lain".into(), ..create(None, false) };
        let wrong_site = make(&other, &store, &settings, NOW_MS).await;
        assert!(wrong_site.unwrap_err().to_string().contains("known are: demo"));
        for id in ["", "x", "0000000000000000"] {
            let error = revoke(id, &store, NOW_MS).await.unwrap_err().to_string();
            assert!(error.contains("token list"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_token_is_listed_by_its_state_and_every_step_is_in_the_audit_log() {
        let (store, dir) = fresh().await;
        let settings = settings(dir.path());
        make(&create(None, false), &store, &settings, NOW_MS).await.unwrap();
        let token = store.tokens(9).await.unwrap().remove(0);
        assert_eq!(state(&token, NOW_MS), "open");
        assert_eq!(state(&token, token.expires_ms), "expired");
        revoke(&token.id.to_string(), &store, NOW_MS + 1).await.unwrap();
        assert!(revoke(&token.id.to_string(), &store, NOW_MS + 2).await.is_err());
        let token = store.tokens(9).await.unwrap().remove(0);
        assert_eq!(state(&token, NOW_MS), "withdrawn");
        let listed = listing(&[token], &settings, NOW_MS).json;
        assert_eq!(listed["token"][0]["site"], "demo");
        let audit = store.audit_entries(9).await.unwrap();
        let actions: Vec<_> = audit.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["token_revoked", "token_created"]);
    }

    #[test]
    fn a_life_has_a_unit_and_a_limit() {
        assert_eq!(life_ms("24h"), Ok(86_400_000));
        assert_eq!(life_ms("30d"), Ok(LIFE_MAX_MS));
        for wrong in ["", "24", "h", "0s", "31d", "1w", "99999999999999999999d", "-1h"] {
            assert!(life_ms(wrong).is_err(), "{wrong}");
        }
    }
}
