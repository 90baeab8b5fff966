//! A collector that stores nothing and keeps every byte that an agent sends it, to look for what must
//! not leave a server.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use pantau_proto::v1::{
    Ack, AgentMessage, CollectorMessage, SeqRange, Welcome, agent_message, collector_message,
    ingest_server::{Ingest, IngestServer},
};
use prost::Message;
use tokio_stream::{Stream, StreamExt, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// A running recorder; gone when dropped.
pub struct Recorder {
    /// Where agents call.
    pub address: SocketAddr,
    seen: Seen,
    task: tokio::task::JoinHandle<()>,
}

type Seen = Arc<Mutex<Vec<u8>>>;

impl Recorder {
    /// Starts on a free loopback port.
    pub async fn start() -> Result<Recorder> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Seen::default();
        let service = IngestServer::new(Service(seen.clone()));
        let task = tokio::spawn(async move {
            let _ = tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await;
        });
        Ok(Recorder { address, seen, task })
    }

    /// Everything received: each message as it was coded, each batch also decompressed.
    pub fn seen(&self) -> Vec<u8> {
        self.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Service(Seen);

#[tonic::async_trait]
impl Ingest for Service {
    type ExchangeStream = Pin<Box<dyn Stream<Item = Result<CollectorMessage, Status>> + Send>>;

    async fn exchange(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let seen = self.0.clone();
        let answers = request.into_inner().filter_map(move |message| {
            let message = message.ok()?;
            keep(&seen, &message);
            answer(message).map(|message| Ok(CollectorMessage { message: Some(message) }))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

fn keep(seen: &Seen, message: &AgentMessage) {
    let Ok(mut seen) = seen.lock() else { return };
    seen.extend(message.encode_to_vec());
    if let Some(agent_message::Message::Batch(batch)) = &message.message {
        seen.extend(zstd::decode_all(batch.data.as_slice()).unwrap_or_default());
    }
}

fn answer(message: AgentMessage) -> Option<collector_message::Message> {
    match message.message? {
        agent_message::Message::Hello(_) => Some(collector_message::Message::Welcome(Welcome {
            in_flight_max: 8,
            ..Welcome::default()
        })),
        agent_message::Message::Batch(batch) => Some(collector_message::Message::Ack(Ack {
            epoch: batch.epoch,
            stored: vec![SeqRange { first: batch.seq, last: batch.seq }],
        })),
        agent_message::Message::Heartbeat(_) => None,
    }
}
