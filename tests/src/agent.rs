//! The real agent as a process.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    collector::{SITE, ZONE},
    program::{Program, binary},
    scratch::Scratch,
};

/// An agent with its settings and spool in a scratch folder.
pub struct Agent<'a> {
    scratch: &'a Scratch,
    settings: PathBuf,
    program: Option<Program>,
}

impl<'a> Agent<'a> {
    /// Writes its settings: short intervals, so that a test does not wait. `sources` holds its `[[log]]`,
    /// `[[postgres]]` and `[[probe]]` tables.
    pub fn new(scratch: &'a Scratch, collector: SocketAddr, sources: &str) -> Result<Agent<'a>> {
        let state = scratch.dir("agent")?;
        let text = format!(
            "site = \"{SITE}\"\nagent = \"server-1\"\ncollector = \"{collector}\"\n\
             zone = \"{ZONE}\"\nstate_dir = \"{}\"\n\n\
             [interval]\nsample_s = 1\nbatch_s = 1\ndatabase_s = 1\n\n{sources}\n",
            state.display()
        );
        let settings = scratch.file("agent.toml", &text)?;
        Ok(Agent { scratch, settings, program: None })
    }

    /// Its settings file.
    pub fn settings(&self) -> &Path {
        &self.settings
    }

    /// `pantau-agent enroll` with a token.
    pub fn enrol(&self, collector: SocketAddr, token: &str) -> Result<()> {
        let mut command = self.scratch.command(&binary("pantau-agent")?)?;
        command.args(["enroll", "--collector", &collector.to_string(), "--token", token]);
        let output = command.arg("--config").arg(&self.settings).output()?;
        if !output.status.success() {
            let printed = [output.stdout, output.stderr].concat();
            bail!("enroll: {}: {}", output.status, String::from_utf8_lossy(&printed));
        }
        Ok(())
    }

    /// Starts it.
    pub fn start(&mut self) -> Result<()> {
        let mut command = self.scratch.command(&binary("pantau-agent")?)?;
        command.arg("run").arg("--config").arg(&self.settings);
        self.program = Some(Program::start(command, &self.scratch.join("agent.log"))?);
        Ok(())
    }

    /// The running process.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.program.as_mut().context("the agent is not started")
    }

    /// What it printed, over all its starts.
    pub fn printed(&self) -> String {
        self.program.as_ref().map(Program::printed).unwrap_or_default()
    }

    /// `pantau-agent export` of all that its spool holds, into a file of that name.
    pub fn export(&self, name: &str) -> Result<PathBuf> {
        let file = self.scratch.join(name);
        let mut command = self.scratch.command(&binary("pantau-agent")?)?;
        command.arg("export").arg("--output").arg(&file).arg("--config").arg(&self.settings);
        let output = command.output()?;
        if !output.status.success() {
            bail!("export: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(file)
    }

    /// `pantau-agent check`: exit code and what it printed.
    pub fn check(&self) -> Result<(Option<i32>, String)> {
        let mut command = self.scratch.command(&binary("pantau-agent")?)?;
        let output = command.arg("check").arg("--config").arg(&self.settings).output()?;
        let printed = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&printed).into_owned()))
    }
}

/// A `[[log]]` table for a Play log in the zone [`ZONE`], counted from its first line.
pub fn play_log(path: &Path) -> String {
    format!(
        "[[log]]\nkey = \"spse\"\npath = \"{}\"\nformat = \"play\"\nzone = \"{ZONE}\"\n\
         start = \"beginning\"\n",
        path.display()
    )
}

/// A `[[log]]` table for a PostgreSQL log, counted from its first line.
pub fn postgres_log(path: &Path) -> String {
    format!(
        "[[log]]\nkey = \"postgres\"\npath = \"{}\"\nformat = \"postgres-stderr\"\n\
         cluster = \"utama\"\nstart = \"beginning\"\n",
        path.display()
    )
}

/// A `[[postgres]]` table for a throw-away cluster, watched by `role`.
pub fn cluster(port: u16, role: &str, database: &str) -> String {
    format!(
        "[[postgres]]\nkey = \"utama\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{role}\"\n\
         database = \"{database}\"\n"
    )
}

/// A `[[probe]]` table for SPSE's own port.
pub fn probe(url: &str, expect_text: &str) -> String {
    format!(
        "[[probe]]\ntarget = \"application\"\nurl = \"{url}\"\nexpect_text = \"{expect_text}\"\n"
    )
}
