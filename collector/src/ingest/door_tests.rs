use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use super::*;
use crate::{
    domain::{
        AgentId, Epoch,
        batch::{HostFacts, LiveState},
        now_ms,
    },
    ingest::{
        queue,
        testing::{demo, spse_1, visitor},
    },
    store::{Registered, SaveOutcome, StoreResult},
};

fn hello() -> Hello {
    Hello {
        site: demo(),
        agent: spse_1(),
        version: String::new(),
        boot_id: [1; 16],
        machine_id: [0; 16],
        epoch: Epoch([9; 16]),
        clock_ms: now_ms(),
        host: HostFacts::default(),
        highest_seq: 0,
        sample: false,
    }
}

/// A conversation without a transport, after Hello and Welcome.
struct Talk {
    say: mpsc::Sender<Result<FromAgent, Malformed>>,
    answers: mpsc::Receiver<ToAgent>,
    conversation: JoinHandle<()>,
}

impl Talk {
    async fn welcomed(store: &Asked, visitor: Visitor) -> Talk {
        let (queue, committer) = queue();
        tokio::spawn(committer.run(store.clone()));
        let shutdown = CancellationToken::new();
        let door = Door::new(store.clone(), queue, [demo()].into(), now_ms, shutdown);
        let (say, said) = mpsc::channel(16);
        let (to, mut answers) = mpsc::channel(16);
        let said = ReceiverStream::new(said);
        let conversation = tokio::spawn(async move { door.converse(&visitor, said, to).await });
        say.send(Ok(FromAgent::Hello(Box::new(hello())))).await.unwrap();
        assert!(matches!(answers.recv().await, Some(ToAgent::Welcome { .. })));
        Talk { say, answers, conversation }
    }

    async fn has_lost(&self, ids: &[u32]) {
        let lost = FromAgent::Definitions { known: Vec::new(), lost: ids.to_vec() };
        self.say.send(Ok(lost)).await.unwrap();
    }
}

#[tokio::test]
async fn behind_an_answer_an_open_stream_is_asked_for_the_rest() {
    let store = Asked::default();
    let mut talk = Talk::welcomed(&store, visitor(&spse_1(), 0)).await;
    store.wants(&[2, 3]);
    talk.has_lost(&[1]).await;
    assert_eq!(talk.answers.recv().await, Some(ToAgent::Ask(vec![2, 3])));
    // Past the question: it is not asked in a circle.
    talk.has_lost(&[1]).await;
    store.wants(&[9]);
    talk.has_lost(&[2, 3]).await;
    assert_eq!(talk.answers.recv().await, Some(ToAgent::Ask(vec![9])));
    drop(talk.say);
    talk.conversation.await.unwrap();
}

#[tokio::test]
async fn a_stream_does_not_outlive_the_certificate_that_opened_it() {
    let mut talk = Talk::welcomed(&Asked::default(), visitor(&spse_1(), 91)).await;
    match talk.answers.recv().await {
        Some(ToAgent::Refusal(refusal)) => {
            assert_eq!((refusal.reason, refusal.retry_after_s), (Reason::Expired, 0));
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
    assert_eq!(talk.answers.recv().await, None);
}

/// A store of which only the wishes matter.
#[derive(Clone, Default)]
struct Asked {
    wanted: Arc<Mutex<Vec<u32>>>,
}

impl Asked {
    fn wants(&self, ids: &[u32]) {
        *self.wanted.lock().unwrap() = ids.to_vec();
    }
}

impl Keep for Asked {
    async fn register(&self, _: &Hello, _: i64) -> StoreResult<Registered> {
        Ok(Registered::default())
    }

    async fn machine(&self, _: &SiteId, _: &AgentId) -> StoreResult<Option<[u8; 16]>> {
        Ok(None)
    }

    async fn save(&self, batches: &[IncomingBatch]) -> StoreResult<Vec<SaveOutcome>> {
        Ok(vec![SaveOutcome::Stored; batches.len()])
    }

    async fn heartbeat(&self, _: &[(SiteId, AgentId, i64, LiveState)]) -> StoreResult<()> {
        Ok(())
    }

    async fn wanted(&self, _: &SiteId, _: &AgentId, _: &Epoch) -> StoreResult<Vec<u32>> {
        Ok(self.wanted.lock().unwrap().clone())
    }

    async fn define(&self, _: &Hello, _: &[Defined], _: &[u32]) -> StoreResult<()> {
        Ok(())
    }
}
