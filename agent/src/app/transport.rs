//! The way to the collector over the agent's life: the identity and its renewal, the bytes of the day.

use std::{sync::Arc, time::Duration};

use rustls::ClientConfig;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinSet, spawn_blocking},
    time::{Instant, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{now_ms, sampling::Sample};
use crate::{
    config::{Identity, Settings},
    identity::{self, Due, Enrolled, RenewError, Store, due, renew, wait_after},
    ship::{Alert, Alerts, Budget, Connector, Dialer, Meter},
};

/// Between two looks at a certificate that holds; half to all of it, so that agents spread.
const LOOK_INTERVAL: Duration = Duration::from_secs(24 * 3_600);
/// A new certificate is not asked for again sooner, whatever the collector says of it.
const RENEWED_REST: Duration = Duration::from_secs(3_600);
/// Between two looks at a clock that cannot be right.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);
/// Between two looks at an identity on disk that cannot be taken over.
const DISK_INTERVAL: Duration = Duration::from_secs(300);
/// Failed attempts that are no news while the certificate still holds: it has a third of its life left.
const FAILURES_UNTOLD: u32 = 3;
/// Between two looks at what is left of the day's bytes.
const BUDGET_INTERVAL: Duration = Duration::from_secs(60);
/// The day's bytes are written down each so many looks.
const LOOKS_PER_SAVE: u32 = 5;

/// See the module.
pub(super) struct Transport {
    pub(super) connector: Connector,
    pub(super) budget: Budget,
    pub(super) meter: Arc<Meter>,
    settings: Settings,
    store: Store,
    dialer: Dialer,
    alerts: Arc<Alerts>,
    enrolled: watch::Sender<Arc<Enrolled>>,
    tls: watch::Sender<Arc<ClientConfig>>,
}

impl Transport {
    /// Errors: this server is not enrolled, or its identity cannot be used.
    pub(super) async fn open(settings: &Settings) -> anyhow::Result<Transport> {
        let wanted = settings.clone();
        let enrolled = spawn_blocking(move || identity::load(&wanted)).await??;
        let file = settings.state_dir.join("traffic.json");
        let meter = Arc::new(Meter::open(file, settings.zone.clone(), now_ms()));
        let address = settings.collector.address.clone();
        let address = address.unwrap_or_else(|| enrolled.collector.clone());
        let dialer = Dialer::new(address, settings.collector.proxy.clone(), meter.clone());
        let alerts = Arc::<Alerts>::default();
        let (tls, newest) = watch::channel(enrolled.tls(settings.collector.tls_1_2)?.into());
        Ok(Transport {
            connector: Connector::new(dialer.clone(), newest, alerts.clone()),
            budget: Budget::new(meter.clone(), settings.collector.bytes_per_day_max),
            meter,
            settings: settings.clone(),
            store: Store::within(&settings.state_dir),
            dialer,
            alerts,
            enrolled: watch::channel(Arc::new(enrolled)).0,
            tls,
        })
    }

    /// Who the greeting says this is.
    pub(super) fn identity(&self) -> Identity {
        identity::greeting(&self.enrolled.borrow(), &self.settings)
    }

    /// Starts what keeps the certificate new and the day's bytes in view.
    pub(super) fn spawn(
        &self,
        tasks: &mut JoinSet<()>,
        out: &mpsc::Sender<Sample>,
        stop: &CancellationToken,
    ) {
        let keeper = self.keeper(out.clone());
        let stopped = stop.clone();
        tasks.spawn(async move {
            let _ = stopped.run_until_cancelled(keeper.keep()).await;
        });
        let (budget, meter) = (self.budget.clone(), self.meter.clone());
        let teller = Teller { subject: "bytes_per_day_max", told: None, out: out.clone() };
        let stopped = stop.clone();
        tasks.spawn(async move {
            let _ = stopped.run_until_cancelled(watch_day(budget, meter, teller)).await;
        });
    }

    fn keeper(&self, out: mpsc::Sender<Sample>) -> Keeper {
        Keeper {
            settings: self.settings.clone(),
            store: self.store.clone(),
            dialer: self.dialer.clone(),
            alerts: self.alerts.clone(),
            enrolled: self.enrolled.clone(),
            tls: self.tls.clone(),
            failures: 0,
            teller: Teller { subject: "identity", told: None, out },
        }
    }

    /// Writes down what the day has cost so far.
    pub(super) async fn save(&self) {
        save(self.meter.clone()).await;
    }
}

async fn save(meter: Arc<Meter>) {
    let saved = spawn_blocking(move || meter.save()).await;
    if let Ok(Err(error)) = saved {
        tracing::warn!(%error, "the bytes of the day are not written down");
    }
}

async fn watch_day(budget: Budget, meter: Arc<Meter>, mut teller: Teller) {
    let mut clock = interval(BUDGET_INTERVAL);
    for look in 1u32.. {
        clock.tick().await;
        teller.tell(budget.problem(now_ms())).await;
        if look.is_multiple_of(LOOKS_PER_SAVE) {
            save(meter.clone()).await;
        }
    }
}

/// Tells of trouble once for each change.
struct Teller {
    subject: &'static str,
    told: Option<String>,
    out: mpsc::Sender<Sample>,
}

impl Teller {
    async fn tell(&mut self, text: Option<String>) {
        if self.told == text {
            return;
        }
        self.told.clone_from(&text);
        // A closed channel is an agent that stops.
        let _ = self.out.send(Sample::Standing(self.subject, text)).await;
    }
}

/// Keeps the certificate new.
struct Keeper {
    settings: Settings,
    store: Store,
    dialer: Dialer,
    alerts: Arc<Alerts>,
    enrolled: watch::Sender<Arc<Enrolled>>,
    tls: watch::Sender<Arc<ClientConfig>>,
    failures: u32,
    teller: Teller,
}

/// How long to rest, and whether what the collector says of the certificate ends it.
struct Rest {
    wait: Duration,
    is_light: bool,
}

impl Rest {
    fn light(wait: Duration) -> Rest {
        Rest { wait, is_light: true }
    }

    fn deep(wait: Duration) -> Rest {
        Rest { wait, is_light: false }
    }
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            let Rest { wait, is_light } = self.look().await;
            let until = Instant::now() + wait;
            tokio::select! {
                () = sleep_until(until) => {}
                () = self.alerts.told(), if is_light => {}
            }
        }
    }

    /// One look at the certificate, and what it takes to keep it.
    async fn look(&mut self) -> Rest {
        if let Err(error) = self.adopt_stored().await {
            // What is on disk is another's, or gone: nothing may be stored over it.
            self.teller.tell(Some(format!("{error:#}"))).await;
            return Rest::light(DISK_INTERVAL);
        }
        let enrolled = self.enrolled.borrow().clone();
        let refused = self.alerts.last() == Some(Alert::Expired);
        match due(&enrolled, now_ms(), refused) {
            Due::Now => self.renew(&enrolled).await,
            Due::Later => {
                self.teller.tell(None).await;
                Rest::light(LOOK_INTERVAL.mul_f64(0.5 + rand::random::<f64>() / 2.0))
            }
            Due::WrongClock(text) => {
                self.teller.tell(Some(text)).await;
                Rest::light(CLOCK_INTERVAL)
            }
        }
    }

    async fn renew(&mut self, enrolled: &Enrolled) -> Rest {
        let tls_1_2 = self.settings.collector.tls_1_2;
        match renew(&self.store, &self.dialer, enrolled, tls_1_2).await {
            Ok(renewed) => {
                tracing::info!("this server has a new certificate");
                self.failures = 0;
                let adopted = self.adopt(renewed).err().map(|error| format!("{error:#}"));
                self.teller.tell(adopted).await;
                Rest::deep(RENEWED_REST)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let is_expired = enrolled.is_expired(now_ms());
                let is_news = is_expired
                    || self.failures >= FAILURES_UNTOLD
                    || matches!(error, RenewError::EnrolAgain(_));
                if is_news {
                    self.teller.tell(Some(error.to_string())).await;
                }
                Rest::deep(wait_after(self.failures, is_expired, rand::random()))
            }
        }
    }

    /// Takes over what `pantau-agent enroll` stored while this runs.
    async fn adopt_stored(&mut self) -> anyhow::Result<()> {
        let settings = self.settings.clone();
        let stored = spawn_blocking(move || identity::load(&settings)).await??;
        let known = self.enrolled.borrow().clone();
        if stored.certificate == known.certificate {
            return Ok(());
        }
        anyhow::ensure!(
            (&stored.site_id, &stored.agent_id) == (&known.site_id, &known.agent_id),
            "this server was enrolled under another name meanwhile: restart the agent"
        );
        self.failures = 0;
        self.adopt(stored)
    }

    fn adopt(&self, enrolled: Enrolled) -> anyhow::Result<()> {
        self.tls.send_replace(enrolled.tls(self.settings.collector.tls_1_2)?.into());
        self.enrolled.send_replace(enrolled.into());
        self.alerts.forget();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pantau_proto::v1::enrol_answer::Refused;

    use super::*;
    use crate::identity::samples::{HOLDS, OVER, Office, enrol_at};

    struct Scene {
        dir: tempfile::TempDir,
        transport: Transport,
        office: Arc<Office>,
        address: std::net::SocketAddr,
        told: mpsc::Receiver<Sample>,
        stop: CancellationToken,
        tasks: JoinSet<()>,
    }

    impl Scene {
        /// A running agent whose certificate is over.
        async fn new(office: Office) -> Scene {
            let (office, address) = office.open().await;
            let dir = tempfile::tempdir().unwrap();
            enrol_at(&office, address, dir.path(), OVER);
            let text = format!("zone = \"Asia/Jakarta\"\nstate_dir = \"{}\"", dir.path().display());
            let loaded = crate::config::parse(std::path::Path::new("agent.toml"), &text).unwrap();
            let transport = Transport::open(&loaded.settings).await.unwrap();
            let (out, told) = mpsc::channel(8);
            let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
            transport.spawn(&mut tasks, &out, &stop);
            Scene { dir, transport, office, address, told, stop, tasks }
        }

        async fn end(self) {
            self.stop.cancel();
            self.tasks.join_all().await;
        }
    }

    #[tokio::test]
    async fn a_server_that_was_off_for_months_renews_its_certificate_and_goes_on_with_it() {
        let scene = Scene::new(Office::new()).await;
        let mut tls = scene.transport.tls.subscribe();
        let known = scene.transport.enrolled.subscribe();
        tls.changed().await.unwrap();
        while known.borrow().is_expired(now_ms()) {
            tokio::task::yield_now().await;
        }
        let stored = Store::within(scene.dir.path()).load().unwrap().unwrap();
        assert_eq!(known.borrow().certificate, stored.certificate);
        assert_eq!(scene.office.renewals.lock().unwrap().len(), 1);
        assert_eq!(scene.transport.identity().agent_id, "app-1");
        scene.end().await;
    }

    #[tokio::test]
    async fn a_revoked_server_says_what_to_do_and_takes_over_a_new_enrolment() {
        let mut scene = Scene::new(Office { refuse: Refused::Revoked, ..Office::new() }).await;
        let Some(Sample::Standing("identity", Some(text))) = scene.told.recv().await else {
            panic!("nothing was told")
        };
        assert!(text.contains("enroll --replace"), "{text}");
        enrol_at(&scene.office, scene.address, scene.dir.path(), HOLDS);
        let mut keeper = scene.transport.keeper(mpsc::channel(8).0);
        keeper.look().await;
        assert!(!scene.transport.enrolled.borrow().is_expired(now_ms()));
        scene.end().await;
    }

    #[tokio::test]
    async fn an_identity_that_is_gone_is_told_and_not_written_again() {
        let scene = Scene::new(Office { refuse: Refused::Unavailable, ..Office::new() }).await;
        let file = Store::within(scene.dir.path()).file();
        std::fs::remove_file(&file).unwrap();
        let (out, mut told) = mpsc::channel(8);
        let mut keeper = scene.transport.keeper(out);
        keeper.look().await;
        let Some(Sample::Standing("identity", Some(text))) = told.recv().await else {
            panic!("nothing was told")
        };
        assert!(text.contains("not enrolled"), "{text}");
        assert!(told.try_recv().is_err() && !file.exists());
        scene.end().await;
    }

    #[tokio::test]
    async fn trouble_is_told_once_for_each_change() {
        let (out, mut told) = mpsc::channel(8);
        let mut teller = Teller { subject: "identity", told: None, out };
        for text in [None, Some("a"), Some("a"), None] {
            teller.tell(text.map(str::to_owned)).await;
        }
        drop(teller);
        let mut heard = Vec::new();
        while let Some(Sample::Standing(_, text)) = told.recv().await {
            heard.push(text);
        }
        assert_eq!(heard, [Some("a".to_owned()), None]);
    }
}
