//! `pantau-collector user`: who may sign in.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use comfy_table::{Table, presets::NOTHING};
use jiff::Timestamp;

use super::{CONSOLE, operator};
use crate::{
    config::{Secret, Settings},
    domain::now_ms,
    store::{
        Store,
        audit::{Action, AuditEntry},
        people::{NAME_BYTES_MAX, Role},
    },
    web::password,
};

/// Arguments of `user`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: UserCommand,
}

/// What to do with people.
#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a person who may sign in (role ito: sees every site)
    Add(Named),
    /// Give a person a new password and end their sessions
    Passwd(Named),
    /// List who may sign in
    List,
    /// Remove a person and end their sessions
    Remove {
        /// Name the person signs in with
        #[arg(long)]
        name: String,
    },
}

/// A person and where the password comes from.
#[derive(Debug, clap::Args)]
struct Named {
    /// Name to sign in with: 1 to 64 of a-z, A-Z, 0-9, '.', '-', '_' and '@'
    #[arg(long)]
    name: String,
    /// Read the password from the first line of standard input instead of making one
    #[arg(long)]
    password_stdin: bool,
}

/// Changes people in the store of the settings; works beside a running collector.
pub async fn execute(args: Args, settings: Settings) -> Result<()> {
    let store = Store::open(&settings.store_url).await?;
    let operator = operator();
    let (mut input, mut out) = (std::io::stdin().lock(), std::io::stdout().lock());
    run(&args.command, &store, &operator, now_ms(), &mut input, &mut out).await
}

/// Runs the command; `input` is standard input, `out` standard output, `operator` the user of the
/// operating system, for the audit log.
async fn run(
    command: &UserCommand,
    store: &Store,
    operator: &str,
    now_ms: i64,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<()> {
    let note = |action, name: &str| AuditEntry::new(now_ms, operator, action, name, CONSOLE);
    match command {
        UserCommand::Add(person) => {
            let (password, made) = person.password(input)?;
            let hash = password::hash(&password)?;
            if !store.add_person(&person.name, Role::Ito, &hash, now_ms).await? {
                bail!(
                    "\"{0}\" exists already; to give a new password: user passwd --name {0}",
                    person.name
                );
            }
            store.audit(&note(Action::PersonAdded, &person.name)).await?;
            tell(out, &person.name, made.then_some(&password), "added")
        }
        UserCommand::Passwd(person) => {
            let (password, made) = person.password(input)?;
            let hash = password::hash(&password)?;
            if !store.set_password(&person.name, &hash, now_ms).await? {
                bail!(unknown(&person.name));
            }
            store.audit(&note(Action::PasswordChanged, &person.name)).await?;
            tell(out, &person.name, made.then_some(&password), "has a new password")
        }
        UserCommand::List => list(store, out).await,
        UserCommand::Remove { name } => {
            if !store.remove_person(name).await? {
                bail!(unknown(name));
            }
            store.audit(&note(Action::PersonRemoved, name)).await?;
            Ok(writeln!(out, "{name} removed")?)
        }
    }
}

impl Named {
    /// The password, and whether it was made here.
    fn password(&self, input: &mut impl BufRead) -> Result<(Secret, bool)> {
        if !is_name(&self.name) {
            bail!(
                "name \"{}\": 1 to {NAME_BYTES_MAX} of a-z, A-Z, 0-9, '.', '-', '_' and '@' are allowed",
                self.name.escape_debug()
            );
        }
        if !self.password_stdin {
            return Ok((password::generate(), true));
        }
        let mut line = String::new();
        input.read_line(&mut line).context("cannot read the password from standard input")?;
        Ok((Secret::new(line.trim_end_matches(['\r', '\n'])), false))
    }
}

/// Whether `name` may be a person's.
fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_@".contains(&b);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

fn unknown(name: &str) -> String {
    format!("there is no \"{}\"; see: user list", name.escape_debug())
}

fn tell(out: &mut impl Write, name: &str, made: Option<&Secret>, done: &str) -> Result<()> {
    writeln!(out, "{name} {done}")?;
    if let Some(password) = made {
        writeln!(out, "password (shown this once): {}", password.reveal())?;
    }
    Ok(())
}

async fn list(store: &Store, out: &mut impl Write) -> Result<()> {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["NAME", "ROLE", "ADDED", "PASSWORD SET"]);
    let time = |ms| Timestamp::from_millisecond(ms).map(|t| t.strftime("%F %TZ").to_string());
    for person in store.people().await? {
        table.add_row([
            person.name,
            person.role,
            time(person.created_ms)?,
            time(person.changed_ms)?,
        ]);
    }
    Ok(writeln!(out, "{table}")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::fresh;

    async fn try_run(store: &Store, command: UserCommand, typed: &str) -> Result<String> {
        let mut out = Vec::new();
        run(&command, store, "root", 1, &mut typed.as_bytes(), &mut out).await?;
        Ok(String::from_utf8(out)?)
    }

    fn named(name: &str, password_stdin: bool) -> Named {
        Named { name: name.to_owned(), password_stdin }
    }

    #[tokio::test]
    async fn a_made_password_is_shown_once_and_fits() {
        let (store, _dir) = fresh().await;
        let said = try_run(&store, UserCommand::Add(named("siti", false)), "").await.unwrap();
        let password = Secret::new(said.trim().rsplit(' ').next().unwrap());
        let hash = store.password_hash("siti").await.unwrap();
        assert!(password::verify(&password, hash.as_ref()));
        let listed = try_run(&store, UserCommand::List, "").await.unwrap();
        assert!(listed.contains("siti") && listed.contains("ito"), "{listed}");
        assert!(!listed.contains(password.reveal()));
    }

    #[tokio::test]
    async fn a_typed_password_is_taken_without_its_line_end_and_not_repeated() {
        let (store, _dir) = fresh().await;
        let typed = "kata sandi yang panjang\r\n";
        let said = try_run(&store, UserCommand::Add(named("siti", true)), typed).await.unwrap();
        assert!(!said.contains("panjang"), "{said}");
        let hash = store.password_hash("siti").await.unwrap();
        assert!(password::verify(&Secret::new("kata sandi yang panjang"), hash.as_ref()));
    }

    #[tokio::test]
    async fn what_cannot_be_done_says_what_to_do() {
        let (store, _dir) = fresh().await;
        let add = |name, stdin| UserCommand::Add(named(name, stdin));
        try_run(&store, add("siti", false), "").await.unwrap();
        let cases = [
            (add("siti", false), "", "user passwd --name siti"),
            (add("budi", true), "pendek\n", "at least 12"),
            (add("bu di", false), "", "are allowed"),
            (UserCommand::Passwd(named("budi", false)), "", "user list"),
            (UserCommand::Remove { name: "budi".to_owned() }, "", "user list"),
        ];
        for (command, typed, expected) in cases {
            let error = try_run(&store, command, typed).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error} should contain {expected}");
        }
    }

    #[tokio::test]
    async fn each_change_stands_in_the_audit_log() {
        let (store, _dir) = fresh().await;
        try_run(&store, UserCommand::Add(named("siti", false)), "").await.unwrap();
        try_run(&store, UserCommand::Passwd(named("siti", false)), "").await.unwrap();
        try_run(&store, UserCommand::Remove { name: "siti".to_owned() }, "").await.unwrap();
        let mut actions: Vec<_> =
            store.audit_entries(9).await.unwrap().into_iter().map(|e| e.action).collect();
        actions.sort();
        assert_eq!(actions, ["password_changed", "person_added", "person_removed"]);
    }
}
