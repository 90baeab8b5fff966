//! Where the parts are joined: listeners, jobs, order of stopping.

use std::{
    collections::HashSet, fmt::Display, future::Future, net::SocketAddr, path::Path, sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    alerting::Alerting,
    config::Settings,
    domain::{identity::Certificate, now_ms},
    identity::{self, Authority, Desk, Revoked, Terms},
    ingest::{self, Door, Services, Trouble},
    reporting,
    store::{Store, StoreResult},
    web,
};

/// How often the store is told that this collector runs; what it could not see is unknown.
const ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is asked which certificates are refused: an open stream of a revoked one ends by then.
const REVOKED_INTERVAL: Duration = Duration::from_secs(5);
/// How often alerts are decided, and what is due is sent.
const ALERT_INTERVAL: Duration = Duration::from_secs(10);
/// How long conversations, pages and jobs may take to end; what is not acknowledged by then comes again.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// What the program listens on, bound before it starts so that a test can use port 0.
#[derive(Debug)]
pub struct Listeners {
    /// Where agents call.
    pub ingest: TcpListener,
    /// Where browsers call.
    pub web: TcpListener,
}

impl Listeners {
    /// Binds what the settings name.
    pub async fn bind(settings: &Settings) -> Result<Listeners> {
        Ok(Listeners {
            ingest: bind("ingest", settings.ingest).await?,
            web: bind("web", settings.web).await?,
        })
    }

    /// Writes the bound addresses as JSON, whole or not at all: a reader never finds half a file.
    pub fn write_addresses(&self, file: &Path) -> Result<()> {
        let addresses = serde_json::json!({
            "ingest": self.ingest.local_addr()?,
            "web": self.web.local_addr()?,
        });
        let partial = file.with_extension("partial");
        std::fs::write(&partial, format!("{addresses}\n"))
            .and_then(|()| std::fs::rename(&partial, file))
            .with_context(|| format!("cannot write --addresses-file {}", file.display()))
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {key} = \"{address}\"; is a collector running already?")
    })
}

/// Runs until `shutdown`, or until a listener fails; then stops in order.
pub async fn run(
    settings: Settings,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<()> {
    let settings = Arc::new(settings);
    let (ingest, web) = (listeners.ingest.local_addr()?, listeners.web.local_addr()?);
    let authority = Arc::new(identity::load_or_create(&settings.identity.ca_dir, now_ms())?);
    let store = Store::open(&settings.store_url).await.context("cannot open the store")?;
    warn_of_another_authority(&store, &authority, &settings.identity.ca_dir).await?;
    put_sites(&store, &settings).await.context("cannot write the sites")?;
    store.collector_started(&collector_id(), now_ms()).await.context("cannot note the start")?;

    let alerting = Arc::new(Alerting::new(store.clone(), Arc::clone(&settings))?);
    let mut jobs = jobs(&store, &settings, &shutdown);
    alert(&mut jobs, &alerting, &shutdown);
    jobs.spawn(write_reports(store.clone(), Arc::clone(&settings), shutdown.clone()));
    let revoked = watch_revoked(&mut jobs, &store, &shutdown).await?;
    let (services, committer) = open_door(&store, &settings, authority, revoked, &shutdown)?;
    let mut servers = JoinSet::new();
    servers.spawn(serve_agents(listeners.ingest, services, shutdown.clone()));
    servers.spawn(serve_pages(listeners.web, store.clone(), settings, shutdown.clone()));
    info!(%ingest, %web, "listening");

    let end = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        failed = servers.join_next() => failed.map_or(Ok(()), flat),
    };
    shutdown.cancel();
    info!("stopping");
    stop(&mut servers, committer, &mut jobs).await;
    if let Err(error) = store.collector_alive(&collector_id(), now_ms()).await {
        warn!("the end of this run is not noted: {error}");
    }
    end
}

/// Everything that is done again and again beside the listeners.
fn jobs(store: &Store, settings: &Arc<Settings>, shutdown: &CancellationToken) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    let id = collector_id();
    let alive = store.clone();
    jobs.spawn(every(ALIVE_INTERVAL, "noting that the collector runs", shutdown, move || {
        let (store, id) = (alive.clone(), id.clone());
        async move { store.collector_alive(&id, now_ms()).await }
    }));
    let fold = store.clone();
    jobs.spawn(every(settings.fold_interval, "folding", shutdown, move || {
        let store = fold.clone();
        async move { fold_once(&store).await }
    }));
    jobs
}

/// Deciding and sending are two jobs: a slow receiver does not delay a decision.
fn alert(jobs: &mut JoinSet<()>, alerting: &Arc<Alerting>, shutdown: &CancellationToken) {
    let deciding = Arc::clone(alerting);
    jobs.spawn(every(ALERT_INTERVAL, "deciding alerts", shutdown, move || {
        let alerting = Arc::clone(&deciding);
        async move { alerting.tick(now_ms()).await }
    }));
    let sending = Arc::clone(alerting);
    jobs.spawn(every(ALERT_INTERVAL, "sending alerts", shutdown, move || {
        let alerting = Arc::clone(&sending);
        async move { alerting.deliver(now_ms()).await }
    }));
}

/// Without its schedule the rest goes on; reports can still be written by hand.
async fn write_reports(store: Store, settings: Arc<Settings>, shutdown: CancellationToken) {
    if let Err(why) = reporting::schedule::run(store, settings, shutdown).await {
        error!("monthly reports are not written by themselves: {why:#}");
    }
}

/// A second collector that was started without a copy of `ca_dir` makes an authority of its own; so does one
/// whose folder was lost. Its servers do not trust it, and their logs say less clearly why.
async fn warn_of_another_authority(
    store: &Store,
    authority: &Authority,
    ca_dir: &Path,
) -> Result<()> {
    let newest = store.newest_certificate().await.context("cannot read the certificates")?;
    let foreign = newest.as_ref().filter(|kept| !authority.signed_der(&kept.der));
    if let Some(Certificate { site, agent, .. }) = foreign {
        error!(
            "ca_dir {} holds another CA than the one that signed the newest certificate ({site}/{agent}): \
             servers enrolled under that one neither trust this collector nor are let in; copy ca_dir from \
             the collector or backup that has it, or enrol every server again",
            ca_dir.display()
        );
    }
    Ok(())
}

/// Knows which certificates are refused before the first agent is let in, and keeps knowing.
async fn watch_revoked(
    jobs: &mut JoinSet<()>,
    store: &Store,
    shutdown: &CancellationToken,
) -> Result<Revoked> {
    let revoked = Revoked::default();
    revoked.refresh(store, now_ms()).await.context("cannot read the revoked certificates")?;
    let (kept, store) = (revoked.clone(), store.clone());
    let what = "asking for revoked certificates";
    jobs.spawn(every(REVOKED_INTERVAL, what, shutdown, move || {
        let (revoked, store) = (kept.clone(), store.clone());
        async move { revoked.refresh(&store, now_ms()).await }
    }));
    Ok(revoked)
}

fn open_door(
    store: &Store,
    settings: &Settings,
    authority: Arc<Authority>,
    revoked: Revoked,
    shutdown: &CancellationToken,
) -> Result<(Services<Store>, JoinHandle<()>)> {
    let (queue, committer) = ingest::queue();
    let sites: HashSet<_> = settings.sites.iter().map(|site| site.id.clone()).collect();
    let door = Door::new(store.clone(), queue, sites.clone(), now_ms, shutdown.clone());
    let rules = &settings.identity;
    let terms = Terms {
        certificate_days: rules.certificate_days.into(),
        grace_days: rules.certificate_grace_days.into(),
    };
    let tls = ingest::tls_config(Arc::clone(&authority), rules.tls_1_2, now_ms)?;
    let desk = Desk::new(store.clone(), authority, sites, terms, now_ms);
    let services = Services { door: Arc::new(door), desk: Arc::new(desk), revoked, tls };
    Ok((services, tokio::spawn(committer.run(store.clone()))))
}

async fn serve_agents(
    listener: TcpListener,
    services: Services<Store>,
    shutdown: CancellationToken,
) -> Result<()> {
    ingest::serve(listener, services, shutdown).await.context("agents are not served any more")
}

async fn serve_pages(
    listener: TcpListener,
    store: Store,
    settings: Arc<Settings>,
    shutdown: CancellationToken,
) -> Result<()> {
    let pages = web::router(web::State { store, settings });
    axum::serve(listener, pages.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("pages are not served any more")
}

async fn put_sites(store: &Store, settings: &Settings) -> StoreResult<()> {
    let zone = |site: &crate::config::Site| site.zone.iana_name().unwrap_or("UTC").to_owned();
    let sites: Vec<_> = settings
        .sites
        .iter()
        .map(|site| (site.id.clone(), site.name.clone(), zone(site)))
        .collect();
    store.put_sites(&sites).await
}

async fn fold_once(store: &Store) -> StoreResult<()> {
    let report = store.fold(&ingest::Wire, now_ms()).await?;
    if report.damaged > 0 {
        warn!(batches = report.damaged, "batches could not be read and are declared as lost");
    }
    Ok(())
}

/// Does a job at once and then at each interval, one at a time. One that fails is tried again.
fn every<F, Work, E>(
    period: Duration,
    what: &'static str,
    shutdown: &CancellationToken,
    mut job: F,
) -> impl Future<Output = ()> + use<F, Work, E>
where
    F: FnMut() -> Work,
    Work: Future<Output = Result<(), E>>,
    E: Display,
{
    let shutdown = shutdown.clone();
    async move {
        let mut trouble = Trouble::new(what);
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.cancelled() => return,
            }
            trouble.note(&job().await);
        }
    }
}

/// Listeners first, then the committer, whose queue ends with the last conversation, then jobs.
async fn stop(
    servers: &mut JoinSet<Result<()>>,
    committer: JoinHandle<()>,
    jobs: &mut JoinSet<()>,
) {
    let deadline = Instant::now() + STOP_WITHIN;
    let in_order = async {
        while let Some(ended) = servers.join_next().await {
            if let Err(error) = flat(ended) {
                warn!("{error:#}");
            }
        }
        if let Err(error) = committer.await {
            warn!("the committer ended badly: {error}");
        }
        while jobs.join_next().await.is_some() {}
    };
    if timeout_at(deadline, in_order).await.is_err() {
        let s = STOP_WITHIN.as_secs();
        warn!("not everything ended within {s} s; what was not acknowledged comes again");
    }
}

fn flat(ended: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    ended.unwrap_or_else(|error| Err(anyhow!("a listener ended badly: {error}")))
}

/// By which name this collector's runs are kept: the machine's.
fn collector_id() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "collector".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::period::Period;

    fn settings(dir: &Path) -> Settings {
        let store = dir.join("pantau.db");
        let text = format!(
            "ingest = \"127.0.0.1:0\"\nweb = \"127.0.0.1:0\"\nstore = \"sqlite:{}\"\n[[site]]\nid = \
             \"demo\"\nname = \"LPSE Demo\"\nzone = \"Asia/Jakarta\"",
            store.display()
        );
        Settings::parse(&text).unwrap()
    }

    #[tokio::test]
    async fn the_addresses_that_were_bound_are_written_whole() {
        let dir = tempfile::tempdir().unwrap();
        let listeners = Listeners::bind(&settings(dir.path())).await.unwrap();
        let file = dir.path().join("addresses.json");
        listeners.write_addresses(&file).unwrap();
        let read: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let bound = listeners.ingest.local_addr().unwrap().to_string();
        assert_eq!(read["ingest"].as_str(), Some(bound.as_str()));
        assert_ne!(read["ingest"], read["web"]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no half file is left");
    }

    #[tokio::test]
    async fn a_run_ends_in_order_and_notes_when_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let listeners = Listeners::bind(&settings).await.unwrap();
        let web = listeners.web.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let begun_ms = now_ms();
        let program = tokio::spawn(run(settings.clone(), listeners, shutdown.clone()));
        tokio::net::TcpStream::connect(web).await.unwrap();
        shutdown.cancel();
        program.await.unwrap().unwrap();

        let ended_ms = now_ms();
        let store = Store::open(&settings.store_url).await.unwrap();
        store.collector_alive(&collector_id(), ended_ms + 1_000).await.unwrap();
        let whole = Period { from_ms: begun_ms - 1_000, to_ms: ended_ms + 2_000 };
        let runs = store.collector_runs(whole).await.unwrap();
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert!((begun_ms..=ended_ms).contains(&runs[0].from_ms), "{runs:?}");
    }

    #[tokio::test]
    async fn a_job_that_fails_is_tried_again() {
        let shutdown = CancellationToken::new();
        let (done, mut attempts) = tokio::sync::mpsc::unbounded_channel();
        let job = every(Duration::from_millis(1), "a test", &shutdown, move || {
            let done = done.clone();
            async move {
                let _ = done.send(());
                Err::<(), _>("no")
            }
        });
        let running = tokio::spawn(job);
        for _ in 0..3 {
            attempts.recv().await.unwrap();
        }
        shutdown.cancel();
        running.await.unwrap();
    }
}
