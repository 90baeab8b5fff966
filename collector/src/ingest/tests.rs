//! A real client against the real service and a real store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use pantau_proto::v1::{
    self, CollectorMessage, agent_message, collector_message::Message, definition::Of,
    ingest_client::IngestClient, refusal::Reason,
};
use prost::Message as _;
use tokio::{
    net::TcpListener,
    sync::{Notify, RwLock, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Streaming, transport::Channel};

use super::{
    testing::{Behind, demo, spse_1},
    *,
};
use crate::{
    availability,
    domain::{availability::Target, now_ms, period::Period},
    store::{StoreError, tests::fresh},
};

/// Long enough for a machine under load; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);
const MINUTE: i64 = 29_893_440;
const EPOCH: [u8; 16] = [7; 16];

/// The store, which can be told to refuse, or to wait before it saves.
#[derive(Clone)]
struct Moody {
    store: Store,
    refuses: Arc<AtomicBool>,
    gate: Arc<RwLock<()>>,
    saving: Arc<Notify>,
}

impl Keep for Moody {
    async fn register(&self, hello: &Hello, now_ms: i64) -> StoreResult<Registered> {
        Keep::register(&self.store, hello, now_ms).await
    }

    async fn machine(&self, site: &SiteId, agent: &AgentId) -> StoreResult<Option<[u8; 16]>> {
        Keep::machine(&self.store, site, agent).await
    }

    async fn save(&self, batches: &[IncomingBatch]) -> StoreResult<Vec<SaveOutcome>> {
        self.saving.notify_one();
        let _open = self.gate.read().await;
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreError::Database(sqlx::Error::PoolClosed));
        }
        Keep::save(&self.store, batches).await
    }

    async fn heartbeat(&self, beats: &[(SiteId, AgentId, i64, LiveState)]) -> StoreResult<()> {
        Keep::heartbeat(&self.store, beats).await
    }

    async fn wanted(&self, site: &SiteId, agent: &AgentId, epoch: &Epoch) -> StoreResult<Vec<u32>> {
        Keep::wanted(&self.store, site, agent, epoch).await
    }

    async fn define(&self, hello: &Hello, known: &[Defined], lost: &[u32]) -> StoreResult<()> {
        Keep::define(&self.store, hello, known, lost).await
    }
}

struct Collector {
    behind: Behind,
    keep: Moody,
    shutdown: CancellationToken,
    service: JoinHandle<()>,
    committer: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Collector {
    async fn start() -> Collector {
        let (store, dir) = fresh().await;
        let site = SiteId("demo".into());
        store
            .put_sites(&[(site.clone(), "LPSE Demo".into(), "Asia/Jakarta".into())])
            .await
            .unwrap();
        let keep =
            Moody { store, refuses: Arc::default(), gate: Arc::default(), saving: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let (queue, committer) = queue();
        let door = Door::new(keep.clone(), queue, [site].into(), now_ms, shutdown.clone());
        let behind = Behind::new(&listener, keep.store.clone());
        let (services, stopped) = (behind.services(door), shutdown.clone());
        let service = tokio::spawn(async move {
            serve(listener, services, stopped).await.unwrap();
        });
        let committer = tokio::spawn(committer.run(keep.clone()));
        Collector { behind, keep, shutdown, service, committer, _dir: dir }
    }

    async fn call(&self) -> Agent {
        self.call_through(self.behind.dial_as_agent().await).await
    }

    async fn call_through(&self, channel: Channel) -> Agent {
        let (say, said) = mpsc::channel(16);
        let answers = IngestClient::new(channel).exchange(ReceiverStream::new(said)).await.unwrap();
        Agent { say, answers: answers.into_inner() }
    }

    async fn welcomed(&self) -> (Agent, v1::Welcome) {
        let mut agent = self.call().await;
        agent.say(agent_message::Message::Hello(hello())).await;
        match agent.hears().await {
            Some(Message::Welcome(welcome)) => (agent, welcome),
            other => panic!("expected a welcome, got {other:?}"),
        }
    }
}

struct Agent {
    say: mpsc::Sender<v1::AgentMessage>,
    answers: Streaming<CollectorMessage>,
}

impl Agent {
    async fn say(&self, message: agent_message::Message) {
        self.say.send(v1::AgentMessage { message: Some(message) }).await.unwrap();
    }

    async fn sends(&self, seq: u64) {
        self.say(agent_message::Message::Batch(batch(seq))).await;
    }

    /// The next answer; `None` when the collector has ended the stream.
    async fn hears(&mut self) -> Option<Message> {
        let next = timeout(PATIENCE, self.answers.message()).await.expect("no answer");
        next.unwrap().and_then(|answer| answer.message)
    }

    async fn hears_refusal(&mut self) -> v1::Refusal {
        match self.hears().await {
            Some(Message::Refusal(refusal)) => {
                assert!(self.hears().await.is_none(), "a refusal ends the stream");
                refusal
            }
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    /// Numbers acknowledged, until there are `count`.
    async fn hears_acks(&mut self, count: u64) -> Vec<(u64, u64)> {
        let mut ranges = Vec::new();
        while ranges.iter().map(|(first, last)| last - first + 1).sum::<u64>() < count {
            match self.hears().await {
                Some(Message::Ack(ack)) => {
                    assert!(ack.epoch.is_empty(), "the stream's own epoch is not repeated");
                    ranges.extend(ack.stored.iter().map(|range| (range.first, range.last)));
                }
                other => panic!("expected an acknowledgement, got {other:?}"),
            }
        }
        ranges
    }
}

fn hello() -> v1::Hello {
    v1::Hello {
        site_id: "demo".into(),
        agent_id: "spse-1".into(),
        agent_version: "0.1.0".into(),
        boot_id: vec![1; 16],
        epoch: EPOCH.to_vec(),
        clock_ms: now_ms() - 5_000,
        host: Some(v1::HostFacts { hostname: "spse".into(), ..Default::default() }),
        ..Default::default()
    }
}

fn defined(id: u32, of: Of) -> v1::Definition {
    v1::Definition { id, of: Some(of) }
}

fn log() -> v1::Definition {
    defined(1, Of::Log(v1::LogFile { source: "play".into(), inode: 9, ..Default::default() }))
}

fn batch(seq: u64) -> v1::Batch {
    let position = v1::Position { log: 1, offset: seq, ..Default::default() };
    holding(
        seq,
        &v1::BatchContent {
            definitions: vec![log()],
            positions: vec![position],
            ..Default::default()
        },
    )
}

fn holding(seq: u64, content: &v1::BatchContent) -> v1::Batch {
    v1::Batch {
        seq,
        first_minute: MINUTE,
        codec: v1::Codec::Zstd.into(),
        data: zstd::encode_all(content.encode_to_vec().as_slice(), 3).unwrap(),
        closed_ms: (MINUTE + 1) * 60_000,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_batch_is_acknowledged_once_it_is_stored_and_known_at_the_next_call() {
    let collector = Collector::start().await;
    let (mut agent, welcome) = collector.welcomed().await;
    assert!(welcome.stored.is_empty());
    assert_eq!(welcome.in_flight_max, pantau_proto::limits::IN_FLIGHT_MAX);
    agent.sends(1).await;
    agent.sends(2).await;
    agent.hears_acks(2).await;
    drop(agent);

    let (_, welcome) = collector.welcomed().await;
    assert_eq!(welcome.stored, [v1::SeqRange { first: 1, last: 2 }]);
    assert_eq!(welcome.positions[0].offset, 2);
    assert_eq!(welcome.positions[0].log.as_ref().unwrap().inode, 9);
    let server = collector.keep.store.servers(None).await.unwrap().remove(0);
    assert!((-35_000..=-5_000).contains(&server.clock_offset_ms), "{}", server.clock_offset_ms);
    assert_eq!(server.host.hostname, "spse");
}

#[tokio::test]
async fn what_an_agent_sends_is_found_in_the_answers() {
    let collector = Collector::start().await;
    let (mut agent, _) = collector.welcomed().await;
    let (from_ms, to_ms) = (MINUTE * 60_000, (MINUTE + 1) * 60_000);
    let group = v1::ErrorGroup {
        class: "database.deadlock".into(),
        template: "deadlock detected".into(),
        ..Default::default()
    };
    let errors =
        v1::ErrorCounts { group: vec![3], count: vec![5], last_ms: vec![9], ..Default::default() };
    let minute = v1::Minute { errors: Some(errors), ..Default::default() };
    let up = v1::Watched {
        target: v1::Target::Application.into(),
        state: v1::State::Up.into(),
        ..Default::default()
    };
    let content = v1::BatchContent {
        definitions: vec![defined(3, Of::Error(group)), defined(4, Of::Watched(up))],
        minutes: vec![minute],
        observations: vec![v1::Observation { watched: 4, from_ms_ago: 60_000, length_ms: 60_000 }],
        ..Default::default()
    };
    agent.say(agent_message::Message::Batch(holding(1, &content))).await;
    agent.hears_acks(1).await;

    let store = &collector.keep.store;
    assert_eq!(store.fold(&Wire, now_ms()).await.unwrap().batches, 1);
    let site = crate::config::Settings::parse(
        "store = \"sqlite:x\"\n[[site]]\nid = \"demo\"\nname = \"LPSE Demo\"\nzone = \"Asia/Jakarta\"",
    )
    .unwrap()
    .sites
    .remove(0);
    let period = Period { from_ms, to_ms };
    let errors = store.errors(&site.id, period, 10).await.unwrap();
    assert_eq!((errors.len(), errors[0].count), (1, 5));
    assert_eq!(errors[0].template, "deadlock detected");
    let ledger = availability::ledger(store, &site, period, now_ms()).await.unwrap();
    assert_eq!(availability::shares(&ledger, Target::Application).up_ms, 60_000);
    assert_eq!(availability::shares(&ledger, Target::Database).unknown_ms, 60_000);
}

#[tokio::test]
async fn a_batch_that_is_stored_already_is_acknowledged_again() {
    let collector = Collector::start().await;
    let (mut agent, _) = collector.welcomed().await;
    agent.sends(1).await;
    assert_eq!(agent.hears_acks(1).await, [(1, 1)]);
    agent.sends(1).await;
    assert_eq!(agent.hears_acks(1).await, [(1, 1)]);
}

#[tokio::test]
async fn a_site_that_is_not_in_the_settings_is_told_what_to_add() {
    let collector = Collector::start().await;
    let site = SiteId("lpse-baru".into());
    let papers = collector.behind.papers_of(&site, &spse_1(), 0);
    let mut agent =
        collector.call_through(collector.behind.dial(Some(&papers)).await.unwrap()).await;
    let hello = v1::Hello { site_id: "lpse-baru".into(), ..hello() };
    agent.say(agent_message::Message::Hello(hello)).await;
    let refusal = agent.hears_refusal().await;
    assert_eq!(refusal.reason(), Reason::UnknownSite);
    assert!(refusal.detail.contains("id = \"lpse-baru\""), "{}", refusal.detail);
    assert_eq!(refusal.retry_after_s, 300);
}

#[tokio::test]
async fn a_clock_that_is_days_off_is_refused_with_its_difference() {
    let collector = Collector::start().await;
    let mut agent = collector.call().await;
    let hello = v1::Hello { clock_ms: now_ms() - 3 * 86_400_000, ..hello() };
    agent.say(agent_message::Message::Hello(hello)).await;
    let refusal = agent.hears_refusal().await;
    assert_eq!(refusal.reason(), Reason::Clock);
    assert!(refusal.detail.contains("minutes behind"), "{}", refusal.detail);
}

#[tokio::test]
async fn a_broken_contract_is_refused_by_field() {
    let collector = Collector::start().await;
    let mut agent = collector.call().await;
    agent.sends(1).await;
    let refusal = agent.hears_refusal().await;
    assert_eq!(refusal.reason(), Reason::Malformed);
    assert!(refusal.detail.contains("must be hello"), "{}", refusal.detail);

    let (mut agent, _) = collector.welcomed().await;
    let broken = v1::Batch { codec: 99, ..batch(1) };
    agent.say(agent_message::Message::Batch(broken)).await;
    let refusal = agent.hears_refusal().await;
    assert_eq!(refusal.reason(), Reason::Malformed);
    assert!(refusal.detail.contains("batch.codec 99"), "{}", refusal.detail);
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused() {
    let collector = Collector::start().await;
    let (mut agent, _) = collector.welcomed().await;
    let data = vec![0; pantau_proto::limits::MESSAGE_BYTES_MAX + 1];
    agent.say(agent_message::Message::Batch(v1::Batch { data, ..batch(1) })).await;
    assert_eq!(agent.hears_refusal().await.reason(), Reason::Malformed);
}

#[tokio::test]
async fn a_newer_stream_of_the_same_agent_replaces_the_older() {
    let collector = Collector::start().await;
    let (mut older, _) = collector.welcomed().await;
    let (mut newer, _) = collector.welcomed().await;
    assert_eq!(older.hears_refusal().await.reason(), Reason::Replaced);
    newer.sends(1).await;
    newer.hears_acks(1).await;
}

#[tokio::test]
async fn what_an_older_stream_has_sent_is_stored_before_a_newer_one_is_told_what_is() {
    let collector = Collector::start().await;
    let (older, _) = collector.welcomed().await;
    let held = collector.keep.gate.write().await;
    older.sends(1).await;
    timeout(PATIENCE, collector.keep.saving.notified()).await.expect("nothing was saved");
    let mut newer = collector.call().await;
    newer.say(agent_message::Message::Hello(hello())).await;
    let too_early = timeout(Duration::from_millis(300), newer.answers.message()).await;
    assert!(too_early.is_err(), "{too_early:?}");
    drop(held);
    let Some(Message::Welcome(welcome)) = newer.hears().await else { panic!("no welcome") };
    assert_eq!(welcome.stored, [v1::SeqRange { first: 1, last: 1 }]);
}

#[tokio::test]
async fn a_store_that_refuses_acknowledges_nothing_and_takes_the_batch_later() {
    let collector = Collector::start().await;
    collector.keep.refuses.store(true, Ordering::SeqCst);
    let (mut agent, _) = collector.welcomed().await;
    agent.sends(4).await;
    let refusal = agent.hears_refusal().await;
    assert_eq!((refusal.reason(), refusal.seq), (Reason::StoreUnavailable, 4));

    collector.keep.refuses.store(false, Ordering::SeqCst);
    let (mut agent, welcome) = collector.welcomed().await;
    assert!(welcome.stored.is_empty());
    agent.sends(4).await;
    agent.hears_acks(1).await;
}

#[tokio::test]
async fn a_heartbeat_replaces_the_newest_state() {
    let collector = Collector::start().await;
    let (agent, _) = collector.welcomed().await;
    let live = v1::LiveState { at_ms: now_ms(), spool_batches: Some(3), ..Default::default() };
    let beat = v1::Heartbeat { live: Some(live) };
    agent.say(agent_message::Message::Heartbeat(beat)).await;
    let seen = async {
        while collector.keep.store.servers(None).await.unwrap()[0].live.spool_batches != 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, seen).await.expect("the heartbeat was not stored");
}

#[tokio::test]
async fn stopping_stores_and_acknowledges_what_is_under_way() {
    let collector = Collector::start().await;
    let (mut agent, _) = collector.welcomed().await;
    let held = collector.keep.gate.write().await;
    agent.sends(1).await;
    timeout(PATIENCE, collector.keep.saving.notified()).await.expect("nothing was saved");
    collector.shutdown.cancel();
    drop(held);
    assert_eq!(agent.hears_acks(1).await, [(1, 1)]);
    assert_eq!(agent.hears_refusal().await.reason(), Reason::ShuttingDown);
    drop(agent);
    timeout(PATIENCE, collector.service).await.expect("the service did not end").unwrap();
    timeout(PATIENCE, collector.committer).await.expect("the committer did not end").unwrap();
}

#[tokio::test]
async fn a_part_of_the_state_that_is_absent_is_as_it_was_last_said() {
    let collector = Collector::start().await;
    let (agent, _) = collector.welcomed().await;
    let beat = |live| agent_message::Message::Heartbeat(v1::Heartbeat { live: Some(live) });
    let problem = v1::Problem { subject: "log.postgres".into(), ..Default::default() };
    let problems = Some(v1::live_state::Problems { problems: vec![problem] });
    let at_ms = now_ms();
    let first = v1::LiveState { at_ms, problems, spool_batches: Some(1), ..Default::default() };
    let second = v1::LiveState { at_ms: at_ms + 1, spool_batches: Some(2), ..Default::default() };
    agent.say(beat(first)).await;
    agent.say(beat(second)).await;
    let seen = async {
        loop {
            let live = collector.keep.store.servers(None).await.unwrap().remove(0).live;
            if live.spool_batches == 2 {
                return live;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let live = timeout(PATIENCE, seen).await.expect("the heartbeat was not stored");
    assert_eq!(live.problems[0].subject, "log.postgres");
}

#[tokio::test]
async fn a_merged_batch_is_acknowledged_by_all_its_numbers_and_one_that_overlaps_is_refused() {
    let collector = Collector::start().await;
    let (mut agent, _) = collector.welcomed().await;
    let merged = |seq, merged| v1::Batch { merged, ..batch(seq) };
    agent.say(agent_message::Message::Batch(merged(5, 3))).await;
    assert_eq!(agent.hears_acks(4).await, [(2, 5)]);
    agent.say(agent_message::Message::Batch(merged(6, 1))).await;
    let refusal = agent.hears_refusal().await;
    assert_eq!((refusal.reason(), refusal.seq), (Reason::Malformed, 6));
    assert!(refusal.detail.contains("5 to 6"), "{}", refusal.detail);
    let (_, welcome) = collector.welcomed().await;
    assert_eq!(welcome.stored, [v1::SeqRange { first: 2, last: 5 }]);
}

#[tokio::test]
async fn an_agent_is_asked_for_definitions_that_batches_wait_for() {
    let collector = Collector::start().await;
    let (mut agent, welcome) = collector.welcomed().await;
    assert_eq!(welcome.ask, None);
    let fates = [3, 4].map(|source| v1::LineFates { source, counted: 2, ..Default::default() });
    let content = v1::BatchContent { fates: fates.to_vec(), ..Default::default() };
    agent.say(agent_message::Message::Batch(holding(1, &content))).await;
    agent.hears_acks(1).await;
    let store = &collector.keep.store;
    assert_eq!(store.fold(&Wire, now_ms()).await.unwrap().waiting, 1);

    let (agent, welcome) = collector.welcomed().await;
    assert_eq!(welcome.ask, Some(v1::Ask { ids: vec![3, 4] }));
    let known = vec![defined(3, Of::Name("play".into()))];
    let answer = v1::Definitions { definitions: known, lost: vec![4] };
    agent.say(agent_message::Message::Definitions(answer)).await;
    let answered = async {
        while store.waiting_of(&demo(), &spse_1()).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, answered).await.expect("the definitions were not stored");
    assert_eq!(store.fold(&Wire, now_ms()).await.unwrap().batches, 1);
    let minute = Period { from_ms: MINUTE * 60_000, to_ms: (MINUTE + 1) * 60_000 };
    let fates = store.fates(&SiteId("demo".into()), minute).await.unwrap();
    let sources: Vec<_> = fates.iter().map(|fates| (fates.source.as_str(), fates.read)).collect();
    assert_eq!(sources, [("definition_lost", 2), ("play", 2)]);
}
