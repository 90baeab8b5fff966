//! `pantau-agent enroll`: exchanges a token for the identity of this server.

use std::{
    fs,
    io::{Read, Write},
    path::PathBuf,
    process::Stdio,
    sync::Arc,
};

use anyhow::{Context, bail};
use pantau_proto::limits;

use crate::{
    config::{Address, Secret, Settings},
    identity::{self, Enrolled, Request, Store},
    owner::Owner,
    ship::{Dialer, Meter},
};

/// A token is one line of 100 characters.
const TOKEN_BYTES_MAX: u64 = 4_096;

/// What was typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the collector listens for agents [default: `collector` of the settings].
    #[arg(long, value_name = "HOST:PORT")]
    pub collector: Option<Address>,
    /// The token, as `pantau-collector token create` printed it.
    #[arg(long, value_name = "TOKEN", required_unless_present = "token_file")]
    pub token: Option<Secret>,
    /// A file that holds the token, or - for standard input: other users of this machine can read a
    /// command line.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// This server's name within the site [default: `agent` of the settings, else the host name].
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Enrols again, also where the certificate still holds.
    #[arg(long)]
    pub replace: bool,
}

/// Enrols this server, and gives what a person should know. Run as root it does so as the owner of the
/// state folder, so that the agent can read what is stored.
pub async fn run(settings: &Settings, args: &Args, now_ms: i64) -> anyhow::Result<String> {
    let store = Store::within(&settings.state_dir);
    if let Some(known) = known(&store, args.replace)?
        && !known.is_expired(now_ms)
        && !args.replace
    {
        return Ok(format!(
            "this server is enrolled already, as {} of site {}, until {}; nothing was changed (--replace \
             enrols it again)",
            known.agent_id,
            known.site_id,
            shown(known.not_after_ms)
        ));
    }
    let token = token(args)?;
    if let Some(owner) = owner(settings)? {
        return run_as(&owner, &token);
    }
    let (request, dialer) = prepared(settings, args, token, now_ms)?;
    let enrolled = identity::enrol(&store, &dialer, &request).await?;
    agrees(settings, &enrolled)
}

fn owner(settings: &Settings) -> anyhow::Result<Option<Owner>> {
    Owner::of(&settings.state_dir).with_context(|| {
        format!(
            "it is not known whom the identity is for: make {dir} and give it to the agent's user, e.g. \
             install -d -m 700 -o pantau -g pantau {dir}",
            dir = settings.state_dir.display()
        )
    })
}

/// The token goes by standard input: other users of this machine can read a command line.
fn run_as(owner: &Owner, token: &Secret) -> anyhow::Result<String> {
    let mut child = owner.act(&["--token", "--token-file"], ["--token-file", "-"], |command| {
        command.stdin(Stdio::piped()).stdout(Stdio::piped())
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has ended says why itself.
        let _ = stdin.write_all(token.reveal().as_bytes());
    }
    let done = child.wait_with_output()?;
    // It has said why on standard error.
    anyhow::ensure!(done.status.success(), "this server was not enrolled");
    Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
}

/// An identity that is damaged is an error, unless it is to be replaced.
fn known(store: &Store, is_replaced: bool) -> anyhow::Result<Option<Enrolled>> {
    match store.load() {
        Err(_) if is_replaced => Ok(None),
        known => known,
    }
}

fn token(args: &Args) -> anyhow::Result<Secret> {
    let Some(file) = &args.token_file else {
        return args.token.clone().context("give a token with --token or --token-file");
    };
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().take(TOKEN_BYTES_MAX).read_to_string(&mut text)
    } else {
        let opened = fs::File::open(file);
        opened.and_then(|opened| opened.take(TOKEN_BYTES_MAX).read_to_string(&mut text))
    };
    read.with_context(|| format!("the token file {} cannot be read", file.display()))?;
    Ok(Secret::new(text.trim()))
}

fn prepared(
    settings: &Settings,
    args: &Args,
    token: Secret,
    now_ms: i64,
) -> anyhow::Result<(Request, Dialer)> {
    let address = args.collector.clone().or_else(|| settings.collector.address.clone());
    let address = address.context("say where the collector listens: --collector HOST:PORT")?;
    let hostname = sysinfo::System::host_name().unwrap_or_default();
    let Some(agent_id) = agent_id(args.agent.as_ref(), settings, &hostname) else {
        bail!(
            "the host name {hostname:?} cannot be this server's name: give one with --agent NAME"
        );
    };
    if let Some(typed) = settings.names.agent_id.as_ref().filter(|typed| **typed != agent_id) {
        bail!("--agent {agent_id:?}, but the settings say agent = {typed:?}: make them the same");
    }
    let meter = Meter::open(settings.state_dir.join("traffic.json"), settings.zone.clone(), now_ms);
    let dialer = Dialer::new(address, settings.collector.proxy.clone(), Arc::new(meter));
    let machine_id = identity::machine_id(&hostname);
    let tls_1_2 = settings.collector.tls_1_2;
    Ok((Request { token, agent_id, machine_id, hostname, tls_1_2 }, dialer))
}

/// What was typed, else what the settings say, else the first part of the host's name.
fn agent_id(typed: Option<&String>, settings: &Settings, hostname: &str) -> Option<String> {
    let said = typed.or(settings.names.agent_id.as_ref()).cloned();
    let own = || hostname.split('.').next().unwrap_or_default().to_lowercase();
    said.or_else(|| Some(own()).filter(|name| limits::is_id(name)))
}

fn agrees(settings: &Settings, enrolled: &Enrolled) -> anyhow::Result<String> {
    let Enrolled { site_id, agent_id, .. } = enrolled;
    let mut told = format!(
        "enrolled as {agent_id} of site {site_id}, until {}; the certificate renews itself. Start the \
         agent, or restart it if it runs: systemctl restart pantau-agent",
        shown(enrolled.not_after_ms)
    );
    if let Some(typed) = settings.names.site_id.as_ref().filter(|typed| *typed != site_id) {
        told = format!(
            "{told}\nBut the settings say site = {typed:?}: the agent does not start until that line is \
             taken out or corrected"
        );
    }
    Ok(told)
}

fn shown(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
#[path = "enroll/tests.rs"]
mod tests;
