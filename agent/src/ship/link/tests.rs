use std::pin::Pin;

use pantau_proto::v1::{
    self, agent_message, collector_message,
    ingest_server::{Ingest, IngestServer},
    refusal::Reason,
};
use tokio_stream::{Stream as TokioStream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use super::*;
use crate::{
    config::SpoolSettings,
    identity::samples::{Ca, HOLDS, incoming},
    spool::{Draft, Payload},
};

/// What the collector of a test answers to a message.
type Script = Arc<dyn Fn(&agent_message::Message) -> Vec<collector_message::Message> + Send + Sync>;

/// A collector that follows its script and tells what it heard.
struct Scripted {
    script: Script,
    heard: mpsc::UnboundedSender<agent_message::Message>,
}

#[tonic::async_trait]
impl Ingest for Scripted {
    type ExchangeStream = Pin<Box<dyn TokioStream<Item = Result<Incoming, Status>> + Send>>;

    async fn exchange(
        &self,
        request: Request<Streaming<Outgoing>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let (script, heard) = (self.script.clone(), self.heard.clone());
        let mut incoming = request.into_inner();
        let (out, answers) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Some(Ok(Outgoing { message: Some(message) })) = incoming.next().await {
                for answer in script(&message) {
                    let _ = out.send(Ok(Incoming { message: Some(answer) })).await;
                }
                let _ = heard.send(message);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

struct Scene {
    _dir: tempfile::TempDir,
    spool: Arc<Mutex<Spool>>,
    heard: mpsc::UnboundedReceiver<agent_message::Message>,
    events: mpsc::Receiver<LinkEvent>,
    urgent: Arc<Notify>,
    spooled: Arc<Notify>,
    stop: CancellationToken,
    link: tokio::task::JoinHandle<()>,
}

impl Scene {
    /// A spool of `batches` and a link to a collector that follows `script`.
    async fn new(batches: u64, script: Script) -> Scene {
        Scene::of(Allowance::All, batches, true, script).await
    }

    async fn allowing(allowance: Allowance, batches: u64, script: Script) -> Scene {
        Scene::of(allowance, batches, true, script).await
    }

    /// As [`Scene::new`], of a spool that began without anything and heard no Welcome yet.
    async fn unconfirmed(batches: u64, script: Script) -> Scene {
        Scene::of(Allowance::All, batches, false, script).await
    }

    async fn of(allowance: Allowance, batches: u64, is_confirmed: bool, script: Script) -> Scene {
        let (heard_out, heard) = mpsc::unbounded_channel();
        let connector = serve(Scripted { script, heard: heard_out }).await;
        let dir = tempfile::tempdir().unwrap();
        let settings = SpoolSettings {
            dir: dir.path().to_owned(),
            bytes_max: 1 << 20,
            grace: Duration::from_secs(86_400),
        };
        let spool = Arc::new(Mutex::new(
            Spool::open(&settings, |_| Ok(Payload::default()), 0).unwrap().spool,
        ));
        if is_confirmed {
            spool.lock().unwrap().confirm();
        }
        (0..batches).for_each(|_| append(&spool));
        let (events_out, events) = mpsc::channel(16);
        let (urgent, spooled) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let stop = CancellationToken::new();
        let link = Link::new(LinkParts {
            identity: Identity {
                site_id: "lpse-contoh".to_owned(),
                agent_id: "app-1".to_owned(),
                sample: false,
            },
            machine_id: [7; 16],
            connector,
            facts: HostFacts::default(),
            spool: spool.clone(),
            live: watch::channel(Arc::default()).1,
            urgent: urgent.clone(),
            spooled: spooled.clone(),
            events: events_out,
            allowance: Box::new(move || allowance),
            draw: || 0.0,
        });
        let link = tokio::spawn(link.run(stop.clone()));
        Scene { _dir: dir, spool, heard, events, urgent, spooled, stop, link }
    }

    /// The next message that the collector hears of those that `wanted` picks.
    async fn next<T>(&mut self, wanted: impl Fn(agent_message::Message) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.heard.recv().await.unwrap()) {
                return found;
            }
        }
    }

    async fn next_batch(&mut self) -> v1::Batch {
        self.next(|message| match message {
            agent_message::Message::Batch(batch) => Some(batch),
            _ => None,
        })
        .await
    }

    /// The next batch numbers that the collector hears.
    async fn next_batches(&mut self, count: usize) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            seqs.push(self.next_batch().await.seq);
        }
        seqs
    }

    async fn next_heartbeat(&mut self) {
        self.next(|message| matches!(message, agent_message::Message::Heartbeat(_)).then_some(()))
            .await;
    }

    /// The greeting was heard, and nothing else was.
    async fn only_greeted(&mut self) {
        assert!(matches!(self.heard.recv().await, Some(agent_message::Message::Hello(_))));
        assert!(self.heard.try_recv().is_err());
    }

    /// What the link tells a person.
    async fn trouble(&mut self) -> String {
        match self.events.recv().await.unwrap() {
            LinkEvent::Trouble(Some(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    async fn until_delivered(&self) {
        while self.spool.lock().unwrap().backlog().0 > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.link.await.unwrap();
    }
}

async fn serve(collector: Scripted) -> Connector {
    let ca = Ca::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_service(IngestServer::new(collector));
    tokio::spawn(server.serve_with_incoming(incoming(listener, ca.server(HOLDS))));
    ca.connector(address)
}

fn append(spool: &Arc<Mutex<Spool>>) {
    let draft = Draft { first_minute: 1, last_minute: 1, closed_ms: 1, ..Draft::default() };
    let payload = Payload { data: vec![1, 2, 3], exemplars: vec![4, 5], exemplars_count: 2 };
    spool.lock().unwrap().append(&draft, |_| Ok(payload), 1).unwrap();
}

fn welcome(stored: &[(u64, u64)], in_flight_max: u32) -> collector_message::Message {
    let ranges = stored.iter().map(|(first, last)| v1::SeqRange { first: *first, last: *last });
    collector_message::Message::Welcome(v1::Welcome {
        stored: ranges.collect(),
        positions: vec![v1::SourcePosition {
            log: Some(v1::LogFile { source: "play".to_owned(), ..Default::default() }),
            offset: 4_711,
            tail_hash: 8,
            ..Default::default()
        }],
        in_flight_max,
        ..Default::default()
    })
}

fn ack(batch: &v1::Batch) -> collector_message::Message {
    let stored = vec![v1::SeqRange { first: batch.seq, last: batch.seq }];
    collector_message::Message::Ack(v1::Ack { stored, ..Default::default() })
}

fn refusal(reason: Reason, seq: u64) -> collector_message::Message {
    collector_message::Message::Refusal(v1::Refusal {
        reason: reason.into(),
        detail: "as the test says".to_owned(),
        retry_after_s: 0,
        seq,
    })
}

/// Says `welcome`, and `answers` what it says to each batch.
fn script(
    welcome: collector_message::Message,
    answers: impl Fn(&v1::Batch) -> Vec<collector_message::Message> + Send + Sync + 'static,
) -> Script {
    Arc::new(move |message| match message {
        agent_message::Message::Hello(_) => vec![welcome.clone()],
        agent_message::Message::Batch(batch) => answers(batch),
        _ => vec![],
    })
}

/// Acknowledges each batch.
fn takes_all(stored: &[(u64, u64)], in_flight_max: u32) -> Script {
    script(welcome(stored, in_flight_max), |batch| vec![ack(batch)])
}

/// Says no more than welcome.
fn falls_silent(in_flight_max: u32) -> Script {
    script(welcome(&[], in_flight_max), |_| vec![])
}

/// Has stored a number that the spool never used.
fn knows_more() -> Script {
    takes_all(&[(1, 2), (9, 9)], 2)
}

#[tokio::test]
async fn batches_go_oldest_first_and_each_once_when_all_are_acknowledged() {
    let mut scene = Scene::new(5, takes_all(&[(1, 2)], 2)).await;
    assert_eq!(scene.next_batches(3).await, [3, 4, 5]);
    scene.until_delivered().await;
    append(&scene.spool);
    scene.spooled.notify_one();
    assert_eq!(scene.next_batches(1).await, [6]);
    scene.until_delivered().await;
    scene.end().await;
}

#[tokio::test]
async fn a_change_of_state_is_told_while_a_backlog_waits_for_its_acknowledgements() {
    let mut scene = Scene::new(5, falls_silent(2)).await;
    assert_eq!(scene.next_batches(2).await, [1, 2]);
    scene.urgent.notify_one();
    scene.next_heartbeat().await;
    assert_eq!(scene.spool.lock().unwrap().backlog().0, 5);
    scene.end().await;
}

#[tokio::test]
async fn a_batch_that_the_collector_will_never_take_is_set_aside_and_the_rest_goes_on() {
    let script = script(welcome(&[], 1), |batch| match batch.seq {
        2 => vec![refusal(Reason::Malformed, 2)],
        _ => vec![ack(batch)],
    });
    let mut scene = Scene::new(3, script).await;
    while scene.next_batches(1).await != [3] {}
    scene.until_delivered().await;
    let gap = scene.spool.lock().unwrap().take_news().gaps.remove(0);
    assert!(gap.detail.contains("batch 2"), "{}", gap.detail);
    scene.end().await;
}

async fn restored(scene: &mut Scene) -> oneshot::Sender<()> {
    match scene.events.recv().await.unwrap() {
        LinkEvent::Restored { positions, all_right } => {
            let position = &positions[0];
            assert_eq!(
                (&*position.source, position.offset, position.tail_hash),
                ("play", 4_711, 8)
            );
            all_right
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_copy_whose_batches_are_right_sends_what_the_collector_lacks_once_this_is_settled() {
    let mut scene = Scene::new(3, knows_more()).await;
    restored(&mut scene).await.send(()).unwrap();
    assert_eq!(scene.next_batches(1).await, [3]);
    scene.until_delivered().await;
    scene.end().await;
}

#[tokio::test]
async fn a_copy_that_counted_again_sends_nothing_and_its_link_ends() {
    let mut scene = Scene::new(3, knows_more()).await;
    drop(restored(&mut scene).await);
    (&mut scene.link).await.unwrap();
    scene.only_greeted().await;
}

#[tokio::test]
async fn a_new_spool_in_the_place_of_one_that_was_delivered_sends_nothing_until_this_is_settled() {
    let mut scene = Scene::unconfirmed(2, takes_all(&[], 2)).await;
    let all_right = restored(&mut scene).await;
    scene.only_greeted().await;
    all_right.send(()).unwrap();
    assert_eq!(scene.next_batches(2).await, [1, 2]);
    scene.until_delivered().await;
    scene.end().await;
}

#[tokio::test]
async fn what_the_collector_asks_for_is_defined_or_told_as_lost() {
    let asks: Script = Arc::new(|message| match message {
        agent_message::Message::Hello(_) => {
            vec![welcome(&[], 1), collector_message::Message::Ask(v1::Ask { ids: vec![40, 41] })]
        }
        _ => vec![],
    });
    let mut scene = Scene::new(0, asks).await;
    let answer = scene.next(|message| match message {
        agent_message::Message::Definitions(answer) => Some(answer),
        _ => None,
    });
    let answer = answer.await;
    assert_eq!((answer.definitions, answer.lost), (vec![], vec![40, 41]));
    scene.end().await;
}

#[tokio::test]
async fn a_collector_may_take_more_at_once_than_it_said_first() {
    let script = script(welcome(&[], 1), |batch| {
        let more = v1::Ack { in_flight_max: 3, ..Default::default() };
        Vec::from_iter((batch.seq == 1).then_some(collector_message::Message::Ack(more)))
    });
    let mut scene = Scene::new(3, script).await;
    assert_eq!(scene.next_batches(3).await, [1, 2, 3]);
    assert_eq!(scene.spool.lock().unwrap().backlog().0, 3);
    scene.end().await;
}

#[tokio::test]
async fn when_the_days_bytes_run_short_examples_are_left_out_first_and_batches_next() {
    for (allowance, exemplars, shed) in
        [(Allowance::All, vec![4, 5], 0), (Allowance::NoExemplars, vec![], 2)]
    {
        let mut scene = Scene::allowing(allowance, 1, takes_all(&[], 2)).await;
        let batch = scene.next_batch().await;
        assert_eq!((batch.exemplars, batch.exemplars_shed), (exemplars, shed));
        scene.end().await;
    }
    let mut scene = Scene::allowing(Allowance::StateOnly, 1, takes_all(&[], 2)).await;
    for _ in 0..2 {
        scene.urgent.notify_one();
        scene.next_heartbeat().await;
    }
    assert_eq!(scene.spool.lock().unwrap().backlog().0, 1);
    scene.end().await;
}

#[tokio::test]
async fn a_collector_that_lets_a_batch_wait_and_says_nothing_is_gone() {
    let mut scene = Scene::new(1, falls_silent(1)).await;
    assert_eq!(scene.next_batches(1).await, [1]);
    tokio::time::pause();
    let sent = Instant::now();
    let told = scene.trouble().await;
    assert!(told.contains("does not answer"), "{told}");
    assert!(sent.elapsed() >= DEAD_AFTER - Duration::from_secs(1));
    assert!(sent.elapsed() < DEAD_AFTER + Duration::from_secs(1));
    scene.stop.cancel();
}

#[tokio::test]
async fn the_same_refusal_is_told_once_however_often_it_is_tried() {
    let refuses: Script = Arc::new(|_| vec![refusal(Reason::UnknownSite, 0)]);
    let mut scene = Scene::new(0, refuses).await;
    for _ in 0..2 {
        scene.heard.recv().await.unwrap();
    }
    let told = scene.trouble().await;
    assert!(told.contains("`site`"), "{told}");
    assert!(scene.events.try_recv().is_err());
    scene.end().await;
}
