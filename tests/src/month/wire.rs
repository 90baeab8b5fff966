//! A day of the reference server through the agent's own link to a real collector, minute after minute as
//! in life, only quicker: each batch is acknowledged before the next minute, and a heartbeat goes in
//! between. Bytes are counted at the socket: TLS and all within it, both directions.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use pantau_agent::{
    config,
    domain::{HostFacts, LiveState},
    identity,
    ship::{Allowance, Connector, Dialer, Link, LinkEvent, LinkParts, Meter},
    spool::machine_id,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    DAY_MINUTES, MINUTE_MS, first_of,
    reference::{Load, Server},
    spooled::Spooled,
};
use crate::{agent::Agent, collector::Collector, scratch::Scratch};

/// A link that is idle for this long while something is to go never sends it.
const STEP_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);
/// A link that says nothing for so long has said all of its greeting.
const QUIET_AFTER: Duration = Duration::from_millis(500);
/// What the answer to a heartbeat and the frames behind it may take on loopback.
const SETTLED_AFTER: Duration = Duration::from_millis(3);

/// Bytes of a day.
#[derive(Debug)]
pub struct Wired {
    /// Batches, each acknowledged on its own.
    pub batches: u64,
    /// Handshake, greeting and welcome, both directions; within the other two.
    pub connection: u64,
    /// From the agent.
    pub sent: u64,
    /// From the collector.
    pub received: u64,
}

/// Sends one day; `is_idle`: of a server whose logs are silent.
pub async fn wire(seed: u64, is_idle: bool) -> Result<Wired> {
    let scratch = Scratch::new()?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let agent = Agent::new(&scratch, collector.ingest()?, "")?;
    collector.enrol(&agent)?;
    let first_ms = first_of(DAY_MINUTES, jiff::Timestamp::now().as_millisecond());
    let mut day = Day::begin(&scratch, &agent, seed, first_ms)?;
    let connection = day.connected().await?;
    for minute in 0..DAY_MINUTES {
        let begin_ms = first_ms + i64::from(minute) * MINUTE_MS;
        let load = if is_idle { Load::IDLE } else { Load::at(begin_ms) };
        day.minute(begin_ms, load).await.with_context(|| format!("minute {minute}"))?;
    }
    let (sent, received) = day.meter.today();
    Ok(Wired { batches: day.batches, connection, sent, received })
}

struct Day {
    server: Server,
    spooled: Spooled,
    meter: Arc<Meter>,
    live: watch::Sender<Arc<LiveState>>,
    urgent: Arc<Notify>,
    closed: Arc<Notify>,
    events: mpsc::Receiver<LinkEvent>,
    batches: u64,
    /// A window without anything of a log waits once, as in the running agent.
    has_waited: bool,
    stop: CancellationToken,
    /// Held while the link uses it.
    _tls: watch::Sender<Arc<rustls::ClientConfig>>,
}

impl Day {
    fn begin(scratch: &Scratch, agent: &Agent<'_>, seed: u64, first_ms: i64) -> Result<Day> {
        let settings = config::load(agent.settings())?.settings;
        let enrolled = identity::load(&settings)?;
        let traffic = scratch.join("traffic.json");
        let meter = Arc::new(Meter::open(traffic, settings.zone.clone(), first_ms));
        let dialer = Dialer::new(enrolled.collector.clone(), None, meter.clone());
        let (tls, newest) = watch::channel(Arc::new(enrolled.tls(false)?));
        let spooled = Spooled::open(&scratch.join("agent"), first_ms)?;
        let server = Server::new(seed);
        let (live, state) = watch::channel(Arc::new(server.live(first_ms)));
        let (urgent, closed) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let (told, events) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let link = Link::new(LinkParts {
            identity: identity::greeting(&enrolled, &settings),
            machine_id: machine_id(),
            connector: Connector::new(dialer, newest, Arc::default()),
            facts: HostFacts::default(),
            spool: spooled.spool.clone(),
            live: state,
            urgent: urgent.clone(),
            spooled: closed.clone(),
            events: told,
            allowance: Box::new(|| Allowance::All),
            draw: || 0.5,
        });
        tokio::spawn(link.run(stop.clone()));
        Ok(Day {
            server,
            spooled,
            meter,
            live,
            urgent,
            closed,
            events,
            batches: 0,
            has_waited: false,
            stop,
            _tls: tls,
        })
    }

    /// Waits for the Welcome and the first state, behind which the link is quiet; the bytes until then.
    async fn connected(&mut self) -> Result<u64> {
        let until = Instant::now() + STEP_MAX;
        let mut bytes = 0;
        loop {
            sleep(QUIET_AFTER).await;
            if let Ok(event) = self.events.try_recv() {
                bail!("the link did not open: {event:?}");
            }
            match self.bytes() {
                now if now > 0 && now == bytes => return Ok(bytes),
                now => bytes = now,
            }
            ensure!(Instant::now() < until, "the link did not open");
        }
    }

    async fn minute(&mut self, begin_ms: i64, load: Load) -> Result<()> {
        let end_ms = begin_ms + MINUTE_MS;
        self.server.minute(&mut self.spooled.window, begin_ms, load);
        self.live.send_replace(Arc::new(self.server.live(end_ms)));
        if self.spooled.window.is_quiet() && !self.has_waited {
            self.has_waited = true;
            self.beat().await?;
        } else {
            self.has_waited = false;
            self.deliver(end_ms).await?;
        }
        self.live.send_replace(Arc::new(self.server.live(end_ms + MINUTE_MS / 2)));
        self.beat().await
    }

    async fn deliver(&mut self, now_ms: i64) -> Result<()> {
        self.spooled.close(now_ms)?;
        self.closed.notify_one();
        let until = Instant::now() + STEP_MAX;
        while self.spooled.backlog() > 0 {
            ensure!(Instant::now() < until, "a batch is not acknowledged");
            sleep(POLL).await;
        }
        self.batches += 1;
        Ok(())
    }

    async fn beat(&mut self) -> Result<()> {
        let (before, until) = (self.meter.today().0, Instant::now() + STEP_MAX);
        self.urgent.notify_one();
        while self.meter.today().0 == before {
            ensure!(Instant::now() < until, "no heartbeat is sent");
            sleep(POLL).await;
        }
        sleep(SETTLED_AFTER).await;
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let (sent, received) = self.meter.today();
        sent + received
    }
}

impl Drop for Day {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
