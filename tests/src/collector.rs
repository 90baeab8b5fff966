//! The real collector as a process, and its command line.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    agent::Agent,
    eventually,
    program::{Program, binary},
    scratch::Scratch,
};

/// The site of the tests.
pub const SITE: &str = "demo";
/// Its zone: not the machine's own, so that a mix-up shows.
pub const ZONE: &str = "Asia/Makassar";

/// Who signs in to the pages of a test.
pub const USER: &str = "ito";
/// With which password.
pub const PASSWORD: &str = "kata-sandi-untuk-uji-saja";

/// A collector with its settings and store in a scratch folder.
pub struct Collector<'a> {
    scratch: &'a Scratch,
    settings: PathBuf,
    addresses: PathBuf,
    program: Option<Program>,
}

impl<'a> Collector<'a> {
    /// Writes its settings: one site, ports chosen by the system, quick folds. `more` is added as it is.
    pub fn new(scratch: &'a Scratch, more: &str) -> Result<Collector<'a>> {
        let store = scratch.dir("collector")?.join("pantau.db");
        let text = format!(
            "ingest = \"127.0.0.1:0\"\nweb = \"127.0.0.1:0\"\nstore = \"sqlite:{}\"\n\
             fold_interval_s = 1\n\n\
             [[site]]\nid = \"{SITE}\"\nname = \"LPSE Kabupaten Contoh\"\nzone = \"{ZONE}\"\n\
             letterhead = [\"PEMERINTAH KABUPATEN CONTOH\"]\nadministrator = \"Budi Santoso\"\n\
             head = \"Siti Rahayu\"\n\n{more}\n",
            store.display()
        );
        let settings = scratch.file("collector.toml", &text)?;
        let addresses = scratch.join("addresses.json");
        Ok(Collector { scratch, settings, addresses, program: None })
    }

    /// Starts it and waits until it listens. Started again, it keeps the ports of the first time, so
    /// that agents find it.
    pub async fn start(&mut self) -> Result<()> {
        if self.addresses.exists() {
            self.keep_ports()?;
            std::fs::remove_file(&self.addresses)?;
        }
        self.launch().await
    }

    /// Starts it on whatever ports are free, also when it ran before: nobody can have taken them.
    pub async fn start_elsewhere(&mut self) -> Result<()> {
        if self.addresses.exists() {
            std::fs::remove_file(&self.addresses)?;
        }
        self.launch().await
    }

    async fn launch(&mut self) -> Result<()> {
        let mut command = self.command()?;
        command.arg("run").arg("--addresses-file").arg(&self.addresses);
        self.program = Some(Program::start(command, &self.scratch.join("collector.log"))?);
        eventually("the collector's addresses", || async { self.addresses().ok() })
            .await
            .with_context(|| self.printed())?;
        Ok(())
    }

    /// Where agents call.
    pub fn ingest(&self) -> Result<SocketAddr> {
        self.address("ingest")
    }

    /// Where browsers call.
    pub fn web(&self) -> Result<SocketAddr> {
        self.address("web")
    }

    /// The running process.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.program.as_mut().context("the collector is not started")
    }

    /// What it printed.
    pub fn printed(&self) -> String {
        self.program.as_ref().map(Program::printed).unwrap_or_default()
    }

    /// Makes the person who signs in to the pages.
    pub fn add_user(&self) -> Result<()> {
        use std::{io::Write, process::Stdio};
        let mut command = self.command()?;
        command.args(["user", "add", "--name", USER, "--password-stdin"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("stdin is piped")?.write_all(PASSWORD.as_bytes())?;
        succeeded(child.wait_with_output()?).map(drop)
    }

    /// Makes an agent known, as a person does: a token here, `enroll` there. The collector must run.
    pub fn enrol(&self, agent: &Agent<'_>) -> Result<()> {
        agent.enrol(self.ingest()?, &self.token()?)
    }

    /// A new token for a server of the site.
    pub fn token(&self) -> Result<String> {
        let made = self.run(&["token", "create", "--site", SITE, "--json"])?;
        let made: Value = serde_json::from_str(&made).context("JSON")?;
        Ok(made["token"].as_str().context("a token")?.to_owned())
    }

    /// Runs a command of the command line for the site; the list that its JSON holds under its name.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let (name, rest) = arguments.split_first().context("a command has a name")?;
        let mut command = self.command()?;
        command.args([name, "--site", SITE, "--json"]).args(rest);
        let output = succeeded(command.output()?)?;
        let mut answer: Value = serde_json::from_slice(&output.stdout).context("JSON")?;
        Ok(answer[name].take())
    }

    /// `import` of a bundle: batches stored, and those that were stored before.
    pub fn import(&self, bundle: &std::path::Path) -> Result<(u64, u64)> {
        let answer = self.run(&["import", "--json", &bundle.to_string_lossy()])?;
        let answer: Value = serde_json::from_str(&answer).context("JSON")?;
        let number = |name: &str| answer["bundles"][0][name].as_u64().context("a number");
        Ok((number("stored")?, number("duplicates")?))
    }

    /// Runs any command; its standard output.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = succeeded(self.command()?.args(arguments).output()?)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Text of the report of this month so far, as a person's PDF reader would show it.
    pub fn report_text(&self) -> Result<String> {
        let pdf = self.scratch.join("laporan.pdf");
        let month = jiff::Timestamp::now().in_tz(ZONE)?.strftime("%Y-%m").to_string();
        let out = pdf.to_string_lossy().into_owned();
        self.run(&["report", "--site", SITE, "--period", &month, "--out", &out])?;
        let output = Command::new("pdftotext").arg("-layout").arg(&pdf).arg("-").output()?;
        Ok(String::from_utf8_lossy(&succeeded(output)?.stdout).into_owned())
    }

    /// Sum of `count` over the error groups, and their number.
    pub fn errors(&self) -> Result<(i64, usize)> {
        let answer = self.ask(&["errors"])?;
        let groups = answer.as_array().context("errors is a list")?;
        Ok((groups.iter().filter_map(|group| group["count"].as_i64()).sum(), groups.len()))
    }

    fn command(&self) -> Result<Command> {
        let mut command = self.scratch.command(&binary("pantau-collector")?)?;
        command.arg("--config").arg(&self.settings);
        Ok(command)
    }

    fn addresses(&self) -> Result<Value> {
        Ok(serde_json::from_str(&std::fs::read_to_string(&self.addresses)?)?)
    }

    fn address(&self, name: &str) -> Result<SocketAddr> {
        Ok(self.addresses()?[name].as_str().context("an address")?.parse()?)
    }

    fn keep_ports(&self) -> Result<()> {
        let text = std::fs::read_to_string(&self.settings)?
            .replace("ingest = \"127.0.0.1:0\"", &format!("ingest = \"{}\"", self.ingest()?))
            .replace("web = \"127.0.0.1:0\"", &format!("web = \"{}\"", self.web()?));
        std::fs::write(&self.settings, text)?;
        Ok(())
    }
}

fn succeeded(output: Output) -> Result<Output> {
    if !output.status.success() {
        bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}
