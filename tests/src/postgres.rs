//! A throw-away PostgreSQL: its own cluster, port and log.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio_postgres::{Client, NoTls};

use crate::{program::Program, scratch::Scratch};

/// A running cluster; stopped when dropped.
pub struct Postgres {
    /// TCP port on 127.0.0.1.
    pub port: u16,
    /// Folder of its logs.
    pub log_dir: PathBuf,
    data: PathBuf,
    program: Program,
}

/// Superuser of the throw-away cluster.
const SUPERUSER: &str = "postgres";

impl Postgres {
    /// Makes and starts a cluster in `scratch/<name>`, with lines of `settings` added to its
    /// configuration. Logs to `<name>/log/postgresql.log` on stderr format unless settings say else.
    pub async fn start(scratch: &Scratch, name: &str, settings: &str) -> Result<Postgres> {
        let home = scratch.dir(name)?;
        let data = home.join("data");
        let log_dir = scratch.dir(&format!("{name}/log"))?;
        run(scratch
            .command(&server_binary("initdb")?)?
            .args(["-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data))?;
        let port = free_port()?;
        let configuration = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             fsync = off\nmax_connections = 50\nshared_buffers = 16MB\n\
             logging_collector = on\nlog_directory = '{}'\nlog_filename = 'postgresql.log'\n\
             log_file_mode = 0640\nlog_timezone = 'UTC'\nlog_line_prefix = '%m [%p] %q%u@%d '\n\
             shared_preload_libraries = 'pg_stat_statements'\n{settings}\n",
            log_dir.display()
        );
        let file = data.join("postgresql.auto.conf");
        std::fs::write(&file, configuration)?;
        scratch.give(&file)?;
        let mut command = scratch.command(&server_binary("postgres")?)?;
        command.arg("-D").arg(&data);
        let program = Program::start(command, &home.join("server.out"))?;
        let mut postgres = Postgres { port, log_dir, data, program };
        postgres.wait().await?;
        Ok(postgres)
    }

    /// A connection as superuser to `database`.
    pub async fn connect(&self, database: &str) -> Result<Client> {
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user(SUPERUSER)
            .dbname(database)
            .application_name("load")
            .connect_timeout(Duration::from_secs(5))
            .connect(NoTls)
            .await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The role that the documentation tells administrators to make.
    pub async fn watcher_role(&self, name: &str) -> Result<()> {
        let client = self.connect("postgres").await?;
        client
            .batch_execute(&format!("CREATE ROLE {name} LOGIN; GRANT pg_monitor TO {name};"))
            .await?;
        Ok(())
    }

    /// Path of the stderr log.
    pub fn log(&self) -> PathBuf {
        self.log_dir.join("postgresql.log")
    }

    /// Orderly stop.
    pub async fn stop(&mut self) -> Result<()> {
        // SIGINT is PostgreSQL's "fast" shutdown.
        self.program.signal(rustix::process::Signal::INT)?;
        for _ in 0..300 {
            if self.program.ended().is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("PostgreSQL did not stop within 30 s")
    }

    /// Waits without connecting: a connection that comes too early is an error in the log, which the
    /// tests count.
    async fn wait(&mut self) -> Result<()> {
        let pid_file = self.data.join("postmaster.pid");
        for _ in 0..600 {
            // Its eighth line is the server's state.
            let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
                return Ok(());
            }
            if let Some(status) = self.program.ended() {
                bail!("PostgreSQL ended with {status}: {}", self.program.printed());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("PostgreSQL was not ready within 60 s: {}", self.program.printed())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGKILL of the postmaster would leave its children for a while: ask it to stop at once.
        if self.program.ended().is_none() && self.data.exists() {
            let _ = self.program.signal(rustix::process::Signal::QUIT);
            for _ in 0..100 {
                if self.program.ended().is_some() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// A PostgreSQL server program: of the newest version that is installed.
fn server_binary(name: &str) -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    let number = |path: &Path| {
        path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<u32>().ok()).unwrap_or(0)
    };
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions
        .into_iter()
        .map(|version| version.join("bin").join(name))
        .find(|path| path.exists())
        .context("no PostgreSQL server under /usr/lib/postgresql; `make test` installs one")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
