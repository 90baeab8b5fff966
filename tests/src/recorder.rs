//! A collector that stores nothing and keeps every byte that an agent sends it, to look for what must
//! not leave a server.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use pantau_proto::v1::{
    Ack, AgentMessage, CollectorMessage, EnrolAnswer, EnrolRequest, RenewRequest, SeqRange,
    Welcome, agent_message, collector_message,
    enrolment_server::{Enrolment, EnrolmentServer},
    ingest_server::{Ingest, IngestServer},
};
use prost::Message;
use tokio::{
    io::{DuplexStream, copy_bidirectional, duplex},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use crate::{agent::Agent, authority::Authority, collector::SITE};

/// Bytes under way between TLS and gRPC.
const PIPE_BYTES: usize = 64 * 1024;

/// A running recorder; gone when dropped.
pub struct Recorder {
    /// Where agents call.
    pub address: SocketAddr,
    seen: Seen,
    authority: Arc<Authority>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

type Seen = Arc<Mutex<Vec<u8>>>;

impl Recorder {
    /// Starts on a free loopback port.
    pub async fn start() -> Result<Recorder> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (seen, authority) = (Seen::default(), Arc::new(Authority::new()?));
        let (links, incoming) = mpsc::channel(8);
        let accept = accept(listener, TlsAcceptor::from(authority.server()?), links);
        let ingest = IngestServer::new(Service(seen.clone()));
        let enrolment = EnrolmentServer::new(Desk(Arc::clone(&authority)));
        let serve = async move {
            let _ = tonic::transport::Server::builder()
                .add_service(ingest)
                .add_service(enrolment)
                .serve_with_incoming(ReceiverStream::new(incoming))
                .await;
        };
        let tasks = [tokio::spawn(accept), tokio::spawn(serve)];
        Ok(Recorder { address, seen, authority, tasks })
    }

    /// Makes an agent known here.
    pub fn enrol(&self, agent: &Agent<'_>) -> Result<()> {
        agent.enrol(self.address, &self.authority.token())
    }

    /// Everything received: each message as it was coded, each batch also decompressed.
    pub fn seen(&self) -> Vec<u8> {
        self.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Takes TLS off, and hands what is in it to gRPC.
async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    links: mpsc::Sender<Result<DuplexStream, std::io::Error>>,
) {
    while let Ok((tcp, _)) = listener.accept().await {
        let (tls, links) = (tls.clone(), links.clone());
        tokio::spawn(async move {
            let Ok(mut outer) = tls.accept(tcp).await else { return };
            let (mut inner, link) = duplex(PIPE_BYTES);
            if links.send(Ok(link)).await.is_ok() {
                let _ = copy_bidirectional(&mut outer, &mut inner).await;
            }
        });
    }
}

struct Desk(Arc<Authority>);

#[tonic::async_trait]
impl Enrolment for Desk {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolAnswer>, Status> {
        let EnrolRequest { agent_id, csr, .. } = request.into_inner();
        let signed = self.0.sign(&csr, SITE, &agent_id);
        let certificate = signed.map_err(|why| Status::invalid_argument(why.to_string()))?;
        let now_ms = jiff::Timestamp::now().as_millisecond();
        Ok(Response::new(EnrolAnswer {
            certificate,
            ca: self.0.certificate().to_vec(),
            site_id: SITE.to_owned(),
            agent_id,
            not_before_ms: now_ms - 86_400_000,
            not_after_ms: now_ms + 86_400_000 * 90,
            ..EnrolAnswer::default()
        }))
    }

    async fn renew(
        &self,
        _request: Request<RenewRequest>,
    ) -> Result<Response<EnrolAnswer>, Status> {
        Err(Status::unimplemented("nothing expires in a test"))
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
        // What is not compressed stands in the message as it is.
        for part in [&batch.data, &batch.exemplars] {
            seen.extend(zstd::decode_all(part.as_slice()).unwrap_or_default());
        }
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
            ..Ack::default()
        })),
        agent_message::Message::Heartbeat(_) | agent_message::Message::Definitions(_) => None,
    }
}
